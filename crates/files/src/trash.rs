//! The way out of the storage. A file is put aside first and is still read from there; only when
//! nothing asked for it back is it removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use kernel::Timestamp;
use object_store::path::Path as Key;
use object_store::{ObjectMeta, ObjectStoreExt};

use crate::FileHash;
use crate::storage::{Backend, Files, file_path, make_private_folder, sync_folder};

/// Beside the folders of the files, whose names have two digits.
const TRASH: &str = "trash";

/// A file in the storage, whoever knows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) hash: FileHash,
    pub(crate) size_bytes: u64,
    /// When it was stored or, in the trash, put aside.
    pub(crate) since: Timestamp,
}

impl Files {
    /// The folders that files are in, by the first two digits of their hashes.
    pub(crate) async fn shelves(&self) -> Result<Vec<String>> {
        let mut names: Vec<String> = match &self.0 {
            Backend::Folder(root) => {
                let root = Arc::clone(root);
                let entries = tokio::task::spawn_blocking(move || entries(&root)).await??;
                entries.into_iter().map(|entry| entry.name).collect()
            }
            Backend::Bucket { store, prefix } => {
                let found = store.list_with_delimiter(Some(prefix)).await?.common_prefixes;
                found.iter().filter_map(|key| key.filename().map(str::to_owned)).collect()
            }
        };
        names.retain(|name| name.len() == 2 && name.bytes().all(|b| b.is_ascii_hexdigit()));
        Ok(names)
    }

    /// The files of a shelf. What was begun there before `before` and never finished is removed.
    pub(crate) async fn stored_in(&self, shelf: &str, before: Timestamp) -> Result<Vec<Stored>> {
        match &self.0 {
            Backend::Folder(root) => {
                let (folder, shelf) = (root.join(shelf), shelf.to_owned());
                tokio::task::spawn_blocking(move || {
                    let (unfinished, rest): (Vec<_>, Vec<_>) =
                        entries(&folder)?.into_iter().partition(|one| one.name.starts_with('.'));
                    for one in unfinished.iter().filter(|one| one.since < before) {
                        gone(fs::remove_file(folder.join(&one.name)))?;
                    }
                    Ok(rest.iter().filter_map(|one| one.stored(&shelf)).collect())
                })
                .await?
            }
            Backend::Bucket { store, prefix } => {
                let found = store.list_with_delimiter(Some(&prefix.clone().join(shelf))).await?;
                Ok(found.objects.iter().filter_map(|one| object(one, shelf)).collect())
            }
        }
    }

    /// What was put aside.
    pub(crate) async fn in_trash(&self) -> Result<Vec<Stored>> {
        match &self.0 {
            Backend::Folder(root) => {
                let folder = root.join(TRASH);
                let found = tokio::task::spawn_blocking(move || entries(&folder)).await?;
                match found {
                    Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
                    found => Ok(found?.iter().filter_map(|one| one.stored("")).collect()),
                }
            }
            Backend::Bucket { store, prefix } => {
                let found = store.list_with_delimiter(Some(&prefix.clone().join(TRASH))).await?;
                Ok(found.objects.iter().filter_map(|one| object(one, "")).collect())
            }
        }
    }

    /// Puts a file aside, from where it is still read.
    pub(crate) async fn put_aside(&self, hash: &FileHash, now: Timestamp) -> Result<()> {
        match &self.0 {
            Backend::Folder(root) => {
                let (root, hash) = (Arc::clone(root), hash.clone());
                let moving = move || aside(&root, &hash, now);
                Ok(tokio::task::spawn_blocking(moving).await??)
            }
            Backend::Bucket { .. } => self.move_object(hash, Way::Aside).await,
        }
    }

    /// Puts a file back that somebody wants after all.
    pub(crate) async fn put_back(&self, hash: &FileHash) -> Result<()> {
        match &self.0 {
            Backend::Folder(root) => {
                let (root, hash) = (Arc::clone(root), hash.clone());
                Ok(tokio::task::spawn_blocking(move || back(&root, &hash)).await??)
            }
            Backend::Bucket { .. } => self.move_object(hash, Way::Back).await,
        }
    }

    /// Removes a file that was put aside.
    pub(crate) async fn throw_away(&self, hash: &FileHash) -> Result<()> {
        match &self.0 {
            Backend::Folder(root) => {
                Ok(gone(tokio::fs::remove_file(trash_path(root, hash)).await)?)
            }
            Backend::Bucket { store, prefix } => {
                absent(store.delete(&trash_key(prefix, hash)).await)
            }
        }
    }

    async fn move_object(&self, hash: &FileHash, way: Way) -> Result<()> {
        let Backend::Bucket { store, prefix } = &self.0 else { return Ok(()) };
        let (shelf, trash) = (crate::storage::bucket_key(prefix, hash), trash_key(prefix, hash));
        let (from, to) = match way {
            Way::Aside => (shelf, trash),
            Way::Back => (trash, shelf),
        };
        match store.copy(&from, &to).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(()),
            copied => copied.with_context(|| format!("stored file {hash}"))?,
        }
        absent(store.delete(&from).await)
    }
}

#[derive(Clone, Copy)]
enum Way {
    Aside,
    Back,
}

pub(crate) fn trash_path(root: &Path, hash: &FileHash) -> PathBuf {
    root.join(TRASH).join(hash.as_str())
}

pub(crate) fn trash_key(prefix: &Key, hash: &FileHash) -> Key {
    prefix.clone().join(TRASH).join(hash.as_str())
}

struct Entry {
    name: String,
    size_bytes: u64,
    since: Timestamp,
}

impl Entry {
    fn stored(&self, shelf: &str) -> Option<Stored> {
        let hash = FileHash::read(&format!("{shelf}{}", self.name))?;
        Some(Stored { hash, size_bytes: self.size_bytes, since: self.since })
    }
}

fn object(meta: &ObjectMeta, shelf: &str) -> Option<Stored> {
    let hash = FileHash::read(&format!("{shelf}{}", meta.location.filename()?))?;
    let since = Timestamp::from_seconds(meta.last_modified.timestamp());
    Some(Stored { hash, size_bytes: meta.size, since })
}

/// What a folder holds. Whatever vanishes meanwhile is not there.
fn entries(folder: &Path) -> io::Result<Vec<Entry>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let meta = match entry.metadata() {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => continue,
            meta => meta?,
        };
        let since = meta.modified()?.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let since = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        found.push(Entry { name, size_bytes: meta.len(), since: Timestamp::from_micros(since) });
    }
    Ok(found)
}

/// The time goes with the file, so it is set first: what is put aside halfway is only younger.
fn aside(root: &Path, hash: &FileHash, now: Timestamp) -> io::Result<()> {
    let (from, to) = (file_path(root, hash), trash_path(root, hash));
    let since = Duration::from_micros(u64::try_from(now.micros()).unwrap_or_default());
    let file = match fs::File::options().write(true).open(&from) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    file.set_modified(SystemTime::UNIX_EPOCH + since)?;
    make_private_folder(&root.join(TRASH))?;
    gone(fs::rename(from, to))
}

fn back(root: &Path, hash: &FileHash) -> io::Result<()> {
    let (from, to) = (trash_path(root, hash), file_path(root, hash));
    let shelf = to.parent().unwrap_or(root).to_owned();
    make_private_folder(&shelf)?;
    gone(fs::rename(from, to))?;
    sync_folder(&shelf)?;
    sync_folder(root)
}

/// Somebody else did it.
fn gone(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn absent(done: object_store::Result<()>) -> Result<()> {
    match done {
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        done => Ok(done?),
    }
}
