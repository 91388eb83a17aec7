//! The second step of signing in: a code of the app, or a recovery code.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use kernel::AgentId;
use serde::Deserialize;
use ui::{Client, Form, Problems, WebResult, Words};

use super::cookie::{self, Arrival};
use crate::second_factor::use_code;
use crate::{Accounts, SignInRefusal, store};

#[derive(Template)]
#[template(path = "login_code.html")]
struct SecondStep {
    w: Words,
    problems: Problems,
}

impl SecondStep {
    async fn new(accounts: &Accounts) -> WebResult<Self> {
        let company = accounts.company().await?;
        Ok(Self { w: accounts.site().words(&company.language), problems: Problems::default() })
    }
}

pub(super) async fn show(
    State(accounts): State<Accounts>,
    headers: HeaderMap,
) -> WebResult<Response> {
    let Some(token) = accounts.pending_token(&headers) else { return Ok(ui::see_other("/login")) };
    let mut conn = accounts.db().read().await?;
    let pending = store::pending::find(&mut conn, &token.hash(), accounts.now()).await?;
    drop(conn);
    match pending {
        Some(_) => ui::page(&SecondStep::new(&accounts).await?),
        None => Ok(from_the_start(&accounts)),
    }
}

/// The time is over, or too many codes were wrong.
fn from_the_start(accounts: &Accounts) -> Response {
    let mut response = ui::see_other("/login?notice=again");
    cookie::forget_pending(accounts, &mut response);
    response
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeForm {
    code: String,
}

pub(super) async fn create(
    State(accounts): State<Accounts>,
    client: Client,
    headers: HeaderMap,
    Form(form): Form<CodeForm>,
) -> WebResult<Response> {
    let Some(token) = accounts.pending_token(&headers) else {
        return Ok(from_the_start(&accounts));
    };
    let now = accounts.now();
    let mut tx = accounts.db().begin().await?;
    let pending = store::pending::count_try(&mut tx, &token.hash(), now).await?;
    tx.commit().await?;
    let Some(pending) = pending else { return Ok(from_the_start(&accounts)) };
    let network = client.network();
    let is_known = is_known(&accounts, pending.agent, &network).await?;
    if let Err(too_many) = accounts.doors().hear_code(pending.agent, &network, is_known, now) {
        return refuse(&accounts, SignInRefusal::from(too_many)).await;
    }
    let mut tx = accounts.db().begin().await?;
    let right = use_code(&mut tx, accounts.keys(), pending.agent, &form.code, now).await?;
    if !right {
        drop(tx);
        tracing::info!(%network, "a second factor was refused");
        return refuse(&accounts, SignInRefusal::WrongCode).await;
    }
    if !store::pending::close(&mut tx, &token.hash()).await? {
        return Ok(from_the_start(&accounts));
    }
    accounts.doors().forgive_code(pending.agent, &network, is_known);
    let arrival = Arrival {
        agent: pending.agent,
        client,
        headers: &headers,
        keep: pending.keeps,
        next: &pending.next,
    };
    cookie::sign_in(&accounts, tx, arrival, true).await
}

/// Whether somebody signed in from this network before.
async fn is_known(accounts: &Accounts, agent: AgentId, network: &str) -> WebResult<bool> {
    let networks = store::networks::of(&mut accounts.db().read().await?, agent).await?;
    Ok(networks.iter().any(|known| known == network))
}

async fn refuse(accounts: &Accounts, refusal: SignInRefusal) -> WebResult<Response> {
    let mut page = SecondStep::new(accounts).await?;
    page.problems.add("code", &refusal);
    let mut response = ui::again(&page)?;
    if let SignInRefusal::TooMany(seconds) = refusal {
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    Ok(response)
}
