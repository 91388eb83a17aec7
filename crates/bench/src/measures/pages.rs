//! The pages that an agent asks for all day.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::figures::{Times, millis, number, rate};
use crate::process::{cpu, forget_the_most, megabytes, memory};
use crate::server::Server;
use crate::visitor::Visitor;
use crate::{Figure, Order, store, world};

pub(crate) const INBOX: &str = "/inbox/needs-reply";
/// Nearly every page, under the load of a day.
const PAGE_WITHIN: Duration = Duration::from_millis(300);
/// Before anything is measured.
const WARM_UP: usize = 50;
const REQUESTS: usize = 1_000;
const SEARCHES: usize = 200;
pub(super) const CONNECTIONS: usize = 16;
const AT_ONCE_FOR: Duration = Duration::from_secs(10);
/// A word of many messages, one of few (a code for money off), and one of none, with how many
/// there have to be, so that each is what it is called.
const WORDS: [(&str, &str, RangeInclusive<usize>); 3] = [
    ("a common", "refund", 1_000..=usize::MAX),
    ("a rare", "north42", 1..=200),
    ("an absent", "zyzzyvaphobia", 0..=0),
];

pub(crate) async fn take(order: &Order) -> Result<Vec<Figure>> {
    let tickets = order.tickets;
    let data = world::world(order, tickets).await?;
    let server = Server::start(order, &data).await?;
    let mut visitor = Visitor::sign_in(order, server.web).await?;
    let mut figures = Vec::new();
    forget_the_most(server.pid);

    let inbox =
        one_after_the_other(&mut visitor, server.pid, REQUESTS, |_| INBOX.to_owned()).await?;
    figures.push(inbox.figure(&format!("Inbox page at {tickets} tickets")));

    let paths = tickets_of(&mut visitor).await?;
    let path = |at: usize| paths.get(at % paths.len()).cloned().unwrap_or_default();
    let ticket = one_after_the_other(&mut visitor, server.pid, REQUESTS, path).await?;
    figures.push(ticket.figure(&format!("Ticket page at {tickets} tickets")));

    let (at_once, _) = many_at_once(server.web, server.pid, &visitor.cookie).await?;
    figures.push(Figure::new(
        format!("Inbox pages a second at {tickets} tickets, {CONNECTIONS} connections"),
        at_once.told(),
    ));

    // Connections on which nobody asks for a while are closed.
    let mut visitor = Visitor::come(server.web, &visitor.cookie).await?;
    let db = world::database(order, &data).await?;
    for (kind, word, expected) in WORDS {
        let documents = store::having(&db.read().await?, word).await?;
        if !expected.contains(&documents) {
            bail!("{word} is not {kind} word here: {documents} documents have it");
        }
        let path = format!("/search?q={word}");
        let page =
            one_after_the_other(&mut visitor, server.pid, SEARCHES, |_| path.clone()).await?;
        figures.push(page.figure(&format!("Search at {tickets} tickets, {kind} word ({word})")));
    }
    db.close().await;
    let (now, most) = memory(server.pid)?;
    figures.push(Figure::new(
        format!("Resident memory, warm, {tickets} tickets"),
        format!("{} after these pages, {} at the most", megabytes(now), megabytes(most)),
    ));
    server.stop().await?;
    Ok(figures)
}

/// Times of requests, and what the server took for each.
pub(crate) struct Pages {
    pub(crate) times: Times,
    cpu_each: Duration,
}

impl Pages {
    fn figure(&self, what: &str) -> Figure {
        let told = format!("{}; CPU {}", self.times.told(), millis(self.cpu_each));
        Figure::new(what, told).within("p99", self.times.percentile(99), PAGE_WITHIN)
    }
}

pub(crate) async fn one_after_the_other(
    visitor: &mut Visitor,
    pid: u32,
    requests: usize,
    path: impl Fn(usize) -> String,
) -> Result<Pages> {
    for at in 0..WARM_UP {
        expect_page(visitor, &path(at)).await?;
    }
    let before = cpu(pid)?;
    let mut times = Vec::with_capacity(requests);
    for at in 0..requests {
        times.push(expect_page(visitor, &path(at)).await?);
    }
    let took = cpu(pid)?.saturating_sub(before);
    let count = u32::try_from(requests).unwrap_or(u32::MAX).max(1);
    Ok(Pages { times: Times::of(times), cpu_each: took / count })
}

async fn expect_page(visitor: &mut Visitor, path: &str) -> Result<Duration> {
    let answer = visitor.get(path).await?;
    if answer.status != 200 || answer.body.is_empty() {
        bail!("{path} answered {}", answer.status);
    }
    Ok(answer.took)
}

/// Paths of tickets in the inbox.
async fn tickets_of(visitor: &mut Visitor) -> Result<Vec<String>> {
    let page = visitor.read(INBOX).await?;
    let links = page.split("href=\"/t/").skip(1);
    let mut paths: Vec<String> = links
        .filter_map(|link| link.split(['"', '?', '#']).next())
        .map(|reference| format!("/t/{reference}"))
        .collect();
    paths.dedup();
    paths.first().context("the inbox of the world is empty")?;
    Ok(paths)
}

/// How many pages a second came back, and who took the processor for it.
pub(crate) struct AtOnce {
    pages: usize,
    took: Duration,
    server: Duration,
    generator: Duration,
}

impl AtOnce {
    pub(crate) fn rate(&self) -> f64 {
        rate(self.pages, self.took)
    }

    /// What the rate would be if the generator ran on another machine: the server has the time
    /// that the generator took.
    pub(crate) fn rate_alone(&self) -> f64 {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let all = self.took.as_secs_f64() * number(cores);
        self.rate() * all / (all - self.generator.as_secs_f64()).max(1e-9)
    }

    fn told(&self) -> String {
        let pages = u32::try_from(self.pages).unwrap_or(u32::MAX).max(1);
        format!(
            "{:.0}; {:.0} with the generator's own CPU taken out (server {}, generator {} a page)",
            self.rate(),
            self.rate_alone(),
            millis(self.server / pages),
            millis(self.generator / pages)
        )
    }
}

/// Asks over many connections, each one request after the other.
pub(crate) async fn many_at_once(
    web: SocketAddr,
    pid: u32,
    cookie: &str,
) -> Result<(AtOnce, Times)> {
    let mut visitors = Vec::new();
    for _ in 0..CONNECTIONS {
        visitors.push(Visitor::come(web, cookie).await?);
    }
    let own = std::process::id();
    let (server, generator, began) = (cpu(pid)?, cpu(own)?, Instant::now());
    let mut running = tokio::task::JoinSet::new();
    for mut visitor in visitors {
        running.spawn(async move {
            let mut times = Vec::new();
            while began.elapsed() < AT_ONCE_FOR {
                times.push(expect_page(&mut visitor, INBOX).await?);
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = running.join_next().await {
        times.extend(done??);
    }
    let at_once = AtOnce {
        pages: times.len(),
        took: began.elapsed(),
        server: cpu(pid)?.saturating_sub(server),
        generator: cpu(own)?.saturating_sub(generator),
    };
    Ok((at_once, Times::of(times)))
}
