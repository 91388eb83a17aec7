//! What comes in: JSON and parameters of exactly the documented fields, and cursors.

use std::collections::HashSet;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{
    DefaultBodyLimit, FromRequest, FromRequestParts, MatchedPath, Path, Request, State,
};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::PublicId;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::PREFIX;
use crate::json::{Misfit, Tree};
use crate::problem::{ApiResult, Kind, Problem};

/// A JSON body whose fields are exactly those of `T`; unknown ones are refused, so `T` says
/// `#[serde(deny_unknown_fields)]`.
pub(crate) struct Input<T> {
    pub(crate) value: T,
    pub(crate) sent: Sent,
}

/// The request as it was sent, to recognise it when it comes again.
pub(crate) struct Sent {
    pub(crate) key: Option<String>,
    /// Method, path and body.
    pub(crate) content: Vec<u8>,
}

const KEY_CHARS_MAX: usize = 200;

impl Sent {
    pub(crate) fn new(parts: &Parts, body: &[u8]) -> ApiResult<Self> {
        let key = match parts.headers.get("idempotency-key") {
            None => None,
            Some(value) => {
                let text = value.to_str().ok().map(str::trim).unwrap_or_default();
                if text.is_empty() || text.len() > KEY_CHARS_MAX {
                    let sentence = "An idempotency key has 1 to 200 ASCII characters.";
                    return Err(Problem::saying(Kind::Unreadable, sentence));
                }
                Some(text.to_owned())
            }
        };
        let mut content = format!("{} {}\n", parts.method, parts.uri).into_bytes();
        content.extend_from_slice(body);
        Ok(Self { key, content })
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> ApiResult<Self> {
        let (parts, body) = request.into_parts();
        let is_json = parts
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
        if !is_json {
            return Err(Problem::new(Kind::WrongType));
        }
        let mut request = Request::from_parts(parts.clone(), body);
        DefaultBodyLimit::max(JSON_BYTES_MAX).apply(&mut request);
        let bytes = Bytes::from_request(request, state).await.map_err(|fault| unread(&fault))?;
        let value = read(&bytes)?;
        Ok(Self { value, sent: Sent::new(&parts, &bytes)? })
    }
}

pub(crate) fn unread(fault: &axum::extract::rejection::BytesRejection) -> Problem {
    if fault.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Problem::new(Kind::TooLarge)
    } else {
        Problem::saying(Kind::Unreadable, "The body broke off before its end.")
    }
}

/// So much JSON comes at once.
pub(crate) const JSON_BYTES_MAX: usize = 1024 * 1024;
/// Nothing here is nested even half as deep.
pub(crate) const JSON_DEPTH_MAX: usize = 64;

/// Whether lists and objects stand in one another deeper than anybody needs. What stands in
/// quotes is passed over.
fn is_too_deep(bytes: &[u8]) -> bool {
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b'[' | b'{' if !is_text => depth += 1,
            b']' | b'}' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > JSON_DEPTH_MAX {
            return true;
        }
    }
    false
}

/// Reads JSON and says at which field it goes wrong.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> ApiResult<T> {
    if is_too_deep(bytes) {
        let sentence = format!("The body is nested deeper than {JSON_DEPTH_MAX} levels.");
        return Err(Problem::saying(Kind::Unreadable, sentence));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let tree = Tree::deserialize(&mut reader).map_err(|fault| {
        let text = fault.to_string();
        // serde_json puts the place behind every sentence, and so do we.
        let text = text.split(" at line ").next().unwrap_or_default();
        let place = format!("line {}, column {}", fault.line(), fault.column());
        Problem::saying(Kind::Unreadable, format!("The body is not JSON: {text} ({place})."))
    })?;
    let more =
        || Problem::saying(Kind::Unreadable, "There is more in the body than one JSON value.");
    reader.end().ok().ok_or_else(more)?;
    fitted(tree, "body", "is not a field here")
}

/// What a tree stands for, or which of its fields is unknown, missing or of the wrong kind.
fn fitted<T: DeserializeOwned>(tree: Tree, whole: &str, unknown: &str) -> ApiResult<T> {
    serde_path_to_error::deserialize(tree).map_err(|fault| {
        let path = fault.path().to_string();
        let path = if path == "." || path == "?" { "" } else { &path };
        match fault.into_inner() {
            Misfit::Unknown(name) => Problem::field(below(path, &name), unknown),
            Misfit::Missing(name) => Problem::field(below(path, &name), "is missing"),
            Misfit::Twice(name) => Problem::field(below(path, &name), "stands there twice"),
            Misfit::Wrong(detail) => {
                Problem::field(if path.is_empty() { whole } else { path }, detail)
            }
        }
    })
}

/// The path of a field in the object at `path`, which may name the field already.
fn below(path: &str, name: &str) -> String {
    let is_there = path == name || path.ends_with(&format!(".{name}"));
    if is_there {
        path.to_owned()
    } else if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// Parameters behind the question mark, exactly those of `T`.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        let pairs = parameters(&parts.uri)?;
        let pairs = pairs.into_iter().map(|(name, word)| (name, Tree::Word(word)));
        fitted(Tree::Object(pairs.collect()), "query", NO_PARAMETER).map(Self)
    }
}

const NO_PARAMETER: &str = "is not a parameter here";

fn parameters(uri: &Uri) -> ApiResult<Vec<(String, String)>> {
    let unreadable = || Problem::saying(Kind::Unreadable, "The parameters cannot be read.");
    serde_urlencoded::from_str(uri.query().unwrap_or_default()).ok().ok_or_else(unreadable)
}

/// The operations that have parameters, by method and path.
pub(crate) type Parametered = Arc<HashSet<(String, String)>>;

/// Refuses parameters where none are documented. The others read theirs by [`Query`].
pub(crate) async fn refuse_parameters(
    State(parametered): State<Parametered>,
    request: Request,
    next: Next,
) -> Response {
    let place = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method =
        if request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
    let place = place.filter(|path| path.starts_with(PREFIX) && !path.contains("{*"));
    let may = place.is_none_or(|path| parametered.contains(&(method.to_string(), path)));
    if may {
        return next.run(request).await;
    }
    match parameters(request.uri()) {
        Ok(pairs) => match pairs.into_iter().next() {
            Some((name, _)) => Problem::field(name, NO_PARAMETER).into_response(),
            None => next.run(request).await,
        },
        Err(problem) => problem.into_response(),
    }
}

/// A public id in a path. What is none of ours is not there.
pub(crate) struct Id(pub(crate) PublicId);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let Path(text) =
            Path::<String>::from_request_parts(parts, state).await.map_err(|fault| {
                tracing::debug!(status = %fault.into_response().status(), "an id cannot be read");
                Problem::not_found()
            })?;
        text.parse().ok().map(Self).ok_or_else(Problem::not_found)
    }
}

/// The reference of a ticket in a path.
pub(crate) struct Reference(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Reference {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(text)) => Ok(Self(text)),
            Err(_) => Err(Problem::not_found()),
        }
    }
}

const LIMIT: i64 = 50;
const LIMIT_MAX: i64 = 100;

/// How many rows a page may have.
pub(crate) fn limit(asked: Option<i64>) -> ApiResult<i64> {
    match asked {
        None => Ok(LIMIT),
        Some(limit) if (1..=LIMIT_MAX).contains(&limit) => Ok(limit),
        Some(_) => Err(Problem::field("limit", "has to be between 1 and 100")),
    }
}

/// A place in a list as it is handed out: nobody has to know what is in it.
pub(crate) fn cursor(place: &str) -> String {
    URL_SAFE_NO_PAD.encode(place)
}

/// A place that was handed out.
pub(crate) fn place<T>(
    after: Option<&str>,
    read: impl FnOnce(&str) -> Option<T>,
) -> ApiResult<Option<T>> {
    let Some(after) = after else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(after).ok();
    let place = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    match place.and_then(|place| read(&place)) {
        Some(place) => Ok(Some(place)),
        None => Err(Problem::foreign_cursor()),
    }
}
