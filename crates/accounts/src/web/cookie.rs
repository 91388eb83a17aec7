//! The cookies that say who is signed in, or has begun to.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use database::Tx;
use kernel::AgentId;
use keys::Token;
use ui::{Client, WebResult};

use crate::store;
use crate::store::pending::Pending;
use crate::store::sessions::NewSession;
use crate::{Accounts, noted};

/// Somebody at the door of one browser.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival<'a> {
    pub(super) agent: AgentId,
    pub(super) client: Client,
    pub(super) headers: &'a HeaderMap,
    /// Whether the session is to outlast the browser.
    pub(super) keep: bool,
    pub(super) next: &'a str,
}

/// After the right password: signs in who has no second factor, and asks the others for it.
pub(super) async fn let_in(accounts: &Accounts, arrival: Arrival<'_>) -> WebResult<Response> {
    let mut tx = accounts.db().begin().await?;
    if !store::second_factors::has(&tx, arrival.agent).await? {
        return sign_in(accounts, tx, arrival, false).await;
    }
    if let Some(before) = accounts.pending_token(arrival.headers) {
        store::pending::close(&mut tx, &before.hash()).await?;
    }
    let pending =
        Pending { agent: arrival.agent, keeps: arrival.keep, next: arrival.next.to_owned() };
    let token = store::pending::open(&mut tx, &pending, accounts.now()).await?;
    tx.commit().await?;
    let mut response = ui::see_other("/login/code");
    let lasts = Some(store::pending::LASTS.as_seconds());
    set(accounts, &mut response, accounts.pending_cookie_name(), token.reveal(), lasts);
    Ok(response)
}

/// Signs somebody in and sends them on. An earlier session of this browser ends. What was done in
/// the transaction before is kept with it.
pub(super) async fn sign_in(
    accounts: &Accounts,
    mut tx: Tx,
    arrival: Arrival<'_>,
    second_factor: bool,
) -> WebResult<Response> {
    let now = accounts.now();
    let Arrival { agent, client, headers, keep, next } = arrival;
    let lasts = accounts.sign_in_rules().await?.sessions.absolute();
    let browser = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    if let Some(before) = accounts.session_token(headers) {
        store::sessions::end_by_token(&mut tx, &before.hash()).await?;
    }
    store::networks::remember(&mut tx, agent, &client.network(), now).await?;
    let session = NewSession {
        agent,
        user_agent: browser.unwrap_or_default(),
        address: &client.0.to_string(),
        second_factor,
        lasts,
    };
    let token = store::sessions::open(&mut tx, &session, now).await?;
    noted::signed_in(accounts, &mut tx, agent, client, now).await?;
    tx.commit().await?;
    let lasts = keep.then(|| lasts.as_seconds());
    let mut response = ui::see_other(if next.is_empty() { "/" } else { next });
    set(accounts, &mut response, accounts.cookie_name(), token.reveal(), lasts);
    if accounts.pending_token(headers).is_some() {
        forget_pending(accounts, &mut response);
    }
    Ok(response)
}

/// Marks the browser in which a journey to the provider begins.
pub(super) fn begin_journey(accounts: &Accounts, response: &mut Response, browser: &Token) {
    let lasts = Some(store::provider::JOURNEY_LASTS.as_seconds());
    set(accounts, response, accounts.journey_cookie_name(), browser.reveal(), lasts);
}

/// Takes the cookie of a sign-in away that waited for a second factor.
pub(super) fn forget_pending(accounts: &Accounts, response: &mut Response) {
    set(accounts, response, accounts.pending_cookie_name(), "", Some(0));
}

/// Ends the session of this browser.
pub(super) async fn sign_out(
    accounts: &Accounts,
    client: Client,
    headers: &HeaderMap,
) -> WebResult<Response> {
    let mut tx = accounts.db().begin().await?;
    if let Some(token) = accounts.session_token(headers)
        && let Some(agent) = store::sessions::end_by_token(&mut tx, &token.hash()).await?
    {
        noted::signed_out(accounts, &mut tx, agent, client).await?;
    }
    if let Some(token) = accounts.pending_token(headers) {
        store::pending::close(&mut tx, &token.hash()).await?;
    }
    tx.commit().await?;
    let mut response = ui::see_other("/login?notice=signed-out");
    set(accounts, &mut response, accounts.cookie_name(), "", Some(0));
    // Nothing that this person saw stays behind for the next one at this computer.
    let everything = HeaderValue::from_static("\"cache\", \"storage\"");
    response.headers_mut().insert("clear-site-data", everything);
    Ok(response)
}

/// Out of reach of scripts, and not sent along when another site posts here. `lasts_seconds`:
/// `None` is until the browser closes.
fn set(
    accounts: &Accounts,
    response: &mut Response,
    name: &str,
    value: &str,
    lasts_seconds: Option<i64>,
) {
    let secure = if accounts.site().is_https { "; Secure" } else { "" };
    let age = lasts_seconds.map_or(String::new(), |seconds| format!("; Max-Age={seconds}"));
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
