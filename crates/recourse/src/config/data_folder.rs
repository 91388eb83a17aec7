//! The data folder: private, and used by one server at a time.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The folder, made if it was not there.
#[derive(Clone, Debug)]
pub struct DataFolder(PathBuf);

/// Held as long as the server runs. The system takes it back when the process ends, however it
/// ends.
#[derive(Debug)]
pub struct Lock(File);

/// Stands in the file of the lock while a server works on the folder, and stays there when it does
/// not end in good order.
const AT_WORK: &[u8] = b"a server works here\n";

impl DataFolder {
    pub fn open(path: &Path) -> Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("the data folder {} cannot be made", path.display()))?;
        Ok(Self(path.to_owned()))
    }

    /// Makes sure that no other server works on this folder.
    pub fn lock(&self) -> Result<Lock> {
        let path = self.0.join("recourse.lock");
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("{} cannot be written", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => bail!(
                "another server uses the data folder {}; stop it, or choose another folder with \
                 --data",
                self.0.display()
            ),
            Err(TryLockError::Error(fault)) => {
                Err(fault).with_context(|| format!("{} cannot be locked", path.display()))
            }
        }
    }

    /// Where a running server takes commands.
    pub fn socket(&self) -> PathBuf {
        self.0.join("recourse.sock")
    }
}

impl Lock {
    /// A server begins to work. Says whether the one before ended in good order.
    pub fn begin(&self) -> Result<bool> {
        let ended_well = self.0.metadata()?.len() == 0;
        if ended_well {
            let written = self.0.write_all_at(AT_WORK, 0);
            // Known after a loss of power, too.
            let written = written.and_then(|()| self.0.sync_all());
            written.context("recourse.lock in the data folder cannot be written")?;
        }
        Ok(ended_well)
    }

    /// The server ends in good order, and what it leaves is known to be whole.
    pub fn end(&self) -> Result<()> {
        self.0.set_len(0).context("recourse.lock in the data folder cannot be emptied")
    }
}
