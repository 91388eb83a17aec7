//! A clock that goes as others do, and is set forward and back.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use kernel::{Clock, Span, SystemClock, Timestamp};

#[derive(Default)]
pub(crate) struct Shifted {
    off_micros: AtomicI64,
}

impl Shifted {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn jumps(&self, span: Span) {
        self.off_micros.fetch_add(span.as_micros(), Ordering::SeqCst);
    }
}

impl Clock for Shifted {
    fn now(&self) -> Timestamp {
        SystemClock.now() + Span::micros(self.off_micros.load(Ordering::SeqCst))
    }
}
