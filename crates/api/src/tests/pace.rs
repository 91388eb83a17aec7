//! Programs that ask too often.

use std::net::IpAddr;

use accounts::PersonPace;
use axum::body::Body;
use database::on_both;
use kernel::Span;
use serde_json::json;
use ui::Client;

use super::shop::{Reply, Shop, request};
use crate::Pace;

/// A request of somebody at an address.
async fn from_address(shop: &Shop, address: &str, token: &str) -> Reply {
    let mut request = request("GET", "/api/v1/tags", token, Body::empty(), &[]);
    let address: IpAddr = address.parse().unwrap();
    request.extensions_mut().insert(Client(address));
    shop.send(request).await
}

on_both! {
    async fn who_asks_too_often_waits_and_nobody_else_does(db: Db) {
        let shop = Shop::with_pace(db, Pace { requests_a_minute: 20 }).await;
        let (priya, sarah) = (shop.priya().await, shop.sarah().await);
        for _ in 0..20 {
            shop.get(&priya, "/api/v1/tags").await.is(200);
        }
        let refused = shop.get(&priya, "/api/v1/tags").await.refused(429);
        assert_eq!(refused.header("retry-after"), "4");
        shop.get(&sarah, "/api/v1/tags").await.is(200);
        shop.get(&priya, "/api/v1/openapi.json").await.refused(429);
        shop.cast.clock.advance(Span::seconds(4));
        shop.get(&priya, "/api/v1/tags").await.is(200);
        shop.get(&priya, "/api/v1/tags").await.refused(429);
        shop.cast.clock.advance(Span::seconds(60));
        for _ in 0..20 {
            shop.get(&priya, "/api/v1/tags").await.is(200);
        }
    }

    async fn searches_are_counted_by_themselves(db: Db) {
        let shop = Shop::with_pace(db, Pace { requests_a_minute: 20 }).await;
        let priya = shop.priya().await;
        for _ in 0..2 {
            shop.get(&priya, "/api/v1/search?q=lamp").await.is(200);
        }
        let refused = shop.get(&priya, "/api/v1/search?q=lamp").await.refused(429);
        assert_eq!(refused.header("retry-after"), "31");
        shop.get(&priya, "/api/v1/tags").await.is(200);
    }

    async fn a_person_is_counted_with_all_of_their_tokens(db: Db) {
        let shop = Shop::with_pace(db, Pace { requests_a_minute: 1_200 }).await;
        shop.cast.accounts.lend_pace(PersonPace::new(12));
        let (first, second) = (shop.priya().await, shop.priya().await);
        let reference = shop.dana_writes("Support", "Where is it?").await;
        let path = format!("/api/v1/tickets/{reference}/messages");
        let answer = json!({ "text": "On its way." });
        shop.post(&first, &path, &answer).await.is(201);
        shop.post(&second, &path, &answer).await.is(201);
        let refused = shop.post(&first, &path, &answer).await.refused(429);
        assert_eq!(refused.header("retry-after"), "61");
        let note = format!("/api/v1/tickets/{reference}/notes");
        shop.post(&first, &note, &answer).await.is(201);
        let ticket = json!({
            "from": "agent", "inbox": "Support", "subject": "Hello", "text": "Hello",
            "customer": { "email": "new@example.com" },
        });
        shop.post(&first, "/api/v1/tickets", &ticket).await.refused(429);
        for token in [&first, &second] {
            shop.get(token, "/api/v1/search?q=lamp").await.is(200);
        }
        shop.get(&second, "/api/v1/search?q=lamp").await.refused(429);
        shop.cast.clock.advance(Span::seconds(61));
        shop.post(&second, &path, &answer).await.is(201);
    }

    async fn an_address_is_counted_whatever_tokens_it_makes_up(db: Db) {
        let shop = Shop::with_pace(db, Pace { requests_a_minute: 20 }).await;
        let token = shop.priya().await;
        for number in 0..80 {
            from_address(&shop, "192.0.2.7", &format!("rct_{number}")).await.refused(401);
        }
        from_address(&shop, "192.0.2.7", "rct_80").await.refused(429);
        from_address(&shop, "192.0.2.7", &token).await.refused(429);
        from_address(&shop, "192.0.2.8", &token).await.is(200);
        for number in 0..80 {
            from_address(&shop, &format!("2001:db8::{number}"), "").await.refused(401);
        }
        from_address(&shop, "2001:db8::ffff", &token).await.refused(429);
        from_address(&shop, "2001:db8:0:1::1", &token).await.is(200);
    }
}
