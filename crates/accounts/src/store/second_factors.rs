//! The rows of second factors: authenticator apps and recovery codes.

use anyhow::Result;
use database::{Conn, Tx, params};
use kernel::{AgentId, Timestamp};
use live::Change;

/// An authenticator app as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredApp {
    pub(crate) sealed: String,
    pub(crate) last_step: i64,
    /// Whether its first code was given.
    pub(crate) is_confirmed: bool,
}

/// Whether somebody has a second factor that works.
pub(crate) async fn has(conn: &Conn, agent: AgentId) -> Result<bool> {
    let factors: i64 = conn
        .scalar(
            "select (select count(*) from authenticator_apps
                      where agent_id = $1 and confirmed_at is not null)
                  + (select count(*) from passkeys where agent_id = $1)",
            params![agent],
        )
        .await?;
    Ok(factors > 0)
}

pub(crate) async fn app(conn: &Conn, agent: AgentId) -> Result<Option<StoredApp>> {
    let row: Option<(String, i64, Option<Timestamp>)> = conn
        .optional(
            "select secret, last_step, confirmed_at from authenticator_apps where agent_id = $1",
            params![agent],
        )
        .await?;
    Ok(row.map(|(sealed, last_step, confirmed_at)| StoredApp {
        sealed,
        last_step,
        is_confirmed: confirmed_at.is_some(),
    }))
}

/// The secret of every app, as it is sealed.
pub(crate) async fn secrets(conn: &Conn) -> Result<Vec<(AgentId, String)>> {
    conn.all("select agent_id, secret from authenticator_apps order by agent_id", params![]).await
}

pub(crate) async fn replace_secret(tx: &mut Tx, agent: AgentId, sealed: &str) -> Result<()> {
    tx.send("update authenticator_apps set secret = $2 where agent_id = $1", params![agent, sealed])
        .await
}

/// Begins with an app. One that works already stays; then the answer is `false`.
pub(crate) async fn begin_app(
    tx: &mut Tx,
    agent: AgentId,
    sealed: &str,
    now: Timestamp,
) -> Result<bool> {
    let begun = tx
        .execute(
            "insert into authenticator_apps (agent_id, secret, last_step, created_at)
             values ($1, $2, 0, $3)
             on conflict (agent_id) do update
                set secret = excluded.secret, last_step = 0, created_at = excluded.created_at
              where authenticator_apps.confirmed_at is null",
            params![agent, sealed, now],
        )
        .await?;
    Ok(begun > 0)
}

/// The app showed with the code of a time step that it has the secret; `false` if it was another
/// secret, or works already.
pub(crate) async fn confirm_app(
    tx: &mut Tx,
    agent: AgentId,
    sealed: &str,
    step: i64,
    now: Timestamp,
) -> Result<bool> {
    let confirmed = tx
        .execute(
            "update authenticator_apps set confirmed_at = $4, last_step = $3
              where agent_id = $1 and secret = $2 and confirmed_at is null",
            params![agent, sealed, step, now],
        )
        .await?;
    tx.announce(Change::Agent { id: agent });
    Ok(confirmed > 0)
}

/// Uses the code of a time step up. Of many who give it at once, one wins.
pub(crate) async fn use_step(tx: &mut Tx, agent: AgentId, step: i64) -> Result<bool> {
    let won = tx
        .execute(
            "update authenticator_apps set last_step = $2
              where agent_id = $1 and last_step < $2 and confirmed_at is not null",
            params![agent, step],
        )
        .await?;
    Ok(won > 0)
}

pub(crate) async fn remove_app(tx: &mut Tx, agent: AgentId) -> Result<bool> {
    let gone =
        tx.execute("delete from authenticator_apps where agent_id = $1", params![agent]).await?;
    tx.announce(Change::Agent { id: agent });
    Ok(gone > 0)
}

/// Takes every second factor away, and what waits for one.
pub(crate) async fn remove_all(tx: &mut Tx, agent: AgentId) -> Result<()> {
    remove_app(tx, agent).await?;
    remove_recovery_codes(tx, agent).await?;
    tx.send("delete from passkeys where agent_id = $1", params![agent]).await?;
    tx.send("delete from passkey_challenges where agent_id = $1", params![agent]).await?;
    tx.send("delete from pending_sign_ins where agent_id = $1", params![agent]).await?;
    Ok(())
}

pub(crate) async fn remove_recovery_codes(tx: &mut Tx, agent: AgentId) -> Result<()> {
    tx.send("delete from recovery_codes where agent_id = $1", params![agent]).await
}

/// New recovery codes instead of those that were there.
pub(crate) async fn replace_recovery_codes(
    tx: &mut Tx,
    agent: AgentId,
    hashes: &[String],
    now: Timestamp,
) -> Result<()> {
    remove_recovery_codes(tx, agent).await?;
    for hash in hashes {
        tx.send(
            "insert into recovery_codes (agent_id, code_hash, created_at) values ($1, $2, $3)",
            params![agent, hash.as_str(), now],
        )
        .await?;
    }
    Ok(())
}

/// Uses a recovery code up. Of many who give it at once, one wins.
pub(crate) async fn use_recovery_code(
    tx: &mut Tx,
    agent: AgentId,
    hash: &str,
    now: Timestamp,
) -> Result<bool> {
    let won = tx
        .execute(
            "update recovery_codes set used_at = $3
              where agent_id = $1 and code_hash = $2 and used_at is null",
            params![agent, hash, now],
        )
        .await?;
    Ok(won > 0)
}

pub(crate) async fn recovery_codes_left(conn: &Conn, agent: AgentId) -> Result<i64> {
    conn.scalar(
        "select count(*) from recovery_codes where agent_id = $1 and used_at is null",
        params![agent],
    )
    .await
}
