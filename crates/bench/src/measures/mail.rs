//! Mails into tickets, durable, and how much of that is SQLite's own work.

use std::time::{Duration, Instant};

use anyhow::Result;
use database::Db;
use database::bare::{added, marks, write};

use crate::figures::{median, millis, number, rate};
use crate::mails::{Mail, Sender};
use crate::process::cpu;
use crate::server::Server;
use crate::{Figure, Order, store, visitor, world};

const CONNECTIONS: [usize; 2] = [1, 4];
const MAILS: usize = 3_000;

pub(crate) async fn take(order: &Order) -> Result<Vec<Figure>> {
    let data = world::world(order, order.tickets).await?;
    let server = Server::start(order, &data).await?;
    let db = world::database(order, &data).await?;
    let mut figures = Vec::new();
    for connections in CONNECTIONS {
        let (mut accepted, mut rates, mut cpus, mut bare) = (vec![], vec![], vec![], vec![]);
        for round in 0..order.rounds {
            let before = marks(&mut db.read().await?).await?;
            let commits = commits(&server).await?;
            let run = hand_over(&server, &db, connections).await?;
            let commits = commits_since(&server, commits).await?;
            accepted.push(rate(MAILS, run.accepted_in));
            rates.push(rate(MAILS, run.ticketed_in));
            cpus.push(run.cpu.as_secs_f64() / number(MAILS));
            if order.database_url.is_none() {
                let rows = added(&mut db.read().await?, &before).await?;
                let folder = world::nothing(order, &format!("bare-{connections}-{round}"))?;
                let took = write(&rows, &folder.join("bare.db"), commits).await?;
                bare.push(rate(MAILS, took));
                std::fs::remove_dir_all(folder)?;
            }
        }
        let cpu = Duration::from_secs_f64(median(cpus));
        figures.push(Figure::new(
            format!("Mails into tickets, durable, a second, {connections} connections (LMTP)"),
            format!(
                "{:.0} (accepted {:.0}); CPU {} a mail; median of {}",
                median(rates.clone()),
                median(accepted),
                millis(cpu),
                order.rounds
            ),
        ));
        if !bare.is_empty() {
            let bare = median(bare);
            figures.push(Figure::new(
                format!(
                    "The same rows with as many commits in a bare loop, {connections} connections"
                ),
                format!(
                    "{bare:.0} mails a second; this program does {:.0} % of it",
                    median(rates) / bare * 100.0
                ),
            ));
        }
    }
    db.close().await;
    server.stop().await?;
    Ok(figures)
}

struct Run {
    accepted_in: Duration,
    ticketed_in: Duration,
    cpu: Duration,
}

async fn hand_over(server: &Server, db: &Db, connections: usize) -> Result<Run> {
    let run = world::run_number();
    let mut senders = Vec::new();
    for _ in 0..connections {
        senders.push(Sender::connect(server.lmtp).await?);
    }
    let (before, began) = (cpu(server.pid)?, Instant::now());
    let mut running = tokio::task::JoinSet::new();
    for (at, mut sender) in senders.into_iter().enumerate() {
        running.spawn(async move {
            for number in (at..MAILS).step_by(connections) {
                sender.hand_over(&Mail::nth(run, number)).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = running.join_next().await {
        done??;
    }
    let accepted_in = began.elapsed();
    while store::waiting_mails(&db.read().await?).await? > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let ticketed_in = began.elapsed();
    Ok(Run { accepted_in, ticketed_in, cpu: cpu(server.pid)?.saturating_sub(before) })
}

/// How often the program committed, as it counts it itself.
async fn commits(server: &Server) -> Result<usize> {
    let metrics = visitor::Visitor::come(server.web, "").await?.read("/metrics").await?;
    let line = metrics.lines().find_map(|line| line.strip_prefix("recourse_commits_total "));
    Ok(line.and_then(|count| count.parse().ok()).unwrap_or_default())
}

async fn commits_since(server: &Server, before: usize) -> Result<usize> {
    Ok(commits(server).await?.saturating_sub(before))
}
