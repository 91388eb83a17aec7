//! How long work on what a stranger sent may take.

use std::time::{Duration, Instant};

#[cfg(test)]
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Until when something from outside is worked on. It is asked between pieces of the work, each of
/// which is bounded by itself.
#[derive(Clone, Debug, Default)]
pub struct Deadline(Until);

#[derive(Clone, Debug, Default)]
enum Until {
    #[default]
    Never,
    At(Instant),
    #[cfg(test)]
    AfterLooks(Arc<AtomicUsize>),
}

impl Deadline {
    /// The work may take as long as it takes.
    pub const fn never() -> Self {
        Self(Until::Never)
    }

    /// The work may take so long from now on.
    pub fn within(span: Duration) -> Self {
        Self(Instant::now().checked_add(span).map_or(Until::Never, Until::At))
    }

    /// It is over when it was asked so often.
    #[cfg(test)]
    pub(crate) fn after_looks(looks: usize) -> Self {
        Self(Until::AfterLooks(Arc::new(AtomicUsize::new(looks))))
    }

    pub(crate) fn is_over(&self) -> bool {
        match &self.0 {
            Until::Never => false,
            Until::At(at) => Instant::now() >= *at,
            #[cfg(test)]
            Until::AfterLooks(left) => {
                let fewer = |looks: usize| looks.checked_sub(1);
                left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_err()
            }
        }
    }
}
