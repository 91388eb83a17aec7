use database::{on_both, params};
use kernel::InboxId;
use mailroom::{Connection, Tls};
use serde_json::{Value, json};

use super::shop::Shop;

fn server(port: u16, tls: &str) -> Value {
    json!({"host": "mail.example.com", "port": port, "tls": tls, "user": "sales", "password": "s3cret-word"})
}

async fn made(shop: &Shop, body: &Value) -> (Value, Connection) {
    let token = shop.sarah().await;
    let reply = shop.post(&token, "/api/v1/inboxes", body).await.is(201);
    assert!(!String::from_utf8_lossy(&reply.bytes).contains("s3cret"), "secrets stay inside");
    let conn = shop.cast.db.read().await.unwrap();
    let id: InboxId =
        conn.scalar("select id from inboxes order by id desc limit 1", params![]).await.unwrap();
    let connection = Connection::find(&conn, id).await.unwrap();
    (reply.json, connection.unwrap_or_default())
}

on_both! {
    async fn an_inbox_is_connected_with_sealed_secrets(db: Db) {
        let shop = Shop::new(db).await;
        let (inbox, connection) = made(&shop, &json!({
            "name": "Sales", "address": "Sales@Northlight.example",
            "imap": server(993, "implicit"), "smtp": server(587, "starttls"), "auth": "password",
        })).await;
        assert_eq!((&inbox["name"], &inbox["address"]), (&json!("Sales"), &json!("sales@northlight.example")));
        let (imap, smtp) = (connection.imap.unwrap(), connection.smtp.unwrap());
        assert_eq!((imap.port, imap.tls, smtp.port, smtp.tls), (993, Tls::Implicit, 587, Tls::StartTls));
        let sealed = imap.password.unwrap();
        assert!(!sealed.contains("s3cret"));
        let id = shop.cast.accounts.directory().await.unwrap()
            .inbox_by_public_id(inbox["id"].as_str().unwrap().parse().unwrap()).unwrap().id;
        let opened = shop.keys.open(&format!("inbox {id} imap"), &sealed).unwrap();
        assert_eq!(opened.reveal(), "s3cret-word");
        assert!(connection.oauth.is_none() && connection.fetch_from.is_some());

        let read = shop.get(&shop.sarah().await, inbox["url"].as_str().unwrap()).await.is(200);
        assert_eq!(read.json, inbox);
        let (_, plain) = made(&shop, &json!({"name": "Bare", "address": "bare@northlight.example"})).await;
        assert!(plain.imap.is_none() && plain.smtp.is_none());
        let open = json!({"host": "127.0.0.1", "port": 2525, "tls": "none"});
        let (_, relay) = made(&shop, &json!({"name": "Relay", "address": "relay@northlight.example", "smtp": open})).await;
        let smtp = relay.smtp.unwrap();
        assert_eq!((smtp.user.as_str(), smtp.password), ("", None));
    }

    async fn who_makes_an_inbox_sees_it(db: Db) {
        let shop = Shop::new(db).await;
        let mut tx = shop.cast.db.begin().await.unwrap();
        let sees = accounts::Sees::Only(vec![shop.cast.billing]);
        let (id, role) = (shop.cast.mateo, accounts::Role::Lead);
        accounts::update_agent(&mut tx, id, "Mateo Ruiz", role, &sees).await.unwrap();
        tx.commit().await.unwrap();
        let mateo = shop.token(id, "*").await;
        let body = json!({"name": "Events", "address": "events@northlight.example"});
        shop.post(&mateo, "/api/v1/inboxes", &body).await.is(201);
        let seen = shop.get(&mateo, "/api/v1/inboxes").await.is(200).column("name");
        assert_eq!(seen, ["Billing", "Events"]);
    }

    async fn tags_stay_within_their_inboxes(db: Db) {
        let shop = Shop::new(db).await;
        shop.dana_writes("Support", "Hello").await;
        shop.dana_writes("Billing", "Hello").await;
        let priya = shop.priya().await;
        for (path, tag) in [("RC-10001", "secret"), ("RC-10002", "refund")] {
            let path = format!("/api/v1/tickets/{path}");
            shop.patch(&priya, &path, &json!({"tags": [tag]})).await.is(200);
        }
        let all = shop.get(&priya, "/api/v1/tags").await.is(200).column("name");
        assert_eq!(all, ["refund", "secret"]);
        let tom = shop.tom().await;
        assert_eq!(shop.get(&tom, "/api/v1/tags").await.is(200).column("name"), ["refund"]);
        let id = "0199f3a1-7c2e-7d10-a4f5-3a2b1c0d9e8f";
        let nowhere = crate::input::cursor(id);
        for list in ["customers", "mail/ledger"] {
            let path = format!("/api/v1/{list}?after={nowhere}");
            shop.get(&priya, &path).await.names(422, "after");
        }
    }

    async fn a_permission_is_taken_in_every_form(db: Db) {
        let shop = Shop::new(db).await;
        let parts = json!({
            "client_id": "client", "client_secret": "s3cret-client",
            "token_url": "https://id.example.com/token", "refresh_token": "s3cret-refresh",
        });
        let mut flat = parts.clone();
        flat["type"] = json!("xoauth2");
        let nested = json!({"xoauth2": parts});
        for (n, auth, inside) in [(1, &nested, false), (2, &flat, false), (3, &nested, true)] {
            let mut imap = json!({"host": "mail.example.com", "port": 993, "tls": "implicit", "user": "sales"});
            let mut body = json!({"name": "Sales", "address": format!("s{n}@northlight.example")});
            let place = if inside { &mut imap } else { &mut body };
            place["auth"] = auth.clone();
            body["imap"] = imap;
            let (_, connection) = made(&shop, &body).await;
            let oauth = connection.oauth.unwrap();
            assert_eq!((oauth.client_id.as_str(), oauth.token_url.as_str()), ("client", "https://id.example.com/token"));
            assert!(oauth.refresh_token.is_some_and(|sealed| !sealed.contains("s3cret")));
        }
    }

    async fn what_is_wrong_with_an_inbox_is_named(db: Db) {
        let shop = Shop::new(db).await;
        let token = shop.sarah().await;
        let with = |name: &str, value: Value| {
            let mut body = json!({"name": "Sales", "address": "sales@northlight.example"});
            body[name] = value;
            body
        };
        let server = |name: &str, value: Value| {
            let mut server = server(993, "implicit");
            server[name] = value;
            server
        };
        for (body, field) in [
            (with("colour", json!(1)), "colour"), (with("name", json!(" ")), "name"), (with("address", json!("x")), "address"),
            (with("imap", server("tls", json!("ssl"))), "imap.tls"), (with("imap", server("host", json!("a b"))), "imap.host"),
            (with("imap", server("port", json!(0))), "imap.port"), (with("imap", server("port", json!(70000))), "imap.port"),
            (with("imap", server("password", json!(null))), "imap.password"), (with("imap", server("user", json!(""))), "imap.user"),
            (with("smtp", server("colour", json!(1))), "smtp.colour"), (with("auth", json!("magic")), "auth"),
            (with("auth", json!({"xoauth2": {"client_id": "x"}})), "auth.client_secret"),
            (with("auth", json!({"xoauth2": {"client_id": "x", "client_secret": "", "token_url": "ftp://x", "refresh_token": "y"}})), "auth.xoauth2.token_url"),
            (with("auth", json!({"xoauth2": {"client_id": "x", "client_secret": "", "token_url": "https://x", "refresh_token": "y"}})), "auth"),
        ] {
            let reply = shop.post(&token, "/api/v1/inboxes", &body).await.names(422, field);
            assert!(!String::from_utf8_lossy(&reply.bytes).contains("s3cret"));
        }
        let taken = json!({"name": "Support", "address": "support@northlight.example"});
        let reply = shop.post(&token, "/api/v1/inboxes", &taken).await.refused(422);
        assert!(reply.json["detail"].as_str().unwrap().contains("already has the address"));
        let list = shop.get(&token, "/api/v1/inboxes?limit=1").await.is(200);
        let next = list.json["next"].as_str().unwrap();
        let rest = shop.get(&token, &format!("/api/v1/inboxes?after={next}")).await.is(200);
        assert_eq!([list.column("name"), rest.column("name")].concat(), ["Support", "Billing"]);
        let tom = shop.tom().await;
        let support = format!("/api/v1/inboxes/{}", list.json["data"][0]["id"].as_str().unwrap());
        shop.get(&tom, &support).await.refused(404);
    }

    async fn tags_and_views_are_listed(db: Db) {
        let shop = Shop::new(db).await;
        let token = shop.priya().await;
        let path = format!("/api/v1/tickets/{}", shop.dana_writes("Support", "Hello").await);
        shop.patch(&token, &path, &json!({"tags": ["b", "a", "c"]})).await.is(200);
        let first = shop.get(&token, "/api/v1/tags?limit=2").await.is(200);
        let next = first.json["next"].as_str().unwrap();
        let rest = shop.get(&token, &format!("/api/v1/tags?after={next}")).await.is(200);
        assert_eq!([first.column("name"), rest.column("name")].concat(), ["a", "b", "c"]);
        let mut tx = shop.cast.db.begin().await.unwrap();
        for (name, owner) in [("Ours", None), ("Mine", Some(shop.cast.priya)), ("Theirs", Some(shop.cast.tom))] {
            tx.execute(
                "insert into views (public_id, name, owner_id, query, sort, position, created_at)
                 values ($1, $2, $3, 'tag:a', 'newest', 1, 0)",
                params![kernel::PublicId::new(shop.cast.accounts.now()), name, owner],
            ).await.unwrap();
        }
        tx.commit().await.unwrap();
        let views = shop.get(&token, "/api/v1/views").await.is(200);
        assert_eq!(views.column("name"), ["Ours", "Mine"]);
        let first = shop.get(&token, "/api/v1/views?limit=1").await.is(200);
        let next = first.json["next"].as_str().unwrap();
        assert_eq!(shop.get(&token, &format!("/api/v1/views?after={next}")).await.is(200).column("name"), ["Mine"]);
        let view = views.json["data"][0]["id"].as_str().unwrap();
        let inside = shop.get(&token, &format!("/api/v1/tickets?view={view}")).await.is(200);
        assert_eq!(inside.column("reference").len(), 1);
        let narrowed = shop.get(&token, &format!("/api/v1/tickets?view={view}&status=resolved")).await.is(200);
        assert_eq!(narrowed.column("reference").len(), 0);
    }
}
