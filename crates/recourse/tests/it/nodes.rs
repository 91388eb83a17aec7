//! Two programs on one database.

use futures_util::StreamExt;
use std::time::Duration;

use crate::world::{OWNER, World, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_takes_the_other_shows() {
    let a = World::on_postgres().await;
    let shop = a.shop().await;
    // The same database, key and files; another port.
    let mut b = a.neighbour();
    b.start().await;
    let web = b.signs_in(OWNER).await;
    let answer = web.request(reqwest::Method::GET, "/live").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut stream = answer.bytes_stream();
    let hello = stream.next().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&hello).contains("hello"), "{hello:?}");

    // The pipe of node A takes it, and the stream of node B tells.
    let (from, support) = (a.dana(), a.support());
    let id = a.mail_id("n1");
    let letter = crate::world::Letter {
        from: &from,
        to: &support,
        id: &id,
        subject: "For both",
        text: "Hello.",
        fields: "",
    };
    let words = ["mail", "deliver", "--inbox", &support, "--from", &from];
    assert_eq!(a.run(&words, &crate::world::mail(&letter)).0, 0);
    let told = async {
        let mut heard = String::new();
        while !heard.contains("event: changed") {
            let piece = stream.next().await.expect("the stream goes on").unwrap();
            heard.push_str(&String::from_utf8_lossy(&piece));
        }
        heard
    };
    let heard = tokio::time::timeout(Duration::from_mins(1), told).await.unwrap();
    assert!(heard.contains("RC-"), "{heard}");
    let page = eventually("the row", async || {
        let page = web.get("/inbox/needs-reply").await.body;
        page.contains("For both").then_some(page)
    })
    .await;
    assert!(page.contains("Dana Whitfield"));

    // Whose session ends at one node is out at the other, an open stream too.
    let elsewhere = a.signs_in(OWNER).await;
    assert_eq!(elsewhere.post("/me/sessions/delete", &[]).await.location(), "/me");
    let closed = async { while stream.next().await.is_some_and(|piece| piece.is_ok()) {} };
    tokio::time::timeout(Duration::from_secs(5), closed).await.expect("closed within 5 s");
    assert_eq!(web.get("/me").await.location(), "/login?next=/me");

    // One of the two fetches; nothing comes twice, whoever does.
    a.dana_writes("n2", "Fetched once", "Hello.", "").await;
    a.tickets(&shop, 2).await;
    b.stop().await;
    a.dana_writes("n3", "And on", "Hello.", "").await;
    let tickets = a.tickets(&shop, 3).await;
    assert_eq!(tickets.len(), 3);
    assert_eq!(a.dana_got(1).await.len(), 1, "one automatic mail a day, whichever node sends it");
}
