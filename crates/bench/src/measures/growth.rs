//! The inbox of a large world against that of a small one.

use anyhow::Result;

use super::pages::{INBOX, one_after_the_other};
use crate::figures::{median, millis};
use crate::server::Server;
use crate::visitor::Visitor;
use crate::{Figure, Order, world};

const SMALL: u32 = 1_000;
const REQUESTS: usize = 300;

pub(crate) async fn take(order: &Order) -> Result<Vec<Figure>> {
    let large = order.tickets;
    let mut ratios = Vec::new();
    let mut last = Vec::new();
    // One after the other, again and again: the machine may be quicker at one time than another.
    for _ in 0..order.rounds {
        let mut medians = Vec::new();
        for tickets in [SMALL, large] {
            let data = world::world(order, tickets).await?;
            let server = Server::start(order, &data).await?;
            let mut visitor = Visitor::sign_in(order, server.web).await?;
            let inbox = |_| INBOX.to_owned();
            let pages = one_after_the_other(&mut visitor, server.pid, REQUESTS, inbox).await?;
            medians.push(pages.times.median());
            server.stop().await?;
        }
        if let [small, large] = medians[..] {
            ratios.push(large.as_secs_f64() / small.as_secs_f64().max(1e-9));
        }
        last = medians.into_iter().map(millis).collect();
    }
    let what = format!("Inbox page, p50 at {large} tickets over that at {SMALL}");
    let result = format!(
        "{:.2} (median of {}); the last: {}",
        median(ratios),
        order.rounds,
        last.join(" and ")
    );
    Ok(vec![Figure::new(what, result)])
}
