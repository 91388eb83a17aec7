//! How fetching is doing, and the alarm when it is not.

use anyhow::Result;
use database::{Conn, Db};
use kernel::{InboxId, Span, Timestamp};

use crate::store::health as store;

/// How fetching for an inbox is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub inbox: InboxId,
    /// When its connection was set up or changed.
    pub set_up_at: Timestamp,
    /// The last successful look.
    pub worked_at: Option<Timestamp>,
    pub works_since: Option<Timestamp>,
    pub fails_since: Option<Timestamp>,
    pub fault: Option<String>,
}

/// Without a successful look for this long somebody has to know.
const SILENT_AFTER: Span = Span::minutes(5);

impl Health {
    pub fn is_silent(&self, now: Timestamp) -> bool {
        let last = self.worked_at.unwrap_or(self.set_up_at).max(self.set_up_at);
        now.since(last) >= SILENT_AFTER
    }
}

/// The health of all inboxes that are fetched.
pub async fn health(conn: &mut Conn) -> Result<Vec<Health>> {
    store::all(conn).await
}

/// Raises the alarm for inboxes that went silent, once each time. Says for which.
pub async fn raise_alarm(db: &Db, now: Timestamp) -> Result<Vec<InboxId>> {
    let all = health(&mut db.read().await?).await?;
    let mut alarmed = Vec::new();
    for one in all.into_iter().filter(|one| one.is_silent(now)) {
        let mut tx = db.begin().await?;
        let first = store::set_alarmed(&mut tx, one.inbox, now).await?;
        if first {
            tx.announce(live::Change::Settings);
        }
        tx.commit().await?;
        if first {
            let fault = one.fault.unwrap_or_default();
            tracing::error!(inbox = %one.inbox, "inbox {} is silent for five minutes: {fault}", one.inbox);
            metrics::counter!("recourse_silent_inboxes_total").increment(1);
            alarmed.push(one.inbox);
        }
    }
    Ok(alarmed)
}
