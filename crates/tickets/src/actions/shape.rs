//! Changing which ticket something belongs to: split, link, problems.

use accounts::Actor;
use anyhow::{Context, Result};
use database::Tx;
use kernel::{CustomerId, Failure, MessageId, ProblemId, PublicId, Refusal, TicketId};
use live::{Change, Touch};

use super::undo::Parted;
use super::{Office, Reversal, findable, keep, record, record_for_good, recount, save, take};
use crate::clock::Waiting;
use crate::event::{By, Fact};
use crate::letters;
use crate::message::Message;
use crate::state::{CannotMove, State};
use crate::store::{entries, taxonomy, tickets};
use crate::ticket::{Direction, Ticket};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeRefusal {
    #[error("there is no ticket {0} that you see")]
    NoTicket(TicketId),
    #[error("a ticket cannot be merged with or linked to itself")]
    Same,
    #[error("{0} is closed; merge into a ticket that is still open, or link the two")]
    IntoClosed(TicketId),
    #[error("{0} is marked as spam; say that it is not spam first")]
    IntoSpam(TicketId),
    #[error("select at least two tickets to merge")]
    TooFew,
    #[error("these tickets are of several customers; open one and merge it by hand")]
    SeveralCustomers,
    #[error("choose at least one message, and leave at least one")]
    NothingToSplit,
    #[error("there is no such problem")]
    NoProblem,
    #[error(transparent)]
    CannotMove(#[from] CannotMove),
}

impl Refusal for ShapeRefusal {}

pub(super) type Done<T> = Result<T, Failure<ShapeRefusal>>;

/// Takes messages out into a ticket of their own.
pub async fn split(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    id: TicketId,
    chosen: &[MessageId],
    subject: &str,
) -> Done<(TicketId, PublicId)> {
    let now = office.now;
    let mut ticket = seen(tx, actor, id).await?;
    let before = ticket.clone();
    let all = entries::message_ids(tx, ticket.id).await?;
    let chosen: Vec<MessageId> = all.iter().copied().filter(|id| chosen.contains(id)).collect();
    if chosen.is_empty() || chosen.len() == all.len() {
        return Err(ShapeRefusal::NothingToSplit.into());
    }
    let mut moved = Vec::with_capacity(chosen.len());
    for id in &chosen {
        moved.push(entries::find_message(tx, *id).await?.context("a message of the ticket")?);
    }
    let (Some(first), Some(last)) = (moved.first(), moved.last()) else {
        return Err(ShapeRefusal::NothingToSplit.into());
    };
    let inbox = office.inbox(ticket.inbox)?;
    let within = kernel::Span::minutes(inbox.reply_within_minutes);
    let subject = if subject.trim().is_empty() { &first.subject } else { subject };
    let mut part = part_of(&ticket, &moved, (first, last), subject, within);
    part.updated_at = now;
    part.id = tickets::insert(tx, &part).await?;
    save(tx, &mut part, Touch::Entry, now).await?;
    entries::move_messages(tx, &chosen, part.id).await?;
    recount(tx, &mut ticket).await?;
    save(tx, &mut ticket, Touch::Entry, now).await?;
    for moved in [&part, &ticket] {
        findable::head_again(tx, moved).await?;
    }
    tickets::link(tx, part.id, ticket.id, "split_from", now).await?;
    let by = By::Agent(actor.id);
    let events = record(tx, ticket.id, by, &[Fact::SplitOff { other: part.id }], now).await?;
    record_for_good(tx, part.id, by, &[Fact::SplitFrom { other: ticket.id }], now).await?;
    let reversal = Reversal::Split(Parted {
        part: part.id,
        part_version: part.version,
        before: Box::new(before),
        version: ticket.version,
        messages: chosen,
        events,
    });
    let undo = keep(tx, actor, &reversal, now).await?;
    Ok((part.id, undo))
}

/// The ticket that the moved messages, from the first to the last, make.
fn part_of(
    ticket: &Ticket,
    moved: &[Message],
    (first, last): (&Message, &Message),
    subject: &str,
    within: kernel::Span,
) -> Ticket {
    let waits = last.direction == Direction::In;
    let waiting = if waits {
        Waiting::default().customer_wrote(last.created_at, within)
    } else {
        Waiting::default()
    };
    Ticket {
        id: TicketId(0),
        customer: first.author.customer().unwrap_or(ticket.customer),
        subject: letters::ticket_subject(subject, &first.text),
        state: if waits { State::Open } else { State::WaitingCustomer },
        state_before_spam: None,
        merged_into: None,
        hold_reason: None,
        resolution: None,
        cause: None,
        waiting,
        first_replied_at: moved
            .iter()
            .find(|message| message.direction == Direction::Out)
            .map(|message| message.created_at),
        acknowledged_at: None,
        acknowledgement_withheld: None,
        resolved_at: None,
        reopen_count: 0,
        message_count: kernel::count(moved.len()),
        last_message_at: last.created_at,
        last_direction: last.direction,
        snippet: letters::snippet(&last.text),
        created_at: first.created_at,
        version: 1,
        ..ticket.clone()
    }
}

/// How two tickets belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    Related,
    Follows,
}

impl LinkKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Related => "related",
            Self::Follows => "follows",
        }
    }
}

pub async fn link(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    id: TicketId,
    other: TicketId,
    kind: LinkKind,
) -> Done<()> {
    let ticket = seen(tx, actor, id).await?;
    let other = seen(tx, actor, other).await?;
    if ticket.id == other.id {
        return Err(ShapeRefusal::Same.into());
    }
    if tickets::link(tx, ticket.id, other.id, kind.as_str(), office.now).await? {
        let how = kind.as_str().to_owned();
        for (at, to) in [(&ticket, &other), (&other, &ticket)] {
            let fact = Fact::Linked { other: to.id, how: how.clone() };
            record_for_good(tx, at.id, By::Agent(actor.id), &[fact], office.now).await?;
            tx.announce(Change::Ticket { id: at.id, inbox: at.inbox, touch: Touch::Entry });
        }
    }
    Ok(())
}

pub async fn unlink(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    id: TicketId,
    other: TicketId,
) -> Done<()> {
    let ticket = seen(tx, actor, id).await?;
    // A link to what is not seen is none that could be taken away.
    let other = seen(tx, actor, other).await?.id;
    if tickets::unlink(tx, ticket.id, other).await? {
        let fact = Fact::Unlinked { other };
        record_for_good(tx, ticket.id, By::Agent(actor.id), &[fact], office.now).await?;
        tx.announce(Change::Ticket { id: ticket.id, inbox: ticket.inbox, touch: Touch::Entry });
    }
    Ok(())
}

/// Says which problem a ticket belongs to, or that it belongs to none.
pub async fn set_problem(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    id: TicketId,
    problem: Option<ProblemId>,
) -> Done<Ticket> {
    let mut ticket = seen(tx, actor, id).await?;
    let old = match ticket.problem {
        Some(id) => taxonomy::find_problem(tx, id).await?,
        None => None,
    };
    let new = match problem {
        Some(id) => Some(taxonomy::find_problem(tx, id).await?.ok_or(ShapeRefusal::NoProblem)?),
        None => None,
    };
    if ticket.problem == problem {
        return Ok(ticket);
    }
    ticket.problem = problem;
    let fact = match (new, old) {
        (Some(problem), _) => Fact::ProblemLinked { title: problem.title },
        (None, Some(problem)) => Fact::ProblemUnlinked { title: problem.title },
        (None, None) => return Ok(ticket),
    };
    record_for_good(tx, ticket.id, By::Agent(actor.id), &[fact], office.now).await?;
    save(tx, &mut ticket, Touch::Entry, office.now).await?;
    Ok(ticket)
}

/// Makes two records of one person into one, with everything they ever wrote.
pub async fn merge_customers(
    tx: &mut Tx,
    office: &Office,
    from: CustomerId,
    into: CustomerId,
) -> Result<(), Failure<customers::CustomerRefusal>> {
    customers::merge(tx, from, into, office.now).await?;
    for (id, inbox) in tickets::move_customer(tx, from, into).await? {
        tx.announce(Change::Ticket { id, inbox, touch: Touch::Row });
    }
    Ok(())
}

/// The ticket, if this person may see it; where it was merged, the one it became a part of.
pub(super) async fn seen(tx: &mut Tx, actor: &Actor, id: TicketId) -> Done<Ticket> {
    let ticket = take(tx, id).await?.filter(|ticket| actor.may_see(ticket.inbox));
    ticket.ok_or_else(|| ShapeRefusal::NoTicket(id).into())
}
