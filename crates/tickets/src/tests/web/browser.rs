//! A browser for each of the cast: it asks for pages and parts of them, and sends forms.

use std::ops::Deref;
use std::sync::Arc;

use accounts::SESSION_ABSOLUTE;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use database::{Db, params};
use files::{BucketAccess, Files, Place};
use kernel::{AgentId, PublicId, TicketId};
use keys::Token;
use serde_json::Value;
use tower::ServiceExt;
use ui::ErrorPages;

use crate::desk::Desk;
use crate::tests::stage::Stage;

/// The shop with its pages.
pub(super) struct Shop {
    stage: Stage,
    pub(super) desk: Desk,
    pub(super) files: Files,
    router: Router,
}

impl Deref for Shop {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl Shop {
    pub(super) async fn new(db: Db) -> Self {
        let stage = Stage::new(db).await;
        let folder = std::env::temp_dir()
            .join("recourse-tests")
            .join(format!("files-{}", PublicId::new(stage.now())));
        let files = Files::open(&Place::Folder(folder), &BucketAccess::default()).unwrap();
        let accounts = &stage.cast.accounts;
        let desk = Desk::new(accounts.clone(), Stage::keys(), files.clone());
        let pages = [accounts::SETTINGS_PAGES, crate::SETTINGS_PAGES].concat();
        accounts.lend(Arc::new(desk.clone()), pages);
        let errors = ErrorPages { site: accounts.site().clone() };
        let (router, _) = crate::routes(&desk);
        let router = router.layer(from_fn_with_state(errors, ErrorPages::draw));
        Self { stage, desk, files, router }
    }

    /// A browser in which somebody has signed in.
    pub(super) async fn browser(&self, agent: AgentId) -> Browser {
        let token = Token::new("rcs");
        let mut tx = self.db.begin().await.unwrap();
        tx.execute(
            "insert into sessions (token_hash, agent_id, user_agent, address, created_at,
                last_seen_at, expires_at)
             values ($1, $2, 'Firefox', '192.0.2.1', $3, $3, $4)",
            params![token.hash().0, agent, self.now(), self.now() + SESSION_ABSOLUTE],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        let cookie = format!("session={}", token.reveal());
        Browser { router: self.router.clone(), cookie, at: String::new() }
    }

    pub(super) async fn sarah(&self) -> Browser {
        self.browser(self.cast.sarah).await
    }

    pub(super) async fn mateo(&self) -> Browser {
        self.browser(self.cast.mateo).await
    }

    pub(super) async fn priya_browses(&self) -> Browser {
        self.browser(self.cast.priya).await
    }

    /// Sees the billing inbox only.
    pub(super) async fn tom(&self) -> Browser {
        self.browser(self.cast.tom).await
    }

    /// Writes notes, and nothing to customers.
    pub(super) async fn ines(&self) -> Browser {
        self.browser(self.cast.ines).await
    }

    pub(super) fn nobody(&self) -> Browser {
        Browser { router: self.router.clone(), cookie: String::new(), at: String::new() }
    }

    /// A ticket in the billing inbox.
    pub(super) async fn in_billing(&self) -> TicketId {
        let mut mail = self.mail_from("leo@example.net", "Leo Brandt", "Invoice", "Which VAT?");
        mail.inbox = self.cast.billing;
        self.comes(&mail).await.ticket
    }

    pub(super) async fn count(&self, sql: &'static str) -> i64 {
        self.db.read().await.unwrap().scalar(sql, params![]).await.unwrap()
    }

    /// The public ids that a query gives.
    pub(super) async fn ids(&self, sql: &'static str) -> Vec<String> {
        let conn = self.db.read().await.unwrap();
        let ids: Vec<PublicId> = conn.column(sql, params![]).await.unwrap();
        ids.iter().map(ToString::to_string).collect()
    }

    pub(super) async fn texts(&self, sql: &'static str) -> Vec<String> {
        self.db.read().await.unwrap().column(sql, params![]).await.unwrap()
    }
}

#[derive(Clone)]
pub(super) struct Browser {
    router: Router,
    cookie: String,
    /// The page from which htmx asks; plain requests where it is empty.
    at: String,
}

impl Browser {
    /// The same browser with scripts, on a page.
    pub(super) fn at(&self, page: &str) -> Self {
        Self { at: page.to_owned(), ..self.clone() }
    }

    fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let mut request = Request::builder().method(method).uri(path);
        if !self.cookie.is_empty() {
            request = request.header("cookie", &self.cookie);
        }
        if !self.at.is_empty() {
            let here = format!("http://localhost:8080{}", self.at);
            request = request.header("hx-request", "true").header("hx-current-url", here);
        }
        request
    }

    pub(super) async fn get(&self, path: &str) -> Page {
        self.send(self.request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    /// A part of a page, as a link with `hx-target` asks for it.
    pub(super) async fn part(&self, path: &str) -> Page {
        let request = self.request(Method::GET, path).header("hx-request-type", "partial");
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(super) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.form(Method::POST, path, fields).await
    }

    pub(super) async fn form(&self, method: Method, path: &str, fields: &[(&str, &str)]) -> Page {
        let pair = |(name, value): &(&str, &str)| format!("{}={}", enc(name), enc(value));
        let body = fields.iter().map(pair).collect::<Vec<_>>().join("&");
        let request = self
            .request(method, path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body));
        self.send(request.unwrap()).await
    }

    pub(super) async fn delete(&self, path: &str) -> Page {
        self.send(self.request(Method::DELETE, path).body(Body::empty()).unwrap()).await
    }

    /// A form with files.
    pub(super) async fn upload(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        files: &[(&str, &[u8])],
    ) -> Page {
        let mut body = Vec::new();
        for (name, value) in fields {
            let head = format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n");
            body.extend(format!("{head}{value}\r\n").bytes());
        }
        for (name, bytes) in files {
            let head = format!(
                "--x\r\ncontent-disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\
                 content-type: text/html\r\n\r\n"
            );
            body.extend(head.bytes());
            body.extend_from_slice(bytes);
            body.extend(b"\r\n");
        }
        body.extend(b"--x--\r\n");
        let request = self
            .request(Method::POST, path)
            .header("content-type", "multipart/form-data; boundary=x");
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// The stream of what changes, from where an earlier one broke off.
    pub(super) async fn listens(&self, last: Option<u64>) -> Response {
        let mut request = self.request(Method::GET, "/live");
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let request = request.body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn send(&self, request: Request<Body>) -> Page {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 40_000_000).await.unwrap();
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Page { status: parts.status, headers: parts.headers, body }
    }
}

pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Page {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(super) fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }

    /// Where the browser is sent.
    #[track_caller]
    pub(super) fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.header("location")
    }

    #[track_caller]
    pub(super) fn says(&self, text: &str) {
        assert!(self.body.contains(text), "“{text}” is not in:\n{}", self.body);
    }

    #[track_caller]
    pub(super) fn hides(&self, text: &str) {
        assert!(!self.body.contains(text), "“{text}” is in:\n{}", self.body);
    }

    /// A whole page, with its frame.
    pub(super) fn is_whole(&self) -> bool {
        self.body.starts_with("<!doctype html>") || self.body.starts_with("<!DOCTYPE html>")
    }

    /// What is fired on the page.
    pub(super) fn event(&self, name: &str) -> Option<Value> {
        let events: Value = serde_json::from_str(self.header("hx-trigger")).ok()?;
        events.get(name).cloned()
    }

    /// What the toast says.
    #[track_caller]
    pub(super) fn toast(&self) -> String {
        let toast = self.event("toast").expect("a toast");
        toast["text"].as_str().unwrap().to_owned()
    }

    /// Where what was done can be taken back.
    #[track_caller]
    pub(super) fn undo(&self) -> String {
        let toast = self.event("toast").expect("a toast");
        toast["undo"].as_str().expect("an undo").to_owned()
    }

    /// The places of a page that a partial answer changes: `#entries beforeend`.
    pub(super) fn places(&self) -> Vec<String> {
        let pieces = self.body.split("<hx-partial hx-target=\"").skip(1);
        pieces
            .map(|piece| {
                let (target, rest) = piece.split_once("\" hx-swap=\"").unwrap();
                format!("{target} {}", rest.split_once('"').unwrap().0)
            })
            .collect()
    }

    /// The value of a field, the first of its name.
    #[track_caller]
    pub(super) fn field(&self, name: &str) -> String {
        self.after(&format!("name=\"{name}\"")).after_value()
    }

    /// What comes after a piece of the page.
    #[track_caller]
    pub(super) fn after(&self, text: &str) -> Rest<'_> {
        let found = self.body.split_once(text);
        Rest(found.unwrap_or_else(|| panic!("“{text}” is not in:\n{}", self.body)).1)
    }

    /// What stands between two pieces of the page.
    #[track_caller]
    pub(super) fn between(&self, start: &str, end: &str) -> &str {
        let Rest(rest) = self.after(start);
        rest.split_once(end).map_or(rest, |(inside, _)| inside)
    }
}

/// The rest of a page.
pub(super) struct Rest<'p>(pub(super) &'p str);

impl Rest<'_> {
    fn after_value(&self) -> String {
        let (_, value) = self.0.split_once("value=\"").expect("a value");
        value.split('"').next().unwrap().to_owned()
    }
}

fn enc(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }
        })
        .collect()
}
