//! Asking a provider for its permission, and what it says.

use accounts::Actor;
use anyhow::Result;
use audit::Deed;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use email::oauth::{Pkce, authorize_url, exchange_code};
use kernel::{AgentId, InboxId, PublicId, Secret, Span, Timestamp};
use keys::Keys;
use serde::{Deserialize, Serialize};
use serde_json::json;
use ui::{WebError, WebResult, found};

use super::inboxes::connection_of;
use crate::Mailroom;
use crate::connection::Oauth;
use crate::store::connections::save_tokens;

/// Where providers send people back to.
pub(super) const CALLBACK: &str = "/settings/inboxes/oauth/callback";

/// What comes back from the provider as it was sent there: sealed, so that nobody can make one
/// up or read the proof in it, and good for the person who began only.
#[derive(Serialize, Deserialize)]
struct Journey {
    inbox: PublicId,
    agent: AgentId,
    verifier: String,
    ends_at: Timestamp,
    #[serde(flatten)]
    onward: Onward,
}

/// Said in an address by those who come from the set-up.
pub(super) const SETS_UP: &str = "?sets_up=true";

/// Where somebody was going when they came to connect an inbox.
#[derive(Clone, Copy, Default, Debug, Serialize, Deserialize)]
pub(super) struct Onward {
    /// In the set-up, whose next step is the team.
    #[serde(default)]
    pub(super) sets_up: bool,
}

const PLACE: &str = "oauth journey";
/// Somebody may have to look for a password on the way.
const LASTS: Span = Span::minutes(30);

impl Journey {
    fn seal(&self, keys: &Keys) -> Result<String> {
        Ok(keys.seal(PLACE, &Secret::new(serde_json::to_string(self)?)))
    }

    fn open(keys: &Keys, state: &str, agent: AgentId, now: Timestamp) -> Option<Self> {
        let plain = keys.open(PLACE, state).ok()?;
        let journey: Self = serde_json::from_str(plain.reveal()).ok()?;
        (journey.agent == agent && now < journey.ends_at).then_some(journey)
    }
}

/// Sends the owner to the provider. Changes nothing, so it is a plain link.
pub(super) async fn connect(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    Path(id): Path<PublicId>,
    Query(onward): Query<Onward>,
) -> WebResult<Response> {
    let inbox = mailroom.inbox(&actor, id).await?;
    let connection = found(connection_of(&mailroom, inbox.id).await?)?;
    let oauth = found(connection.oauth)?;
    let redirect = mailroom.accounts.site().url(CALLBACK);
    let app = mailroom.permissions.app(inbox.id, &oauth, redirect)?;
    let pkce = Pkce::new();
    let journey = Journey {
        inbox: id,
        agent: actor.id,
        verifier: pkce.verifier.reveal().to_owned(),
        ends_at: mailroom.now() + LASTS,
        onward,
    };
    let state = journey.seal(&mailroom.keys)?;
    let user = connection.imap.or(connection.smtp).map(|endpoint| endpoint.user);
    let url = authorize_url(&app, &state, &pkce, user.as_deref());
    let url = HeaderValue::from_str(&url).map_err(anyhow::Error::from)?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, url)]).into_response())
}

#[derive(Deserialize)]
pub(super) struct CameBack {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

/// The provider sent the owner back, with a permission or without.
pub(super) async fn callback(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    Query(back): Query<CameBack>,
) -> WebResult<Response> {
    let journey = Journey::open(&mailroom.keys, &back.state, actor.id, mailroom.now());
    let Some(journey) = journey else {
        let w = mailroom.accounts.site().words(&actor.language);
        return Err(WebError::Refused(w.t("oauth-too-late").to_owned()));
    };
    let inbox = mailroom.inbox(&actor, journey.inbox).await?;
    let oauth = found(connection_of(&mailroom, inbox.id).await?.and_then(|one| one.oauth))?;
    let given = if back.error.is_empty() {
        let redirect = mailroom.accounts.site().url(CALLBACK);
        let app = mailroom.permissions.app(inbox.id, &oauth, redirect)?;
        let verifier = Secret::new(journey.verifier);
        let http = &mailroom.permissions.http;
        exchange_code(&app, &back.code, &verifier, http).await.map_err(|fault| fault.to_string())
    } else {
        let said = [back.error_description, back.error].into_iter().find(|said| !said.is_empty());
        let said = kernel::clip(&kernel::one_line(&said.unwrap_or_default()), 200);
        Err(format!("the mail provider gave no permission: {said}"))
    };
    match given {
        Ok(tokens) => {
            mailroom.permissions.keep(inbox.id, &oauth, tokens).await?;
            let entry = actor.did(Deed::ConnectionChanged, mailroom.now());
            let entry = entry.on("inbox", inbox.id, &inbox.name);
            let entry = entry.with(json!({ "permission of the provider": "changed" }));
            mailroom.accounts.note_alone(entry).await?;
        }
        // What works goes on: whoever wanted to connect again may have thought better of it.
        Err(said) if oauth.is_given() => return Err(WebError::Refused(said)),
        Err(said) => {
            refused(&mailroom, inbox.id, &oauth, &said).await?;
            return Ok(ui::see_other(&format!("/settings/inboxes/{}", journey.inbox)));
        }
    }
    Ok(if journey.onward.sets_up {
        ui::see_other("/setup/team")
    } else {
        ui::see_other(&format!("/settings/inboxes/{}", journey.inbox))
    })
}

async fn refused(mailroom: &Mailroom, inbox: InboxId, oauth: &Oauth, said: &str) -> Result<()> {
    let refused = Oauth { refused: Some(said.to_owned()), ..oauth.clone() };
    let mut tx = mailroom.db().begin().await?;
    save_tokens(&mut tx, inbox, &refused).await?;
    tx.announce(live::Change::Settings);
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journey_is_for_one_person_and_a_while() {
        let keys = Keys::from_master(&[7; 32]);
        let now = Timestamp::from_seconds(1_000_000);
        let agent = AgentId(3);
        let journey = Journey {
            inbox: PublicId::new(now),
            agent,
            verifier: "v3rifier".to_owned(),
            ends_at: now + LASTS,
            onward: Onward { sets_up: true },
        };
        let state = journey.seal(&keys).unwrap();
        assert!(!state.contains("v3rifier"));
        let open = |state: &str, agent, now| Journey::open(&keys, state, agent, now).is_some();
        assert!(open(&state, agent, now));
        assert!(Journey::open(&keys, &state, agent, now).unwrap().onward.sets_up);
        assert!(!open(&state, AgentId(4), now));
        assert!(!open(&state, agent, now + LASTS));
        assert!(!open(&format!("{state}x"), agent, now));
        assert!(!open("", agent, now));
    }
}
