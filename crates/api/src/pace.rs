//! How often programs may ask.

use std::sync::Arc;

use accounts::Accounts;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::Span;
use requests::{Limiter, Rate, TooMany};
use ui::Client;

use crate::PREFIX;
use crate::problem::{Kind, Problem};

/// How often a program may ask: so many requests at once, and then as many again each minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// With one token.
    pub requests_a_minute: u32,
}

impl Default for Pace {
    /// As much as an import needs that asks for one ticket after the other.
    fn default() -> Self {
        Self { requests_a_minute: 1_200 }
    }
}

/// Several programs may stand behind one address.
const TOKENS_AN_ADDRESS: u32 = 4;
/// A search costs more than other requests.
const REQUESTS_A_SEARCH: u32 = 10;

/// Who asked how often.
#[derive(Clone)]
pub(crate) struct Turnstile(Arc<Counted>);

struct Counted {
    accounts: Accounts,
    by_address: Limiter,
    by_token: Limiter,
    searches: Limiter,
}

impl Turnstile {
    pub(crate) fn new(accounts: &Accounts, pace: Pace) -> Self {
        let limiter = |a_minute: u32| {
            let a_minute = a_minute.max(1);
            let refill = Span::micros(Span::seconds(60).as_micros() / i64::from(a_minute));
            Limiter::new(Rate::new(a_minute, refill))
        };
        Self(Arc::new(Counted {
            accounts: accounts.clone(),
            by_address: limiter(pace.requests_a_minute.saturating_mul(TOKENS_AN_ADDRESS)),
            by_token: limiter(pace.requests_a_minute),
            searches: limiter(pace.requests_a_minute / REQUESTS_A_SEARCH),
        }))
    }

    /// Counts a request: by address first, so that tokens that are made up count, too.
    fn count(&self, request: &Request) -> Result<(), TooMany> {
        let Counted { accounts, by_address, by_token, searches } = &*self.0;
        let now = accounts.now();
        if let Some(client) = request.extensions().get::<Client>() {
            by_address.take(&client.network(), now)?;
        }
        let Some(token) = Accounts::api_token(request.headers()) else { return Ok(()) };
        let key = URL_SAFE_NO_PAD.encode(&token.hash().0);
        by_token.take(&key, now)?;
        if request.uri().path() == format!("{PREFIX}/search") {
            searches.take(&key, now)?;
        }
        Ok(())
    }
}

/// Lets requests through as long as there are not too many.
pub(crate) async fn pass(
    State(turnstile): State<Turnstile>,
    request: Request,
    next: Next,
) -> Response {
    if !request.uri().path().starts_with(PREFIX) {
        return next.run(request).await;
    }
    match turnstile.count(&request) {
        Ok(()) => next.run(request).await,
        Err(TooMany { retry_after_seconds }) => {
            let mut response = Problem::new(Kind::TooMany).into_response();
            let wait = HeaderValue::from(retry_after_seconds);
            response.headers_mut().insert(header::RETRY_AFTER, wait);
            response
        }
    }
}
