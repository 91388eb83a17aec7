//! Places of which one network has only so many.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who has how many.
#[derive(Debug)]
pub struct Shares {
    most: usize,
    taken: Mutex<Vec<String>>,
}

/// A place that a network has until this is dropped.
#[derive(Debug)]
pub struct Share {
    of: Arc<Shares>,
    network: String,
}

impl Shares {
    /// Each network has at most `most` of them.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::default() })
    }

    /// A place for a network, if it has not all that it may have.
    pub fn take(self: &Arc<Self>, network: String) -> Option<Share> {
        let mut taken = self.taken();
        if taken.iter().filter(|one| **one == network).count() >= self.most {
            return None;
        }
        taken.push(network.clone());
        Some(Share { of: Arc::clone(self), network })
    }

    fn taken(&self) -> MutexGuard<'_, Vec<String>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.of.taken();
        if let Some(at) = taken.iter().position(|one| *one == self.network) {
            taken.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_its_share_and_no_more() {
        let shares = Shares::new(2);
        let take = |network: &str| shares.take(network.to_owned());
        let (first, second) = (take("a"), take("a"));
        assert!(first.is_some() && second.is_some() && take("a").is_none());
        let other = take("b");
        assert!(other.is_some());
        drop(first);
        assert!(take("a").is_some());
    }
}
