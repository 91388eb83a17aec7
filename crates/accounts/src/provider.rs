//! Sign-in at a provider (OpenID Connect): there with a question, back with an answer, and who it
//! was. The key of a person is issuer and subject.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use database::Db;
use egress::{Http, HttpFault};
use kernel::{AgentId, EmailAddress, Failure, Refusal, Secret, Timestamp};
use keys::{Keys, Token, TokenHash};
use serde::{Deserialize, Serialize};

use crate::id_token::{Expected, Identity, KeySet, TokenFault, verify};
use crate::percent::encoded;
use crate::store::provider::{self as rows, Journey};
use crate::{AgentState, store};

/// A provider as an owner entered it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provider {
    /// Exactly as the provider writes it.
    pub issuer: String,
    pub client_id: String,
    /// Sealed for the place `sign-in provider`.
    pub client_secret: String,
    /// What the button says.
    pub label: String,
    /// Whether an address that the provider has verified is taken for the person who has it here.
    pub links_by_email: bool,
}

pub(crate) const SECRET_PLACE: &str = "sign-in provider";

/// Why nobody came in. Sentences for people; what exactly was wrong is for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderRefusal {
    #[error("signing in there did not work, or took too long; try again")]
    Failed,
    #[error("nobody here is known by this sign-in; sign in with your password and connect it")]
    Unknown,
    #[error("this sign-in belongs to somebody else here")]
    Taken,
    #[error("there is no provider set up for signing in")]
    NotSetUp,
}

impl Refusal for ProviderRefusal {}

type Done<T> = Result<T, Failure<ProviderRefusal>>;

/// What the provider says of itself.
#[derive(Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Http(#[from] HttpFault),
    #[error("{0} answered with status {1}")]
    Status(&'static str, u16),
    #[error("the provider says that it is another one")]
    OtherIssuer,
    #[error("the provider names an address without HTTPS")]
    NotSecure,
    #[error("the answer came from another provider")]
    MixUp,
    #[error(transparent)]
    Token(#[from] TokenFault),
}

impl From<Fault> for Failure<ProviderRefusal> {
    fn from(fault: Fault) -> Self {
        tracing::warn!("signing in at the provider failed: {fault}");
        Self::Refused(ProviderRefusal::Failed)
    }
}

/// This installation at its provider.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client<'c> {
    pub(crate) http: &'c Http,
    pub(crate) provider: &'c Provider,
    pub(crate) redirect_url: &'c str,
}

/// Whether an address may be that of a provider: with HTTPS, or on this machine.
pub(crate) fn is_secure(url: &str) -> bool {
    if url.starts_with("https://") {
        return true;
    }
    let host = url.strip_prefix("http://").and_then(|rest| rest.split(['/', '?', '#']).next());
    host.is_some_and(|host| !host.contains('@') && ui::Hosts::is_local(host))
}

/// Who begins a journey, and what for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traveller<'t> {
    /// Who joins the sign-in to their account; none at the door.
    pub(crate) agent: Option<AgentId>,
    pub(crate) keep: bool,
    pub(crate) next: &'t str,
}

/// Where the browser is sent, and the token of the cookie that it gets along.
pub(crate) struct Departure {
    pub(crate) url: String,
    pub(crate) browser: Token,
}

/// The question to the provider. What is needed to check the answer is stored.
pub(crate) async fn depart(
    db: &Db,
    keys: &Keys,
    client: Client<'_>,
    traveller: Traveller<'_>,
    now: Timestamp,
) -> Done<Departure> {
    let metadata = client.discover().await?;
    let (state, browser) = (Token::new(rows::STATE_PREFIX), Token::new(rows::BROWSER_PREFIX));
    let (nonce, verifier) = (Token::new("rcn"), Token::new("rcv"));
    let journey = Journey {
        agent: traveller.agent,
        issuer: client.provider.issuer.clone(),
        nonce: nonce.reveal().to_owned(),
        verifier: keys.seal(VERIFIER_PLACE, &Secret::new(verifier.reveal())),
        keeps: traveller.keep,
        next: traveller.next.to_owned(),
    };
    let mut tx = db.begin().await?;
    rows::begin(&mut tx, (&state.hash(), &browser.hash()), &journey, now).await?;
    tx.commit().await?;
    let query = [
        ("response_type", "code"),
        ("client_id", &client.provider.client_id),
        ("redirect_uri", client.redirect_url),
        ("scope", "openid email"),
        ("state", state.reveal()),
        ("nonce", nonce.reveal()),
        ("code_challenge", &URL_SAFE_NO_PAD.encode(verifier.hash().0)),
        ("code_challenge_method", "S256"),
    ];
    let pairs: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value, UNRESERVED)))
        .collect();
    let endpoint = &metadata.authorization_endpoint;
    let joint = if endpoint.contains('?') { '&' } else { '?' };
    Ok(Departure { url: format!("{endpoint}{joint}{}", pairs.join("&")), browser })
}

const VERIFIER_PLACE: &str = "journey to the sign-in provider";
const UNRESERVED: &[u8] = b"-_.";

/// What the provider sent the browser back with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CameBack {
    state: String,
    code: String,
    iss: Option<String>,
}

/// Who it was, by what the provider says, and the journey that ends with it.
pub(crate) async fn arrive(
    db: &Db,
    keys: &Keys,
    client: Client<'_>,
    (browser, back): (Option<TokenHash>, CameBack),
    now: Timestamp,
) -> Done<(Journey, Identity)> {
    let state = Token::read(rows::STATE_PREFIX, &back.state);
    let (Some(state), Some(browser)) = (state, browser) else {
        return Err(ProviderRefusal::Failed.into());
    };
    // Ended before anything else: whatever the answer is worth, there is no second one.
    let mut tx = db.begin().await?;
    let journey = rows::end(&mut tx, (&state.hash(), &browser), now).await?;
    tx.commit().await?;
    let journey = journey.ok_or(ProviderRefusal::Failed)?;
    if journey.issuer != client.provider.issuer || back.code.is_empty() {
        return Err(ProviderRefusal::Failed.into());
    }
    let metadata = client.discover().await?;
    let is_named = back.iss.is_some() || metadata.authorization_response_iss_parameter_supported;
    if is_named && back.iss.as_deref() != Some(metadata.issuer.as_str()) {
        return Err(Fault::MixUp.into());
    }
    let verifier = keys.open(VERIFIER_PLACE, &journey.verifier).context("a stored verifier")?;
    let token = client.exchange(keys, &metadata, &back.code, &verifier).await?;
    let key_set = client.http.get(&metadata.jwks_uri).await.map_err(Fault::from)?;
    if !key_set.is_success() {
        return Err(Fault::Status("the list of keys", key_set.status).into());
    }
    let key_set: KeySet = key_set.json("the list of keys").map_err(Fault::from)?;
    let expected = Expected {
        issuer: &client.provider.issuer,
        client_id: &client.provider.client_id,
        nonce: &journey.nonce,
        now,
    };
    let identity = verify(&token, &key_set, expected).map_err(Fault::from)?;
    Ok((journey, identity))
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

impl Client<'_> {
    async fn discover(&self) -> Result<Metadata, Fault> {
        let issuer = &self.provider.issuer;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let answer = self.http.get(&url).await?;
        if !answer.is_success() {
            return Err(Fault::Status("the provider", answer.status));
        }
        let metadata: Metadata = answer.json("the provider")?;
        if metadata.issuer != *issuer {
            return Err(Fault::OtherIssuer);
        }
        let all = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
        if all.into_iter().all(|url| is_secure(url)) { Ok(metadata) } else { Err(Fault::NotSecure) }
    }

    /// The token for a code.
    async fn exchange(
        &self,
        keys: &Keys,
        metadata: &Metadata,
        code: &str,
        verifier: &Secret,
    ) -> Done<String> {
        let id = &self.provider.client_id;
        let secret = keys.open(SECRET_PLACE, &self.provider.client_secret);
        let secret = secret.context("the secret of the sign-in provider")?;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.redirect_url),
            ("code_verifier", verifier.reveal()),
        ];
        // Without a word about it, the header is what every provider has to understand.
        let methods = &metadata.token_endpoint_auth_methods_supported;
        let url = &metadata.token_endpoint;
        let answer = if methods.iter().any(|method| method == "client_secret_post") {
            form.extend([("client_id", id.as_str()), ("client_secret", secret.reveal())]);
            self.http.post_form(url, &form).await
        } else {
            let who = (encoded(id, UNRESERVED), encoded(secret.reveal(), UNRESERVED));
            self.http.post_form_as((&who.0, &who.1), url, &form).await
        };
        let answer = answer.map_err(Fault::from)?;
        if !answer.is_success() {
            return Err(Fault::Status("the token endpoint", answer.status).into());
        }
        let tokens: Tokens = answer.json("the token endpoint").map_err(Fault::from)?;
        Ok(tokens.id_token)
    }
}

/// The person here whom an identity is: by issuer and subject, or, where owners allow it, by an
/// address that the provider has verified, which is then joined for good. An address is believed
/// once: whoever has it later at the provider is somebody else.
pub(crate) async fn person(
    tx: &mut database::Tx,
    provider: &Provider,
    identity: &Identity,
    now: Timestamp,
) -> Done<AgentId> {
    let key = (provider.issuer.as_str(), identity.subject.as_str());
    let known = rows::used(tx, key, now).await?;
    let agent = match (known, &identity.verified_email) {
        (Some(agent), _) => store::agents::find(tx, agent).await?,
        (None, Some(email)) if provider.links_by_email => {
            let email: EmailAddress = email.parse().ok().ok_or(ProviderRefusal::Unknown)?;
            store::agents::find_by_email(tx, &email).await?
        }
        (None, _) => None,
    };
    let agent = agent.filter(|agent| agent.state == AgentState::Active);
    let agent = agent.ok_or(ProviderRefusal::Unknown)?;
    if known.is_none() {
        // Of two who come at once with one address, one is believed.
        tx.take_turn(&format!("the identity of {}", agent.id)).await?;
        if rows::is_joined(tx, &provider.issuer, agent.id).await? {
            return Err(ProviderRefusal::Unknown.into());
        }
        rows::join(tx, key, agent.id, now).await?;
    }
    Ok(agent.id)
}

/// Joins an identity to the account of somebody who is signed in.
pub(crate) async fn join(
    tx: &mut database::Tx,
    provider: &Provider,
    identity: &Identity,
    agent: AgentId,
    now: Timestamp,
) -> Done<()> {
    let key = (provider.issuer.as_str(), identity.subject.as_str());
    if rows::join(tx, key, agent, now).await? == agent {
        Ok(())
    } else {
        Err(ProviderRefusal::Taken.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_have_https_or_are_on_this_machine() {
        for (url, expected) in [
            ("https://id.example.com", true),
            ("http://127.0.0.1:8080/realm", true),
            ("http://localhost", true),
            ("http://id.example.com", false),
            ("http://127.0.0.1@evil.example", false),
            ("ftp://id.example.com", false),
            ("", false),
        ] {
            assert_eq!(is_secure(url), expected, "{url}");
        }
    }
}
