//! A message comes in, by whatever door.

use anyhow::{Context, Result};
use database::{Conn, Tx};
use kernel::{
    CategoryId, CustomerId, EmailAddress, FieldId, InboxId, LedgerId, MessageId, Span, TicketId,
    Timestamp,
};
use live::Touch;
use outbox::{Party, Recipients};
use search::{Entry, Kind};

use super::acknowledge::{Acknowledgement, acknowledge, acknowledgement};
use super::tying::tie_up;
use super::{Office, findable, record_for_good, save};
use crate::courtesy::is_courtesy;
use crate::event::{By, Fact};
use crate::joining::{Candidate, Joined, Proof, SenderCheck, join, references_in};
use crate::letters;
use crate::message::{Author, MessageKind, StoredFile};
use crate::notify::{self, Told};
use crate::state::{Happening, State, next};
use crate::store::entries::{self, NewMessage};
use crate::store::{people::Reason, taxonomy, tickets};
use crate::ticket::{Channel, Direction, Priority, Ticket};
use customers::{Known, links};

/// What a channel understood of one message. Its files are stored already.
#[derive(Clone, Debug)]
pub struct Incoming {
    pub inbox: InboxId,
    pub channel: Channel,
    pub sender: Sender,
    /// Who else it was sent to, without our own addresses.
    pub recipients: Recipients,
    pub subject: String,
    pub text: String,
    pub quoted: String,
    pub html: Option<String>,
    pub files: Vec<StoredFile>,
    /// Message-ID without brackets.
    pub mail_id: Option<String>,
    /// In-Reply-To and References, the nearest first.
    pub references: Vec<String>,
    pub tokens: ReplyTokens,
    /// Written by a machine beyond doubt, such as an absence notice: it moves nothing.
    pub is_automatic: bool,
    /// No machine of ours may answer. Lists and senders that ask for silence are like this, and
    /// everything automatic.
    pub must_not_be_answered: bool,
    /// From before the inbox was connected: no acknowledgement, no notification.
    pub is_history: bool,
    pub language: Option<String>,
    pub ledger: Option<LedgerId>,
    pub category: Option<CategoryId>,
    pub fields: Vec<(FieldId, String)>,
    pub received_at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct Sender {
    pub name: String,
    /// None when no single address could be read.
    pub address: Option<EmailAddress>,
    pub check: SenderCheck,
    /// What each check said, as JSON.
    pub check_detail: String,
}

/// Proofs of ours that the message carried.
#[derive(Clone, Debug, Default)]
pub struct ReplyTokens {
    /// Tags of plus addresses that it was sent to.
    pub tags: Vec<String>,
    /// Tokens of portal links in its text.
    pub links: Vec<String>,
    /// The ticket whose page it was written on; the portal checked who writes.
    pub ticket: Option<TicketId>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    pub ticket: TicketId,
    pub message: MessageId,
    pub is_new_ticket: bool,
    /// A stranger's: it waits for an agent.
    pub is_held: bool,
}

/// What is known of a message before anything is done with it: who sent it, and to which tickets
/// something in it points.
pub struct Before {
    pub(super) sender: Option<Known>,
    pub(super) pointed: Vec<(TicketId, Proof)>,
}

/// Asks what [`receive_known`] has to know. Whoever has other questions asks them at the same time.
pub async fn before(conn: &Conn, office: &Office, incoming: &Incoming) -> Result<Before> {
    let sender = async {
        match &incoming.sender.address {
            Some(address) => customers::known(conn, address).await,
            None => Ok(None),
        }
    };
    let (sender, pointed) = tokio::try_join!(sender, pointed_to(conn, office, incoming))?;
    Ok(Before { sender, pointed })
}

/// Takes a message into the ticket it belongs to, or into a new one.
pub async fn receive(tx: &mut Tx, office: &Office, incoming: &Incoming) -> Result<Received> {
    outbox::take_turns(tx, &incoming.sender.address).await?;
    let before = before(tx, office, incoming).await?;
    receive_known(tx, office, incoming, before).await
}

/// The same, for whoever took the sender's turn ([`outbox::take_turns`]) and asked [`before`] in this
/// transaction: of two mails that come at once, the second has to see what became of the first.
pub async fn receive_known(
    tx: &mut Tx,
    office: &Office,
    incoming: &Incoming,
    before: Before,
) -> Result<Received> {
    let Before { sender: known, pointed } = before;
    let sender = known.map(|known| known.customer);
    let candidates = candidates(tx, incoming, pointed, sender).await?;
    let joined = join(&candidates, incoming.sender.check);
    let customer = meet(tx, incoming, known).await?;
    match joined {
        Joined::Continue(id) | Joined::ContinueHeld(id) => {
            let held = matches!(joined, Joined::ContinueHeld(_));
            let writer =
                Writer { saw_our_mail: saw_our_mail(&candidates, id, incoming), ..customer };
            let id = if held { id } else { tie_up(tx, office, incoming, &candidates, id).await? };
            let ticket = tickets::take(tx, id).await?.context("a candidate is gone")?;
            go_on(tx, office, incoming, ticket, writer, held).await
        }
        Joined::Start { follows, possibly } => {
            let received = start(tx, office, incoming, customer).await?;
            for (other, kind) in [(follows, "follows"), (possibly, "possibly")] {
                if let Some(other) = other {
                    tickets::link(tx, received.ticket, other, kind, incoming.received_at).await?;
                }
            }
            Ok(received)
        }
    }
}

/// Somebody who writes: the record, and whether the address is known to be theirs.
#[derive(Clone, Copy)]
pub(super) struct Writer {
    pub(super) customer: CustomerId,
    pub(super) is_verified: bool,
    /// What they sent carries a proof that only who reads our mail has.
    saw_our_mail: bool,
}

/// References to mails of the customer prove nothing: whoever forged the first mail in somebody's
/// name can refer to it in a second one.
fn saw_our_mail(candidates: &[Candidate], id: TicketId, incoming: &Incoming) -> bool {
    incoming.sender.check != SenderCheck::Fail
        && candidates.iter().any(|one| one.ticket == id && one.proof.is_token())
}

pub(super) async fn meet(tx: &mut Tx, incoming: &Incoming, known: Option<Known>) -> Result<Writer> {
    let (sender, at) = (&incoming.sender, incoming.received_at);
    let Some(address) = &sender.address else {
        let customer = customers::meet_nameless(tx, &sender.name, at).await?;
        return Ok(Writer { customer, is_verified: false, saw_our_mail: false });
    };
    let language = incoming.language.as_deref();
    let customer = customers::meet_known(tx, known, address, &sender.name, language, at).await?;
    let was_verified = known.is_some_and(|known| known.is_verified);
    let proves_it = sender.check == SenderCheck::Pass;
    if proves_it && !was_verified {
        customers::verify(tx, address, at).await?;
    }
    Ok(Writer { customer, is_verified: was_verified || proves_it, saw_our_mail: false })
}

/// Most mails name few others; more would only be asked for to make us work.
const REFERENCES_MAX: usize = 50;

/// Every ticket that something in the message points to.
async fn pointed_to(
    conn: &Conn,
    office: &Office,
    incoming: &Incoming,
) -> Result<Vec<(TicketId, Proof)>> {
    let mut proofs: Vec<(TicketId, Proof)> = Vec::new();
    let tokens = &incoming.tokens;
    proofs.extend(tokens.ticket.map(|ticket| (ticket, Proof::ReplyAddress)));
    let tags = tokens.tags.iter().filter_map(|tag| crate::tokens::read_tag(&office.keys, tag));
    proofs.extend(tags.map(|(ticket, _)| (ticket, Proof::ReplyAddress)));
    // An old link no longer opens the portal, but it still shows that our mail was seen.
    let links = tokens.links.iter().filter_map(|token| links::read(&office.keys, token));
    proofs.extend(links.filter_map(|link| link.ticket).map(|id| (id, Proof::LinkInBody)));

    let references: Vec<String> =
        incoming.references.iter().take(REFERENCES_MAX).cloned().collect();
    // The answer may have come before what it answers, and two answers before their question.
    let family: Vec<String> = incoming.mail_id.iter().chain(&references).cloned().collect();
    let (known, referring) = tokio::try_join!(
        entries::by_mail_ids(conn, &references),
        entries::referring_to(conn, &family),
    )?;
    let theirs = |failed| if failed { Proof::DoubtfulMessageId } else { Proof::TheirMessageId };
    for (ticket, is_ours, failed) in known {
        proofs.push((ticket, if is_ours { Proof::OurMessageId } else { theirs(failed) }));
    }
    proofs.extend(referring.into_iter().map(|(ticket, failed)| (ticket, theirs(failed))));
    let numbers = references_in(&incoming.subject).into_iter().take(5);
    proofs.extend(numbers.map(|ticket| (ticket, Proof::SubjectNumber)));
    Ok(proofs)
}

/// Those tickets, merged ones followed.
pub(super) async fn candidates(
    conn: &Conn,
    incoming: &Incoming,
    proofs: Vec<(TicketId, Proof)>,
    sender: Option<CustomerId>,
) -> Result<Vec<Candidate>> {
    let mut candidates = Vec::with_capacity(proofs.len());
    for (pointed, proof) in proofs {
        let Some(ticket) = tickets::follow(conn, pointed).await? else { continue };
        let Some(ticket) = tickets::find(conn, ticket).await? else { continue };
        let sender_takes_part = match &incoming.sender.address {
            _ if sender == Some(ticket.customer) => true,
            Some(address) => tickets::takes_part(conn, ticket.id, address).await?,
            None => false,
        };
        let is_closed = ticket.state == State::Closed;
        candidates.push(Candidate { ticket: ticket.id, proof, sender_takes_part, is_closed });
    }
    Ok(candidates)
}

/// Begins a ticket.
async fn start(
    tx: &mut Tx,
    office: &Office,
    incoming: &Incoming,
    writer: Writer,
) -> Result<Received> {
    let inbox = office.inbox(incoming.inbox)?;
    let at = incoming.received_at;
    let reply_within = Span::minutes(inbox.reply_within_minutes);
    let waiting = crate::clock::Waiting::default().customer_wrote(at, reply_within);
    // History came long ago and robots wait for nothing: nobody is late with them.
    let waiting = if incoming.is_history { waiting.answered() } else { waiting };
    let state = if incoming.is_history { State::Resolved } else { State::New };
    let mut ticket = Ticket {
        id: TicketId(0),
        inbox: incoming.inbox,
        customer: writer.customer,
        subject: letters::ticket_subject(&incoming.subject, &incoming.text),
        channel: incoming.channel,
        state,
        state_before_spam: None,
        priority: Priority::Normal,
        category: incoming.category,
        assignee: None,
        team: None,
        problem: None,
        merged_into: None,
        hold_reason: None,
        resolution: None,
        cause: None,
        waiting,
        first_replied_at: None,
        acknowledged_at: None,
        acknowledgement_withheld: None,
        resolved_at: incoming.is_history.then_some(at),
        reopen_count: 0,
        message_count: 1,
        last_message_at: at,
        last_direction: Direction::In,
        snippet: letters::snippet(&incoming.text),
        created_at: at,
        updated_at: at,
        version: 1,
    };
    let acknowledgement = acknowledgement(tx, office, incoming, writer.is_verified).await?;
    match &acknowledgement {
        Acknowledgement::Leaves(_) => ticket.acknowledged_at = Some(at),
        Acknowledgement::Withheld(why) => ticket.acknowledgement_withheld = Some(why.clone()),
        Acknowledgement::None => {}
    }
    ticket.id = tickets::insert(tx, &ticket).await?;
    let message = write(tx, incoming, &ticket, Author::Customer(writer.customer), false).await?;
    record_for_good(tx, ticket.id, By::Customer, &[Fact::Created], at).await?;
    for (field, value) in &incoming.fields {
        taxonomy::set_field_value(tx, ticket.id, *field, value).await?;
    }
    if !incoming.fields.is_empty() {
        findable::head_again(tx, &ticket).await?;
    }
    add_participants(tx, office, incoming, &ticket).await?;
    if !incoming.is_history {
        acknowledge(tx, office, incoming, &ticket, writer.is_verified, acknowledgement).await?;
        let told = Told { reason: Reason::NewTicket, ticket: &ticket, by: &incoming.sender.name };
        notify::tell(tx, office, &told, None).await?;
    }
    Ok(Received { ticket: ticket.id, message, is_new_ticket: true, is_held: false })
}

/// Adds to a ticket that goes on.
async fn go_on(
    tx: &mut Tx,
    office: &Office,
    incoming: &Incoming,
    mut ticket: Ticket,
    writer: Writer,
    held: bool,
) -> Result<Received> {
    let at = incoming.received_at;
    let author =
        if held { Author::Stranger(writer.customer) } else { Author::Customer(writer.customer) };
    let message = write(tx, incoming, &ticket, author, held).await?;
    ticket.message_count += 1;
    if !incoming.is_automatic && !incoming.is_history {
        moved_by_customer(tx, office, incoming, &mut ticket).await?;
    }
    if !held {
        add_participants(tx, office, incoming, &ticket).await?;
        if let (false, Some(address)) = (writer.is_verified, &incoming.sender.address)
            && ticket.customer == writer.customer
            && writer.saw_our_mail
        {
            // Whoever answers our mail owns the address that it went to.
            customers::verify(tx, address, at).await?;
        }
    }
    save(tx, &mut ticket, Touch::Entry, at).await?;
    if !incoming.is_automatic && !incoming.is_history && ticket.state != State::Spam {
        let told = Told { reason: Reason::Replied, ticket: &ticket, by: &incoming.sender.name };
        notify::tell(tx, office, &told, None).await?;
    }
    Ok(Received { ticket: ticket.id, message, is_new_ticket: false, is_held: held })
}

/// State and clocks after a person outside wrote.
pub(super) async fn moved_by_customer(
    tx: &mut Tx,
    office: &Office,
    incoming: &Incoming,
    ticket: &mut Ticket,
) -> Result<()> {
    let at = incoming.received_at;
    let is_thanks = is_courtesy(&incoming.text) && incoming.files.is_empty();
    let happening = if is_thanks { Happening::CustomerThanked } else { Happening::CustomerWrote };
    let before = ticket.state;
    // Closed and merged tickets are no candidates, so this cannot refuse; if it did, the message
    // is still kept.
    ticket.state = next(before, happening).unwrap_or(before);
    ticket.last_message_at = at.max(ticket.last_message_at);
    ticket.last_direction = Direction::In;
    ticket.snippet = letters::snippet(&incoming.text);
    if matches!(ticket.state, State::New | State::Open) {
        let inbox = office.inbox(ticket.inbox)?;
        let within = Span::minutes(inbox.reply_within_minutes);
        ticket.waiting = ticket.waiting.customer_wrote(at, within);
        ticket.waiting.snoozed_until = None;
    }
    if before == ticket.state {
        return Ok(());
    }
    let fact = if before == State::Resolved {
        ticket.reopen_count += 1;
        ticket.resolved_at = None;
        ticket.resolution = None;
        Fact::Reopened
    } else {
        Fact::state(before, ticket.state)
    };
    record_for_good(tx, ticket.id, By::Customer, &[fact], at).await
}

/// Writes the message, its HTML, its references, its files, and makes it findable.
pub(super) async fn write(
    tx: &mut Tx,
    incoming: &Incoming,
    ticket: &Ticket,
    author: Author,
    held: bool,
) -> Result<MessageId> {
    let kind = if incoming.is_automatic { MessageKind::Automatic } else { MessageKind::Message };
    let new = NewMessage {
        ticket: ticket.id,
        direction: Direction::In,
        kind,
        channel: incoming.channel,
        author,
        from_name: &incoming.sender.name,
        from_address: incoming.sender.address.as_ref().map(ToString::to_string),
        recipients: &incoming.recipients,
        subject: &kernel::one_line(&incoming.subject),
        text: &incoming.text,
        quoted: &incoming.quoted,
        mail_id: incoming.mail_id.as_deref(),
        check: incoming.sender.check,
        check_detail: &incoming.sender.check_detail,
        held,
        ledger: incoming.ledger,
        at: incoming.received_at,
    };
    let (id, _) = entries::insert_message(tx, &new).await?;
    if let Some(html) = &incoming.html {
        entries::insert_html(tx, id, html).await?;
    }
    let references: Vec<String> =
        incoming.references.iter().take(REFERENCES_MAX).cloned().collect();
    entries::insert_references(tx, id, &references).await?;
    for file in &incoming.files {
        entries::attach(tx, id, file, incoming.received_at).await?;
    }
    let address = incoming.sender.address.as_ref().map_or("", EmailAddress::as_str);
    let files = incoming.files.iter().map(|file| file.name.as_str());
    let text = findable::words(&incoming.text, &incoming.sender.name, address, files);
    let entry = Entry {
        kind: Kind::Message(id),
        ticket: Some(ticket.id),
        customer: Some(ticket.customer),
        inbox: Some(ticket.inbox),
        subject: &incoming.subject,
        text: &text,
        at: incoming.received_at,
    };
    search::add(tx, &entry).await?;
    Ok(id)
}

/// Nobody is copied by a sender who only claims an address; and nobody copies a crowd.
const PARTICIPANTS_MAX: usize = 10;

pub(super) async fn add_participants(
    tx: &mut Tx,
    office: &Office,
    incoming: &Incoming,
    ticket: &Ticket,
) -> Result<()> {
    if incoming.sender.check != SenderCheck::Pass || incoming.must_not_be_answered {
        return Ok(());
    }
    let mut present = tickets::participants(tx, ticket.id).await?.len();
    let others: Vec<&Party> =
        incoming.recipients.to.iter().chain(&incoming.recipients.cc).collect();
    for party in others {
        let is_ours = office.directory.inbox_by_address(&party.address).is_some();
        let is_sender = incoming.sender.address.as_ref() == Some(&party.address);
        if present >= PARTICIPANTS_MAX || is_ours || is_sender {
            continue;
        }
        let (name, at) = (kernel::one_line(&party.name), incoming.received_at);
        if tickets::add_participant(tx, ticket.id, &party.address, &name, at).await? {
            present += 1;
        }
    }
    Ok(())
}
