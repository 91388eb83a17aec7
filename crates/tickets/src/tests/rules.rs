use kernel::{CustomerId, EmailAddress, Span, TicketId};
use keys::Keys;
use proptest::prelude::*;

use crate::clock::{Clock, Left, NEVER, Waiting, runs};
use crate::courtesy::is_courtesy;
use crate::joining::{Candidate, Joined, Proof, SenderCheck, join, references_in};
use crate::state::{CannotMove, Happening, State, Then, next};
use crate::tokens;
use database::testing::TUESDAY;

/// The whole table: rows are states, columns are what happens.
#[test]
fn a_ticket_moves_as_the_table_says() {
    use State::*;
    type Row = [Result<State, CannotMove>; 10];
    let e = Err::<State, CannotMove>;
    let (closed, merged, spam) = (CannotMove::Closed, CannotMove::Merged, CannotMove::Spam);
    let done = CannotMove::AlreadyResolved;
    let awake = CannotMove::NotAsleep;
    // new, bot, open, waiting, on hold, snoozed, resolved, closed, spam, merged
    #[rustfmt::skip]
    let table: [(Happening, Row); 14] = [
        (Happening::CustomerWrote,
            [Ok(New), Ok(Bot), Ok(Open), Ok(Open), Ok(Open), Ok(Open), Ok(Open), e(closed), Ok(Spam), e(merged)]),
        (Happening::CustomerThanked,
            [Ok(New), Ok(Bot), Ok(Open), Ok(Open), Ok(Open), Ok(Open), Ok(Resolved), e(closed), Ok(Spam), e(merged)]),
        (Happening::Taken,
            [Ok(Open), Ok(Open), Ok(Open), Ok(WaitingCustomer), Ok(OnHold), Ok(Snoozed), Ok(Resolved), Ok(Closed), Ok(Spam), e(merged)]),
        (Happening::Replied(Then::Wait),
            [Ok(WaitingCustomer), Ok(WaitingCustomer), Ok(WaitingCustomer), Ok(WaitingCustomer), Ok(OnHold), Ok(WaitingCustomer), Ok(Resolved), e(closed), e(spam), e(merged)]),
        (Happening::Replied(Then::StayOpen),
            [Ok(Open), Ok(Open), Ok(Open), Ok(Open), Ok(OnHold), Ok(Open), Ok(Open), e(closed), e(spam), e(merged)]),
        (Happening::Replied(Then::Resolve),
            [Ok(Resolved), Ok(Resolved), Ok(Resolved), Ok(Resolved), Ok(Resolved), Ok(Resolved), Ok(Resolved), e(closed), e(spam), e(merged)]),
        (Happening::Held,
            [Ok(OnHold), Ok(OnHold), Ok(OnHold), Ok(OnHold), Ok(OnHold), Ok(OnHold), e(done), e(closed), e(spam), e(merged)]),
        (Happening::Snoozed,
            [Ok(Snoozed), Ok(Snoozed), Ok(Snoozed), Ok(Snoozed), Ok(Snoozed), Ok(Snoozed), e(done), e(closed), e(spam), e(merged)]),
        (Happening::DateReached,
            [e(awake), e(awake), e(awake), e(awake), Ok(Open), Ok(Open), e(awake), e(awake), e(awake), e(awake)]),
        (Happening::Resolved,
            [Ok(Resolved), Ok(Resolved), Ok(Resolved), Ok(Resolved), Ok(Resolved), Ok(Resolved), e(done), e(closed), e(spam), e(merged)]),
        (Happening::NoAnswer,
            [e(CannotMove::NotWaiting), e(CannotMove::NotWaiting), e(CannotMove::NotWaiting), Ok(Resolved), e(CannotMove::NotWaiting), e(CannotMove::NotWaiting), e(CannotMove::NotWaiting), e(CannotMove::NotWaiting), e(CannotMove::NotWaiting), e(CannotMove::NotWaiting)]),
        (Happening::PeriodOver,
            [e(CannotMove::NotResolved), e(CannotMove::NotResolved), e(CannotMove::NotResolved), e(CannotMove::NotResolved), e(CannotMove::NotResolved), e(CannotMove::NotResolved), Ok(Closed), e(CannotMove::NotResolved), e(CannotMove::NotResolved), e(CannotMove::NotResolved)]),
        (Happening::MarkedSpam,
            [Ok(Spam), Ok(Spam), Ok(Spam), Ok(Spam), Ok(Spam), Ok(Spam), Ok(Spam), e(closed), Ok(Spam), e(merged)]),
        (Happening::MergedAway,
            [Ok(Merged), Ok(Merged), Ok(Merged), Ok(Merged), Ok(Merged), Ok(Merged), Ok(Merged), Ok(Merged), Ok(Merged), e(merged)]),
    ];
    for (happening, row) in table {
        for (state, expected) in State::ALL.into_iter().zip(row) {
            assert_eq!(next(state, happening), expected, "{state:?} {happening:?}");
        }
    }
}

#[test]
fn spam_goes_back_to_where_it_came_from() {
    assert_eq!(next(State::Spam, Happening::NotSpam(State::OnHold)), Ok(State::OnHold));
    assert_eq!(next(State::Open, Happening::NotSpam(State::New)), Err(CannotMove::NotSpam));
    assert_eq!(next(State::Spam, Happening::NotSpam(State::Merged)), Err(CannotMove::NotSpam));
}

#[test]
fn the_assistant_hands_over_or_solves() {
    assert_eq!(next(State::Bot, Happening::HandedOver), Ok(State::New));
    assert_eq!(next(State::Bot, Happening::SolvedByBot), Ok(State::Resolved));
    assert_eq!(next(State::Open, Happening::HandedOver), Err(CannotMove::NotWithBot));
}

#[test]
fn reopening_is_for_what_is_not_at_work() {
    for (state, expected) in [
        (State::Resolved, Ok(State::Open)),
        (State::WaitingCustomer, Ok(State::Open)),
        (State::Snoozed, Ok(State::Open)),
        (State::OnHold, Ok(State::Open)),
        (State::Open, Err(CannotMove::NotResolved)),
        (State::Closed, Err(CannotMove::Closed)),
        (State::Spam, Err(CannotMove::Spam)),
    ] {
        assert_eq!(next(state, Happening::Reopened), expected, "{state:?}");
    }
}

#[test]
fn names_of_states_read_back() {
    for state in State::ALL {
        assert_eq!(State::named(state.as_str()).unwrap(), state);
    }
    assert!(State::named("pending").is_err());
}

#[test]
fn clocks_run_where_the_vocabulary_says() {
    use State::*;
    for (clock, running) in
        [(Clock::Response, vec![New, Open]), (Clock::NextUpdate, vec![Open, OnHold])]
    {
        for state in State::ALL {
            assert_eq!(runs(clock, state), running.contains(&state), "{clock:?} {state:?}");
        }
    }
}

#[test]
fn a_ticket_is_due_when_somebody_expects_something() {
    let hours = |hours: i64| TUESDAY + Span::hours(hours);
    let asked = Waiting::default().customer_wrote(TUESDAY, Span::hours(4));
    assert_eq!(asked.due_at(State::New), hours(4));
    let asked_again = asked.customer_wrote(hours(2), Span::hours(4));
    assert_eq!(asked_again, asked, "the oldest unanswered message counts");
    assert_eq!(asked.answered().due_at(State::Open), NEVER);
    assert_eq!(asked.due_at(State::WaitingCustomer), NEVER);

    let held = Waiting { next_update_at: Some(hours(24)), ..asked };
    assert_eq!(held.due_at(State::OnHold), hours(24));
    assert_eq!(held.due_at(State::Open), hours(4));
    assert_eq!(held.answered().due_at(State::Open), hours(24));
    let asleep = Waiting { snoozed_until: Some(hours(48)), ..asked };
    assert_eq!(asleep.due_at(State::Snoozed), hours(48));
    assert_eq!(asleep.due_at(State::Resolved), NEVER);
}

#[test]
fn a_clock_shows_what_is_left() {
    let at = |minutes: i64| TUESDAY + Span::minutes(minutes);
    let left = Left::at(at(0), at(100), at(75));
    assert_eq!(left, Left::Time { left: Span::minutes(25), share_used: 0.75 });
    assert_eq!(Left::at(at(0), at(100), at(112)), Left::Over(Span::minutes(12)));
    assert!(matches!(Left::at(at(0), at(100), at(-5)), Left::Time { share_used: 0.0, .. }));
    assert!(matches!(Left::at(at(5), at(5), at(5)), Left::Time { .. }));
}

fn candidate(ticket: i64, proof: Proof, takes_part: bool) -> Candidate {
    Candidate { ticket: TicketId(ticket), proof, sender_takes_part: takes_part, is_closed: false }
}

const TOKENS: [Proof; 3] = [Proof::ReplyAddress, Proof::OurMessageId, Proof::LinkInBody];

#[test]
fn a_message_joins_as_the_table_says() {
    let start = Joined::Start { follows: None, possibly: None };
    let possibly = |ticket| Joined::Start { follows: None, possibly: Some(TicketId(ticket)) };
    let follows = |ticket| Joined::Start { follows: Some(TicketId(ticket)), possibly: None };
    let (goes_on, held) = (Joined::Continue(TicketId(1)), Joined::ContinueHeld(TicketId(1)));
    let checks = [SenderCheck::Pass, SenderCheck::Fail, SenderCheck::Unknown];

    for check in checks {
        assert_eq!(join(&[], check), start);
        for token in TOKENS {
            assert_eq!(join(&[candidate(1, token, true)], check), goes_on, "{token:?} {check:?}");
            assert_eq!(join(&[candidate(1, token, false)], check), held, "{token:?} {check:?}");
        }
        for takes_part in [true, false] {
            let by_number = [candidate(1, Proof::SubjectNumber, takes_part)];
            assert_eq!(join(&by_number, check), possibly(1), "a number never joins");
        }
        let stranger = [candidate(1, Proof::TheirMessageId, false)];
        assert_eq!(join(&stranger, check), possibly(1));
    }
    let known = [candidate(1, Proof::TheirMessageId, true)];
    assert_eq!(join(&known, SenderCheck::Pass), goes_on);
    assert_eq!(join(&known, SenderCheck::Unknown), goes_on);
    assert_eq!(join(&known, SenderCheck::Fail), possibly(1), "a forged sender joins nothing");

    let closed = |takes_part| Candidate { is_closed: true, ..candidate(1, TOKENS[1], takes_part) };
    assert_eq!(join(&[closed(true)], SenderCheck::Pass), follows(1));
    assert_eq!(join(&[closed(false)], SenderCheck::Pass), possibly(1));

    let both = [
        candidate(9, Proof::SubjectNumber, true),
        candidate(5, Proof::TheirMessageId, true),
        candidate(7, Proof::OurMessageId, true),
        candidate(8, Proof::ReplyAddress, true),
    ];
    assert_eq!(join(&both, SenderCheck::Pass), Joined::Continue(TicketId(8)), "order of proof");
    let mut turned = both;
    turned.reverse();
    assert_eq!(join(&turned, SenderCheck::Pass), Joined::Continue(TicketId(8)));
}

proptest! {
    /// Whatever is offered: only a token or a part taken before joins, a stranger is always
    /// held, and the order of what was found never matters.
    #[test]
    fn nobody_joins_without_proof(
        offered in proptest::collection::vec(
            (1_i64..6, 0_usize..5, any::<bool>(), any::<bool>()), 0..6),
        check in 0_usize..3,
    ) {
        let proofs = [
            Proof::ReplyAddress, Proof::OurMessageId, Proof::LinkInBody,
            Proof::TheirMessageId, Proof::SubjectNumber,
        ];
        let checks = [SenderCheck::Pass, SenderCheck::Fail, SenderCheck::Unknown];
        // Whether somebody takes part and whether a ticket is closed are facts of the ticket.
        let candidates: Vec<Candidate> = offered
            .iter()
            .map(|(ticket, proof, ..)| {
                let fact = offered.iter().find(|other| other.0 == *ticket).unwrap();
                Candidate {
                    ticket: TicketId(*ticket),
                    proof: proofs[*proof],
                    sender_takes_part: fact.2,
                    is_closed: fact.3,
                }
            })
            .collect();
        let joined = join(&candidates, checks[check]);
        let mut turned = candidates.clone();
        turned.reverse();
        prop_assert_eq!(join(&turned, checks[check]), joined);

        let of = |ticket| candidates.iter().filter(move |candidate| candidate.ticket == ticket);
        match joined {
            Joined::Continue(ticket) => {
                prop_assert!(of(ticket).all(|c| c.sender_takes_part && !c.is_closed));
                prop_assert!(of(ticket).any(|c| TOKENS.contains(&c.proof)
                    || (c.proof == Proof::TheirMessageId && checks[check] != SenderCheck::Fail)));
            }
            Joined::ContinueHeld(ticket) => {
                prop_assert!(of(ticket).all(|c| !c.sender_takes_part && !c.is_closed));
                prop_assert!(of(ticket).any(|c| TOKENS.contains(&c.proof)));
            }
            Joined::Start { follows, .. } => {
                if let Some(ticket) = follows {
                    prop_assert!(of(ticket).all(|c| c.is_closed && c.sender_takes_part));
                }
            }
        }
    }
}

#[test]
fn references_in_subjects_are_seen_but_bare_numbers_are_not() {
    for (subject, found) in [
        ("Re: Your course [RC-10482]", vec![10_482]),
        ("rc-10482 and RC-10483", vec![10_482, 10_483]),
        ("RC-10482 RC-10482", vec![10_482]),
        ("Order 10482", vec![]),
        ("#10482", vec![]),
        ("ARC-10482", vec![]),
        ("RC-", vec![]),
        ("RC-x10482", vec![]),
        ("RC-99999999999999999999", vec![]),
        ("", vec![]),
    ] {
        let found: Vec<TicketId> = found.into_iter().map(TicketId).collect();
        assert_eq!(references_in(subject), found, "{subject}");
    }
}

#[test]
fn a_reply_address_is_good_for_its_ticket_and_customer_only() {
    let keys = Keys::from_master(&[7; 32]);
    let inbox: EmailAddress = "support@northlight.example".parse().unwrap();
    let (ticket, customer) = (TicketId(10_482), CustomerId(77));
    let address = tokens::reply_address(&keys, &inbox, ticket, customer);
    let (base, tag) = address.split_tag().unwrap();
    assert_eq!(base, inbox);
    assert!(address.local().len() <= 64);
    assert_eq!(tokens::read_tag(&keys, tag), Some((ticket, customer)));

    assert_eq!(tokens::read_tag(&Keys::from_master(&[8; 32]), tag), None);
    let (_, signature) = tag.rsplit_once('-').unwrap();
    for forged in [
        format!("10483-77-{signature}"),
        format!("10482-78-{signature}"),
        format!("10482-77-{}", &signature[1..]),
        format!("10482-77-{}", "a".repeat(26)),
        "10482-77-".to_owned(),
        "10482-77".to_owned(),
        format!("{tag}-x"),
        String::new(),
    ] {
        assert_eq!(tokens::read_tag(&keys, &forged), None, "{forged}");
    }

    let long: EmailAddress =
        "the-whole-customer-service-department@northlight.example".parse().unwrap();
    assert_eq!(tokens::reply_address(&keys, &long, ticket, customer), long);
}

#[test]
fn thanks_are_told_from_questions() {
    for text in [
        "Thanks!",
        "Thank you so much for your help.",
        "Perfect, thanks",
        "Vielen Dank für die schnelle Hilfe!",
        "Merci beaucoup",
        "It works now, thanks again!",
        "ありがとうございます",
        "Thank you Priya",
    ] {
        assert!(is_courtesy(text), "{text}");
    }
    for text in [
        "Thanks, but it still does not work",
        "Thanks! When will it be fixed?",
        "thanks for nothing",
        "Thank you. Please cancel my order",
        "It does not work",
        "",
        "Thank you for the answer. I have now tried the new version on both of my sites and the \
         licence key is refused on the second one, what should I do next",
    ] {
        assert!(!is_courtesy(text), "{text}");
    }
}
