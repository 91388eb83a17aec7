//! Passkeys: registered, and used as a second factor or instead of a password.

use anyhow::{Context, Result};
use database::Tx;
use kernel::{AgentId, Failure, PublicId, Refusal, Timestamp};
use keys::Keys;
use serde::{Serialize, de::DeserializeOwned};
use webauthn_rs::prelude::{
    AuthenticationResult, DiscoverableAuthentication, Passkey, PasskeyAuthentication,
    PasskeyRegistration, PublicKeyCredential, Url, Webauthn, WebauthnBuilder,
};

use crate::Agent;
use crate::second_factor::{new_recovery_codes, turned_on};
use crate::store::passkeys::{self as rows, Purpose, StoredPasskey};
use crate::store::{self, second_factors};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyRefusal {
    #[error("the key did not answer as it should, or too late; try again")]
    BadAnswer,
    #[error("this passkey is registered already")]
    Known,
    #[error("you have as many passkeys as anybody needs; remove one first")]
    TooMany,
    #[error("give the passkey a name")]
    Nameless,
    #[error("passkeys need the address of this installation to begin with https://")]
    NotHere,
}

impl Refusal for PasskeyRefusal {}

type Done<T> = Result<T, Failure<PasskeyRefusal>>;

const PASSKEYS_MAX: usize = 20;

/// What speaks with keys in the name of this installation. None where browsers allow no passkeys:
/// without HTTPS, except on the machine itself, and where the host is a mere number.
pub(crate) fn at_home(base_url: &str) -> Option<Webauthn> {
    let url = Url::parse(base_url).ok()?;
    let host = url.domain()?;
    if url.scheme() != "https" && host != "localhost" {
        return None;
    }
    WebauthnBuilder::new(host, &url).ok()?.rp_name("Recourse").build().ok()
}

/// What the browser is told: what the key is asked, and by which name it brings the answer back.
#[derive(Debug, Serialize)]
pub(crate) struct Question {
    token: String,
    options: serde_json::Value,
}

/// The part of a challenge that `navigator.credentials` takes.
fn options(challenge: &impl Serialize) -> Result<serde_json::Value> {
    let whole = serde_json::to_value(challenge)?;
    whole.get("publicKey").cloned().context("a challenge without its options")
}

fn read<T: DeserializeOwned>(answer: &str) -> Result<T, PasskeyRefusal> {
    serde_json::from_str(answer).map_err(|fault| {
        tracing::debug!(%fault, "the answer of a key could not be read");
        PasskeyRefusal::BadAnswer
    })
}

fn bad(fault: webauthn_rs::prelude::WebauthnError) -> PasskeyRefusal {
    tracing::info!(%fault, "the answer of a key was refused");
    PasskeyRefusal::BadAnswer
}

fn keys_of(stored: &[StoredPasskey]) -> Result<Vec<Passkey>> {
    stored.iter().map(|one| Ok(serde_json::from_str(&one.credential)?)).collect()
}

/// Asks a key to be somebody's. It is to find its account by itself where it can.
pub(crate) async fn ask_to_register(
    tx: &mut Tx,
    webauthn: &Webauthn,
    agent: &Agent,
    now: Timestamp,
) -> Done<Question> {
    let known = keys_of(&rows::of_agent(tx, agent.id).await?)?;
    if known.len() >= PASSKEYS_MAX {
        return Err(PasskeyRefusal::TooMany.into());
    }
    let known = known.iter().map(|key| key.cred_id().clone()).collect();
    let email = agent.email.as_str();
    let (challenge, state) = webauthn
        .start_passkey_registration(agent.public_id.0, email, &agent.name, Some(known))
        .context("asking a key to register")?;
    let mut options = options(&challenge)?;
    if let Some(selection) = options.get_mut("authenticatorSelection") {
        selection["residentKey"] = "preferred".into();
    }
    let state = serde_json::to_string(&state).context("keeping a registration")?;
    let token = rows::ask(tx, Purpose::Register, Some(agent.id), &state, now).await?;
    Ok(Question { token: token.reveal().to_owned(), options })
}

/// A key's answer to a question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) token: &'a str,
    /// As the browser wrote it, in JSON.
    pub(crate) credential: &'a str,
}

/// Takes the question that an answer names.
async fn asked<T: DeserializeOwned>(
    tx: &mut Tx,
    purpose: Purpose,
    agent: Option<AgentId>,
    answer: Answer<'_>,
    now: Timestamp,
) -> Done<T> {
    let hash = rows::challenge(answer.token).ok_or(PasskeyRefusal::BadAnswer)?;
    let state = rows::take(tx, purpose, agent, &hash, now).await?;
    let state = state.ok_or(PasskeyRefusal::BadAnswer)?;
    Ok(serde_json::from_str(&state).context("reading a stored challenge")?)
}

/// Registers a passkey. Every other session ends. Gives recovery codes to somebody who had no
/// second factor before.
pub(crate) async fn register(
    tx: &mut Tx,
    (webauthn, keys): (&Webauthn, &Keys),
    (agent, session): (AgentId, Option<i64>),
    (name, answer): (&str, Answer<'_>),
    now: Timestamp,
) -> Done<Vec<String>> {
    let state: PasskeyRegistration = asked(tx, Purpose::Register, Some(agent), answer, now).await?;
    let name = kernel::clip(&kernel::one_line(name), 100);
    if name.is_empty() {
        return Err(PasskeyRefusal::Nameless.into());
    }
    let credential = read(answer.credential)?;
    let passkey = webauthn.finish_passkey_registration(&credential, &state).map_err(bad)?;
    let had_one = second_factors::has(tx, agent).await?;
    let stored = serde_json::to_string(&passkey).context("keeping a passkey")?;
    let id: &[u8] = passkey.cred_id().as_ref();
    if !rows::add(tx, agent, &name, (id, &stored), now).await? {
        return Err(PasskeyRefusal::Known.into());
    }
    turned_on(tx, (agent, session), now).await?;
    if had_one { Ok(Vec::new()) } else { Ok(new_recovery_codes(tx, keys, agent, now).await?) }
}

/// Takes a passkey away. Recovery codes go with the last second factor.
pub(crate) async fn remove(tx: &mut Tx, agent: AgentId, id: PublicId) -> Result<bool> {
    let gone = rows::remove(tx, agent, id).await?;
    if !second_factors::has(tx, agent).await? {
        second_factors::remove_recovery_codes(tx, agent).await?;
    }
    Ok(gone)
}

/// Asks for one of somebody's keys, after the password. None for somebody who has none.
pub(crate) async fn ask_for_second_factor(
    tx: &mut Tx,
    webauthn: &Webauthn,
    agent: AgentId,
    now: Timestamp,
) -> Result<Option<Question>> {
    let known = keys_of(&rows::of_agent(tx, agent).await?)?;
    if known.is_empty() {
        return Ok(None);
    }
    let (challenge, state) =
        webauthn.start_passkey_authentication(&known).context("asking for a passkey")?;
    let options = options(&challenge)?;
    let state = serde_json::to_string(&state)?;
    let token = rows::ask(tx, Purpose::SecondFactor, Some(agent), &state, now).await?;
    Ok(Some(Question { token: token.reveal().to_owned(), options }))
}

/// Checks the answer of one of somebody's keys.
pub(crate) async fn second_factor(
    tx: &mut Tx,
    webauthn: &Webauthn,
    agent: AgentId,
    answer: Answer<'_>,
    now: Timestamp,
) -> Done<()> {
    let state: PasskeyAuthentication =
        asked(tx, Purpose::SecondFactor, Some(agent), answer, now).await?;
    let credential: PublicKeyCredential = read(answer.credential)?;
    let result = webauthn.finish_passkey_authentication(&credential, &state).map_err(bad)?;
    let stored = rows::by_credential(tx, result.cred_id().as_ref()).await?;
    let stored = stored.filter(|stored| stored.agent == agent).ok_or(PasskeyRefusal::BadAnswer)?;
    note_use(tx, &stored, &result, now).await
}

/// Asks for any key that knows who it belongs to.
pub(crate) async fn ask_to_sign_in(
    tx: &mut Tx,
    webauthn: &Webauthn,
    now: Timestamp,
) -> Result<Question> {
    let (challenge, state) =
        webauthn.start_discoverable_authentication().context("asking for any passkey")?;
    let options = options(&challenge)?;
    let state = serde_json::to_string(&state)?;
    let token = rows::ask(tx, Purpose::SignIn, None, &state, now).await?;
    Ok(Question { token: token.reveal().to_owned(), options })
}

/// Whose key answered, having made sure by itself that it is they: both factors at once.
pub(crate) async fn sign_in(
    tx: &mut Tx,
    webauthn: &Webauthn,
    answer: Answer<'_>,
    now: Timestamp,
) -> Done<AgentId> {
    let state: DiscoverableAuthentication = asked(tx, Purpose::SignIn, None, answer, now).await?;
    let credential: PublicKeyCredential = read(answer.credential)?;
    let (user, id) = webauthn.identify_discoverable_authentication(&credential).map_err(bad)?;
    let stored = rows::by_credential(tx, id).await?.ok_or(PasskeyRefusal::BadAnswer)?;
    let agent = store::agents::find(tx, stored.agent).await?.context("the owner of a passkey")?;
    if agent.public_id != PublicId(user) || agent.state != crate::AgentState::Active {
        return Err(PasskeyRefusal::BadAnswer.into());
    }
    let passkey: Passkey = serde_json::from_str(&stored.credential).context("a stored passkey")?;
    let result = webauthn
        .finish_discoverable_authentication_v2(&credential, state, &passkey)
        .map_err(bad)?;
    note_use(tx, &stored, &result, now).await?;
    Ok(agent.id)
}

/// Keeps the counter of signatures. A key whose counter does not go up was copied.
async fn note_use(
    tx: &mut Tx,
    stored: &StoredPasskey,
    result: &AuthenticationResult,
    now: Timestamp,
) -> Done<()> {
    let mut passkey: Passkey =
        serde_json::from_str(&stored.credential).context("a stored passkey")?;
    let has_changed = passkey.update_credential(result) == Some(true);
    let is_behind = result.counter() > 0 && !has_changed;
    if is_behind || !result.user_verified() {
        return Err(PasskeyRefusal::BadAnswer.into());
    }
    let credential = serde_json::to_string(&passkey).context("keeping a passkey")?;
    if rows::used(tx, stored, &credential, now).await? {
        Ok(())
    } else {
        Err(PasskeyRefusal::BadAnswer.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_are_for_names_with_https_and_for_this_machine() {
        for (base_url, is_allowed) in [
            ("https://support.example.com", true),
            ("https://support.example.com:8443", true),
            ("http://localhost:8080", true),
            ("http://support.example.com", false),
            ("http://127.0.0.1:8080", false),
            ("https://192.0.2.1", false),
            ("nonsense", false),
        ] {
            assert_eq!(at_home(base_url).is_some(), is_allowed, "{base_url}");
        }
    }
}
