//! The rows of links that open once.

use anyhow::Result;
use database::{Conn, Tx, params};
use kernel::{AgentId, Span, Timestamp};
use keys::{Token, TokenHash};

/// What a one-time link opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    SetUp,
    Invite,
    Reset,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::SetUp => "set_up",
            Self::Invite => "invite",
            Self::Reset => "reset",
        }
    }

    /// The prefix of its tokens.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::SetUp => "rcu",
            Self::Invite => "rci",
            Self::Reset => "rcp",
        }
    }

    pub(crate) fn lasts(self) -> Span {
        match self {
            // Until it is used; each start makes a new one.
            Self::SetUp => Span::days(365),
            Self::Invite => Span::hours(72),
            Self::Reset => Span::hours(1),
        }
    }
}

/// Makes a link; older ones for the same door stop working.
pub(crate) async fn make(
    tx: &mut Tx,
    purpose: Purpose,
    agent: Option<AgentId>,
    now: Timestamp,
) -> Result<Token> {
    tx.send(
        "delete from one_time_links
          where purpose = $1 and used_at is null and coalesce(agent_id, 0) = $2",
        params![purpose.as_str(), agent.map_or(0, i64::from)],
    )
    .await?;
    let token = Token::new(purpose.prefix());
    tx.send(
        "insert into one_time_links (token_hash, purpose, agent_id, created_at, expires_at)
         values ($1, $2, $3, $4, $5)",
        params![token.hash().0, purpose.as_str(), agent, now, now + purpose.lasts()],
    )
    .await?;
    Ok(token)
}

/// Whose link this is, if it still opens. Looking does not use it up.
pub(crate) async fn look_at(
    conn: &Conn,
    purpose: Purpose,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<Option<Option<AgentId>>> {
    let row: Option<(Option<AgentId>,)> = conn
        .optional(
            "select agent_id from one_time_links
              where token_hash = $1 and purpose = $2 and expires_at > $3 and used_at is null",
            params![hash.0.clone(), purpose.as_str(), now],
        )
        .await?;
    Ok(row.map(|(agent,)| agent))
}

/// Who has asked for a new password and has not chosen one yet, the latest first.
pub(crate) async fn waiting_for_password(
    conn: &Conn,
    now: Timestamp,
) -> Result<Vec<(AgentId, Timestamp)>> {
    conn.all(
        "select agent_id, created_at from one_time_links
          where purpose = $1 and agent_id is not null and expires_at > $2 and used_at is null
          order by created_at desc limit 100",
        params![Purpose::Reset.as_str(), now],
    )
    .await
}

/// Uses a link up. Of many who try at once, one wins.
pub(crate) async fn use_up(
    tx: &mut Tx,
    purpose: Purpose,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<Option<Option<AgentId>>> {
    let row: Option<(Option<AgentId>,)> = tx
        .optional(
            "update one_time_links set used_at = $3
              where token_hash = $1 and purpose = $2 and expires_at > $3 and used_at is null
              returning agent_id",
            params![hash.0.clone(), purpose.as_str(), now],
        )
        .await?;
    Ok(row.map(|(agent,)| agent))
}

/// Closes every door that a link could still open for a person.
pub(crate) async fn revoke(tx: &mut Tx, agent: AgentId) -> Result<()> {
    tx.send("delete from one_time_links where agent_id = $1 and used_at is null", params![agent])
        .await
}
