//! What a job is.

use std::future::Future;

use database::Db;
use kernel::{SharedClock, Span, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A piece of work, named by ids. Safe to run twice.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Unique in the program; stored with the row, so it outlives renames of the type.
    const NAME: &'static str;
    /// When a run is cut off.
    const TIME_LIMIT: Span = Span::seconds(45);
    /// After how many tries it is set aside for a person to look at.
    const TRIES_MAX: i64 = 12;

    /// What it needs besides the database.
    type Services: Clone + Send + Sync + 'static;

    /// Jobs of one lane never take more than half of the workers.
    fn lane(&self) -> String {
        Self::NAME.to_owned()
    }

    /// While a job with this key waits, another one is not added.
    fn once_key(&self) -> Option<String> {
        None
    }

    fn run(&self, cx: &Context<Self::Services>) -> impl Future<Output = Result<(), Retry>> + Send;
}

/// What a running job has at hand.
#[derive(Clone)]
pub struct Context<S> {
    pub db: Db,
    pub clock: SharedClock,
    pub services: S,
}

impl<S> Context<S> {
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Why a job did not get done, decided where the fault is understood.
#[derive(Debug)]
pub enum Retry {
    /// It may work another time.
    Later(anyhow::Error),
    /// It will never work; a person has to look.
    Never(anyhow::Error),
}

impl From<anyhow::Error> for Retry {
    fn from(fault: anyhow::Error) -> Self {
        Self::Later(fault)
    }
}
