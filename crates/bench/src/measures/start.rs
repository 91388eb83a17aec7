//! Starting, and the memory that it takes to be there.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::figures::median;
use crate::mails::{Mail, Sender};
use crate::process::{megabytes, memory};
use crate::server::Server;
use crate::{Figure, Order, world};

/// With a million messages, too.
const STARTS_WITHIN: Duration = Duration::from_secs(2);
/// Long enough for whatever is done after the start.
const SETTLED_AFTER: Duration = Duration::from_secs(5);
/// So much has arrived when the program is killed.
const MAILS_BEFORE_THE_KILL: usize = 200;

pub(crate) async fn take(order: &Order) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    // A PostgreSQL database belongs to one key, and here to the world that is filled.
    if order.database_url.is_none() {
        let mut empty = Vec::new();
        for round in 0..order.rounds {
            let data = world::nothing(order, &format!("empty-{round}"))?;
            let server = Server::start(order, &data).await?;
            empty.push(server.started_in.as_secs_f64());
            server.stop().await?;
        }
        figures.push(seconds("Start to the first page, empty", empty));
    }
    let tickets = order.tickets;
    let data = world::world(order, tickets).await?;
    let mut filled = Vec::new();
    for _ in 0..order.rounds {
        let server = Server::start(order, &data).await?;
        filled.push(server.started_in.as_secs_f64());
        server.stop().await?;
    }
    figures.push(seconds(&format!("Start to the first page, {tickets} tickets"), filled));
    let memory = settled(order, &data).await?;
    figures.push(Figure::new(format!("Resident memory, idle, {tickets} tickets"), memory));
    let mut killed = Vec::new();
    for round in 0..order.rounds {
        killed.push(after_a_kill(order, &data, round).await?.as_secs_f64());
    }
    let what = format!("Start to the first page after kill -9 while mail came, {tickets} tickets");
    figures.push(seconds(&what, killed));
    let what = format!("Resident memory after these mails were read, {tickets} tickets");
    figures.push(Figure::new(what, settled(order, &data).await?));
    Ok(figures)
}

/// Resident memory some seconds after a start.
async fn settled(order: &Order, data: &Path) -> Result<String> {
    let server = Server::start(order, data).await?;
    tokio::time::sleep(SETTLED_AFTER).await;
    let (now, _) = memory(server.pid)?;
    server.stop().await?;
    Ok(megabytes(now))
}

async fn after_a_kill(order: &Order, data: &Path, round: usize) -> Result<Duration> {
    let server = Server::start(order, data).await?;
    let mut sender = Sender::connect(server.lmtp).await?;
    let run = crate::world::run_number();
    for number in 0..MAILS_BEFORE_THE_KILL + round {
        sender.hand_over(&Mail::nth(run, number)).await?;
    }
    server.kill().await?;
    let server = Server::start(order, data).await?;
    let took = server.started_in;
    server.stop().await?;
    Ok(took)
}

fn seconds(what: &str, times: Vec<f64>) -> Figure {
    let count = times.len();
    let median = median(times);
    let took = Duration::from_secs_f64(median);
    Figure::new(what, format!("{median:.3} s (median of {count})")).within(
        "the median",
        took,
        STARTS_WITHIN,
    )
}
