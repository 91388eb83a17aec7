//! The ledger, for programs: which mails came, what became of them, and their sources.

pub use crate::ledger::{Decided, Decision, Filter};
pub use crate::store::ledger::{find, page, source};
