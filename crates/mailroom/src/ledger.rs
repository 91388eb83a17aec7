//! The ledger: every received mail, and what became of it.

use anyhow::{Result, bail};
use kernel::{AgentId, InboxId, LedgerId, MessageId, PublicId, TicketId, Timestamp};

pub(crate) use crate::store::ledger::counts;
pub use crate::store::ledger::{find, page, source};

/// By which way a mail came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Imap,
    Lmtp,
    Pipe,
}

impl Door {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Lmtp => "lmtp",
            Self::Pipe => "pipe",
        }
    }

    pub(crate) fn named(text: &str) -> Result<Self> {
        Ok(match text {
            "imap" => Self::Imap,
            "lmtp" => Self::Lmtp,
            "pipe" => Self::Pipe,
            other => bail!("unknown door {other}"),
        })
    }
}

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Stored, and about to be read.
    Received,
    Ticketed,
    /// Held as spam, as a loop, or because its sender is blocked.
    Quarantined,
    /// A report about mail of ours.
    Bounce,
    /// Could not be read, and is a ticket with its source if that was possible.
    Failed,
    /// Looked at by a person, or our own mail that came back: nothing to do.
    Dismissed,
}

impl Fate {
    pub const ALL: [Self; 6] = [
        Self::Received,
        Self::Ticketed,
        Self::Quarantined,
        Self::Bounce,
        Self::Failed,
        Self::Dismissed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Ticketed => "ticketed",
            Self::Quarantined => "quarantined",
            Self::Bounce => "bounce",
            Self::Failed => "failed",
            Self::Dismissed => "dismissed",
        }
    }

    pub fn named(text: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|fate| fate.as_str() == text) {
            Some(fate) => Ok(fate),
            None => bail!("unknown fate {text}"),
        }
    }
}

/// A line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub id: LedgerId,
    pub public_id: PublicId,
    pub inbox: InboxId,
    pub door: Door,
    pub size_bytes: i64,
    /// SHA-256 of the source, for whoever wants to compare.
    pub raw_hash: String,
    pub mail_id: String,
    pub from_address: String,
    pub subject: String,
    pub fate: Fate,
    pub reason: Option<String>,
    /// The beginning of the text of a mail that was held.
    pub preview: String,
    pub decision: Option<Decision>,
    pub is_history: bool,
    pub ticket: Option<TicketId>,
    pub message: Option<MessageId>,
    pub attempts: i64,
    pub received_at: Timestamp,
}

/// What a person decided about a mail that was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    pub what: Decided,
    pub by: AgentId,
    pub at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// It is no spam and goes on into a ticket.
    Released,
    /// It is spam and nobody has to see it.
    Dismissed,
}

impl Decided {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::Dismissed => "dismissed",
        }
    }

    pub(crate) fn named(text: &str) -> Result<Self> {
        Ok(match text {
            "released" => Self::Released,
            "dismissed" => Self::Dismissed,
            other => bail!("unknown decision {other}"),
        })
    }
}

/// Which lines to show.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// None: of every inbox.
    pub inboxes: Option<Vec<InboxId>>,
    pub fate: Option<Fate>,
    /// Older than this line.
    pub before: Option<PublicId>,
}

/// A mail that is about to be stored.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) inbox: InboxId,
    pub(crate) door: Door,
    pub(crate) envelope_from: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) raw_hash: String,
    pub(crate) content_hash: String,
    /// Message-ID as it stands in the source; empty where there is none.
    pub(crate) mail_id: String,
    pub(crate) is_history: bool,
    pub(crate) received_at: Timestamp,
}

/// A stored mail that waits to be read.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) id: LedgerId,
    pub(crate) inbox: InboxId,
    pub(crate) content_hash: String,
    pub(crate) mail_id: String,
    pub(crate) envelope_from: String,
    pub(crate) is_history: bool,
    /// A person said that it is no spam.
    pub(crate) is_released: bool,
    pub(crate) attempts: i64,
    /// How often reading it was begun, this time among them, without coming to an end.
    pub(crate) begun: i64,
    /// The ticket that says it could not be read, when it is read again.
    pub(crate) failed_into: Option<(TicketId, MessageId)>,
    pub(crate) received_at: Timestamp,
    pub(crate) size_bytes: i64,
    /// Why there is only word of it: the server that has it did not give it.
    pub(crate) not_given: Option<String>,
}

/// A mail that was at hand so often when the program ended may be the cause: it is read while no
/// other such is, so that the others get past it.
pub(crate) const SUSPECT_AFTER: i64 = 3;
/// After this it is not read any more.
const BEGUN_MAX: i64 = 8;
/// What a new version tries once more may end the program so much less often.
pub(crate) const BEGUN_BEFORE_LAST: i64 = BEGUN_MAX - 2;

/// The version of this program as a number that grows.
pub(crate) fn program_version() -> i64 {
    let parts = [
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    ];
    parts.iter().fold(0, |number, part| number * 10_000 + part.parse::<i64>().unwrap_or(0))
}

impl Waiting {
    /// Whether it may be why the program ended.
    pub(crate) fn is_suspect(&self) -> bool {
        self.begun > SUSPECT_AFTER
    }

    /// Whether reading it has ended the program too often.
    pub(crate) fn is_given_up(&self) -> bool {
        self.begun > BEGUN_MAX
    }
}

/// What became of a mail, and what it said of itself.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) fate: Fate,
    pub(crate) reason: Option<String>,
    pub(crate) ticket: Option<TicketId>,
    pub(crate) message: Option<MessageId>,
    pub(crate) from_address: String,
    pub(crate) subject: String,
    pub(crate) preview: String,
}

impl Outcome {
    /// What is written down about a mail that could not be taken in, with a reason for people.
    pub(crate) fn failed(reason: &str) -> Self {
        Self {
            fate: Fate::Failed,
            reason: Some(kernel::clip(&kernel::one_line(reason), 500)),
            ticket: None,
            message: None,
            from_address: String::new(),
            subject: String::new(),
            preview: String::new(),
        }
    }
}
