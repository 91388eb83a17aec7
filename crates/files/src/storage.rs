//! Where the bytes are: a folder, or a bucket.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};

use crate::trash::{trash_key, trash_path};

/// SHA-256 of the content, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileHash(String);

impl FileHash {
    pub fn of(bytes: &[u8]) -> Self {
        Self(kernel::hex(&Sha256::digest(bytes)))
    }

    /// A hash as it was stored; anything else is none.
    pub fn read(text: &str) -> Option<Self> {
        let good = text.len() == 64
            && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        good.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `ab/cdef…`: no folder gets too full.
    fn path(&self) -> (String, String) {
        let (folder, rest) = self.0.split_at_checked(2).unwrap_or(("00", &self.0));
        (folder.to_owned(), rest.to_owned())
    }
}

impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What `--storage-url` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Folder(PathBuf),
    /// `s3://bucket/prefix?endpoint=…&region=…`; credentials come from the environment.
    Bucket {
        url: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the storage URL must begin with s3:// or file:///, or be left out for the data folder")]
pub struct NotAStorage;

impl FromStr for Place {
    type Err = NotAStorage;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("file://") {
            return if path.starts_with('/') {
                Ok(Self::Folder(path.into()))
            } else {
                Err(NotAStorage)
            };
        }
        let bucket = text.strip_prefix("s3://").ok_or(NotAStorage)?;
        if bucket.is_empty() || bucket.starts_with('/') {
            return Err(NotAStorage);
        }
        Ok(Self::Bucket { url: text.to_owned() })
    }
}

const PROBE_WITHIN: Duration = Duration::from_secs(20);

/// The storage. Cheap to clone.
#[derive(Clone)]
pub struct Files(pub(crate) Backend);

#[derive(Clone)]
pub(crate) enum Backend {
    Folder(Arc<Path>),
    Bucket { store: Arc<dyn ObjectStore>, prefix: Key },
}

/// Access to a bucket, read from the environment by the program's start.
#[derive(Clone, Debug, Default)]
pub struct BucketAccess {
    pub key_id: Option<String>,
    pub secret: Option<kernel::Secret>,
    pub region: Option<String>,
    pub endpoint: Option<String>,
}

impl Files {
    pub fn open(place: &Place, access: &BucketAccess) -> Result<Self> {
        Ok(Self(match place {
            Place::Folder(path) => {
                make_private_folder(path).with_context(|| {
                    format!("the storage folder {} cannot be made", path.display())
                })?;
                Backend::Folder(path.as_path().into())
            }
            Place::Bucket { url } => open_bucket(url, access)?,
        }))
    }

    /// Asks a bucket for something, so that a wrong setting stops the start and not the first mail.
    pub async fn probe(&self) -> Result<()> {
        let Backend::Bucket { store, prefix } = &self.0 else { return Ok(()) };
        let key = bucket_key(prefix, &FileHash::of(b""));
        let asked = tokio::time::timeout(PROBE_WITHIN, store.head(&key)).await;
        match asked.context("the bucket of the storage URL does not answer")? {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(fault) => Err(fault).context("the bucket of the storage URL cannot be used"),
        }
    }

    /// Stores the bytes under their hash. On return they are durable. Storing the same again is
    /// no work.
    pub async fn put(&self, bytes: Vec<u8>) -> Result<FileHash> {
        let hash = FileHash::of(&bytes);
        match &self.0 {
            Backend::Folder(root) => {
                let (root, hash) = (Arc::clone(root), hash.clone());
                tokio::task::spawn_blocking(move || write_file(&root, &hash, &bytes)).await??;
            }
            Backend::Bucket { store, prefix } => {
                let key = bucket_key(prefix, &hash);
                if store.head(&key).await.is_err() {
                    store.put(&key, PutPayload::from(bytes)).await?;
                }
            }
        }
        Ok(hash)
    }

    /// The bytes of a stored file, which may have been put aside meanwhile.
    pub async fn get(&self, hash: &FileHash) -> Result<Vec<u8>> {
        match &self.0 {
            Backend::Folder(root) => {
                let found = match tokio::fs::read(file_path(root, hash)).await {
                    Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
                        tokio::fs::read(trash_path(root, hash)).await
                    }
                    found => found,
                };
                let found = match found {
                    // It may have come back between the two looks.
                    Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
                        tokio::fs::read(file_path(root, hash)).await
                    }
                    found => found,
                };
                found.with_context(|| format!("stored file {hash}"))
            }
            Backend::Bucket { store, prefix } => {
                let found = match store.get(&bucket_key(prefix, hash)).await {
                    Err(object_store::Error::NotFound { .. }) => {
                        store.get(&trash_key(prefix, hash)).await
                    }
                    found => found,
                };
                let found = found.with_context(|| format!("stored file {hash}"))?;
                Ok(found.bytes().await?.to_vec())
            }
        }
    }
}

fn open_bucket(url: &str, access: &BucketAccess) -> Result<Backend> {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let rest = address.trim_start_matches("s3://");
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let asked = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).next()
    };
    let mut builder = AmazonS3Builder::new().with_bucket_name(bucket);
    if let Some(region) = asked("region").or_else(|| access.region.clone()) {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = asked("endpoint").or_else(|| access.endpoint.clone()) {
        builder = builder.with_allow_http(endpoint.starts_with("http://")).with_endpoint(endpoint);
    }
    if let Some(id) = &access.key_id {
        builder = builder.with_access_key_id(id);
    }
    if let Some(secret) = &access.secret {
        builder = builder.with_secret_access_key(secret.reveal());
    }
    let store = builder.build().context("the storage URL does not name a usable bucket")?;
    Ok(Backend::Bucket { store: Arc::new(store), prefix: Key::from(prefix) })
}

pub(crate) fn bucket_key(prefix: &Key, hash: &FileHash) -> Key {
    let (folder, name) = hash.path();
    prefix.clone().join(folder).join(name)
}

pub(crate) fn file_path(root: &Path, hash: &FileHash) -> PathBuf {
    let (folder, name) = hash.path();
    root.join(folder).join(name)
}

/// Whole and synced before it has its name, and the name synced too: after a power cut a file is
/// there or it is not.
fn write_file(root: &Path, hash: &FileHash, bytes: &[u8]) -> io::Result<()> {
    let path = file_path(root, hash);
    let folder = path.parent().unwrap_or(root);
    if !path.exists() {
        make_private_folder(folder)?;
        write_new(folder, &path, bytes)?;
    }
    // Also of one that is there: whoever named it may not have come to this yet, or in vain. It is
    // never taken back, since others may rely on it.
    sync_folder(folder)?;
    sync_folder(root)
}

fn write_new(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = folder.join(format!(".{:016x}", rand::random::<u64>()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(&unfinished)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    let named = written.and_then(|()| std::fs::rename(&unfinished, path));
    if named.is_err() {
        // Half a file helps nobody; that it cannot be removed either changes nothing.
        let _ = std::fs::remove_file(&unfinished);
    }
    named
}

pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}
