//! What comes in: JSON and parameters of exactly the documented fields, and cursors.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::PublicId;
use serde::de::DeserializeOwned;

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
        let request = Request::from_parts(parts.clone(), body);
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

/// Reads JSON and says at which field it goes wrong.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> ApiResult<T> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|fault| {
        let path = fault.path().to_string();
        let fault = fault.into_inner();
        let text = fault.to_string();
        // serde_json puts the place behind every sentence; the field says it better.
        let text = text.split(" at line ").next().unwrap_or_default();
        if fault.is_data() {
            misfit(&path, text)
        } else {
            let place = format!("line {}, column {}", fault.line(), fault.column());
            Problem::saying(Kind::Unreadable, format!("The body is not JSON: {text} ({place})."))
        }
    })?;
    let more =
        || Problem::saying(Kind::Unreadable, "There is more in the body than one JSON value.");
    reader.end().ok().ok_or_else(more)?;
    Ok(value)
}

/// A field that is unknown, missing or of the wrong kind.
fn misfit(path: &str, text: &str) -> Problem {
    let path = if path == "." || path == "?" { "" } else { path };
    let quoted = |text: &str| {
        let inside = text.split('`').nth(1);
        inside.unwrap_or_default().to_owned()
    };
    let below = |name: String| {
        if path.is_empty() || path.ends_with(&name) { name } else { format!("{path}.{name}") }
    };
    if text.starts_with("unknown field") {
        let name = quoted(text);
        let parent = path.strip_suffix(name.as_str()).map(|rest| rest.trim_end_matches('.'));
        let full = match parent {
            Some("") => name,
            Some(parent) => format!("{parent}.{name}"),
            None => below(name),
        };
        return Problem::unknown_field(full);
    }
    if text.starts_with("missing field") {
        return Problem::field(below(quoted(text)), "is missing");
    }
    let field = if path.is_empty() { "body" } else { path };
    Problem::field(field, format!("cannot be read: {text}"))
}

/// Parameters behind the question mark, exactly those of `T`.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        let query = parts.uri.query().unwrap_or_default();
        serde_urlencoded::from_str(query).map(Self).map_err(|fault| {
            let text = fault.to_string();
            let name = text.split('`').nth(1).unwrap_or_default();
            if text.starts_with("unknown field") {
                Problem::field(name, "is not a parameter here")
            } else if text.starts_with("missing field") {
                Problem::field(name, "is missing")
            } else {
                let sentence = format!("The parameters cannot be read: {text}.");
                Problem::saying(Kind::Unreadable, sentence)
            }
        })
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
        None => Err(Problem::field("after", "is not a cursor of this list")),
    }
}
