//! Row ids. Made by the database, one type a table, so that no two kinds can be mixed up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl From<i64> for $name {
            fn from(row: i64) -> Self {
                Self(row)
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> i64 {
                id.0
            }
        }
    )*};
}

macro_rules! plain_text {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

ids! {
    /// Somebody inside: owner, lead, agent or collaborator.
    AgentId;
    AttachmentId;
    CategoryId;
    /// The person outside.
    CustomerId;
    /// One mail on its way out.
    DeliveryId;
    EventId;
    /// A custom field of a ticket.
    FieldId;
    InboxId;
    JobId;
    /// One received mail and what became of it.
    LedgerId;
    MessageId;
    NoteId;
    NotificationId;
    ProblemId;
    SavedReplyId;
    TagId;
    TeamId;
    /// A ticket. Its number is the reference that people read: `RC-10482`.
    TicketId;
    /// A topic of the contact form.
    TopicId;
    ViewId;
}

plain_text! {
    AgentId AttachmentId CategoryId CustomerId DeliveryId EventId FieldId InboxId JobId LedgerId
    MessageId NoteId NotificationId ProblemId SavedReplyId TagId TeamId TopicId ViewId
}

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RC-{}", self.0)
    }
}

impl FromStr for TicketId {
    type Err = std::num::ParseIntError;

    /// Reads a reference as people write it: `RC-10482`, `rc10482`, `#10482`, `10482`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim().trim_start_matches('#');
        let digits = match text.get(..2) {
            Some(prefix) if prefix.eq_ignore_ascii_case("rc") => {
                let rest = text.get(2..).unwrap_or_default();
                rest.strip_prefix('-').unwrap_or(rest)
            }
            _ => text,
        };
        let digits = if digits.starts_with('+') { "" } else { digits };
        digits.parse::<u32>().map(|number| Self(i64::from(number)))
    }
}
