//! What whoever asks sees of a server that stops, and of one that should get no requests.

use std::time::Duration;

use database::params;
use futures_util::StreamExt;
use recourse::config::Stopping;
use reqwest::{Client, Method, StatusCode};

use crate::world::{OWNER, World, eventually, on_both};

on_both! {
    async fn a_server_that_stops_says_so_before_it_closes_its_doors(world: World) {
        let second = Duration::from_secs(1);
        world.stop().await;
        world.settings.stopping = Stopping { grace: second, within: second * 20 };
        world.start().await;
        world.opens_shop().await;
        let web = world.signs_in(OWNER).await;
        let stream = web.request(Method::GET, "/live").send().await.unwrap();
        let mut stream = stream.bytes_stream();
        let hello = stream.next().await.unwrap().unwrap();
        assert!(String::from_utf8_lossy(&hello).contains("hello"), "{hello:?}");
        assert_eq!(web.get("/health/ready").await.status, 200);

        let program = world.program.take().unwrap();
        let watching = async {
            let told = eventually("it says so", async || {
                let page = web.get("/health/ready").await;
                (page.status == StatusCode::SERVICE_UNAVAILABLE).then_some(page)
            });
            assert_eq!(told.await.body, "stopping\n");
            let page = web.get("/inbox/needs-reply").await;
            assert_eq!(page.status, 200, "requests are answered still");
            assert_eq!(page.header("connection"), "close", "what comes next goes elsewhere");
            // Streams end, so that browsers ask again, and find another node.
            while let Some(Ok(_)) = stream.next().await {}
        };
        let (ended, ()) = tokio::join!(program.stop(), watching);
        ended.unwrap();
        let closed = Client::new().get(format!("{}/health/live", world.base)).send().await;
        assert!(closed.unwrap_err().is_connect());
        world.start().await;
    }

    async fn a_database_of_another_version_gets_no_requests(world: World) {
        let db = world.program().foundation.db.clone();
        let run = async |sql: &'static str| {
            let mut tx = db.begin().await.unwrap();
            tx.execute(sql, params![]).await.unwrap();
            tx.commit().await.unwrap();
        };
        run("insert into schema_migrations (version, name, checksum, applied_at)
             values (99999, 'of tomorrow', '', 0)").await;
        let web = world.web();
        let page = web.get("/health/ready").await;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(page.body, "the database is not of this version of the program\n");
        let stranger =
            web.request(Method::GET, "/health/ready").header("x-forwarded-for", "203.0.113.5");
        let page = web.send(stranger).await;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(page.body, "not ready\n", "strangers are not told why");
        run("delete from schema_migrations where version = 99999").await;
        assert_eq!(web.get("/health/ready").await.body, "ready\n");
        assert!(web.get("/metrics").await.body.contains("recourse_disk_free_percent "));
    }
}
