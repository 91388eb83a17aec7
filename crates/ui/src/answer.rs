//! Answers for htmx that change several places of a page at once.

use std::fmt::Write;

use askama::Template;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use crate::respond::trigger;
use crate::{Markup, Toast, WebResult};

/// Pieces of a page, each with its place, and what else the browser is told.
#[derive(Default)]
pub struct Answer {
    html: String,
    headers: HeaderMap,
    status: StatusCode,
}

impl Answer {
    pub fn new() -> Self {
        Self::default()
    }

    /// What goes where the request came from.
    pub fn main(mut self, template: &impl Template) -> WebResult<Self> {
        template.render_into(&mut self.html).map_err(anyhow::Error::from)?;
        Ok(self)
    }

    /// A piece for another place: `target` is a selector, `swap` how it gets there.
    pub fn piece(self, target: &str, swap: &str, template: &impl Template) -> WebResult<Self> {
        let html = template.render().map_err(anyhow::Error::from)?;
        Ok(self.markup(target, swap, &Markup::trusted(html)))
    }

    /// Like [`Answer::piece`], with what is already markup.
    pub fn markup(mut self, target: &str, swap: &str, html: &Markup) -> Self {
        let target = Markup::escape(target);
        // A string takes whatever is written to it.
        let _ = write!(
            self.html,
            r#"<hx-partial hx-target="{target}" hx-swap="{swap}">{html}</hx-partial>"#
        );
        self
    }

    /// A text for another place.
    pub fn text(self, target: &str, text: &str) -> Self {
        self.markup(target, "innerHTML", &Markup::escape(text))
    }

    /// Takes something out of the page.
    pub fn delete(self, target: &str) -> Self {
        self.markup(target, "delete", &Markup::default())
    }

    pub fn toast(mut self, toast: &Toast) -> Self {
        toast.on(&mut self.headers);
        self
    }

    /// An event that is fired on the page.
    pub fn event(mut self, name: &str, detail: &serde_json::Value) -> Self {
        trigger(&mut self.headers, name, detail);
        self
    }

    /// Sends the browser to another page of ours.
    pub fn redirect(mut self, path: &str) -> Self {
        if let Ok(path) = HeaderValue::from_str(path) {
            self.headers.insert("hx-redirect", path);
        }
        self
    }

    /// The address that the page has from now on.
    pub fn address(mut self, path: &str) -> Self {
        if let Ok(path) = HeaderValue::from_str(path) {
            self.headers.insert("hx-push-url", path);
        }
        self
    }

    /// Where the pieces go and how, as `#place swap`: for tests.
    pub fn places(&self) -> Vec<String> {
        let pieces = self.html.split("<hx-partial hx-target=\"").skip(1);
        let place = |piece: &str| -> Option<String> {
            let (target, rest) = piece.split_once("\" hx-swap=\"")?;
            let (swap, _) = rest.split_once('"')?;
            Some(format!("{target} {swap}"))
        };
        pieces.filter_map(place).collect()
    }

    pub fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Html(self.html).into_response();
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.extend(self.headers);
        headers.insert(header::VARY, HeaderValue::from_static("HX-Request, HX-Request-Type"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
