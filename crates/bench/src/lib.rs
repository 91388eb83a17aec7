//! Measures the program from outside: it is started as a process of its own on a world of its own,
//! and asked as browsers and mail servers ask it.
//!
//! What is measured is time, the processor's time that the server took (as the system counts it),
//! and its memory. The generator runs on the same machine; what it took itself is printed too.

mod figures;
mod mails;
mod measures;
mod process;
mod server;
mod store;
mod visitor;
mod world;

use std::path::PathBuf;

use anyhow::Result;

pub use figures::Figure;
pub use measures::What;

/// What to measure, and with what.
#[derive(Clone, Debug)]
pub struct Order {
    /// The program that is measured.
    pub program: PathBuf,
    /// An empty folder for worlds; they are left there.
    pub folder: PathBuf,
    /// Takes the place of SQLite. It has to be empty, and is filled.
    pub database_url: Option<String>,
    /// The size of the world.
    pub tickets: u32,
    /// The password of everybody in the world, as the program fills it.
    pub password: String,
    /// Each figure is the median of so many runs, where a run is short.
    pub rounds: usize,
    pub what: Vec<What>,
}

/// Measures, and says each figure as soon as it is there. Gives the limits that were missed.
pub async fn run(order: &Order, say: &mut (dyn FnMut(&Figure) + Send)) -> Result<Vec<String>> {
    let mut missed = Vec::new();
    for what in &order.what {
        for figure in measures::take(order, *what).await? {
            say(&figure);
            missed.extend(figure.missed);
        }
    }
    Ok(missed)
}
