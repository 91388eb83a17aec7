//! `demo`: a world to look at.

use std::time::{Duration, Instant};

use ::demo::{Filled, Order, PASSWORD, Progress};
use anyhow::Result;
use clap::Args;
use database::{Engine, Location};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kernel::{Failure, SharedClock, Timestamp};

use super::terminal;
use crate::config::{DataFolder, Settings};
use crate::{Foundation, log};

#[derive(Args)]
pub(super) struct Demo {
    /// How many tickets, up to 1,000,000
    #[arg(long, default_value_t = 200)]
    tickets: u32,
    /// Another number gives another world
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The moment at which the world stands, such as 2026-11-24T09:00:00Z [default: this hour]
    #[arg(long)]
    at: Option<Timestamp>,
}

/// It could not be done as it was asked for (EX_DATAERR).
const EX_DATAERR: u8 = 65;

impl Demo {
    pub(super) async fn run(self, settings: Settings, clock: SharedClock) -> Result<u8> {
        log::start(log::Kind::Command);
        let folder = DataFolder::open(&settings.data)?;
        // A running server would not notice what was filled behind its back.
        let _lock = match settings.database {
            Location::File(_) => Some(folder.lock()?),
            Location::Postgres(_) => None,
        };
        let now = self.at.unwrap_or_else(|| this_hour(clock.now()));
        let order = Order { tickets: self.tickets, seed: self.seed, now };
        let (foundation, _storing) = Foundation::open_to_fill(&settings, clock).await?;
        let mut shown = Shown::new(order.tickets);
        let began = Instant::now();
        let (db, files) = (&foundation.db, &foundation.files);
        let done = ::demo::fill(db, files, &order, &mut |progress| shown.step(progress)).await;
        let took = began.elapsed();
        shown.end();
        foundation.db.close().await;
        match done {
            Ok(filled) => {
                report(&filled, took, &settings.base_url);
                Ok(0)
            }
            Err(Failure::Refused(refusal)) => {
                terminal::complain(&refusal.to_string());
                Ok(EX_DATAERR)
            }
            Err(Failure::Broken(fault)) => Err(fault),
        }
    }
}

/// The same world all through an hour, with what is due soon due soon.
fn this_hour(now: Timestamp) -> Timestamp {
    Timestamp::from_seconds(now.seconds() - now.seconds().rem_euclid(3_600))
}

fn report(filled: &Filled, took: Duration, base_url: &str) {
    let engine = match filled.engine {
        Engine::Sqlite => "SQLite",
        Engine::Postgres => "PostgreSQL",
    };
    let millis = took.as_millis().max(1);
    let rate = u128::from(filled.messages) * 1_000 / millis;
    terminal::say(&format!(
        "{} messages in {} tickets in {}.{} s: {rate} messages a second ({engine})",
        filled.messages,
        filled.tickets,
        millis / 1_000,
        millis % 1_000 / 100
    ));
    terminal::say("");
    terminal::say("People who can sign in:");
    for (name, role, address) in &filled.team {
        terminal::say(&format!("  {address:<32} {name}, {role}"));
    }
    terminal::say(&format!("The password of everybody: {PASSWORD}"));
    terminal::say(&format!("Run `recourse serve` and open {base_url}"));
}

/// A bar on a terminal, a line at every tenth elsewhere.
struct Shown {
    bar: ProgressBar,
    tickets: u64,
    tenths: u64,
}

impl Shown {
    fn new(tickets: u32) -> Self {
        let tickets = u64::from(tickets);
        let bar = ProgressBar::with_draw_target(Some(tickets), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(
            "{bar:40} {pos} of {len} tickets, {msg} messages, {eta} left",
        ) {
            bar.set_style(style);
        }
        Self { bar, tickets, tenths: 0 }
    }

    fn step(&mut self, progress: Progress) {
        if !self.bar.is_hidden() {
            self.bar.set_message(progress.messages.to_string());
            self.bar.set_position(progress.tickets);
            return;
        }
        let tenths = progress.tickets * 10 / self.tickets.max(1);
        if tenths > self.tenths {
            self.tenths = tenths;
            let Progress { tickets, messages } = progress;
            terminal::say(&format!("{tickets} of {} tickets, {messages} messages", self.tickets));
        }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}
