//! The rows of journeys to a provider of sign-in, and of who somebody is there.

use anyhow::{Context, Result};
use database::{Cols, Conn, FromRow, Tx, params};
use kernel::{AgentId, Span, Timestamp};
use keys::TokenHash;

pub(crate) const STATE_PREFIX: &str = "rco";
pub(crate) const BROWSER_PREFIX: &str = "rcj";
pub(crate) const JOURNEY_LASTS: Span = Span::minutes(10);

/// There and back.
#[derive(Clone, Debug)]
pub(crate) struct Journey {
    pub(crate) agent: Option<AgentId>,
    pub(crate) issuer: String,
    pub(crate) nonce: String,
    /// Sealed.
    pub(crate) verifier: String,
    pub(crate) keeps: bool,
    pub(crate) next: String,
}

impl FromRow for Journey {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            agent: cols.next()?,
            issuer: cols.next()?,
            nonce: cols.next()?,
            verifier: cols.next()?,
            keeps: cols.next()?,
            next: cols.next()?,
        })
    }
}

pub(crate) async fn begin(
    tx: &mut Tx,
    (state, browser): (&TokenHash, &TokenHash),
    journey: &Journey,
    now: Timestamp,
) -> Result<()> {
    tx.send(
        "insert into provider_journeys (state_hash, browser_hash, agent_id, issuer, nonce, verifier,
            keeps, next, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            state.0.clone(),
            browser.0.clone(),
            journey.agent,
            journey.issuer.as_str(),
            journey.nonce.as_str(),
            journey.verifier.as_str(),
            journey.keeps,
            journey.next.as_str(),
            now + JOURNEY_LASTS
        ],
    )
    .await
}

/// Ends a journey in the browser in which it began. It ends once.
pub(crate) async fn end(
    tx: &mut Tx,
    (state, browser): (&TokenHash, &TokenHash),
    now: Timestamp,
) -> Result<Option<Journey>> {
    tx.optional(
        "delete from provider_journeys
          where state_hash = $1 and browser_hash = $2 and expires_at > $3
          returning agent_id, issuer, nonce, verifier, keeps, next",
        params![state.0.clone(), browser.0.clone(), now],
    )
    .await
}

/// Who has this identity. Notes that it was used.
pub(crate) async fn used(
    tx: &mut Tx,
    (issuer, subject): (&str, &str),
    now: Timestamp,
) -> Result<Option<AgentId>> {
    let row: Option<(AgentId,)> = tx
        .optional(
            "update provider_identities set last_used_at = $3
              where issuer = $1 and subject = $2
              returning agent_id",
            params![issuer, subject, now],
        )
        .await?;
    Ok(row.map(|(agent,)| agent))
}

/// Joins an identity to somebody, unless somebody has it. Gives who has it then.
pub(crate) async fn join(
    tx: &mut Tx,
    (issuer, subject): (&str, &str),
    agent: AgentId,
    now: Timestamp,
) -> Result<AgentId> {
    tx.send(
        "insert into provider_identities (issuer, subject, agent_id, created_at, last_used_at)
         values ($1, $2, $3, $4, $4)
         on conflict (issuer, subject) do nothing",
        params![issuer, subject, agent, now],
    )
    .await?;
    used(tx, (issuer, subject), now).await?.context("an identity that was joined")
}

/// Whether somebody has an identity at a provider.
pub(crate) async fn is_joined(conn: &Conn, issuer: &str, agent: AgentId) -> Result<bool> {
    let count: i64 = conn
        .scalar(
            "select count(*) from provider_identities where issuer = $1 and agent_id = $2",
            params![issuer, agent],
        )
        .await?;
    Ok(count > 0)
}

/// Takes the identities of somebody at a provider away.
pub(crate) async fn part(tx: &mut Tx, issuer: &str, agent: AgentId) -> Result<()> {
    tx.send(
        "delete from provider_identities where issuer = $1 and agent_id = $2",
        params![issuer, agent],
    )
    .await
}

pub(crate) async fn sweep(tx: &mut Tx, now: Timestamp) -> Result<()> {
    tx.send("delete from provider_journeys where expires_at < $1", params![now]).await
}
