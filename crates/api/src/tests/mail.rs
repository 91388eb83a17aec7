use database::{on_both, params};
use kernel::{InboxId, PublicId};
use serde_json::json;

use super::shop::Shop;

/// A mail as the mailroom keeps it.
async fn arrives(shop: &Shop, inbox: InboxId, fate: &str, bytes: &[u8]) -> PublicId {
    let mut tx = shop.cast.db.begin().await.unwrap();
    let (id, now) = (PublicId::new(shop.cast.accounts.now()), shop.cast.accounts.now());
    let line: i64 = tx
        .scalar(
            "insert into mail_ledger (public_id, inbox_id, door, envelope_from, size_bytes,
                raw_hash, content_hash, mail_id, from_address, subject, state, received_at)
             values ($1, $2, 'lmtp', 'dana@example.com', $3, 'hash', $4, 'm@example.com',
                'dana@example.com', 'Hello', $5, $6) returning id",
            params![id, inbox, kernel::count(bytes.len()), id.to_string(), fate, now],
        )
        .await
        .unwrap();
    tx.execute("insert into mail_sources (ledger_id, bytes) values ($1, $2)", params![line, bytes])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    id
}

on_both! {
    async fn the_ledger_is_read_by_those_who_see_its_inbox(db: Db) {
        let shop = Shop::new(db).await;
        let (priya, tom) = (shop.priya().await, shop.tom().await);
        let source = b"Subject: Hello\r\n\r\n\xff\x00raw";
        let hidden = arrives(&shop, shop.cast.support, "failed", source).await;
        let seen = arrives(&shop, shop.cast.billing, "ticketed", b"x").await;
        let path = "/api/v1/mail/ledger";
        let ids = |ids: &[PublicId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (token, query, expected) in [
            (&priya, "", ids(&[seen, hidden])), (&tom, "", ids(&[seen])),
            (&priya, "?fate=failed", ids(&[hidden])), (&tom, "?fate=failed", ids(&[])),
            (&priya, "?inbox=billing", ids(&[seen])), (&priya, "?limit=1", ids(&[seen])),
        ] {
            let list = shop.get(token, &format!("{path}{query}")).await.is(200);
            assert_eq!(list.column("id"), expected, "{query}");
        }
        let first = shop.get(&priya, &format!("{path}?limit=1")).await.is(200);
        let next = first.json["next"].as_str().unwrap();
        arrives(&shop, shop.cast.support, "received", b"y").await;
        let rest = shop.get(&priya, &format!("{path}?limit=1&after={next}")).await.is(200);
        assert_eq!((rest.column("id"), &rest.json["next"]), (ids(&[hidden]), &json!(null)));

        let line = shop.get(&priya, &format!("{path}/{hidden}")).await.is(200).json;
        assert_eq!((&line["fate"], &line["inbox"]["name"], &line["from_email"]), (&json!("failed"), &json!("Support"), &json!("dana@example.com")));
        let raw = shop.get(&priya, line["raw_url"].as_str().unwrap()).await.is(200);
        assert_eq!(raw.bytes, source, "byte for byte");
        assert_eq!(raw.header("content-type"), "message/rfc822");
        for below in ["", "/raw"] {
            shop.get(&tom, &format!("{path}/{hidden}{below}")).await.refused(404);
        }
        shop.get(&tom, &format!("{path}?inbox=support")).await.names(422, "inbox");
        shop.get(&priya, &format!("{path}?fate=lost")).await.names(422, "fate");
        shop.get(&priya, &format!("{path}?state=failed")).await.names(422, "state");
    }

    async fn what_was_blacked_out_is_not_in_the_source_either(db: Db) {
        let shop = Shop::new(db).await;
        let priya = shop.priya().await;
        let card = json!({ "subject": "My card", "text": "4242", "customer": { "email": "dana@example.com" } });
        shop.post(&priya, "/api/v1/tickets", &card).await.is(201);
        let id = arrives(&shop, shop.cast.support, "ticketed", b"4242").await;
        let raw = format!("/api/v1/mail/ledger/{id}/raw");
        let run = async |sql: &'static str| {
            let mut tx = shop.cast.db.begin().await.unwrap();
            tx.execute(sql, params![]).await.unwrap();
            tx.commit().await.unwrap();
        };
        run("update mail_ledger set message_id = (select max(id) from messages)").await;
        shop.get(&priya, &raw).await.is(200);
        run("update messages set redacted_at = 1, redacted_by = (select min(id) from agents)").await;
        shop.get(&priya, &raw).await.refused(404);
    }
}
