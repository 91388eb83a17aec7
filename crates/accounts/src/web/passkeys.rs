//! Passkeys at the door and on one's own page. A script fetches the question and sends the form
//! with the answer.

use audit::Deed;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use kernel::{Failure, PublicId};
use serde::Deserialize;
use ui::{Client, Form, WebResult, found};
use webauthn_rs::prelude::Webauthn;

use super::cookie::{self, Arrival};
use super::{second_factor, second_step, sign_in};
use crate::passkeys::{self, Answer, PasskeyRefusal, Question};
use crate::{Accounts, Actor, SignInRefusal, noted, store};

fn webauthn(accounts: &Accounts) -> WebResult<&Webauthn> {
    Ok(accounts.webauthn().ok_or(Failure::Refused(PasskeyRefusal::NotHere))?)
}

fn question(question: Question) -> Response {
    let mut response = Json(question).into_response();
    let never = axum::http::HeaderValue::from_static("no-store");
    response.headers_mut().insert(axum::http::header::CACHE_CONTROL, never);
    response
}

pub(super) async fn ask_to_register(
    State(accounts): State<Accounts>,
    actor: Actor,
) -> WebResult<Response> {
    let webauthn = webauthn(&accounts)?;
    let mut tx = accounts.db().begin().await?;
    let agent = found(store::agents::find(&tx, actor.id).await?)?;
    let asked = passkeys::ask_to_register(&mut tx, webauthn, &agent, accounts.now()).await?;
    tx.commit().await?;
    Ok(question(asked))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPasskey {
    name: String,
    token: String,
    credential: String,
}

pub(super) async fn create(
    State(accounts): State<Accounts>,
    actor: Actor,
    headers: HeaderMap,
    Form(form): Form<NewPasskey>,
) -> WebResult<Response> {
    let at = (webauthn(&accounts)?, accounts.keys());
    let me = (actor.id, actor.session);
    let answer = Answer { token: &form.token, credential: &form.credential };
    let mut tx = accounts.db().begin().await?;
    let done = passkeys::register(&mut tx, at, me, (&form.name, answer), accounts.now()).await;
    match done {
        Ok(new_codes) => {
            noted::oneself(&accounts, &mut tx, Deed::SecondFactorSetUp, &actor);
            tx.commit().await?;
            second_factor::turned_on(&accounts, &actor, &headers, new_codes).await
        }
        Err(Failure::Refused(refusal)) => {
            // The question is used up, whatever the answer was worth.
            tx.commit().await?;
            second_factor::refused(&accounts, &actor, refusal).await
        }
        Err(Failure::Broken(fault)) => Err(fault.into()),
    }
}

pub(super) async fn delete(
    State(accounts): State<Accounts>,
    actor: Actor,
    headers: HeaderMap,
    Path(id): Path<PublicId>,
) -> WebResult<Response> {
    let mut tx = accounts.db().begin().await?;
    found(passkeys::remove(&mut tx, actor.id, id).await?.then_some(()))?;
    noted::oneself(&accounts, &mut tx, Deed::SecondFactorRemoved, &actor);
    tx.commit().await?;
    Ok(second_factor::turned_off(&accounts, &headers))
}

/// Asking costs a row, so it is counted as tries at passwords are.
async fn count(accounts: &Accounts, client: Client) -> WebResult<()> {
    let heard =
        accounts.doors().hear_network(accounts.db(), &client.network(), accounts.now()).await;
    heard.map_err(second_factor::too_many)
}

/// Asks for one of the keys of whoever gave the right password.
pub(super) async fn ask_for_second_factor(
    State(accounts): State<Accounts>,
    client: Client,
    headers: HeaderMap,
) -> WebResult<Response> {
    let webauthn = webauthn(&accounts)?;
    count(&accounts, client).await?;
    let token = found(accounts.pending_token(&headers))?;
    let now = accounts.now();
    let mut tx = accounts.db().begin().await?;
    let pending = found(store::pending::find(&tx, &token.hash(), now).await?)?;
    let asked = passkeys::ask_for_second_factor(&mut tx, webauthn, pending.agent, now).await?;
    tx.commit().await?;
    Ok(question(found(asked)?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answered {
    token: String,
    credential: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn give_second_factor(
    State(accounts): State<Accounts>,
    client: Client,
    headers: HeaderMap,
    Form(form): Form<Answered>,
) -> WebResult<Response> {
    let webauthn = webauthn(&accounts)?;
    let now = accounts.now();
    let Some((token, pending)) = second_step::try_once(&accounts, &headers).await? else {
        return Ok(second_step::from_the_start(&accounts));
    };
    let answer = Answer { token: &form.token, credential: &form.credential };
    let mut tx = accounts.db().begin().await?;
    match passkeys::second_factor(&mut tx, webauthn, pending.agent, answer, now).await {
        Ok(()) => {
            if !store::pending::close(&mut tx, &token.hash()).await? {
                return Ok(second_step::from_the_start(&accounts));
            }
            cookie::sign_in(&accounts, tx, pending.arrival(client, &headers), true).await
        }
        Err(Failure::Refused(_)) => {
            tx.commit().await?;
            second_step::refuse(&accounts, client, &pending, SignInRefusal::WrongKey).await
        }
        Err(Failure::Broken(fault)) => Err(fault.into()),
    }
}

/// Asks for any key that knows who it belongs to, instead of a password.
pub(super) async fn ask_to_sign_in(
    State(accounts): State<Accounts>,
    client: Client,
) -> WebResult<Response> {
    let webauthn = webauthn(&accounts)?;
    count(&accounts, client).await?;
    let mut tx = accounts.db().begin().await?;
    let asked = passkeys::ask_to_sign_in(&mut tx, webauthn, accounts.now()).await?;
    tx.commit().await?;
    Ok(question(asked))
}

pub(super) async fn sign_in_with(
    State(accounts): State<Accounts>,
    client: Client,
    headers: HeaderMap,
    Form(form): Form<Answered>,
) -> WebResult<Response> {
    let webauthn = webauthn(&accounts)?;
    let answer = Answer { token: &form.token, credential: &form.credential };
    let mut tx = accounts.db().begin().await?;
    match passkeys::sign_in(&mut tx, webauthn, answer, accounts.now()).await {
        Ok(agent) => {
            let next = &form.next;
            let arrival = Arrival { agent, client, headers: &headers, keep: false, next };
            cookie::sign_in(&accounts, tx, arrival, true).await
        }
        Err(Failure::Refused(_)) => {
            tx.commit().await?;
            sign_in::refuse(&accounts, form.next, SignInRefusal::WrongKey).await
        }
        Err(Failure::Broken(fault)) => Err(fault.into()),
    }
}
