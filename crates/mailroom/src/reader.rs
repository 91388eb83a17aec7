//! Reading what was stored: each mail becomes a ticket, goes on in one, or is held.
//!
//! What takes time (parsing, asking the DNS, storing files) happens before the transaction, for
//! many mails side by side, and a mail that takes long keeps no other waiting. In the transaction
//! each mail is on its own: one that fails takes nothing else along, and after three tries it
//! becomes a ticket that says so.

mod incoming;
mod judge;
mod underway;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use accounts::Accounts;
use anyhow::{Context, Result, anyhow};
use database::{Db, Engine, Tx};
use email::{Dns, Limits, Reading, Trust};
use files::{Files, MediaType};
use futures_util::FutureExt;
use kernel::{InboxId, LedgerId, SharedClock, Span};
use keys::Keys;
use tickets::StoredFile;
use tickets::actions::{Incoming, Office};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::ledger::{Outcome, Waiting};
use crate::store::{connections, ledger};
use incoming::incoming;
use judge::{UNREADABLE, decide, next_try, unreadable};
use underway::{Read, TOGETHER, Underway};

/// Reads stored mails. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    pub db: Db,
    pub clock: SharedClock,
    pub accounts: Accounts,
    pub keys: Keys,
    pub files: Files,
    pub dns: Dns,
}

/// A mail that is not ready to be written down by then counts as tried. Less than the lease.
const PREPARED_WITHIN: Duration = Duration::from_secs(45);
const LEASE: Span = Span::seconds(60);
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// What is ready within this time of the last commit is written down in one: nobody sees the delay,
/// and whoever takes mail in waits for fewer commits.
const BETWEEN_COMMITS: Duration = Duration::from_millis(25);

/// What all mails that are taken up together need to know.
struct Desk {
    office: Office,
    /// The server of each inbox whose findings about a sender are believed.
    trusted: HashMap<InboxId, String>,
}

impl Reader {
    /// Reads whatever arrives until `stop`.
    pub async fn run(self, arrived: Arc<Notify>, stop: CancellationToken) {
        let mut notices = self.db.notices();
        let mut underway = Underway::default();
        let mut may_wait_more = true;
        let mut written = Instant::now();
        while !stop.is_cancelled() {
            if may_wait_more {
                may_wait_more = false;
                if let Err(fault) = self.take_up(&mut underway).await {
                    tracing::error!("stored mails cannot be taken up: {fault:#}");
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                mut done = underway.done(), if !underway.is_empty() => {
                    may_wait_more = true;
                    let rest = BETWEEN_COMMITS.saturating_sub(written.elapsed());
                    // Not where as many are ready as fit into a commit.
                    if done.len() < TOGETHER && !rest.is_zero() {
                        tokio::time::sleep(rest).await;
                        underway.add_ready(&mut done);
                    }
                    if let Err(fault) = self.write_down(done).await {
                        tracing::error!("stored mails cannot be read: {fault:#}");
                        stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await;
                    }
                    written = Instant::now();
                }
                () = arrived.notified() => may_wait_more = true,
                () = mail_in(&mut notices), if self.db.engine() == Engine::Postgres => {
                    may_wait_more = true;
                }
                () = tokio::time::sleep(LOOK_EVERY) => may_wait_more = true,
            }
        }
    }

    /// Reads the oldest mails that wait, to the end. Says how many there were.
    pub async fn read_some(&self) -> Result<usize> {
        let mut underway = Underway::default();
        let count = self.take_up(&mut underway).await?;
        while !underway.is_empty() {
            self.write_down(underway.done().await).await?;
        }
        Ok(count)
    }

    /// Begins to read the oldest mails that wait, as many as there is room for.
    async fn take_up(&self, underway: &mut Underway) -> Result<usize> {
        let waiting = self.take(&underway.ids(), underway.room()).await?;
        let count = waiting.len();
        if count == 0 {
            return Ok(0);
        }
        let trusted = connections::trusted_hosts(&mut self.db.read().await?).await?;
        let office = Office::open(&self.accounts, &self.keys).await?;
        let desk = Arc::new(Desk { office, trusted });
        for mail in waiting {
            let desk = Arc::clone(&desk);
            let (reader, room) = (self.clone(), underway.room_for(&mail));
            underway.add(mail.id, async move {
                let room = room.await;
                let work = AssertUnwindSafe(reader.prepare(&mail, &desk)).catch_unwind();
                let prepared = match tokio::time::timeout(PREPARED_WITHIN, work).await {
                    Ok(Ok(prepared)) => prepared,
                    Ok(Err(_)) => Err(anyhow!("reading it panicked")),
                    Err(_) => Err(anyhow!("reading it took longer than {PREPARED_WITHIN:?}")),
                };
                Read { mail, prepared, _room: room }
            });
        }
        Ok(count)
    }

    /// Writes down what became of mails that were read.
    async fn write_down(&self, mut done: Vec<Read>) -> Result<()> {
        done.sort_unstable_by_key(|read| read.mail.id);
        let ids: Vec<LedgerId> = done.iter().map(|read| read.mail.id).collect();
        let office = Office::open(&self.accounts, &self.keys).await?;
        let mut tx = self.db.begin().await?;
        for Read { mail, prepared, _room } in done {
            let (id, attempts) = (mail.id, mail.attempts);
            let settling = self.settle(&mut tx, &office, mail, prepared);
            let Ok(settled) = AssertUnwindSafe(settling).catch_unwind().await else {
                // Nobody knows where the transaction stands; the others are read again without it.
                drop(tx);
                return self.set_back(id, attempts, &ids).await;
            };
            settled?;
        }
        tx.commit().await
    }

    /// Counts a try of a mail whose handling panicked; after the last one it has failed.
    /// Those that were read with it are free again.
    async fn set_back(&self, id: LedgerId, attempts: i64, together: &[LedgerId]) -> Result<()> {
        tracing::error!(ledger = %id, "mail {id} could not be read: handling it panicked");
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        ledger::free(&mut tx, together).await?;
        match next_try(attempts, now) {
            Some(at) => ledger::count_attempt(&mut tx, id, UNREADABLE, at).await?,
            None => drop(ledger::settle(&mut tx, id, &Outcome::failed(UNREADABLE), now).await?),
        }
        tx.commit().await
    }

    async fn take(&self, underway: &[LedgerId], room: i64) -> Result<Vec<Waiting>> {
        let now = self.clock.now();
        if room == 0 {
            return Ok(Vec::new());
        }
        match self.db.engine() {
            // One process, one reader.
            Engine::Sqlite => {
                let mut conn = self.db.read().await?;
                ledger::waiting(&mut conn, now, underway, room).await
            }
            Engine::Postgres => {
                let mut tx = self.db.begin().await?;
                let mails = ledger::lease(&mut tx, now, LEASE, room).await?;
                tx.commit().await?;
                Ok(mails)
            }
        }
    }

    /// Everything about a mail that takes time.
    async fn prepare(&self, mail: &Waiting, desk: &Desk) -> Result<Prepared> {
        let source = ledger::source(&mut self.db.read().await?, mail.id).await?;
        let bytes: Arc<[u8]> = source.context("a mail without its source")?.into();
        let parsed = Arc::clone(&bytes);
        // Parsing is work for a thread of its own only where it may take long.
        let reading = if bytes.len() > 256 * 1024 {
            tokio::task::spawn_blocking(move || email::read(&parsed, &Limits::default())).await?
        } else {
            email::read(&bytes, &Limits::default())
        };
        let trusted = desk.trusted.get(&mail.inbox).cloned();
        let trust = Trust { hosts: trusted.into_iter().collect(), sealers: Vec::new() };
        let check = email::authenticate(&bytes, &reading, &trust, &self.dns).await;
        let mut stored = Vec::with_capacity(reading.attachments.len());
        for file in &reading.attachments {
            stored.push(StoredFile {
                hash: self.files.put(file.bytes.clone()).await?,
                name: file.name.clone(),
                media_type: MediaType::of(&file.bytes),
                size_bytes: kernel::count(file.bytes.len()),
                content_id: file.content_id.clone().filter(|_| file.inline),
            });
        }
        let incoming = incoming(mail, &reading, &check, stored, &desk.office);
        Ok(Prepared { reading, incoming })
    }

    /// Writes down what becomes of one mail. Whatever goes wrong with it stays with it.
    async fn settle(
        &self,
        tx: &mut Tx,
        office: &Office,
        mail: Waiting,
        prepared: Result<Prepared>,
    ) -> Result<()> {
        tx.mark().await?;
        let outcome = match prepared {
            Ok(prepared) => decide(tx, office, &mail, &prepared).await,
            Err(fault) => Err(fault),
        };
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(fault) => {
                tx.undo_to_mark().await?;
                tx.mark().await?;
                match unreadable(tx, office, &mail, &fault).await? {
                    Some(outcome) => outcome,
                    None => return tx.keep_since_mark().await,
                }
            }
        };
        metrics::counter!("recourse_mails_handled_total", "fate" => outcome.fate.as_str())
            .increment(1);
        if ledger::settle(tx, mail.id, &outcome, self.clock.now()).await? {
            tx.keep_since_mark().await
        } else {
            // Another node read it while we did.
            tx.undo_to_mark().await
        }
    }
}

async fn mail_in(notices: &mut database::Notices) {
    while let Some(notice) = notices.next().await {
        if notice.is_none_or(|notice| &*notice == "mail-in" || &*notice == "*") {
            return;
        }
    }
    std::future::pending::<()>().await;
}

/// A mail after everything that takes time.
struct Prepared {
    reading: Reading,
    incoming: Incoming,
}
