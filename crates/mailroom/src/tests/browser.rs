//! A browser that knows the pages of the mailroom through their routes.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use accounts::testing::PASSWORD;
use accounts::{Accounts, Act, Actor, ChromeMaker};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use database::Db;
use kernel::PublicId;
use tower::ServiceExt;
use ui::{Chrome, Count, Me};

use super::stage::Stage;
use crate::{Lent, Mailroom, SETTINGS_PAGES, routes};

/// The plainest frame that pages can stand in.
struct Frame(Accounts);

impl ChromeMaker for Frame {
    fn chrome<'c>(
        &'c self,
        actor: &'c Actor,
        here: &'c str,
    ) -> Pin<Box<dyn Future<Output = anyhow::Result<Chrome>> + Send + 'c>> {
        Box::pin(async move {
            let words = self.0.site().words(&actor.language);
            Ok(Chrome {
                brand: self.0.company().await?.brand(),
                when: actor.when(self.0.now()),
                appearance: actor.preferences.appearance.clone(),
                me: Me {
                    id: actor.id,
                    name: actor.name.clone(),
                    role: words.t(actor.role.key()).to_owned(),
                    badge: actor.badge(),
                },
                nav: Vec::new(),
                subnav: self.0.subnav(actor, here),
                waiting: Count(0),
                unread_notifications: 0,
                may_write: actor.may(Act::WriteToCustomers),
                disk_is_full: false,
                words,
            })
        })
    }
}

/// The shop, and somebody's browser.
pub(super) struct Browser {
    pub(super) stage: Stage,
    router: Router,
    cookie: Mutex<String>,
    htmx: AtomicBool,
}

pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Vec<u8>,
}

impl Page {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.bytes.clone()).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.text());
        self.header("location")
    }
}

impl Browser {
    pub(super) async fn new(db: Db) -> Self {
        let stage = Stage::new(db).await;
        let accounts = stage.cast.accounts.clone();
        accounts.lend(Arc::new(Frame(accounts.clone())), SETTINGS_PAGES.to_vec());
        let mailroom = Mailroom::new(Lent {
            accounts: accounts.clone(),
            keys: stage.keys.clone(),
            files: stage.files.clone(),
            permissions: stage.permissions.clone(),
            guard: stage.guard.clone(),
            dns: stage.reader.dns.clone(),
            hello_name: "desk.northlight.example".to_owned(),
        });
        let router = routes(&mailroom).0.merge(accounts::routes(&accounts).0);
        Self { stage, router, cookie: Mutex::default(), htmx: AtomicBool::new(false) }
    }

    /// Signs in as `sarah`, `mateo`, `priya`, `tom` or `ines`.
    pub(super) async fn signs_in(&self, who: &str) {
        self.signs_out();
        let email = format!("{who}@northlight.example");
        let page = self.posts("/login", &[("email", &email), ("password", PASSWORD)]).await;
        page.location();
        let cookie = page.header("set-cookie");
        cookie.split(';').next().unwrap().clone_into(&mut self.cookie.lock().unwrap());
    }

    pub(super) fn signs_out(&self) {
        self.cookie.lock().unwrap().clear();
    }

    /// Asks as htmx does from now on.
    pub(super) fn has_script(&self, has: bool) {
        self.htmx.store(has, Ordering::Relaxed);
    }

    pub(super) async fn gets(&self, path: &str) -> Page {
        self.asks("GET", path, Body::empty()).await
    }

    pub(super) async fn posts(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let body: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
        self.asks("POST", path, Body::from(body.join("&"))).await
    }

    async fn asks(&self, method: &str, path: &str, body: Body) -> Page {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost:8080")
            .header(header::COOKIE, self.cookie.lock().unwrap().as_str())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if self.htmx.load(Ordering::Relaxed) {
            request = request.header("hx-request", "true");
        }
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 64 * 1024 * 1024).await.unwrap().to_vec();
        Page { status: parts.status, headers: parts.headers, bytes }
    }

    /// The public name of the support inbox.
    pub(super) async fn support(&self) -> PublicId {
        let directory = self.stage.cast.accounts.directory().await.unwrap();
        directory.inbox(self.stage.cast.support).unwrap().public_id
    }
}

fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
