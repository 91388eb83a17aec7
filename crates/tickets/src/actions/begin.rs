//! Tickets that we begin, and taking them back before they leave.

use accounts::Actor;
use anyhow::Result;
use database::Tx;
use kernel::{
    AgentId, CustomerId, DeliveryId, Failure, InboxId, MessageId, PublicId, TicketId, Timestamp,
};
use live::Touch;
use outbox::{Party, Recipients, new_mail_id};
use serde::{Deserialize, Serialize};
use ui::Markup;

use super::reply::{
    Done, Outgoing, Replied, ReplyRefusal, check_fields, check_recipients, check_text, post, write,
};
use super::threading::Threading;
use super::undo::{UndoRefusal, untouched, with_newer};
use super::{Office, Reversal, keep, record_for_good, save};
use crate::clock::Waiting;
use crate::event::{By, Fact};
use crate::letters::{self, Written};
use crate::message::MessageKind;
use crate::state::{Happening, State, Then, next};
use crate::store::entries::{self, Waits};
use crate::store::new_drafts::{self, NewDraft};
use crate::store::{people, tickets};
use crate::ticket::{Channel, Direction, Priority, Ticket};

/// A ticket that we begin: we write first.
#[derive(Clone, Debug)]
pub struct NewTicket {
    pub inbox: InboxId,
    pub customer: Party,
    pub subject: String,
    /// Markdown; or what `html` says, as plain text.
    pub text: String,
    /// What a program wrote as HTML, cleaned.
    pub html: Option<Markup>,
    pub cc: Vec<Party>,
    pub bcc: Vec<Party>,
    pub then: Then,
    pub uploads: Vec<PublicId>,
}

/// Writes to a customer in a new ticket.
pub async fn open_ticket(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    new: &NewTicket,
) -> Done<Replied> {
    check_text(&new.text, !new.uploads.is_empty())?;
    let inbox = office.inbox_of(new.inbox).filter(|inbox| actor.may_see(inbox.id));
    let inbox = inbox.ok_or(ReplyRefusal::NoInbox)?;
    check_fields(tx, None, new.then).await?;
    let now = office.now;
    let address = &new.customer.address;
    let customer = customers::meet(tx, address, &new.customer.name, None, now).await?;
    let recipients =
        Recipients { to: vec![new.customer.clone()], cc: new.cc.clone(), bcc: new.bcc.clone() };
    check_recipients(office, &recipients)?;
    let channel = match inbox.kind {
        accounts::InboxKind::Email | accounts::InboxKind::Form => Channel::Email,
        accounts::InboxKind::Api => Channel::Api,
    };
    let state = next(State::Open, Happening::Replied(new.then)).map_err(ReplyRefusal::from)?;
    let mut ticket = begun(new, (actor.id, customer), channel, state, now);
    ticket.id = tickets::insert(tx, &ticket).await?;
    if ticket.resolved_at.is_some() {
        save(tx, &mut ticket, Touch::Row, now).await?;
    }
    for party in &new.cc {
        tickets::add_participant(tx, ticket.id, &party.address, &party.name, now).await?;
    }
    let mail_id = new_mail_id(&letters::mail_domain(office, ticket.inbox));
    let out = Outgoing {
        kind: MessageKind::Message,
        words: Written { text: &new.text, html: new.html.as_ref() },
        recipients: &recipients,
        mail_id: &mail_id,
        uploads: &new.uploads,
        findable: &ticket.subject,
    };
    let (message, public_id) = write(tx, office, actor, &ticket, &out).await?;
    record_for_good(tx, ticket.id, By::Agent(actor.id), &[Fact::Created], now).await?;
    let threading = Threading::default();
    let body = letters::first(office, actor, &ticket, out.words);
    let delivery = post(tx, office, &ticket, message, &out, (threading, body)).await?;
    people::set_read(tx, ticket.id, actor.id, now).await?;
    let reversal = Reversal::Begun(Begun {
        ticket: ticket.id,
        version: ticket.version,
        message,
        delivery,
        draft: draft_of(new),
    });
    let undo = keep(tx, actor, &reversal, now).await?;
    Ok(Replied { ticket: ticket.id, message, public_id, delivery, undo: Some(undo) })
}

/// The ticket as it begins with our mail; whoever writes it has it.
fn begun(
    new: &NewTicket,
    (agent, customer): (AgentId, CustomerId),
    channel: Channel,
    state: State,
    now: Timestamp,
) -> Ticket {
    Ticket {
        id: TicketId(0),
        inbox: new.inbox,
        customer,
        subject: letters::ticket_subject(&new.subject, &new.text),
        channel,
        state,
        state_before_spam: None,
        priority: Priority::Normal,
        category: None,
        assignee: Some(agent),
        team: None,
        problem: None,
        merged_into: None,
        hold_reason: None,
        resolution: None,
        cause: None,
        waiting: Waiting::default(),
        first_replied_at: None,
        acknowledged_at: None,
        acknowledgement_withheld: None,
        resolved_at: (state == State::Resolved).then_some(now),
        reopen_count: 0,
        message_count: 1,
        last_message_at: now,
        last_direction: Direction::Out,
        snippet: letters::snippet(&new.text),
        created_at: now,
        updated_at: now,
        version: 1,
    }
}

/// A ticket that was begun a moment ago, and what was typed for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Begun {
    pub(super) ticket: TicketId,
    version: i64,
    message: MessageId,
    delivery: Option<DeliveryId>,
    draft: NewDraft,
}

fn draft_of(new: &NewTicket) -> NewDraft {
    let list =
        |parties: &[Party]| parties.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    NewDraft {
        inbox: Some(new.inbox),
        to: new.customer.to_string(),
        cc: list(&new.cc),
        bcc: list(&new.bcc),
        subject: new.subject.clone(),
        text: new.text.clone(),
    }
}

/// Takes a new ticket back before its mail leaves, as if it had never been: the number stays free
/// and what was typed is a draft again.
pub(super) async fn take_back(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    begun: Begun,
) -> Result<(), Failure<UndoRefusal>> {
    let Begun { ticket: id, version, message, delivery, mut draft } = begun;
    if let Some(delivery) = delivery
        && !outbox::take_back(tx, delivery).await?
    {
        return Err(UndoRefusal::HasLeft.into());
    }
    let ticket = untouched(tx, id, version, &[message]).await?;
    search::remove(tx, search::Kind::Message(message)).await?;
    entries::delete_message(tx, message, Waits::FOR_NEW).await?;
    tickets::delete(tx, id, ticket.inbox).await?;
    if let Some(newer) = new_drafts::find(tx, actor.id).await? {
        draft.text = with_newer(draft.text, newer.draft.text);
    }
    Ok(new_drafts::save(tx, actor.id, &draft, office.now).await?)
}
