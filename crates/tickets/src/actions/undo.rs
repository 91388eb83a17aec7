//! Taking back what was just done, as long as nobody built on it.

use accounts::Actor;
use anyhow::Result;
use database::Tx;
use kernel::{
    DeliveryId, EmailAddress, Failure, FieldId, MessageId, NoteId, PublicId, Refusal, Span,
    TicketId, Timestamp,
};
use live::{Change, Touch};
use outbox::Recipients;
use serde::{Deserialize, Serialize};

use super::{Office, findable, save};
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
    Reply {
        message: MessageId,
        delivery: Option<DeliveryId>,
        before: Box<Ticket>,
        version: i64,
        text: String,
        recipients: Recipients,
        events: Vec<i64>,
    },
    /// Takes two tickets apart again.
    Merge {
        from: Box<Ticket>,
        from_version: i64,
        into: Box<Ticket>,
        into_version: i64,
        messages: Vec<MessageId>,
        notes: Vec<NoteId>,
        /// Who takes part only since then.
        participants: Vec<EmailAddress>,
        events: Vec<i64>,
    },
    /// All of these, the last first.
    Many(Many),
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
            match same {
                Some((version, events)) => {
                    *version = left;
                    events.extend(more);
                }
                None => {
                    let one = Reversal::Ticket { before: was, version: left, events: more };
                    reversals.push(one);
                }
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

/// Reverses what the person did. Says which ticket to show afterwards, if it was about one.
pub async fn undo(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    id: PublicId,
) -> Result<Option<TicketId>, Failure<UndoRefusal>> {
    let data = people::use_undo(tx, actor.id, id, office.now).await?;
    let data = data.ok_or(UndoRefusal::TooLate)?;
    let reversal: Reversal = serde_json::from_str(&data).map_err(anyhow::Error::from)?;
    reverse(tx, office, actor, reversal).await
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
            entries::forget_events(tx, &events).await?;
            announce(tx, ticket).await?;
            Ok(Some(ticket))
        }
        Reversal::Reply { message, delivery, before, version, text, recipients, events } => {
            if let Some(delivery) = delivery
                && !outbox::take_back(tx, delivery).await?
            {
                return Err(UndoRefusal::HasLeft.into());
            }
            let mode = mode_of(tx, message).await?;
            search::remove(tx, search::Kind::Message(message)).await?;
            let draft = Waits { ticket: before.id, mode: &mode };
            entries::delete_message(tx, message, draft).await?;
            entries::forget_events(tx, &events).await?;
            // If somebody went on meanwhile, the message is gone all the same: that is what
            // matters.
            if let Err(Failure::Broken(fault)) = put_back(tx, &before, version, office.now).await {
                return Err(fault.into());
            }
            let draft = Draft { mode, text, recipients, updated_at: office.now };
            people::save_draft(tx, before.id, actor.id, &draft).await?;
            announce(tx, before.id).await?;
            Ok(Some(before.id))
        }
        Reversal::Merge {
            from,
            from_version,
            into,
            into_version,
            messages,
            notes,
            participants,
            events,
        } => {
            entries::move_messages(tx, &messages, from.id).await?;
            entries::move_notes(tx, &notes, from.id).await?;
            for address in &participants {
                tickets::remove_participant(tx, into.id, address).await?;
            }
            put_back(tx, &into, into_version, office.now).await?;
            put_back(tx, &from, from_version, office.now).await?;
            if from.inbox != into.inbox {
                findable::rescope(tx, &from).await?;
            }
            entries::forget_events(tx, &events).await?;
            Ok(Some(from.id))
        }
        Reversal::Many(many) => {
            let mut shown: Vec<TicketId> = Vec::new();
            for reversal in many.reversals.into_iter().rev() {
                shown.extend(Box::pin(reverse(tx, office, actor, reversal)).await?);
            }
            shown.dedup();
            // Of many tickets none is the one to show.
            Ok(if let [one] = shown.as_slice() { Some(*one) } else { None })
        }
    }
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
    Ok(lessons::teach(tx, ticket.id, (present.state, ticket.state), true, now).await?)
}

async fn announce(tx: &mut Tx, ticket: TicketId) -> Result<()> {
    if let Some(ticket) = tickets::find(tx, ticket).await? {
        let touch = Touch::Message;
        tx.announce(Change::Ticket { id: ticket.id, inbox: ticket.inbox, touch });
    }
    Ok(())
}
