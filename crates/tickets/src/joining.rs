//! Which ticket a message belongs to. Pure; the table is Q17.
//!
//! A token proves that the sender saw a mail of ours. A reference to a message proves nothing
//! but habit, so it counts only from somebody who already takes part. A number in a subject
//! proves nothing at all: it is offered to the agent as a link.
//!
//! Mails come in any order, and which of them are one conversation must not depend on it. So a
//! mail that ties tickets together makes them one ([`tie`]), and a reference has to be good at both
//! ends: a mail that failed its check neither joins by one nor is joined by one.

use std::collections::BTreeSet;

use kernel::{CustomerId, EmailAddress, InboxId, TicketId};

/// What the checks of the sender said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderCheck {
    Pass,
    Fail,
    /// Nothing is known, which is not a failure.
    Unknown,
}

impl SenderCheck {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
        }
    }

    pub fn named(text: &str) -> Self {
        match text {
            "pass" => Self::Pass,
            "fail" => Self::Fail,
            _ => Self::Unknown,
        }
    }
}

/// Why a ticket is thought to be the one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Proof {
    /// The signed address that we asked to reply to.
    ReplyAddress,
    /// The random Message-ID of a mail that we sent.
    OurMessageId,
    /// A signed link of ours in the quoted text.
    LinkInBody,
    /// The Message-ID of a mail that somebody else sent.
    TheirMessageId,
    /// The same of a mail that failed its check: whoever forged it chose its id and its references.
    DoubtfulMessageId,
    /// A number in the subject.
    SubjectNumber,
}

impl Proof {
    /// Whether it shows that the sender saw a mail of ours.
    pub(crate) fn is_token(self) -> bool {
        match self {
            Self::ReplyAddress | Self::OurMessageId | Self::LinkInBody => true,
            Self::TheirMessageId | Self::DoubtfulMessageId | Self::SubjectNumber => false,
        }
    }
}

/// A ticket that the message may belong to. Merged tickets were followed to where they went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub ticket: TicketId,
    pub proof: Proof,
    /// Whether the sender's address is one of those who take part.
    pub sender_takes_part: bool,
    /// Closed tickets take no more messages.
    pub is_closed: bool,
}

/// What becomes of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    Continue(TicketId),
    /// It goes there, but as a stranger's: nobody outside sees it until an agent admits it.
    ContinueHeld(TicketId),
    /// A new ticket; `follows` a closed one, or `possibly` belongs to another.
    Start {
        follows: Option<TicketId>,
        possibly: Option<TicketId>,
    },
}

/// Decides. The order of the candidates does not matter: the strongest proof counts, and among
/// equals the oldest ticket.
pub(crate) fn join(candidates: &[Candidate], check: SenderCheck) -> Joined {
    let mut ranked: Vec<Candidate> = candidates.to_vec();
    ranked.sort_by_key(|candidate| (candidate.proof, candidate.ticket));
    let accepted = ranked.iter().find(|candidate| may_continue(candidate, check));
    let possibly = ranked.first().map(|candidate| candidate.ticket);
    match accepted {
        Some(candidate) if candidate.is_closed && candidate.sender_takes_part => {
            Joined::Start { follows: Some(candidate.ticket), possibly: None }
        }
        // A stranger does not get to know that the ticket exists.
        Some(candidate) if candidate.is_closed => {
            Joined::Start { follows: None, possibly: Some(candidate.ticket) }
        }
        Some(candidate) if candidate.sender_takes_part => Joined::Continue(candidate.ticket),
        Some(candidate) => Joined::ContinueHeld(candidate.ticket),
        None => Joined::Start { follows: None, possibly },
    }
}

fn may_continue(candidate: &Candidate, check: SenderCheck) -> bool {
    if candidate.proof.is_token() {
        return true;
    }
    candidate.proof == Proof::TheirMessageId
        && candidate.sender_takes_part
        && check != SenderCheck::Fail
}

/// The other open tickets that a message continues by its references as well as the one that it
/// joins, oldest first. A token of ours says which ticket it is about, and ties it to no other.
pub(crate) fn also_continued(
    candidates: &[Candidate],
    check: SenderCheck,
    joined: TicketId,
) -> Vec<TicketId> {
    let also = candidates.iter().filter(|one| {
        let by_reference = !one.proof.is_token() && may_continue(one, check);
        by_reference && !one.is_closed && one.ticket != joined && check != SenderCheck::Fail
    });
    also.map(|one| one.ticket).collect::<BTreeSet<_>>().into_iter().collect()
}

/// A ticket that a message continues beside another one.
#[derive(Clone, Debug)]
pub(crate) struct Strand {
    pub ticket: TicketId,
    pub customer: CustomerId,
    pub inbox: InboxId,
    /// Who takes part beside the customer.
    pub others: BTreeSet<EmailAddress>,
    /// Whether anybody here has done anything with it yet.
    pub is_touched: bool,
    pub is_spam: bool,
}

/// What becomes of tickets that a message ties together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tied {
    pub into: TicketId,
    pub taken_in: Vec<TicketId>,
    /// Those that stay apart, to be offered to an agent as links.
    pub apart: Vec<TicketId>,
}

/// Makes tickets one where nobody learns anything by it, and nobody here is surprised: they are of
/// the same customer, in the same inbox, with the same people taking part, and at most one of them
/// was touched. The touched one takes the others in, or else the one that the message joins.
pub(crate) fn tie(joined: &Strand, also: &[Strand]) -> Tied {
    let fits = |one: &Strand| {
        one.customer == joined.customer
            && one.inbox == joined.inbox
            && one.others == joined.others
            && !one.is_spam
            && !joined.is_spam
    };
    let fitting = || also.iter().filter(|one| fits(one));
    let into = match fitting().find(|one| one.is_touched) {
        Some(touched) if !joined.is_touched => touched,
        Some(_) | None => joined,
    };
    let mut tied = Tied { into: into.ticket, taken_in: Vec::new(), apart: Vec::new() };
    for one in std::iter::once(joined).chain(also).filter(|one| one.ticket != into.ticket) {
        let is_taken_in = one.ticket == joined.ticket || fits(one);
        let side =
            if is_taken_in && !one.is_touched { &mut tied.taken_in } else { &mut tied.apart };
        side.push(one.ticket);
    }
    tied
}

/// The references that stand in a subject: `RC-10482`, `[rc-10482]`. Bare numbers are not.
pub(crate) fn references_in(subject: &str) -> Vec<TicketId> {
    let lower = subject.to_lowercase();
    let mut found = Vec::new();
    for (at, _) in lower.match_indices("rc-") {
        let stands_alone = !lower
            .get(..at)
            .and_then(|before| before.chars().next_back())
            .is_some_and(char::is_alphanumeric);
        let digits: String = lower
            .get(at + 3..)
            .unwrap_or_default()
            .chars()
            .take_while(char::is_ascii_digit)
            .take(10)
            .collect();
        if let (true, Ok(ticket)) = (stands_alone, digits.parse::<TicketId>())
            && !found.contains(&ticket)
        {
            found.push(ticket);
        }
    }
    found
}
