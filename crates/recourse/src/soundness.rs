//! Whether the database file is whole. After a server that did not end in good order nobody knows;
//! so it is looked through, beside everything else that goes on.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result};
use database::quick_check;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::Foundation;

/// What is known. Cheap to clone; nothing is known of a new one.
#[derive(Clone, Debug, Default)]
pub struct Soundness(Arc<OnceLock<Verdict>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Whole,
    Damaged,
}

/// The first requests after a start have the disk to themselves.
const LOOKS_AFTER: Duration = Duration::from_secs(2);

impl Soundness {
    pub fn is_damaged(&self) -> bool {
        self.0.get() == Some(&Verdict::Damaged)
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.0.get() == Some(&Verdict::Whole)
    }

    /// The last server ended in good order.
    pub(crate) fn trust(&self) {
        let _ = self.0.set(Verdict::Whole);
    }

    fn distrust(&self) {
        let _ = self.0.set(Verdict::Damaged);
    }
}

/// Looks through the database file, and raises the alarm when it is damaged: in the log, among the
/// figures, by mail to the owners, and by a server that is not ready any more.
pub(crate) async fn look_through(file: PathBuf, foundation: Foundation, stop: CancellationToken) {
    if stop.run_until_cancelled(tokio::time::sleep(LOOKS_AFTER)).await.is_none() {
        return;
    }
    match in_a_thread(file, stop).await {
        Ok(None) => {}
        Ok(Some(damage)) => match damage.first() {
            None => {
                foundation.soundness.trust();
                tracing::info!("the database file is whole");
            }
            Some(first) => {
                foundation.soundness.distrust();
                tracing::error!(
                    places = damage.len(),
                    "the database file is damaged ({first}); stop the server, keep a copy of the \
                     data folder, and restore the last backup"
                );
                if let Err(fault) = accounts::tell_of_damage(&foundation.accounts, first).await {
                    tracing::error!("the owners cannot be told of the damage: {fault:#}");
                }
            }
        },
        Err(fault) => tracing::error!("nobody knows whether the database is whole: {fault:#}"),
    }
}

/// It may take minutes, and nobody waits for it.
async fn in_a_thread(file: PathBuf, stop: CancellationToken) -> Result<Option<Vec<String>>> {
    let (tell, told) = oneshot::channel();
    std::thread::Builder::new().name("look through".to_owned()).spawn(move || {
        let _ = tell.send(quick_check(&file, move || stop.is_cancelled()));
    })?;
    told.await.context("the look through the database broke off")?
}
