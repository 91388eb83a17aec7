//! What stands in a ticket.

mod events;
mod files;
mod messages;
mod notes;

pub(crate) use events::*;
pub(crate) use files::*;
pub(crate) use messages::*;
pub(crate) use notes::*;
