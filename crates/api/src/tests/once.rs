use database::on_both;
use serde_json::{Value, json};

use super::shop::{Reply, Shop, json_body, request};

async fn keyed(shop: &Shop, token: &str, path: &str, key: &str, body: &Value) -> Reply {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    shop.send(request("POST", path, token, json_body(body), &headers)).await
}

on_both! {
    async fn the_same_request_has_one_effect_and_one_answer(db: Db) {
        let shop = Shop::new(db).await;
        let token = shop.sarah().await;
        let ticket = json!({"customer": {"email": "dana@example.com"}, "subject": "Hi", "text": "Hello"});
        let made = keyed(&shop, &token, "/api/v1/tickets", "k1", &ticket).await.is(201);
        for (path, body) in [
            ("/api/v1/tickets", ticket.clone()),
            ("/api/v1/tickets/RC-10001/messages", json!({"text": "An answer"})),
            ("/api/v1/tickets/RC-10001/notes", json!({"text": "A note"})),
            ("/api/v1/inboxes", json!({"name": "Sales", "address": "sales@northlight.example"})),
            ("/api/v1/attachments?name=a.txt", json!("the file itself")),
        ] {
            let key = if path == "/api/v1/tickets" { "k1" } else { path };
            let first = keyed(&shop, &token, path, key, &body).await.is(201);
            for _ in 0..3 {
                let again = keyed(&shop, &token, path, key, &body).await.is(201);
                assert_eq!(again.bytes, first.bytes, "{path}");
                assert_eq!(again.header("location"), first.header("location"));
                assert_eq!(again.header("idempotency-replayed"), "true");
            }
        }
        let again = keyed(&shop, &token, "/api/v1/tickets", "k1", &ticket).await.is(201);
        assert_eq!(again.json["reference"], made.json["reference"]);
        assert_eq!(shop.get(&token, "/api/v1/tickets").await.column("reference"), ["RC-10001"]);
        let path = "/api/v1/tickets/RC-10001/messages";
        assert_eq!(shop.get(&token, path).await.column("direction"), ["in", "out"]);
    }

    async fn a_key_stands_for_one_request_of_one_person(db: Db) {
        let shop = Shop::new(db).await;
        let token = shop.sarah().await;
        let path = "/api/v1/tickets";
        let body = |text: &str| json!({"customer": {"email": "dana@example.com"}, "subject": "Hi", "text": text});
        keyed(&shop, &token, path, "k", &body("one")).await.is(201);
        let reply = keyed(&shop, &token, path, "k", &body("two")).await.refused(422);
        assert_eq!(reply.json["type"], "/api/docs#problem-key-reused");
        let other_place = keyed(&shop, &token, "/api/v1/tickets/RC-10001/notes", "k", &json!({"text": "x"})).await;
        other_place.refused(422);
        // Another person may use the same word.
        let priya = shop.priya().await;
        let theirs = keyed(&shop, &priya, path, "k", &body("two")).await.is(201);
        assert_eq!(theirs.json["reference"], "RC-10002");
        for bad in ["", " ", &"x".repeat(201)] {
            keyed(&shop, &token, path, bad, &body("three")).await.refused(400);
        }
    }

    async fn what_was_refused_may_be_tried_again_with_its_key(db: Db) {
        let shop = Shop::new(db).await;
        let token = shop.sarah().await;
        let path = "/api/v1/tickets/RC-10001/notes";
        let body = json!({"text": "Too early"});
        keyed(&shop, &token, path, "k", &body).await.refused(404);
        shop.dana_writes("Support", "Hello").await;
        keyed(&shop, &token, path, "k", &body).await.is(201);
    }

    async fn requests_at_once_have_one_effect(db: Db) {
        let shop = Shop::new(db).await;
        let token = shop.sarah().await;
        let body = json!({"customer": {"email": "dana@example.com"}, "subject": "Hi", "text": "Hello"});
        let ask = || keyed(&shop, &token, "/api/v1/tickets", "k", &body);
        let replies = futures_util::future::join_all((0..8).map(|_| ask())).await;
        for reply in replies {
            assert_eq!(reply.is(201).json["reference"], "RC-10001");
        }
        assert_eq!(shop.get(&token, "/api/v1/tickets").await.column("reference").len(), 1);
    }
}
