//! What is looked up and set for the customer's side.

use anyhow::Result;
use database::{Conn, Sql, params};
use kernel::{CustomerId, TicketId, Timestamp};

use crate::ticket::{COLUMNS, Ticket};

/// The tickets of a customer, the one that moved last first; parts of others left out.
pub(crate) async fn tickets_of(
    conn: &Conn,
    customer: CustomerId,
    limit: i64,
) -> Result<Vec<Ticket>> {
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from tickets t where t.customer_id = ").bind(customer);
    sql.push(" and t.state <> 'merged' order by t.last_message_at desc, t.id desc limit ");
    sql.bind(limit);
    conn.all_sql(sql).await
}

/// Tickets of a customer on which there is still something to do.
pub(crate) async fn active_of(conn: &Conn, customer: CustomerId) -> Result<Vec<TicketId>> {
    conn.column(
        "select id from tickets
          where customer_id = $1
            and state in ('new', 'bot', 'open', 'waiting_customer', 'on_hold', 'snoozed')
          order by id desc limit 50",
        params![customer],
    )
    .await
}

/// When somebody of us first took a ticket up.
pub(crate) async fn looked_at(conn: &Conn, ticket: TicketId) -> Result<Option<Timestamp>> {
    conn.scalar(
        "select min(created_at) from events
          where ticket_id = $1 and actor = 'agent'
            and kind in ('taken', 'assigned', 'state_changed', 'held', 'snoozed', 'resolved')",
        params![ticket],
    )
    .await
}

/// The address that a customer first wrote from on a ticket.
pub(crate) async fn wrote_from(
    conn: &Conn,
    ticket: TicketId,
    customer: CustomerId,
) -> Result<Option<String>> {
    let row: Option<(String,)> = conn
        .optional(
            "select from_address from messages
              where ticket_id = $1 and customer_id = $2 and direction = 'in'
                and from_address is not null
              order by id limit 1",
            params![ticket, customer],
        )
        .await?;
    Ok(row.map(|(address,)| address))
}
