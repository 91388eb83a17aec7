//! Work for later, in the same database and the same transaction as what made it necessary.
//!
//! A [`Job`] is a struct of ids. It may run twice: its worker can die after the work and before
//! the row is gone. Invariant: a job is waiting, running under a lease, failed and visible, or
//! done and deleted; it is never lost.

mod backoff;
mod job;
mod leap;
mod schedule;
mod store;
mod workers;

pub use backoff::backoff;
pub use job::{Context, Job, Retry};
pub use leap::Leaps;
pub use store::check;
pub use store::{
    FailedJob, discard, enqueue, enqueue_at, failed, failed_count, oldest_due, retry, waiting_count,
};
pub use workers::Workers;

#[cfg(test)]
mod tests;
