//! What changed, told to every node: directly on SQLite, through LISTEN on PostgreSQL.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::sync::{broadcast, watch};

use crate::postgres::{AsyncMessage, Opening};

/// PostgreSQL refuses payloads of 8,000 bytes and more.
const PAYLOAD_BYTES_MAX: usize = 7_500;
/// How many notices a slow listener may be behind before it loses some and is told so.
const BACKLOG_MAX: usize = 4_096;

type Watcher = Box<dyn Fn(&str) + Send + Sync>;

pub(crate) struct Hub {
    sender: broadcast::Sender<Arc<str>>,
    watchers: Mutex<Vec<Watcher>>,
    /// Names this node in what it tells the others, so that it does not hear itself twice.
    node: String,
}

impl Hub {
    pub(crate) fn new() -> Arc<Self> {
        use std::hash::{BuildHasher, RandomState};
        let node = format!("@{:016x}", RandomState::new().hash_one(std::process::id()));
        let sender = broadcast::Sender::new(BACKLOG_MAX);
        Arc::new(Self { sender, watchers: Mutex::default(), node })
    }

    /// Tells everybody here. Watchers have heard it when this returns, so whoever committed a
    /// change reads nothing remembered from before it.
    pub(crate) fn publish(&self, notices: &[String]) {
        for notice in notices {
            let watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
            watchers.iter().for_each(|watch| watch(notice));
            drop(watchers);
            // Nobody listening is fine.
            let _ = self.sender.send(notice.as_str().into());
        }
    }

    pub(crate) fn watch(&self, watcher: Watcher) {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner).push(watcher);
    }

    /// Notices for the other nodes, in as few payloads as PostgreSQL takes them.
    pub(crate) fn payloads(&self, notices: &[String]) -> Vec<String> {
        let mut payloads: Vec<String> = Vec::new();
        for notice in notices {
            match payloads.last_mut() {
                Some(last) if last.len() + notice.len() < PAYLOAD_BYTES_MAX => {
                    last.push('\n');
                    last.push_str(notice);
                }
                _ => payloads.push(format!("{}\n{notice}", self.node)),
            }
        }
        payloads
    }

    /// Passes on what another node told.
    fn hear(&self, payload: &str) {
        let (node, notices) = payload.split_once('\n').unwrap_or_default();
        if node != self.node {
            let notices: Vec<String> = notices.lines().map(str::to_owned).collect();
            self.publish(&notices);
        }
    }

    pub(crate) fn subscribe(&self) -> Notices {
        Notices { receiver: self.sender.subscribe() }
    }
}

/// A stream of what changed since it was opened.
pub struct Notices {
    receiver: broadcast::Receiver<Arc<str>>,
}

impl Notices {
    /// The next notice. `None` inside means that some were missed: look at everything again.
    /// The outer `None` means that the database is closed.
    pub async fn next(&mut self) -> Option<Option<Arc<str>>> {
        match self.receiver.recv().await {
            Ok(notice) => Some(Some(notice)),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(None),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// Passes on what PostgreSQL tells, for as long as the database is open. A lost connection is
/// opened again; what was said meanwhile is made up for by one notice that says "look again".
pub(crate) async fn relay(opening: Opening, mut closed: watch::Receiver<bool>, hub: Weak<Hub>) {
    let mut pause = Duration::from_millis(100);
    let mut is_again = false;
    while hub.strong_count() > 0 {
        tokio::select! {
            // Closed by us, or nobody has the database any more: nothing is lost.
            _ = closed.changed() => return,
            lost = listen(&opening, &hub, is_again) => {
                let Err(fault) = lost else { return };
                tracing::warn!("lost the notices of PostgreSQL; listening again: {fault:#}");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(5));
                is_again = true;
            }
        }
    }
}

/// Listens until the connection is lost. Ends without a fault when nobody wants to hear anything.
async fn listen(opening: &Opening, hub: &Weak<Hub>, is_again: bool) -> Result<()> {
    let link = opening.link_patiently().await?;
    link.script("listen recourse").await?;
    if is_again && let Some(hub) = hub.upgrade() {
        // Something may have been missed.
        hub.publish(&["*".to_owned()]);
    }
    loop {
        let heard = link.heard().await?;
        let Some(hub) = hub.upgrade() else { return Ok(()) };
        match heard {
            Some(AsyncMessage::Notification(notice)) => hub.hear(notice.payload()),
            Some(_) => {}
            None => bail!("the server hung up"),
        }
    }
}
