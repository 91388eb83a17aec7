//! The rows of passkeys, and of what keys were asked to sign.

use anyhow::Result;
use database::{Cols, Conn, FromRow, Tx, params};
use kernel::{AgentId, PublicId, Span, Timestamp};
use keys::{Token, TokenHash};
use live::Change;

const TOKEN_PREFIX: &str = "rck";
const CHALLENGE_LASTS: Span = Span::minutes(5);

/// A passkey as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredPasskey {
    pub(crate) id: i64,
    pub(crate) public_id: PublicId,
    pub(crate) agent: AgentId,
    pub(crate) name: String,
    pub(crate) credential: String,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Option<Timestamp>,
}

impl FromRow for StoredPasskey {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            public_id: cols.next()?,
            agent: cols.next()?,
            name: cols.next()?,
            credential: cols.next()?,
            created_at: cols.next()?,
            last_used_at: cols.next()?,
        })
    }
}

pub(crate) async fn of_agent(conn: &Conn, agent: AgentId) -> Result<Vec<StoredPasskey>> {
    conn.all(
        "select id, public_id, agent_id, name, credential, created_at, last_used_at
           from passkeys where agent_id = $1 order by id limit 100",
        params![agent],
    )
    .await
}

/// The passkey with this id of its own, whoever has it.
pub(crate) async fn by_credential(
    conn: &Conn,
    credential_id: &[u8],
) -> Result<Option<StoredPasskey>> {
    conn.optional(
        "select id, public_id, agent_id, name, credential, created_at, last_used_at
           from passkeys where credential_id = $1",
        params![credential_id.to_vec()],
    )
    .await
}

/// Adds a passkey; `false` if somebody has it already.
pub(crate) async fn add(
    tx: &mut Tx,
    agent: AgentId,
    name: &str,
    (credential_id, credential): (&[u8], &str),
    now: Timestamp,
) -> Result<bool> {
    let added = tx
        .execute(
            "insert into passkeys (public_id, agent_id, name, credential_id, credential, created_at)
             values ($1, $2, $3, $4, $5, $6)
             on conflict (credential_id) do nothing",
            params![PublicId::new(now), agent, name, credential_id.to_vec(), credential, now],
        )
        .await?;
    tx.announce(Change::Agent { id: agent });
    Ok(added > 0)
}

/// Notes that a passkey was used, with its counter; `false` if it was used meanwhile.
pub(crate) async fn used(
    tx: &mut Tx,
    before: &StoredPasskey,
    credential: &str,
    now: Timestamp,
) -> Result<bool> {
    let noted = tx
        .execute(
            "update passkeys set credential = $3, last_used_at = $4
              where id = $1 and credential = $2",
            params![before.id, before.credential.as_str(), credential, now],
        )
        .await?;
    Ok(noted > 0)
}

pub(crate) async fn remove(tx: &mut Tx, agent: AgentId, id: PublicId) -> Result<bool> {
    let gone = tx
        .execute("delete from passkeys where public_id = $1 and agent_id = $2", params![id, agent])
        .await?;
    tx.announce(Change::Agent { id: agent });
    Ok(gone > 0)
}

/// What a key is asked to sign for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Register,
    SecondFactor,
    SignIn,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::SecondFactor => "second_factor",
            Self::SignIn => "sign_in",
        }
    }
}

/// Keeps what is needed to check the answer. The token is what the browser brings it back with.
pub(crate) async fn ask(
    tx: &mut Tx,
    purpose: Purpose,
    agent: Option<AgentId>,
    state: &str,
    now: Timestamp,
) -> Result<Token> {
    let token = Token::new(TOKEN_PREFIX);
    tx.send(
        "insert into passkey_challenges (token_hash, purpose, agent_id, state, expires_at)
         values ($1, $2, $3, $4, $5)",
        params![token.hash().0, purpose.as_str(), agent, state, now + CHALLENGE_LASTS],
    )
    .await?;
    Ok(token)
}

/// The hash of a challenge's token, if it looks like one.
pub(crate) fn challenge(token: &str) -> Option<TokenHash> {
    Token::read(TOKEN_PREFIX, token).map(|token| token.hash())
}

/// Takes a challenge: it is answered once, whatever the answer is worth.
pub(crate) async fn take(
    tx: &mut Tx,
    purpose: Purpose,
    agent: Option<AgentId>,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<Option<String>> {
    let row: Option<(String,)> = tx
        .optional(
            "delete from passkey_challenges
              where token_hash = $1 and purpose = $2 and coalesce(agent_id, 0) = $3
                and expires_at > $4
              returning state",
            params![hash.0.clone(), purpose.as_str(), agent.map_or(0, i64::from), now],
        )
        .await?;
    Ok(row.map(|(state,)| state))
}

pub(crate) async fn sweep(tx: &mut Tx, now: Timestamp) -> Result<()> {
    tx.send("delete from passkey_challenges where expires_at < $1", params![now]).await
}
