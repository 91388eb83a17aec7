use axum::body::Body;
use database::on_both;
use serde_json::json;

use super::shop::{Reply, Shop, request};

async fn uploads(shop: &Shop, token: &str, name: &str, bytes: &[u8]) -> Reply {
    let path = format!("/api/v1/attachments?name={name}");
    let headers = [("content-type", "image/svg+xml")];
    shop.send(request("POST", &path, token, Body::from(bytes.to_vec()), &headers)).await
}

on_both! {
    async fn no_name_of_a_file_is_more_than_a_name(db: Db) {
        let shop = Shop::new(db).await;
        let priya = shop.priya().await;
        for raw in ::files::testing::hostile_names(250) {
            let coded = raw.bytes().fold(String::new(), |all, byte| all + &format!("%{byte:02X}"));
            let file = uploads(&shop, &priya, &coded, b"x").await.is(201).json;
            let name = file["name"].as_str().unwrap();
            assert_eq!(name, ::files::clean_name(&raw), "{raw:?}");
            let got = shop.get(&priya, file["url"].as_str().unwrap()).await.is(200);
            let way = got.header("content-disposition");
            let start = way.split("filename*=").next().unwrap();
            assert!(start.starts_with("attachment; filename=\"") && start.matches('"').count() == 2, "{way}");
            assert!(!way.contains(['/', '\\', '\n']), "{raw:?} {way}");
        }
    }

    async fn files_go_with_messages_and_come_back_as_they_were(db: Db) {
        let shop = Shop::new(db).await;
        let (priya, tom) = (shop.priya().await, shop.tom().await);
        let hostile = b"<script>alert(1)</script>";
        let file = uploads(&shop, &priya, "..%2F..%2Fetc%2Fpa%22ss%0Awd.svg", hostile).await.is(201).json;
        assert_eq!((&file["name"], &file["media_type"], &file["size_bytes"]), (&json!("pa\"sswd.svg"), &json!("application/octet-stream"), &json!(25)));
        let url = file["url"].as_str().unwrap();
        let got = shop.get(&priya, url).await.is(200);
        assert_eq!(got.bytes, hostile);
        assert_eq!(got.header("content-security-policy"), "default-src 'none'; sandbox");
        assert!(got.header("content-disposition").starts_with("attachment; filename=\"pa_sswd.svg\""));
        assert_eq!(got.header("content-type"), "application/octet-stream");
        // Nobody else sees what waits, nor sends it.
        shop.get(&tom, url).await.refused(404);
        let billing = shop.dana_writes("Billing", "Hello").await;
        let body = json!({"text": "Here", "attachments": [file["id"]]});
        shop.post(&tom, &format!("/api/v1/tickets/{billing}/messages"), &body).await.names(422, "attachments[0]");

        let support = shop.dana_writes("Support", "Hello").await;
        let messages = format!("/api/v1/tickets/{support}/messages");
        let sent = shop.post(&priya, &messages, &body).await.is(201).json;
        assert_eq!(sent["attachments"][0]["id"], file["id"]);
        shop.post(&priya, &messages, &body).await.names(422, "attachments[0]");
        shop.get(&shop.sarah().await, url).await.is(200);
        shop.get(&tom, url).await.refused(404);
        let noted = uploads(&shop, &priya, "note.txt", b"x").await.is(201).json;
        let note = json!({"text": "See file", "attachments": [noted["id"]]});
        let note = shop.post(&priya, &format!("/api/v1/tickets/{support}/notes"), &note).await.is(201).json;
        assert_eq!(note["attachments"][0]["name"], "note.txt");
        shop.get(&tom, noted["url"].as_str().unwrap()).await.refused(404);
        shop.get(&priya, noted["url"].as_str().unwrap()).await.is(200);
    }
}

#[tokio::test]
async fn files_that_are_not_taken_say_why() {
    let shop = Shop::new(database::testing::sqlite().await).await;
    let token = shop.priya().await;
    uploads(&shop, &token, "a", b"").await.names(422, "body");
    let reply =
        shop.send(request("POST", "/api/v1/attachments", &token, Body::from("x"), &[])).await;
    reply.names(422, "name");
    let large = vec![0; 25 * 1024 * 1024 + 1];
    uploads(&shop, &token, "a", &large).await.refused(413);
    uploads(&shop, &token, "a", &large[1..]).await.is(201);
}
