//! Three times as many requests as can be answered: what is refused, how quickly, and whether the
//! rest goes on.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::task::JoinSet;

use super::pages::{CONNECTIONS, INBOX, many_at_once};
use crate::figures::{Times, millis, number, rate};
use crate::process::{cpu, forget_the_most, megabytes, memory};
use crate::server::Server;
use crate::visitor::Visitor;
use crate::{Figure, Order, world};

const TIMES: f64 = 3.0;
const GOODPUT_PERCENT_MIN: f64 = 80.0;
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);
const REFUSED_WITHIN: Duration = Duration::from_millis(100);
/// Memory that goes on growing while requests are refused would grow without end.
const GROWTH_PERCENT_MAX: f64 = 125.0;
const LASTS: Duration = Duration::from_secs(15);
/// The generator looks this often how many requests are due.
const STEP: Duration = Duration::from_millis(2);
/// More than so many are never on their way: the machine would be measured, not the program.
const ON_THEIR_WAY_MAX: usize = 2_000;
/// A connection that rested longer is not used again: the server closes it after ten seconds.
const RESTS_MAX: Duration = Duration::from_secs(8);

pub(crate) async fn take(order: &Order) -> Result<Vec<Figure>> {
    let data = world::world(order, order.tickets).await?;
    let server = Server::start(order, &data).await?;
    let visitor = Visitor::sign_in(order, server.web).await?;
    // Once to warm up.
    many_at_once(server.web, server.pid, &visitor.cookie).await?;
    let (peak, _) = many_at_once(server.web, server.pid, &visitor.cookie).await?;
    let (_, memory_before) = memory(server.pid)?;
    forget_the_most(server.pid);
    let own = std::process::id();
    let (generator, began) = (cpu(own)?, Instant::now());
    let flood = flood(&server, &visitor.cookie, peak.rate_alone() * TIMES).await?;
    let took = began.elapsed();
    let generator = cpu(own)?.saturating_sub(generator);
    let (_, most) = memory(server.pid)?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let all = took.as_secs_f64() * number(cores);
    let good = rate(flood.answered.len(), took);
    let good_alone = good * all / (all - generator.as_secs_f64()).max(1e-9);
    let (answered, refused) = (Times::of(flood.answered), Times::of(flood.refused.clone()));
    let figures = vec![
        Figure::new(
            format!("{TIMES} × overload: requests a second"),
            format!(
                "{:.0} offered, {:.0} answered, {:.0} refused, {} broken",
                rate(flood.offered, took),
                good,
                rate(flood.refused.len(), took),
                flood.broken
            ),
        )
        .at_most("the share of those that broke", share(flood.broken, flood.offered), 0.0),
        Figure::new(
            format!("{TIMES} × overload: goodput over the peak, the generator's CPU taken out"),
            format!(
                "{:.0} % ({good_alone:.0} of {:.0}); as measured {:.0} % ({good:.0} of {:.0})",
                good_alone / peak.rate_alone() * 100.0,
                peak.rate_alone(),
                good / peak.rate() * 100.0,
                peak.rate()
            ),
        )
        .at_least(
            "the goodput",
            good_alone / peak.rate_alone() * 100.0,
            GOODPUT_PERCENT_MIN,
        ),
        Figure::new(
            format!("{TIMES} × overload: time to an answer"),
            format!("{}; the slowest {}", answered.told(), millis(answered.percentile(100))),
        )
        .within("p99", answered.percentile(99), ANSWERED_WITHIN),
        Figure::new(
            format!("{TIMES} × overload: time to a refusal"),
            format!("{}; the slowest {}", refused.told(), millis(refused.percentile(100))),
        )
        .within("p99", refused.percentile(99), REFUSED_WITHIN),
        memory_of(flood.most_at_first, most, memory_before),
    ];
    server.stop().await?;
    Ok(figures)
}

/// The most memory of each half, in bytes.
fn memory_of(first: u64, second: u64, before: u64) -> Figure {
    let (most_at_first, most, before) = (megabytes(first), megabytes(second), megabytes(before));
    Figure::new(
        format!("{TIMES} × overload: the most memory in the first half and in the second"),
        format!("{most_at_first} and {most}; {before} with {CONNECTIONS} connections before"),
    )
    .at_most("the second over the first", growth(first, second), GROWTH_PERCENT_MAX)
}

fn share(some: usize, all: usize) -> f64 {
    number(some) / number(all).max(1.0) * 100.0
}

/// Of memory in bytes, which is nothing where nobody looked.
fn growth(first: u64, second: u64) -> f64 {
    let kib = |bytes: u64| f64::from(u32::try_from(bytes / 1_024).unwrap_or(u32::MAX));
    kib(second) / kib(first).max(1.0) * 100.0
}

#[derive(Default)]
struct Flood {
    offered: usize,
    answered: Vec<Duration>,
    refused: Vec<Duration>,
    broken: usize,
    /// Memory of the server until half of the time was over.
    most_at_first: u64,
}

/// Connections that wait for their next request, with the moment of the last answer.
type Idle = Mutex<Vec<(Visitor, Instant)>>;

/// Sends requests at a rate whatever comes back, over as many connections as that needs.
async fn flood(server: &Server, cookie: &str, a_second: f64) -> Result<Flood> {
    let idle: Arc<Idle> = Arc::default();
    let mut running: JoinSet<Option<(u16, Duration)>> = JoinSet::new();
    let mut flood = Flood::default();
    let began = Instant::now();
    while began.elapsed() < LASTS {
        tokio::time::sleep(STEP).await;
        if flood.most_at_first == 0 && began.elapsed() > LASTS / 2 {
            flood.most_at_first = memory(server.pid)?.1;
            forget_the_most(server.pid);
        }
        while let Some(done) = running.try_join_next() {
            flood.count(done?);
        }
        while number(flood.offered) < began.elapsed().as_secs_f64() * a_second {
            flood.offered += 1;
            if running.len() >= ON_THEIR_WAY_MAX {
                bail!("{ON_THEIR_WAY_MAX} requests are on their way: nothing is refused");
            }
            let (idle, cookie, web) = (Arc::clone(&idle), cookie.to_owned(), server.web);
            running.spawn(async move { ask(web, &idle, &cookie).await });
        }
    }
    while let Some(done) = running.join_next().await {
        flood.count(done?);
    }
    Ok(flood)
}

async fn ask(web: SocketAddr, idle: &Idle, cookie: &str) -> Option<(u16, Duration)> {
    let known = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut visitor = match known {
        Some((visitor, since)) if since.elapsed() < RESTS_MAX => visitor,
        _ => Visitor::come(web, cookie).await.ok()?,
    };
    let answer = visitor.get(INBOX).await.ok()?;
    idle.lock().unwrap_or_else(PoisonError::into_inner).push((visitor, Instant::now()));
    Some((answer.status, answer.took))
}

impl Flood {
    fn count(&mut self, answer: Option<(u16, Duration)>) {
        match answer {
            Some((200, took)) => self.answered.push(took),
            Some((503, took)) => self.refused.push(took),
            Some(_) | None => self.broken += 1,
        }
    }
}
