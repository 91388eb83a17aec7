//! Which clocks run when, and by when somebody expects something. Pure.

use kernel::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::State;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// From a customer's message to our answer.
    Response,
    /// From our last word to the next, while the work goes on.
    NextUpdate,
}

/// Whether a clock runs in a state.
pub(crate) fn runs(clock: Clock, state: State) -> bool {
    match clock {
        Clock::Response => matches!(state, State::New | State::Open),
        Clock::NextUpdate => matches!(state, State::Open | State::OnHold),
    }
}

/// Nobody expects anything. Far in the future, so that lists sort without knowing of it.
pub(crate) const NEVER: Timestamp = Timestamp::from_seconds(253_370_764_800);

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
        let all = [
            self.reply_due_at.filter(|_| runs(Clock::Response, state)),
            self.next_update_at.filter(|_| runs(Clock::NextUpdate, state)),
            self.snoozed_until.filter(|_| state == State::Snoozed),
        ];
        all.into_iter().flatten().min().unwrap_or(NEVER)
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
pub(crate) enum Left {
    Time { left: Span, share_used: f32 },
    Over(Span),
}

impl Left {
    /// From the start of the wait to its due time, at `now`.
    pub(crate) fn at(since: Timestamp, due: Timestamp, now: Timestamp) -> Self {
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
