//! Letters that are being sent, side by side, each in a task of its own: a server that thinks for
//! long keeps no letter for another one waiting.

use std::collections::HashMap;

use kernel::{DeliveryId, InboxId};
use outbox::SYSTEM;
use tokio::task::{Id, JoinError, JoinSet};

/// So many leave side by side.
const SIDE_BY_SIDE: usize = 8;
/// An inbox that has so many among them gets no more, so that there is room for the others.
const OF_ONE_INBOX: usize = 4;
/// The first letters of an inbox take whatever place is free; further ones leave places to the
/// first letters of others.
const FIRST: usize = 2;
const LEFT_TO_OTHERS: usize = 2;
/// Each claim is a commit, so letters are claimed for some free places together.
const WORTH_A_CLAIM: usize = 2;

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

    pub(super) fn is_full(&self) -> bool {
        self.letters.len() >= SIDE_BY_SIDE
    }

    /// How many letters may be claimed of each of the inboxes in which some are due: none while it
    /// would be too few, unless `at_least_one`.
    pub(super) fn shares(&self, due: &[InboxId], at_least_one: bool) -> Vec<(InboxId, usize)> {
        let mut underway: HashMap<InboxId, usize> = HashMap::new();
        for (_, inbox) in self.letters.values() {
            *underway.entry(*inbox).or_default() += 1;
        }
        let shares = divide(due, &underway);
        let all: usize = shares.iter().map(|(_, share)| share).sum();
        if all >= WORTH_A_CLAIM || at_least_one { shares } else { Vec::new() }
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

/// Divides the free places among the inboxes in which letters are due. Those with the fewest
/// underway come first. Pure.
fn divide(due: &[InboxId], underway: &HashMap<InboxId, usize>) -> Vec<(InboxId, usize)> {
    let count = |inbox: &InboxId| underway.get(inbox).copied().unwrap_or_default();
    let mut free = SIDE_BY_SIDE.saturating_sub(underway.values().sum());
    let mut due = due.to_vec();
    due.sort_by_key(count);
    let mut shares = Vec::new();
    for inbox in due {
        let before = count(&inbox);
        let first = FIRST.saturating_sub(before).min(free);
        let further = OF_ONE_INBOX.saturating_sub(before.max(FIRST));
        let share = first + further.min((free - first).saturating_sub(LEFT_TO_OTHERS));
        free -= share;
        if share > 0 {
            shares.push((inbox, share));
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use kernel::InboxId;
    use proptest::prelude::*;

    use super::divide;

    /// Inboxes, and how many letters of each.
    type Counts = &'static [(i64, usize)];

    fn shares(due: &[i64], underway: &[(i64, usize)]) -> Vec<(i64, usize)> {
        let due: Vec<InboxId> = due.iter().copied().map(InboxId).collect();
        let underway: HashMap<InboxId, usize> =
            underway.iter().map(|(inbox, count)| (InboxId(*inbox), *count)).collect();
        divide(&due, &underway).into_iter().map(|(inbox, share)| (inbox.0, share)).collect()
    }

    #[test]
    fn no_inbox_takes_the_places_of_the_others() {
        let cases: [(&[i64], Counts, Counts); 11] = [
            (&[], &[], &[]),
            (&[1], &[], &[(1, 4)]),
            // What is underway counts.
            (&[1], &[(1, 3)], &[(1, 1)]),
            (&[1], &[(1, 4)], &[]),
            // Two whose servers say nothing leave the places of a third one.
            (&[1, 2, 3], &[], &[(1, 4), (2, 2), (3, 2)]),
            (&[1, 2], &[(1, 4), (2, 2)], &[]),
            (&[1, 2, 3], &[(1, 4), (2, 2)], &[(3, 2)]),
            (&[1, 2], &[(1, 2), (2, 3)], &[(1, 1)]),
            (&[1, 2, 3], &[(1, 3), (2, 3)], &[(3, 2)]),
            // Who has little underway comes before those who wait for longer.
            (&[1, 2, 3], &[(1, 2), (2, 1), (4, 2)], &[(3, 2), (2, 1)]),
            (&[5], &[(1, 4), (2, 2), (3, 2)], &[]),
        ];
        for (due, underway, expected) in cases {
            assert_eq!(shares(due, underway), expected, "{due:?} with {underway:?}");
        }
    }

    proptest! {
        #[test]
        fn a_third_inbox_finds_room_whatever_two_others_do(
            history in prop::collection::vec((1_i64..=2, 0_usize..4), 0..40),
        ) {
            let mut underway = [(1_i64, 0_usize), (2, 0)];
            for (asking, gone) in history {
                let share: usize = shares(&[asking], &underway).iter().map(|(_, share)| share).sum();
                for (inbox, count) in &mut underway {
                    let come = if *inbox == asking { share } else { 0 };
                    *count = (*count + come).saturating_sub(gone);
                }
                prop_assert!(underway.iter().all(|(_, count)| *count <= 4));
                let next = shares(&[1, 2, 3], &underway);
                let third = next.iter().find(|(inbox, _)| *inbox == 3);
                prop_assert!(third.is_some_and(|(_, share)| *share >= 2), "{underway:?}");
            }
        }
    }
}
