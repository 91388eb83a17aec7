//! How long to wait before the next try.

use kernel::Span;

const FIRST: i64 = 5;
const LONGEST: i64 = 6 * 60 * 60;

/// Exponential with full jitter, so that what failed together does not come back together.
///
/// `attempt` counts from 1; `chance` is a random number from 0 up to 1.
pub fn backoff(attempt: i64, chance: f64) -> Span {
    let doublings = u32::try_from(attempt.clamp(1, 20) - 1).unwrap_or(0);
    let ceiling = FIRST.saturating_mul(2_i64.saturating_pow(doublings)).min(LONGEST);
    let steps = 1_000;
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "a number from 0 to 1000"
    )]
    let share = (chance.clamp(0.0, 1.0) * 1_000.0) as i64;
    Span::millis((ceiling * share).max(steps) * 1_000 / steps)
}
