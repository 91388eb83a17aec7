//! What has to be well for a server to be sent requests.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use kernel::{Span, StorageFull};

use crate::Foundation;

/// Why a server should get no requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unready {
    #[error("stopping")]
    Stopping,
    #[error("the database file is damaged")]
    Damaged,
    #[error("the disk is full")]
    DiskFull,
    #[error("the disk is almost full")]
    DiskAlmostFull,
    #[error("the database does not answer")]
    NoAnswer,
    #[error("the database is too slow")]
    Slow,
    #[error("the database is not of this version of the program")]
    OtherVersion,
    #[error("work in the background is not done")]
    LateJobs,
}

/// Below this share, a disk fills up before anybody comes to look.
const FREE_PERCENT_MIN: u64 = 5;
/// A job that has been due for so long, while this server could have done it, is not going to be.
const LATE_AFTER: Duration = Duration::from_mins(15);

/// Looks at everything. It writes to the database.
pub(super) async fn look(
    foundation: &Foundation,
    folders: &Arc<[PathBuf]>,
    begun: Instant,
) -> Result<(), Unready> {
    let db = &foundation.db;
    let answered = async {
        let mut conn = db.read().await?;
        let now = foundation.clock.now();
        let due = queue::oldest_due(&conn, now).await?;
        let is_current = database::is_current(&mut conn).await?;
        drop(conn);
        db.try_to_write(&*foundation.clock).await?;
        anyhow::Ok((is_current, due.map_or(Span::ZERO, |at| now.since(at))))
    };
    if db.room().is_short() {
        return Err(Unready::DiskFull);
    }
    let (is_current, late) = answered.await.map_err(|fault| unwritable(&fault))?;
    if !is_current {
        tracing::error!("the database was changed by another version of the program");
        return Err(Unready::OtherVersion);
    }
    if is_late(late, begun.elapsed()) {
        tracing::error!(
            "the oldest job has been due for {} seconds and nobody does it",
            late.as_seconds()
        );
        return Err(Unready::LateJobs);
    }
    assert_room(Arc::clone(folders)).await
}

fn unwritable(fault: &anyhow::Error) -> Unready {
    if StorageFull::is_behind(fault) {
        tracing::error!("the database cannot be written: {fault:#}");
        return Unready::DiskFull;
    }
    tracing::error!("the database does not answer: {fault:#}");
    Unready::NoAnswer
}

/// After a long time away much is due, and a server that has just begun is not to blame.
fn is_late(due_since: Span, at_work_for: Duration) -> bool {
    due_since.to_std() > LATE_AFTER && at_work_for > LATE_AFTER
}

/// Asking a file system may take long, where it lies on another machine.
async fn assert_room(folders: Arc<[PathBuf]>) -> Result<(), Unready> {
    let asked = tokio::task::spawn_blocking(move || {
        let percents = folders.iter().map(|folder| (free_percent(folder), folder.clone()));
        percents.collect::<Vec<_>>()
    });
    for (percent, folder) in asked.await.unwrap_or_default() {
        match percent {
            Ok(percent) if percent < FREE_PERCENT_MIN => {
                tracing::error!("the disk of {} has {percent} % free", folder.display());
                return Err(Unready::DiskAlmostFull);
            }
            Ok(_) => {}
            // Whoever needs the folder says so; a file system that cannot tell is not full.
            Err(fault) => tracing::warn!("{fault:#}"),
        }
    }
    Ok(())
}

/// How much of a disk this program may still fill.
fn free_percent(folder: &Path) -> anyhow::Result<u64> {
    let disk = rustix::fs::statvfs(folder)
        .with_context(|| format!("nobody knows how full the disk of {} is", folder.display()))?;
    Ok(percent(disk.f_bavail, disk.f_blocks))
}

/// How much is left where least is.
pub(super) async fn least_free_percent(folders: Arc<[PathBuf]>) -> Option<u64> {
    let asked = tokio::task::spawn_blocking(move || {
        folders.iter().filter_map(|folder| free_percent(folder).ok()).min()
    });
    asked.await.ok().flatten()
}

/// Some file systems, such as those over buckets, have no size.
fn percent(free: u64, all: u64) -> u64 {
    free.saturating_mul(100).checked_div(all).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_without_a_size_is_not_full() {
        for (free, all, expected) in
            [(0, 0, 100), (0, 10, 0), (10, 10, 100), (49, 1_000, 4), (50, 1_000, 5)]
        {
            assert_eq!(percent(free, all), expected, "{free} of {all}");
        }
        assert!(free_percent(Path::new("/")).unwrap() <= 100);
        assert!(free_percent(Path::new("/nowhere/at/all")).is_err());
    }

    #[test]
    fn a_job_is_late_when_this_server_could_have_done_it() {
        let (long, short) = (Duration::from_hours(1), Duration::from_mins(1));
        for (due, at_work, expected) in
            [(60, long, false), (3_600, short, false), (3_600, long, true), (-5, long, false)]
        {
            assert_eq!(is_late(Span::seconds(due), at_work), expected, "{due} {at_work:?}");
        }
    }
}
