//! What a customer sees of a ticket, and may do about it. Pure.
//!
//! Deny by default: a message is shown only where a rule here says so. Notes and events are not
//! messages, so nothing here can let them out.

use kernel::{CustomerId, EmailAddress, Timestamp};

use crate::actions::UNDO_FOR;
use crate::message::{Author, Message, MessageKind};
use crate::state::State;
use crate::ticket::{Direction, Ticket};

/// Who looks: the person and every address by which they are known.
#[derive(Clone, Debug)]
pub struct Viewer {
    pub customer: CustomerId,
    pub addresses: Vec<EmailAddress>,
}

/// Whether the ticket is this person's at all. Taking part by copy gives nothing to see here:
/// whoever is copied reads what is sent to them.
pub fn may_see_ticket(ticket: &Ticket, viewer: &Viewer) -> bool {
    ticket.customer == viewer.customer && ticket.state != State::Merged
}

/// Whether the customer of a ticket sees one of its messages at `now`.
pub fn may_see_message(message: &Message, viewer: &Viewer, now: Timestamp) -> bool {
    if message.held || matches!(message.author, Author::Stranger(_)) {
        return false;
    }
    match (message.kind, message.direction) {
        // Sent on to somebody else. And bounces and absence notes may speak of mail that was not
        // the customer's.
        (MessageKind::Forward, _)
        | (MessageKind::Automatic | MessageKind::Acknowledgement, Direction::In) => false,
        (MessageKind::Automatic | MessageKind::Acknowledgement, Direction::Out) => {
            went_to(message, viewer)
        }
        (MessageKind::Message, Direction::In) => true,
        // While it can be taken back it was not said.
        (MessageKind::Message, Direction::Out) => {
            went_to(message, viewer) && now >= message.created_at + UNDO_FOR
        }
    }
}

/// Whether a message of ours was for this person. Without any recipient it was written for the
/// portal alone.
fn went_to(message: &Message, viewer: &Viewer) -> bool {
    let mut everyone = message.recipients.everyone().peekable();
    everyone.peek().is_none() || everyone.any(|party| viewer.addresses.contains(&party.address))
}

/// Where a ticket is, in the words of a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// We have it.
    Received,
    /// We look into it.
    Looking,
    /// We answered, and wait.
    WaitingForYou,
    Solved,
}

impl Phase {
    /// Why it waits, sleeps or is thought to be spam is ours to know.
    pub fn of(state: State) -> Self {
        match state {
            State::New | State::Bot | State::Spam => Self::Received,
            State::Open | State::OnHold | State::Snoozed | State::Merged => Self::Looking,
            State::WaitingCustomer => Self::WaitingForYou,
            State::Resolved | State::Closed => Self::Solved,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Done,
    Now,
    Ahead,
}

/// One of the three steps, with the date on which it was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub phase: Phase,
    pub progress: Progress,
    pub at: Option<Timestamp>,
}

/// The way of a ticket in three steps. `looked_at`: when somebody of us first took it up.
pub fn steps(ticket: &Ticket, looked_at: Option<Timestamp>) -> [Step; 3] {
    let phase = Phase::of(ticket.state);
    let taken_up = match (looked_at, ticket.first_replied_at) {
        (Some(looked), Some(replied)) => Some(looked.min(replied)),
        (looked, replied) => looked.or(replied),
    };
    let progress = |reached: bool, passed: bool| match (passed, reached) {
        (true, _) => Progress::Done,
        (false, true) => Progress::Now,
        (false, false) => Progress::Ahead,
    };
    let is_past_first = phase != Phase::Received;
    let is_solved = phase == Phase::Solved;
    let (second, second_at) = match phase {
        Phase::Received => (Phase::Looking, None),
        Phase::WaitingForYou => (Phase::WaitingForYou, Some(ticket.last_message_at)),
        Phase::Looking => (Phase::Looking, taken_up),
        Phase::Solved => (Phase::Looking, taken_up.or(ticket.resolved_at)),
    };
    let solved_at = if is_solved { ticket.resolved_at.or(Some(ticket.updated_at)) } else { None };
    let first = Step {
        phase: Phase::Received,
        progress: progress(true, is_past_first),
        at: Some(ticket.created_at),
    };
    let middle =
        Step { phase: second, progress: progress(is_past_first, is_solved), at: second_at };
    let last = Step {
        phase: Phase::Solved,
        progress: if is_solved { Progress::Done } else { Progress::Ahead },
        at: solved_at,
    };
    [first, middle, last]
}

/// What a customer may do in a state, apart from reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ways {
    /// Add a message to it.
    pub answer: bool,
    /// Say that it is solved.
    pub solve: bool,
    /// Say that it is not.
    pub reopen: bool,
    /// Begin a new one that follows it.
    pub follow_up: bool,
}

pub fn ways(state: State) -> Ways {
    let none = Ways { answer: false, solve: false, reopen: false, follow_up: false };
    match state {
        State::New | State::Open | State::WaitingCustomer | State::OnHold | State::Snoozed => {
            Ways { answer: true, solve: true, ..none }
        }
        State::Bot | State::Spam => Ways { answer: true, ..none },
        State::Resolved => Ways { answer: true, reopen: true, ..none },
        State::Closed => Ways { follow_up: true, ..none },
        State::Merged => none,
    }
}

/// By when we said something happens next: an answer, or word of how far it is.
pub fn promised_at(ticket: &Ticket) -> Option<Timestamp> {
    match ticket.state {
        State::New | State::Open => ticket.waiting.reply_due_at.or(ticket.waiting.next_update_at),
        State::OnHold => ticket.waiting.next_update_at,
        State::Bot
        | State::WaitingCustomer
        | State::Snoozed
        | State::Resolved
        | State::Closed
        | State::Spam
        | State::Merged => None,
    }
}

/// What a customer reads as the name of somebody who works here: the first name.
pub fn first_name(name: &str) -> &str {
    name.split_whitespace().next().unwrap_or(name)
}
