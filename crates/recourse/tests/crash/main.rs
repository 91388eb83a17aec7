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
mod backups;
mod broken;
mod cluster;
mod disk;
mod doors;
mod driver;
mod faults;
mod ledger;
mod nodes;
mod order;
mod sent;
mod server;
mod stopping;
mod storm;
mod unclean;

use std::time::Instant;

use driver::Driver;
use order::{Order, say};
use world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    nothing_is_lost("crash loop, SQLite", World::on_sqlite().await, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    nothing_is_lost("crash loop, PostgreSQL", World::on_postgres().await, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_disk() {
    if !disk::Disk::can_be_mounted() {
        return say("full disk, SQLite: not run, for disks can be mounted by root alone");
    }
    faults::full_disk(World::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failing_disk() {
    if !disk::Disk::can_be_mounted() {
        return say("failing disk, SQLite: not run, for disks can be mounted by root alone");
    }
    Box::pin(faults::failing_disk(World::on_sqlite().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failing_folder() {
    if !disk::Disk::can_be_mounted() {
        return say("failing folder, SQLite: not run, for disks can be mounted by root alone");
    }
    Box::pin(faults::failing_folder(World::on_sqlite().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_file() {
    unclean::damage_is_found_after_a_kill(World::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn busy_backups_sqlite() {
    backups::of_a_busy_server("backups, SQLite", World::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn busy_backups_postgres() {
    backups::of_a_busy_server("backups, PostgreSQL", World::on_postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_restore() {
    backups::of_a_large_one("large restore, SQLite", World::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes() {
    Box::pin(nodes::withstand("two nodes, PostgreSQL")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_request_sqlite() {
    broken::tells_its_reason_to_the_log_alone(World::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_request_postgres() {
    broken::tells_its_reason_to_the_log_alone(World::on_postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stop_with_a_silent_peer_sqlite() {
    stopping::waits_for_nobody_without_end(World::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stop_with_a_silent_peer_postgres() {
    stopping::waits_for_nobody_without_end(World::on_postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rolling_restart() {
    Box::pin(stopping::nobody_notices_a_rolling_restart()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restart_storm_sqlite() {
    storm::is_weathered("restart storm, SQLite", World::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restart_storm_postgres() {
    storm::is_weathered("restart storm, PostgreSQL", World::on_postgres().await).await;
}

/// With each kill, what was not synced is lost, too. PostgreSQL keeps that promise by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power() {
    if !disk::Disk::can_be_mounted() {
        return say("power loss, SQLite: not run, for disks can be mounted by root alone");
    }
    nothing_is_lost("power loss, SQLite", World::on_sqlite().await, true).await;
}

async fn nothing_is_lost(name: &str, world: World, losing_power: bool) {
    let order = Order::given();
    let (mails, kills, seed) = (order.mails, order.kills, order.seed);
    say(&format!("seed {seed}: {name}, {mails} mails, {kills} kills"));
    let begun = Instant::now();
    let driver = Driver::new(world, order, losing_power).await;
    let server = driver.sends_and_kills().await;
    driver.lets_everything_settle().await;
    let arrived = driver.compares_what_is_there().await;
    let sent = driver.compares_what_left().await;
    let (faults, panics) = server.complaints();
    server.kill().await;
    let (is_clean, said) = driver.checks().await;
    let check = if is_clean { "check clean".to_owned() } else { format!("check says {said}") };
    let seconds = begun.elapsed().as_secs();
    let syncs = if losing_power { format!(", {} syncs", driver.syncs()) } else { String::new() };
    say(&format!("{name}: {arrived}, {check}{syncs}, {seconds} s"));
    say(&format!("{name}, outbox: {sent}"));
    // What a busy machine or a killed neighbour brings about is no loss, and worth a look.
    let some = faults.iter().take(FAULTS_SHOWN);
    some.for_each(|fault| say(&format!("  the log has an error: {fault}")));
    let problems = [arrived.problems, sent.problems, panics].concat().join("\n");
    assert!(problems.is_empty() && is_clean, "seed {seed}: {check}\n{problems}");
}

const FAULTS_SHOWN: usize = 5;
