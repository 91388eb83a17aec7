//! The rows of sign-ins that wait for a second factor.

use anyhow::Result;
use database::{Conn, Tx, params};
use kernel::{AgentId, Span, Timestamp};
use keys::{Token, TokenHash};

pub(crate) const TOKEN_PREFIX: &str = "rcq";
pub(crate) const LASTS: Span = Span::minutes(10);
/// After so many wrong codes the password is asked for again.
const TRIES_MAX: i64 = 5;

/// Somebody who gave the right password.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) agent: AgentId,
    pub(crate) keeps: bool,
    pub(crate) next: String,
}

type Row = (AgentId, bool, String);

fn pending((agent, keeps, next): Row) -> Pending {
    Pending { agent, keeps, next }
}

pub(crate) async fn open(tx: &mut Tx, pending: &Pending, now: Timestamp) -> Result<Token> {
    let token = Token::new(TOKEN_PREFIX);
    tx.send(
        "insert into pending_sign_ins (token_hash, agent_id, keeps, next, tries, expires_at)
         values ($1, $2, $3, $4, 0, $5)",
        params![token.hash().0, pending.agent, pending.keeps, pending.next.as_str(), now + LASTS],
    )
    .await?;
    Ok(token)
}

/// Who waits, as long as they may try.
pub(crate) async fn find(conn: &Conn, hash: &TokenHash, now: Timestamp) -> Result<Option<Pending>> {
    let row: Option<Row> = conn
        .optional(
            "select agent_id, keeps, next from pending_sign_ins
              where token_hash = $1 and expires_at > $2 and tries < $3",
            params![hash.0.clone(), now, TRIES_MAX],
        )
        .await?;
    Ok(row.map(pending))
}

/// Counts a try before it is looked at, so that tries at once are counted, too.
pub(crate) async fn count_try(
    tx: &mut Tx,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<Option<Pending>> {
    let row: Option<Row> = tx
        .optional(
            "update pending_sign_ins set tries = tries + 1
              where token_hash = $1 and expires_at > $2 and tries < $3
              returning agent_id, keeps, next",
            params![hash.0.clone(), now, TRIES_MAX],
        )
        .await?;
    Ok(row.map(pending))
}

/// Ends it; `false` if somebody else did.
pub(crate) async fn close(tx: &mut Tx, hash: &TokenHash) -> Result<bool> {
    let closed = tx
        .execute("delete from pending_sign_ins where token_hash = $1", params![hash.0.clone()])
        .await?;
    Ok(closed > 0)
}

/// Ends all that wait for somebody.
pub(crate) async fn close_all(tx: &mut Tx, agent: AgentId) -> Result<()> {
    tx.send("delete from pending_sign_ins where agent_id = $1", params![agent]).await
}

pub(crate) async fn sweep(tx: &mut Tx, now: Timestamp) -> Result<()> {
    tx.send("delete from pending_sign_ins where expires_at < $1", params![now]).await
}
