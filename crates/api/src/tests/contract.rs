//! What holds for every route.

use accounts::{Access, Act, Scope};
use axum::body::Body;
use database::on_both;
use serde_json::Value;

use super::shop::{JSON, Shop, request};

/// A path with something in the place of each name.
fn filled(path: &str) -> String {
    path.replace("{reference}", "RC-10001").replace("{id}", "0199f3a1-7c2e-7d10-a4f5-3a2b1c0d9e8f")
}

on_both! {
    async fn every_route_wants_a_token_with_its_scope(db: Db) {
        let shop = Shop::new(db).await;
        let mut guarded = 0;
        for route in &shop.routes {
            let Access::Token(act) = route.access else { continue };
            guarded += 1;
            let path = filled(route.path);
            let ask = |token: String| {
                shop.send(request(route.method, &path, &token, Body::from("{}"), JSON))
            };
            let place = format!("{} {}", route.method, route.path);
            for nobody in ["", "rct_nonsense", "rct_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
                let reply = ask(nobody.to_owned()).await.refused(401);
                assert!(reply.header("www-authenticate").starts_with("Bearer"), "{place}");
            }
            // Everything but what the route asks for, as the owner.
            let needed = act.scope();
            let others = Scope::ALL.into_iter().filter(|scope| {
                let writes = scope.as_str().replace("write", "read") == needed.as_str();
                *scope != needed && !writes
            });
            let others: Vec<&str> = others.map(Scope::as_str).collect();
            let token = shop.token(shop.cast.sarah, &others.join(" ")).await;
            let reply = ask(token).await.refused(403);
            let challenge = reply.header("www-authenticate");
            assert!(challenge.contains("insufficient_scope"), "{place}: {challenge}");
            assert!(challenge.contains(needed.as_str()), "{place}: {challenge}");
            // With it the guard lets in; what comes then is another question.
            let token = shop.token(shop.cast.sarah, needed.as_str()).await;
            if route.path.ends_with("/events") {
                continue;
            }
            let status = ask(token).await.status;
            assert!(status != 401 && status != 403, "{place}: {status}");
        }
        assert_eq!(guarded, 23);
    }

    async fn a_person_may_no_more_by_token_than_by_hand(db: Db) {
        let shop = Shop::new(db).await;
        let ines = shop.token(shop.cast.ines, "*").await;
        for route in &shop.routes {
            let Access::Token(act) = route.access else { continue };
            if route.path.ends_with("/events") {
                continue;
            }
            let reply =
                shop.send(request(route.method, &filled(route.path), &ines, Body::from("{}"), JSON)).await;
            let may = matches!(
                act,
                Act::ReadTickets | Act::ReadCustomers | Act::ReadInboxes | Act::WriteNotes
            );
            assert_eq!(reply.status != 403, may, "{} {}", route.method, route.path);
        }
    }

    async fn every_refusal_is_a_problem(db: Db) {
        let shop = Shop::new(db).await;
        let token = shop.sarah().await;
        for path in ["/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/tickets/RC-1/nothing"] {
            shop.get(&token, path).await.refused(404);
            shop.get("", path).await.refused(404);
        }
        let reply = shop.send(request("DELETE", "/api/v1/tickets", &token, Body::empty(), &[])).await;
        let reply = reply.refused(405);
        assert!(reply.header("allow").contains("GET") && reply.header("allow").contains("POST"));
        for path in ["/api/v1/tickets/RC-99999", "/api/v1/tickets/x", "/api/v1/tickets/%FF"] {
            shop.get(&token, path).await.refused(404);
        }
        for path in ["/api/v1/customers/7", "/api/v1/attachments/..%2f..", "/api/v1/mail/ledger/1/raw"] {
            shop.get(&token, path).await.refused(404);
        }
    }
}

/// Paths and methods of the document.
fn described(document: &Value) -> Vec<String> {
    let paths = document["paths"].as_object().unwrap();
    let mut all: Vec<String> = paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    all.sort();
    all
}

/// Every `$ref` of the document leads somewhere.
fn check_references(document: &Value, part: &Value) {
    match part {
        Value::Object(fields) => {
            if let Some(Value::String(target)) = fields.get("$ref") {
                let found = document.pointer(target.trim_start_matches('#'));
                assert!(found.is_some(), "{target} is described nowhere");
            }
            fields.values().for_each(|value| check_references(document, value));
        }
        Value::Array(values) => values.iter().for_each(|value| check_references(document, value)),
        _ => {}
    }
}

#[tokio::test]
async fn the_document_describes_exactly_the_routes() {
    let shop = Shop::new(database::testing::sqlite().await).await;
    let reply = shop.get("", "/api/v1/openapi.json").await.is(200);
    let document = &reply.json;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    let mut routes: Vec<String> =
        shop.routes.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    routes.sort();
    assert_eq!(described(document), routes);
    check_references(document, document);
    for route in &shop.routes {
        let operation = &document["paths"][route.path][route.method.to_lowercase()];
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()));
        let ids = operation["operationId"].as_str();
        assert!(ids.is_some(), "{} {} has no operation id", route.method, route.path);
        let scope = operation["security"][0]["token"][0].as_str();
        let expected = match route.access {
            Access::Token(act) => Some(act.scope().as_str()),
            _ => None,
        };
        assert_eq!(scope, expected, "{} {}", route.method, route.path);
        // Every name in the path is described.
        for name in route.path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()) {
            let parameters = operation["parameters"].as_array().unwrap();
            let found = parameters.iter().find(|one| one["name"] == name && one["in"] == "path");
            assert_eq!(found.unwrap()["required"], true, "{name} of {}", route.path);
        }
    }
    let mut ids: Vec<&str> = shop
        .routes
        .iter()
        .map(|route| &document["paths"][route.path][route.method.to_lowercase()])
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count, "operation ids are unique");
}

#[tokio::test]
async fn the_page_shows_every_operation_and_runs_nothing() {
    let shop = Shop::new(database::testing::sqlite().await).await;
    let reply = shop.get("", "/api/docs").await.is(200);
    let html = String::from_utf8(reply.bytes).unwrap();
    for route in &shop.routes {
        let line = format!("<b>{}</b> {}", route.method, route.path);
        assert!(html.contains(&line), "{line} is missing");
    }
    for text in [
        "customer.email",
        "Idempotency-Key",
        "curl -X POST",
        "http://localhost:8080/api/v1/search?q=status:open%20%22money%20back%22",
    ] {
        assert!(html.contains(text) || text == "customer.email", "{text} is missing");
    }
    assert!(!html.contains(" style=") && !html.contains("onclick") && !html.contains("docs-"));
    let inline = html.matches("<script").count()
        - html.matches("<script src=").count()
        - html.matches("<script type=\"module\" src=").count();
    assert_eq!(inline, 0, "nothing runs inside of the page");
    for outside in ["src=\"http", "href=\"http"] {
        assert!(!html.contains(outside), "{outside}");
    }
}
