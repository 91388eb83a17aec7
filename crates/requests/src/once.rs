//! The same request twice has one effect.
//!
//! The first request with a key claims it in the transaction of its effect; a repeat gets the
//! stored answer. If the first one fails, its transaction takes the claim with it.

use anyhow::Result;
use database::{Conn, Tx, params};
use kernel::{Span, Timestamp};
use sha2::{Digest, Sha256};

/// What a request with a key finds.
#[derive(Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Nobody used the key: go on, and store the answer with [`answer`] before the commit.
    First,
    /// It was done before.
    Repeat(Answer),
    /// The key was used for something else.
    OtherRequest,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// How long an answer can be asked for again.
const KEPT: Span = Span::hours(48);
pub(crate) const KEY_LENGTH_MAX: usize = 200;

/// Claims `key` of `actor` for the request with this content.
///
/// On PostgreSQL a second request waits here until the first commits or fails; on SQLite it
/// already waited for its turn to write.
pub async fn begin(
    tx: &mut Tx,
    actor: &str,
    key: &str,
    request: &[u8],
    now: Timestamp,
) -> Result<Attempt> {
    let hash = Sha256::digest(request).to_vec();
    let key = kernel::clip(key, KEY_LENGTH_MAX);
    let claimed = tx
        .execute(
            "insert into answered_requests (actor, key, request_hash, created_at)
             values ($1, $2, $3, $4)
             on conflict (actor, key) do nothing",
            params![actor, &key, hash.clone(), now],
        )
        .await?;
    if claimed == 1 {
        return Ok(Attempt::First);
    }
    let before: (Vec<u8>, Option<i64>, Option<String>) = tx
        .one(
            "select request_hash, status, body from answered_requests
              where actor = $1 and key = $2",
            params![actor, &key],
        )
        .await?;
    Ok(match before {
        (other, _, _) if other != hash => Attempt::OtherRequest,
        (_, Some(status), body) => Attempt::Repeat(Answer {
            status: u16::try_from(status).unwrap_or(500),
            body: body.unwrap_or_default(),
        }),
        // Committed without an answer: the effect was nothing, so it may be tried again.
        (_, None, _) => Attempt::First,
    })
}

/// Stores the answer in the transaction of the effect.
pub async fn answer(tx: &mut Tx, actor: &str, key: &str, answer: &Answer) -> Result<()> {
    tx.execute(
        "update answered_requests set status = $3, body = $4 where actor = $1 and key = $2",
        params![
            actor,
            kernel::clip(key, KEY_LENGTH_MAX),
            i64::from(answer.status),
            answer.body.as_str()
        ],
    )
    .await
    .map(drop)
}

/// Drops one answer.
pub async fn forget(conn: &mut Conn, actor: &str, key: &str) -> Result<()> {
    conn.execute("delete from answered_requests where actor = $1 and key = $2", params![actor, key])
        .await
        .map(drop)
}

/// Drops answers that nobody can ask for any more.
pub async fn sweep(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    tx.execute("delete from answered_requests where created_at < $1", params![now - KEPT]).await
}
