//! Facts of the timeline.

use anyhow::Result;
use database::{Conn, Sql, Tx, Value, params};
use kernel::{EventId, TicketId, Timestamp};

use crate::event::{By, Event, Fact};

/// Adds a fact to the timeline.
pub(crate) async fn record(
    tx: &mut Tx,
    ticket: TicketId,
    by: By,
    fact: &Fact,
    now: Timestamp,
) -> Result<EventId> {
    tx.scalar(
        "insert into events (ticket_id, kind, actor, agent_id, data, created_at)
         values ($1, $2, $3, $4, $5, $6) returning id",
        values(ticket, by, fact, now)?,
    )
    .await
}

/// Adds a fact that nobody takes back.
pub(crate) async fn record_for_good(
    tx: &mut Tx,
    ticket: TicketId,
    by: By,
    fact: &Fact,
    now: Timestamp,
) -> Result<()> {
    tx.send(
        "insert into events (ticket_id, kind, actor, agent_id, data, created_at)
         values ($1, $2, $3, $4, $5, $6)",
        values(ticket, by, fact, now)?,
    )
    .await
}

fn values(ticket: TicketId, by: By, fact: &Fact, now: Timestamp) -> Result<Vec<Value>> {
    let data = serde_json::to_string(fact)?;
    Ok(params![ticket, fact.kind(), by.as_str(), by.agent(), data, now])
}

/// The facts of a ticket from an instant on and before another.
pub(crate) async fn events_between(
    conn: &Conn,
    ticket: TicketId,
    from: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Event>> {
    conn.all(
        "select id, ticket_id, actor, agent_id, data, created_at from events
          where ticket_id = $1 and created_at >= $2 and created_at < $3 order by id limit $4",
        params![ticket, from, until, limit],
    )
    .await
}

/// The latest facts of some kinds, the newest first.
pub(crate) async fn latest_events(
    conn: &Conn,
    ticket: TicketId,
    kinds: &[&'static str],
    limit: i64,
) -> Result<Vec<Event>> {
    let mut sql = Sql::new("select id, ticket_id, actor, agent_id, data, created_at from events");
    sql.push(" where ticket_id = ").bind(ticket);
    sql.push(" and kind in (").bind_list(kinds.iter().copied());
    sql.push(") order by id desc limit ").number(limit);
    conn.all_sql(sql).await
}

/// Takes facts off the timeline: what was undone is no fact.
pub(crate) async fn forget_events(tx: &mut Tx, ids: &[i64]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut sql = Sql::new("delete from events where id in (");
    sql.bind_list(ids.iter().copied()).push(")");
    tx.send_sql(sql).await
}

pub(crate) async fn event_time(
    conn: &Conn,
    ticket: TicketId,
    id: i64,
) -> Result<Option<Timestamp>> {
    let row: Option<(Timestamp,)> = conn
        .optional(
            "select created_at from events where id = $1 and ticket_id = $2",
            params![id, ticket],
        )
        .await?;
    Ok(row.map(|(at,)| at))
}
