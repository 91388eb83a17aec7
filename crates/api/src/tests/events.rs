use std::time::Duration;

use accounts::revoke_token;
use axum::body::{Body, BodyDataStream};
use database::{on_both, params};
use futures_util::StreamExt;
use live::Hub;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::shop::{Shop, request};

/// A stream of events, read piece by piece.
struct Stream {
    body: BodyDataStream,
    text: String,
}

#[derive(Debug)]
struct Heard {
    event: String,
    id: String,
    data: Value,
}

impl Stream {
    async fn open(shop: &Shop, token: &str, last: &str) -> Self {
        let headers: &[(&str, &str)] =
            if last.is_empty() { &[] } else { &[("last-event-id", last)] };
        let request = request("GET", "/api/v1/events", token, Body::empty(), headers);
        let response = shop.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The stream is closed from the other side.
    async fn ends(&mut self) {
        let rest = async { while self.body.next().await.is_some() {} };
        tokio::time::timeout(Duration::from_secs(3), rest).await.expect("it ends");
    }

    /// The next event; none when the stream ends or stays silent.
    async fn next(&mut self) -> Option<Heard> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    let mut lines = block.lines().filter_map(|line| line.split_once(": "));
                    lines.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
                };
                let Some(event) = field("event") else { continue };
                let data = serde_json::from_str(&field("data").unwrap()).unwrap();
                return Some(Heard { event, id: field("id").unwrap(), data });
            }
            let piece = tokio::time::timeout(Duration::from_secs(3), self.body.next()).await;
            self.text.push_str(std::str::from_utf8(&piece.ok()??.unwrap()).unwrap());
        }
    }
}

fn run(hub: &Hub, shop: &Shop) {
    #[expect(clippy::disallowed_methods, reason = "the node under test")]
    tokio::spawn(hub.clone().run(shop.cast.db.notices(), shop.stop.clone()));
}

on_both! {
    async fn changes_are_told_to_those_who_may_see_them(db: Db) {
        let shop = Shop::new(db).await;
        run(&shop.cast.hub, &shop);
        let (priya, tom) = (shop.priya().await, shop.tom().await);
        let mut all = Stream::open(&shop, &priya, "").await;
        let mut some = Stream::open(&shop, &tom, "").await;
        let hidden = shop.writes("eve@example.com", "Support", "canary").await;
        let seen = shop.dana_writes("Billing", "Hello").await;
        let first = all.next().await.unwrap();
        assert_eq!((first.event.as_str(), &first.data["ticket"]), ("ticket.changed", &json!(hidden)));
        assert_eq!(first.data["url"], format!("/api/v1/tickets/{hidden}"));
        let toms = some.next().await.unwrap();
        assert_eq!(toms.data["ticket"], json!(seen), "the first that Tom hears of is one he sees");

        // Back after a broken connection: what was missed comes first, filtered all the same.
        let mut again = Stream::open(&shop, &priya, &first.id).await;
        let mut tickets = Vec::new();
        while tickets.last() != Some(&json!(seen)) {
            tickets.push(again.next().await.unwrap().data["ticket"].clone());
        }
        let mut filtered = Stream::open(&shop, &tom, &first.id).await;
        assert_eq!(filtered.next().await.unwrap().data["ticket"], json!(seen));
        // Too long ago to tell, or from another node.
        let mut lost = Stream::open(&shop, &priya, "7").await;
        assert_eq!(lost.next().await.unwrap().event, "reset");
        shop.stop.cancel();
        while all.next().await.is_some() {}
    }

    async fn a_stream_ends_with_its_token_though_no_word_of_it_came(db: Db) {
        let shop = Shop::new(db).await;
        run(&shop.cast.hub, &shop);
        let token = shop.priya().await;
        let mut stream = Stream::open(&shop, &token, "").await;
        let mut tx = shop.cast.db.begin().await.unwrap();
        tx.execute("update api_tokens set revoked_at = 1", params![]).await.unwrap();
        tx.commit().await.unwrap();
        stream.ends().await;
    }

    async fn a_stream_ends_with_its_token(db: Db) {
        let shop = Shop::new(db).await;
        run(&shop.cast.hub, &shop);
        let token = shop.priya().await;
        let mut stream = Stream::open(&shop, &token, "").await;
        shop.dana_writes("Support", "Hello").await;
        assert!(stream.next().await.is_some());
        let mut tx = shop.cast.db.begin().await.unwrap();
        let tokens = accounts::tokens_of(&tx, shop.cast.priya).await.unwrap();
        assert!(revoke_token(&mut tx, shop.cast.priya, tokens[0].public_id, shop.cast.accounts.now()).await.unwrap());
        tx.commit().await.unwrap();
        let hidden = shop.writes("eve@example.com", "Support", "after the end").await;
        while let Some(heard) = stream.next().await {
            assert_ne!(heard.data["ticket"], json!(hidden), "nothing is told any more");
        }
        shop.get(&token, "/api/v1/tickets").await.refused(401);
    }
}
