//! The rows that say which files are stored.

use anyhow::{Context, Result};
use database::{Conn, Sql, Tx, dialect, params};
use kernel::Timestamp;

use crate::{FileHash, Reference};

/// Notes a stored file, so that rows can refer to it. To be called after the bytes are durable.
/// Until the transaction ends its row cannot be forgotten.
pub async fn record(tx: &mut Tx, hash: &FileHash, size_bytes: i64, now: Timestamp) -> Result<()> {
    if let Some(end) = dialect::to_refer_to(tx.engine()) {
        let mut sql = Sql::new("select hash from files where hash = ");
        sql.bind(hash.as_str()).push(end);
        tx.send_sql(sql).await?;
    }
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

/// Files noted before `before` that nothing refers to, in the order of their hashes. Nothing can
/// begin to refer to them until the transaction ends.
pub(crate) async fn unreferenced(
    tx: &mut Tx,
    references: &[Reference],
    before: Timestamp,
    after: &str,
    limit: i64,
) -> Result<Vec<String>> {
    let mut sql = Sql::new("select f.hash from files f where f.created_at < ");
    sql.bind(before).push(" and f.hash > ").bind(after);
    push_unreferenced(&mut sql, references);
    sql.push(" order by f.hash limit ").number(limit);
    dialect::skip_locked(&mut sql, tx.engine());
    let rows: Vec<(String,)> = tx.all_sql(sql).await?;
    Ok(rows.into_iter().map(|(hash,)| hash).collect())
}

/// Forgets those of these files that nothing refers to, now that nothing can begin to.
pub(crate) async fn forget(
    tx: &mut Tx,
    references: &[Reference],
    hashes: &[String],
) -> Result<u64> {
    let mut sql = Sql::new("delete from files as f where f.hash in (");
    sql.bind_list(hashes.iter().map(String::as_str)).push(")");
    push_unreferenced(&mut sql, references);
    tx.execute_sql(sql).await
}

fn push_unreferenced(sql: &mut Sql, references: &[Reference]) {
    for one in references {
        sql.push(" and not exists (select 1 from ").push(one.table).push(" as r where r.");
        sql.push(one.column).push(" = f.hash)");
    }
}

/// Files after `after` that something refers to, in the order of their hashes.
pub(crate) async fn referenced(
    conn: &Conn,
    references: &[Reference],
    after: &str,
    limit: i64,
) -> Result<Vec<String>> {
    let mut sql = Sql::new("select f.hash from files f where f.hash > ");
    sql.bind(after).push(" and (1 = 0");
    for one in references {
        sql.push(" or exists (select 1 from ").push(one.table).push(" as r where r.");
        sql.push(one.column).push(" = f.hash)");
    }
    sql.push(") order by f.hash limit ").number(limit);
    let rows: Vec<(String,)> = conn.all_sql(sql).await?;
    Ok(rows.into_iter().map(|(hash,)| hash).collect())
}

/// The hashes of all files that begin with these two digits.
pub(crate) async fn known_in(conn: &Conn, shelf: &str) -> Result<Vec<String>> {
    conn.column(
        "select hash from files where hash >= $1 and hash < $2",
        params![shelf, format!("{shelf}g")],
    )
    .await
}

pub(crate) async fn is_known(conn: &Conn, hash: &FileHash) -> Result<bool> {
    let row: Option<(String,)> =
        conn.optional("select hash from files where hash = $1", params![hash.as_str()]).await?;
    Ok(row.is_some())
}
