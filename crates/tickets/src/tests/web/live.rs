//! What an open page hears while it stays open.

use std::time::Duration;

use axum::body::BodyDataStream;
use axum::http::{Method, StatusCode};
use database::{Db, on_both, params};
use futures_util::StreamExt;
use kernel::Span;
use live::{Activity, Change, Touch};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::browser::{Browser, Shop};
use crate::actions::Edit;

/// An open stream, read event by event.
struct Ears {
    stream: BodyDataStream,
    heard: String,
}

#[derive(Debug)]
struct Heard {
    id: u64,
    name: String,
    data: Value,
}

impl Ears {
    async fn open(browser: &Browser, last: Option<u64>) -> (Self, u64) {
        let response = browser.listens(last).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        let stream = response.into_body().into_data_stream();
        let mut ears = Self { stream, heard: String::new() };
        let hello = ears.block().await.expect("a greeting");
        assert!(hello.contains("retry: 2000"), "{hello}");
        let id = line(&hello, "id: ").parse().unwrap();
        (ears, id)
    }

    /// The next block of the stream; none when it is over.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.heard.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.heard = rest;
                return Some(block);
            }
            let next = tokio::time::timeout(Duration::from_secs(10), self.stream.next());
            let bytes = next.await.expect("something within ten seconds")?.unwrap();
            self.heard.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    async fn next(&mut self) -> Option<Heard> {
        let block = self.block().await?;
        Some(Heard {
            id: line(&block, "id: ").parse().unwrap(),
            name: line(&block, "event: "),
            data: serde_json::from_str(&line(&block, "data: ")).unwrap(),
        })
    }

    async fn hears(&mut self, name: &str) -> Heard {
        let heard = self.next().await.expect("the stream goes on");
        assert_eq!(heard.name, name, "{heard:?}");
        heard
    }
}

fn line(block: &str, start: &str) -> String {
    let found = block.lines().find_map(|line| line.strip_prefix(start));
    found.unwrap_or_else(|| panic!("no {start} in {block}")).to_owned()
}

/// A shop whose hub passes on what happens.
async fn open(db: Db) -> (Shop, CancellationToken) {
    let shop = Shop::new(db).await;
    let stop = CancellationToken::new();
    let running = shop.cast.hub.clone().run(shop.db.notices(), stop.clone());
    #[expect(clippy::disallowed_methods, reason = "the node under test")]
    tokio::spawn(running);
    tokio::task::yield_now().await;
    (shop, stop)
}

on_both! {
    async fn a_change_is_told_to_who_sees_it(db: Db) {
        let (shop, _stop) = open(db).await;
        let (mut priya, _) = Ears::open(&shop.priya_browses().await, None).await;
        let (mut tom, _) = Ears::open(&shop.tom().await, None).await;
        let secret = shop.dana_writes().await;
        let heard = priya.hears("changed").await;
        assert_eq!(heard.data["ref"], secret.to_string());
        assert_eq!(heard.data["touch"], "entry");
        let own = shop.in_billing().await;
        loop {
            let heard = tom.next().await.unwrap();
            assert_ne!(heard.data["ref"], secret.to_string(), "{heard:?}");
            if heard.name == "changed" && heard.data["ref"] == own.to_string() {
                break;
            }
        }
        shop.nobody().get("/live").await.location();
    }

    async fn who_is_there_and_who_writes_is_seen_by_others(db: Db) {
        let (shop, _stop) = open(db).await;
        let id = shop.dana_writes().await;
        // The hub tells of it before anybody listens.
        tokio::task::yield_now().await;
        let (priya, mateo, tom) =
            (shop.priya_browses().await, shop.mateo().await, shop.tom().await);
        let (mut ears, _) = Ears::open(&priya, None).await;
        let (mut toms, _) = Ears::open(&tom, None).await;
        let presence = format!("/t/{id}/presence");
        priya.post(&presence, &[("activity", "viewing")]).await.is(204);
        mateo.post(&presence, &[("activity", "viewing")]).await.is(204);
        let heard = ears.hears("presence").await;
        assert_eq!(heard.data["ref"], id.to_string());
        assert!(heard.data["html"].as_str().unwrap().contains("Mateo Ruiz is looking at this"));
        assert_eq!(heard.data["collision"], "");
        mateo.post(&presence, &[("activity", "writing")]).await.is(204);
        let heard = ears.hears("presence").await;
        let collision = heard.data["collision"].as_str().unwrap();
        let draft = format!("/t/{id}/drafts/{}", shop.cast.mateo.0);
        assert!(collision.contains("Mateo Ruiz") && collision.contains(&draft), "{collision}");
        let page = priya.get(&format!("/t/{id}")).await;
        page.says("Mateo Ruiz is writing");
        page.says(&draft);
        priya.get(&draft).await.is(200).says("There is nothing to read yet");
        for (mode, text) in [("note", "Only for me so far"), ("reply", "Dear <b>Dana</b>")] {
            let fields = [("mode", mode), ("text", text)];
            mateo.form(Method::PUT, &format!("/t/{id}/draft"), &fields).await.is(204);
        }
        let read = priya.get(&draft).await.is(200);
        read.says("Dear &#60;b&#62;Dana");
        read.hides("Only for me so far");
        tom.get(&draft).await.is(404);
        priya.get(&format!("/t/{id}/drafts/9999")).await.is(404);
        mateo.post(&presence, &[("activity", "gone")]).await.is(204);
        let heard = ears.hears("presence").await;
        assert_eq!(heard.data["html"], "");
        priya.get(&draft).await.is(200).hides("Dear &#60;b");
        mateo.post(&presence, &[("activity", "dancing")]).await.is(400);
        // Who does not see the ticket has heard nothing of it until it comes.
        shop.db.announce(Change::Settings.to_string()).await.unwrap();
        toms.hears("settings").await;
        shop.edits(id, Edit::Inbox(shop.cast.billing)).await;
        assert_eq!(toms.hears("changed").await.data["ref"], id.to_string());
    }

    async fn news_come_by_the_ways_that_somebody_wants(db: Db) {
        let (shop, _stop) = open(db).await;
        let id = shop.dana_writes().await;
        let mateo = shop.mateo().await;
        let wants = async |browser: bool| {
            let mut agent = shop.cast.actor(shop.cast.mateo).await.preferences;
            agent.notify.assigned.browser = browser;
            let mut tx = shop.db.begin().await.unwrap();
            tx.execute(
                "update agents set preferences = $2 where id = $1",
                params![shop.cast.mateo, serde_json::to_string(&agent).unwrap()],
            )
            .await
            .unwrap();
            tx.announce(Change::Agent { id: shop.cast.mateo });
            tx.commit().await.unwrap();
        };
        let news = async |ears: &mut Ears| loop {
            let heard = ears.next().await.unwrap();
            if heard.name == "notify" {
                return heard.data;
            }
        };
        wants(true).await;
        let (mut ears, _) = Ears::open(&mateo, None).await;
        shop.edits(id, Edit::Assign(Some(shop.cast.mateo))).await;
        let told = news(&mut ears).await;
        assert!(told["count"].as_i64().unwrap() >= 1);
        assert_eq!(told["url"], format!("/t/{id}"));
        assert!(told["body"].as_str().unwrap().contains("Priya Nair assigned"));
        mateo.post("/notifications/read", &[]).await.location();
        assert_eq!(news(&mut ears).await, serde_json::json!({ "count": 0 }));
        wants(false).await;
        shop.edits(id, Edit::Assign(None)).await;
        shop.edits(id, Edit::Assign(Some(shop.cast.mateo))).await;
        assert_eq!(news(&mut ears).await, serde_json::json!({ "count": 1 }));
    }

    async fn what_was_missed_is_told_afterwards(db: Db) {
        let (shop, _stop) = open(db).await;
        let priya = shop.priya_browses().await;
        let (mut ears, hello) = Ears::open(&priya, None).await;
        let a = shop.dana_writes().await;
        let first = ears.hears("changed").await;
        assert!(first.id > hello);
        shop.db.announce(Change::Settings.to_string()).await.unwrap();
        let last = loop {
            let heard = ears.next().await.unwrap();
            if heard.name == "settings" {
                break heard.id;
            }
        };
        drop(ears);
        shop.db.announce(Change::Settings.to_string()).await.unwrap();
        shop.db
            .announce(
                Change::Ticket { id: a, inbox: shop.cast.support, touch: Touch::Row }.to_string(),
            )
            .await
            .unwrap();
        while shop.cast.hub.latest() < last + 2 {
            tokio::task::yield_now().await;
        }
        // The greeting does not skip what is still to be told.
        let (mut ears, hello) = Ears::open(&priya, Some(last)).await;
        assert_eq!(hello, last);
        assert_eq!(ears.hears("settings").await.id, last + 1);
        assert_eq!(ears.hears("changed").await.id, last + 2);
        // From before this node, or from another one that counts higher: all is looked at again,
        // and what comes then is told.
        for stale in [1, last + 1_000_000] {
            let (mut ears, hello) = Ears::open(&priya, Some(stale)).await;
            assert!(hello <= shop.cast.hub.latest());
            ears.hears("refresh").await;
            shop.db.announce(Change::Settings.to_string()).await.unwrap();
            ears.hears("settings").await;
        }
    }

    async fn for_who_does_not_read_nothing_piles_up(db: Db) {
        let (shop, _stop) = open(db).await;
        let (mut ears, hello) = Ears::open(&shop.priya_browses().await, None).await;
        let mut tx = shop.db.begin().await.unwrap();
        for number in 0..2_500 {
            let id = kernel::TicketId(number);
            tx.announce(Change::Ticket { id, inbox: shop.cast.support, touch: Touch::Row });
        }
        tx.commit().await.unwrap();
        let all_told = async {
            while shop.cast.hub.latest() < hello + 2_500 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), all_told).await.unwrap();
        // One sentence stands for all that was missed.
        ears.hears("refresh").await;
        shop.db.announce(Change::Settings.to_string()).await.unwrap();
        ears.hears("settings").await;
    }

    async fn a_stream_ends_with_the_right_to_hear_it(db: Db) {
        let (shop, _stop) = open(db).await;
        let execute = async |sql: &'static str, change: Change| {
            let mut tx = shop.db.begin().await.unwrap();
            tx.execute(sql, params![shop.cast.priya]).await.unwrap();
            tx.announce(change);
            tx.commit().await.unwrap();
        };
        let me = Change::Agent { id: shop.cast.priya };
        // Rights change: what is no longer seen is no longer told.
        let (mut ears, _) = Ears::open(&shop.priya_browses().await, None).await;
        execute("update agents set sees_every_inbox = false where id = $1", me).await;
        ears.hears("settings").await;
        shop.dana_writes().await;
        shop.db.announce(me.to_string()).await.unwrap();
        assert_eq!(ears.next().await.unwrap().name, "settings", "nothing of the ticket");
        execute("update agents set sees_every_inbox = true where id = $1", me).await;
        ears.hears("settings").await;
        // The session ends.
        execute("delete from sessions where agent_id = $1", me).await;
        assert!(ears.next().await.is_none());
        // The person leaves.
        let (mut ears, _) = Ears::open(&shop.priya_browses().await, None).await;
        execute("update agents set state = 'deactivated' where id = $1", Change::Settings).await;
        assert!(ears.next().await.is_none());
        // No word of the end came, as when another node cannot be heard.
        let mut ears = Ears::open(&shop.tom().await, None).await.0;
        let mut tx = shop.db.begin().await.unwrap();
        tx.execute("delete from sessions where agent_id = $1", params![shop.cast.tom]).await.unwrap();
        tx.commit().await.unwrap();
        assert!(ears.next().await.is_none());
        // Nobody did anything for as long as a session lasts.
        let (mut ears, _) = Ears::open(&shop.mateo().await, None).await;
        shop.later(accounts::SESSION_IDLE + Span::seconds(1));
        shop.db.announce(Change::Everything.to_string()).await.unwrap();
        assert!(ears.next().await.is_none());
    }

    async fn a_stream_ends_when_the_node_stops(db: Db) {
        let (shop, stop) = open(db).await;
        let (mut ears, _) = Ears::open(&shop.priya_browses().await, None).await;
        let id = shop.dana_writes().await;
        shop.cast.hub.be_present(id, shop.cast.mateo, Activity::Viewing).await.unwrap();
        stop.cancel();
        while ears.next().await.is_some() {}
    }
}
