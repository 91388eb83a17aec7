//! What every request goes through, from the outside in.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use database::Room;
use tower::ServiceBuilder;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::csrf::{CsrfLayer, ProtectionError};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;
use tower_http::trace::TraceLayer;
use ui::{ErrorPages, Hosts, Site, WebError};

use super::admission::{Admission, admit};
use super::room::with_room;
use super::{client, metrics};
use crate::config::Settings;

/// Forms and JSON; routes that take files say so themselves.
const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Nothing larger comes in at all.
const ANY_BODY_BYTES_MAX: usize = 120 * 1024 * 1024;
pub(super) const BODY_PAUSE_MAX: Duration = Duration::from_secs(10);
pub(super) const ANSWER_WITHIN: Duration = Duration::from_mins(1);
/// Files come over slow lines, too.
const FILES_WITHIN: Duration = Duration::from_mins(5);
const COMPRESSED_FROM_BYTES: u64 = 512;

/// Puts the layers around the routes.
pub(crate) fn dress(routes: Router, site: &Site, settings: &Settings, room: &Room) -> Router {
    let hosts = Hosts::new(&settings.base_url, settings.listen);
    let trusted: Arc<[ipnet::IpNet]> = settings.trusted_proxies.clone().into();
    let compressed = SizeAbove::new(COMPRESSED_FROM_BYTES)
        .and(NotForContentType::IMAGES)
        .and(NotForContentType::const_new("text/event-stream"))
        .and(NotForContentType::const_new("application/octet-stream"))
        .and(NotForContentType::const_new("message/rfc822"));
    let pages = ErrorPages { site: site.clone() };
    let layers = ServiceBuilder::new()
        // Outside of what refuses requests, so that no answer goes without these headers.
        .layer(from_fn_with_state(settings.is_https(), ui::harden))
        .layer(from_fn_with_state(Admission::here(Arc::clone(&trusted)), admit))
        .layer(TraceLayer::new_for_http().make_span_with(span).on_response(()).on_failure(()))
        .layer(from_fn(metrics::measure))
        .layer(from_fn(api::problems))
        .layer(from_fn_with_state(hosts, ui::guard_host))
        .layer(from_fn_with_state(trusted, client::note))
        // Pages are small: to look harder for what repeats took longer than making the page.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(compressed))
        .layer(from_fn_with_state(pages, ErrorPages::draw))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(room.clone(), with_room))
        .layer(from_fn(in_time))
        .layer(RequestBodyTimeoutLayer::new(BODY_PAUSE_MAX))
        .layer(RequestBodyLimitLayer::new(ANY_BODY_BYTES_MAX))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(csrf());
    routes.fallback(nothing).method_not_allowed_fallback(wrong_method).layer(layers)
}

/// Answers in time, or says that it took too long.
async fn in_time(request: Request, next: Next) -> Response {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().to_ascii_lowercase();
    let is_small = ["", "application/json", "application/x-www-form-urlencoded"]
        .contains(&kind.split(';').next().unwrap_or_default().trim());
    let within = if is_small { ANSWER_WITHIN } else { FILES_WITHIN };
    match tokio::time::timeout(within, next.run(request)).await {
        Ok(response) => response,
        Err(_) => StatusCode::GATEWAY_TIMEOUT.into_response(),
    }
}

/// Neither the query, which may hold what a customer typed, nor a path that is a key.
fn span(request: &Request) -> tracing::Span {
    let path = request.uri().path();
    let is_key = ["/setup/", "/invite/", "/reset/", "/help/link/", "/assets/"]
        .iter()
        .any(|start| path.starts_with(start));
    let path = if is_key { path.split('/').nth(1).unwrap_or_default() } else { path };
    tracing::debug_span!("request", method = %request.method(), path)
}

/// A browser says where a form comes from; ours come from us. Programs come with a token and
/// without cookies, so there is nothing that another site could misuse.
fn csrf() -> CsrfLayer<fn(ProtectionError) -> Response> {
    let refuse: fn(ProtectionError) -> Response = |_| {
        let sentence = "This form came from another site. Open it here and try again.";
        WebError::BadInput(sentence.to_owned()).into_response()
    };
    CsrfLayer::new()
        .with_insecure_bypass(|_: &Method, uri| uri.path().starts_with("/api/"))
        .with_rejection_response(refuse)
}

fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a word");
    ::metrics::counter!("recourse_panics_total").increment(1);
    WebError::Broken(anyhow::anyhow!("a handler panicked: {said}")).into_response()
}

async fn nothing() -> WebError {
    WebError::NotFound
}

async fn wrong_method() -> WebError {
    WebError::NotFound
}
