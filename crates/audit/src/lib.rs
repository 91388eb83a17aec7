//! The audit trail: who did what, on what, when, from where, and who read what.
//!
//! Entries are only ever added. Each carries a hash over itself and the hash of the one before it;
//! where the chain ends is sealed with the key file in the same transaction, and checkpoints vouch
//! for what is behind them. So an entry that was changed, taken out, put in, exchanged or cut off at
//! the end by whoever has the database is found by [`verify`], as long as they do not have the key
//! file as well.
//!
//! The order of the chain is decided in the last moment of a transaction, by the row of its head:
//! transactions that add to the trail wait for one another there and nowhere else, and those that
//! do not never wait.

mod chain;
mod deed;
mod entry;
mod store;
mod trail;
mod verify;

pub use deed::{Deed, UnknownDeed};
pub use entry::{Entry, Object, Who, WhoKind};
pub use store::page::{Filter, Line, find, page};
pub use trail::Trail;
pub use verify::{Broken, Flaw, Report, verify};

#[cfg(test)]
mod tests;
