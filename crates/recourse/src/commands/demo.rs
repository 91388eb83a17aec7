//! `demo`: a world to look at.

use std::time::{Duration, Instant};

use ::demo::{Filled, Order, PASSWORD};
use anyhow::Result;
use clap::Args;
use database::{Engine, Location};
use kernel::{Failure, SharedClock, Timestamp};

use super::progress::Progress;
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
        let mut shown = Progress::new("tickets", order.tickets.into());
        let began = Instant::now();
        let (db, files) = (&foundation.db, &foundation.files);
        let done = ::demo::fill(db, files, &order, &mut |done| {
            shown.step(done.tickets, &format!(", {} messages", done.messages));
        })
        .await;
        let took = began.elapsed();
        shown.end();
        foundation.db.close().await;
        match done {
            Ok(filled) => {
                report(&filled, took, &settings);
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

fn report(filled: &Filled, took: Duration, settings: &Settings) {
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
    let data = settings.data.display();
    terminal::say(&format!("Run `recourse serve --data {data}` and open {}", settings.base_url));
}
