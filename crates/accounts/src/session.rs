//! Sessions: who is signed in, where, and until when.

use kernel::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Without a request for this long a session is over, where owners say nothing else.
pub const SESSION_IDLE: Span = Span::hours(12);
/// Whatever happens, it is over after this long, where owners say nothing else.
pub const SESSION_ABSOLUTE: Span = Span::days(14);

/// How long sessions last, as owners set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionLimits {
    /// Without a request for so many hours a session is over.
    pub idle_hours: u32,
    /// Whatever happens, it is over after so many days.
    pub days: u32,
}

impl SessionLimits {
    /// What owners can choose from: hours without a request.
    pub const IDLE_HOURS: [u32; 7] = [1, 2, 4, 8, 12, 24, 72];
    /// What owners can choose from: days.
    pub const DAYS: [u32; 5] = [1, 7, 14, 30, 90];

    pub fn idle(self) -> Span {
        Span::hours(i64::from(self.idle_hours))
    }

    pub fn absolute(self) -> Span {
        Span::days(i64::from(self.days))
    }
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self { idle_hours: 12, days: 14 }
    }
}

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
