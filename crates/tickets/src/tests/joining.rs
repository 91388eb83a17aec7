//! The table of joining, told a second time and compared in a million cases.

use kernel::TicketId;

use super::chance::{Dice, cases};
use crate::joining::{Candidate, Joined, Proof, SenderCheck, join};

const PROOFS: [Proof; 5] = [
    Proof::ReplyAddress,
    Proof::OurMessageId,
    Proof::LinkInBody,
    Proof::TheirMessageId,
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
    let number = oldest(&|candidate| candidate.proof == Proof::SubjectNumber);
    alone(their_mail.or(number).map(|candidate| candidate.ticket))
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
