//! How many connections there are, in all and of each peer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) struct Peers {
    counts: Arc<Mutex<Counts>>,
    all_max: usize,
    each_max: usize,
}

#[derive(Default)]
struct Counts {
    all: usize,
    each: HashMap<IpAddr, usize>,
}

/// A place among the connections, given back when it is dropped.
pub(crate) struct Seat {
    counts: Arc<Mutex<Counts>>,
    peer: IpAddr,
}

impl Peers {
    pub(crate) fn new(all_max: usize, each_max: usize) -> Self {
        Self { counts: Arc::default(), all_max, each_max }
    }

    /// A place for a peer; nothing when there is none left.
    pub(crate) fn seat(&self, peer: IpAddr) -> Option<Seat> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let each = counts.each.get(&peer).copied().unwrap_or(0);
        if counts.all >= self.all_max || each >= self.each_max {
            return None;
        }
        counts.all += 1;
        counts.each.insert(peer, each + 1);
        Some(Seat { counts: Arc::clone(&self.counts), peer })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all = counts.all.saturating_sub(1);
        let left = counts.each.get(&self.peer).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            counts.each.remove(&self.peer);
        } else {
            counts.each.insert(self.peer, left);
        }
    }
}
