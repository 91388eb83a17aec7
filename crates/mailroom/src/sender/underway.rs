//! Letters that are being sent, side by side, each in a task of its own: a server that thinks for
//! long keeps no letter for another one waiting.

use std::collections::HashMap;

use kernel::{DeliveryId, InboxId};
use tokio::task::{Id, JoinError, JoinSet};

/// So many leave side by side, where nobody keeps the others waiting.
const SIDE_BY_SIDE: usize = 8;
/// A server that has so many among them gets no more, so that there is room for the others.
const OF_ONE_SERVER: usize = 4;
/// The first letters for a server need no place among those, for servers that say nothing may hold
/// them all; further ones do.
const FIRST: usize = 2;
/// Beyond so many, only the very first letter for a server leaves beside them.
const CROWD: usize = 2 * SIDE_BY_SIDE;
/// More never leave side by side: each may be as large as a mail may be.
const AT_MOST: usize = 32;
/// Each claim is a commit, so letters are claimed for some free places together.
const WORTH_A_CLAIM: usize = 2;

/// The server by which letters leave; of an inbox without one, the inbox.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Destination(String);

impl Destination {
    pub(super) fn server(host: &str, port: u16) -> Self {
        Self(format!("{}:{port}", host.to_ascii_lowercase()))
    }

    pub(super) fn none_of(inbox: InboxId) -> Self {
        Self(format!("none of {inbox}"))
    }
}

/// Letters that are being sent.
#[derive(Default)]
pub(super) struct Underway {
    sending: JoinSet<()>,
    letters: HashMap<Id, (DeliveryId, Place)>,
}

/// Of which inbox a letter is, and by which server it leaves.
pub(super) type Place = (InboxId, Destination);

impl Underway {
    pub(super) fn is_empty(&self) -> bool {
        self.sending.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.letters.len() >= AT_MOST
    }

    /// Whether a server has so many letters that it gets no more.
    pub(super) fn has_its_share(&self, server: &Destination) -> bool {
        self.letters.values().filter(|(_, (_, one))| one == server).count() >= OF_ONE_SERVER
    }

    /// How many letters may be claimed of each of the inboxes in which some are due: none while it
    /// would be too few, unless `at_least_one`.
    pub(super) fn shares(&self, due: &[Place], at_least_one: bool) -> Vec<(InboxId, usize)> {
        let underway: Vec<&Place> = self.letters.values().map(|(_, place)| place).collect();
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
        place: Place,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let task = self.sending.spawn(work);
        self.letters.insert(task.id(), (id, place));
    }

    /// Ends all of them, wherever they are, and says which those are.
    pub(super) fn break_off(self) -> Vec<DeliveryId> {
        self.ids()
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

/// Divides the places among the inboxes in which letters are due. Servers with the fewest letters
/// underway come first, and among the inboxes of a server those with the fewest. Pure.
fn divide(due: &[Place], underway: &[&Place]) -> Vec<(InboxId, usize)> {
    let mut all = underway.len();
    let count = |server: &Destination| underway.iter().filter(|(_, one)| one == server).count();
    let mut servers: Vec<&Destination> = Vec::new();
    for (_, server) in due {
        if !servers.contains(&server) {
            servers.push(server);
        }
    }
    servers.sort_by_key(|server| count(server));
    let mut shares = Vec::new();
    for server in servers {
        let before = count(server);
        let first = if all < CROWD { FIRST } else { 1 };
        let first = first.saturating_sub(before).min(AT_MOST.saturating_sub(all));
        let room = SIDE_BY_SIDE.saturating_sub(all + first);
        let share = first + OF_ONE_SERVER.saturating_sub(before.max(FIRST)).min(room);
        all += share;
        let inboxes = due.iter().filter(|(_, one)| one == server).map(|(inbox, _)| *inbox);
        let inboxes: Vec<(InboxId, usize)> = inboxes
            .map(|inbox| (inbox, underway.iter().filter(|(one, _)| *one == inbox).count()))
            .collect();
        shares.extend(dealt(share, inboxes));
    }
    shares
}

/// Deals places out one by one, each to the inbox with the fewest letters underway.
fn dealt(places: usize, inboxes: Vec<(InboxId, usize)>) -> Vec<(InboxId, usize)> {
    let mut dealt: Vec<(InboxId, usize, usize)> =
        inboxes.into_iter().map(|(inbox, before)| (inbox, before, 0)).collect();
    for _ in 0..places {
        if let Some(next) = dealt.iter_mut().min_by_key(|(_, before, given)| before + *given) {
            next.2 += 1;
        }
    }
    let given = dealt.into_iter().map(|(inbox, _, given)| (inbox, given));
    given.filter(|(_, given)| *given > 0).collect()
}

#[cfg(test)]
mod tests {
    use kernel::InboxId;
    use proptest::prelude::*;

    use super::{AT_MOST, Destination, Place, SIDE_BY_SIDE, divide};

    /// Inboxes, and how many letters of each.
    type Counts = &'static [(i64, usize)];

    fn place(inbox: i64, server: i64) -> Place {
        (InboxId(inbox), Destination::server("mail.example", u16::try_from(server).unwrap()))
    }

    /// Letters underway and due by inbox and server.
    fn shares(due: &[(i64, i64)], underway: &[(i64, i64, usize)]) -> Vec<(i64, usize)> {
        let due: Vec<Place> = due.iter().map(|(inbox, server)| place(*inbox, *server)).collect();
        let underway: Vec<Place> = underway
            .iter()
            .flat_map(|(inbox, server, count)| vec![place(*inbox, *server); *count])
            .collect();
        let shares = divide(&due, &underway.iter().collect::<Vec<_>>());
        shares.into_iter().map(|(inbox, share)| (inbox.0, share)).collect()
    }

    /// Where each inbox has a server of its own.
    fn by_server(due: &[i64], underway: &[(i64, usize)]) -> Vec<(i64, usize)> {
        let due: Vec<_> = due.iter().map(|one| (*one, *one)).collect();
        let underway: Vec<_> = underway.iter().map(|(one, count)| (*one, *one, *count)).collect();
        shares(&due, &underway)
    }

    #[test]
    fn no_server_takes_the_places_of_the_others() {
        let cases: [(&[i64], Counts, Counts); 12] = [
            (&[], &[], &[]),
            (&[1], &[], &[(1, 4)]),
            // What is underway counts.
            (&[1], &[(1, 3)], &[(1, 1)]),
            (&[1], &[(1, 4)], &[]),
            // Two that say nothing hold half of the places each, and a third has its own.
            (&[1, 2, 3], &[], &[(1, 4), (2, 4), (3, 2)]),
            (&[1, 2], &[(1, 4), (2, 2)], &[(2, 2)]),
            (&[1, 2, 3], &[(1, 4), (2, 4)], &[(3, 2)]),
            // Who has little underway comes before those who wait for longer.
            (&[1, 2, 3], &[(1, 2), (2, 1), (4, 2)], &[(3, 3), (2, 1)]),
            // Three that say nothing keep no fourth one waiting, and so on.
            (&[5], &[(1, 4), (2, 2), (3, 2)], &[(5, 2)]),
            (&[1, 5], &[(1, 4), (2, 4), (3, 4), (4, 2)], &[(5, 2)]),
            (&[7], &[(1, 4), (2, 4), (3, 4), (4, 2), (5, 2)], &[(7, 1)]),
            (&[9], &[(1, 16), (2, 16)], &[]),
        ];
        for (due, underway, expected) in cases {
            assert_eq!(by_server(due, underway), expected, "{due:?} with {underway:?}");
        }
    }

    #[test]
    fn inboxes_share_what_their_server_has() {
        // However many inboxes it has, a server that says nothing holds no more.
        assert_eq!(shares(&[(1, 1), (2, 1), (3, 2)], &[]), [(1, 2), (2, 2), (3, 4)]);
        assert!(shares(&[(3, 1)], &[(1, 1, 2), (2, 1, 2)]).is_empty());
        assert_eq!(shares(&[(1, 1), (2, 1)], &[(1, 1, 3)]), [(2, 1)]);
    }

    proptest! {
        #[test]
        fn one_more_server_has_its_part_of_the_places_whatever_the_others_do(
            others in 1_i64..=9,
            history in prop::collection::vec((0_i64..9, 0_usize..4), 0..60),
        ) {
            let mut underway: Vec<(i64, usize)> = (1..=others).map(|one| (one, 0)).collect();
            for (asking, gone) in history {
                let asking = asking % others + 1;
                let share: usize = by_server(&[asking], &underway).iter().map(|(_, share)| share).sum();
                for (server, count) in &mut underway {
                    let come = if *server == asking { share } else { 0 };
                    *count = (*count + come).saturating_sub(gone);
                }
                let all: usize = underway.iter().map(|(_, count)| count).sum();
                prop_assert!(all <= AT_MOST && underway.iter().all(|(_, count)| *count <= 4));
                let due: Vec<i64> = (1..=others + 1).collect();
                let next = by_server(&due, &underway);
                let its = next.iter().find(|(server, _)| *server == others + 1);
                let servers = usize::try_from(others + 1).unwrap();
                // One alone leaves half of the places to whoever may come.
                let part = (SIDE_BY_SIDE / servers).clamp(1, 4);
                prop_assert!(its.is_some_and(|(_, share)| *share >= part), "{next:?} with {underway:?}");
            }
        }
    }
}
