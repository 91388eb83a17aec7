//! Letters as the people who look after mail list them.

use anyhow::Result;
use database::{Cols, Conn, FromRow, Sql};
use kernel::{DeliveryId, InboxId};

use super::Delivery;

/// Which letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// Waits for its time or its server.
    Waiting,
    /// Did not arrive.
    Failed,
}

/// A letter and the inbox it leaves through; none for mail of the system.
#[derive(Clone, Debug)]
pub struct Listed {
    pub delivery: Delivery,
    pub inbox: Option<InboxId>,
}

impl FromRow for Listed {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self { delivery: Delivery::from_row(cols)?, inbox: cols.next()? })
    }
}

const LISTED: &str = "select id, kind, ticket_id, message_id, state, recipients, subject,
    send_after, attempts, fault, created_at, sent_at, inbox_id from deliveries";

/// Letters of these inboxes, or of all of them and of the system; the latest first.
pub async fn listed(
    conn: &Conn,
    shelf: Shelf,
    inboxes: Option<&[InboxId]>,
    before: Option<DeliveryId>,
    limit: i64,
) -> Result<Vec<Listed>> {
    let mut sql = Sql::new(LISTED);
    sql.push(match shelf {
        Shelf::Waiting => " where state in ('queued', 'sending')",
        Shelf::Failed => " where state in ('failed', 'bounced')",
    });
    sql.push(" and id < ").bind(before.map_or(i64::MAX, i64::from));
    if let Some(inboxes) = inboxes {
        sql.push(" and inbox_id in (").bind_list(inboxes.iter().copied()).push(")");
    }
    sql.push(" order by id desc limit ").bind(limit);
    conn.all_sql(sql).await
}

pub async fn find_listed(conn: &Conn, id: DeliveryId) -> Result<Option<Listed>> {
    let mut sql = Sql::new(LISTED);
    sql.push(" where id = ").bind(id);
    conn.optional_sql(sql).await
}
