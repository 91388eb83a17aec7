//! Whether there is room on the disk for what comes in.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::Result;
use kernel::StorageFull;

type GiveUp = Box<dyn Fn() + Send + Sync>;

/// Room for what comes in. While it is short, nothing from outside is taken, so that what is left
/// is there for signing in and for the audit trail. Cheap to clone.
#[derive(Clone, Default)]
pub struct Room(Arc<State>);

#[derive(Default)]
struct State {
    is_short: AtomicBool,
    reserve: OnceLock<GiveUp>,
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Room {{ is_short: {} }}", self.is_short())
    }
}

impl Room {
    /// Lends what is to be done to give up a reserve. Where there is none, room is never short:
    /// each thing that does not fit is refused by itself.
    pub fn lend_reserve(&self, give_up: impl Fn() + Send + Sync + 'static) {
        let _ = self.0.reserve.set(Box::new(give_up));
    }

    pub fn is_short(&self) -> bool {
        self.0.is_short.load(Ordering::Acquire)
    }

    /// Goes on only while there is room for something from outside.
    pub fn must_suffice(&self) -> Result<()> {
        if self.is_short() { Err(StorageFull.into()) } else { Ok(()) }
    }

    /// Something did not fit: the reserve is given up, and nothing comes in until it is back.
    pub fn ran_out(&self) {
        let Some(give_up) = self.0.reserve.get() else { return };
        if !self.0.is_short.swap(true, Ordering::AcqRel) {
            tracing::error!(
                "the disk is full: what was set aside is given up for signing in and the audit \
                 trail, and nothing is taken in until there is room again"
            );
            give_up();
        }
    }

    /// The same, if that is why something did not work.
    pub fn heed(&self, fault: &anyhow::Error) {
        if StorageFull::is_behind(fault) {
            self.ran_out();
        }
    }

    /// The reserve is there again.
    pub fn is_back(&self) {
        self.0.is_short.store(false, Ordering::Release);
    }
}
