//! The clock of the machine jumps under a running server: nothing happens twice, and nothing is
//! left out.

use kernel::{Clock, Span, Timestamp};
use serde_json::json;

use crate::tools::Shop;
use crate::world::{Shifted, Sink, World, eventually, on_both};

impl World {
    async fn snoozes(&self, shop: &Shop, ticket: &str, until: Timestamp) {
        let path = format!("/api/v1/tickets/{ticket}");
        let body = json!({"status": "snoozed", "snoozed_until": until.to_string()});
        let request = shop.web.request(reqwest::Method::PATCH, &path).bearer_auth(&shop.token);
        let page = shop.web.send(request.json(&body)).await;
        assert_eq!(page.status, 200, "{}", page.body);
    }

    /// The newest ticket.
    async fn newest(&self) -> String {
        let id = self.number_of("select max(id) from tickets", vec![]).await;
        format!("RC-{id}")
    }

    /// How often a ticket woke by itself.
    async fn woke(&self, ticket: &str) -> i64 {
        let id: i64 = ticket.trim_start_matches("RC-").parse().unwrap();
        let sql = "select count(*) from events where ticket_id = $1 and kind = 'woke'";
        self.number_of(sql, vec![id.into()]).await
    }

    async fn number_of(&self, sql: &'static str, values: Vec<database::Value>) -> i64 {
        let conn = self.program().foundation.db.read().await.unwrap();
        conn.scalar(sql, values).await.unwrap()
    }
}

enum Jump {
    By(Span),
    To(&'static str),
}

/// Forward and back, to a day that most years do not have, and over the end of what 32 bits hold.
const JUMPS: [Jump; 6] = [
    Jump::By(Span::hours(1)),
    Jump::By(Span::hours(-1)),
    Jump::By(Span::days(1)),
    Jump::By(Span::days(-1)),
    Jump::To("2028-02-29T12:00:00Z"),
    Jump::To("2038-01-19T03:14:06Z"),
];

on_both! {
    async fn a_server_whose_clock_jumps_goes_on(world: World) {
        let clock = Shifted::new();
        world.stop().await;
        world.clock = clock.clone();
        world.start().await;
        let mut shop = world.shop().await;
        let support = world.support();
        for (number, jump) in JUMPS.into_iter().enumerate() {
            let dana = format!("d{number}@{}.customers.example", world.name);
            assert_eq!(world.delivers_from(&dana, &support, &format!("before{number}")).0, 0);
            world.tickets(&shop, 2 * number + 1).await;
            let ticket = world.newest().await;
            world.snoozes(&shop, &ticket, clock.now() + Span::minutes(30)).await;
            let span = match jump {
                Jump::By(span) => span,
                Jump::To(at) => at.parse::<Timestamp>().unwrap().since(clock.now()),
            };
            clock.jumps(span);
            // Whoever was away for so long signs in again.
            if span > Span::hours(2) {
                shop.web = world.signs_in(crate::world::OWNER).await;
            }
            let page = shop.web.get("/inbox/needs-reply").await;
            assert_eq!(page.status, 200, "{span:?}: {}", page.body);
            let kim = format!("k{number}@{}.customers.example", world.name);
            assert_eq!(world.delivers_from(&kim, &support, &format!("after{number}")).0, 0);
            world.tickets(&shop, 2 * number + 2).await;
            if span > Span::ZERO {
                eventually("the ticket that slept", async || {
                    (world.woke(&ticket).await > 0).then_some(())
                })
                .await;
            }
            eventually("what Kim is told", async || {
                (!Sink::here().got(&kim).is_empty()).then_some(())
            })
            .await;
            assert_eq!(world.woke(&ticket).await, i64::from(span > Span::ZERO), "{span:?}");
        }
        for number in 0..JUMPS.len() {
            for who in ["d", "k"] {
                let who = format!("{who}{number}@{}.customers.example", world.name);
                let got = eventually("what everybody is told", async || {
                    let got = Sink::here().got(&who);
                    (!got.is_empty()).then_some(got)
                })
                .await;
                assert_eq!(got.len(), 1, "{who} is told once");
            }
        }
        let figures = shop.web.get("/metrics").await.body;
        assert!(!figures.contains("recourse_panics_total"), "{figures}");
        assert_eq!(world.number_of("select count(*) from jobs where state = 'failed'", vec![]).await, 0);
    }
}
