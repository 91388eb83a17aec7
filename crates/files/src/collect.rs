//! Removing what nothing refers to any more.
//!
//! Bytes are stored before a row refers to them, and the same content may come again at any
//! moment. So a file leaves in steps that are days apart, and whoever stores it meanwhile wins:
//! its row is forgotten under a lock that every new reference waits for; its bytes are put aside,
//! from where they are still read, and from where they come back when a row knows them again; and
//! only what nobody wanted for all that time is removed. A backup that takes less than a day finds
//! every file that it saw a row of.

use std::collections::HashSet;

use anyhow::Result;
use database::Db;
use kernel::{Span, Timestamp};

use crate::trash::Stored;
use crate::{FileHash, Files, store};

/// A file that nothing refers to is left alone for this long, and once more when it was put aside:
/// far longer than an upload needs until it is bound, or a backup until it is done.
const KEPT: Span = Span::days(1);
/// Rows that are forgotten in one transaction.
const PAGE: i64 = 200;

/// A column that refers to stored files by their hash.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    pub table: &'static str,
    pub column: &'static str,
}

/// What a collection did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Rows that nothing referred to.
    pub forgotten: u64,
    /// Files put aside.
    pub aside: u64,
    /// Files that came back.
    pub back: u64,
    pub removed: u64,
    pub removed_bytes: u64,
}

/// Takes every file a step further on its way out. May be broken off at any point, and may run
/// twice at a time.
pub async fn collect(
    db: &Db,
    files: &Files,
    references: &[Reference],
    now: Timestamp,
) -> Result<Collected> {
    let before = now - KEPT;
    let mut done = Collected { forgotten: forget(db, references, before).await?, ..<_>::default() };
    // Before anything is put aside: whatever the clocks say, a collection is between.
    for file in files.in_trash().await? {
        // No connection is held while the storage works.
        let is_known = store::is_known(&db.read().await?, &file.hash).await?;
        if is_known {
            files.put_back(&file.hash).await?;
            done.back += 1;
        } else if file.since < before {
            files.throw_away(&file.hash).await?;
            done.removed += 1;
            done.removed_bytes += file.size_bytes;
        }
    }
    for shelf in files.shelves().await? {
        let mut old = files.stored_in(&shelf, before).await?;
        old.retain(|file| file.since < before);
        for file in strangers(db, &shelf, &old).await? {
            files.put_aside(&file.hash, now).await?;
            done.aside += 1;
        }
    }
    Ok(done)
}

/// Forgets the rows of files that nothing refers to.
async fn forget(db: &Db, references: &[Reference], before: Timestamp) -> Result<u64> {
    let (mut after, mut forgotten) = (String::new(), 0);
    loop {
        let mut tx = db.begin().await?;
        let page = store::unreferenced(&mut tx, references, before, &after, PAGE).await?;
        let Some(last) = page.last().cloned() else { return Ok(forgotten) };
        forgotten += store::forget(&mut tx, references, &page).await?;
        tx.commit().await?;
        after = last;
    }
}

/// Those of a shelf that no row knows.
async fn strangers(db: &Db, shelf: &str, stored: &[Stored]) -> Result<Vec<Stored>> {
    if stored.is_empty() {
        return Ok(Vec::new());
    }
    let known = store::known_in(&db.read().await?, shelf).await?;
    let known: HashSet<&str> = known.iter().map(String::as_str).collect();
    let strange = stored.iter().filter(|file| !known.contains(file.hash.as_str()));
    Ok(strange.cloned().collect())
}

/// Files that nothing refers to, and how many bytes they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unreferenced {
    pub files: u64,
    pub bytes: u64,
}

/// What waits to be removed, or is too young for that.
pub async fn unreferenced(
    conn: &database::Conn,
    files: &Files,
    references: &[Reference],
) -> Result<Unreferenced> {
    let mut stored = files.in_trash().await?;
    for shelf in files.shelves().await? {
        stored.extend(files.stored_in(&shelf, Timestamp::from_micros(0)).await?);
    }
    let mut found = Unreferenced::default();
    let mut wanted: HashSet<FileHash> = HashSet::new();
    let mut after = String::new();
    loop {
        let page = store::referenced(conn, references, &after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(last);
        wanted.extend(page.iter().filter_map(|hash| FileHash::read(hash)));
    }
    for file in stored.iter().filter(|file| !wanted.contains(&file.hash)) {
        found.files += 1;
        found.bytes += file.size_bytes;
    }
    Ok(found)
}
