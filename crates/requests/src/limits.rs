//! How often somebody may do something. Kept in memory of each node.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kernel::{Span, Timestamp};

/// So many at once, and then one every so often.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    pub burst: u32,
    pub refill: Span,
}

impl Rate {
    pub const fn new(burst: u32, refill: Span) -> Self {
        Self { burst, refill }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many tries; wait {retry_after_seconds} seconds")]
pub struct TooMany {
    pub retry_after_seconds: u64,
}

/// Counts by key: an address, an account, a token.
#[derive(Debug)]
pub struct Limiter {
    rate: Rate,
    /// When the bucket of a key is full again.
    full_at: Mutex<HashMap<String, Timestamp>>,
}

/// Above this many keys, those that are full again are dropped.
const KEYS_MAX: usize = 20_000;

impl Limiter {
    pub fn new(rate: Rate) -> Self {
        Self { rate, full_at: Mutex::new(HashMap::new()) }
    }

    /// Takes one from the bucket of `key`.
    pub fn take(&self, key: &str, now: Timestamp) -> Result<(), TooMany> {
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= KEYS_MAX {
            buckets.retain(|_, full_at| *full_at > now);
        }
        let capacity = Span::micros(self.rate.refill.as_micros() * i64::from(self.rate.burst));
        let bucket = buckets.entry(key.to_owned()).or_insert(now);
        // No bucket takes longer to fill: before the clock was set back this one was filled.
        if *bucket > now + capacity {
            *bucket = now;
        }
        let full_at = (*bucket).max(now) + self.rate.refill;
        let wait = full_at.since(now + capacity);
        if wait > Span::ZERO {
            let seconds = u64::try_from(wait.as_seconds()).unwrap_or(0) + 1;
            return Err(TooMany { retry_after_seconds: seconds });
        }
        *bucket = full_at;
        Ok(())
    }

    /// Gives back one that was taken.
    pub fn give_back(&self, key: &str) {
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(full_at) = buckets.get_mut(key) {
            *full_at = *full_at - self.rate.refill;
        }
    }

    /// Gives back all that was taken.
    pub fn clear(&self, key: &str) {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}
