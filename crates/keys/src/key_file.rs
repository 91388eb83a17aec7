//! Where the master keys live: one file, readable by the service alone; the newest stands first.

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

impl KeyFault {
    /// Whether there is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Unreadable { fault, .. } if fault.kind() == io::ErrorKind::NotFound)
    }
}

impl Keys {
    /// Reads the key file, or makes one with a new random key and mode 0600.
    pub fn load_or_make(path: &Path) -> Result<Self, KeyFault> {
        match Self::load(path) {
            Err(fault) if fault.is_missing() => {
                let masters = [rand::random()];
                write(path, &masters)?;
                of(&masters, path)
            }
            loaded => loaded,
        }
    }

    /// Reads a key file that has to be there.
    pub fn load(path: &Path) -> Result<Self, KeyFault> {
        of(&masters(path)?, path)
    }

    /// Puts a new key before those of the file. They stay in it, so that what they sealed can be
    /// opened.
    pub fn add_to_file(path: &Path) -> Result<Self, KeyFault> {
        let mut all = masters(path)?;
        all.insert(0, rand::random());
        write(path, &all)?;
        of(&all, path)
    }

    /// Leaves only the newest key in the file. What the others sealed can be opened by nobody any
    /// more, unless a copy of the file was kept.
    pub fn forget_older_in_file(path: &Path) -> Result<Self, KeyFault> {
        let mut all = masters(path)?;
        all.truncate(1);
        write(path, &all)?;
        of(&all, path)
    }
}

/// More than anybody turns a key in the life of an installation.
const KEYS_MAX: usize = 1_000;

/// The keys of the file, the newest first: a line for each.
fn masters(path: &Path) -> Result<Vec<[u8; 32]>, KeyFault> {
    let shown = || path.display().to_string();
    let text =
        fs::read_to_string(path).map_err(|fault| KeyFault::Unreadable { path: shown(), fault })?;
    if others_can_read(path) {
        return Err(KeyFault::TooOpen { path: shown() });
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let read: Option<Vec<[u8; 32]>> = lines.take(KEYS_MAX).map(decode).collect();
    read.filter(|read| !read.is_empty()).ok_or_else(|| KeyFault::NotAKey { path: shown() })
}

fn of(masters: &[[u8; 32]], path: &Path) -> Result<Keys, KeyFault> {
    match masters {
        [now, older @ ..] => Ok(Keys::from_masters(now, older)),
        [] => Err(KeyFault::NotAKey { path: path.display().to_string() }),
    }
}

fn write(path: &Path, masters: &[[u8; 32]]) -> Result<(), KeyFault> {
    let lines: String = masters.iter().map(|one| STANDARD.encode(one) + "\n").collect();
    write_private(path, &lines)
        .map_err(|fault| KeyFault::Unwritable { path: path.display().to_string(), fault })
}

fn decode(line: &str) -> Option<[u8; 32]> {
    STANDARD.decode(line).ok()?.try_into().ok()
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
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
