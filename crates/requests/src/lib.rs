//! Requests that come twice, and requests that come too often.

mod limits;
mod once;
mod store;

pub use limits::{Limiter, Rate, TooMany};
pub use once::{Answer, Attempt, answer, answered, begin, forget, sweep};

#[cfg(test)]
mod tests;
