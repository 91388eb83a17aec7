//! How often somebody may do something. Kept in memory of each node.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kernel::{Refusal, Span, Timestamp};

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

    /// So many in any hour, wherever it begins: whatever is taken comes back after one.
    pub const fn in_any_hour(most: u32) -> Self {
        Self { burst: most, refill: Span::hours(1) }
    }

    /// How long an empty bucket takes to fill.
    pub(crate) fn capacity(self) -> Span {
        Span::micros(self.refill.as_micros() * i64::from(self.burst))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many tries; wait {retry_after_seconds} seconds")]
pub struct TooMany {
    pub retry_after_seconds: u64,
}

impl Refusal for TooMany {}

impl TooMany {
    pub(crate) fn after(wait: Span) -> Self {
        Self { retry_after_seconds: u64::try_from(wait.as_seconds()).unwrap_or(0) + 1 }
    }
}

/// Counts by key: an address, an account, a token.
#[derive(Debug)]
pub struct Limiter {
    rate: Rate,
    buckets: Mutex<Buckets>,
}

#[derive(Debug)]
pub(crate) struct Buckets {
    /// When the bucket of a key is full again.
    pub(crate) full_at: HashMap<String, Timestamp>,
    /// With so many keys, those that are full again are dropped.
    pub(crate) tidied_at: usize,
}

/// Fewer keys are never looked through.
pub(crate) const KEYS_KEPT: usize = 20_000;

impl Buckets {
    /// Drops the keys that are full again. All are looked through, and so only once they are twice
    /// as many as the last time: what a key costs does not grow with their number.
    fn tidy(&mut self, now: Timestamp) {
        if self.full_at.len() >= self.tidied_at {
            self.full_at.retain(|_, full_at| *full_at > now);
            self.tidied_at = KEYS_KEPT.max(self.full_at.len().saturating_mul(2));
        }
    }
}

impl Limiter {
    pub fn new(rate: Rate) -> Self {
        let buckets = Buckets { full_at: HashMap::new(), tidied_at: KEYS_KEPT };
        Self { rate, buckets: Mutex::new(buckets) }
    }

    /// Takes one from the bucket of `key`.
    pub fn take(&self, key: &str, now: Timestamp) -> Result<(), TooMany> {
        let mut buckets = self.buckets();
        buckets.tidy(now);
        let capacity = self.rate.capacity();
        let bucket = buckets.full_at.entry(key.to_owned()).or_insert(now);
        // No bucket takes longer to fill: before the clock was set back this one was filled.
        if *bucket > now + capacity {
            *bucket = now;
        }
        let full_at = (*bucket).max(now) + self.rate.refill;
        let wait = full_at.since(now + capacity);
        if wait > Span::ZERO {
            return Err(TooMany::after(wait));
        }
        *bucket = full_at;
        Ok(())
    }

    pub(crate) fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
