//! Whether inboxes are fetched, since when, and by which node.

use anyhow::Result;
use database::{Cols, Conn, FromRow, Tx, params};
use kernel::{InboxId, LEASE_MAX, Timestamp};

use crate::health::Health;

/// Fetches for an inbox from now on, if no other node does.
pub(crate) async fn win_lease(
    tx: &mut Tx,
    inbox: InboxId,
    node: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool> {
    let won = tx
        .execute(
            "insert into mail_health (inbox_id, checked_at, fetcher, leased_until)
             values ($1, $2, $3, $4)
             on conflict (inbox_id) do update
                set fetcher = excluded.fetcher, leased_until = excluded.leased_until,
                    checked_at = excluded.checked_at
              where mail_health.fetcher = excluded.fetcher
                 or mail_health.fetcher is null
                 or mail_health.leased_until < $2
                 or mail_health.leased_until > $5",
            params![inbox, now, node, until, now + LEASE_MAX],
        )
        .await?;
    Ok(won > 0)
}

pub(crate) async fn give_up_lease(tx: &mut Tx, inbox: InboxId, node: &str) -> Result<()> {
    tx.send(
        "update mail_health set fetcher = null where inbox_id = $1 and fetcher = $2",
        params![inbox, node],
    )
    .await
}

/// Takes every inbox from the node that fetches for it.
pub(crate) async fn free_leases(tx: &mut Tx) -> Result<()> {
    tx.send("update mail_health set fetcher = null where fetcher is not null", params![]).await
}

pub(crate) async fn note_success(tx: &mut Tx, inbox: InboxId, now: Timestamp) -> Result<()> {
    tx.send(
        "update mail_health
            set worked_at = $2, works_since = coalesce(works_since, $2), fails_since = null,
                fault = null, alarmed_at = null
          where inbox_id = $1",
        params![inbox, now],
    )
    .await
}

pub(crate) async fn note_fault(
    tx: &mut Tx,
    inbox: InboxId,
    fault: &str,
    now: Timestamp,
) -> Result<()> {
    tx.send(
        "update mail_health
            set fault = $2, works_since = null, fails_since = coalesce(fails_since, $3)
          where inbox_id = $1",
        params![inbox, kernel::clip(fault, 500), now],
    )
    .await
}

/// When an inbox was last looked at with success, by whatever settings.
pub(crate) async fn worked_at(conn: &Conn, inbox: InboxId) -> Result<Option<Timestamp>> {
    let row: Option<(Option<Timestamp>,)> = conn
        .optional("select worked_at from mail_health where inbox_id = $1", params![inbox])
        .await?;
    Ok(row.and_then(|(at,)| at))
}

/// Forgets how fetching went: the settings are new.
pub(crate) async fn forget(tx: &mut Tx, inbox: InboxId) -> Result<()> {
    tx.send(
        "update mail_health
            set works_since = null, fails_since = null, fault = null, alarmed_at = null
          where inbox_id = $1",
        params![inbox],
    )
    .await
}

/// Notes that the alarm was raised. `false`: it was before.
pub(crate) async fn set_alarmed(tx: &mut Tx, inbox: InboxId, now: Timestamp) -> Result<bool> {
    let first = tx
        .execute(
            "insert into mail_health (inbox_id, alarmed_at) values ($1, $2)
             on conflict (inbox_id) do update set alarmed_at = excluded.alarmed_at
              where mail_health.alarmed_at is null",
            params![inbox, now],
        )
        .await?;
    Ok(first > 0)
}

/// Notes that the alarm was raised about the time since the last mail. `false`: it was before.
pub(crate) async fn set_quiet_alarmed(
    tx: &mut Tx,
    inbox: InboxId,
    last_at: Timestamp,
) -> Result<bool> {
    let first = tx
        .execute(
            "insert into mail_health (inbox_id, quiet_since) values ($1, $2)
             on conflict (inbox_id) do update set quiet_since = excluded.quiet_since
              where mail_health.quiet_since is null
                 or mail_health.quiet_since <> excluded.quiet_since",
            params![inbox, last_at],
        )
        .await?;
    Ok(first > 0)
}

impl FromRow for Health {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            inbox: cols.next()?,
            set_up_at: cols.next()?,
            worked_at: cols.next()?,
            works_since: cols.next()?,
            fails_since: cols.next()?,
            fault: cols.next()?,
        })
    }
}

/// All inboxes that are fetched.
pub(crate) async fn all(conn: &Conn) -> Result<Vec<Health>> {
    conn.all(
        "select c.inbox_id, c.updated_at, h.worked_at, h.works_since, h.fails_since, h.fault
           from mail_connections c
           join inboxes i on i.id = c.inbox_id
           left join mail_health h on h.inbox_id = c.inbox_id
          where c.imap_host is not null and i.archived_at is null
          order by c.inbox_id",
        params![],
    )
    .await
}
