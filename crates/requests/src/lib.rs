//! Requests that come twice, and requests that come too often.

mod limits;
mod once;
mod shared;
mod store;

pub use limits::{Limiter, Rate, TooMany};
pub use once::{Answer, Attempt, answer, answered, begin, forget, is_first, sweep};
pub use shared::{SharedLimiter, take_all};

#[cfg(test)]
mod tests;
