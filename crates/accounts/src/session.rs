//! Sessions: who is signed in, where, and until when.

use kernel::{Span, Timestamp};

/// Without a request for this long a session is over.
pub const SESSION_IDLE: Span = Span::hours(12);
/// Whatever happens, it is over after this long.
pub const SESSION_ABSOLUTE: Span = Span::days(14);
/// Noting every request would make every read a write.
pub(crate) const SEEN_EVERY: Span = Span::minutes(5);
pub(crate) const TOKEN_PREFIX: &str = "rcs";

pub(crate) const USER_AGENT_MAX: usize = 200;

/// A session as its owner sees it in the list.
#[derive(Clone, Debug)]
pub struct SessionCard {
    pub id: i64,
    pub user_agent: String,
    pub address: String,
    pub created_at: Timestamp,
    pub last_seen_at: Timestamp,
}
