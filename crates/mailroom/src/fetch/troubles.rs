//! Mails that a server names and does not give, and what else one connection has to tell the
//! next. Pure.

use std::collections::{BTreeMap, BTreeSet};

/// A mail that did not come so often is set aside.
const TRIES: usize = 3;

/// What is known about the mails of a folder that are not done with.
#[derive(Default)]
pub(super) struct Troubles {
    uid_validity: u32,
    /// Mails that did not come, or that may be why a connection broke: how often, and why.
    tried: BTreeMap<u32, (usize, String)>,
    /// Handled, although one before them is not: the cursor cannot say so.
    done: BTreeSet<u32>,
    /// Handled, and not yet stored.
    unstored: Vec<u32>,
    /// Asked for at this moment. If the connection breaks now, one of them may be why.
    pub(super) asked: Vec<u32>,
    /// Stored, and not yet marked or moved on the server.
    pub(super) untidied: Vec<u32>,
}

impl Troubles {
    /// A connection has opened the folder: if the last one broke while it fetched, that is counted.
    pub(super) fn begin(&mut self, uid_validity: u32) {
        if self.uid_validity != uid_validity {
            *self = Self { uid_validity, ..Self::default() };
        }
        // What could not be stored is asked for again.
        for uid in std::mem::take(&mut self.unstored) {
            self.done.remove(&uid);
        }
        match std::mem::take(&mut self.asked).as_slice() {
            [only] => self.count(*only, "the connection broke while it was sent".to_owned()),
            several => {
                for uid in several {
                    self.tried.entry(*uid).or_default();
                }
            }
        }
    }

    /// The numbers of mails have another meaning from now on.
    pub(super) fn forget(&mut self) {
        *self = Self { uid_validity: self.uid_validity, ..Self::default() };
    }

    /// Whether the connection broke while mails were fetched.
    pub(super) fn broke_fetching(&self) -> bool {
        !self.asked.is_empty()
    }

    pub(super) fn count(&mut self, uid: u32, why: String) {
        let tried = self.tried.entry(uid).or_default();
        *tried = (tried.0 + 1, why);
    }

    /// Whether a mail has to be fetched on its own.
    pub(super) fn is_suspect(&self, uid: u32) -> bool {
        self.tried.contains_key(&uid)
    }

    /// Why a mail is not asked for again.
    pub(super) fn hopeless(&self, uid: u32) -> Option<&str> {
        self.tried.get(&uid).filter(|(tries, _)| *tries >= TRIES).map(|(_, why)| why.as_str())
    }

    /// The mails to fetch next: others do not wait for those that are in trouble.
    pub(super) fn next(&self, there: &[u32], looked_at: &BTreeSet<u32>, most: usize) -> Vec<u32> {
        let waiting = || {
            there.iter().copied().filter(|uid| !self.done.contains(uid) && !looked_at.contains(uid))
        };
        let good: Vec<u32> = waiting().filter(|uid| !self.is_suspect(*uid)).take(most).collect();
        let tries = |uid: &u32| self.tried.get(uid).map_or(0, |(tries, _)| *tries);
        if good.is_empty() { waiting().min_by_key(tries).into_iter().collect() } else { good }
    }

    /// A mail came, is set aside or gone.
    pub(super) fn settle(&mut self, uid: u32) {
        self.tried.remove(&uid);
        self.done.insert(uid);
        self.unstored.push(uid);
    }

    /// Whatever came was stored.
    pub(super) fn stored(&mut self) {
        self.unstored.clear();
    }

    /// The last mail before which nothing is left to do.
    pub(super) fn reached(&mut self, there: &[u32], before: u32) -> u32 {
        let done = there.iter().take_while(|uid| self.done.contains(uid)).last();
        let reached = done.copied().unwrap_or(before);
        self.done.retain(|uid| *uid > reached);
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_do_not_wait_for_a_mail_in_trouble_and_the_cursor_does() {
        let mut troubles = Troubles::default();
        troubles.begin(1);
        troubles.asked = vec![1, 2, 3];
        troubles.begin(1);
        assert_eq!(troubles.next(&[1, 2, 3, 4, 5], &BTreeSet::new(), 50), [4, 5]);
        for uid in [4, 5] {
            troubles.settle(uid);
        }
        assert_eq!(troubles.reached(&[1, 2, 3, 4, 5], 0), 0);
        troubles.stored();
        assert_eq!(troubles.next(&[1, 2, 3, 4, 5], &BTreeSet::new(), 50), [1]);
        troubles.settle(1);
        assert_eq!(troubles.reached(&[1, 2, 3, 4, 5], 0), 1);
        for _ in 0..3 {
            assert_eq!(troubles.hopeless(2), None);
            troubles.asked = vec![2];
            assert!(troubles.broke_fetching());
            troubles.begin(1);
        }
        assert!(troubles.hopeless(2).is_some());
        assert_eq!(troubles.next(&[2, 3, 4, 5], &BTreeSet::from([2]), 50), [3]);
        troubles.settle(2);
        troubles.settle(3);
        assert_eq!(troubles.reached(&[2, 3, 4, 5], 1), 5);
        troubles.begin(2);
        assert_eq!(troubles.next(&[4], &BTreeSet::new(), 50), [4], "other numbers, other mails");
    }

    #[test]
    fn what_came_and_could_not_be_stored_is_asked_for_again() {
        let mut troubles = Troubles::default();
        troubles.begin(1);
        troubles.asked = vec![1];
        troubles.begin(1);
        for uid in [2, 3] {
            troubles.settle(uid);
        }
        assert_eq!(troubles.reached(&[1, 2, 3], 0), 0);
        troubles.begin(1);
        assert_eq!(troubles.next(&[1, 2, 3], &BTreeSet::new(), 50), [2, 3]);
        for uid in [2, 3] {
            troubles.settle(uid);
        }
        troubles.stored();
        troubles.begin(1);
        assert_eq!(troubles.next(&[1, 2, 3], &BTreeSet::new(), 50), [1], "they are here");
    }
}
