//! Mails that are being read, side by side, each in a task of its own: what waits in its turn for a
//! connection must be able to take it, or it keeps those from it who could.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use database::Conn;
use kernel::{EmailAddress, InboxId, LedgerId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{Id, JoinError, JoinSet};

use super::Prepared;
use crate::ledger::Waiting;
use crate::store::waiting;

/// So many are read side by side: most of that time they wait for the DNS.
const SIDE_BY_SIDE: usize = 64;
/// And so many at the very most, where inboxes have their share beside those that came before.
const AT_MOST: usize = 2 * SIDE_BY_SIDE;
/// So many are written down in one transaction. Whoever takes mail in waits for it.
pub(super) const TOGETHER: usize = 32;
/// Of all sources that are read side by side so much is in memory.
const SOURCES_KIB: u32 = 64 * 1024;
/// And so much of those of one inbox; the largest mail is smaller.
const SOURCES_OF_ONE_KIB: u32 = SOURCES_KIB / 2;
/// Where no mail may be why the program ended, it is asked so often whether there is one.
const BETWEEN_SUSPECTS: Duration = Duration::from_secs(1);

/// Mails that are being read. Nothing is read any more when it is dropped.
pub(super) struct Underway {
    reading: JoinSet<Read>,
    ids: HashMap<Id, (LedgerId, InboxId)>,
    memory: Arc<Semaphore>,
    /// What each inbox may have of it.
    memory_of: HashMap<InboxId, Arc<Semaphore>>,
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
    pub(super) _room: Option<Room>,
}

/// A share of the memory of all mails, and of that of its inbox.
pub(super) type Room = (OwnedSemaphorePermit, OwnedSemaphorePermit);

impl Read {
    pub(super) fn sender(&self) -> Option<&EmailAddress> {
        self.prepared.as_ref().ok().and_then(Prepared::sender)
    }

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
        Self {
            reading: JoinSet::new(),
            ids: HashMap::new(),
            memory: memory(SOURCES_KIB),
            memory_of: HashMap::new(),
            suspect: None,
            no_suspect_at: None,
            left_over: None,
        }
    }
}

fn memory(kib: u32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(usize::try_from(kib).unwrap_or(usize::MAX)))
}

impl Underway {
    pub(super) fn is_empty(&self) -> bool {
        self.reading.is_empty()
    }

    /// How many more may be taken up of the inboxes that have mail.
    pub(super) fn shares(&self, waiting: &[InboxId]) -> Shares {
        let mut underway: HashMap<InboxId, usize> = HashMap::new();
        for (_, inbox) in self.ids.values() {
            *underway.entry(*inbox).or_default() += 1;
        }
        divide(waiting, &underway)
    }

    pub(super) fn ids(&self) -> Vec<LedgerId> {
        self.ids.values().map(|(id, _)| *id).collect()
    }

    /// Whether one that may be why the program ended may be read, since no other such is.
    pub(super) fn may_take_suspect(&self) -> bool {
        let is_read = self.ids.values().any(|(id, _)| Some(*id) == self.suspect);
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

    /// Waits for the memory that a mail takes. Large mails of one inbox wait for one another first,
    /// so that those of the others do not stand behind all of them.
    pub(super) fn room_for(
        &mut self,
        mail: &Waiting,
    ) -> impl Future<Output = Option<Room>> + Send + use<> {
        let share = u32::try_from(mail.size_bytes / 1024 + 1).unwrap_or(SOURCES_OF_ONE_KIB);
        let share = share.min(SOURCES_OF_ONE_KIB);
        let own = self.memory_of.entry(mail.inbox).or_insert_with(|| memory(SOURCES_OF_ONE_KIB));
        let (own, memory) = (Arc::clone(own), Arc::clone(&self.memory));
        async move {
            let own = own.acquire_many_owned(share).await.ok()?;
            Some((memory.acquire_many_owned(share).await.ok()?, own))
        }
    }

    pub(super) fn add(
        &mut self,
        (id, inbox): (LedgerId, InboxId),
        work: impl Future<Output = Read> + Send + 'static,
    ) {
        let task = self.reading.spawn(work);
        self.ids.insert(task.id(), (id, inbox));
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

/// How many mails may be taken up.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shares {
    /// Of each inbox, whatever the others have underway: those with the fewest come first.
    pub(super) own: Vec<(InboxId, usize)>,
    /// Beyond that, of whichever has more.
    pub(super) spare: usize,
}

/// Gives each of N inboxes the Nth part of the places, less what it has underway, although mails of
/// others may hold them all. Pure.
fn divide(waiting: &[InboxId], underway: &HashMap<InboxId, usize>) -> Shares {
    let count = |inbox: &InboxId| underway.get(inbox).copied().unwrap_or_default();
    let all: usize = underway.values().sum();
    let others = underway.keys().filter(|inbox| !waiting.contains(inbox)).count();
    let part = (SIDE_BY_SIDE / (waiting.len() + others).max(1)).max(1);
    let mut room = AT_MOST.saturating_sub(all);
    let mut waiting = waiting.to_vec();
    waiting.sort_by_key(count);
    let mut own = Vec::with_capacity(waiting.len());
    for inbox in waiting {
        let share = part.saturating_sub(count(&inbox)).min(room);
        room -= share;
        own.push((inbox, share));
    }
    let given: usize = own.iter().map(|(_, share)| share).sum();
    Shares { own, spare: SIDE_BY_SIDE.saturating_sub(all + given) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use kernel::InboxId;
    use proptest::prelude::*;

    use super::{AT_MOST, SIDE_BY_SIDE, divide};

    fn shares(waiting: &[i64], underway: &[(i64, usize)]) -> (Vec<(i64, usize)>, usize) {
        let waiting: Vec<InboxId> = waiting.iter().copied().map(InboxId).collect();
        let underway: HashMap<InboxId, usize> =
            underway.iter().map(|(inbox, count)| (InboxId(*inbox), *count)).collect();
        let shares = divide(&waiting, &underway);
        let own = shares.own.into_iter().map(|(inbox, share)| (inbox.0, share)).collect();
        (own, shares.spare)
    }

    #[test]
    fn an_inbox_alone_has_all_places_and_leaves_others_their_part() {
        assert_eq!(shares(&[], &[]), (vec![], 64));
        assert_eq!(shares(&[1], &[]), (vec![(1, 64)], 0));
        assert_eq!(shares(&[1], &[(1, 60)]), (vec![(1, 4)], 0));
        assert_eq!(shares(&[1, 2], &[]), (vec![(1, 32), (2, 32)], 0));
        assert_eq!(shares(&[1, 2], &[(1, 64)]), (vec![(2, 32), (1, 0)], 0));
        assert_eq!(shares(&[2], &[(1, 10)]), (vec![(2, 32)], 22));
    }

    proptest! {
        #[test]
        fn each_inbox_has_its_part_and_all_of_them_a_bound(
            underway in prop::collection::hash_map(1_i64..40, 0_usize..=64, 0..8),
        ) {
            let underway: Vec<(i64, usize)> = underway.into_iter().collect();
            let all: usize = underway.iter().map(|(_, count)| count).sum();
            prop_assume!(all <= SIDE_BY_SIDE);
            let waiting: Vec<i64> = underway.iter().map(|(inbox, _)| *inbox).chain([99]).collect();
            let (own, spare) = shares(&waiting, &underway);
            let given: usize = own.iter().map(|(_, share)| share).sum();
            prop_assert!(all + given + spare <= AT_MOST);
            let latest = own.iter().find(|(inbox, _)| *inbox == 99);
            prop_assert!(latest.is_some_and(|(_, share)| *share >= SIDE_BY_SIDE / waiting.len()));
        }
    }
}
