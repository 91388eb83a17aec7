//! The rows that say which files are stored.

use anyhow::{Context, Result};
use database::{Conn, Tx, params};
use kernel::Timestamp;

use crate::FileHash;

/// Notes a stored file, so that rows can refer to it. To be called after the bytes are durable.
pub async fn record(tx: &mut Tx, hash: &FileHash, size_bytes: i64, now: Timestamp) -> Result<()> {
    tx.send(
        "insert into files (hash, size_bytes, created_at) values ($1, $2, $3)
         on conflict (hash) do nothing",
        params![hash.as_str(), size_bytes, now],
    )
    .await
}

/// Stored files after `after`, in the order of their hashes, with their sizes.
pub(crate) async fn after(conn: &Conn, after: &str, limit: i64) -> Result<Vec<(String, i64)>> {
    conn.all(
        "select hash, size_bytes from files where hash > $1 order by hash limit $2",
        params![after, limit],
    )
    .await
}

/// The next stored files after a hash, a few at a time.
pub async fn hashes(conn: &Conn, after_hash: &str) -> Result<Vec<FileHash>> {
    let page = after(conn, after_hash, 100).await?;
    page.iter()
        .map(|(hash, _)| FileHash::read(hash).with_context(|| format!("{hash} names no file")))
        .collect()
}
