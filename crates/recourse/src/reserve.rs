//! Room on the disk that is set aside: a file that is given up when nothing else fits any more, so
//! that administrators can sign in and the audit trail goes on while nothing is taken in.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use database::{Location, Room};
use rand::RngExt;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;

/// Whether it is needed is looked at so often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Taking it again costs what little room there is for a moment, so it is tried ever less often.
const PAUSE_LONGEST: Duration = Duration::from_secs(30);
/// Where it could not be taken at the start, there may be room later.
const WITHOUT: Duration = Duration::from_mins(5);

#[derive(Clone)]
pub(crate) struct Reserve {
    path: PathBuf,
    bytes: u64,
    room: Room,
}

impl Reserve {
    /// The reserve of an installation, lent to whoever finds the disk full. None where nothing of
    /// it grows on this disk, or where the owner wants none.
    pub(crate) fn lend(settings: &Settings, room: &Room) -> Option<Self> {
        let path = settings.data.join("recourse.reserve");
        // Signing in and the trail are rows: room helps where the database grows.
        let beside = match &settings.database {
            Location::File(file) => file.parent().map(|folder| folder.join("recourse.reserve")),
            Location::Postgres(_) => None,
        };
        let Some(path) = beside.filter(|_| settings.disk_reserve_mib > 0) else {
            let _ = fs::remove_file(path);
            return None;
        };
        let bytes = u64::from(settings.disk_reserve_mib) * 1024 * 1024;
        let given_up = path.clone();
        room.lend_reserve(move || give_up(&given_up));
        Some(Self { path, bytes, room: room.clone() })
    }

    /// Takes the reserve, and takes it again whenever it was given up and there is room, until
    /// `stop`.
    pub(crate) async fn keep(self, stop: CancellationToken) {
        let (mut was_short, mut wait, mut pause) = (false, Duration::ZERO, LOOK_EVERY);
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            let is_short = self.room.is_short();
            if is_short != was_short {
                (was_short, wait, pause) = (is_short, Duration::ZERO, LOOK_EVERY);
            }
            if !wait.is_zero() {
                wait = wait.saturating_sub(LOOK_EVERY);
                continue;
            }
            if !is_short && self.is_there() {
                continue;
            }
            // As much again has to be free: else it would be given up at once.
            match self.takes(if is_short { 2 } else { 1 }).await {
                Ok(()) if is_short => {
                    self.room.is_back();
                    tracing::info!("there is room on the disk again");
                }
                Ok(()) => {}
                Err(_) if is_short => {
                    pause = (pause * 2).min(PAUSE_LONGEST);
                    wait = pause;
                }
                Err(fault) => {
                    tracing::warn!("no room can be set aside on the disk: {fault}");
                    wait = WITHOUT;
                }
            }
        }
    }

    fn is_there(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|file| file.len() == self.bytes)
    }

    /// Takes the reserve if so many times its size is free.
    async fn takes(&self, times: u64) -> io::Result<()> {
        let (path, bytes) = (self.path.clone(), self.bytes);
        let taking = tokio::task::spawn_blocking(move || {
            take(&path, bytes, bytes * times).inspect_err(|_| give_up(&path))
        });
        taking.await.map_err(io::Error::other)?
    }
}

fn give_up(path: &Path) {
    if let Err(fault) = fs::remove_file(path)
        && fault.kind() != io::ErrorKind::NotFound
    {
        tracing::error!("{} cannot be removed: {fault}", path.display());
    }
}

/// Makes a file of some size, after it had another one. What is written cannot be packed: some
/// file systems would keep nothing of it.
fn take(path: &Path, bytes: u64, tried: u64) -> io::Result<()> {
    // What is known to be too much is not tried: others write to this disk meanwhile.
    let disk = rustix::fs::statvfs(path.parent().unwrap_or(path))?;
    if disk.f_blocks > 0 && disk.f_bavail.saturating_mul(disk.f_frsize) < tried {
        return Err(io::ErrorKind::StorageFull.into());
    }
    let mut piece = [0_u8; 16 * 1024];
    rand::rng().fill(&mut piece);
    let mut file =
        File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    let mut left = tried;
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
        file.write_all(piece.get(..length).unwrap_or_default())?;
        left -= u64::try_from(length).unwrap_or(left);
    }
    file.sync_all()?;
    file.set_len(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_its_size_and_goes_when_it_is_given_up() {
        let folder = std::env::temp_dir().join(format!("reserve-{:016x}", rand::random::<u64>()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("recourse.reserve");
        take(&path, 100_000, 200_000).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 100_000);
        give_up(&path);
        give_up(&path);
        assert!(!path.exists());
        fs::remove_dir_all(&folder).unwrap();
    }
}
