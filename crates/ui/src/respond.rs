//! Answers: a whole page, a fragment for htmx, a redirect, a toast.

use std::fmt::Write;

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Serialize;

use crate::WebResult;

/// How the browser asked: for a page, or through htmx for a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    pub is_htmx: bool,
    /// Only a part of the page is wanted.
    pub is_partial: bool,
}

impl<S: Sync> FromRequestParts<S> for View {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let has = |name: &str| parts.headers.contains_key(name);
        let is_htmx = has("hx-request") && !has("hx-history-restore-request");
        let kind = parts.headers.get("hx-request-type").and_then(|kind| kind.to_str().ok());
        Ok(Self { is_htmx, is_partial: is_htmx && kind == Some("partial") })
    }
}

impl View {
    /// After a change: the fragment for htmx, the page itself for a plain form.
    pub fn changed(self, page: &str, fragment: &impl Template) -> WebResult<Response> {
        if self.is_htmx { crate::page(fragment) } else { Ok(see_other(page)) }
    }

    /// After a change that needs no fragment: a toast for htmx, the page for a plain form.
    pub fn done(self, page: &str, toast: &Toast) -> Response {
        if self.is_htmx { toast.alone() } else { see_other(page) }
    }
}

/// A rendered template as an answer.
pub fn page(template: &impl Template) -> WebResult<Response> {
    let html = template.render().map_err(anyhow::Error::from)?;
    let mut response = Html(html).into_response();
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("HX-Request, HX-Request-Type"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// A template as markup, for a place that is not an answer. Empty if it cannot be drawn.
pub fn rendered(template: &impl Template) -> crate::Markup {
    template.render().map(crate::Markup::trusted).unwrap_or_default()
}

/// The same form once more, with what was wrong with it.
pub fn again(template: &impl Template) -> WebResult<Response> {
    let mut response = page(template)?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

/// "Look there now." Only ever to a path of our own.
pub fn see_other(path: &str) -> Response {
    // Browsers drop tabs and line ends from an address before they read it.
    let is_local = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains(|c: char| c == '\\' || c.is_control());
    let path = if is_local { path } else { "/" };
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

/// A sentence at the edge of the screen that goes by itself.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Toast {
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo_label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tone: Option<&'static str>,
}

impl Toast {
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub fn bad(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Some("bad"), ..Self::default() }
    }

    pub fn with_undo(self, url: String, label: &str) -> Self {
        Self { undo: Some(url), undo_label: Some(label.to_owned()), ..self }
    }

    /// An answer that is nothing but this toast.
    pub fn alone(&self) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        self.on(response.headers_mut());
        response
    }

    /// Adds the toast to an answer.
    pub fn on(&self, headers: &mut HeaderMap) {
        trigger(headers, "toast", &serde_json::json!(self));
    }
}

/// Adds an event that htmx fires on the page. Events of the same answer are merged.
pub(crate) fn trigger(headers: &mut HeaderMap, name: &str, detail: &serde_json::Value) {
    let before = headers.get("hx-trigger").and_then(|value| value.to_str().ok());
    let mut events: serde_json::Map<String, serde_json::Value> =
        before.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    events.insert(name.to_owned(), detail.clone());
    // Header values are ASCII; JSON can say everything else with escapes.
    let mut ascii = String::new();
    for c in serde_json::Value::Object(events).to_string().chars() {
        if c.is_ascii() {
            ascii.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // A string takes whatever is written to it.
            let _ = write!(ascii, "\\u{unit:04x}");
        }
    }
    if let Ok(value) = HeaderValue::from_str(&ascii) {
        headers.insert("hx-trigger", value);
    }
}

/// Adds an event to an answer.
pub fn fire(response: &mut Response, name: &str, detail: &serde_json::Value) {
    trigger(response.headers_mut(), name, detail);
}
