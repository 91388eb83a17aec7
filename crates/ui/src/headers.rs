//! Headers that make a browser careful, and the names under which we answer.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Marks a file that ships with the program. It is no page: what guards pages would only make
/// every one of the many small files larger.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shipped;

/// For a shipped file that somebody opens by itself.
const SHIPPED_POLICY: &str = "default-src 'none'";

/// Pages may load from here alone; nothing inline runs and nothing frames us.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-src 'self'; \
    manifest-src 'self'; object-src 'none'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

/// Adds the headers to every answer. What a handler set itself stays.
pub async fn harden(State(is_https): State<bool>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if is_https {
        response
            .headers_mut()
            .entry(header::STRICT_TRANSPORT_SECURITY)
            .or_insert(HeaderValue::from_static("max-age=31536000"));
    }
    if response.extensions().get::<Shipped>().is_some() {
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_SECURITY_POLICY, SHIPPED_POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        return response;
    }
    make_careful(response.headers_mut());
    response
}

/// Adds the headers that every answer of ours has. What is there already stays.
pub fn make_careful(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Whatever is for somebody is kept by nobody else, unless its handler says otherwise.
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    for (name, value) in [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// The host names under which requests are answered.
#[derive(Clone, Debug)]
pub struct Hosts(Arc<[String]>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the base URL must look like https://support.example.com; plain http:// is taken only for \
     this machine"
)]
pub struct NotABaseUrl;

impl Hosts {
    /// The host of the base URL, and the names that this machine has for itself at the address
    /// that is listened on.
    pub fn new(base_url: &str, listen: SocketAddr) -> Self {
        let mut hosts = Vec::new();
        if let Some((_, rest)) = base_url.split_once("://") {
            hosts.push(rest.trim_end_matches('/').to_ascii_lowercase());
        }
        let port = listen.port();
        hosts.push(format!("localhost:{port}"));
        hosts.push(format!("127.0.0.1:{port}"));
        hosts.push(format!("[::1]:{port}"));
        hosts.push(listen.to_string());
        Self(hosts.into())
    }

    pub fn knows(&self, host: &str) -> bool {
        self.0.iter().any(|known| known.eq_ignore_ascii_case(host))
    }

    /// Whether the name is one that only this machine has for itself.
    pub fn is_local(host: &str) -> bool {
        let name = host.rsplit_once(':').map_or(host, |(name, port)| {
            if port.bytes().all(|b| b.is_ascii_digit()) { name } else { host }
        });
        let name = name.trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost")
            || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// Refuses requests for hosts that we are not: links that we make would lead there.
pub async fn guard_host(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let named = request
        .headers()
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .or_else(|| request.uri().host());
    let is_known = named.is_some_and(|host| hosts.knows(host));
    // Probes ask by address and get nothing but a word.
    let is_probe = request.uri().path().starts_with("/health/");
    if is_known || is_probe {
        return next.run(request).await;
    }
    let sentence = "This host name is not configured here; set the base URL.\n";
    (StatusCode::MISDIRECTED_REQUEST, sentence).into_response()
}
