//! What one connection to an IMAP server fetches.

use std::collections::BTreeSet;

use anyhow::Result;
use email::imap::{Body, Fetched, Mailbox, Selected};
use kernel::{InboxId, Span, Timestamp};

use super::Fetcher;
use super::troubles::Troubles;
use crate::connection::{AfterFetch, Connection};
use crate::intake::{Cursor, NotGiven};
use crate::ledger::{Arrival, Door};
use crate::store::{cursors, unfetched};

const BATCH: usize = 50;

/// One connection's work.
pub(super) struct Session<'f> {
    pub(super) fetcher: &'f Fetcher,
    pub(super) inbox: InboxId,
    pub(super) connection: &'f Connection,
    pub(super) troubles: &'f mut Troubles,
}

/// What came of the mails that were asked for.
#[derive(Default)]
struct Haul {
    mails: Vec<Fetched>,
    /// Mails that are asked for no more, with the reason.
    set_aside: Vec<(u32, String)>,
    /// Mails that did not come and are asked for again.
    refused: Vec<u32>,
}

/// Whether this node goes on fetching for the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Going {
    On,
    /// Another node won the lease.
    Over,
}

impl Session<'_> {
    /// Makes sure that the folder is there into which fetched mail goes.
    pub(super) async fn begin(&self, mailbox: &mut Mailbox) -> Result<()> {
        if let AfterFetch::MoveTo(folder) = &self.connection.after_fetch {
            let folders = mailbox.folders().await?;
            if !folders.iter().any(|known| known.name == *folder) {
                mailbox.create_folder(folder).await?;
            }
        }
        Ok(())
    }

    /// Fetches what is new, then older mail if that was asked for and is not here yet.
    pub(super) async fn catch_up(&mut self, mailbox: &mut Mailbox) -> Result<Going> {
        let folder = &self.connection.folder;
        let selected = mailbox.select(folder).await?;
        self.troubles.begin(selected.uid_validity);
        self.tidy(mailbox).await?;
        let known = cursors::find(&self.fetcher.db.read().await?, self.inbox, folder).await?;
        let mut cursor = match known {
            Some(known)
                if known.uid_validity == selected.uid_validity
                    && !counts_anew(mailbox, &selected, known.last_uid).await? =>
            {
                known
            }
            // The folder was made anew: everything is looked at again, and what we have is
            // recognised.
            Some(_) => {
                self.troubles.forget();
                self.first_cursor(mailbox, &selected).await?
            }
            None => self.first_cursor(mailbox, &selected).await?,
        };
        if self.fetch_new(mailbox, &mut cursor).await? == Going::Over {
            return Ok(Going::Over);
        }
        self.ask_again(mailbox, selected.uid_validity).await?;
        self.fetch_history(mailbox, &mut cursor).await
    }

    /// Where to begin: before the first mail that came since the inbox was connected.
    async fn first_cursor(&self, mailbox: &mut Mailbox, selected: &Selected) -> Result<Cursor> {
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
        let cursor = Cursor {
            folder: self.connection.folder.clone(),
            uid_validity: selected.uid_validity,
            last_uid,
            history_from: None,
        };
        self.fetcher.intake.store_fetched(&[], &[], self.inbox, &cursor).await?;
        Ok(cursor)
    }

    /// Fetches everything after the cursor.
    async fn fetch_new(&mut self, mailbox: &mut Mailbox, cursor: &mut Cursor) -> Result<Going> {
        // What could not be stored is not asked for.
        self.fetcher.db.room().must_suffice()?;
        let mut looked_at = BTreeSet::new();
        loop {
            let there = mailbox.uids_after(cursor.last_uid).await?;
            let mut next = self.troubles.next(&there, &looked_at, BATCH);
            if next.is_empty() {
                return Ok(Going::On);
            }
            next.truncate(mailbox.fitting(&next).await?);
            looked_at.extend(&next);
            let haul = self.ask_for(mailbox, &next).await?;
            cursor.last_uid = self.troubles.reached(&there, cursor.last_uid);
            let new: Vec<Fetched> = haul
                .mails
                .into_iter()
                .filter(|mail| !is_before(mail.internal_date, self.connection.fetch_from))
                .collect();
            let uids: Vec<u32> = new.iter().map(|mail| mail.uid).collect();
            let arrivals: Vec<_> =
                new.into_iter().filter_map(|mail| self.arrival(mail, false)).collect();
            let set_aside = self.set_aside(haul.set_aside, false);
            let intake = &self.fetcher.intake;
            intake.store_fetched(&arrivals, &set_aside, self.inbox, cursor).await?;
            self.troubles.stored();
            self.troubles.untidied.extend(uids);
            self.tidy(mailbox).await?;
            if self.fetcher.still_ours(self.inbox).await? == Going::Over {
                return Ok(Going::Over);
            }
        }
    }

    /// Asks the server for mails: those that were no trouble together, others one by one.
    async fn ask_for(&mut self, mailbox: &mut Mailbox, uids: &[u32]) -> Result<Haul> {
        let mut haul = Haul::default();
        let is_hopeless = |uid: &u32| self.troubles.hopeless(*uid).is_some();
        let asked: Vec<u32> = uids.iter().copied().filter(|uid| !is_hopeless(uid)).collect();
        let is_careful = asked.iter().any(|uid| self.troubles.is_suspect(*uid));
        let together = if is_careful { 1 } else { BATCH };
        for group in asked.chunks(together) {
            self.troubles.asked = group.to_vec();
            let mails = mailbox.fetch(group).await?;
            self.troubles.asked.clear();
            for mail in mails {
                if let Body::Refused(why) = mail.body {
                    self.troubles.count(mail.uid, why);
                    haul.refused.push(mail.uid);
                } else {
                    haul.mails.push(mail);
                }
            }
        }
        for uid in uids {
            if let Some(why) = self.troubles.hopeless(*uid) {
                haul.set_aside.push((*uid, why.to_owned()));
                haul.refused.retain(|refused| refused != uid);
            }
            if !haul.refused.contains(uid) {
                self.troubles.settle(*uid);
            }
        }
        Ok(haul)
    }

    /// Asks once more for mails that were set aside, where a person or a new version of this
    /// program wants that.
    async fn ask_again(&mut self, mailbox: &mut Mailbox, uid_validity: u32) -> Result<()> {
        self.fetcher.db.room().must_suffice()?;
        let folder = &self.connection.folder;
        let conn = self.fetcher.db.read().await?;
        let wanted = unfetched::wanted(&conn, self.inbox, folder, uid_validity).await?;
        drop(conn);
        for (id, uid, is_history) in wanted {
            let mut tx = self.fetcher.db.begin().await?;
            unfetched::asked(&mut tx, id).await?;
            tx.commit().await?;
            for mail in mailbox.fetch(&[u32::try_from(uid)?]).await? {
                let uid = mail.uid;
                if let Some(arrival) = self.arrival(mail, is_history) {
                    self.troubles.untidied.extend((!is_history).then_some(uid));
                    self.fetcher.intake.store_after_all(id, &arrival).await?;
                }
            }
        }
        Ok(())
    }

    /// Takes in mail from before, quietly. New mail does not wait for it, and if it breaks off
    /// it begins anew: what is here already is recognised.
    async fn fetch_history(&mut self, mailbox: &mut Mailbox, cursor: &mut Cursor) -> Result<Going> {
        let connected = self.connection.fetch_from;
        let Some(from) = self.connection.history_from else { return Ok(Going::On) };
        if cursor.history_from.is_some_and(|done| done <= from) {
            return Ok(Going::On);
        }
        let mut uids = mailbox.uids_since(from).await?;
        // Servers search by days: the day of the connection has mail of both kinds.
        if let Some(connected) = connected {
            let after = mailbox.uids_since(connected + Span::days(2)).await?;
            uids.retain(|uid| after.first().is_none_or(|first| uid < first));
        }
        for group in uids.chunks(BATCH) {
            let mut left = group.to_vec();
            while !left.is_empty() {
                let later = left.split_off(mailbox.fitting(&left).await?);
                let haul = self.ask_for(mailbox, &left).await?;
                left = [haul.refused, later].concat();
                let arrivals: Vec<_> = haul
                    .mails
                    .into_iter()
                    .filter(|mail| !is_before(mail.internal_date, Some(from)))
                    .filter(|mail| is_before(mail.internal_date, connected))
                    .filter_map(|mail| self.arrival(mail, true))
                    .collect();
                let set_aside = self.set_aside(haul.set_aside, true);
                let intake = &self.fetcher.intake;
                intake.store_fetched(&arrivals, &set_aside, self.inbox, cursor).await?;
                self.troubles.stored();
            }
            if self.fetch_new(mailbox, cursor).await? == Going::Over
                || self.fetcher.still_ours(self.inbox).await? == Going::Over
            {
                return Ok(Going::Over);
            }
        }
        cursor.history_from = Some(from);
        self.fetcher.intake.store_fetched(&[], &[], self.inbox, cursor).await?;
        Ok(Going::On)
    }

    fn arrival(&self, mail: Fetched, is_history: bool) -> Option<Arrival> {
        let bytes = match mail.body {
            Body::Whole(bytes) => bytes,
            Body::HeaderOnly(header) => too_large(&header, mail.size),
            Body::Refused(_) => return None,
        };
        Some(self.taken(bytes, is_history))
    }

    fn taken(&self, bytes: Vec<u8>, is_history: bool) -> Arrival {
        self.fetcher.intake.arrival(self.inbox, Door::Imap, String::new(), bytes, is_history)
    }

    /// What is written down about mails that the server does not give.
    fn set_aside(&self, mails: Vec<(u32, String)>, is_history: bool) -> Vec<NotGiven> {
        let folder = &self.connection.folder;
        let note = |(uid, why): (u32, String)| {
            let reason = format!(
                "the mail server names this mail (number {uid} in the folder “{folder}”) and did \
                 not give it in three tries: {why}"
            );
            let text = format!(
                "Subject: A mail that could not be fetched\r\n\
                 Content-Type: text/plain; charset=utf-8\r\n\r\n\
                 This is not the mail itself: {reason}. It was left in the mailbox.\r\n"
            );
            NotGiven { arrival: self.taken(text.into_bytes(), is_history), uid, reason }
        };
        mails.into_iter().map(note).collect()
    }

    /// Does on the server what the owner wants done with fetched mail.
    async fn tidy(&mut self, mailbox: &mut Mailbox) -> Result<()> {
        let uids = &self.troubles.untidied;
        if !uids.is_empty() {
            match &self.connection.after_fetch {
                AfterFetch::Leave => {}
                AfterFetch::MarkSeen => mailbox.mark_seen(uids).await?,
                AfterFetch::MoveTo(folder) => mailbox.move_to(uids, folder).await?,
            }
        }
        self.troubles.untidied.clear();
        Ok(())
    }
}

/// Whether a folder that was put back from a copy gives its numbers a second time, without saying
/// so: new mail would hide below those that were seen.
async fn counts_anew(mailbox: &mut Mailbox, selected: &Selected, last_uid: u32) -> Result<bool> {
    let Some(next) = selected.uid_next.filter(|next| *next <= last_uid) else { return Ok(false) };
    // A server that has mails beyond what it calls the next number only miscounts.
    Ok(mailbox.uids_after(next.saturating_sub(1)).await?.is_empty())
}

/// Servers say when a mail came in whole seconds: one from the very second of the limit counts as
/// after it, for nothing that is new may be passed over.
fn is_before(at: Option<Timestamp>, limit: Option<Timestamp>) -> bool {
    matches!((at, limit), (Some(at), Some(limit)) if at.seconds() < limit.seconds())
}

/// A mail that was left on the server, with a body that says so.
fn too_large(header: &[u8], size: u64) -> Vec<u8> {
    let mut kept: Vec<u8> = Vec::with_capacity(header.len() + 300);
    let text = String::from_utf8_lossy(header);
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
