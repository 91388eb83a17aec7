//! Every SQL statement of this feature.

pub(crate) mod check;
pub(crate) mod connections;
pub(crate) mod cursors;
pub(crate) mod health;
pub(crate) mod ledger;
pub(crate) mod senders;
pub(crate) mod unfetched;
pub(crate) mod waiting;
