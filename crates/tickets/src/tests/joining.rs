//! The table of joining, told a second time and compared in a million cases.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{CustomerId, InboxId, TicketId};

use super::chance::{Dice, cases};
use crate::joining::{
    Candidate, Joined, Proof, SenderCheck, Strand, Tied, also_continued, join, tie,
};

const PROOFS: [Proof; 6] = [
    Proof::ReplyAddress,
    Proof::OurMessageId,
    Proof::LinkInBody,
    Proof::TheirMessageId,
    Proof::DoubtfulMessageId,
    Proof::SubjectNumber,
];
const CHECKS: [SenderCheck; 3] = [SenderCheck::Pass, SenderCheck::Fail, SenderCheck::Unknown];
const TICKETS: usize = 4;

/// What the table says, row by row, without ranking anything.
fn table(offered: &[Candidate], check: SenderCheck) -> Joined {
    let oldest = |row: &dyn Fn(&Candidate) -> bool| {
        let of_row = offered.iter().filter(|candidate| row(candidate));
        of_row.min_by_key(|candidate| candidate.ticket.0).copied()
    };
    let alone = |possibly| Joined::Start { follows: None, possibly };

    // A valid token: a participant's joins, a stranger's is held. A closed ticket takes nothing
    // more, and a stranger does not hear that it is there.
    for token in [Proof::ReplyAddress, Proof::OurMessageId, Proof::LinkInBody] {
        if let Some(Candidate { ticket, sender_takes_part, is_closed, .. }) =
            oldest(&|candidate| candidate.proof == token)
        {
            return match (sender_takes_part, is_closed) {
                (true, false) => Joined::Continue(ticket),
                (false, false) => Joined::ContinueHeld(ticket),
                (true, true) => Joined::Start { follows: Some(ticket), possibly: None },
                (false, true) => alone(Some(ticket)),
            };
        }
    }
    // No token, references only: whoever takes part already, and does not fail the check.
    if check != SenderCheck::Fail
        && let Some(known) = oldest(&|candidate| {
            candidate.proof == Proof::TheirMessageId && candidate.sender_takes_part
        })
    {
        return if known.is_closed {
            Joined::Start { follows: Some(known.ticket), possibly: None }
        } else {
            Joined::Continue(known.ticket)
        };
    }
    // What is left is a ticket of its own, with a link that an agent may follow.
    let their_mail = oldest(&|candidate| candidate.proof == Proof::TheirMessageId);
    let doubtful = oldest(&|candidate| candidate.proof == Proof::DoubtfulMessageId);
    let number = oldest(&|candidate| candidate.proof == Proof::SubjectNumber);
    alone(their_mail.or(doubtful).or(number).map(|candidate| candidate.ticket))
}

/// Some pointers to a few tickets. Whether somebody takes part in a ticket and whether it is
/// closed are facts of the ticket, whatever points to it.
fn offer(dice: &mut Dice) -> Vec<Candidate> {
    let facts: [(bool, bool); TICKETS] = std::array::from_fn(|_| (dice.coin(), dice.coin()));
    let mut offered = Vec::new();
    for _ in 0..dice.roll(6) {
        let ticket = dice.roll(TICKETS);
        let (sender_takes_part, is_closed) = facts[ticket];
        offered.push(Candidate {
            ticket: TicketId(i64::try_from(ticket).unwrap() + 10_001),
            proof: dice.pick(&PROOFS),
            sender_takes_part,
            is_closed,
        });
    }
    offered
}

#[test]
fn every_message_joins_as_the_table_says_in_any_order() {
    let mut dice = Dice::new(17);
    // Every outcome has to be met often, or the cases say little.
    let mut met = [0_usize; 5];
    let all = cases(1_000_000);
    for case in 0..all {
        let mut offered = offer(&mut dice);
        let check = dice.pick(&CHECKS);
        let joined = join(&offered, check);
        assert_eq!(joined, table(&offered, check), "case {case}: {offered:?} {check:?}");
        met[match joined {
            Joined::Continue(_) => 0,
            Joined::ContinueHeld(_) => 1,
            Joined::Start { follows: Some(_), .. } => 2,
            Joined::Start { possibly: Some(_), .. } => 3,
            Joined::Start { follows: None, possibly: None } => 4,
        }] += 1;
        let places = offered.len();
        if places > 1 {
            offered.swap(dice.roll(places), dice.roll(places));
            offered.rotate_left(dice.roll(places));
            assert_eq!(join(&offered, check), joined, "case {case}: {offered:?} in another order");
        }
    }
    assert!(met.iter().all(|times| times * 50 > all), "{met:?}");
}

/// What somebody can add who only guesses: numbers in the subject, ids of others' mails, a From
/// that fails its check. None of it brings a stranger nearer to a ticket.
#[test]
fn guessing_never_helps() {
    let mut dice = Dice::new(18);
    for case in 0..cases(100_000) {
        let offered = offer(&mut dice);
        let check = dice.pick(&CHECKS);
        let joined = join(&offered, check);
        let mut guessed = offered.clone();
        guessed.retain(|candidate| candidate.proof.is_token() || candidate.sender_takes_part);
        for _ in 0..dice.roll(4) {
            guessed.push(Candidate {
                ticket: TicketId(i64::try_from(dice.roll(3)).unwrap() + 1),
                proof: dice.pick(&[Proof::TheirMessageId, Proof::SubjectNumber]),
                sender_takes_part: false,
                is_closed: dice.coin(),
            });
        }
        let with_guesses = join(&guessed, check);
        let enters = |joined| match joined {
            Joined::Continue(ticket) | Joined::ContinueHeld(ticket) => Some(ticket),
            Joined::Start { follows, .. } => follows,
        };
        assert_eq!(enters(with_guesses), enters(joined), "case {case}: {guessed:?} {check:?}");

        let has_token = offered.iter().any(|candidate| candidate.proof.is_token());
        if !has_token {
            let forged = enters(join(&offered, SenderCheck::Fail));
            assert_eq!(forged, None, "case {case}: {offered:?} entered with a failed check");
        }
    }
}

/// A mail of one and the same customer; mails are known by numbers.
#[derive(Clone, Debug)]
struct Sent {
    id: usize,
    references: BTreeSet<usize>,
    check: SenderCheck,
}

impl Sent {
    /// Its own id and those that it refers to.
    fn family(&self) -> BTreeSet<usize> {
        self.references.iter().copied().chain([self.id]).collect()
    }
}

fn strand(ticket: i64) -> Strand {
    Strand {
        ticket: TicketId(ticket),
        customer: CustomerId(1),
        inbox: InboxId(1),
        others: BTreeSet::new(),
        is_touched: false,
        is_spam: false,
    }
}

/// Lets mails come in this order and says which of them are in one ticket.
fn arrived(mails: &[&Sent]) -> BTreeSet<BTreeSet<usize>> {
    let mut tickets: BTreeMap<i64, Vec<&Sent>> = BTreeMap::new();
    for (number, mail) in (1..).zip(mails) {
        let mut candidates = Vec::new();
        for (ticket, there) in &tickets {
            let tied = there.iter().filter(|one| {
                mail.references.contains(&one.id) || !one.references.is_disjoint(&mail.family())
            });
            candidates.extend(tied.map(|one| Candidate {
                ticket: TicketId(*ticket),
                proof: match one.check {
                    SenderCheck::Fail => Proof::DoubtfulMessageId,
                    SenderCheck::Pass | SenderCheck::Unknown => Proof::TheirMessageId,
                },
                sender_takes_part: true,
                is_closed: false,
            }));
        }
        let into = match join(&candidates, mail.check) {
            Joined::Continue(joined) => {
                let also = also_continued(&candidates, mail.check, joined);
                let also: Vec<Strand> = also.iter().map(|one| strand(one.0)).collect();
                let tied = tie(&strand(joined.0), &also);
                for gone in tied.taken_in {
                    let moved = tickets.remove(&gone.0).unwrap();
                    tickets.get_mut(&tied.into.0).unwrap().extend(moved);
                }
                tied.into.0
            }
            Joined::Start { .. } => number,
            Joined::ContinueHeld(_) => panic!("nobody here is a stranger"),
        };
        tickets.entry(into).or_default().push(mail);
    }
    tickets.into_values().map(|there| there.iter().map(|one| one.id).collect()).collect()
}

/// Every order of some things.
pub(super) fn orders<T: Clone>(things: &[T]) -> Vec<Vec<T>> {
    if things.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for first in 0..things.len() {
        let mut rest = things.to_vec();
        let first = rest.remove(first);
        all.extend(orders(&rest).into_iter().map(|order| [vec![first.clone()], order].concat()));
    }
    all
}

#[test]
fn what_is_one_conversation_does_not_depend_on_the_order_in_which_it_came() {
    const UNSEEN: usize = 2;
    let mut dice = Dice::new(19);
    let mut met = [0_usize; 6];
    for case in 0..cases(400) {
        let count = 2 + dice.roll(4);
        let mails: Vec<Sent> = (0..count)
            .map(|id| {
                // Some of what is referred to never comes, and some comes only later.
                let refers = |dice: &mut Dice| dice.roll(count + UNSEEN);
                let references =
                    (0..dice.roll(3)).map(|_| refers(&mut dice)).filter(|to| *to != id);
                let references = references.collect();
                Sent { id, references, check: dice.pick(&CHECKS) }
            })
            .collect();
        let all: Vec<&Sent> = mails.iter().collect();
        let usual = arrived(&all);
        met[usual.len()] += 1;
        for order in orders(&all) {
            assert_eq!(arrived(&order), usual, "case {case}: {order:?}");
        }
    }
    assert!(met[1..5].iter().all(|times| *times > 10), "{met:?}");
}

#[test]
fn tickets_become_one_only_where_nobody_learns_anything_by_it() {
    let touched = |number| Strand { is_touched: true, ..strand(number) };
    let kim: BTreeSet<_> = ["kim@example.com".parse().unwrap()].into();
    let ids = |numbers: &[i64]| numbers.iter().copied().map(TicketId).collect::<Vec<_>>();
    for (joined, also, into, taken_in, apart) in [
        (strand(1), vec![strand(2), strand(3)], 1, vec![2, 3], vec![]),
        (touched(2), vec![strand(1)], 2, vec![1], vec![]),
        (strand(1), vec![touched(2)], 2, vec![1], vec![]),
        (touched(1), vec![touched(2), strand(3)], 1, vec![3], vec![2]),
        (strand(1), vec![touched(2), touched(3)], 2, vec![1], vec![3]),
        (strand(1), vec![Strand { customer: CustomerId(2), ..strand(2) }], 1, vec![], vec![2]),
        (strand(1), vec![Strand { inbox: InboxId(2), ..strand(2) }], 1, vec![], vec![2]),
        (strand(1), vec![Strand { others: kim.clone(), ..strand(2) }], 1, vec![], vec![2]),
        (strand(1), vec![Strand { is_spam: true, ..touched(2) }], 1, vec![], vec![2]),
        (Strand { is_spam: true, ..touched(1) }, vec![strand(2)], 1, vec![], vec![2]),
    ] {
        let expected = Tied { into: TicketId(into), taken_in: ids(&taken_in), apart: ids(&apart) };
        assert_eq!(tie(&joined, &also), expected, "{joined:?} {also:?}");
    }
}

#[test]
fn a_token_a_closed_ticket_and_a_failed_check_tie_nothing() {
    let candidate = |ticket, proof| Candidate {
        ticket: TicketId(ticket),
        proof,
        sender_takes_part: true,
        is_closed: false,
    };
    let by_reference = candidate(2, Proof::TheirMessageId);
    let tied = |other, check| {
        let all = [candidate(1, Proof::TheirMessageId), other];
        !also_continued(&all, check, TicketId(1)).is_empty()
    };
    assert!(tied(by_reference, SenderCheck::Pass) && tied(by_reference, SenderCheck::Unknown));
    assert!(!tied(by_reference, SenderCheck::Fail));
    for other in [
        candidate(2, Proof::OurMessageId),
        candidate(2, Proof::DoubtfulMessageId),
        candidate(2, Proof::SubjectNumber),
        candidate(1, Proof::TheirMessageId),
        Candidate { sender_takes_part: false, ..by_reference },
        Candidate { is_closed: true, ..by_reference },
    ] {
        assert!(!tied(other, SenderCheck::Pass), "{other:?}");
    }
}
