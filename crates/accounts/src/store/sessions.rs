//! The rows of sessions.

use anyhow::Result;
use database::{Cols, Conn, FromRow, Tx, params};
use kernel::{AgentId, Span, Timestamp};
use keys::{Token, TokenHash};
use live::Change;

use crate::session::{SessionCard, SessionLimits, TOKEN_PREFIX, USER_AGENT_MAX};

impl FromRow for SessionCard {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            user_agent: cols.next()?,
            address: cols.next()?,
            created_at: cols.next()?,
            last_seen_at: cols.next()?,
        })
    }
}

/// A session that begins.
#[derive(Clone, Debug)]
pub(crate) struct NewSession<'n> {
    pub(crate) agent: AgentId,
    pub(crate) user_agent: &'n str,
    pub(crate) address: &'n str,
    pub(crate) second_factor: bool,
    /// However much it is used, it is over then.
    pub(crate) lasts: Span,
}

/// Opens a session and gives its token, which is stored nowhere.
pub(crate) async fn open(tx: &mut Tx, new: &NewSession<'_>, now: Timestamp) -> Result<Token> {
    let token = Token::new(TOKEN_PREFIX);
    tx.send(
        "insert into sessions (token_hash, agent_id, user_agent, address, created_at,
            last_seen_at, expires_at, second_factor, confirmed_at)
         values ($1, $2, $3, $4, $5, $5, $6, $7, $5)",
        params![
            token.hash().0,
            new.agent,
            kernel::clip(&kernel::one_line(new.user_agent), USER_AGENT_MAX),
            new.address,
            now,
            now + new.lasts,
            new.second_factor
        ],
    )
    .await?;
    Ok(token)
}

/// A session that goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiveSession {
    pub(crate) id: i64,
    pub(crate) agent: AgentId,
    pub(crate) last_seen_at: Timestamp,
    /// Whether a second factor was given in it.
    pub(crate) second_factor: bool,
    /// When the person last proved who they are.
    pub(crate) confirmed_at: Timestamp,
}

impl FromRow for LiveSession {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            agent: cols.next()?,
            last_seen_at: cols.next()?,
            second_factor: cols.next()?,
            confirmed_at: cols.next()?,
        })
    }
}

/// The live session of a token.
pub(crate) async fn find(
    conn: &Conn,
    hash: &TokenHash,
    limits: SessionLimits,
    now: Timestamp,
) -> Result<Option<LiveSession>> {
    conn.optional(
        "select session.id, session.agent_id, session.last_seen_at, session.second_factor,
                session.confirmed_at
           from sessions session
           join agents agent on agent.id = session.agent_id
          where session.token_hash = $1
            and session.expires_at > $2
            and session.last_seen_at > $3
            and session.created_at > $4
            and agent.state = 'active'",
        params![hash.0.clone(), now, now - limits.idle(), now - limits.absolute()],
    )
    .await
}

/// Notes that somebody proved in their session once more who they are.
pub(crate) async fn confirm(
    tx: &mut Tx,
    (agent, id): (AgentId, i64),
    now: Timestamp,
) -> Result<()> {
    tx.send(
        "update sessions set confirmed_at = $3 where id = $1 and agent_id = $2",
        params![id, agent, now],
    )
    .await?;
    tx.announce(Change::Agent { id: agent });
    Ok(())
}

/// Notes that a second factor was given in a session.
pub(crate) async fn gave_second_factor(tx: &mut Tx, id: i64, now: Timestamp) -> Result<()> {
    tx.send(
        "update sessions set second_factor = true, confirmed_at = $2 where id = $1",
        params![id, now],
    )
    .await
}

pub(crate) async fn seen(tx: &mut Tx, id: i64, now: Timestamp) -> Result<()> {
    tx.send("update sessions set last_seen_at = $2 where id = $1", params![id, now]).await
}

/// The open sessions of a person, the latest first.
pub(crate) async fn of_agent(
    conn: &Conn,
    agent: AgentId,
    limits: SessionLimits,
    now: Timestamp,
) -> Result<Vec<SessionCard>> {
    conn.all(
        "select id, user_agent, address, created_at, last_seen_at from sessions
          where agent_id = $1 and expires_at > $2 and last_seen_at > $3 and created_at > $4
          order by last_seen_at desc limit 100",
        params![agent, now, now - limits.idle(), now - limits.absolute()],
    )
    .await
}

/// Ends one session of a person.
pub(crate) async fn end(tx: &mut Tx, agent: AgentId, id: i64) -> Result<bool> {
    let gone = tx
        .execute("delete from sessions where id = $1 and agent_id = $2", params![id, agent])
        .await?;
    tx.announce(Change::Agent { id: agent });
    Ok(gone > 0)
}

/// Ends the session that a token opens, if it does, and says whose.
pub(crate) async fn end_by_token(tx: &mut Tx, hash: &TokenHash) -> Result<Option<AgentId>> {
    let ended: Option<(AgentId,)> = tx
        .optional(
            "delete from sessions where token_hash = $1 returning agent_id",
            params![hash.0.clone()],
        )
        .await?;
    if let Some((agent,)) = ended {
        tx.announce(Change::Agent { id: agent });
    }
    Ok(ended.map(|(agent,)| agent))
}

/// Ends all sessions of a person, but for one that may stay.
pub(crate) async fn end_all(tx: &mut Tx, agent: AgentId, but: Option<i64>) -> Result<()> {
    tx.send(
        "delete from sessions where agent_id = $1 and id <> $2",
        params![agent, but.unwrap_or(0)],
    )
    .await?;
    tx.announce(Change::Agent { id: agent });
    Ok(())
}

/// Drops what is over.
pub(crate) async fn sweep(tx: &mut Tx, limits: SessionLimits, now: Timestamp) -> Result<u64> {
    tx.execute(
        "delete from sessions where expires_at < $1 or last_seen_at < $2 or created_at < $3",
        params![now, now - limits.idle(), now - limits.absolute()],
    )
    .await
}
