//! How the server stops: told to, it first says that it is not ready any more, then closes its
//! doors, and is gone in time whatever it has in hand.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::config::Stopping;

/// The steps of a stop. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Stop {
    /// Cancelled first: nothing is begun any more that nobody asked for, and `ready` says so.
    pub(crate) leaving: CancellationToken,
    /// Cancelled then: nobody is let in any more, and streams end.
    pub(crate) closing: CancellationToken,
    terms: Stopping,
    /// When somebody last asked whether the server is ready.
    asked_at: Arc<Mutex<Option<Instant>>>,
}

/// Who sends requests here only while the server is ready asks more often than this.
const WATCHED_FOR: Duration = Duration::from_mins(1);

impl Stop {
    pub(crate) fn new(terms: Stopping) -> Self {
        let (leaving, closing) = (CancellationToken::new(), CancellationToken::new());
        Self { leaving, closing, terms, asked_at: Arc::default() }
    }

    /// Somebody asks whether the server is ready.
    pub(crate) fn note_asked(&self) {
        *self.asked_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn is_watched(&self) -> bool {
        let asked_at = *self.asked_at.lock().unwrap_or_else(PoisonError::into_inner);
        asked_at.is_some_and(|at| at.elapsed() < WATCHED_FOR)
    }

    /// Begins to stop, and closes the doors when whoever watches knows. Says when it began.
    pub(crate) async fn begin(&self) -> Instant {
        let begun = Instant::now();
        self.leaving.cancel();
        if self.is_watched() {
            tokio::time::sleep(self.terms.grace()).await;
        }
        self.closing.cancel();
        begun
    }

    /// How long what is at hand may take once the server leaves.
    pub(crate) fn time_for_work(&self) -> Duration {
        self.terms.within * 4 / 5
    }

    /// How long whoever is inside may take once the doors close.
    pub(crate) fn time_for_guests(&self) -> Duration {
        self.time_for_work().saturating_sub(self.terms.grace())
    }

    /// How long it may take until everything has ended, with all that was put down.
    pub(crate) fn time_for_tasks(&self) -> Duration {
        self.terms.within * 9 / 10
    }

    /// How long it may take until the database is closed.
    pub(crate) fn time_for_all(&self) -> Duration {
        self.terms.within * 19 / 20
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_doors_stay_open_for_a_moment_where_somebody_watches() {
        let hour = Duration::from_hours(1);
        for is_watched in [true, false] {
            let stop = Stop::new(Stopping { grace: hour, within: hour * 3 });
            if is_watched {
                stop.note_asked();
            }
            let mut begins = Box::pin(stop.begin());
            assert_eq!(futures_util::poll!(&mut begins).is_pending(), is_watched);
            assert!(stop.leaving.is_cancelled(), "it is known at once");
            assert_eq!(stop.closing.is_cancelled(), !is_watched);
        }
    }

    #[test]
    fn each_part_of_a_stop_ends_before_the_next() {
        for (grace, within) in [(5, 25), (0, 2), (10, 2), (10, 25)] {
            let terms =
                Stopping { grace: Duration::from_secs(grace), within: Duration::from_secs(within) };
            let stop = Stop::new(terms);
            assert!(!stop.time_for_guests().is_zero(), "{grace} {within}");
            assert!(terms.grace() + stop.time_for_guests() <= stop.time_for_work());
            assert!(stop.time_for_work() < stop.time_for_tasks());
            assert!(stop.time_for_tasks() < stop.time_for_all());
            assert!(stop.time_for_all() < terms.within);
        }
    }
}
