//! Which version of a thing a program has seen: `ETag` of an answer, `If-Match` of a change.

use std::hash::{DefaultHasher, Hasher};

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::problem::{ApiResult, Kind, Problem};

/// A thing as it is now, with its version. What is shown of it is its version: nobody is told
/// that something changed of which nothing can be seen.
pub(crate) fn answer(thing: &impl Serialize) -> ApiResult<Response> {
    let tag = HeaderValue::from_str(&tag(thing)?).map_err(anyhow::Error::from)?;
    let mut response = Json(thing).into_response();
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

fn tag(thing: &impl Serialize) -> ApiResult<String> {
    let mut hasher = DefaultHasher::new();
    hasher.write(&serde_json::to_vec(thing).map_err(anyhow::Error::from)?);
    Ok(format!("\"{:016x}\"", hasher.finish()))
}

/// The versions of which a change wants to find one. Without any it is made over whatever is
/// there.
pub(crate) struct Expected(Option<String>);

impl Expected {
    fn read(headers: &HeaderMap) -> Option<String> {
        let all = headers.get_all(header::IF_MATCH).iter();
        let all: Vec<&str> = all.filter_map(|value| value.to_str().ok()).collect();
        headers.contains_key(header::IF_MATCH).then(|| all.join(","))
    }

    /// Refuses a change of what is not any more what the program has seen. Whoever asks holds the
    /// thing, so that it stays so.
    pub(crate) fn meets(&self, present: &impl Serialize) -> ApiResult<()> {
        let Some(expected) = &self.0 else { return Ok(()) };
        let present = tag(present)?;
        // A proxy that compresses answers marks their versions as weak; what they say is the same.
        let bare = |one: &str| one.trim().trim_start_matches("W/").to_owned();
        let met = expected.split(',').map(bare).any(|one| one == "*" || one == present);
        if met { Ok(()) } else { Err(Problem::new(Kind::Stale)) }
    }
}

impl<S: Sync> FromRequestParts<S> for Expected {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(Self::read(&parts.headers)))
    }
}
