//! What people see when something was refused or does not work.

use std::fmt;

use anyhow::anyhow;
use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use kernel::{Failure, Refusal, StorageFull, TooSlow};

use crate::{Site, Toast, Words};

/// Why a page could not be given.
#[derive(Debug)]
pub enum WebError {
    /// There is no such thing, or it is not for this person. Both look the same.
    NotFound,
    /// A rule said no; the sentence is for the person.
    Refused(String),
    /// The person is known but may not do this at all.
    Forbidden,
    /// Nobody is signed in.
    SignIn,
    /// What was sent cannot be read.
    BadInput(String),
    TooLarge,
    TooMany {
        retry_after_seconds: u64,
    },
    /// Somebody else changed it meanwhile.
    Conflict(String),
    /// Something broke; the operator reads what.
    Broken(anyhow::Error),
}

pub type WebResult<T> = Result<T, WebError>;

/// What was looked for, or "not found".
pub fn found<T>(thing: Option<T>) -> WebResult<T> {
    thing.ok_or(WebError::NotFound)
}

impl From<anyhow::Error> for WebError {
    fn from(fault: anyhow::Error) -> Self {
        Self::Broken(fault)
    }
}

impl<R: Refusal> From<Failure<R>> for WebError {
    fn from(failure: Failure<R>) -> Self {
        match failure {
            Failure::Refused(refusal) => Self::Refused(sentence(&refusal)),
            Failure::Broken(fault) => Self::Broken(fault),
        }
    }
}

/// A refusal as a sentence: refusals are written to stand inside one, too.
pub fn sentence(refusal: &(impl fmt::Display + ?Sized)) -> String {
    let text = refusal.to_string();
    let mut chars = text.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

/// What the error page needs; the answer carries it to [`ErrorPages`].
#[derive(Clone, Debug)]
struct Shown {
    key: &'static str,
    sentence: Option<String>,
    /// By which the operator finds the log line.
    trace: Option<String>,
}

impl IntoResponse for WebError {
    fn into_response(self) -> Response {
        let mut shown = Shown { key: "", sentence: None, trace: None };
        let status = match self {
            Self::NotFound => {
                shown.key = "error-not-found";
                StatusCode::NOT_FOUND
            }
            Self::Refused(sentence) => {
                shown.key = "error-refused";
                shown.sentence = Some(sentence);
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::Forbidden => {
                shown.key = "error-forbidden";
                StatusCode::FORBIDDEN
            }
            Self::SignIn => {
                shown.key = "error-sign-in";
                StatusCode::UNAUTHORIZED
            }
            Self::BadInput(sentence) => {
                shown.key = "error-bad-input";
                shown.sentence = Some(sentence);
                StatusCode::BAD_REQUEST
            }
            Self::TooLarge => {
                shown.key = "error-too-large";
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::TooMany { retry_after_seconds } => {
                let mut response = StatusCode::TOO_MANY_REQUESTS.into_response();
                response.headers_mut().insert(header::RETRY_AFTER, retry_after_seconds.into());
                shown.key = "error-too-many";
                response.extensions_mut().insert(shown);
                return response;
            }
            Self::Conflict(sentence) => {
                shown.key = "error-conflict";
                shown.sentence = Some(sentence);
                StatusCode::CONFLICT
            }
            Self::Broken(fault) if StorageFull::is_behind(&fault) => {
                tracing::error!("a request failed: {fault:#}");
                shown.key = "error-full";
                StatusCode::INSUFFICIENT_STORAGE
            }
            Self::Broken(fault) if TooSlow::is_behind(&fault) => {
                tracing::warn!("a list was given up: {fault:#}");
                shown.key = "error-too-slow";
                StatusCode::GATEWAY_TIMEOUT
            }
            Self::Broken(fault) => {
                let trace = trace_id();
                tracing::error!(trace, "a request failed, trace {trace}: {fault:#}");
                shown.key = "error-broken";
                shown.trace = Some(trace);
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        let mut response = status.into_response();
        response.extensions_mut().insert(shown);
        response
    }
}

fn trace_id() -> String {
    // Distinct enough to find one line in a log.
    use std::hash::{BuildHasher, RandomState};
    format!("{:012x}", RandomState::new().hash_one(()) & 0xffff_ffff_ffff)
}

/// Draws the pages for refused and broken requests.
#[derive(Clone)]
pub struct ErrorPages {
    pub site: Site,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'p> {
    w: &'p Words,
    title: &'p str,
    sentence: &'p str,
    trace: Option<&'p str>,
    /// Where it begins for whoever reads this: customers have a start of their own.
    home: &'p str,
}

impl ErrorPages {
    /// The layer: answers that carry an error get their page, or a toast where htmx asked.
    pub async fn draw(State(pages): State<Self>, request: Request, next: Next) -> Response {
        let is_htmx = request.headers().contains_key("hx-request");
        let path_and_query =
            request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        let is_get = request.method().is_safe();
        let mut response = next.run(request).await;
        let shown = response.extensions_mut().remove::<Shown>().or_else(|| unread(&response));
        let Some(mut shown) = shown else { return response };
        if is_get && response.status() == StatusCode::BAD_REQUEST && shown.sentence.is_none() {
            // An address that cannot be read leads nowhere.
            shown.key = "error-not-found";
            *response.status_mut() = StatusCode::NOT_FOUND;
        }
        if response.status() == StatusCode::UNAUTHORIZED {
            return sign_in(is_htmx, is_get, &path_and_query);
        }
        let is_help = path_and_query.starts_with("/help");
        pages.dress(response, &shown, is_htmx, if is_help { "/help" } else { "/" })
    }

    fn dress(&self, mut response: Response, shown: &Shown, is_htmx: bool, home: &str) -> Response {
        let w = self.site.words("en");
        let title = w.t(shown.key);
        let key = format!("{}-text", shown.key);
        let sentence = shown.sentence.as_deref().unwrap_or_else(|| w.t(&key));
        if is_htmx {
            let headers = response.headers_mut();
            Toast::bad(sentence).on(headers);
            headers.insert("hx-reswap", HeaderValue::from_static("none"));
            return response;
        }
        let page = ErrorPage { w: &w, title, sentence, trace: shown.trace.as_deref(), home };
        match page.render() {
            Ok(html) => {
                let (mut parts, _) = response.into_parts();
                // Both were said about the body that the page replaces.
                parts.headers.remove(header::CONTENT_LENGTH);
                parts.headers.remove(header::CONTENT_TYPE);
                let mut page = Html(html).into_response();
                page.headers_mut().extend(parts.headers);
                *page.status_mut() = parts.status;
                page
            }
            Err(fault) => {
                tracing::error!("the error page cannot be drawn: {:#}", anyhow!(fault));
                response
            }
        }
    }
}

/// What the server itself says about a request that it could not take apart. It names types of
/// the program, so it is not for people.
fn unread(response: &Response) -> Option<Shown> {
    let kind = response.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    let key = match response.status() {
        StatusCode::PAYLOAD_TOO_LARGE => "error-too-large",
        status if status.is_client_error() => "error-bad-input",
        _ => return None,
    };
    kind.starts_with("text/plain").then_some(Shown { key, sentence: None, trace: None })
}

/// Sends to the sign-in page and back to where the person wanted to go.
fn sign_in(is_htmx: bool, is_get: bool, path_and_query: &str) -> Response {
    let next: String = if is_get && !is_htmx && path_and_query != "/" {
        let encoded: String = path_and_query.bytes().map(percent).collect();
        format!("/login?next={encoded}")
    } else {
        "/login".to_owned()
    };
    if is_htmx {
        let mut response = StatusCode::UNAUTHORIZED.into_response();
        response.headers_mut().insert("hx-redirect", HeaderValue::from_static("/login"));
        return response;
    }
    crate::see_other(&next)
}

fn percent(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}
