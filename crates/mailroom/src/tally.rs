//! What the doors of this node took in, and what became of it: nothing may be taken in and then be
//! neither stored nor given back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use accounts::Accounts;
use anyhow::Result;
use kernel::{LedgerId, Span, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::intake::Intake;
use crate::ledger::Door;
use crate::store::ledger;

/// The count of a node. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    next: u64,
    /// What was taken in and is neither stored nor given back yet, and since when.
    open: BTreeMap<u64, Timestamp>,
    /// The lines of what was stored since they were looked for.
    lines: Vec<LedgerId>,
}

/// A mail that a door has whole. Whoever lets it go without a word has given it back.
#[derive(Debug)]
pub(crate) struct Taken {
    tally: Tally,
    number: u64,
}

/// What does not come out even.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gap {
    /// Taken in long ago, and neither stored nor given back.
    pub open: usize,
    /// Said to be stored, and not there.
    pub missing: usize,
}

/// Storing a mail takes milliseconds; whatever takes so long is not going to end.
const OPEN_MAX: Span = Span::hours(1);
/// What comes beyond that in an hour is not looked for.
const LINES_MAX: usize = 200_000;
const LINES_AT_ONCE: usize = 500;

impl Tally {
    /// A door has a mail whole.
    pub(crate) fn take(&self, door: Door, now: Timestamp) -> Taken {
        metrics::counter!("recourse_mails_accepted_total", "door" => door.as_str()).increment(1);
        let mut book = self.book();
        book.next += 1;
        let number = book.next;
        book.open.insert(number, now);
        Taken { tally: self.clone(), number }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many have been open for too long. Each counts once.
    fn overdue(&self, now: Timestamp) -> usize {
        let mut book = self.book();
        let before = book.open.len();
        book.open.retain(|_, since| now.since(*since) < OPEN_MAX);
        before - book.open.len()
    }

    fn stored_since(&self) -> Vec<LedgerId> {
        std::mem::take(&mut self.book().lines)
    }
}

impl Taken {
    pub(crate) fn stored(self, line: LedgerId) {
        let mut book = self.tally.book();
        if book.lines.len() < LINES_MAX {
            book.lines.push(line);
        }
        drop(book);
        self.settle("stored");
    }

    /// It was stored before.
    pub(crate) fn known(self) {
        self.settle("known");
    }

    /// It goes back to its sender for good.
    pub(crate) fn refused(self) {
        self.settle("refused");
    }

    fn settle(&self, outcome: &'static str) {
        if self.tally.book().open.remove(&self.number).is_some() {
            metrics::counter!("recourse_mails_decided_total", "outcome" => outcome).increment(1);
        }
    }
}

impl Drop for Taken {
    /// Whoever handed it over has it still, and comes again.
    fn drop(&mut self) {
        self.settle("put_off");
    }
}

const LOOK_EVERY: std::time::Duration = std::time::Duration::from_hours(1);

/// Compares what came in with what is there, every hour until `stop`.
pub async fn keep_reconciled(accounts: Accounts, intake: Intake, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
        if let Err(fault) = reconcile(&accounts, &intake).await {
            tracing::error!("nobody knows whether all mail that was taken is there: {fault:#}");
        }
    }
}

/// Compares what this node took in with what became of it, and raises the alarm when it does not
/// come out even: in the log, among the figures, and by mail to the owners.
pub async fn reconcile(accounts: &Accounts, intake: &Intake) -> Result<Gap> {
    let tally = intake.tally();
    let lines = tally.stored_since();
    let mut gap = Gap { open: tally.overdue(accounts.now()), missing: 0 };
    let conn = accounts.db().read().await?;
    for some in lines.chunks(LINES_AT_ONCE) {
        let there = ledger::count_of(&conn, some).await?;
        gap.missing += some.len().saturating_sub(there);
    }
    drop(conn);
    if gap == Gap::default() {
        return Ok(gap);
    }
    let Gap { open, missing } = gap;
    tracing::error!(
        "mail does not come out even: {open} were taken in and not stored within an hour, {missing} \
         were stored and are not there"
    );
    let count = u64::try_from(open + missing).unwrap_or(u64::MAX);
    metrics::counter!("recourse_mails_unaccounted_total").increment(count);
    accounts::tell_of_lost_mail(accounts, open + missing).await?;
    Ok(gap)
}
