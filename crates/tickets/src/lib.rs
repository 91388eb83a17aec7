//! Tickets: what customers wrote, what we answered, what was done about it.
//!
//! Invariants: a ticket changes its state only through [`state::next`]; a message joins a ticket
//! only by the table in `joining`; notes live apart from messages and cannot be sent.

pub mod actions;
mod clock;
mod courtesy;
pub mod customer_view;
mod desk;
mod event;
pub mod filter;
pub mod finding;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod joining;
mod lessons;
mod letters;
mod mail_view;
mod message;
mod names;
mod notify;
pub mod reading;
pub mod rules;
mod saved_reply;
mod seen;
mod state;
mod store;
mod ticket;
mod tokens;
pub mod views;
mod web;

pub use desk::Desk;
pub use event::{By, Event, Fact, Note};
pub use joining::SenderCheck;
pub use lessons::{Learner, Lesson, TeachLesson};
pub use mail_view::{MailView, inline_image, is_redacted, mail_view};
pub use message::{Attachment, Author, Message, MessageKind, StoredFile};
pub use names::Known;
pub use state::{CannotMove, Happening, State, Then};
pub use store::again::{index_messages_again, index_notes_again};
pub use store::check;
pub use store::entries::FILE_REFERENCES;
pub use store::shared::View;
pub use store::taxonomy::{Category, Field, FieldKind, Problem};
pub use ticket::{Channel, Direction, Priority, Resolution, Ticket};
pub use tokens::reply_address;
pub use web::{SETTINGS_PAGES, routes, send_file};

use anyhow::Result;
use database::Conn;
use kernel::{CustomerId, MessageId, TicketId};

/// Whose ticket it is.
pub async fn customer_of(conn: &Conn, id: TicketId) -> Result<Option<CustomerId>> {
    Ok(store::tickets::find(conn, id).await?.map(|ticket| ticket.customer))
}

/// The files of a message.
pub async fn attachments_of(conn: &Conn, message: MessageId) -> Result<Vec<Attachment>> {
    store::entries::attachments(conn, &[message]).await
}

/// The texts of this feature.
pub const MESSAGES_EN: &str = include_str!("../messages/en.ftl");

#[cfg(test)]
mod tests;
