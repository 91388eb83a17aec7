//! Fills a database: one thread thinks up the world, another writes it.

use std::sync::Arc;

use accounts::NewPassword;
use anyhow::{Context, Result};
use database::bulk::{self, WordIndex};
use database::{Db, Engine, Tx};
use files::Files;
use kernel::{Failure, Refusal};
use tokio::sync::mpsc;

use crate::attached;
use crate::batch::{Batch, Collector, File, Ids};
use crate::fate::Calendar;
use crate::rng::Rng;
use crate::shop::{AGENTS, Shop};
use crate::store::shop::address_of;
use crate::store::tables::TABLES;
use crate::store::{ids, shop};
use crate::world::{First, Order, World};

/// What everybody of the team types to sign in.
pub const PASSWORD: &str = "lighthouse under maps";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DemoRefusal {
    #[error(
        "this database has tickets already, and the demo would mix its own among them; name an \
         empty data folder or database"
    )]
    HasTickets,
    #[error("ask for at least one ticket and for {TICKETS_MAX} at most")]
    Count,
}

impl Refusal for DemoRefusal {}

const TICKETS_MAX: u32 = 1_000_000;

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub tickets: u64,
    pub messages: u64,
}

/// What was filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    pub engine: Engine,
    pub tickets: u64,
    pub messages: u64,
    /// Who can sign in: name, role, address.
    pub team: Vec<(&'static str, &'static str, String)>,
}

/// Messages that are written together.
const BATCH_MESSAGES: u64 = 4_000;
/// Batches that wait to be written.
const BATCHES_AHEAD: usize = 2;
/// Messages that are committed together.
const COMMIT_MESSAGES: u64 = 50_000;

/// Fills an empty database with a world; fastest one that was opened by [`Db::open_to_fill`].
pub async fn fill(
    db: &Db,
    files: &Files,
    order: &Order,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Filled, Failure<DemoRefusal>> {
    if order.tickets == 0 || order.tickets > TICKETS_MAX {
        return Err(DemoRefusal::Count.into());
    }
    if ids::has_tickets(&db.read().await?).await? {
        return Err(DemoRefusal::HasTickets.into());
    }
    let stored = attached::store(files).await?;
    let password = NewPassword::read(PASSWORD, &[]).context("the password of the demo")?;
    let password_hash = accounts::hash_password(password).await?;
    let done = write(db, order, stored, &password_hash, progress).await;
    db.settle().await?;
    let done = done?;
    Ok(Filled {
        engine: db.engine(),
        tickets: done.tickets,
        messages: done.messages,
        team: AGENTS
            .iter()
            .map(|agent| (agent.name, agent.role.as_str(), address_of(agent.name)))
            .collect(),
    })
}

async fn write(
    db: &Db,
    order: &Order,
    files: Vec<File>,
    password_hash: &str,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Progress> {
    let mut tx = db.begin().await?;
    let (first, ids) = ids::free(&mut tx).await?;
    let opening = Calendar::new(order.tickets, order.now).opening();
    let mut rng = Rng::of(order.seed, 9);
    let shop = shop::open(&mut tx, &mut rng, password_hash, opening, order.now).await?;
    shop::note_files(&mut tx, &files, opening).await?;
    let words = WordIndex::hold(&mut tx).await?;
    let mut batches = thought_up(*order, shop, files, db.engine(), (first, ids));
    let (mut done, mut since_commit) = (Progress::default(), 0);
    while let Some(batch) = batches.recv().await {
        let Batch { rows, messages, tickets } = batch?;
        for rows in rows {
            rows.insert(&mut tx).await?;
        }
        done.messages += messages;
        done.tickets += tickets;
        since_commit += messages;
        progress(done);
        // PostgreSQL loses nothing by one large transaction, and takes the index back with it.
        if since_commit > COMMIT_MESSAGES && db.engine() == Engine::Sqlite {
            since_commit = 0;
            words.catch_up(&mut tx).await?;
            tx = next(tx, db).await?;
        }
    }
    bulk::continue_ids(&mut tx, &TABLES).await?;
    bulk::continue_ids(&mut tx, &[search::DOCUMENTS]).await?;
    words.complete(&mut tx).await?;
    ids::analyze(&mut tx).await?;
    tx.commit().await?;
    Ok(done)
}

async fn next(tx: Tx, db: &Db) -> Result<Tx> {
    tx.commit().await?;
    db.begin().await
}

/// Thinks the world up on a thread of its own, at most a few batches ahead.
fn thought_up(
    order: Order,
    shop: Arc<Shop>,
    files: Vec<File>,
    engine: Engine,
    (first, ids): (First, Ids),
) -> mpsc::Receiver<Result<Batch>> {
    let (send, batches) = mpsc::channel(BATCHES_AHEAD);
    tokio::task::spawn_blocking(move || {
        if let Err(fault) = think(order, &shop, &files, engine, (first, ids), &send) {
            // Whoever asked is gone when this cannot be said.
            let _ = send.blocking_send(Err(fault));
        }
    });
    batches
}

fn think(
    order: Order,
    shop: &Arc<Shop>,
    files: &[File],
    engine: Engine,
    (first, ids): (First, Ids),
    to: &mpsc::Sender<Result<Batch>>,
) -> Result<()> {
    let mut world = World::new(order, shop.clone(), first)?;
    let mut collector = Collector::new(shop, files, engine, order.seed, ids);
    while let Some(new) = world.next()? {
        collector.add(new)?;
        if collector.messages() >= BATCH_MESSAGES && to.blocking_send(collector.take()).is_err() {
            return Ok(());
        }
    }
    let _ = to.blocking_send(collector.take());
    Ok(())
}
