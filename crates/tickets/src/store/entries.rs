//! What stands in a ticket.

mod events;
mod files;
mod messages;
mod notes;

pub(crate) use events::*;
pub use files::FILE_REFERENCES;
pub(crate) use files::*;
pub(crate) use messages::*;
pub(crate) use notes::*;
