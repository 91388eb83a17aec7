//! The cookie that says who is signed in.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use kernel::AgentId;
use ui::{Client, WebResult};

use crate::session::SESSION_ABSOLUTE;
use crate::store;
use crate::{Accounts, noted};

/// Signs somebody in and sends them on. An earlier session of this browser ends.
pub(super) async fn sign_in(
    accounts: &Accounts,
    agent: AgentId,
    client: Client,
    headers: &HeaderMap,
    keep: bool,
    next: &str,
) -> WebResult<Response> {
    let now = accounts.now();
    let browser = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let mut tx = accounts.db().begin().await?;
    if let Some(before) = accounts.session_token(headers) {
        store::sessions::end_by_token(&mut tx, &before.hash()).await?;
    }
    let browser = browser.unwrap_or_default();
    store::networks::remember(&mut tx, agent, &client.network(), now).await?;
    let token = store::sessions::open(&mut tx, agent, browser, &client.0.to_string(), now).await?;
    noted::signed_in(accounts, &mut tx, agent, client, now).await?;
    tx.commit().await?;
    let lasts = keep.then(|| SESSION_ABSOLUTE.as_seconds());
    let mut response = ui::see_other(if next.is_empty() { "/" } else { next });
    set(accounts, &mut response, token.reveal(), lasts);
    Ok(response)
}

/// Ends the session of this browser.
pub(super) async fn sign_out(
    accounts: &Accounts,
    client: Client,
    headers: &HeaderMap,
) -> WebResult<Response> {
    if let Some(token) = accounts.session_token(headers) {
        let mut tx = accounts.db().begin().await?;
        if let Some(agent) = store::sessions::end_by_token(&mut tx, &token.hash()).await? {
            noted::signed_out(accounts, &mut tx, agent, client).await?;
        }
        tx.commit().await?;
    }
    let mut response = ui::see_other("/login?notice=signed-out");
    set(accounts, &mut response, "", Some(0));
    // Nothing that this person saw stays behind for the next one at this computer.
    let everything = HeaderValue::from_static("\"cache\", \"storage\"");
    response.headers_mut().insert("clear-site-data", everything);
    Ok(response)
}

/// Out of reach of scripts, and not sent along when another site posts here. `lasts_seconds`:
/// `None` is until the browser closes.
fn set(accounts: &Accounts, response: &mut Response, value: &str, lasts_seconds: Option<i64>) {
    let name = accounts.cookie_name();
    let secure = if accounts.site().is_https { "; Secure" } else { "" };
    let age = lasts_seconds.map_or(String::new(), |seconds| format!("; Max-Age={seconds}"));
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
