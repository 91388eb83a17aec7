//! What these stories ask of a world, besides what every story asks.

use std::sync::Arc;

use database::Location;
use recourse::config::Settings;
use serde_json::Value;

use crate::world::{Dovecot, Got, Letter, Sink, Web, World, eventually, free_port, mail, scratch};

/// A shop that is open, with its owner and a program that may do everything.
pub(crate) struct Shop {
    pub(crate) web: Web,
    pub(crate) token: String,
}

impl World {
    pub(crate) async fn shop(&self) -> Shop {
        Shop { web: self.opens_shop().await, token: self.token().await }
    }

    /// The body of a JSON answer for the owner.
    pub(crate) async fn asks(&self, web: &Web, token: &str, path: &str) -> Value {
        let request = web.request(reqwest::Method::GET, path).bearer_auth(token);
        web.send(request).await.json()
    }

    /// A mail of Dana reaches Dovecot.
    pub(crate) async fn dana_writes(&self, id: &str, subject: &str, text: &str, fields: &str) {
        self.dana_writes_to(&self.support(), id, subject, text, fields).await;
    }

    pub(crate) async fn dana_writes_to(
        &self,
        to: &str,
        id: &str,
        subject: &str,
        text: &str,
        fields: &str,
    ) {
        let (from, id) = (self.dana(), self.mail_id(id));
        let letter = Letter { from: &from, to, id: &id, subject, text, fields };
        Dovecot::here().takes(&from, &self.support(), &mail(&letter)).await;
    }

    pub(crate) fn mail_id(&self, id: &str) -> String {
        format!("{id}@{}.customers.example", self.name)
    }

    /// The tickets, once there are so many.
    pub(crate) async fn tickets(&self, shop: &Shop, count: usize) -> Vec<Value> {
        eventually("the tickets", async || {
            let list = self.asks(&shop.web, &shop.token, "/api/v1/tickets").await;
            let list = list["data"].as_array().expect("a list").clone();
            (list.len() >= count).then_some(list)
        })
        .await
    }

    pub(crate) async fn messages(&self, shop: &Shop, ticket: &str) -> Vec<Value> {
        let path = format!("/api/v1/tickets/{ticket}/messages");
        let list = self.asks(&shop.web, &shop.token, &path).await;
        list["data"].as_array().expect("a list").clone()
    }

    /// The messages of a ticket that came in, once there are so many.
    pub(crate) async fn came(&self, shop: &Shop, ticket: &str, count: usize) -> Vec<Value> {
        eventually("the messages", async || {
            let mut list = self.messages(shop, ticket).await;
            list.retain(|message| message["direction"] == "in");
            (list.len() >= count).then_some(list)
        })
        .await
    }

    /// What reached Dana's mail server, once it is so much.
    pub(crate) async fn dana_got(&self, count: usize) -> Vec<Got> {
        let dana = self.dana();
        eventually("mail for Dana", async || {
            let got = Sink::here().got(&dana);
            (got.len() >= count).then_some(got)
        })
        .await
    }

    /// A ticket as the owner sees it.
    pub(crate) async fn web_shows(&self, shop: &Shop, ticket: &str) -> String {
        let page = shop.web.get(&format!("/t/{ticket}")).await;
        assert_eq!(page.status, 200, "{}", page.body);
        page.body
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.settings.database, Location::File(_))
    }

    /// A world on the same database, with the same key and files, at other ports; it does not run
    /// yet.
    pub(crate) fn neighbour(&self) -> Self {
        let folder = scratch("beside");
        let port = free_port();
        let address = |port: u16| std::net::SocketAddr::from(([127, 0, 0, 1], port));
        let base = format!("http://127.0.0.1:{port}");
        let settings = Settings {
            listen: address(port),
            lmtp: Some(address(free_port())),
            base_url: base.clone(),
            data: folder.clone(),
            ..self.settings.clone()
        };
        let clock = Arc::clone(&self.clock);
        Self { settings, base, folder, clock, name: self.name.clone(), program: None }
    }

    pub(crate) async fn answers(&self, shop: &Shop, ticket: &str, text: &str) {
        let path = format!("/t/{ticket}/messages");
        let fields = [("mode", "reply"), ("reply", text)];
        self.web_posts_parts(&shop.web, &path, &fields).await;
    }

    async fn web_posts_parts(&self, web: &Web, path: &str, fields: &[(&str, &str)]) {
        let page = web.get(path.trim_end_matches("/messages")).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let hidden = |name: &str| {
            let field = format!("name=\"{name}\" id=\"");
            let (_, rest) = page.body.split_once(&field).expect("the composer is there");
            let (_, rest) = rest.split_once("value=\"").expect("it has a value");
            rest.split('"').next().unwrap_or_default().to_owned()
        };
        let (key, last) = (hidden("key"), hidden("last_entry"));
        let mut parts = vec![("key", key.as_str()), ("last_entry", last.as_str())];
        parts.extend(fields);
        let boundary = "part-of-a-form";
        let part = |(name, value)| {
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            )
        };
        let body = parts.into_iter().map(part).collect::<String>() + "--" + boundary + "--\r\n";
        let kind = format!("multipart/form-data; boundary={boundary}");
        let request = web.request(reqwest::Method::POST, path).header("content-type", kind);
        let page = web.send(request.body(body)).await;
        assert!(page.status == 303, "{}: {}", page.status, page.body);
    }
}
