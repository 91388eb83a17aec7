//! The second step of signing in: a code of the app, or a recovery code.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use kernel::{AgentId, Failure};
use keys::Token;
use serde::Deserialize;
use ui::{Client, Form, Problems, WebResult, Words};

use super::cookie::{self, Arrival};
use crate::second_factor::use_code;
use crate::store::pending::Pending;
use crate::{Accounts, SignInRefusal, noted, store};

#[derive(Template)]
#[template(path = "login_code.html")]
struct SecondStep {
    w: Words,
    has_passkeys: bool,
    problems: Problems,
}

impl SecondStep {
    async fn new(accounts: &Accounts, agent: AgentId) -> WebResult<Self> {
        let company = accounts.company().await?;
        let keys = store::passkeys::of_agent(&accounts.db().read().await?, agent).await?;
        Ok(Self {
            w: accounts.site().words(&company.language),
            has_passkeys: accounts.webauthn().is_some() && !keys.is_empty(),
            problems: Problems::default(),
        })
    }
}

impl Pending {
    /// Who waits, as somebody who may come in.
    pub(super) fn arrival<'a>(&'a self, client: Client, headers: &'a HeaderMap) -> Arrival<'a> {
        Arrival { agent: self.agent, client, headers, keep: self.keeps, next: &self.next }
    }
}

pub(super) async fn show(
    State(accounts): State<Accounts>,
    headers: HeaderMap,
) -> WebResult<Response> {
    let Some(token) = accounts.pending_token(&headers) else { return Ok(ui::see_other("/login")) };
    let conn = accounts.db().read().await?;
    let pending = store::pending::find(&conn, &token.hash(), accounts.now()).await?;
    drop(conn);
    match pending {
        Some(pending) => ui::page(&SecondStep::new(&accounts, pending.agent).await?),
        None => Ok(from_the_start(&accounts)),
    }
}

/// The time is over, or too many codes were wrong.
pub(super) fn from_the_start(accounts: &Accounts) -> Response {
    let mut response = ui::see_other("/login?notice=again");
    cookie::forget_pending(accounts, &mut response);
    response
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeForm {
    code: String,
}

/// Who waits in this browser; the try is counted.
pub(super) async fn try_once(
    accounts: &Accounts,
    headers: &HeaderMap,
) -> WebResult<Option<(Token, Pending)>> {
    let Some(token) = accounts.pending_token(headers) else { return Ok(None) };
    let mut tx = accounts.db().begin().await?;
    let pending = store::pending::count_try(&mut tx, &token.hash(), accounts.now()).await?;
    tx.commit().await?;
    Ok(pending.map(|pending| (token, pending)))
}

pub(super) async fn create(
    State(accounts): State<Accounts>,
    client: Client,
    headers: HeaderMap,
    Form(form): Form<CodeForm>,
) -> WebResult<Response> {
    let Some((token, pending)) = try_once(&accounts, &headers).await? else {
        return Ok(from_the_start(&accounts));
    };
    let now = accounts.now();
    let network = client.network();
    let is_known = is_known(&accounts, pending.agent, &network).await?;
    let (db, doors) = (accounts.db(), accounts.doors());
    match doors.hear_code(db, pending.agent, &network, is_known, now).await {
        Ok(()) => {}
        Err(Failure::Refused(too_many)) => {
            return refuse(&accounts, client, &pending, SignInRefusal::from(too_many)).await;
        }
        Err(Failure::Broken(fault)) => return Err(fault.into()),
    }
    let mut tx = accounts.db().begin().await?;
    let right = use_code(&mut tx, accounts.keys(), pending.agent, &form.code, now).await?;
    if !right {
        drop(tx);
        tracing::info!(%network, "a second factor was refused");
        return refuse(&accounts, client, &pending, SignInRefusal::WrongCode).await;
    }
    if !store::pending::close(&mut tx, &token.hash()).await? {
        return Ok(from_the_start(&accounts));
    }
    doors.forgive_code(&mut tx, pending.agent, &network, is_known).await?;
    cookie::sign_in(&accounts, tx, pending.arrival(client, &headers), true).await
}

/// Whether somebody signed in from this network before.
async fn is_known(accounts: &Accounts, agent: AgentId, network: &str) -> WebResult<bool> {
    let networks = store::networks::of(&accounts.db().read().await?, agent).await?;
    Ok(networks.iter().any(|known| known == network))
}

pub(super) async fn refuse(
    accounts: &Accounts,
    client: Client,
    pending: &Pending,
    refusal: SignInRefusal,
) -> WebResult<Response> {
    noted::second_factor_failed(accounts, pending.agent, client, &refusal).await?;
    let mut page = SecondStep::new(accounts, pending.agent).await?;
    page.problems.add("code", &refusal);
    let mut response = ui::again(&page)?;
    if let SignInRefusal::TooMany(seconds) = refusal {
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    Ok(response)
}
