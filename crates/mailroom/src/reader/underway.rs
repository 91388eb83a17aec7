//! Mails that are being read, side by side, each in a task of its own: what waits in its turn for a
//! connection must be able to take it, or it keeps those from it who could.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use database::Conn;
use kernel::LedgerId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{Id, JoinError, JoinSet};

use super::Prepared;
use crate::ledger::Waiting;
use crate::store::waiting;

/// So many are read side by side: most of that time they wait for the DNS.
const SIDE_BY_SIDE: usize = 64;
/// So many are written down in one transaction. Whoever takes mail in waits for it.
pub(super) const TOGETHER: usize = 32;
/// Of all sources that are read side by side so much is in memory.
const SOURCES_KIB: u32 = 64 * 1024;
/// Where no mail may be why the program ended, it is asked so often whether there is one.
const BETWEEN_SUSPECTS: Duration = Duration::from_secs(1);

/// Mails that are being read. Nothing is read any more when it is dropped.
pub(super) struct Underway {
    reading: JoinSet<Read>,
    ids: HashMap<Id, LedgerId>,
    memory: Arc<Semaphore>,
    /// The last one that may be why the program ended, and when there was none.
    suspect: Option<LedgerId>,
    no_suspect_at: Option<Instant>,
    /// The latest mail that was there before the first one was read.
    left_over: Option<LedgerId>,
}

/// A mail that was read, or the reason why not.
pub(super) struct Read {
    pub(super) mail: Waiting,
    pub(super) prepared: anyhow::Result<Prepared>,
    /// Its share of the memory, until it is written down.
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

impl Read {
    /// What connects it with others: whose it is, and of which conversation.
    pub(super) fn keys(&self) -> Vec<String> {
        let Ok(Prepared { incoming, .. }) = &self.prepared else { return Vec::new() };
        let sender = incoming.sender.address.as_ref().map(ToString::to_string);
        let mails = incoming.mail_id.iter().chain(&incoming.references).cloned();
        sender.into_iter().chain(mails).collect()
    }
}

impl Default for Underway {
    fn default() -> Self {
        let memory = usize::try_from(SOURCES_KIB).unwrap_or(usize::MAX);
        Self {
            reading: JoinSet::new(),
            ids: HashMap::new(),
            memory: Arc::new(Semaphore::new(memory)),
            suspect: None,
            no_suspect_at: None,
            left_over: None,
        }
    }
}

impl Underway {
    pub(super) fn is_empty(&self) -> bool {
        self.reading.is_empty()
    }

    /// How many more may be taken up.
    pub(super) fn room(&self) -> i64 {
        kernel::count(SIDE_BY_SIDE.saturating_sub(self.ids.len()))
    }

    pub(super) fn ids(&self) -> Vec<LedgerId> {
        self.ids.values().copied().collect()
    }

    /// Whether one that may be why the program ended may be read, since no other such is.
    pub(super) fn may_take_suspect(&self) -> bool {
        let is_read = self.ids.values().any(|id| Some(*id) == self.suspect);
        let is_early = self.no_suspect_at.is_some_and(|at| at.elapsed() < BETWEEN_SUSPECTS);
        !is_read && !is_early
    }

    /// Notes what came of looking for such a one.
    pub(super) fn took_suspect(&mut self, found: Option<&Waiting>) {
        self.suspect = found.map(|mail| mail.id);
        self.no_suspect_at = found.is_none().then(Instant::now);
    }

    /// The latest mail that was there before the first one was read.
    pub(super) async fn left_over(&mut self, conn: &Conn) -> anyhow::Result<LedgerId> {
        if let Some(known) = self.left_over {
            return Ok(known);
        }
        let latest = waiting::latest(conn).await?.unwrap_or(LedgerId(0));
        Ok(*self.left_over.insert(latest))
    }

    /// Waits for the memory that a mail takes; the largest takes all of it.
    pub(super) fn room_for(
        &self,
        mail: &Waiting,
    ) -> impl Future<Output = Option<OwnedSemaphorePermit>> + Send + use<> {
        let share = u32::try_from(mail.size_bytes / 1024 + 1).unwrap_or(SOURCES_KIB);
        let memory = Arc::clone(&self.memory);
        async move { memory.acquire_many_owned(share.min(SOURCES_KIB)).await.ok() }
    }

    pub(super) fn add(&mut self, id: LedgerId, work: impl Future<Output = Read> + Send + 'static) {
        let task = self.reading.spawn(work);
        self.ids.insert(task.id(), id);
    }

    /// Waits for the next that is read, and takes along those that are read by then.
    pub(super) async fn done(&mut self) -> Vec<Read> {
        let mut done = Vec::new();
        if let Some(ended) = self.reading.join_next_with_id().await {
            done.extend(self.ended(ended));
        }
        self.add_ready(&mut done);
        done
    }

    /// Adds those that are read by now, as many as are written down together.
    pub(super) fn add_ready(&mut self, done: &mut Vec<Read>) {
        while done.len() < TOGETHER
            && let Some(ended) = self.reading.try_join_next_with_id()
        {
            done.extend(self.ended(ended));
        }
    }

    /// A task that ended without a result has read nothing: its mail is taken up again.
    fn ended(&mut self, ended: Result<(Id, Read), JoinError>) -> Option<Read> {
        self.ids.remove(&ended.as_ref().map_or_else(JoinError::id, |read| read.0));
        ended.ok().map(|(_, read)| read)
    }
}
