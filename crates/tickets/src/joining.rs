//! Which ticket a message belongs to. Pure; the table is Q17.
//!
//! A token proves that the sender saw a mail of ours. A reference to a message proves nothing
//! but habit, so it counts only from somebody who already takes part. A number in a subject
//! proves nothing at all: it is offered to the agent as a link.

use kernel::TicketId;

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
    /// A number in the subject.
    SubjectNumber,
}

impl Proof {
    /// Whether it shows that the sender saw a mail of ours.
    pub(crate) fn is_token(self) -> bool {
        match self {
            Self::ReplyAddress | Self::OurMessageId | Self::LinkInBody => true,
            Self::TheirMessageId | Self::SubjectNumber => false,
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
