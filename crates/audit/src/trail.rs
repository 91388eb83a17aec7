//! Adding to the trail.

use std::future::Future;
use std::pin::Pin;

use anyhow::{Context, Result};
use database::{Closing, Conn, Tx};
use kernel::Timestamp;
use keys::Keys;

use crate::chain::{Checkpoint, Head, Row};
use crate::entry::without_nul;
use crate::{Deed, Entry, Who, store};

/// After so many entries there is a checkpoint without waiting for the hour.
const CHECKPOINT_EVERY: i64 = 500;

/// The trail, for those who add to it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Trail {
    keys: Keys,
}

impl Trail {
    pub fn new(keys: &Keys) -> Self {
        Self { keys: keys.clone() }
    }

    /// Notes something in the transaction that does it: both are there afterwards, or neither. Its
    /// place in the chain is found right before the commit.
    pub fn note(&self, tx: &mut Tx, entry: Entry) {
        tx.at_the_close(Box::new(Noting { keys: self.keys.clone(), entry }));
    }

    /// Begins the trail of a database that has none.
    pub async fn begin(&self, tx: &mut Tx, now: Timestamp) -> Result<bool> {
        let is_blank = store::head(tx).await?.is_some_and(|head| head.is_blank());
        if is_blank && store::last_number(tx).await? == 0 {
            self.note(tx, Entry::new(Deed::TrailBegan, Who::system(), now));
            return Ok(true);
        }
        Ok(false)
    }

    /// Vouches for everything so far, if there is something new. Says how far, with the hash there.
    pub async fn checkpoint(&self, tx: &mut Tx, now: Timestamp) -> Result<Option<(i64, String)>> {
        let Some(head) = store::lock_head(tx).await? else { return Ok(None) };
        let is_new = head.number > store::checked_up_to(tx).await?;
        if !is_new || !is_sound(tx, &head, &self.keys).await? {
            return Ok(None);
        }
        let head = checkpoint(tx, head, &self.keys, now).await?;
        let (number, hash) = (head.number, kernel::hex(&head.hash));
        store::advance(tx, &head.sealed(&self.keys)).await?;
        Ok(Some((number, hash)))
    }
}

/// Whether a head is what we left: blank, or sealed with the key of today. A key that is not that
/// of the database yet, because turning it was broken off, may take over from the one before.
pub(crate) async fn is_sound(conn: &mut Conn, head: &Head, keys: &Keys) -> Result<bool> {
    if head.is_blank() {
        return Ok(store::last_number(conn).await? == 0);
    }
    match head.sealed_by(keys) {
        Some(key) if key == keys.fingerprint() => Ok(true),
        Some(key) => Ok(store::key_of_database(conn).await?.as_ref() == Some(&key)),
        None => Ok(false),
    }
}

/// Behind the head that was given, which is not sealed any more.
async fn checkpoint(conn: &mut Conn, head: Head, keys: &Keys, now: Timestamp) -> Result<Head> {
    let checkpoint = Checkpoint {
        id: head.checkpoints + 1,
        number: head.number,
        hash: head.hash.clone(),
        at: now.micros(),
        key: String::new(),
        seal: Vec::new(),
    }
    .sealed(keys);
    store::insert_checkpoint(conn, &checkpoint).await?;
    let checked = checkpoint.chained(&head.checked);
    Ok(Head { checkpoints: checkpoint.id, checked, ..head })
}

/// An entry that waits for its place.
struct Noting {
    keys: Keys,
    entry: Entry,
}

impl Closing for Noting {
    fn close<'c>(
        self: Box<Self>,
        conn: &'c mut Conn,
    ) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'c>> {
        Box::pin(async move { append(conn, &self.keys, self.entry).await.context("noting an act") })
    }
}

async fn append(conn: &mut Conn, keys: &Keys, entry: Entry) -> Result<()> {
    let head = if let Some(head) = store::lock_head(conn).await? {
        head
    } else {
        store::put_head_back(conn).await?;
        store::lock_head(conn).await?.context("the head of the trail is gone")?
    };
    let is_sound = is_sound(conn, &head, keys).await?;
    if !is_sound {
        tracing::error!("the audit trail was tampered with; run: recourse audit verify");
    }
    let at = entry.at;
    // Where somebody moved the head back, entries with these numbers are there already.
    let last =
        if is_sound { head.number } else { head.number.max(store::last_number(conn).await?) };
    let mut row = row(entry, last + 1);
    row.hash = row.hashed(&head.hash);
    store::insert(conn, &row).await?;
    let mut head = Head { number: row.number, hash: row.hash, ..head };
    if is_sound {
        if head.number % CHECKPOINT_EVERY == 0 {
            head = checkpoint(conn, head, keys, at).await?;
        }
        head = head.sealed(keys);
    }
    // What was tampered with is never sealed again: it stays to be found.
    store::advance(conn, &head).await
}

fn row(entry: Entry, number: i64) -> Row {
    let Entry { act, who, at, object, before, after } = entry;
    let (kind, id, name) = match object {
        Some(object) => (Some(object.kind), Some(object.id), Some(object.name)),
        None => (None, None, None),
    };
    Row {
        number,
        at: at.micros(),
        who_kind: who.kind.as_str().to_owned(),
        who_id: who.id,
        who_name: without_nul(&who.name),
        via: who.via,
        act: act.as_str().to_owned(),
        object_kind: kind,
        object_id: id,
        object_name: name,
        address: who.address.map(|address| address.to_string()),
        before: before.map(|text| without_nul(&text)),
        after: after.map(|text| without_nul(&text)),
        hash: Vec::new(),
    }
}
