//! Making two tickets into one.

use accounts::Actor;
use anyhow::{Context, Result};
use database::Tx;
use kernel::{EmailAddress, PublicId, TicketId, Timestamp};
use live::Touch;

use super::edit::settle;
use super::shape::{Done, ShapeRefusal, seen};
use super::undo::{Many, Merged};
use super::{Office, Reversal, findable, keep, record, save};
use crate::clock::Waiting;
use crate::event::{By, Fact};
use crate::state::{Happening, State, next};
use crate::store::{entries, people, taxonomy, tickets};
use crate::ticket::Ticket;

/// Makes one ticket a part of another. Its number goes on leading there; notes stay notes.
pub async fn merge(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    from: TicketId,
    into: TicketId,
) -> Done<(TicketId, PublicId)> {
    let (into, reversal) = merge_one(tx, office, actor, from, into).await?;
    Ok((into, keep(tx, actor, &reversal, office.now).await?))
}

/// Makes several tickets of one customer a part of the oldest that is still open, under one undo.
/// Says which that is.
pub async fn merge_all(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    chosen: &[TicketId],
) -> Done<(TicketId, PublicId)> {
    let mut tickets = Vec::with_capacity(chosen.len());
    for id in chosen {
        tickets.push(seen(tx, actor, *id).await?);
    }
    tickets.sort_by_key(|ticket| ticket.id);
    tickets.dedup_by_key(|ticket| ticket.id);
    let [first, _, ..] = tickets.as_slice() else { return Err(ShapeRefusal::TooFew.into()) };
    // What one customer wrote would be mailed to another by the next answer.
    if tickets.iter().any(|ticket| ticket.customer != first.customer) {
        return Err(ShapeRefusal::SeveralCustomers.into());
    }
    let takes_all = |into: &&Ticket| {
        tickets.iter().filter(|from| from.id != into.id).all(|from| check(from, into).is_ok())
    };
    let into = tickets.iter().find(takes_all).unwrap_or(first).id;
    let mut reversals = Vec::with_capacity(tickets.len());
    for from in tickets.iter().map(|ticket| ticket.id).filter(|id| *id != into) {
        reversals.push(merge_one(tx, office, actor, from, into).await?.1);
    }
    let undo = keep(tx, actor, &Reversal::Many(Many::new(reversals)), office.now).await?;
    Ok((into, undo))
}

async fn merge_one(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    from: TicketId,
    into: TicketId,
) -> Done<(TicketId, Reversal)> {
    let from = seen(tx, actor, from).await?;
    let into = seen(tx, actor, into).await?;
    check(&from, &into)?;
    unite(tx, office, By::Agent(actor.id), from, into).await
}

/// Makes one ticket a part of another, both held for the change.
pub(super) async fn unite(
    tx: &mut Tx,
    office: &Office,
    by: By,
    mut from: Ticket,
    mut into: Ticket,
) -> Done<(TicketId, Reversal)> {
    let now = office.now;
    let (from_before, into_before) = (from.clone(), into.clone());
    from.state = next(from.state, Happening::MergedAway).map_err(ShapeRefusal::from)?;
    from.merged_into = Some(into.id);

    let head = entries::first_message(tx, into.id).await?;
    let messages = entries::message_ids(tx, from.id).await?;
    let notes = entries::note_ids(tx, from.id).await?;
    entries::move_messages(tx, &messages, into.id).await?;
    entries::move_notes(tx, &notes, into.id).await?;
    if from.inbox != into.inbox {
        findable::rescope(tx, &into).await?;
    }
    let mut facts = vec![Fact::MergedIn { other: from.id, subject: from.subject.clone() }];
    take_over(&mut into, &from_before);
    facts.extend(go_on(&mut into, &from_before, now)?);
    let mut events = record(tx, into.id, by, &facts, now).await?;
    events.extend(record(tx, from.id, by, &[Fact::MergedAway { into: into.id }], now).await?);
    save(tx, &mut from, Touch::Row, now).await?;
    save(tx, &mut into, Touch::Entry, now).await?;
    let reversal = Reversal::Merge(Merged {
        participants: keep_others(tx, office, &from, &into).await?,
        tags: keep_tags(tx, from.id, into.id).await?,
        fields: keep_fields(tx, from.id, into.id).await?,
        followers: keep_followers(tx, from.id, into.id).await?,
        from: Box::new(from_before),
        from_version: from.version,
        into: Box::new(into_before),
        into_version: into.version,
        messages,
        notes,
        events,
    });
    findable::head_again(tx, &into).await?;
    if let Some(head) = head {
        findable::message_again(tx, &into, head).await?;
    }
    Ok((into.id, reversal))
}

fn check(from: &Ticket, into: &Ticket) -> Result<(), ShapeRefusal> {
    if from.id == into.id {
        return Err(ShapeRefusal::Same);
    }
    if into.state.takes_in(from.state) {
        return Ok(());
    }
    // Whoever waits in the one would wait where nobody looks and nobody can answer.
    Err(match into.state {
        State::Spam => ShapeRefusal::IntoSpam(into.id),
        State::Closed
        | State::Merged
        | State::New
        | State::Bot
        | State::Open
        | State::WaitingCustomer
        | State::OnHold
        | State::Snoozed
        | State::Resolved => ShapeRefusal::IntoClosed(into.id),
    })
}

/// Who took part in a merged ticket, and its customer, go on taking part by mail. Says whom that
/// added.
async fn keep_others(
    tx: &mut Tx,
    office: &Office,
    from: &Ticket,
    into: &Ticket,
) -> Result<Vec<EmailAddress>> {
    let mut others = tickets::participants(tx, from.id).await?;
    if from.customer != into.customer {
        let other = customers::find(tx, from.customer).await?.context("a ticket's customer")?;
        others.extend(other.address.map(|address| (address, other.name)));
    }
    let customer = customers::find(tx, into.customer).await?.context("a ticket's customer")?;
    let mut added = Vec::new();
    for (address, name) in others {
        let is_new = customer.address.as_ref() != Some(&address)
            && tickets::add_participant(tx, into.id, &address, &name, office.now).await?;
        if is_new {
            added.push(address);
        }
    }
    Ok(added)
}

/// Puts the tags of the one on the other. Says which it did not have.
pub(super) async fn keep_tags(tx: &mut Tx, from: TicketId, into: TicketId) -> Result<Vec<String>> {
    let mut added = Vec::new();
    for tag in taxonomy::tags_of(tx, from).await? {
        if taxonomy::tag(tx, into, &tag).await? {
            added.push(tag);
        }
    }
    Ok(added)
}

/// Fills the fields that are empty in the other one. Says with what.
async fn keep_fields(
    tx: &mut Tx,
    from: TicketId,
    into: TicketId,
) -> Result<Vec<(kernel::FieldId, String)>> {
    let present = taxonomy::field_values(tx, into).await?;
    let mut filled = taxonomy::field_values(tx, from).await?;
    filled.retain(|(field, _)| !present.iter().any(|(known, _)| known == field));
    for (field, value) in &filled {
        taxonomy::set_field_value(tx, into, *field, value).await?;
    }
    Ok(filled)
}

/// Who followed the one follows the other. Says who did not before.
pub(super) async fn keep_followers(
    tx: &mut Tx,
    from: TicketId,
    into: TicketId,
) -> Result<Vec<kernel::AgentId>> {
    let mut added = Vec::new();
    for agent in people::followers(tx, from).await? {
        if people::follow(tx, into, agent).await? {
            added.push(agent);
        }
    }
    Ok(added)
}

/// What the merged ticket knew and the other one did not.
fn take_over(into: &mut Ticket, from: &Ticket) {
    into.message_count += from.message_count;
    if from.last_message_at > into.last_message_at {
        into.last_message_at = from.last_message_at;
        into.last_direction = from.last_direction;
        into.snippet.clone_from(&from.snippet);
    }
    into.first_replied_at = match (into.first_replied_at, from.first_replied_at) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    into.assignee = into.assignee.or(from.assignee);
    into.category = into.category.or(from.category);
    into.priority = into.priority.max(from.priority);
}

/// Somebody who waits in the one waits in the other, and what is to be done there is to be done
/// here. Says how the state moved, if it did.
fn go_on(into: &mut Ticket, from: &Ticket, now: Timestamp) -> Result<Option<Fact>, ShapeRefusal> {
    let waits = matches!(from.state, State::New | State::Open) && from.waiting.since.is_some();
    if waits {
        let older = match (into.waiting.since, from.waiting.since) {
            (Some(a), Some(b)) if a <= b => into.waiting,
            _ => from.waiting,
        };
        into.waiting =
            Waiting { since: older.since, reply_due_at: older.reply_due_at, ..into.waiting };
    }
    let is_ours = from.state.is_active() && from.state != State::WaitingCustomer;
    let before = into.state;
    let goes_on = waits || (is_ours && before == State::Resolved);
    if !goes_on {
        return Ok(None);
    }
    into.state = next(before, Happening::CustomerWrote)?;
    if into.state == before {
        return Ok(None);
    }
    settle(into, now);
    if before == State::Resolved {
        into.reopen_count += 1;
        into.resolution = None;
        return Ok(Some(Fact::Reopened));
    }
    Ok(Some(Fact::state(before, into.state)))
}
