//! A shop, a browser, and short words for what customers do with them.

use std::pin::Pin;
use std::sync::Arc;

use accounts::testing::Cast;
use accounts::{Actor, ChromeMaker};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use database::{Db, params};
use files::{BucketAccess, Files, Place};
use kernel::{CustomerId, PublicId, Secret, Span, TicketId};
use keys::Keys;
use outbox::Recipients;
use tickets::actions::{
    Edit, Forward, Incoming, NewNote, Office, Reply, ReplyTokens, Sender, edit, forward, post_note,
    receive, reply,
};
use tickets::{Channel, SenderCheck, StoredFile};
use tower::ServiceExt;
use ui::{Appearance, Chrome, Count, Me, When};

use crate::{Portal, routes};

pub(super) const MESSAGES: &[&str] =
    &[ui::MESSAGES_EN, accounts::MESSAGES_EN, tickets::MESSAGES_EN, crate::MESSAGES_EN];

pub(super) struct Stage {
    pub(super) cast: Cast,
    pub(super) db: Db,
    pub(super) portal: Portal,
    pub(super) files: Files,
    router: Router,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) location: String,
    pub(super) cookie: Option<String>,
    pub(super) disposition: String,
    pub(super) body: String,
}

impl Page {
    pub(super) fn has(&self, text: &str) -> bool {
        self.body.contains(text)
    }

    /// The value of a hidden field.
    pub(super) fn hidden(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.body.split_once(&start).expect(name);
        rest.split('"').next().unwrap().to_owned()
    }
}

/// The frame around settings, plain.
struct PlainChrome(accounts::Accounts);

impl ChromeMaker for PlainChrome {
    fn chrome<'c>(
        &'c self,
        actor: &'c Actor,
        here: &'c str,
    ) -> Pin<Box<dyn Future<Output = anyhow::Result<Chrome>> + Send + 'c>> {
        Box::pin(async move {
            Ok(Chrome {
                brand: self.0.company().await?.brand(),
                words: self.0.site().words(&actor.language),
                when: When::in_zone(self.0.now(), &actor.time_zone),
                appearance: Appearance::default(),
                me: Me {
                    id: actor.id,
                    name: actor.name.clone(),
                    role: String::new(),
                    badge: ui::Badge::of(&actor.name, actor.id.0),
                },
                nav: Vec::new(),
                subnav: self.0.subnav(actor, here),
                waiting: Count(0),
                unread_notifications: 0,
                may_write: true,
                disk_is_full: false,
            })
        })
    }
}

impl Stage {
    pub(super) async fn new(db: Db) -> Self {
        let cast = Cast::new(db.clone(), MESSAGES).await;
        let maker = Arc::new(PlainChrome(cast.accounts.clone()));
        cast.accounts.lend(maker, crate::SETTINGS_PAGES.to_vec());
        let folder = std::env::temp_dir()
            .join("recourse-tests")
            .join(format!("files-{}", PublicId::new(cast.accounts.now())));
        let files = Files::open(&Place::Folder(folder), &BucketAccess::default()).unwrap();
        let portal = Portal::new(&cast.accounts, &Keys::from_master(&[7; 32]), &files);
        assert!(crate::actions::make_first_topics(&portal).await.unwrap());
        let (router, _) = routes(&portal);
        let (doors, _) = accounts::routes(&cast.accounts);
        Self { cast, db, portal, files, router: router.merge(doors) }
    }

    pub(super) fn later(&self, span: Span) {
        self.cast.clock.advance(span);
    }

    pub(super) async fn office(&self) -> Office {
        self.portal.office().await.unwrap()
    }

    pub(super) async fn count(&self, sql: &'static str) -> i64 {
        self.db.read().await.unwrap().scalar(sql, params![]).await.unwrap()
    }

    pub(super) async fn texts(&self, sql: &'static str) -> Vec<String> {
        self.db.read().await.unwrap().column(sql, params![]).await.unwrap()
    }

    async fn ask(&self, request: Request<Body>) -> Page {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let header = |name: header::HeaderName| {
            response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
        };
        let cookie = header(header::SET_COOKIE);
        let cookie = cookie.map(|line| line.split(';').next().unwrap().to_owned());
        let (location, disposition) =
            (header(header::LOCATION), header(header::CONTENT_DISPOSITION));
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 40_000_000).await.unwrap();
        Page {
            status,
            cookie,
            location: location.unwrap_or_default(),
            disposition: disposition.unwrap_or_default(),
            body: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    pub(super) async fn get(&self, path: &str, cookie: &str) -> Page {
        let request = Request::get(path).header(header::COOKIE, cookie);
        self.ask(request.body(Body::empty()).unwrap()).await
    }

    pub(super) async fn post(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Page {
        let pairs = fields.iter().map(|(name, value)| format!("{}={}", enc(name), enc(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let request = Request::post(path)
            .header(header::COOKIE, cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.ask(request.body(Body::from(body)).unwrap()).await
    }

    /// A form with files, as browsers send it.
    pub(super) async fn upload(
        &self,
        path: &str,
        cookie: &str,
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
        let request = Request::post(path)
            .header(header::COOKIE, cookie)
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=x");
        self.ask(request.body(Body::from(body)).unwrap()).await
    }

    /// The form as it stands open, a minute ago.
    pub(super) async fn open_form(&self) -> (Page, String) {
        let page = self.get("/help/contact", "").await;
        self.later(Span::minutes(1));
        let token = page.hidden("form");
        (page, token)
    }

    /// The public id of a topic by its name.
    pub(super) async fn topic(&self, name: &str) -> String {
        let conn = self.db.read().await.unwrap();
        let all = crate::store::topics(&conn).await.unwrap();
        let topic = all.iter().find(|topic| topic.name == name).unwrap();
        topic.public_id.to_string()
    }

    /// A mail comes from somebody.
    pub(super) async fn mail_from(&self, address: &str, name: &str, text: &str) -> TicketId {
        self.comes(self.incoming(address, name, text)).await
    }

    pub(super) fn incoming(&self, address: &str, name: &str, text: &str) -> Incoming {
        Incoming {
            inbox: self.cast.support,
            channel: Channel::Email,
            sender: Sender {
                name: name.to_owned(),
                address: Some(address.parse().unwrap()),
                check: SenderCheck::Pass,
                check_detail: "{}".to_owned(),
            },
            recipients: Recipients::default(),
            subject: format!("Subject of {name}"),
            text: text.to_owned(),
            quoted: String::new(),
            html: None,
            files: Vec::new(),
            mail_id: Some(format!("{}@example.com", PublicId::new(self.portal.now()))),
            references: Vec::new(),
            tokens: ReplyTokens::default(),
            is_automatic: false,
            must_not_be_answered: false,
            is_history: false,
            language: None,
            ledger: None,
            category: None,
            fields: Vec::new(),
            received_at: self.portal.now(),
        }
    }

    pub(super) async fn comes(&self, incoming: Incoming) -> TicketId {
        let office = self.office().await;
        let mut tx = self.db.begin().await.unwrap();
        let received = receive(&mut tx, &office, &incoming).await.unwrap();
        tx.commit().await.unwrap();
        received.ticket
    }

    pub(super) async fn stored(&self, name: &str, bytes: &[u8]) -> StoredFile {
        StoredFile {
            hash: self.files.put(bytes.to_vec()).await.unwrap(),
            name: name.to_owned(),
            media_type: files::MediaType::of(bytes),
            size_bytes: kernel::count(bytes.len()),
            content_id: None,
        }
    }

    /// Priya answers, and the time to take it back passes.
    pub(super) async fn priya_answers(&self, ticket: TicketId, text: &str) {
        self.priya_just_answered(ticket, &Reply { text: text.to_owned(), ..Reply::default() })
            .await;
        self.later(Span::seconds(20));
    }

    pub(super) async fn priya_just_answered(&self, ticket: TicketId, answer: &Reply) {
        let (office, actor) = (self.office().await, self.cast.actor(self.cast.priya).await);
        let mut tx = self.db.begin().await.unwrap();
        reply(&mut tx, &office, &actor, ticket, answer).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(super) async fn priya_notes(&self, ticket: TicketId, text: &str) {
        let (office, actor) = (self.office().await, self.cast.actor(self.cast.priya).await);
        let mut tx = self.db.begin().await.unwrap();
        let note = NewNote { text: text.to_owned(), ..NewNote::default() };
        post_note(&mut tx, &office, &actor, ticket, &note).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(super) async fn priya_forwards(&self, ticket: TicketId, text: &str) {
        let (office, actor) = (self.office().await, self.cast.actor(self.cast.priya).await);
        let to = outbox::Party::new("Bank", "desk@bank.example".parse().unwrap());
        let letter = Forward {
            message: None,
            recipients: Recipients::to(to),
            text: text.to_owned(),
            uploads: Vec::new(),
        };
        let mut tx = self.db.begin().await.unwrap();
        forward(&mut tx, &office, &actor, ticket, &letter).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(super) async fn edits(&self, ticket: TicketId, change: Edit) {
        let (office, actor) = (self.office().await, self.cast.actor(self.cast.mateo).await);
        let mut tx = self.db.begin().await.unwrap();
        edit(&mut tx, &office, &actor, ticket, &change).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(super) async fn customer(&self, address: &str) -> CustomerId {
        let conn = self.db.read().await.unwrap();
        customers::by_address(&conn, &address.parse().unwrap()).await.unwrap().unwrap()
    }

    /// The link in the newest mail to somebody.
    pub(super) async fn link_in_mail(&self, address: &str) -> Option<String> {
        let conn = self.db.read().await.unwrap();
        let texts: Vec<String> = conn
            .column(
                "select text from deliveries where recipients like $1 order by id desc limit 1",
                params![format!("%{address}%")],
            )
            .await
            .unwrap();
        let text = texts.first()?;
        let (_, rest) = text.split_once("http://localhost:8080/help/link/")?;
        let token = rest.split_whitespace().next()?;
        Some(format!("/help/link/{token}"))
    }

    /// Signs somebody in by the link of the newest mail to them; their cookie.
    pub(super) async fn sign_in(&self, address: &str) -> String {
        let link = self.link_in_mail(address).await.expect("a mail with a link");
        let page = self.post(&link, "", &[]).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
        page.cookie.expect("a session")
    }

    /// Signs somebody in by a link that they ask for.
    pub(super) async fn sign_in_by_form(&self, address: &str) -> String {
        self.post("/help/link", "", &[("email", address)]).await;
        self.sign_in(address).await
    }

    /// The state of a ticket, as it is stored.
    pub(super) async fn state(&self, ticket: TicketId) -> String {
        let conn = self.db.read().await.unwrap();
        conn.scalar("select state from tickets where id = $1", params![ticket]).await.unwrap()
    }
}

fn enc(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }
        })
        .collect()
}

/// The session of somebody who works here.
pub(super) async fn agent_cookie(stage: &Stage, email: &str) -> String {
    let password = Secret::new(accounts::testing::PASSWORD.to_owned());
    let fields = [("email", email), ("password", password.reveal())];
    stage.post("/login", "", &fields).await.cookie.expect("a session")
}
