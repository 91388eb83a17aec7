//! `bench`: what this program does on this machine.

use std::path::PathBuf;

use ::bench::{Figure, Order, What};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use database::Location;

use super::terminal;
use crate::config::Settings;
use crate::log;

#[derive(Args)]
pub(super) struct Bench {
    /// What to measure [default: everything but growth]
    #[arg(value_enum)]
    what: Vec<Measure>,
    /// The size of the world that is filled for it
    #[arg(long, default_value_t = 100_000)]
    tickets: u32,
    /// How many runs a figure is the median of
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only print, and end well where a limit was missed, too
    #[arg(long)]
    only_print: bool,
    /// A folder for the worlds, which are kept and used again [default: one that is removed]
    #[arg(long)]
    worlds: Option<PathBuf>,
}

/// A limit was missed on this machine.
const MISSED: u8 = 1;

#[derive(Clone, Copy, ValueEnum)]
enum Measure {
    /// Starting, and the memory of a server that does nothing
    Start,
    /// Pages, one after the other and many at once, and the search
    Pages,
    /// Mails into tickets
    Mail,
    /// Three times as many requests as can be answered
    Overload,
    /// The inbox of this world against that of one with 1,000 tickets
    Growth,
}

impl Bench {
    /// Runs this very program as a server of its own; the installation that is here is not touched.
    pub(super) async fn run(self, settings: Settings) -> Result<u8> {
        log::start(log::Kind::Command);
        let own = tempfolder()?;
        let order = Order {
            program: std::env::current_exe().context("this program cannot find itself")?,
            folder: self.worlds.clone().unwrap_or_else(|| own.clone()),
            database_url: match settings.database {
                Location::File(_) => None,
                Location::Postgres(url) => Some(url),
            },
            tickets: self.tickets,
            password: ::demo::PASSWORD.to_owned(),
            rounds: self.rounds.max(1),
            what: self.what(),
        };
        std::fs::create_dir_all(&order.folder)?;
        let done = ::bench::run(&order, &mut say).await;
        std::fs::remove_dir_all(&own)?;
        let missed = done?;
        for limit in &missed {
            terminal::complain(limit);
        }
        Ok(if missed.is_empty() || self.only_print { 0 } else { MISSED })
    }

    fn what(&self) -> Vec<What> {
        if self.what.is_empty() {
            return vec![What::Start, What::Pages, What::Overload, What::Mail];
        }
        let of = |measure: &Measure| match measure {
            Measure::Start => What::Start,
            Measure::Pages => What::Pages,
            Measure::Mail => What::Mail,
            Measure::Overload => What::Overload,
            Measure::Growth => What::Growth,
        };
        self.what.iter().map(of).collect()
    }
}

fn tempfolder() -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("recourse-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).context("no folder for the worlds can be made")?;
    Ok(folder)
}

fn say(figure: &Figure) {
    terminal::say(&format!("{}: {}", figure.what, figure.result));
}
