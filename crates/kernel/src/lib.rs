//! The words that every other crate is written in: ids, instants, addresses, refusals.
//!
//! Invariant: nothing here waits, reads a file, or knows a database or a browser.

mod email_address;
mod failure;
mod id;
mod public_id;
mod secret;
mod text;
mod time;

pub use email_address::{EmailAddress, NotAnAddress};
pub use failure::{Failure, Refusal, StorageFull, TooSlow};
pub use id::{
    AgentId, AttachmentId, CategoryId, CustomerId, DeliveryId, EventId, FieldId, InboxId, JobId,
    LedgerId, MessageId, NoteId, NotificationId, ProblemId, SavedReplyId, TagId, TeamId, TicketId,
    TopicId, ViewId,
};
pub use public_id::PublicId;
pub use secret::Secret;
pub use text::{clip, hex, one_line};
pub use time::{Clock, ManualClock, SharedClock, Span, SystemClock, Timestamp};

/// A length as the database counts it.
///
/// Lengths on the machines we run on fit; the clamp only keeps the conversion total.
pub fn count(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

/// A stored count as a length; negative counts read as nothing.
pub fn length(count: i64) -> usize {
    usize::try_from(count).unwrap_or(0)
}

/// No lease of a job, a letter or an inbox is for longer. One that ends later was taken before the
/// clock was set back.
pub const LEASE_MAX: Span = Span::minutes(10);

#[cfg(test)]
mod tests;
