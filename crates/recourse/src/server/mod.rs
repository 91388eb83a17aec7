//! The HTTP server: connections with limits, and what every request goes through.

mod admission;
mod client;
mod disclosure;
mod health;
mod layers;
mod listen;
mod metrics;
mod readiness;
mod room;
mod taking;

pub(crate) use disclosure::Disclosure;
pub(crate) use health::Health;
pub(crate) use layers::dress;
pub(crate) use listen::{Front, bind};
pub(crate) use metrics::{record_figures, sum_up};

#[cfg(test)]
mod tests;
