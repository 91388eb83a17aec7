//! Fetching over IMAP: one task an inbox, on one node at a time.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result};
use database::{Conn, Db, params};
use egress::Guard;
use email::imap::{Body, Fetched, Mailbox, Selected};
use kernel::{InboxId, SharedClock, Span, Timestamp};
use rand::RngExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::connection::{AfterFetch, Connection};
use crate::intake::{Cursor, Intake};
use crate::ledger::Door;
use crate::oauth::Permissions;
use crate::reader::is_before;

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
const BATCH: usize = 50;
/// A node that does not renew its lease has gone.
const LEASE: Span = Span::seconds(60);
/// Woken this often, whatever the server says, to renew the lease.
const IDLE_FOR: Duration = Duration::from_secs(25);
const LOOK_EVERY: Duration = Duration::from_secs(5);
const PAUSE_FIRST: Duration = Duration::from_secs(2);
const PAUSE_LONGEST: Duration = Duration::from_mins(2);
/// Without a successful look for this long somebody has to know.
pub(crate) const SILENT_AFTER: Span = Span::minutes(5);

impl Fetcher {
    /// Keeps one task for each inbox that is fetched, until `stop`. Settings that change end the
    /// tasks of their inboxes, and new ones begin with the new settings.
    pub async fn run(self, stop: CancellationToken) {
        let mut at_work: HashMap<InboxId, (Connection, CancellationToken)> = HashMap::new();
        let mut tasks = JoinSet::new();
        while !stop.is_cancelled() {
            let wanted = self.wanted().await.unwrap_or_else(|fault| {
                tracing::error!("inboxes cannot be read: {fault:#}");
                at_work.iter().map(|(id, (connection, _))| (*id, connection.clone())).collect()
            });
            at_work.retain(|inbox, (connection, ending)| {
                let same =
                    wanted.get(inbox).is_some_and(|wanted| same_settings(wanted, connection));
                if !same {
                    ending.cancel();
                }
                same
            });
            for (inbox, connection) in wanted {
                if !at_work.contains_key(&inbox) {
                    let ending = stop.child_token();
                    let task =
                        self.clone().keep_fetching(inbox, connection.clone(), ending.clone());
                    tasks.spawn(task);
                    at_work.insert(inbox, (connection, ending));
                }
            }
            while tasks.try_join_next().is_some() {}
            if stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
                break;
            }
        }
        let _ = tokio::time::timeout(Duration::from_secs(10), tasks.join_all()).await;
    }

    async fn wanted(&self) -> Result<HashMap<InboxId, Connection>> {
        let mut conn = self.db.read().await?;
        let mut wanted = HashMap::new();
        for inbox in Connection::fetched(&mut conn).await? {
            if let Some(connection) = Connection::find(&mut conn, inbox).await? {
                wanted.insert(inbox, connection);
            }
        }
        Ok(wanted)
    }

    async fn keep_fetching(self, inbox: InboxId, connection: Connection, stop: CancellationToken) {
        let mut pause = PAUSE_FIRST;
        while !stop.is_cancelled() {
            let outcome = match self.win_lease(inbox).await {
                Ok(true) => {
                    let fetching = self.fetch_until_it_breaks(inbox, &connection);
                    match stop.run_until_cancelled(fetching).await {
                        Some(outcome) => outcome,
                        None => break,
                    }
                }
                Ok(false) => Ok(()),
                Err(fault) => Err(fault),
            };
            match outcome {
                // Another node fetches, or the server ended the connection in good order.
                Ok(()) => pause = PAUSE_FIRST,
                Err(fault) => {
                    tracing::warn!(%inbox, "inbox {inbox} cannot be fetched: {fault:#}");
                    metrics::counter!("recourse_fetch_faults_total").increment(1);
                    if let Err(fault) = self.note(inbox, Some(&fault.to_string())).await {
                        tracing::error!(%inbox, "the health of inbox {inbox} cannot be noted: {fault:#}");
                    }
                    pause = (pause * 2).min(PAUSE_LONGEST);
                }
            }
            let jitter = rand::rng().random_range(0.75..1.25);
            stop.run_until_cancelled(tokio::time::sleep(pause.mul_f64(jitter))).await;
        }
        if let Err(fault) = self.give_up_lease(inbox).await {
            tracing::debug!(%inbox, "the lease of inbox {inbox} runs out by itself: {fault:#}");
        }
    }

    async fn fetch_until_it_breaks(&self, inbox: InboxId, connection: &Connection) -> Result<()> {
        let endpoint = connection.imap.as_ref().context("an inbox without IMAP")?;
        let credentials = self.permissions.imap(inbox, connection).await?;
        let server = endpoint.server(&self.hello_name);
        let mut mailbox =
            Mailbox::connect(&server, &credentials, MESSAGE_BYTES_MAX, &self.guard).await?;
        let mut session = Session { fetcher: self, inbox, connection };
        session.catch_up(&mut mailbox).await?;
        self.note(inbox, None).await?;
        loop {
            mailbox.idle(IDLE_FOR).await?;
            if !self.win_lease(inbox).await? {
                mailbox.logout().await;
                return Ok(());
            }
            session.catch_up(&mut mailbox).await?;
            self.note(inbox, None).await?;
        }
    }

    /// Fetches for this inbox from now on, if no other node does.
    async fn win_lease(&self, inbox: InboxId) -> Result<bool> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let won = tx
            .execute(
                "insert into mail_health (inbox_id, checked_at, fetcher, leased_until)
                 values ($1, $2, $3, $4)
                 on conflict (inbox_id) do update
                    set fetcher = excluded.fetcher, leased_until = excluded.leased_until,
                        checked_at = excluded.checked_at
                  where mail_health.fetcher = excluded.fetcher
                     or mail_health.fetcher is null
                     or mail_health.leased_until < $2",
                params![inbox, now, &self.node, now + LEASE],
            )
            .await?;
        tx.commit().await?;
        Ok(won > 0)
    }

    async fn give_up_lease(&self, inbox: InboxId) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "update mail_health set fetcher = null where inbox_id = $1 and fetcher = $2",
            params![inbox, &self.node],
        )
        .await?;
        tx.commit().await
    }

    /// Notes whether fetching works, for the people who rely on it.
    async fn note(&self, inbox: InboxId, fault: Option<&str>) -> Result<()> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        match fault {
            None => {
                tx.execute(
                    "update mail_health set worked_at = $2, fault = null, alarmed_at = null
                      where inbox_id = $1",
                    params![inbox, now],
                )
                .await?;
            }
            Some(fault) => {
                tx.execute(
                    "update mail_health set fault = $2 where inbox_id = $1",
                    params![inbox, kernel::clip(fault, 500)],
                )
                .await?;
            }
        }
        tx.commit().await
    }
}

fn same_settings(a: &Connection, b: &Connection) -> bool {
    // New tokens of a provider are no new settings.
    let tokenless = |connection: &Connection| {
        let mut plain = connection.clone();
        if let Some(oauth) = &mut plain.oauth {
            oauth.access_token = None;
            oauth.expires_at = None;
            oauth.refused = None;
        }
        plain
    };
    tokenless(a) == tokenless(b)
}

/// One connection's work.
struct Session<'f> {
    fetcher: &'f Fetcher,
    inbox: InboxId,
    connection: &'f Connection,
}

impl Session<'_> {
    /// Fetches everything after the cursor.
    async fn catch_up(&mut self, mailbox: &mut Mailbox) -> Result<()> {
        let folder = self.connection.folder.clone();
        let selected = mailbox.select(&folder).await?;
        let known = cursor(&mut self.fetcher.db.read().await?, self.inbox, &folder).await?;
        let mut cursor = match known {
            Some(known) if known.uid_validity == selected.uid_validity => known,
            // The folder was made anew: everything is looked at again, and what we have is
            // recognised.
            Some(_) => self.begin(mailbox, &selected, &folder).await?,
            None => {
                let begun = self.begin(mailbox, &selected, &folder).await?;
                self.fetch_history(mailbox, &begun).await?;
                begun
            }
        };
        loop {
            let mails = mailbox.fetch_since(cursor.last_uid, BATCH).await?;
            let Some(last) = mails.last() else { return Ok(()) };
            cursor.last_uid = last.uid;
            let uids: Vec<u32> = mails.iter().map(|mail| mail.uid).collect();
            let arrivals: Vec<_> = mails
                .into_iter()
                .filter(|mail| !is_before(mail.internal_date, self.connection.fetch_from))
                .map(|mail| self.arrival(mail, false))
                .collect();
            self.fetcher.intake.store_fetched(&arrivals, self.inbox, &cursor).await?;
            self.tidy(mailbox, &uids).await?;
        }
    }

    /// Where to begin: before the first mail that came since the inbox was connected.
    async fn begin(
        &self,
        mailbox: &mut Mailbox,
        selected: &Selected,
        folder: &str,
    ) -> Result<Cursor> {
        let from = self.connection.fetch_from.unwrap_or(self.fetcher.clock.now());
        let recent = mailbox.uids_since(from).await?;
        let last_uid = match (recent.first(), selected.uid_next) {
            (Some(first), _) => first.saturating_sub(1),
            (None, Some(next)) => next.saturating_sub(1),
            (None, None) => {
                let all = mailbox.uids_since(Timestamp::from_seconds(0)).await?;
                all.last().copied().unwrap_or(0)
            }
        };
        let uid_validity = selected.uid_validity;
        let cursor = Cursor { folder: folder.to_owned(), uid_validity, last_uid };
        self.fetcher.intake.store_fetched(&[], self.inbox, &cursor).await?;
        Ok(cursor)
    }

    /// Takes in mail from before, quietly, if that was asked for.
    async fn fetch_history(&self, mailbox: &mut Mailbox, cursor: &Cursor) -> Result<()> {
        let Some(from) = self.connection.history_from else { return Ok(()) };
        let mut uids = mailbox.uids_since(from).await?;
        uids.retain(|uid| *uid <= cursor.last_uid);
        for group in uids.chunks(BATCH) {
            let mails = mailbox.fetch(group).await?;
            let arrivals: Vec<_> = mails
                .into_iter()
                .filter(|mail| !is_before(mail.internal_date, Some(from)))
                .map(|mail| self.arrival(mail, true))
                .collect();
            self.fetcher.intake.store_fetched(&arrivals, self.inbox, cursor).await?;
        }
        Ok(())
    }

    fn arrival(&self, mail: Fetched, is_history: bool) -> crate::ledger::Arrival {
        let bytes = match mail.body {
            Body::Whole(bytes) => bytes,
            Body::HeaderOnly(header) => too_large(header, mail.size),
        };
        self.fetcher.intake.arrival(self.inbox, Door::Imap, String::new(), bytes, is_history)
    }

    /// Does on the server what the owner wants done with fetched mail.
    async fn tidy(&self, mailbox: &mut Mailbox, uids: &[u32]) -> Result<()> {
        match &self.connection.after_fetch {
            AfterFetch::Leave => Ok(()),
            AfterFetch::MarkSeen => Ok(mailbox.mark_seen(uids).await?),
            AfterFetch::MoveTo(folder) => Ok(mailbox.move_to(uids, folder).await?),
        }
    }
}

/// A mail that was left on the server, with a body that says so.
fn too_large(header: Vec<u8>, size: u64) -> Vec<u8> {
    let mut kept: Vec<u8> = Vec::with_capacity(header.len() + 300);
    let text = String::from_utf8_lossy(&header).into_owned();
    let mut skipping = false;
    for line in text.lines() {
        let is_continuation = line.starts_with([' ', '\t']);
        let lower = line.to_ascii_lowercase();
        if !is_continuation {
            skipping = lower.starts_with("content-") || lower.starts_with("mime-version");
        }
        if !skipping && !line.is_empty() {
            kept.extend_from_slice(line.as_bytes());
            kept.extend_from_slice(b"\r\n");
        }
    }
    let note = format!(
        "\r\nThis mail has {} MiB, more than is taken in here. It was left in the mailbox.\r\n",
        size / 1024 / 1024
    );
    kept.extend_from_slice(note.as_bytes());
    kept
}

async fn cursor(conn: &mut Conn, inbox: InboxId, folder: &str) -> Result<Option<Cursor>> {
    let row: Option<(i64, i64)> = conn
        .optional(
            "select uid_validity, last_uid from imap_cursors
              where inbox_id = $1 and folder = $2",
            params![inbox, folder],
        )
        .await?;
    let Some((uid_validity, last_uid)) = row else { return Ok(None) };
    Ok(Some(Cursor {
        folder: folder.to_owned(),
        uid_validity: u32::try_from(uid_validity)?,
        last_uid: u32::try_from(last_uid)?,
    }))
}

/// How fetching for an inbox is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub inbox: InboxId,
    pub worked_at: Option<Timestamp>,
    pub fault: Option<String>,
    pub is_silent: bool,
}

/// The health of all inboxes that are fetched.
pub async fn health(conn: &mut Conn, now: Timestamp) -> Result<Vec<Health>> {
    let rows: Vec<(InboxId, Option<Timestamp>, Option<String>, Timestamp)> = conn
        .all(
            "select c.inbox_id, h.worked_at, h.fault, c.updated_at
               from mail_connections c
               join inboxes i on i.id = c.inbox_id
               left join mail_health h on h.inbox_id = c.inbox_id
              where c.imap_host is not null and i.archived_at is null
              order by c.inbox_id",
            params![],
        )
        .await?;
    Ok(rows
        .into_iter()
        .map(|(inbox, worked_at, fault, since)| {
            let last = worked_at.unwrap_or(since).max(since);
            Health { inbox, worked_at, fault, is_silent: now.since(last) >= SILENT_AFTER }
        })
        .collect())
}

/// Raises the alarm for inboxes that went silent, once each time. Says for which.
pub async fn raise_alarm(db: &Db, now: Timestamp) -> Result<Vec<InboxId>> {
    let silent: Vec<Health> = {
        let mut conn = db.read().await?;
        let all = health(&mut conn, now).await?;
        all.into_iter().filter(|one| one.is_silent).collect()
    };
    let mut alarmed = Vec::new();
    for one in silent {
        let mut tx = db.begin().await?;
        let first = tx
            .execute(
                "update mail_health set alarmed_at = $2
                  where inbox_id = $1 and alarmed_at is null",
                params![one.inbox, now],
            )
            .await?;
        tx.announce(live::Change::Settings);
        tx.commit().await?;
        if first > 0 {
            let fault = one.fault.unwrap_or_default();
            tracing::error!(inbox = %one.inbox, "inbox {} is silent for five minutes: {fault}", one.inbox);
            metrics::counter!("recourse_silent_inboxes_total").increment(1);
            alarmed.push(one.inbox);
        }
    }
    Ok(alarmed)
}
