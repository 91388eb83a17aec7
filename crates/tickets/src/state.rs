//! The state machine of a ticket. Pure.
//!
//! The table is `vocabulary 5.3`; [`next`] is the only way from one state to another.

use anyhow::{Result, bail};
use kernel::Refusal;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody of us has looked.
    New,
    /// The assistant talks with the customer.
    Bot,
    Open,
    /// We wrote last.
    WaitingCustomer,
    /// Waits for somebody else: development, a processor, a bank.
    OnHold,
    /// Comes back by itself.
    Snoozed,
    Resolved,
    /// Resolved for so long that a new mail is a new ticket.
    Closed,
    Spam,
    /// A pointer to the ticket that it became a part of.
    Merged,
}

impl State {
    pub const ALL: [Self; 10] = [
        Self::New,
        Self::Bot,
        Self::Open,
        Self::WaitingCustomer,
        Self::OnHold,
        Self::Snoozed,
        Self::Resolved,
        Self::Closed,
        Self::Spam,
        Self::Merged,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Bot => "bot",
            Self::Open => "open",
            Self::WaitingCustomer => "waiting_customer",
            Self::OnHold => "on_hold",
            Self::Snoozed => "snoozed",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
            Self::Spam => "spam",
            Self::Merged => "merged",
        }
    }

    pub fn named(text: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|state| state.as_str() == text) {
            Some(state) => Ok(state),
            None => bail!("unknown state of ticket {text}"),
        }
    }

    /// The key of its name for the team.
    pub fn key(self) -> &'static str {
        match self {
            Self::New => "state-new",
            Self::Bot => "state-bot",
            Self::Open => "state-open",
            Self::WaitingCustomer => "state-waiting",
            Self::OnHold => "state-on-hold",
            Self::Snoozed => "state-snoozed",
            Self::Resolved => "state-resolved",
            Self::Closed => "state-closed",
            Self::Spam => "state-spam",
            Self::Merged => "state-merged",
        }
    }

    /// Somebody of us still has something to do, sooner or later.
    pub fn is_active(self) -> bool {
        match self {
            Self::New
            | Self::Bot
            | Self::Open
            | Self::WaitingCustomer
            | Self::OnHold
            | Self::Snoozed => true,
            Self::Resolved | Self::Closed | Self::Spam | Self::Merged => false,
        }
    }

    /// Whether a ticket in this state may become the home of one in the other: where nobody can
    /// answer, nobody may be left waiting.
    pub fn takes_in(self, other: Self) -> bool {
        match self {
            Self::New
            | Self::Bot
            | Self::Open
            | Self::WaitingCustomer
            | Self::OnHold
            | Self::Snoozed
            | Self::Resolved => true,
            Self::Closed | Self::Spam => self == other,
            Self::Merged => false,
        }
    }

    pub fn is_done(self) -> bool {
        matches!(self, Self::Resolved | Self::Closed)
    }
}

/// What can happen to a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A message that asks for something.
    CustomerWrote,
    /// "Thanks!": courtesy that needs no work.
    CustomerThanked,
    /// A person took it: assigned it to themselves.
    Taken,
    /// A person wrote to the customer.
    Replied(Then),
    Held,
    Snoozed,
    /// The date of a hold or a snooze came.
    DateReached,
    Resolved,
    /// No answer for as long as the policy waits.
    NoAnswer,
    /// By hand, or "not solved" in a follow-up.
    Reopened,
    /// The reopen period is over.
    PeriodOver,
    MarkedSpam,
    /// With the state from before.
    NotSpam(State),
    MergedAway,
    /// The assistant gives it to people.
    HandedOver,
    /// The customer says that the assistant solved it, or was gone for 72 hours.
    SolvedByBot,
}

/// What the sender of a reply chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Then {
    #[default]
    Wait,
    StayOpen,
    Resolve,
}

/// Why a ticket does not move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotMove {
    #[error("this ticket is closed; write a new one, it will be linked to this")]
    Closed,
    #[error("this ticket was merged into another; act on that one")]
    Merged,
    #[error("this ticket is marked as spam; say that it is not spam first")]
    Spam,
    #[error("this ticket is already resolved")]
    AlreadyResolved,
    #[error("this ticket is not resolved")]
    NotResolved,
    #[error("this ticket is not marked as spam")]
    NotSpam,
    #[error("this ticket does not wait for the customer")]
    NotWaiting,
    #[error("this ticket neither sleeps nor is on hold")]
    NotAsleep,
    #[error("the assistant does not hold this ticket")]
    NotWithBot,
}

impl Refusal for CannotMove {}

/// The state after something happened.
#[expect(clippy::too_many_lines, reason = "one table, read as a whole")]
pub fn next(state: State, happening: Happening) -> Result<State, CannotMove> {
    use State::{Bot, Closed, Merged, New, OnHold, Open, Resolved, Snoozed, Spam, WaitingCustomer};

    let still_active = || match state {
        New | Bot | Open | WaitingCustomer | OnHold | Snoozed => Ok(()),
        Resolved => Err(CannotMove::AlreadyResolved),
        Closed => Err(CannotMove::Closed),
        Spam => Err(CannotMove::Spam),
        Merged => Err(CannotMove::Merged),
    };
    match happening {
        Happening::CustomerWrote => match state {
            New | Bot | Open | Spam => Ok(state),
            WaitingCustomer | OnHold | Snoozed | Resolved => Ok(Open),
            Closed => Err(CannotMove::Closed),
            Merged => Err(CannotMove::Merged),
        },
        Happening::CustomerThanked => match state {
            Resolved => Ok(Resolved),
            other => next(other, Happening::CustomerWrote),
        },
        Happening::Taken => match state {
            New | Bot => Ok(Open),
            Open | WaitingCustomer | OnHold | Snoozed | Resolved | Closed | Spam => Ok(state),
            Merged => Err(CannotMove::Merged),
        },
        Happening::Replied(then) => replied(state, then),
        Happening::Held => still_active().map(|()| OnHold),
        Happening::Snoozed => still_active().map(|()| Snoozed),
        Happening::DateReached => match state {
            Snoozed | OnHold => Ok(Open),
            New | Bot | Open | WaitingCustomer | Resolved | Closed | Spam | Merged => {
                Err(CannotMove::NotAsleep)
            }
        },
        Happening::Resolved => still_active().map(|()| Resolved),
        Happening::NoAnswer => match state {
            WaitingCustomer => Ok(Resolved),
            New | Bot | Open | OnHold | Snoozed | Resolved | Closed | Spam | Merged => {
                Err(CannotMove::NotWaiting)
            }
        },
        Happening::Reopened => match state {
            Resolved | WaitingCustomer | OnHold | Snoozed => Ok(Open),
            Closed => Err(CannotMove::Closed),
            Spam => Err(CannotMove::Spam),
            Merged => Err(CannotMove::Merged),
            New | Bot | Open => Err(CannotMove::NotResolved),
        },
        Happening::PeriodOver => match state {
            Resolved => Ok(Closed),
            New | Bot | Open | WaitingCustomer | OnHold | Snoozed | Closed | Spam | Merged => {
                Err(CannotMove::NotResolved)
            }
        },
        Happening::MarkedSpam => match state {
            Closed => Err(CannotMove::Closed),
            Merged => Err(CannotMove::Merged),
            New | Bot | Open | WaitingCustomer | OnHold | Snoozed | Resolved | Spam => Ok(Spam),
        },
        Happening::NotSpam(before) => match state {
            Spam if before != Spam && before != Merged => Ok(before),
            New | Bot | Open | WaitingCustomer | OnHold | Snoozed | Resolved | Closed | Spam
            | Merged => Err(CannotMove::NotSpam),
        },
        Happening::MergedAway => match state {
            Merged => Err(CannotMove::Merged),
            New | Bot | Open | WaitingCustomer | OnHold | Snoozed | Resolved | Closed | Spam => {
                Ok(Merged)
            }
        },
        Happening::HandedOver => match state {
            Bot => Ok(New),
            New | Open | WaitingCustomer | OnHold | Snoozed | Resolved | Closed | Spam | Merged => {
                Err(CannotMove::NotWithBot)
            }
        },
        Happening::SolvedByBot => match state {
            Bot => Ok(Resolved),
            New | Open | WaitingCustomer | OnHold | Snoozed | Resolved | Closed | Spam | Merged => {
                Err(CannotMove::NotWithBot)
            }
        },
    }
}

fn replied(state: State, then: Then) -> Result<State, CannotMove> {
    use State::{Bot, Closed, Merged, New, OnHold, Open, Resolved, Snoozed, Spam, WaitingCustomer};

    match (state, then) {
        (Closed, _) => Err(CannotMove::Closed),
        (Merged, _) => Err(CannotMove::Merged),
        (Spam, _) => Err(CannotMove::Spam),
        // A word after the end does not open it again, unless that was asked for.
        (Resolved, Then::Wait)
        | (New | Bot | Open | WaitingCustomer | OnHold | Snoozed | Resolved, Then::Resolve) => {
            Ok(Resolved)
        }
        // An update while somebody else works on it leaves it with them.
        (OnHold, Then::Wait | Then::StayOpen) => Ok(OnHold),
        (New | Bot | Open | WaitingCustomer | Snoozed, Then::Wait) => Ok(WaitingCustomer),
        (New | Bot | Open | WaitingCustomer | Snoozed | Resolved, Then::StayOpen) => Ok(Open),
    }
}
