//! Tickets that anything may happen to, in any order.

use super::chance::{Dice, cases};
use crate::state::{Happening, State, Then, next};

const HAPPENINGS: [Happening; 17] = [
    Happening::CustomerWrote,
    Happening::CustomerThanked,
    Happening::Taken,
    Happening::Replied(Then::Wait),
    Happening::Replied(Then::StayOpen),
    Happening::Replied(Then::Resolve),
    Happening::Held,
    Happening::Snoozed,
    Happening::DateReached,
    Happening::Resolved,
    Happening::NoAnswer,
    Happening::Reopened,
    Happening::PeriodOver,
    Happening::MarkedSpam,
    Happening::MergedAway,
    Happening::HandedOver,
    Happening::SolvedByBot,
];

/// Which happenings may lead into a state, from anywhere else.
fn ways_into(state: State) -> &'static [Happening] {
    match state {
        // A ticket is new or with the assistant when it begins.
        State::New => &[Happening::HandedOver],
        State::Bot => &[],
        State::Open => &[
            Happening::CustomerWrote,
            Happening::CustomerThanked,
            Happening::Taken,
            Happening::Replied(Then::StayOpen),
            Happening::DateReached,
            Happening::Reopened,
        ],
        State::WaitingCustomer => &[Happening::Replied(Then::Wait)],
        State::OnHold => &[Happening::Held],
        State::Snoozed => &[Happening::Snoozed],
        State::Resolved => &[
            Happening::Replied(Then::Resolve),
            Happening::Resolved,
            Happening::NoAnswer,
            Happening::SolvedByBot,
        ],
        State::Closed => &[Happening::PeriodOver],
        State::Spam => &[Happening::MarkedSpam],
        State::Merged => &[Happening::MergedAway],
    }
}

#[test]
fn a_state_is_entered_by_the_happenings_that_lead_there_and_no_other() {
    for from in State::ALL {
        for happening in HAPPENINGS {
            let Ok(to) = next(from, happening) else { continue };
            if to != from {
                assert!(ways_into(to).contains(&happening), "{from:?} {happening:?} {to:?}");
            }
        }
        for before in State::ALL {
            if let Ok(to) = next(from, Happening::NotSpam(before)) {
                assert_eq!((from, to), (State::Spam, before));
            }
        }
    }
    for state in State::ALL {
        for happening in ways_into(state) {
            let leads = |from| from != state && next(from, *happening) == Ok(state);
            assert!(State::ALL.into_iter().any(leads), "{happening:?} never leads to {state:?}");
        }
    }
}

#[test]
fn whatever_happens_nobody_is_forgotten_and_nothing_comes_back_from_the_end() {
    let mut dice = Dice::new(5);
    let mut entered = [0_usize; State::ALL.len()];
    for walk in 0..cases(10_000) {
        let mut state = dice.pick(&[State::New, State::Bot]);
        let mut before_spam = None;
        let mut told = vec![state];
        for _ in 0..20 {
            let happening = match (state, dice.roll(4)) {
                (State::Spam, 0) => Happening::NotSpam(before_spam.unwrap()),
                _ => dice.pick(&HAPPENINGS),
            };
            let was = state;
            let Ok(is) = next(was, happening) else {
                continue;
            };
            state = is;
            told.push(state);
            if happening == Happening::MarkedSpam && was != State::Spam {
                before_spam = Some(was);
            }
            // Who asks for something is seen by somebody, unless they are known for spam.
            if happening == Happening::CustomerWrote {
                let is_seen = matches!(state, State::New | State::Bot | State::Open | State::Spam);
                assert!(is_seen, "walk {walk}: {told:?}");
                assert!(state != State::Spam || was == State::Spam, "walk {walk}: {told:?}");
            }
            assert_ne!(was, State::Merged, "walk {walk}: {told:?}");
            assert!(was != State::Closed || matches!(state, State::Closed | State::Merged));
            let leaves_spam = was == State::Spam && !matches!(state, State::Spam | State::Merged);
            if leaves_spam {
                assert_eq!(Some(state), before_spam, "walk {walk}: {told:?}");
            }
            entered[State::ALL.iter().position(|one| *one == state).unwrap()] += 1;
        }
    }
    assert!(entered.iter().all(|times| *times > 100), "{entered:?}");
}
