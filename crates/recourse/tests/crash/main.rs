//! The server is killed again and again while mail comes in through every door and leaves. What
//! was acknowledged is there, once; what left twice left in the one moment in which it may.
//!
//! `RECOURSE_CRASH_MAILS`, `_KILLS` and `_SEED` say how long it goes on and what happens, and
//! `RECOURSE_CRASH_PROGRAM` which program is killed. `bin/soak` runs the long form.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests stop at the first surprise, as the tests do"
)]

#[path = "../world/mod.rs"]
#[expect(dead_code, unused_imports, unused_macros, reason = "the other tests use the rest of it")]
mod world;

mod arrived;
mod doors;
mod driver;
mod ledger;
mod order;
mod sent;
mod server;

use std::time::Instant;

use driver::Driver;
use order::{Order, say};
use world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    nothing_is_lost("SQLite", World::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    nothing_is_lost("PostgreSQL", World::on_postgres().await).await;
}

async fn nothing_is_lost(database: &str, world: World) {
    let order = Order::given();
    let (mails, kills, seed) = (order.mails, order.kills, order.seed);
    say(&format!("seed {seed}: crash loop, {database}, {mails} mails, {kills} kills"));
    let begun = Instant::now();
    let driver = Driver::new(world, order).await;
    let server = driver.sends_and_kills().await;
    driver.lets_everything_settle().await;
    let arrived = driver.compares_what_is_there().await;
    let sent = driver.compares_what_left().await;
    let (faults, panics) = server.complaints();
    server.kill().await;
    let (is_clean, said) = driver.checks().await;
    let check = if is_clean { "check clean".to_owned() } else { format!("check says {said}") };
    let seconds = begun.elapsed().as_secs();
    say(&format!("crash loop, {database}: {arrived}, {check}, {seconds} s"));
    say(&format!("crash loop, {database}, outbox: {sent}"));
    // What a busy machine or a killed neighbour brings about is no loss, and worth a look.
    let some = faults.iter().take(FAULTS_SHOWN);
    some.for_each(|fault| say(&format!("  the log has an error: {fault}")));
    let problems = [arrived.problems, sent.problems, panics].concat().join("\n");
    assert!(problems.is_empty() && is_clean, "seed {seed}: {check}\n{problems}");
}

const FAULTS_SHOWN: usize = 5;
