//! The middle of one node: notices in, changes out to every open browser.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use database::{Db, Notices};
use kernel::{AgentId, SharedClock, TicketId};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::presence::Presence;
use crate::stream::{Stream, Streams};
use crate::{Activity, Change};

/// How many changes a browser may have missed and still catch up without a reload.
const KEPT: usize = 2_000;

/// A change with its place in this node's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbered {
    pub number: u64,
    pub change: Change,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Shared>);

struct Shared {
    db: Db,
    clock: SharedClock,
    sender: broadcast::Sender<Numbered>,
    state: Mutex<State>,
    versions: Arc<Versions>,
    closing: CancellationToken,
}

/// Counted up before whoever made a change goes on.
#[derive(Default)]
struct Versions {
    settings: AtomicU64,
    tickets: AtomicU64,
}

impl Versions {
    fn note(&self, change: Change) {
        let (settings, tickets) = match change {
            Change::Settings | Change::Agent { .. } => (true, false),
            Change::Ticket { .. } => (false, true),
            Change::Everything => (true, true),
            Change::Presence { .. } | Change::Notifications { .. } => (false, false),
        };
        if settings {
            self.settings.fetch_add(1, Ordering::SeqCst);
        }
        if tickets {
            self.tickets.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[derive(Default)]
pub(crate) struct State {
    last: u64,
    kept: VecDeque<Numbered>,
    presence: Presence,
    pub(crate) streams: Streams,
}

impl Hub {
    /// The hub hears what is announced from now on; [`Hub::run`] passes it on.
    pub fn new(db: Db, clock: SharedClock) -> Self {
        // Numbers go on after a restart, so that a browser which was connected before is
        // recognised as one that missed something.
        let state = State { last: clock.now().micros().unsigned_abs(), ..State::default() };
        let versions = Arc::new(Versions::default());
        let counting = Arc::clone(&versions);
        db.watch(move |notice| {
            if let Ok(change) = notice.parse() {
                counting.note(change);
            }
        });
        Self(Arc::new(Shared {
            db,
            clock,
            sender: broadcast::Sender::new(KEPT),
            state: Mutex::new(state),
            versions,
            closing: CancellationToken::new(),
        }))
    }

    /// Listens to the database until `stop`.
    pub async fn run(self, mut notices: Notices, stop: CancellationToken) {
        while let Some(Some(notice)) = stop.run_until_cancelled(notices.next()).await {
            match notice {
                None => self.publish(Change::Everything),
                Some(notice) => {
                    if let Ok(change) = notice.parse() {
                        self.publish(change);
                    }
                }
            }
        }
        self.0.closing.cancel();
    }

    /// Waits until this node stops: whoever streams changes ends then, so that nobody waits for
    /// streams that never end.
    pub async fn closed(&self) {
        self.0.closing.cancelled().await;
    }

    fn publish(&self, change: Change) {
        let mut state = self.state();
        if let Change::Presence { ticket, agent, activity } = change {
            let now = self.0.clock.now();
            state.presence.note(ticket, agent, activity, now);
            if state.last.is_multiple_of(64) {
                state.presence.sweep(now);
            }
        }
        state.last += 1;
        let numbered = Numbered { number: state.last, change };
        if state.kept.len() == KEPT {
            state.kept.pop_front();
        }
        state.kept.push_back(numbered);
        // Nobody watching is fine. Sent under the lock, so that the order is the numbers' order.
        let _ = self.0.sender.send(numbered);
    }

    /// Changes from now on.
    pub fn changes(&self) -> broadcast::Receiver<Numbered> {
        self.0.sender.subscribe()
    }

    /// What came after `number`, or `None` if that is too long ago to tell.
    pub fn since(&self, number: u64) -> Option<Vec<Numbered>> {
        let state = self.state();
        let oldest_known = state.last - kernel::count(state.kept.len()).unsigned_abs();
        if number < oldest_known || number > state.last {
            return None;
        }
        Some(state.kept.iter().filter(|kept| kept.number > number).copied().collect())
    }

    /// The number of the latest change.
    pub fn latest(&self) -> u64 {
        self.state().last
    }

    /// Grows whenever settings, people or permissions change: what was remembered under an older
    /// version is to be read again.
    pub fn settings_version(&self) -> u64 {
        self.0.versions.settings.load(Ordering::SeqCst)
    }

    /// Grows whenever any ticket changes.
    pub fn tickets_version(&self) -> u64 {
        self.0.versions.tickets.load(Ordering::SeqCst)
    }

    /// Who is at a ticket now.
    pub fn present(&self, ticket: TicketId) -> Vec<(AgentId, Activity)> {
        self.state().presence.at(ticket, self.0.clock.now())
    }

    /// Tells every node what an agent does at a ticket.
    pub async fn be_present(
        &self,
        ticket: TicketId,
        agent: AgentId,
        activity: Activity,
    ) -> anyhow::Result<()> {
        let change = Change::Presence { ticket, agent, activity };
        self.0.db.announce(change.to_string()).await
    }

    /// Notes a stream of changes to somebody; none when they have too many open.
    pub fn stream(&self, agent: AgentId) -> Option<Stream> {
        self.state().streams.open(agent).then(|| Stream::new(self.clone(), agent))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole after each statement, so a panic elsewhere does not spoil it.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something small that is read from the database once and again whenever settings change.
pub struct Remembered<T> {
    hub: Hub,
    kept: Mutex<Option<(u64, Arc<T>)>>,
}

impl<T> Remembered<T> {
    pub fn new(hub: Hub) -> Self {
        Self { hub, kept: Mutex::new(None) }
    }

    /// The value, loaded if it is not known under the current version of the settings.
    pub async fn get<F>(&self, load: F) -> anyhow::Result<Arc<T>>
    where
        F: Future<Output = anyhow::Result<T>>,
    {
        // Taken before loading: what changes meanwhile is loaded again next time.
        let version = self.hub.settings_version();
        if let Some((known, value)) = &*self.kept()
            && *known == version
        {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(load.await?);
        *self.kept() = Some((version, Arc::clone(&value)));
        Ok(value)
    }

    fn kept(&self) -> MutexGuard<'_, Option<(u64, Arc<T>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
