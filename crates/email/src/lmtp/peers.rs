//! How many connections there are, in all and of each peer, and who leaves when there is no room.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

pub(crate) struct Peers {
    seats: Arc<Mutex<Seats>>,
    all_max: usize,
    each_max: usize,
    /// Nobody has to leave who got on in this time.
    grace: Duration,
}

#[derive(Default)]
struct Seats {
    next: u64,
    taken: BTreeMap<u64, Taken>,
}

struct Taken {
    peer: IpAddr,
    /// When a mail was handed over, or a good piece of one, or when it came.
    got_on_at: Instant,
    has_to_leave: Arc<Notify>,
}

/// A place among the connections, given back when it is dropped.
pub(crate) struct Seat {
    seats: Arc<Mutex<Seats>>,
    number: u64,
    has_to_leave: Arc<Notify>,
}

impl Peers {
    pub(crate) fn new(all_max: usize, each_max: usize, grace: Duration) -> Self {
        Self { seats: Arc::default(), all_max, each_max, grace }
    }

    /// A place for a peer; nothing when there is none left. Where all are taken, whoever has the
    /// most gives one up that it makes no use of.
    pub(crate) fn seat(&self, peer: IpAddr) -> Option<Seat> {
        let now = Instant::now();
        let mut seats = lock(&self.seats);
        let own = seats.of(peer);
        if own >= self.each_max {
            seats.free_longest_unused(peer, now, self.grace)?;
        } else if seats.taken.len() >= self.all_max {
            let (greediest, most) = seats.greediest()?;
            if most <= own {
                return None;
            }
            seats.free_longest_unused(greediest, now, self.grace)?;
        }
        let number = seats.next;
        seats.next += 1;
        let has_to_leave = Arc::new(Notify::new());
        let taken = Taken { peer, got_on_at: now, has_to_leave: Arc::clone(&has_to_leave) };
        seats.taken.insert(number, taken);
        Some(Seat { seats: Arc::clone(&self.seats), number, has_to_leave })
    }
}

impl Seats {
    fn of(&self, peer: IpAddr) -> usize {
        self.taken.values().filter(|taken| taken.peer == peer).count()
    }

    fn greediest(&self) -> Option<(IpAddr, usize)> {
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for taken in self.taken.values() {
            *counts.entry(taken.peer).or_default() += 1;
        }
        counts.into_iter().max_by_key(|(_, count)| *count)
    }

    fn free_longest_unused(&mut self, peer: IpAddr, now: Instant, grace: Duration) -> Option<()> {
        let unused = self.taken.iter().filter(|(_, taken)| {
            taken.peer == peer && now.saturating_duration_since(taken.got_on_at) >= grace
        });
        let (number, _) = unused.min_by_key(|(_, taken)| taken.got_on_at)?;
        let number = *number;
        self.taken.remove(&number)?.has_to_leave.notify_one();
        Some(())
    }
}

impl Seat {
    /// Whoever sits here hands something over.
    pub(crate) fn gets_on(&self) {
        if let Some(taken) = lock(&self.seats).taken.get_mut(&self.number) {
            taken.got_on_at = Instant::now();
        }
    }

    /// Done when somebody else needs the place more.
    pub(crate) async fn has_to_leave(&self) {
        self.has_to_leave.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        lock(&self.seats).taken.remove(&self.number);
    }
}

fn lock(seats: &Mutex<Seats>) -> MutexGuard<'_, Seats> {
    seats.lock().unwrap_or_else(PoisonError::into_inner)
}
