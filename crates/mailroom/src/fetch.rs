//! Fetching over IMAP: one task an inbox, on one node at a time.

mod session;
mod troubles;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use database::{Db, Engine};
use egress::Guard;
use email::imap::Mailbox;
use futures_util::FutureExt;
use kernel::{InboxId, SharedClock, Span};
use rand::RngExt;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::connection::Connection;
use crate::intake::Intake;
use crate::oauth::Permissions;
use crate::store::health;
use session::{Going, Session};
use troubles::Troubles;

/// Fetches for all inboxes. Cheap to clone.
#[derive(Clone)]
pub struct Fetcher {
    pub db: Db,
    pub clock: SharedClock,
    pub intake: Intake,
    pub permissions: Permissions,
    pub guard: Guard,
    /// This node, among those that share the database.
    pub node: String,
    pub hello_name: String,
}

const MESSAGE_BYTES_MAX: usize = 25 * 1024 * 1024;
/// A node that does not renew its lease has gone.
const LEASE: Span = Span::seconds(60);
/// Woken this often, whatever the server says, to renew the lease.
const IDLE_FOR: Duration = Duration::from_secs(25);
const LOOK_EVERY: Duration = Duration::from_secs(5);
const PAUSE_FIRST: Duration = Duration::from_secs(2);
const PAUSE_LONGEST: Duration = Duration::from_mins(2);

/// An inbox that has its task.
struct AtWork {
    connection: Connection,
    ending: CancellationToken,
    task: Id,
}

impl Fetcher {
    /// Keeps one task for each inbox that is fetched, until `stop`. Settings that change end the
    /// tasks of their inboxes, and new ones begin with the new settings. A task that broke off is
    /// begun again at the next look.
    pub async fn run(self, stop: CancellationToken) {
        if self.db.engine() == Engine::Sqlite
            && let Err(fault) = self.free_leases().await
        {
            tracing::error!("inboxes of the last run cannot be freed: {fault:#}");
        }
        let mut at_work: HashMap<InboxId, AtWork> = HashMap::new();
        let mut tasks = JoinSet::new();
        while !stop.is_cancelled() {
            take_out_ended(&mut tasks, &mut at_work);
            let wanted = self.wanted().await.unwrap_or_else(|fault| {
                tracing::error!("inboxes cannot be read: {fault:#}");
                at_work.iter().map(|(id, work)| (*id, work.connection.clone())).collect()
            });
            at_work.retain(|inbox, work| {
                let wanted = wanted.get(inbox);
                let same = wanted.is_some_and(|wanted| same_settings(wanted, &work.connection));
                if !same {
                    work.ending.cancel();
                }
                same
            });
            for (inbox, connection) in wanted {
                if let Entry::Vacant(place) = at_work.entry(inbox) {
                    let ending = stop.child_token();
                    let task =
                        self.clone().keep_fetching(inbox, connection.clone(), ending.clone());
                    let task = tasks.spawn(task).id();
                    place.insert(AtWork { connection, ending, task });
                }
            }
            if stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
                break;
            }
        }
        let ended = async { while tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(Duration::from_secs(10), ended).await;
    }

    async fn wanted(&self) -> Result<HashMap<InboxId, Connection>> {
        let conn = self.db.read().await?;
        let mut wanted = HashMap::new();
        for inbox in Connection::fetched(&conn).await? {
            if let Some(connection) = Connection::find(&conn, inbox).await? {
                wanted.insert(inbox, connection);
            }
        }
        Ok(wanted)
    }

    async fn keep_fetching(self, inbox: InboxId, connection: Connection, stop: CancellationToken) {
        let mut pause = PAUSE_FIRST;
        let mut troubles = Troubles::default();
        while !stop.is_cancelled() {
            let outcome = match self.win_lease(inbox).await {
                Ok(true) => {
                    let fetching = self.fetch_until_it_breaks(inbox, &connection, &mut troubles);
                    let fetching = AssertUnwindSafe(fetching).catch_unwind();
                    match stop.run_until_cancelled(fetching).await {
                        Some(Ok(outcome)) => outcome,
                        // A mail that brought it about is set aside like one that breaks the
                        // connection.
                        Some(Err(_)) => Err(anyhow!("fetching panicked")),
                        None => break,
                    }
                }
                Ok(false) => {
                    troubles = Troubles::default();
                    Ok(())
                }
                Err(fault) => Err(fault),
            };
            match outcome {
                // Another node fetches, or the server ended the connection in good order.
                Ok(()) => pause = PAUSE_FIRST,
                Err(fault) => {
                    tracing::warn!(%inbox, "inbox {inbox} cannot be fetched: {fault:#}");
                    metrics::counter!("recourse_fetch_faults_total").increment(1);
                    if let Err(fault) = self.note_fault(inbox, &fault.to_string()).await {
                        tracing::error!(%inbox, "the health of inbox {inbox} cannot be noted: {fault:#}");
                    }
                    // The others should not wait long for the mail that may be the cause.
                    let soon = troubles.broke_fetching();
                    pause = if soon { PAUSE_FIRST } else { (pause * 2).min(PAUSE_LONGEST) };
                }
            }
            let jitter = rand::rng().random_range(0.75..1.25);
            stop.run_until_cancelled(tokio::time::sleep(pause.mul_f64(jitter))).await;
        }
        if let Err(fault) = self.give_up_lease(inbox).await {
            tracing::debug!(%inbox, "the lease of inbox {inbox} runs out by itself: {fault:#}");
        }
    }

    async fn fetch_until_it_breaks(
        &self,
        inbox: InboxId,
        connection: &Connection,
        troubles: &mut Troubles,
    ) -> Result<()> {
        let endpoint = connection.imap.as_ref().context("an inbox without IMAP")?;
        let credentials = self.permissions.imap(inbox, connection).await?;
        let server = endpoint.server(&self.hello_name);
        let mut mailbox =
            Mailbox::connect(&server, &credentials, MESSAGE_BYTES_MAX, &self.guard).await?;
        let mut session = Session { fetcher: self, inbox, connection, troubles };
        session.begin(&mut mailbox).await?;
        while session.catch_up(&mut mailbox).await? == Going::On
            && self.still_ours(inbox).await? == Going::On
        {
            mailbox.idle(IDLE_FOR).await?;
        }
        mailbox.logout().await;
        Ok(())
    }

    /// Renews the lease after a piece of work that went well.
    async fn still_ours(&self, inbox: InboxId) -> Result<Going> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let won = health::win_lease(&mut tx, inbox, &self.node, now, now + LEASE).await?;
        if won {
            health::note_success(&mut tx, inbox, now).await?;
        }
        tx.commit().await?;
        Ok(if won { Going::On } else { Going::Over })
    }

    /// Fetches for this inbox from now on, if no other node does.
    async fn win_lease(&self, inbox: InboxId) -> Result<bool> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let won = health::win_lease(&mut tx, inbox, &self.node, now, now + LEASE).await?;
        tx.commit().await?;
        Ok(won)
    }

    async fn give_up_lease(&self, inbox: InboxId) -> Result<()> {
        let mut tx = self.db.begin().await?;
        health::give_up_lease(&mut tx, inbox, &self.node).await?;
        tx.commit().await
    }

    /// Only right where this process is the database's only user: what holds a lease was killed.
    async fn free_leases(&self) -> Result<()> {
        let mut tx = self.db.begin().await?;
        health::free_leases(&mut tx).await?;
        tx.commit().await
    }

    async fn note_fault(&self, inbox: InboxId, fault: &str) -> Result<()> {
        let mut tx = self.db.begin().await?;
        health::note_fault(&mut tx, inbox, fault, self.clock.now()).await?;
        tx.commit().await
    }
}

/// Takes out the inboxes whose tasks ended although nobody told them to.
fn take_out_ended(tasks: &mut JoinSet<()>, at_work: &mut HashMap<InboxId, AtWork>) {
    while let Some(ended) = tasks.try_join_next_with_id() {
        let task = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        let inbox = at_work.iter().find(|(_, work)| work.task == task).map(|(inbox, _)| *inbox);
        let Some(inbox) = inbox else { continue };
        at_work.remove(&inbox);
        if ended.is_err() {
            tracing::error!(%inbox, "fetching for inbox {inbox} broke off; it is begun again");
        }
    }
}

pub(crate) fn same_settings(a: &Connection, b: &Connection) -> bool {
    // New tokens of a provider are no new settings.
    let tokenless = |connection: &Connection| {
        let mut plain = connection.clone();
        if let Some(oauth) = &mut plain.oauth {
            oauth.access_token = None;
            oauth.expires_at = None;
            oauth.refused = None;
            // Some providers hand out a new one with every token; the first one is news.
            oauth.refresh_token = oauth.refresh_token.take().map(|_| String::new());
        }
        plain
    };
    tokenless(a) == tokenless(b)
}
