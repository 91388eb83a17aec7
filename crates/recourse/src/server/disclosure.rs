//! Whom to tell about a weakness (RFC 9116).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use kernel::{SharedClock, Span, Timestamp};

const PATH: &str = "/.well-known/security.txt";
/// Whoever kept a copy looks again after this time.
const GOOD_FOR: Span = Span::days(90);

/// What the page says.
#[derive(Clone)]
pub(crate) struct Disclosure {
    /// A link; nothing when the operator has named nobody.
    pub(crate) contact: Option<Arc<str>>,
    pub(crate) base_url: Arc<str>,
    pub(crate) clock: SharedClock,
}

impl Disclosure {
    pub(crate) fn routes(self) -> Router {
        Router::new().route(PATH, get(security_txt)).with_state(self)
    }
}

async fn security_txt(State(disclosure): State<Disclosure>) -> Response {
    let Some(contact) = &disclosure.contact else { return StatusCode::NOT_FOUND.into_response() };
    let text = written(contact, &disclosure.base_url, disclosure.clock.now());
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

pub(super) fn written(contact: &str, base_url: &str, now: Timestamp) -> String {
    let expires = Timestamp::from_seconds((now + GOOD_FOR).seconds());
    format!("Contact: {contact}\nExpires: {expires}\nCanonical: {base_url}{PATH}\n")
}
