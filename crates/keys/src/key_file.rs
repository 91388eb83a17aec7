//! Where the master key lives: one file, readable by the service alone.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::Keys;

#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    #[error("the key file {path} cannot be read: {fault}")]
    Unreadable { path: String, fault: io::Error },
    #[error("the key file {path} cannot be written: {fault}")]
    Unwritable { path: String, fault: io::Error },
    #[error("the key file {path} does not hold a key; restore it from your backup")]
    NotAKey { path: String },
    #[error("the key file {path} can be read by others; run: chmod 600 {path}")]
    TooOpen { path: String },
}

impl Keys {
    /// Reads the key file, or makes one with a new random key and mode 0600.
    pub fn load_or_make(path: &Path) -> Result<Self, KeyFault> {
        match Self::load(path) {
            Err(KeyFault::Unreadable { path: shown, fault })
                if fault.kind() == io::ErrorKind::NotFound =>
            {
                let master: [u8; 32] = rand::random();
                write_private(path, &STANDARD.encode(master))
                    .map_err(|fault| KeyFault::Unwritable { path: shown, fault })?;
                Ok(Self::from_master(&master))
            }
            loaded => loaded,
        }
    }

    /// Reads a key file that has to be there.
    pub fn load(path: &Path) -> Result<Self, KeyFault> {
        let shown = || path.display().to_string();
        let text = fs::read_to_string(path)
            .map_err(|fault| KeyFault::Unreadable { path: shown(), fault })?;
        if others_can_read(path) {
            return Err(KeyFault::TooOpen { path: shown() });
        }
        let master = decode(&text).ok_or_else(|| KeyFault::NotAKey { path: shown() })?;
        Ok(Self::from_master(&master))
    }
}

fn decode(text: &str) -> Option<[u8; 32]> {
    STANDARD.decode(text.trim()).ok()?.try_into().ok()
}

#[cfg(unix)]
fn others_can_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn others_can_read(_path: &Path) -> bool {
    false
}

/// Written whole and synced before it has its name, so that a crash leaves no half key.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(&unfinished)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}
