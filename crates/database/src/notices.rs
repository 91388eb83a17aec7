//! What changed, told to every node: directly on SQLite, through LISTEN on PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::broadcast;

/// How many notices a slow listener may be behind before it loses some and is told so.
const BACKLOG_MAX: usize = 4_096;

#[derive(Debug)]
pub(crate) struct Hub {
    sender: broadcast::Sender<Arc<str>>,
}

impl Hub {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { sender: broadcast::Sender::new(BACKLOG_MAX) })
    }

    pub(crate) fn publish(&self, notices: Vec<String>) {
        for notice in notices {
            // Nobody listening is fine.
            let _ = self.sender.send(notice.into());
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

/// Passes on what PostgreSQL tells, for as long as the hub lives. A lost connection is opened
/// again; what was said meanwhile is made up for by one notice that says "look again".
pub(crate) async fn relay(pool: PgPool, hub: std::sync::Weak<Hub>) {
    let mut pause = Duration::from_millis(100);
    while hub.strong_count() > 0 {
        match listen(&pool, &hub).await {
            Ok(()) => return,
            Err(fault) => {
                tracing::warn!(%fault, "lost the notices of PostgreSQL; listening again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(5));
            }
        }
    }
}

async fn listen(pool: &PgPool, hub: &std::sync::Weak<Hub>) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen("recourse").await?;
    loop {
        let received = listener.try_recv().await?;
        let Some(hub) = hub.upgrade() else { return Ok(()) };
        match received {
            Some(notice) => hub.publish(notice.payload().lines().map(str::to_owned).collect()),
            // The listener reconnected by itself: something may have been missed.
            None => hub.publish(vec!["*".to_owned()]),
        }
    }
}
