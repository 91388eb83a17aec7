//! Worlds to measure on, filled by the program itself.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use database::{Db, Location};
use std::process::Stdio;

use crate::Order;
use crate::server::program;

/// The folder of a world with so many tickets, filled when it is first needed.
pub(crate) async fn world(order: &Order, tickets: u32) -> Result<PathBuf> {
    let data = order.folder.join(format!("world-{tickets}"));
    let is_filled = data.join("filled");
    if is_filled.exists() {
        return Ok(data);
    }
    let mut command = program(order, &data);
    command.arg("demo").args(["--tickets", &tickets.to_string()]).stdout(Stdio::null());
    let status = command.status().await.context("the program cannot be started")?;
    if !status.success() {
        bail!("no world of {tickets} tickets could be filled");
    }
    std::fs::write(is_filled, "")?;
    Ok(data)
}

/// The database of a world, beside the program that runs on it.
pub(crate) async fn database(order: &Order, data: &Path) -> Result<Db> {
    let location = match &order.database_url {
        Some(url) => url.parse()?,
        None => Location::File(data.join("recourse.db")),
    };
    Db::open_unchanged(&location).await
}

/// An installation in which nothing is set up.
pub(crate) fn nothing(order: &Order, name: &str) -> Result<PathBuf> {
    let data = order.folder.join(name);
    if data.exists() {
        std::fs::remove_dir_all(&data)?;
    }
    std::fs::create_dir_all(&data)?;
    Ok(data)
}

/// Another one for each run, so that no mail is one that came before.
pub(crate) fn run_number() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}
