//! Taking back what was just done, as long as nobody built on it.

use accounts::Actor;
use anyhow::Result;
use database::{Conn, Tx};
use kernel::{
    AgentId, DeliveryId, EmailAddress, Failure, FieldId, MessageId, NoteId, PublicId, Refusal,
    Span, TicketId, Timestamp,
};
use live::{Change, Touch};
use outbox::Recipients;
use serde::{Deserialize, Serialize};

use super::begin::{self, Begun};
use super::reply::UNDO_FOR;
use super::{Office, findable, recount, save};
use crate::lessons;
use crate::store::entries::Waits;
use crate::store::people::{self, Draft};
use crate::store::{entries, taxonomy, tickets};
use crate::ticket::Ticket;

/// How to reverse something.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "undo")]
pub enum Reversal {
    /// Puts a ticket back as it was.
    Ticket {
        before: Box<Ticket>,
        version: i64,
        events: Vec<i64>,
    },
    Tag {
        ticket: TicketId,
        tag: String,
        was_on: bool,
        events: Vec<i64>,
    },
    /// Puts a field back to what was in it.
    Field {
        ticket: TicketId,
        field: FieldId,
        before: String,
        after: String,
        events: Vec<i64>,
    },
    /// Takes a message back before it leaves, and its text back into the draft.
    Reply(Sent),
    /// Takes two tickets apart again.
    Merge(Merged),
    /// Puts messages back into the ticket that they were taken out of.
    Split(Parted),
    /// Takes a ticket that we began back, as if it had never been.
    Begun(Begun),
    /// All of these, the last first.
    Many(Many),
}

/// A message that was sent a moment ago, and the ticket before it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sent {
    pub message: MessageId,
    pub delivery: Option<DeliveryId>,
    pub before: Box<Ticket>,
    pub version: i64,
    pub text: String,
    pub recipients: Recipients,
    /// Who takes part only since then.
    #[serde(default)]
    pub participants: Vec<EmailAddress>,
    pub events: Vec<i64>,
}

/// Two tickets that became one, as they were before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Merged {
    pub from: Box<Ticket>,
    pub from_version: i64,
    pub into: Box<Ticket>,
    pub into_version: i64,
    pub messages: Vec<MessageId>,
    pub notes: Vec<NoteId>,
    /// Who takes part only since then.
    pub participants: Vec<EmailAddress>,
    /// The tags that it has only since then, the fields that were empty, who did not follow.
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub fields: Vec<(FieldId, String)>,
    #[serde(default)]
    pub followers: Vec<AgentId>,
    pub events: Vec<i64>,
}

/// A ticket that was made of messages of another one, which is kept as it was before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Parted {
    pub part: TicketId,
    pub part_version: i64,
    pub before: Box<Ticket>,
    pub version: i64,
    pub messages: Vec<MessageId>,
    pub events: Vec<i64>,
}

/// Several reversals under one button.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Many {
    pub reversals: Vec<Reversal>,
}

impl Many {
    /// Several changes of one ticket are put back in one step: each is known only by the version
    /// that it left behind.
    pub fn new(all: impl IntoIterator<Item = Reversal>) -> Self {
        let mut reversals: Vec<Reversal> = Vec::new();
        for next in all {
            let Reversal::Ticket { before: was, version: left, events: more } = next else {
                reversals.push(next);
                continue;
            };
            let same = reversals.iter_mut().find_map(|one| match one {
                Reversal::Ticket { before, version, events } if before.id == was.id => {
                    Some((version, events))
                }
                _ => None,
            });
            if let Some((version, events)) = same {
                *version = left;
                events.extend(more);
            } else {
                reversals.push(Reversal::Ticket { before: was, version: left, events: more });
            }
        }
        Self { reversals }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UndoRefusal {
    #[error("it is too late to undo that")]
    TooLate,
    #[error("the mail has left already")]
    HasLeft,
    #[error("somebody changed {0} meanwhile; change it back by hand")]
    ChangedMeanwhile(TicketId),
}

impl Refusal for UndoRefusal {}

/// As long as the toast shows, and a little for the way.
const KEPT_FOR: Span = Span::seconds(30);

/// Keeps how to reverse something and gives the name to ask for it by.
pub async fn keep(
    tx: &mut Tx,
    actor: &Actor,
    reversal: &Reversal,
    now: Timestamp,
) -> Result<PublicId> {
    let data = serde_json::to_string(reversal)?;
    people::keep_undo(tx, actor.id, &data, now + KEPT_FOR, now).await
}

/// What there is to show after something was taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undone {
    Ticket(TicketId),
    /// Of many tickets none is the one to show.
    Several,
    /// A ticket that is no more: what was typed for it is a draft again.
    NewTicket,
}

/// How long a message that was just sent can still be taken back.
pub(crate) async fn undoable_for(
    conn: &Conn,
    actor: &Actor,
    id: PublicId,
    now: Timestamp,
) -> Result<Option<Span>> {
    let forgotten_at = people::undo_expires_at(conn, actor.id, id).await?;
    let left = forgotten_at.map(|at| at.since(now + KEPT_FOR) + UNDO_FOR);
    Ok(left.filter(|left| *left > Span::ZERO))
}

/// Reverses what the person did.
pub async fn undo(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    id: PublicId,
) -> Result<Undone, Failure<UndoRefusal>> {
    let data = people::use_undo(tx, actor.id, id, office.now).await?;
    let data = data.ok_or(UndoRefusal::TooLate)?;
    let reversal: Reversal = serde_json::from_str(&data).map_err(anyhow::Error::from)?;
    if let Reversal::Begun(begun) = reversal {
        begin::take_back(tx, office, actor, begun).await?;
        return Ok(Undone::NewTicket);
    }
    let shown = reverse(tx, office, actor, reversal).await?;
    Ok(shown.map_or(Undone::Several, Undone::Ticket))
}

async fn reverse(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    reversal: Reversal,
) -> Result<Option<TicketId>, Failure<UndoRefusal>> {
    match reversal {
        Reversal::Ticket { before, version, events } => {
            put_back(tx, &before, version, office.now).await?;
            entries::forget_events(tx, &events).await?;
            Ok(Some(before.id))
        }
        Reversal::Tag { ticket, tag, was_on, events } => {
            if was_on {
                taxonomy::tag(tx, ticket, &tag).await?;
            } else {
                taxonomy::untag(tx, ticket, &tag).await?;
            }
            entries::forget_events(tx, &events).await?;
            announce(tx, ticket).await?;
            Ok(Some(ticket))
        }
        Reversal::Field { ticket, field, before, after, events } => {
            let present = taxonomy::set_field_value(tx, ticket, field, &before).await?;
            if present.unwrap_or_default() != after {
                return Err(UndoRefusal::ChangedMeanwhile(ticket).into());
            }
            if let Some(ticket) = tickets::find(tx, ticket).await? {
                findable::head_again(tx, &ticket).await?;
            }
            entries::forget_events(tx, &events).await?;
            announce(tx, ticket).await?;
            Ok(Some(ticket))
        }
        Reversal::Reply(sent) => take_message_back(tx, office, actor, sent).await.map(Some),
        Reversal::Merge(merged) => take_apart(tx, office, &merged).await.map(Some),
        Reversal::Split(parted) => put_together(tx, office, &parted).await.map(Some),
        Reversal::Begun(begun) => {
            begin::take_back(tx, office, actor, begun).await?;
            Ok(None)
        }
        Reversal::Many(many) => {
            let mut shown: Vec<TicketId> = Vec::new();
            let mut reversals = many.reversals;
            while let Some(reversal) = reversals.pop() {
                let into = match &reversal {
                    Reversal::Merge(merged) => Some((merged.into.id, merged.into.version)),
                    _ => None,
                };
                shown.extend(Box::pin(reverse(tx, office, actor, reversal)).await?);
                if let Some((id, version)) = into {
                    go_on_from(tx, &mut reversals, id, version).await?;
                }
            }
            shown.dedup();
            // Of many tickets none is the one to show.
            Ok(if let [one] = shown.as_slice() { Some(*one) } else { None })
        }
    }
}

/// What was merged before into the same ticket left it with this version. As that it is back now,
/// under a new number.
async fn go_on_from(
    tx: &mut Tx,
    reversals: &mut [Reversal],
    into: TicketId,
    version: i64,
) -> Result<()> {
    let Some(present) = tickets::find(tx, into).await? else { return Ok(()) };
    for reversal in reversals {
        if let Reversal::Merge(merged) = reversal
            && merged.into.id == into
            && merged.into_version == version
        {
            merged.into_version = present.version;
        }
    }
    Ok(())
}

async fn take_message_back(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    sent: Sent,
) -> Result<TicketId, Failure<UndoRefusal>> {
    let Sent { message, delivery, before, version, text, recipients, participants, events } = sent;
    if let Some(delivery) = delivery
        && !outbox::take_back(tx, delivery).await?
    {
        return Err(UndoRefusal::HasLeft.into());
    }
    let mode = mode_of(tx, message).await?;
    search::remove(tx, search::Kind::Message(message)).await?;
    let draft = Waits { ticket: Some(before.id), mode: &mode };
    entries::delete_message(tx, message, draft).await?;
    entries::forget_events(tx, &events).await?;
    for address in &participants {
        tickets::remove_participant(tx, before.id, address).await?;
    }
    match put_back(tx, &before, version, office.now).await {
        Ok(()) => {}
        // If somebody went on meanwhile, the message is gone all the same: that is what matters.
        Err(Failure::Refused(_)) => {
            if let Some(mut ticket) = tickets::take(tx, before.id).await? {
                recount(tx, &mut ticket).await?;
                save(tx, &mut ticket, Touch::Entry, office.now).await?;
            }
        }
        Err(broken @ Failure::Broken(_)) => return Err(broken),
    }
    let drafts = people::drafts(tx, before.id, actor.id).await?;
    let newer = drafts.into_iter().find(|draft| draft.mode == mode);
    let text = with_newer(text, newer.map_or(String::new(), |draft| draft.text));
    let draft = Draft { mode, text, recipients, updated_at: office.now };
    people::save_draft(tx, before.id, actor.id, &draft).await?;
    announce(tx, before.id).await?;
    Ok(before.id)
}

/// What was sent, and below it what was begun since: nothing that was typed is lost.
pub(super) fn with_newer(sent: String, newer: String) -> String {
    if newer.trim().is_empty() || newer == sent {
        return sent;
    }
    format!("{}\n\n{newer}", sent.trim_end())
}

async fn take_apart(
    tx: &mut Tx,
    office: &Office,
    merged: &Merged,
) -> Result<TicketId, Failure<UndoRefusal>> {
    let Merged { from, into, .. } = merged;
    entries::move_messages(tx, &merged.messages, from.id).await?;
    entries::move_notes(tx, &merged.notes, from.id).await?;
    for address in &merged.participants {
        tickets::remove_participant(tx, into.id, address).await?;
    }
    give_back(tx, merged).await?;
    put_back(tx, into, merged.into_version, office.now).await?;
    put_back(tx, from, merged.from_version, office.now).await?;
    if from.inbox != into.inbox {
        findable::rescope(tx, from).await?;
    }
    for apart in [from, into] {
        findable::head_again(tx, apart).await?;
    }
    entries::forget_events(tx, &merged.events).await?;
    Ok(from.id)
}

/// Puts what was split off back; the ticket that was made of it is no more.
async fn put_together(
    tx: &mut Tx,
    office: &Office,
    parted: &Parted,
) -> Result<TicketId, Failure<UndoRefusal>> {
    let Parted { part, part_version, before, version, messages, events } = parted;
    let made = untouched(tx, *part, *part_version, messages).await?;
    entries::move_messages(tx, messages, before.id).await?;
    tickets::delete(tx, made.id, made.inbox).await?;
    put_back(tx, before, *version, office.now).await?;
    for id in messages {
        findable::message_again(tx, before, *id).await?;
    }
    findable::head_again(tx, before).await?;
    entries::forget_events(tx, events).await?;
    Ok(before.id)
}

/// A ticket that holds these messages and nothing else, as it was left.
pub(super) async fn untouched(
    tx: &mut Tx,
    id: TicketId,
    version: i64,
    messages: &[MessageId],
) -> Result<Ticket, Failure<UndoRefusal>> {
    let changed = || UndoRefusal::ChangedMeanwhile(id);
    let ticket = tickets::take(tx, id).await?.filter(|ticket| ticket.version == version);
    let ticket = ticket.ok_or_else(changed)?;
    let is_same = entries::message_ids(tx, id).await? == messages;
    if !is_same || tickets::has_words_of_the_team(tx, id).await? {
        return Err(changed().into());
    }
    Ok(ticket)
}

/// Takes from the ticket what it has only from the one that was merged into it.
async fn give_back(tx: &mut Tx, merged: &Merged) -> Result<()> {
    let into = merged.into.id;
    for tag in &merged.tags {
        taxonomy::untag(tx, into, tag).await?;
    }
    let present = taxonomy::field_values(tx, into).await?;
    for (field, _) in merged.fields.iter().filter(|value| present.contains(value)) {
        taxonomy::set_field_value(tx, into, *field, "").await?;
    }
    for agent in &merged.followers {
        people::unfollow(tx, into, *agent).await?;
    }
    Ok(())
}

async fn mode_of(tx: &mut Tx, message: MessageId) -> Result<String> {
    let message = entries::find_message(tx, message).await?;
    let is_forward =
        message.is_some_and(|message| message.kind == crate::message::MessageKind::Forward);
    Ok(if is_forward { "forward" } else { "reply" }.to_owned())
}

/// Saves the ticket as it was, if it still is as it was left.
async fn put_back(
    tx: &mut Tx,
    before: &Ticket,
    version: i64,
    now: Timestamp,
) -> Result<(), Failure<UndoRefusal>> {
    let present = tickets::take(tx, before.id).await?;
    let present = present.filter(|present| present.version == version);
    let present = present.ok_or(UndoRefusal::ChangedMeanwhile(before.id))?;
    let mut ticket = Ticket { version, ..before.clone() };
    save(tx, &mut ticket, Touch::Entry, now).await?;
    if present.inbox != ticket.inbox {
        let (id, inbox) = (ticket.id, present.inbox);
        tx.announce(Change::Ticket { id, inbox, touch: Touch::Row });
        findable::rescope(tx, &ticket).await?;
    }
    if present.subject != ticket.subject {
        findable::head_again(tx, &ticket).await?;
    }
    Ok(lessons::teach(tx, ticket.id, (present.state, ticket.state), true, now).await?)
}

async fn announce(tx: &mut Tx, ticket: TicketId) -> Result<()> {
    if let Some(ticket) = tickets::find(tx, ticket).await? {
        let touch = Touch::Message;
        tx.announce(Change::Ticket { id: ticket.id, inbox: ticket.inbox, touch });
    }
    Ok(())
}
