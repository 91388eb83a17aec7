//! The shop with its router, and short words for what programs ask.

use accounts::testing::Cast;
use accounts::{NewToken, Route, Scopes, Sees, make_token};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, header};
use database::Db;
use files::{BucketAccess, Files, Place};
use kernel::{AgentId, PublicId};
use keys::Keys;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::Pace;

pub(crate) struct Shop {
    pub(crate) cast: Cast,
    pub(crate) router: Router,
    pub(crate) routes: Vec<Route>,
    pub(crate) stop: CancellationToken,
    pub(crate) keys: Keys,
}

/// An answer as a program gets it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
    pub(crate) json: Value,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The whole answer, if the status is this one.
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        self
    }

    /// A problem of this status that names this field.
    pub(crate) fn names(self, status: u16, field: &str) -> Self {
        let reply = self.refused(status);
        assert_eq!(reply.json["errors"][0]["field"], field, "{}", reply.json);
        reply
    }

    pub(crate) fn refused(self, status: u16) -> Self {
        let reply = self.is(status);
        assert_eq!(reply.header("content-type"), "application/problem+json");
        assert_eq!(reply.json["status"], status);
        let detail = reply.json["detail"].as_str().unwrap();
        assert!(detail.ends_with('.') && detail.len() > 10, "a sentence: {detail}");
        assert!(reply.json["type"].as_str().unwrap().starts_with("/api/docs#problem-"));
        reply
    }

    /// One field of every row.
    pub(crate) fn column(&self, name: &str) -> Vec<String> {
        let rows = self.json["data"].as_array().unwrap();
        rows.iter().map(|row| row[name].as_str().unwrap().to_owned()).collect()
    }
}

const MESSAGES: &[&str] =
    &[ui::MESSAGES_EN, accounts::MESSAGES_EN, tickets::MESSAGES_EN, crate::MESSAGES_EN];

impl Shop {
    pub(crate) async fn new(db: Db) -> Self {
        Self::with_pace(db, Pace::default()).await
    }

    pub(crate) async fn with_pace(db: Db, pace: Pace) -> Self {
        let cast = Cast::new(db, MESSAGES).await;
        let folder = std::env::temp_dir()
            .join("recourse-tests")
            .join(format!("api-{}", PublicId::new(cast.accounts.now())));
        let files = Files::open(&Place::Folder(folder), &BucketAccess::default()).unwrap();
        let keys = Keys::from_master(&[7; 32]);
        let stop = CancellationToken::new();
        let (router, routes) = crate::routes(&cast.accounts, &keys, &files, &stop, pace);
        Self { cast, router, routes, stop, keys }
    }

    pub(crate) async fn token(&self, agent: AgentId, scopes: &str) -> String {
        let mut tx = self.cast.db.begin().await.unwrap();
        let new = NewToken {
            agent,
            name: "test".to_owned(),
            scopes: Scopes::read(scopes).unwrap(),
            sees: Sees::Everything,
            expires_at: None,
        };
        let token = make_token(&mut tx, &new, self.cast.accounts.now()).await.unwrap();
        tx.commit().await.unwrap();
        token.reveal().to_owned()
    }

    /// A token of Priya's, who answers everywhere, or of Sarah's, who owns it all.
    pub(crate) async fn priya(&self) -> String {
        self.token(self.cast.priya, "*").await
    }

    pub(crate) async fn sarah(&self) -> String {
        self.token(self.cast.sarah, "*").await
    }

    /// Tom sees billing alone.
    pub(crate) async fn tom(&self) -> String {
        self.token(self.cast.tom, "*").await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 64 * 1024 * 1024).await.unwrap().to_vec();
        let json = serde_json::from_slice(&bytes).unwrap_or_default();
        Reply { status: parts.status.as_u16(), headers: parts.headers, bytes, json }
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Reply {
        self.send(request("GET", path, token, Body::empty(), &[])).await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: &Value) -> Reply {
        self.send(request("POST", path, token, json_body(body), JSON)).await
    }

    pub(crate) async fn patch(&self, token: &str, path: &str, body: &Value) -> Reply {
        self.send(request("PATCH", path, token, json_body(body), JSON)).await
    }

    /// Dana writes to an inbox.
    pub(crate) async fn dana_writes(&self, inbox: &str, text: &str) -> String {
        self.writes("dana@example.com", inbox, text).await
    }

    pub(crate) async fn writes(&self, email: &str, inbox: &str, text: &str) -> String {
        let sarah = self.sarah().await;
        let body = json!({
            "inbox": inbox,
            "customer": {"email": email, "name": "Dana Whitfield"},
            "subject": "A question",
            "text": text,
        });
        let made = self.post(&sarah, "/api/v1/tickets", &body).await.is(201);
        made.json["reference"].as_str().unwrap().to_owned()
    }
}

pub(crate) const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

pub(crate) fn json_body(body: &Value) -> Body {
    Body::from(body.to_string())
}

pub(crate) fn request(
    method: &str,
    path: &str,
    token: &str,
    body: Body,
    headers: &[(&str, &str)],
) -> Request<Body> {
    let method: Method = method.parse().unwrap();
    let mut request = Request::builder().method(method).uri(path);
    if !token.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}
