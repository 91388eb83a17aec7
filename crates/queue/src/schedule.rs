//! What is asked again and again: "what is due now?"

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use database::Db;
use futures_util::FutureExt;
use kernel::{SharedClock, Span};

use crate::{Context, store};

type Tick = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send + Sync>;

/// Something that runs on one node every so often.
pub(crate) struct Schedule {
    name: &'static str,
    every: Span,
    /// When a tick is cut off.
    pub(crate) time_limit: Span,
    tick: Tick,
}

/// Generous: some ticks look through everything that there is.
const TIME_LIMIT: Span = Span::minutes(10);

impl Schedule {
    pub(crate) fn new<S, F, Fut>(name: &'static str, every: Span, cx: Context<S>, tick: F) -> Self
    where
        S: Clone + Send + Sync + 'static,
        F: Fn(Context<S>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let tick: Tick = Arc::new(move || Box::pin(tick(cx.clone())));
        Self { name, every, time_limit: TIME_LIMIT, tick }
    }

    /// Runs it if it is due and no other node was quicker. Whatever becomes of it, the next one
    /// is not kept from running.
    pub(crate) async fn run_if_due(&self, db: &Db, clock: &SharedClock) {
        let now = clock.now();
        match store::win_schedule(db, self.name, now - self.every, now).await {
            Ok(false) => {}
            Ok(true) => {
                if let Err(fault) = self.run_with_limits().await {
                    tracing::error!(
                        schedule = self.name,
                        "schedule {} failed: {fault:#}",
                        self.name
                    );
                }
            }
            Err(fault) => {
                tracing::error!(
                    schedule = self.name,
                    "schedule {} cannot be kept: {fault:#}",
                    self.name
                );
            }
        }
    }

    /// Runs one tick under its time limit, and catches its panic.
    async fn run_with_limits(&self) -> Result<()> {
        let work = AssertUnwindSafe(async { (self.tick)().await }).catch_unwind();
        match tokio::time::timeout(self.time_limit.to_std(), work).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(anyhow!("it panicked")),
            Err(_) => Err(anyhow!("it took too long")),
        }
    }

    pub(crate) fn every(&self) -> Span {
        self.every
    }
}
