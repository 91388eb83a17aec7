//! What is asked again and again: "what is due now?"

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::Result;
use database::Db;
use kernel::{SharedClock, Span};

use crate::{Context, store};

type Tick = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send + Sync>;

/// Something that runs on one node every so often.
pub(crate) struct Schedule {
    name: &'static str,
    every: Span,
    tick: Tick,
}

impl Schedule {
    pub(crate) fn new<S, F, Fut>(name: &'static str, every: Span, cx: Context<S>, tick: F) -> Self
    where
        S: Clone + Send + Sync + 'static,
        F: Fn(Context<S>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        Self { name, every, tick: Arc::new(move || Box::pin(tick(cx.clone()))) }
    }

    /// Runs it if it is due and no other node was quicker.
    pub(crate) async fn run_if_due(&self, db: &Db, clock: &SharedClock) {
        let now = clock.now();
        match store::win_schedule(db, self.name, now - self.every, now).await {
            Ok(false) => {}
            Ok(true) => {
                if let Err(fault) = (self.tick)().await {
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

    pub(crate) fn every(&self) -> Span {
        self.every
    }
}
