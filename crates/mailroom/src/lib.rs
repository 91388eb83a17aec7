//! The mailroom: mail comes in by three doors and leaves by one.
//!
//! Invariants: nobody is told that we have a mail before it is stored durably; every stored mail
//! has a line in the ledger that says what became of it; no connection is open during a
//! transaction.

mod actions;
pub mod check;
mod connection;
mod doors;
mod fetch;
mod health;
mod intake;
mod ledger;
mod mailroom;
mod noted;
mod oauth;
mod plain;
mod reader;
pub mod reading;
mod rhythm;
mod sender;
mod senders;
mod spam;
mod store;
mod tally;
mod undelivered;
mod web;

pub use actions::{MailRefusal, learn};
pub use connection::{AfterFetch, Connection, Endpoint, Oauth, Place, Tls, seal};
pub use doors::{Doorway, Piped, envelope_sender, pipe};
pub use fetch::Fetcher;
pub use health::{Health, health, raise_alarm, raise_alarm_about_cap, raise_alarm_about_quiet};
pub use intake::Intake;
pub use ledger::{
    Decided, Decision, Door, Fate, Filter, Line, find as find_line, page as lines,
    source as source_of,
};
pub use mailroom::{Lent, Mailroom};
pub use oauth::Permissions;
pub use plain::{PlainConnection, PlainEndpoint, PlainOauth, connect};
pub use reader::Reader;
pub use sender::Sender;
pub use store::connections::seal_anew;
pub use store::ledger::{oldest_unread, set_aside_count};
pub use tally::{Gap, keep_reconciled, reconcile};
pub use web::{SETTINGS_PAGES, routes};

/// The texts of this feature.
pub const MESSAGES_EN: &str = include_str!("../messages/en.ftl");

#[cfg(test)]
mod tests;
