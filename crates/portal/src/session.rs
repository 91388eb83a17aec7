//! Customers who opened a link: a cookie of their own, apart from the one of those who work here.

use anyhow::Result;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use database::{Cols, FromRow, Tx};
use kernel::{CustomerId, EmailAddress, Span, Timestamp};
use keys::{Token, TokenHash};

use crate::{Portal, store};

/// How long somebody stays signed in after opening a link.
const LASTS: Span = Span::days(14);
const TOKEN_PREFIX: &str = "rcc";

/// Who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) customer: CustomerId,
    /// The address that the link was sent to.
    pub(crate) address: EmailAddress,
    pub(crate) created_at: Timestamp,
}

impl FromRow for Session {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self { customer: cols.next()?, address: cols.next()?, created_at: cols.next()? })
    }
}

/// The customer whose browser this is.
pub(crate) async fn of(portal: &Portal, headers: &HeaderMap) -> Result<Option<Session>> {
    let Some(hash) = hash_in(portal, headers) else { return Ok(None) };
    store::session(&portal.db().read().await?, &hash, portal.now()).await
}

/// Opens a session and gives its token, which is stored nowhere.
pub(crate) async fn open(
    tx: &mut Tx,
    customer: CustomerId,
    address: EmailAddress,
    now: Timestamp,
) -> Result<Token> {
    let token = Token::new(TOKEN_PREFIX);
    // Links end with their whole minute; a session that begins after that is not one of them.
    let valid_from = customers::links_valid_from(tx, customer).await?.unwrap_or(now);
    let session = Session { customer, address, created_at: now.max(valid_from) };
    store::open_session(tx, &token.hash(), &session, now + LASTS).await?;
    Ok(token)
}

/// Ends the session of this browser.
pub(crate) async fn end(portal: &Portal, tx: &mut Tx, headers: &HeaderMap) -> Result<()> {
    match hash_in(portal, headers) {
        Some(hash) => store::end_session(tx, &hash).await,
        None => Ok(()),
    }
}

pub(crate) fn keep(portal: &Portal, response: &mut Response, token: &Token) {
    set(portal, response, token.reveal(), LASTS.as_seconds());
}

pub(crate) fn forget(portal: &Portal, response: &mut Response) {
    set(portal, response, "", 0);
    // Nothing that this person saw stays behind for the next one at this computer.
    let cache = HeaderValue::from_static("\"cache\"");
    response.headers_mut().insert("clear-site-data", cache);
}

/// `__Host-` binds the cookie to this host and to HTTPS, where there is HTTPS.
fn cookie_name(portal: &Portal) -> &'static str {
    if portal.site().is_https { "__Host-customer" } else { "customer" }
}

fn hash_in(portal: &Portal, headers: &HeaderMap) -> Option<TokenHash> {
    let name = cookie_name(portal);
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .and_then(|(_, value)| Token::read(TOKEN_PREFIX, value))
        .map(|token| token.hash())
}

/// Out of reach of scripts, and not sent along when another site posts here.
fn set(portal: &Portal, response: &mut Response, value: &str, lasts_seconds: i64) {
    let name = cookie_name(portal);
    let secure = if portal.site().is_https { "; Secure" } else { "" };
    let cookie =
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}; Max-Age={lasts_seconds}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
