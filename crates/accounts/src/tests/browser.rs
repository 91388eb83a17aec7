//! A browser for tests: it sends forms, keeps the session and follows nothing by itself.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::middleware::from_fn_with_state;
use tower::ServiceExt;
use ui::{Appearance, Badge, Brand, Chrome, Client, Count, ErrorPages, Me, When};

use crate::testing::{Cast, PASSWORD};
use crate::{Accounts, Actor, ChromeMaker, SETTINGS_PAGES, routes};

pub(super) struct Browser {
    router: Router,
    /// `name=value` of the session.
    pub(super) session: Option<String>,
    /// The same of a sign-in that waits for a second factor.
    pub(super) pending: Option<String>,
    /// The same of a journey to a provider.
    pub(super) journey: Option<String>,
    pub(super) address: IpAddr,
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

    /// Where the browser is sent.
    pub(super) fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.header("location")
    }

    /// The form came back, and says this.
    pub(super) fn refuses(&self, sentence: &str) {
        assert_eq!(self.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", self.body);
        self.says(sentence);
    }

    pub(super) fn says(&self, text: &str) {
        assert!(self.body.contains(text), "“{text}” is not in:\n{}", self.body);
    }

    pub(super) fn is_silent_about(&self, text: &str) {
        assert!(!self.body.contains(text), "“{text}” is in:\n{}", self.body);
    }

    /// The first piece of the page that begins like this, up to the end of its value.
    pub(super) fn piece(&self, start: &str) -> String {
        let from = self.body.find(start).unwrap_or_else(|| panic!("no {start} in {}", self.body));
        self.body[from..].chars().take_while(|c| !matches!(c, '"' | '<' | ' ')).collect()
    }
}

impl Browser {
    pub(super) fn new(accounts: &Accounts) -> Self {
        accounts.lend(Arc::new(PlainFrame(accounts.clone())), SETTINGS_PAGES.to_vec());
        let pages = ErrorPages { site: accounts.site().clone() };
        let (router, _) = routes(accounts);
        let router = router.layer(from_fn_with_state(pages, ErrorPages::draw));
        Self { router, session: None, pending: None, journey: None, address: [192, 0, 2, 1].into() }
    }

    /// A browser in which somebody of the cast has signed in.
    pub(super) async fn of(cast: &Cast, first_name: &str) -> Self {
        let mut browser = Self::new(&cast.accounts);
        let email = format!("{first_name}@northlight.example");
        let page = browser.post("/login", &[("email", &email), ("password", PASSWORD)]).await;
        assert_eq!(page.location(), "/", "{first_name} signs in");
        browser
    }

    pub(super) async fn get(&mut self, path: &str) -> Page {
        self.send(Method::GET, path, String::new()).await
    }

    pub(super) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let pairs: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect();
        self.send(Method::POST, path, pairs.join("&")).await
    }

    async fn send(&mut self, method: Method, path: &str, body: String) -> Page {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("user-agent", "Firefox")
            .header("content-type", "application/x-www-form-urlencoded")
            .extension(Client(self.address));
        let kept = [&self.session, &self.pending, &self.journey].into_iter().flatten();
        let cookies: Vec<&str> = kept.map(String::as_str).collect();
        if !cookies.is_empty() {
            request = request.header("cookie", format!("theme=dark; {}", cookies.join("; ")));
        }
        let request = request.body(Body::from(body)).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 4_000_000).await.unwrap();
        let page = Page {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        };
        for cookie in page.headers.get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let kept = (!value.is_empty()).then(|| pair.to_owned());
            match name {
                "pending" => self.pending = kept,
                "journey" => self.journey = kept,
                _ => self.session = kept,
            }
        }
        page
    }
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// The frame without what only tickets know.
struct PlainFrame(Accounts);

impl ChromeMaker for PlainFrame {
    fn chrome<'c>(
        &'c self,
        actor: &'c Actor,
        here: &'c str,
    ) -> Pin<Box<dyn Future<Output = anyhow::Result<Chrome>> + Send + 'c>> {
        Box::pin(async move {
            let company = self.0.company().await?;
            Ok(Chrome {
                brand: Brand { company: company.name.clone(), ..Brand::default() },
                words: self.0.site().words(&actor.language),
                when: When::in_zone(self.0.now(), &actor.time_zone),
                appearance: Appearance::default(),
                me: Me {
                    id: actor.id,
                    name: actor.name.clone(),
                    role: actor.role.as_str().to_owned(),
                    badge: Badge::of(&actor.name, actor.id.0),
                },
                nav: Vec::new(),
                subnav: self.0.subnav(actor, here),
                waiting: Count(0),
                unread_notifications: 0,
                may_write: false,
                disk_is_full: false,
            })
        })
    }
}
