//! What a start makes of how the server before ended.

use std::os::unix::fs::FileExt;
use std::path::Path;

use database::{Db, Location};
use reqwest::{Method, StatusCode};

use crate::order::Order;
use crate::server::Server;
use crate::world::{World, eventually};

const LOOKS: &str = "did not end in good order";

/// After a kill the database file is looked through, and after a good end it is not. A damaged one
/// turns `ready` off, is told, and is not forgotten by a good end.
pub(crate) async fn damage_is_found_after_a_kill(mut world: World) {
    world.fills_with_demo(60).await;
    world.stop().await;
    let program = Order::given().program;
    let starts = async || {
        let mut server = Server::start(&program, &world.settings);
        server.is_ready().await;
        server
    };
    let server = starts().await;
    assert_eq!(server.said(LOOKS), 0);
    server.kill().await;
    let server = starts().await;
    assert_eq!(server.said(LOOKS), 1);
    until(&server, "the database file is whole", 1).await;
    assert_eq!(health(&world).await, (StatusCode::OK, "ready\n".to_owned()));
    server.stop().await;

    damage(&world, "messages").await;
    let server = starts().await;
    assert_eq!(server.said(LOOKS), 1, "the last end was a good one");
    assert_eq!(health(&world).await.0, StatusCode::OK);
    server.kill().await;
    let server = starts().await;
    until(&server, "the database file is damaged", 1).await;
    let expected = (StatusCode::SERVICE_UNAVAILABLE, "the database file is damaged\n".to_owned());
    assert_eq!(health(&world).await, expected);
    let figures = world.web().get("/metrics").await.body;
    assert!(figures.contains("recourse_database_damaged 1"), "{figures}");
    eventually("a letter to the owner", async || (letters(&world).await > 0).then_some(())).await;
    server.stop().await;
    let server = starts().await;
    until(&server, "the database file is damaged", 2).await;
    server.kill().await;
}

async fn until(server: &Server, what: &str, times: usize) {
    eventually(what, async || (server.said(what) >= times).then_some(())).await;
}

async fn health(world: &World) -> (StatusCode, String) {
    let answer = world.web().request(Method::GET, "/health/ready").send().await;
    let answer = answer.expect("it answers");
    (answer.status(), answer.text().await.expect("it says why"))
}

async fn letters(world: &World) -> i64 {
    let db = Db::open_unchanged(&world.settings.database).await.expect("it opens");
    let conn = db.read().await.expect("it can be read");
    let sql = "select count(*) from deliveries where subject = 'The database file is damaged'";
    let count = conn.scalar(sql, vec![]).await.expect("the letters can be read");
    drop(conn);
    db.close().await;
    count
}

/// Writes over the first page of a table, as a failing disk does.
async fn damage(world: &World, table: &'static str) {
    let Location::File(path) = &world.settings.database else { panic!("it is no file") };
    let db = Db::open_unchanged(&world.settings.database).await.expect("it opens");
    let conn = db.read().await.expect("it can be read");
    let sql = "select rootpage, (select page_size from pragma_page_size)
                 from sqlite_schema where name = $1";
    let (page, size): (i64, i64) =
        conn.one(sql, vec![table.into()]).await.expect("the table is there");
    drop(conn);
    // What is in the log comes into the file.
    db.close().await;
    write_over(path, page, size);
}

fn write_over(path: &Path, page: i64, size: i64) {
    let at = |number: i64| u64::try_from(number).expect("it is not negative");
    let file = std::fs::File::options().write(true).open(path).expect("it can be opened");
    let noise = vec![0x5a; usize::try_from(size).expect("it is not that large")];
    file.write_all_at(&noise, at((page - 1) * size)).expect("it can be written");
}
