//! Mail: its formats as pure functions, and thin clients and a listener for its protocols.
//!
//! Invariant: bytes from outside never make anything here panic, recurse or grow beyond a bound,
//! and no connection is opened but through the guard. Nothing here knows a ticket or a table.

mod auth;
mod compose;
mod deadline;
mod format;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod hash;
pub mod html;
pub mod imap;
mod link;
pub mod lmtp;
mod nature;
pub mod oauth;
pub mod probe;
pub mod quote;
mod reading;
pub mod smtp;
mod status;
mod trace;
mod words;

pub use auth::{
    DkimRecord, Dns, DnsFault, DomainReport, Finding, Record, SenderCheck, State, Trust, Verdict,
    authenticate, domain_report,
};
pub use compose::{
    Attached, AutomaticKind, ComposeFault, Composed, Draft, RECIPIENTS_MAX, Signing,
    TEXT_BYTES_MAX, compose, new_signing_key, signing_record,
};
pub use deadline::Deadline;
pub use format::address::Party;
pub use hash::{content_hash, raw_hash};
pub use link::{Credentials, LinkFault, Security, Server, xoauth2};
pub use nature::{Bounce, Complaint, Nature};
pub use reading::{Doubt, File, Limits, Reading, Remark, Sender, clean_file_name, read};
pub use trace::{Method, Results};

#[cfg(test)]
mod tests;
