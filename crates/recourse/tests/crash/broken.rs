//! A request that breaks: whoever asked learns by which trace the operator finds the reason, and
//! nothing else.

use database::{Db, Location};
use reqwest::StatusCode;

use crate::order::Order;
use crate::server::Server;
use crate::world::World;

/// What would tell a stranger how it is built.
const INTERNALS: [&str; 9] = [
    "from tags",
    "select",
    "sqlite",
    "postgres",
    "relation",
    "table",
    "no such",
    ".rs",
    "panicked",
];

async fn change(location: &Location, sql: &'static str) {
    let db = Db::open_unchanged(location).await.expect("it opens");
    let mut tx = db.begin().await.expect("it can be written");
    tx.execute(sql, vec![]).await.expect("the table is there");
    tx.commit().await.expect("it can be written");
    db.close().await;
}

/// The twelve characters behind a word.
fn trace_behind<'p>(text: &'p str, word: &str) -> &'p str {
    let (_, rest) = text.split_once(word).unwrap_or_else(|| panic!("no trace in {text}"));
    let rest = rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    &rest[..end]
}

/// A table is taken from under the server.
pub(crate) async fn tells_its_reason_to_the_log_alone(mut world: World) {
    let web = world.opens_shop().await;
    let token = world.token().await;
    world.stop().await;
    let mut server = Server::start(&Order::given().program, &world.settings);
    server.is_ready().await;
    change(&world.settings.database, "alter table tags rename to tags_aside").await;

    let page = web.get("/settings/tags").await;
    assert_eq!(page.status, StatusCode::INTERNAL_SERVER_ERROR, "{}", page.body);
    let main = page.body.split_once("<main").map_or(page.body.as_str(), |(_, main)| main);
    let main = main.to_lowercase();
    for word in INTERNALS {
        assert!(!main.contains(word), "{word}: {main}");
    }
    let trace = trace_behind(&page.body, "Trace <code>");
    assert!(server.said(trace) > 0, "the log has {trace}");
    assert!(server.said("tags") > 0, "the log has the reason");

    let asked = web.request(reqwest::Method::GET, "/api/v1/tags").bearer_auth(&token);
    let page = web.send(asked).await;
    assert_eq!(page.status, StatusCode::INTERNAL_SERVER_ERROR, "{}", page.body);
    assert_eq!(page.header("content-type"), "application/problem+json");
    let problem: serde_json::Value = serde_json::from_str(&page.body).expect("it is JSON");
    let said = problem.to_string().to_lowercase();
    for word in INTERNALS {
        assert!(!said.contains(word), "{word}: {said}");
    }
    let trace = trace_behind(problem["detail"].as_str().unwrap_or_default(), "Trace");
    assert!(server.said(trace) > 0, "the log has {trace}");

    change(&world.settings.database, "alter table tags_aside rename to tags").await;
    assert_eq!(web.get("/settings/tags").await.status, StatusCode::OK, "it goes on");
    server.kill().await;
}
