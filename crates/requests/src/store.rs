//! The rows of requests that were answered.

use anyhow::Result;
use database::{Conn, Tx, params};
use kernel::Timestamp;

use crate::Answer;

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
