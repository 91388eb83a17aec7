//! Second factors: turned on, used, and taken away.

use anyhow::Result;
use database::Tx;
use kernel::{AgentId, Failure, Refusal, Timestamp};
use keys::Keys;

use crate::store;
use crate::store::second_factors as rows;
use crate::totp::{DIGITS, TotpSecret, in_fours};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactorRefusal {
    #[error("this code is not right, or was used before; wait for the next one and enter that")]
    WrongCode,
    #[error("an authenticator app is set up already; turn it off first")]
    OnAlready,
    #[error("the app was not set up, or somewhere else; begin again")]
    NotBegun,
}

impl Refusal for FactorRefusal {}

type Done<T> = Result<T, Failure<FactorRefusal>>;

pub(crate) const RECOVERY_CODES: usize = 10;
/// What its hash is made for.
const RECOVERY_CODE: &str = "recovery code";
/// Eighty bits.
const RECOVERY_CODE_LEN: usize = 16;

/// The place that an app's secret is sealed for.
fn place(agent: AgentId) -> String {
    format!("authenticator app of agent {agent}")
}

/// Begins with an app, or with another one while none works.
pub(crate) async fn begin_app(
    tx: &mut Tx,
    keys: &Keys,
    agent: AgentId,
    now: Timestamp,
) -> Done<()> {
    let sealed = keys.seal(&place(agent), TotpSecret::random().text());
    if rows::begin_app(tx, agent, &sealed, now).await? {
        Ok(())
    } else {
        Err(FactorRefusal::OnAlready.into())
    }
}

/// The secret of an app that is being set up.
pub(crate) fn secret_of(keys: &Keys, agent: AgentId, app: &rows::StoredApp) -> Result<TotpSecret> {
    Ok(TotpSecret::stored(keys.open(&place(agent), &app.sealed)?))
}

/// The first code: from now on the app is asked for. Every other session ends. Gives recovery
/// codes to somebody who had no second factor before.
pub(crate) async fn confirm_app(
    tx: &mut Tx,
    keys: &Keys,
    (agent, session): (AgentId, Option<i64>),
    typed: &str,
    now: Timestamp,
) -> Done<Vec<String>> {
    let had_one = rows::has(tx, agent).await?;
    let Some(app) = rows::app(tx, agent).await?.filter(|app| !app.is_confirmed) else {
        return Err(FactorRefusal::NotBegun.into());
    };
    let step = secret_of(keys, agent, &app)?.step_of(&plain(typed), now, app.last_step);
    let step = step.ok_or(FactorRefusal::WrongCode)?;
    if !rows::confirm_app(tx, agent, &app.sealed, step, now).await? {
        return Err(FactorRefusal::NotBegun.into());
    }
    turned_on(tx, (agent, session), now).await?;
    if had_one { Ok(Vec::new()) } else { Ok(new_recovery_codes(tx, keys, agent, now).await?) }
}

/// The session in which a second factor was set up goes on; no other does.
pub(crate) async fn turned_on(
    tx: &mut Tx,
    (agent, session): (AgentId, Option<i64>),
    now: Timestamp,
) -> Result<()> {
    store::sessions::end_all(tx, agent, session).await?;
    store::pending::close_all(tx, agent).await?;
    if let Some(session) = session {
        store::sessions::gave_second_factor(tx, session, now).await?;
    }
    Ok(())
}

/// Turns the app off. Recovery codes go with the last second factor.
pub(crate) async fn remove_app(tx: &mut Tx, agent: AgentId) -> Result<bool> {
    let gone = rows::remove_app(tx, agent).await?;
    if !rows::has(tx, agent).await? {
        rows::remove_recovery_codes(tx, agent).await?;
    }
    Ok(gone)
}

/// Seals the secrets of all apps with the key of today, and says how many of them were not.
pub(crate) async fn seal_anew(tx: &mut Tx, keys: &Keys) -> Result<u64> {
    let mut sealed = 0;
    for (agent, secret) in rows::secrets(tx).await? {
        if let Some(anew) = keys.seal_anew(&place(agent), &secret)? {
            rows::replace_secret(tx, agent, &anew).await?;
            sealed += 1;
        }
    }
    Ok(sealed)
}

/// Takes every second factor of somebody away, for those who lost theirs; every session of the
/// person ends. `false` if there was none.
pub async fn remove_second_factors(tx: &mut Tx, agent: AgentId) -> Result<bool> {
    let had_one = rows::has(tx, agent).await?;
    rows::remove_all(tx, agent).await?;
    store::sessions::end_all(tx, agent, None).await?;
    Ok(had_one)
}

/// New recovery codes; those that were there open nothing any more. They are shown this once.
pub(crate) async fn new_recovery_codes(
    tx: &mut Tx,
    keys: &Keys,
    agent: AgentId,
    now: Timestamp,
) -> Result<Vec<String>> {
    let codes: Vec<String> =
        (0..RECOVERY_CODES).map(|_| keys::base32(&rand::random::<[u8; 10]>())).collect();
    let hashes: Vec<String> = codes.iter().map(|code| hash(keys, agent, code)).collect();
    rows::replace_recovery_codes(tx, agent, &hashes, now).await?;
    Ok(codes.iter().map(|code| in_fours(code, "-")).collect())
}

fn hash(keys: &Keys, agent: AgentId, code: &str) -> String {
    keys.sign(RECOVERY_CODE, &[&agent.0.to_be_bytes(), code.as_bytes()])
}

/// A code as people type it, without what only helps to read it.
fn plain(typed: &str) -> String {
    let is_code = |c: &char| c.is_ascii_alphanumeric();
    typed.chars().filter(is_code).map(|c| c.to_ascii_lowercase()).collect()
}

/// Uses up a code of the app, or a recovery code. Neither is accepted twice.
pub(crate) async fn use_code(
    tx: &mut Tx,
    keys: &Keys,
    agent: AgentId,
    typed: &str,
    now: Timestamp,
) -> Result<bool> {
    let typed = plain(typed);
    if typed.len() == RECOVERY_CODE_LEN {
        let parts: [&[u8]; 2] = [&agent.0.to_be_bytes(), typed.as_bytes()];
        for hash in keys.every_sign(RECOVERY_CODE, &parts) {
            if rows::use_recovery_code(tx, agent, &hash, now).await? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    if typed.len() != DIGITS {
        return Ok(false);
    }
    let Some(app) = rows::app(tx, agent).await?.filter(|app| app.is_confirmed) else {
        return Ok(false);
    };
    match secret_of(keys, agent, &app)?.step_of(&typed, now, app.last_step) {
        Some(step) => rows::use_step(tx, agent, step).await,
        None => Ok(false),
    }
}
