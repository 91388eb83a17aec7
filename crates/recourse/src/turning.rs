//! Turning the key: a new one goes before the old one in the key file, and everything that is stored
//! sealed is sealed anew.
//!
//! It can be broken off anywhere. The file holds both keys from its first moment on, and the database
//! says with its fingerprint which of them everything is sealed with for sure; beginning again goes
//! on where that is not the newest.

use std::path::Path;

use anyhow::{Result, bail};
use audit::{Deed, Entry, Trail, Who};
use database::Db;
use kernel::Timestamp;
use keys::Keys;
use serde_json::json;

use crate::foundation::{KEY_FINGERPRINT, another_key};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turned {
    /// How many credentials were sealed anew.
    pub credentials: u64,
    /// Whether it went on with what was broken off before.
    pub went_on: bool,
}

/// Gives the installation a new key. Nobody else may use the database meanwhile.
pub async fn rotate(db: &Db, key_file: &Path, now: Timestamp) -> Result<Turned> {
    let keys = Keys::load(key_file)?;
    let went_on = is_unfinished(db, &keys, key_file).await?;
    let keys = if went_on { keys } else { Keys::add_to_file(key_file)? };
    let credentials = finish(db, &keys, now).await?;
    Ok(Turned { credentials, went_on })
}

/// Whether the newest key of the file is not yet the one of the database.
async fn is_unfinished(db: &Db, keys: &Keys, key_file: &Path) -> Result<bool> {
    match accounts::settings::read(&db.read().await?, KEY_FINGERPRINT).await? {
        Some(known) if known == keys.fingerprint() => Ok(false),
        Some(known) if keys.is_older(&known) => Ok(true),
        Some(_) => bail!(another_key(key_file)),
        None => Ok(false),
    }
}

async fn finish(db: &Db, keys: &Keys, now: Timestamp) -> Result<u64> {
    let mut tx = db.begin().await?;
    let mut credentials = accounts::seal_anew(&mut tx, keys, now).await?;
    credentials += mailroom::seal_anew(&mut tx, keys).await?;
    let trail = Trail::new(keys);
    let entry = Entry::new(Deed::KeysTurned, Who::command(), now);
    let after = json!({ "credentials": credentials, "key": keys.fingerprint() });
    trail.note(&mut tx, entry.with(after));
    tx.commit().await?;
    // From here on the end of the trail is sealed with the new key, so the old one is not needed to
    // vouch for it.
    let mut tx = db.begin().await?;
    accounts::settings::write(&mut tx, KEY_FINGERPRINT, &keys.fingerprint(), now).await?;
    trail.checkpoint(&mut tx, now).await?;
    tx.commit().await?;
    Ok(credentials)
}

/// Takes the older keys out of the file, and says how many there were.
pub async fn forget(db: &Db, key_file: &Path, now: Timestamp) -> Result<usize> {
    let keys = Keys::load(key_file)?;
    if is_unfinished(db, &keys, key_file).await? {
        bail!("not everything is sealed with the newest key yet; run first: recourse keys rotate");
    }
    let count = keys.older_count();
    if count > 0 {
        let mut tx = db.begin().await?;
        let entry = Entry::new(Deed::KeysForgotten, Who::command(), now);
        Trail::new(&keys).note(&mut tx, entry.with(json!({ "keys": count })));
        tx.commit().await?;
        Keys::forget_older_in_file(key_file)?;
    }
    Ok(count)
}
