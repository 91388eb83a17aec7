//! Which clocks run when, and by when somebody expects something. Pure.

use kernel::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::State;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// From a customer's message to our answer.
    Response,
    /// From our last word to the next, while the work goes on.
    NextUpdate,
    /// From the first message to the solution.
    Resolution,
}

/// Whether a clock runs in a state. `asked_for_delay` says that the customer wanted the pause.
pub fn runs(clock: Clock, state: State, asked_for_delay: bool) -> bool {
    match clock {
        Clock::Response => matches!(state, State::New | State::Open),
        Clock::NextUpdate => matches!(state, State::Open | State::OnHold),
        Clock::Resolution => match state {
            State::New | State::Open | State::OnHold => true,
            State::WaitingCustomer | State::Snoozed => !asked_for_delay,
            State::Bot | State::Resolved | State::Closed | State::Spam | State::Merged => false,
        },
    }
}

/// Nobody expects anything. Far in the future, so that lists sort without knowing of it.
pub const NEVER: Timestamp = Timestamp::from_seconds(253_370_764_800);

/// What is waited for on a ticket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The oldest customer message without an answer.
    pub since: Option<Timestamp>,
    /// When we said we would answer it.
    pub reply_due_at: Option<Timestamp>,
    pub next_update_at: Option<Timestamp>,
    pub snoozed_until: Option<Timestamp>,
}

impl Waiting {
    /// The next moment at which somebody expects something: what lists are ordered by.
    pub fn due_at(&self, state: State) -> Timestamp {
        let due = match state {
            State::New | State::Open => match (self.reply_due_at, self.next_update_at) {
                (Some(reply), Some(update)) => Some(reply.min(update)),
                (reply, update) => reply.or(update),
            },
            State::OnHold => self.next_update_at,
            State::Snoozed => self.snoozed_until,
            State::Bot
            | State::WaitingCustomer
            | State::Resolved
            | State::Closed
            | State::Spam
            | State::Merged => None,
        };
        due.unwrap_or(NEVER)
    }

    /// A customer wrote: the clock runs from the oldest message that nobody answered.
    pub fn customer_wrote(self, at: Timestamp, reply_within: Span) -> Self {
        match self.since {
            Some(_) => self,
            None => Self { since: Some(at), reply_due_at: Some(at + reply_within), ..self },
        }
    }

    /// A person answered: nothing waits any more.
    pub fn answered(self) -> Self {
        Self { since: None, reply_due_at: None, ..self }
    }
}

/// How far a clock has run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Left {
    Time { left: Span, share_used: f32 },
    Over(Span),
}

impl Left {
    /// From the start of the wait to its due time, at `now`.
    pub fn at(since: Timestamp, due: Timestamp, now: Timestamp) -> Self {
        let left = due.since(now);
        if left < Span::ZERO {
            return Self::Over(now.since(due));
        }
        let whole = due.since(since).as_micros().max(1);
        let used = now.since(since).as_micros().clamp(0, whole);
        #[expect(
            clippy::as_conversions,
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "a share to draw a pie with"
        )]
        let share_used = (used as f64 / whole as f64) as f32;
        Self::Time { left, share_used }
    }
}
