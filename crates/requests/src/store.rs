//! The rows of requests that were answered, and of how often something was tried.

use anyhow::Result;
use database::{Conn, Sql, Tx, dialect, params};
use kernel::Timestamp;

use crate::{Answer, Rate};

/// Claims a key; `false` if somebody did before.
pub(crate) async fn claim(
    tx: &mut Tx,
    actor: &str,
    key: &str,
    hash: &[u8],
    now: Timestamp,
) -> Result<bool> {
    let claimed = tx
        .execute(
            "insert into answered_requests (actor, key, request_hash, created_at)
             values ($1, $2, $3, $4)
             on conflict (actor, key) do nothing",
            params![actor, key, hash.to_vec(), now],
        )
        .await?;
    Ok(claimed == 1)
}

/// What was asked with a key, if something was, and the status and body of the answer, if there
/// was one.
pub(crate) async fn find(
    conn: &Conn,
    actor: &str,
    key: &str,
) -> Result<Option<(Vec<u8>, Option<i64>, Option<String>)>> {
    conn.optional(
        "select request_hash, status, body from answered_requests
          where actor = $1 and key = $2",
        params![actor, key],
    )
    .await
}

pub(crate) async fn set_answer(tx: &mut Tx, actor: &str, key: &str, answer: &Answer) -> Result<()> {
    tx.send(
        "update answered_requests set status = $3, body = $4 where actor = $1 and key = $2",
        params![actor, key, i64::from(answer.status), answer.body.as_str()],
    )
    .await
}

pub(crate) async fn delete(conn: &mut Conn, actor: &str, key: &str) -> Result<()> {
    conn.send("delete from answered_requests where actor = $1 and key = $2", params![actor, key])
        .await
}

pub(crate) async fn delete_before(tx: &mut Tx, before: Timestamp) -> Result<u64> {
    tx.execute("delete from answered_requests where created_at < $1", params![before]).await
}

/// Takes one from a bucket; `false` if it is empty. What is full later than a bucket takes to fill
/// was filled before the clock was set back.
pub(crate) async fn take(tx: &mut Tx, hash: &[u8], rate: Rate, now: Timestamp) -> Result<bool> {
    let latest = now + rate.capacity();
    let taken = tx
        .execute(
            "insert into rate_limits (key_hash, full_at) values ($1, $2)
             on conflict (key_hash) do update
                set full_at = case
                    when rate_limits.full_at > $3 and rate_limits.full_at <= $4
                    then rate_limits.full_at + $5
                    else $2
                end
              where rate_limits.full_at <= $3
                 or rate_limits.full_at > $4
                 or rate_limits.full_at + $5 <= $4",
            params![hash.to_vec(), now + rate.refill, now, latest, rate.refill.as_micros()],
        )
        .await?;
    Ok(taken > 0)
}

/// When a bucket is full again.
pub(crate) async fn full_at(conn: &Conn, hash: &[u8]) -> Result<Option<Timestamp>> {
    let row: Option<(Timestamp,)> = conn
        .optional("select full_at from rate_limits where key_hash = $1", params![hash.to_vec()])
        .await?;
    Ok(row.map(|(at,)| at))
}

pub(crate) async fn give_back(tx: &mut Tx, hash: &[u8], rate: Rate) -> Result<()> {
    tx.send(
        "update rate_limits set full_at = full_at - $2 where key_hash = $1",
        params![hash.to_vec(), rate.refill.as_micros()],
    )
    .await
}

pub(crate) async fn clear(tx: &mut Tx, hash: &[u8]) -> Result<()> {
    tx.send("delete from rate_limits where key_hash = $1", params![hash.to_vec()]).await
}

/// Drops the buckets that are full. Those that somebody takes from at this moment stay: who takes
/// from two of them waits for nobody here.
pub(crate) async fn drop_full(tx: &mut Tx, now: Timestamp) -> Result<()> {
    let mut sql = Sql::new("delete from rate_limits where key_hash in (");
    sql.push("select key_hash from rate_limits where full_at <= ").bind(now);
    dialect::skip_locked(&mut sql, tx.engine());
    sql.push(")");
    tx.send_sql(sql).await
}
