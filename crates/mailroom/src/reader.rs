//! Reading what was stored: each mail becomes a ticket, goes on in one, or is held.
//!
//! What takes time (parsing, asking the DNS, storing files) happens before the transaction, and
//! in it each mail is on its own: one that fails takes nothing else along, and after three tries
//! it becomes a ticket that says so.

mod incoming;
mod judge;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use accounts::Accounts;
use anyhow::{Result, anyhow};
use database::{Db, Engine, Tx};
use email::{Dns, Limits, Reading, Trust};
use files::{Files, MediaType};
use futures_util::{FutureExt, StreamExt, stream};
use kernel::{LedgerId, SharedClock, Span};
use keys::Keys;
use tickets::StoredFile;
use tickets::actions::{Incoming, Office};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::connection::Connection;
use crate::ledger::{Outcome, Waiting};
use crate::store::ledger;
use incoming::incoming;
use judge::{UNREADABLE, decide, next_try, unreadable};

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

const TOGETHER: i64 = 32;
const AT_ONCE: usize = 8;
const LEASE: Span = Span::seconds(60);
const LOOK_EVERY: Duration = Duration::from_secs(2);

impl Reader {
    /// Reads whatever arrives until `stop`.
    pub async fn run(self, arrived: Arc<Notify>, stop: CancellationToken) {
        let mut notices = self.db.notices();
        while !stop.is_cancelled() {
            match self.read_some().await {
                Ok(0) => {}
                Ok(_) => continue,
                Err(fault) => tracing::error!("stored mails cannot be read: {fault:#}"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = arrived.notified() => {}
                () = mail_in(&mut notices), if self.db.engine() == Engine::Postgres => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Reads the oldest mails that wait. Says how many there were.
    pub async fn read_some(&self) -> Result<usize> {
        let waiting = self.take().await?;
        let count = waiting.len();
        if count == 0 {
            return Ok(0);
        }
        let office = Office::open(&self.accounts, &self.keys).await?;
        let prepared: Vec<(Waiting, Result<Prepared>)> = stream::iter(waiting)
            .map(|mail| async {
                let prepared = AssertUnwindSafe(self.prepare(&mail, &office)).catch_unwind().await;
                let prepared = prepared.unwrap_or_else(|_| Err(anyhow!("reading it panicked")));
                (mail, prepared)
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let mut tx = self.db.begin().await?;
        for (mail, prepared) in prepared {
            let (id, attempts) = (mail.id, mail.attempts);
            let settling = self.settle(&mut tx, &office, mail, prepared);
            let Ok(settled) = AssertUnwindSafe(settling).catch_unwind().await else {
                // Nobody knows where the transaction stands; the others are read again without it.
                drop(tx);
                self.set_back(id, attempts).await?;
                return Ok(count);
            };
            settled?;
        }
        tx.commit().await?;
        Ok(count)
    }

    /// Counts a try of a mail whose handling panicked; after the last one it has failed.
    async fn set_back(&self, id: LedgerId, attempts: i64) -> Result<()> {
        tracing::error!(ledger = %id, "mail {id} could not be read: handling it panicked");
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        match next_try(attempts, now) {
            Some(at) => ledger::count_attempt(&mut tx, id, UNREADABLE, at).await?,
            None => drop(ledger::settle(&mut tx, id, &Outcome::failed(UNREADABLE), now).await?),
        }
        tx.commit().await
    }

    async fn take(&self) -> Result<Vec<Waiting>> {
        match self.db.engine() {
            // One process, one reader.
            Engine::Sqlite => {
                ledger::waiting(&mut self.db.read().await?, self.clock.now(), TOGETHER).await
            }
            Engine::Postgres => {
                let mut tx = self.db.begin().await?;
                let mails = ledger::lease(&mut tx, self.clock.now(), LEASE, TOGETHER).await?;
                tx.commit().await?;
                Ok(mails)
            }
        }
    }

    /// Everything about a mail that takes time.
    async fn prepare(&self, mail: &Waiting, office: &Office) -> Result<Prepared> {
        let bytes: Arc<[u8]> = mail.bytes.as_slice().into();
        let parsed = Arc::clone(&bytes);
        // Parsing is work for a thread of its own only where it may take long.
        let reading = if bytes.len() > 256 * 1024 {
            tokio::task::spawn_blocking(move || email::read(&parsed, &Limits::default())).await?
        } else {
            email::read(&bytes, &Limits::default())
        };
        let trusted = Connection::find(&mut self.db.read().await?, mail.inbox)
            .await?
            .and_then(|connection| connection.trusted_host);
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
        let incoming = incoming(mail, &reading, &check, stored, office);
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
