//! The rows of tokens for programs.

use anyhow::Result;
use database::{Cols, Conn, FromRow, Tx, params};
use kernel::{AgentId, InboxId, PublicId, Timestamp};
use keys::{Token, TokenHash};
use live::Change;

use crate::api_token::TOKEN_PREFIX;
use crate::{ApiToken, NewToken, Scopes, Sees};

impl FromRow for ApiToken {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            public_id: cols.next()?,
            name: cols.next()?,
            hint: cols.next()?,
            scopes: Scopes::read(&cols.next::<String>()?)?,
            sees: if cols.next()? { Sees::Everything } else { Sees::Only(Vec::new()) },
            created_at: cols.next()?,
            expires_at: cols.next()?,
            last_used_at: cols.next()?,
        })
    }
}

/// Makes a token and gives it, this once.
pub async fn make_token(tx: &mut Tx, new: &NewToken, now: Timestamp) -> Result<Token> {
    let token = Token::with_checksum(TOKEN_PREFIX);
    let text = token.reveal();
    let hint = text.get(text.len().saturating_sub(4)..).unwrap_or_default();
    let id: i64 = tx
        .scalar(
            "insert into api_tokens (public_id, agent_id, name, token_hash, hint, scopes,
                sees_every_inbox, created_at, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             returning id",
            params![
                PublicId::new(now),
                new.agent,
                kernel::clip(&kernel::one_line(&new.name), 100),
                token.hash().0,
                hint,
                new.scopes.to_text(),
                new.sees == Sees::Everything,
                now,
                new.expires_at
            ],
        )
        .await?;
    if let Sees::Only(inboxes) = &new.sees {
        for inbox in inboxes {
            tx.send(
                "insert into api_token_inboxes (token_id, inbox_id) values ($1, $2)
                 on conflict do nothing",
                params![id, *inbox],
            )
            .await?;
        }
    }
    Ok(token)
}

/// The live tokens of a person.
pub async fn tokens_of(conn: &Conn, agent: AgentId) -> Result<Vec<ApiToken>> {
    let mut tokens: Vec<ApiToken> = conn
        .all(
            "select id, public_id, name, hint, scopes, sees_every_inbox, created_at, expires_at,
                    last_used_at
               from api_tokens where agent_id = $1 and revoked_at is null
              order by id desc limit 200",
            params![agent],
        )
        .await?;
    let chosen: Vec<(i64, InboxId)> = conn
        .all(
            "select chosen.token_id, chosen.inbox_id
               from api_token_inboxes chosen
               join api_tokens token on token.id = chosen.token_id
              where token.agent_id = $1 and token.revoked_at is null
              order by chosen.inbox_id",
            params![agent],
        )
        .await?;
    for token in &mut tokens {
        let of_it = chosen.iter().filter(|(id, _)| *id == token.id);
        if let Sees::Only(inboxes) = &mut token.sees {
            inboxes.extend(of_it.map(|(_, inbox)| *inbox));
        }
    }
    Ok(tokens)
}

/// The inboxes that a token was made for.
pub(crate) async fn inboxes_of(conn: &Conn, token: i64) -> Result<Vec<InboxId>> {
    conn.column(
        "select inbox_id from api_token_inboxes where token_id = $1 order by inbox_id",
        params![token],
    )
    .await
}

pub async fn revoke_token(
    tx: &mut Tx,
    agent: AgentId,
    id: PublicId,
    now: Timestamp,
) -> Result<bool> {
    let revoked = tx
        .execute(
            "update api_tokens set revoked_at = $3
              where public_id = $1 and agent_id = $2 and revoked_at is null",
            params![id, agent, now],
        )
        .await?;
    tx.announce(Change::Agent { id: agent });
    Ok(revoked > 0)
}

pub(crate) async fn revoke_all(tx: &mut Tx, agent: AgentId, now: Timestamp) -> Result<()> {
    tx.send(
        "update api_tokens set revoked_at = $2 where agent_id = $1 and revoked_at is null",
        params![agent, now],
    )
    .await
}

/// A token that works, as its row says.
pub(crate) struct Found {
    pub(crate) id: i64,
    pub(crate) agent: AgentId,
    pub(crate) scopes: Scopes,
    pub(crate) sees_every_inbox: bool,
    pub(crate) last_used_at: Option<Timestamp>,
}

impl FromRow for Found {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            agent: cols.next()?,
            scopes: Scopes::read(&cols.next::<String>()?)?,
            sees_every_inbox: cols.next()?,
            last_used_at: cols.next()?,
        })
    }
}

/// Whose token this is, what it may, and when it was last used.
pub(crate) async fn find(conn: &Conn, hash: &TokenHash, now: Timestamp) -> Result<Option<Found>> {
    conn.optional(
        "select token.id, token.agent_id, token.scopes, token.sees_every_inbox,
                token.last_used_at
           from api_tokens token
           join agents agent on agent.id = token.agent_id
          where token.token_hash = $1
            and token.revoked_at is null
            and (token.expires_at is null or token.expires_at > $2)
            and agent.state = 'active'",
        params![hash.0.clone(), now],
    )
    .await
}

pub(crate) async fn used(tx: &mut Tx, id: i64, now: Timestamp) -> Result<()> {
    tx.send("update api_tokens set last_used_at = $2 where id = $1", params![id, now]).await
}
