use axum::body::Body;
use serde_json::json;

use super::shop::{JSON, Shop, json_body, request};

#[tokio::test]
async fn bodies_are_as_large_and_as_deep_as_anybody_needs() {
    let shop = Shop::new(database::testing::sqlite().await).await;
    let token = shop.sarah().await;
    let path = "/api/v1/tickets";
    let send =
        async |body: String| shop.send(request("POST", path, &token, Body::from(body), JSON)).await;
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let of_size = |size: usize| format!("{{\"text\":\"{}\"}}", "a".repeat(size - 11));
    for (depth, status) in [(63, 422), (64, 422), (65, 400), (100_000, 400)] {
        send(nested(depth)).await.refused(status);
    }
    // What stands in a text is no nesting.
    send(format!("{{\"text\":\"\\\"{}\"}}", "[".repeat(200))).await.refused(422);
    for (size, status) in [(1024 * 1024, 422), (1024 * 1024 + 1, 413)] {
        send(of_size(size)).await.refused(status);
    }
}

#[tokio::test]
async fn bodies_that_cannot_be_read_say_why() {
    let shop = Shop::new(database::testing::sqlite().await).await;
    let token = shop.sarah().await;
    let path = "/api/v1/tickets";
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonish", ""] {
        let headers = [("content-type", kind)];
        let reply = shop.send(request("POST", path, &token, Body::from("{}"), &headers)).await;
        reply.refused(415);
    }
    let headers = [("content-type", "Application/JSON; charset=utf-8")];
    let reply = shop.send(request("POST", path, &token, Body::from("{}"), &headers)).await;
    reply.names(422, "customer");
    for (body, says) in [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("{\"subject\": }", "line 1, column 13"),
        ("nonsense", "not JSON"),
        (
            "{\"customer\": {\"email\": \"dana@example.com\"}, \"subject\": \"a\", \"text\": \"b\"} x",
            "more in the body",
        ),
        ("\u{feff}{}", "not JSON"),
    ] {
        let reply = shop.send(request("POST", path, &token, Body::from(body), JSON)).await;
        let reply = reply.refused(400);
        assert!(reply.json["detail"].as_str().unwrap().contains(says), "{body}: {}", reply.json);
    }
    for body in ["[]", "7", "null", "\"text\""] {
        let reply = shop.send(request("POST", path, &token, Body::from(body), JSON)).await;
        reply.names(422, "body");
    }
    for (body, field, says) in [
        (json!([{}, "a"]), "body", "has to be an object"),
        (
            json!({"customer": ["dana@example.com"], "subject": "a", "text": "b"}),
            "customer",
            "an object",
        ),
        (
            json!({"customer": {"email": 7}, "subject": "a", "text": "b"}),
            "customer.email",
            "a text",
        ),
        (
            json!({"customer": {"email": "d@example.com"}, "subject": "a", "cc": "x"}),
            "cc",
            "a list",
        ),
    ] {
        let reply = shop.post(&token, path, &body).await.names(422, field);
        let detail = reply.json["detail"].as_str().unwrap();
        assert!(detail.contains(says) && !detail.contains("struct"), "{detail}");
    }
    let twice = "{\"text\": \"a\", \"text\": \"b\"}";
    let reply = shop.send(request("POST", path, &token, Body::from(twice), JSON)).await;
    reply.names(422, "text");
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let reply = shop.send(request("POST", path, &token, Body::from(deep), JSON)).await;
    assert!(reply.status == 400 || reply.status == 422);
    let large = json!({"text": "x".repeat(3 * 1024 * 1024)});
    let reply = shop.send(request("POST", path, &token, json_body(&large), JSON)).await;
    reply.refused(413);
}

/// What stands around the program refuses in the same form.
#[tokio::test]
async fn refusals_from_around_the_routes_become_problems() {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use tower::ServiceExt;

    let app = Router::new()
        .route("/api/v1/slow", get(|| async { StatusCode::GATEWAY_TIMEOUT }))
        .route("/api/v1x", get(|| async { StatusCode::NOT_FOUND }))
        .route("/page", get(|| async { (StatusCode::MISDIRECTED_REQUEST, "a page") }))
        .layer(from_fn(crate::problems));
    for (path, kind) in [
        ("/api/v1/slow", "application/problem+json"),
        ("/api/v1x", ""),
        ("/page", "text/plain; charset=utf-8"),
    ] {
        let reply =
            app.clone().oneshot(request("GET", path, "", Body::empty(), &[])).await.unwrap();
        let found = reply.headers().get("content-type").map_or("", |value| value.to_str().unwrap());
        assert_eq!(found, kind, "{path}");
    }
}
