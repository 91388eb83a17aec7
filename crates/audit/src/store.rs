//! The rows of the trail.

pub(crate) mod page;

use anyhow::Result;
use database::{Cols, Conn, FromRow, params};

use crate::chain::{Checkpoint, Head, Row};

impl FromRow for Row {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            number: cols.next()?,
            at: cols.next()?,
            who_kind: cols.next()?,
            who_id: cols.next()?,
            who_name: cols.next()?,
            via: cols.next()?,
            act: cols.next()?,
            object_kind: cols.next()?,
            object_id: cols.next()?,
            object_name: cols.next()?,
            address: cols.next()?,
            before: cols.next()?,
            after: cols.next()?,
            hash: cols.next()?,
        })
    }
}

impl FromRow for Head {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            number: cols.next()?,
            hash: cols.next()?,
            checkpoints: cols.next()?,
            checked: cols.next()?,
            seal: cols.next()?,
        })
    }
}

impl FromRow for Checkpoint {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            number: cols.next()?,
            hash: cols.next()?,
            at: cols.next()?,
            key: cols.next()?,
            seal: cols.next()?,
        })
    }
}

pub(crate) async fn head(conn: &Conn) -> Result<Option<Head>> {
    conn.optional(
        "select number, hash, checkpoints, checked, seal from audit_head where id = 1",
        params![],
    )
    .await
}

/// The head, which nobody else gets before this transaction is over.
pub(crate) async fn lock_head(conn: &Conn) -> Result<Option<Head>> {
    conn.optional(
        "update audit_head set number = number where id = 1
         returning number, hash, checkpoints, checked, seal",
        params![],
    )
    .await
}

/// Begins again where somebody took the head away, so that what is done goes on being noted. That
/// it was gone stays to be seen: nobody vouches for this one.
pub(crate) async fn put_head_back(conn: &mut Conn) -> Result<()> {
    conn.send(
        "insert into audit_head (id, number, hash, checkpoints, checked, seal)
         select 1, coalesce(max(number), 0), $1, 0, $1, $1 from audit_entries
          where true on conflict (id) do nothing",
        params![vec![0_u8]],
    )
    .await
}

pub(crate) async fn advance(conn: &mut Conn, head: &Head) -> Result<()> {
    conn.send(
        "update audit_head set number = $1, hash = $2, checkpoints = $3, checked = $4, seal = $5
          where id = 1",
        params![
            head.number,
            head.hash.clone(),
            head.checkpoints,
            head.checked.clone(),
            head.seal.clone()
        ],
    )
    .await
}

pub(crate) async fn insert(conn: &mut Conn, row: &Row) -> Result<()> {
    let row = row.clone();
    conn.send(
        "insert into audit_entries (number, at, who_kind, who_id, who_name, via, act, object_kind,
            object_id, object_name, address, before, after, hash)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        params![
            row.number,
            row.at,
            row.who_kind,
            row.who_id,
            row.who_name,
            row.via,
            row.act,
            row.object_kind,
            row.object_id,
            row.object_name,
            row.address,
            row.before,
            row.after,
            row.hash
        ],
    )
    .await
}

pub(crate) async fn insert_checkpoint(conn: &mut Conn, checkpoint: &Checkpoint) -> Result<()> {
    let Checkpoint { id, number, hash, at, key, seal } = checkpoint.clone();
    conn.send(
        "insert into audit_checkpoints (id, number, hash, at, key, seal)
         values ($1, $2, $3, $4, $5, $6)",
        params![id, number, hash, at, key, seal],
    )
    .await
}

/// The number of the last entry that a checkpoint vouches for.
pub(crate) async fn checked_up_to(conn: &Conn) -> Result<i64> {
    conn.scalar("select coalesce(max(number), 0) from audit_checkpoints", params![]).await
}

/// The highest number that an entry has, whatever the head says.
pub(crate) async fn last_number(conn: &Conn) -> Result<i64> {
    conn.scalar("select coalesce(max(number), 0) from audit_entries", params![]).await
}

/// Entries behind a number, in the order of the chain.
pub(crate) async fn rows_after(conn: &Conn, number: i64, limit: i64) -> Result<Vec<Row>> {
    conn.all(
        "select number, at, who_kind, who_id, who_name, via, act, object_kind, object_id,
                object_name, address, before, after, hash
           from audit_entries where number > $1 order by number limit $2",
        params![number, limit],
    )
    .await
}

pub(crate) async fn checkpoints_after(conn: &Conn, id: i64, limit: i64) -> Result<Vec<Checkpoint>> {
    conn.all(
        "select id, number, hash, at, key, seal from audit_checkpoints
          where id > $1 order by id limit $2",
        params![id, limit],
    )
    .await
}

/// How many rows there are in the tables of the trail; more than were read are hidden by something
/// that is no number.
pub(crate) async fn counts(conn: &Conn) -> Result<(i64, i64, i64)> {
    let entries = "select count(*) from audit_entries";
    let checkpoints = "select count(*) from audit_checkpoints";
    let heads = "select count(*) from audit_head";
    Ok((
        conn.scalar(entries, params![]).await?,
        conn.scalar(checkpoints, params![]).await?,
        conn.scalar(heads, params![]).await?,
    ))
}

/// Whether anybody works here: then the trail cannot be empty.
pub(crate) async fn is_begun(conn: &Conn) -> Result<bool> {
    let people: i64 = conn.scalar("select count(*) from agents", params![]).await?;
    Ok(people > 0)
}

/// The fingerprint of the key that the database was last sealed with.
pub(crate) async fn key_of_database(conn: &Conn) -> Result<Option<String>> {
    let row: Option<(String,)> = conn
        .optional("select value from settings where name = 'key_fingerprint'", params![])
        .await?;
    Ok(row.map(|(value,)| value))
}
