//! We write: answers and forwards.

use accounts::Actor;
use anyhow::{Context, Result};
use database::Tx;
use kernel::{
    DeliveryId, EmailAddress, Failure, MessageId, PublicId, Refusal, Span, TicketId, Timestamp,
};
use live::Touch;
use outbox::{Kind as LetterKind, Letter, Party, Posted, Recipients, new_mail_id};
use search::{Entry, Kind};
use ui::Markup;

use super::edit::missing_field;
use super::threading::Threading;
use super::undo::Sent;
use super::{Office, Reversal, findable, keep, record, save, take};
use crate::SenderCheck;
use crate::event::{By, Fact};
use crate::letters::{self, Written};
use crate::message::{Author, MessageKind};
use crate::state::{CannotMove, Happening, State, Then, next};
use crate::store::entries::{self, NewMessage};
use crate::store::{people, tickets};
use crate::ticket::{Direction, Resolution, Ticket};

/// How long a sent message can be taken back.
pub(crate) const UNDO_FOR: Span = Span::seconds(10);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyRefusal {
    #[error("write something before you send")]
    Empty,
    #[error("the message has more than {0} characters; send the rest as a file")]
    TooLong(usize),
    #[error("name at least one recipient")]
    NoRecipient,
    #[error("this goes to more than {0} people; send it to fewer")]
    TooMany(usize),
    #[error("“{0}” is one of our own inboxes; a mail there would come back as a new ticket")]
    OwnAddress(EmailAddress),
    #[error("there is a newer message; read it, then send")]
    MovedOn,
    #[error("there is no such ticket")]
    NoTicket,
    #[error("there is no such message")]
    NoMessage,
    #[error("choose an inbox that you see")]
    NoInbox,
    #[error("a file is no longer there; attach it again")]
    FileGone,
    #[error("fill in “{0}” before you resolve the ticket")]
    FieldMissing(String),
    #[error(transparent)]
    CannotMove(#[from] CannotMove),
}

impl Refusal for ReplyRefusal {}

pub(super) type Done<T> = Result<T, Failure<ReplyRefusal>>;

/// An answer that is about to be sent.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// Markdown; or what `html` says, as plain text.
    pub text: String,
    /// What a program wrote as HTML, cleaned.
    pub html: Option<Markup>,
    /// Who it goes to; none means the customer and whoever takes part.
    pub recipients: Option<Recipients>,
    pub then: Then,
    pub resolution: Option<Resolution>,
    pub cause: Option<String>,
    pub uploads: Vec<PublicId>,
    /// The latest message that the writer has seen; `None` sends whatever came meanwhile.
    pub seen: Option<MessageId>,
}

/// What was sent, and how to take it back.
#[derive(Clone, Debug)]
pub struct Replied {
    pub ticket: TicketId,
    pub message: MessageId,
    pub public_id: PublicId,
    pub delivery: Option<DeliveryId>,
    pub undo: Option<PublicId>,
}

const TEXT_CHARS_MAX: usize = 200_000;
const RECIPIENTS_MAX: usize = 50;

/// Answers the customer.
pub async fn reply(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    id: TicketId,
    reply: &Reply,
) -> Done<Replied> {
    check_text(&reply.text, !reply.uploads.is_empty())?;
    let now = office.now;
    let mut ticket = take(tx, id).await?.ok_or(ReplyRefusal::NoTicket)?;
    let before = ticket.clone();
    let latest = entries::latest_inbound(tx, ticket.id).await?;
    if let (Some(seen), Some(latest)) = (reply.seen, &latest)
        && latest.id > seen
    {
        return Err(ReplyRefusal::MovedOn.into());
    }
    check_fields(tx, Some(ticket.id), reply.then).await?;
    let recipients = recipients_of(tx, office, &ticket, reply.recipients.as_ref()).await?;
    ticket.state =
        next(ticket.state, Happening::Replied(reply.then)).map_err(ReplyRefusal::from)?;

    let mail_id = new_mail_id(&letters::mail_domain(office, ticket.inbox));
    let draft = Outgoing {
        kind: MessageKind::Message,
        words: Written { text: &reply.text, html: reply.html.as_ref() },
        recipients: &recipients,
        mail_id: &mail_id,
        uploads: &reply.uploads,
        findable: "",
    };
    let (message, public_id) = write(tx, office, actor, &ticket, &draft).await?;
    let was_asked = before.waiting.since.is_some()
        || latest.as_ref().is_some_and(|latest| latest.kind == MessageKind::Message);
    let participants = copied_take_part(tx, &ticket, &recipients, now).await?;
    let mut facts = answered(&mut ticket, &before, actor, reply, now);
    if was_asked {
        // The first human answer to what the customer wrote, also after it was reopened by hand.
        ticket.first_replied_at = ticket.first_replied_at.or(Some(now));
    }
    let joined = participants.iter().map(ToString::to_string);
    facts.extend(joined.map(|address| Fact::ParticipantAdded { address }));
    let events = record(tx, ticket.id, By::Agent(actor.id), &facts, now).await?;
    save(tx, &mut ticket, Touch::Entry, now).await?;

    let threading = Threading::of(tx, ticket.id, latest.as_ref(), &mail_id).await?;
    let letter = letters::reply(office, actor, &ticket, draft.words, latest.as_ref());
    let delivery = post(tx, office, &ticket, message, &draft, (threading, letter)).await?;
    people::delete_draft(tx, ticket.id, actor.id, "reply").await?;
    people::set_read(tx, ticket.id, actor.id, now).await?;
    let reversal = Reversal::Reply(Sent {
        message,
        delivery,
        before: Box::new(before),
        version: ticket.version,
        text: reply.text.clone(),
        recipients: reply.recipients.clone().unwrap_or_default(),
        participants,
        events,
    });
    let undo = keep(tx, actor, &reversal, now).await?;
    Ok(Replied { ticket: ticket.id, message, public_id, delivery, undo: Some(undo) })
}

pub(super) fn check_text(text: &str, has_files: bool) -> Result<(), ReplyRefusal> {
    if text.trim().is_empty() && !has_files {
        return Err(ReplyRefusal::Empty);
    }
    if text.chars().count() > TEXT_CHARS_MAX {
        return Err(ReplyRefusal::TooLong(TEXT_CHARS_MAX));
    }
    Ok(())
}

pub(super) async fn check_fields(tx: &mut Tx, ticket: Option<TicketId>, then: Then) -> Done<()> {
    if then != Then::Resolve {
        return Ok(());
    }
    match missing_field(tx, ticket).await? {
        Some(label) => Err(ReplyRefusal::FieldMissing(label).into()),
        None => Ok(()),
    }
}

/// Clocks, counts and facts after a person answered.
fn answered(
    ticket: &mut Ticket,
    before: &Ticket,
    actor: &Actor,
    reply: &Reply,
    now: Timestamp,
) -> Vec<Fact> {
    ticket.waiting = ticket.waiting.answered();
    ticket.waiting.snoozed_until = None;
    ticket.message_count += 1;
    ticket.last_message_at = now;
    ticket.last_direction = Direction::Out;
    ticket.snippet = letters::snippet(&reply.text);
    if ticket.assignee.is_none() {
        ticket.assignee = Some(actor.id);
    }
    let mut facts = Vec::new();
    if ticket.state == State::Resolved && before.state != State::Resolved {
        ticket.resolved_at = Some(now);
        ticket.resolution = reply.resolution.or(ticket.resolution);
        ticket.cause = reply.cause.clone().or(ticket.cause.take());
        facts.push(Fact::Resolved {
            resolution: ticket.resolution.map(|r| r.as_str().to_owned()),
            cause: ticket.cause.clone(),
        });
    }
    if ticket.state == State::Open && before.state == State::Resolved {
        ticket.resolved_at = None;
        facts.push(Fact::Reopened);
    }
    facts
}

/// Who the mail goes to: as the writer chose, or the customer with those who take part. Whoever
/// can be written to is not left out by an empty line.
async fn recipients_of(
    tx: &mut Tx,
    office: &Office,
    ticket: &Ticket,
    chosen: Option<&Recipients>,
) -> Done<Recipients> {
    let customer = customers::find(tx, ticket.customer).await?;
    let customer = customer.context("the customer of a ticket")?;
    let recipients = match chosen {
        Some(chosen) if chosen.to.is_empty() && customer.address.is_some() => {
            return Err(ReplyRefusal::NoRecipient.into());
        }
        Some(chosen) => chosen.clone(),
        None => {
            let to = customer.address.map(|address| Party::new(customer.name, address));
            let cc = tickets::participants(tx, ticket.id).await?;
            let cc = cc.into_iter().map(|(address, name)| Party::new(name, address)).collect();
            Recipients { to: to.into_iter().collect(), cc, bcc: Vec::new() }
        }
    };
    check_recipients(office, &recipients)?;
    Ok(recipients)
}

/// Whom an agent copies takes part from then on. Says who did not before.
async fn copied_take_part(
    tx: &mut Tx,
    ticket: &Ticket,
    recipients: &Recipients,
    now: Timestamp,
) -> Result<Vec<EmailAddress>> {
    let own = customers::identities(tx, ticket.customer).await?;
    let mut added = Vec::new();
    for party in &recipients.cc {
        let is_customer = own.iter().any(|identity| identity.value == party.address);
        let (address, name) = (&party.address, &party.name);
        if !is_customer && tickets::add_participant(tx, ticket.id, address, name, now).await? {
            added.push(address.clone());
        }
    }
    Ok(added)
}

pub(super) fn check_recipients(
    office: &Office,
    recipients: &Recipients,
) -> Result<(), ReplyRefusal> {
    if recipients.everyone().count() > RECIPIENTS_MAX {
        return Err(ReplyRefusal::TooMany(RECIPIENTS_MAX));
    }
    let own = recipients.everyone().find(|party| office.is_own_address(&party.address));
    match own {
        Some(party) => Err(ReplyRefusal::OwnAddress(party.address.clone())),
        None => Ok(()),
    }
}

/// Whether all of the files were there to take; naming one twice is no harm.
pub(super) fn is_all(claimed: u64, uploads: &[PublicId]) -> bool {
    let mut different = uploads.to_vec();
    different.sort_unstable();
    different.dedup();
    claimed == kernel::count(different.len()).unsigned_abs()
}

/// A message of ours before it has a row.
pub(super) struct Outgoing<'o> {
    pub(super) kind: MessageKind,
    pub(super) words: Written<'o>,
    pub(super) recipients: &'o Recipients,
    pub(super) mail_id: &'o str,
    pub(super) uploads: &'o [PublicId],
    /// By which subject it is found: that of a ticket stands with its first message alone.
    pub(super) findable: &'o str,
}

pub(super) async fn write(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    ticket: &Ticket,
    out: &Outgoing<'_>,
) -> Done<(MessageId, PublicId)> {
    let new = NewMessage {
        ticket: ticket.id,
        direction: Direction::Out,
        kind: out.kind,
        channel: ticket.channel,
        author: Author::Agent(actor.id),
        from_name: &actor.name,
        from_address: None,
        recipients: out.recipients,
        subject: &letters::subject_of_reply(ticket),
        text: out.words.text,
        quoted: "",
        mail_id: Some(out.mail_id),
        check: SenderCheck::Unknown,
        check_detail: "{}",
        held: false,
        ledger: None,
        at: office.now,
    };
    let (id, public_id) = entries::insert_message(tx, &new).await?;
    if let Some(html) = out.words.html {
        entries::insert_html(tx, id, html.as_str()).await?;
    }
    let claimed = entries::claim_uploads(tx, id, actor.id, out.uploads).await?;
    if !is_all(claimed, out.uploads) {
        return Err(ReplyRefusal::FileGone.into());
    }
    let files = entries::attachments(tx, &[id]).await?;
    let files = files.iter().map(|file| file.name.as_str());
    let words = findable::words(out.words.text, &actor.name, "", files);
    let entry = Entry {
        kind: Kind::Message(id),
        ticket: Some(ticket.id),
        customer: Some(ticket.customer),
        inbox: Some(ticket.inbox),
        subject: out.findable,
        text: &words,
        at: office.now,
    };
    search::add(tx, &entry).await?;
    Ok((id, public_id))
}

/// Queues the mail of a message, if anybody is to get one.
pub(super) async fn post(
    tx: &mut Tx,
    office: &Office,
    ticket: &Ticket,
    message: MessageId,
    out: &Outgoing<'_>,
    (threading, body): (Threading, letters::Body),
) -> Result<Option<DeliveryId>> {
    if out.recipients.everyone().next().is_none() {
        // Somebody without an address reads it in the portal.
        return Ok(None);
    }
    let kind = match out.kind {
        MessageKind::Forward => LetterKind::Forward,
        MessageKind::Message | MessageKind::Acknowledgement | MessageKind::Automatic => {
            LetterKind::Reply
        }
    };
    let letter = Letter {
        kind,
        inbox: Some(ticket.inbox),
        ticket: Some(ticket.id),
        message: Some(message),
        mail_id: out.mail_id.to_owned(),
        from_name: body.from_name,
        // The address that proves where an answer belongs is put in by whoever sends it.
        reply_to: None,
        recipients: out.recipients.clone(),
        subject: body.subject,
        text: body.text,
        html: Some(body.html),
        in_reply_to: threading.in_reply_to,
        references: threading.references,
        send_after: office.now + UNDO_FOR,
        useful_for: None,
        verified: true,
    };
    match outbox::post(tx, &letter, &office.caps, office.now).await? {
        Posted::Queued(id) => Ok(Some(id)),
        Posted::Withheld(why) => anyhow::bail!("a person's mail was withheld: {why}"),
    }
}

/// A message that is sent on to somebody else.
#[derive(Clone, Debug)]
pub struct Forward {
    /// The message, or the latest of the customer.
    pub message: Option<MessageId>,
    pub recipients: Recipients,
    /// What we say about it.
    pub text: String,
    pub uploads: Vec<PublicId>,
}

/// Sends a message on to a third party. The customer sees nothing of it, and what comes back is
/// held for an agent.
pub async fn forward(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    id: TicketId,
    forward: &Forward,
) -> Done<Replied> {
    check_text(&forward.text, true)?;
    let now = office.now;
    let mut ticket = take(tx, id).await?.ok_or(ReplyRefusal::NoTicket)?;
    if forward.recipients.everyone().next().is_none() {
        return Err(ReplyRefusal::NoRecipient.into());
    }
    check_recipients(office, &forward.recipients)?;
    let original = match forward.message {
        Some(message) => entries::find_message(tx, message).await?,
        None => entries::latest_inbound(tx, ticket.id).await?,
    };
    let original =
        original.filter(|message| message.ticket == ticket.id).ok_or(ReplyRefusal::NoMessage)?;
    let before = ticket.clone();
    let mail_id = new_mail_id(&letters::mail_domain(office, ticket.inbox));
    let out = Outgoing {
        kind: MessageKind::Forward,
        words: Written { text: &forward.text, html: None },
        recipients: &forward.recipients,
        mail_id: &mail_id,
        uploads: &forward.uploads,
        findable: "",
    };
    let (message, public_id) = write(tx, office, actor, &ticket, &out).await?;
    entries::copy_attachments(tx, original.id, message, now).await?;
    ticket.message_count += 1;
    save(tx, &mut ticket, Touch::Entry, now).await?;
    let body = letters::forward(office, actor, &ticket, out.words, &original);
    let delivery = post(tx, office, &ticket, message, &out, (Threading::default(), body)).await?;
    people::delete_draft(tx, ticket.id, actor.id, "forward").await?;
    let reversal = Reversal::Reply(Sent {
        message,
        delivery,
        before: Box::new(before),
        version: ticket.version,
        text: forward.text.clone(),
        recipients: forward.recipients.clone(),
        participants: Vec::new(),
        events: Vec::new(),
    });
    let undo = keep(tx, actor, &reversal, now).await?;
    Ok(Replied { ticket: ticket.id, message, public_id, delivery, undo: Some(undo) })
}
