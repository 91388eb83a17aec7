//! Clocks that jump. A lease that ran out means that its holder died, but not when it ran out
//! because the clock was set forward: whoever lives has not had the time to renew it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use kernel::{Span, Timestamp};

/// Watches whether the clock jumps.
#[derive(Debug)]
pub struct Leaps {
    begun: Instant,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    /// What the clock said at the last look, and how long this had been watched by then.
    last: (Timestamp, Duration),
    /// Until then a lease says nothing.
    unsure_until: Duration,
}

/// Clocks are put right a little all the time.
const USUAL: Span = Span::seconds(5);
/// By then whoever lives has renewed what they hold: they do so every twenty seconds.
const RENEWED_WITHIN: Duration = Duration::from_secs(30);

impl Leaps {
    pub fn watch(now: Timestamp) -> Self {
        let seen = Seen { last: (now, Duration::ZERO), unsure_until: Duration::ZERO };
        Self { begun: Instant::now(), seen: Mutex::new(seen) }
    }

    /// Whether a lease that ran out at `now` means that its holder died. To be asked again and
    /// again: it knows of jumps since it was asked last.
    pub fn leases_count(&self, now: Timestamp) -> bool {
        self.leases_count_after(now, self.begun.elapsed())
    }

    pub(crate) fn leases_count_after(&self, now: Timestamp, watched: Duration) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (then, before) = std::mem::replace(&mut seen.last, (now, watched));
        let passed = watched.saturating_sub(before).as_micros();
        let passed = i64::try_from(passed).unwrap_or(i64::MAX);
        let jump = now.since(then).as_micros().saturating_sub(passed);
        if jump.unsigned_abs() > USUAL.as_micros().unsigned_abs() {
            tracing::warn!("the clock jumped by {} seconds", jump / 1_000_000);
            seen.unsure_until = watched + RENEWED_WITHIN;
        }
        watched >= seen.unsure_until
    }
}
