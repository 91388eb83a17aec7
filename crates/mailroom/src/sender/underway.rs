//! Letters that are being sent, side by side, each in a task of its own: a server that thinks for
//! long keeps no letter for another one waiting.

use std::collections::HashMap;

use kernel::{DeliveryId, InboxId};
use tokio::task::{Id, JoinError, JoinSet};

/// So many leave side by side.
const SIDE_BY_SIDE: usize = 8;
/// An inbox that has so many among them gets no more, so that there is room for the others.
const OF_ONE_INBOX: usize = 4;
/// Each claim is a commit, so letters are claimed for some free places together.
const WORTH_A_CLAIM: usize = 4;
/// Letters without an inbox are the system's.
const SYSTEM: InboxId = InboxId(0);

/// Letters that are being sent.
#[derive(Default)]
pub(super) struct Underway {
    sending: JoinSet<()>,
    letters: HashMap<Id, (DeliveryId, InboxId)>,
}

impl Underway {
    pub(super) fn is_empty(&self) -> bool {
        self.sending.is_empty()
    }

    /// How many more may be claimed: none while there are only a few places, unless `at_least_one`.
    pub(super) fn room(&self, at_least_one: bool) -> usize {
        let free = SIDE_BY_SIDE.saturating_sub(self.letters.len());
        if free >= WORTH_A_CLAIM || at_least_one { free.min(OF_ONE_INBOX) } else { 0 }
    }

    /// Inboxes that have their share.
    pub(super) fn busy(&self) -> Vec<InboxId> {
        let mut counts: HashMap<InboxId, usize> = HashMap::new();
        for (_, inbox) in self.letters.values() {
            *counts.entry(*inbox).or_default() += 1;
        }
        counts.retain(|_, count| *count >= OF_ONE_INBOX);
        counts.into_keys().collect()
    }

    pub(super) fn ids(&self) -> Vec<DeliveryId> {
        self.letters.values().map(|(id, _)| *id).collect()
    }

    pub(super) fn add(
        &mut self,
        id: DeliveryId,
        inbox: Option<InboxId>,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let task = self.sending.spawn(work);
        self.letters.insert(task.id(), (id, inbox.unwrap_or(SYSTEM)));
    }

    /// Waits until one has left, or not, and takes along those that are done by then.
    pub(super) async fn done(&mut self) {
        let mut next = self.sending.join_next_with_id().await;
        while let Some(ended) = next {
            let task = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
            if let (Some((id, _)), Err(fault)) = (self.letters.remove(&task), ended) {
                tracing::error!(delivery = %id, "sending delivery {id} broke off: {fault}");
            }
            next = self.sending.try_join_next_with_id();
        }
    }
}
