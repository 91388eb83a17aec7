//! The same request twice has one effect.
//!
//! The first request with a key claims it in the transaction of its effect; a repeat gets the
//! stored answer. If the first one fails, its transaction takes the claim with it.

use anyhow::{Context, Result};
use database::{Conn, Tx};
use kernel::{Span, Timestamp};
use sha2::{Digest, Sha256};

use crate::store;

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
/// Ours are shorter; the rest is for the content.
const FORM_KEY_LENGTH_MAX: usize = 100;

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
    if store::claim(tx, actor, &key, &hash, now).await? {
        return Ok(Attempt::First);
    }
    Ok(match store::find(tx, actor, &key).await?.context("a request that was claimed")? {
        (other, _, _) if other != hash => Attempt::OtherRequest,
        (_, status @ Some(_), body) => Attempt::Repeat(read(status, body)),
        // Committed without an answer: the effect was nothing, so it may be tried again.
        (_, None, _) => Attempt::First,
    })
}

/// Whether a form is to be done: `false` if the same form with the same content was done before.
///
/// The content is part of the key, so that a form to which somebody went back, and which they
/// changed, is another one. One without a key is done each time.
pub async fn is_first(
    tx: &mut Tx,
    actor: &str,
    key: &str,
    content: &[u8],
    now: Timestamp,
) -> Result<bool> {
    if key.is_empty() {
        return Ok(true);
    }
    let key = kernel::clip(key, FORM_KEY_LENGTH_MAX);
    let key = format!("{key}-{}", kernel::hex(&Sha256::digest(content)));
    match begin(tx, actor, &key, b"", now).await? {
        Attempt::First => {
            let done = Answer { status: 303, body: String::new() };
            answer(tx, actor, &key, &done).await?;
            Ok(true)
        }
        Attempt::Repeat(_) | Attempt::OtherRequest => Ok(false),
    }
}

/// The answer that the same request with this key got before, if it got one. Claims nothing.
pub async fn answered(
    conn: &Conn,
    actor: &str,
    key: &str,
    request: &[u8],
) -> Result<Option<Answer>> {
    let hash = Sha256::digest(request).to_vec();
    let found = store::find(conn, actor, &kernel::clip(key, KEY_LENGTH_MAX)).await?;
    let same = found.filter(|(known, status, _)| *known == hash && status.is_some());
    Ok(same.map(|(_, status, body)| read(status, body)))
}

fn read(status: Option<i64>, body: Option<String>) -> Answer {
    Answer {
        status: status.and_then(|status| u16::try_from(status).ok()).unwrap_or(500),
        body: body.unwrap_or_default(),
    }
}

/// Stores the answer in the transaction of the effect.
pub async fn answer(tx: &mut Tx, actor: &str, key: &str, answer: &Answer) -> Result<()> {
    store::set_answer(tx, actor, &kernel::clip(key, KEY_LENGTH_MAX), answer).await
}

/// Drops one answer.
pub async fn forget(conn: &mut Conn, actor: &str, key: &str) -> Result<()> {
    store::delete(conn, actor, key).await
}

/// Drops answers that nobody can ask for any more, and counts of what was tried long ago.
pub async fn sweep(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    store::drop_full(tx, now).await?;
    store::delete_before(tx, now - KEPT).await
}
