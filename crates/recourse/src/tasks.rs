//! What the server does at the same time, until it stops.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use anyhow::{Result, ensure};
use futures_util::FutureExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The tasks of a server.
pub(crate) struct Tasks {
    all: JoinSet<()>,
    stop: CancellationToken,
    /// Cancelled when something broke off that the server cannot do without.
    broken: CancellationToken,
}

impl Tasks {
    pub(crate) fn new(stop: &CancellationToken) -> Self {
        Self { all: JoinSet::new(), stop: stop.clone(), broken: CancellationToken::new() }
    }

    /// Begins what may end before the server does.
    pub(crate) fn begin(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.all.spawn(work);
    }

    /// Begins what goes on until the server stops. If it does not, the server is to end: started
    /// again it does all of its work, and as it is nobody would see that a part is missing.
    pub(crate) fn keep(
        &mut self,
        what: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let (stop, broken) = (self.stop.clone(), self.broken.clone());
        self.all.spawn(async move {
            let ended = AssertUnwindSafe(work).catch_unwind().await;
            if ended.is_err() || !stop.is_cancelled() {
                let how = if ended.is_err() { "panicked" } else { "ended too early" };
                tracing::error!("{what} {how}; the server stops");
                broken.cancel();
            }
        });
    }

    /// Waits until something breaks off that the server cannot do without.
    pub(crate) async fn broke(&self) {
        self.broken.cancelled().await;
    }

    /// Waits until everything has ended, whatever broke off, and breaks off what has not by then.
    pub(crate) async fn join(mut self, until: Instant) -> Result<()> {
        loop {
            let ended = tokio::time::timeout_at(until.into(), self.all.join_next()).await;
            match ended {
                Ok(None) => break,
                Ok(Some(Ok(()))) => {}
                Ok(Some(Err(fault))) => {
                    tracing::error!("a task of the server broke off: {fault}");
                    self.broken.cancel();
                }
                Err(_) => {
                    tracing::warn!(
                        tasks = self.all.len(),
                        "what did not end in time was broken off; it is taken up again later"
                    );
                    self.all.abort_all();
                    break;
                }
            }
        }
        ensure!(!self.broken.is_cancelled(), "a part of the server broke off; the log says which");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn in_a_minute() -> Instant {
        Instant::now() + Duration::from_mins(1)
    }

    #[tokio::test]
    async fn the_server_ends_when_a_part_of_it_does() {
        for is_panic in [true, false] {
            let stop = CancellationToken::new();
            let mut tasks = Tasks::new(&stop);
            tasks.keep("the part that is left", stop.clone().cancelled_owned());
            tasks.keep("the part that breaks off", async move { assert!(!is_panic, "told to") });
            tasks.broke().await;
            stop.cancel();
            assert!(tasks.join(in_a_minute()).await.is_err());
        }
    }

    #[tokio::test]
    async fn what_ends_in_its_time_ends_well() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(&stop);
        tasks.begin(async {});
        tasks.keep("a part", stop.clone().cancelled_owned());
        stop.cancel();
        assert!(tasks.join(in_a_minute()).await.is_ok());
    }

    #[tokio::test]
    async fn what_never_ends_is_broken_off() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(&stop);
        tasks.keep("a part without end", std::future::pending());
        stop.cancel();
        assert!(tasks.join(Instant::now()).await.is_ok(), "nothing is wrong with it");
    }
}
