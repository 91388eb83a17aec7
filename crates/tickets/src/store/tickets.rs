//! The rows of tickets themselves.

use anyhow::Result;
use database::{Conn, Sql, Tx, dialect, params};
use kernel::{CustomerId, EmailAddress, InboxId, TicketId, Timestamp};
use live::{Change, Touch};

use crate::State;
use crate::ticket::{COLUMNS, Ticket};

pub(crate) async fn find(conn: &Conn, id: TicketId) -> Result<Option<Ticket>> {
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from tickets t where t.id = ").bind(id);
    conn.optional_sql(sql).await
}

/// The ticket, held until the end of the transaction.
pub(crate) async fn take(tx: &mut Tx, id: TicketId) -> Result<Option<Ticket>> {
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from tickets t where t.id = ").bind(id);
    sql.push(dialect::for_update(tx.engine()));
    tx.optional_sql(sql).await
}

pub(crate) async fn find_many(conn: &Conn, ids: &[TicketId]) -> Result<Vec<Ticket>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from tickets t where t.id in (").bind_list(ids.iter().copied());
    sql.push(") order by t.id");
    conn.all_sql(sql).await
}

/// Where a reference leads today: through merges, at most a few.
pub(crate) async fn follow(conn: &Conn, id: TicketId) -> Result<Option<TicketId>> {
    let mut at = id;
    for _ in 0..20 {
        let row: Option<(Option<TicketId>,)> =
            conn.optional("select merged_into from tickets where id = $1", params![at]).await?;
        match row {
            None => return Ok(None),
            Some((None,)) => return Ok(Some(at)),
            Some((Some(next),)) => at = next,
        }
    }
    Ok(Some(at))
}

/// The ticket behind a number from elsewhere.
pub(crate) async fn by_alias(conn: &Conn, alias: &str) -> Result<Option<TicketId>> {
    let row: Option<(TicketId,)> = conn
        .optional("select ticket_id from ticket_aliases where alias = $1", params![alias])
        .await?;
    Ok(row.map(|(id,)| id))
}

/// Adds a ticket; its id is given by the database.
pub(crate) async fn insert(tx: &mut Tx, ticket: &Ticket) -> Result<TicketId> {
    let id: TicketId = tx
        .scalar(
            "insert into tickets (inbox_id, customer_id, subject, channel, state, priority,
                category_id, assignee_id, waiting_since, reply_due_at, message_count,
                last_message_at, last_direction, snippet, due_at, created_at, updated_at,
                acknowledged_at, acknowledgement_withheld, resolved_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16,
                $17, $18, $19)
             returning id",
            params![
                ticket.inbox,
                ticket.customer,
                &ticket.subject,
                ticket.channel.as_str(),
                ticket.state.as_str(),
                ticket.priority.as_str(),
                ticket.category,
                ticket.assignee,
                ticket.waiting.since,
                ticket.waiting.reply_due_at,
                ticket.message_count,
                ticket.last_message_at,
                ticket.last_direction.as_str(),
                &ticket.snippet,
                ticket.waiting.due_at(ticket.state),
                ticket.created_at,
                ticket.acknowledged_at,
                ticket.acknowledgement_withheld.clone(),
                ticket.resolved_at
            ],
        )
        .await?;
    tx.announce(Change::Ticket { id, inbox: ticket.inbox, touch: Touch::Entry });
    Ok(id)
}

/// Whether somebody of us wrote or began to write in a ticket: notes, drafts, files for them.
pub(crate) async fn has_words_of_the_team(conn: &Conn, id: TicketId) -> Result<bool> {
    let count: i64 = conn
        .scalar(
            "select (select count(*) from notes where ticket_id = $1)
                  + (select count(*) from drafts where ticket_id = $1)
                  + (select count(*) from attachments where draft_ticket_id = $1)",
            params![id],
        )
        .await?;
    Ok(count > 0)
}

/// Removes a ticket that was taken back before anybody outside heard of it. Its messages are gone
/// already.
pub(crate) async fn delete(tx: &mut Tx, id: TicketId, inbox: InboxId) -> Result<()> {
    for sql in [
        "update deliveries set ticket_id = null where ticket_id = $1",
        "delete from events where ticket_id = $1",
        "delete from notifications where ticket_id = $1",
        "delete from ticket_reads where ticket_id = $1",
        "delete from participants where ticket_id = $1",
        "delete from followers where ticket_id = $1",
        "delete from ticket_tags where ticket_id = $1",
        "delete from ticket_fields where ticket_id = $1",
        "delete from ticket_links where ticket_id = $1 or other_id = $1",
        "delete from tickets where id = $1",
    ] {
        tx.send(sql, params![id]).await?;
    }
    tx.announce(Change::Ticket { id, inbox, touch: Touch::Row });
    Ok(())
}

/// Saves a ticket over the version that was read, and gives in whose hands it is then: work is in
/// the hands of nobody rather than of somebody who left. `None`: somebody else was quicker.
pub(crate) async fn save(
    tx: &mut Tx,
    ticket: &Ticket,
    touch: Touch,
) -> Result<Option<Option<kernel::AgentId>>> {
    let saved: Option<(Option<kernel::AgentId>,)> = tx
        .optional(
            "update tickets set
                inbox_id = $3, customer_id = $4, subject = $5, state = $6,
                state_before_spam = $7, priority = $8, category_id = $9,
                assignee_id = case
                    when $6 in ('resolved', 'closed', 'spam', 'merged') then $10
                    else (select id from agents where id = $10 and state = 'active')
                end,
                team_id = $11, problem_id = $12, merged_into = $13, hold_reason = $14,
                resolution = $15, cause = $16, waiting_since = $17, reply_due_at = $18,
                next_update_at = $19, snoozed_until = $20, first_replied_at = $21,
                acknowledged_at = $22, acknowledgement_withheld = $23, resolved_at = $24,
                reopen_count = $25, message_count = $26, last_message_at = $27,
                last_direction = $28, snippet = $29, due_at = $30, updated_at = $31,
                version = version + 1
              where id = $1 and version = $2
              returning assignee_id",
            params![
                ticket.id,
                ticket.version,
                ticket.inbox,
                ticket.customer,
                &ticket.subject,
                ticket.state.as_str(),
                ticket.state_before_spam.map(State::as_str),
                ticket.priority.as_str(),
                ticket.category,
                ticket.assignee,
                ticket.team,
                ticket.problem,
                ticket.merged_into,
                ticket.hold_reason.clone(),
                ticket.resolution.map(crate::ticket::Resolution::as_str),
                ticket.cause.clone(),
                ticket.waiting.since,
                ticket.waiting.reply_due_at,
                ticket.waiting.next_update_at,
                ticket.waiting.snoozed_until,
                ticket.first_replied_at,
                ticket.acknowledged_at,
                ticket.acknowledgement_withheld.clone(),
                ticket.resolved_at,
                ticket.reopen_count,
                ticket.message_count,
                ticket.last_message_at,
                ticket.last_direction.as_str(),
                &ticket.snippet,
                ticket.waiting.due_at(ticket.state),
                ticket.updated_at
            ],
        )
        .await?;
    tx.announce(Change::Ticket { id: ticket.id, inbox: ticket.inbox, touch });
    Ok(saved.map(|(assignee,)| assignee))
}

/// Sleeping and held tickets whose date has come.
pub(crate) async fn due_to_wake(conn: &Conn, now: Timestamp, limit: i64) -> Result<Vec<TicketId>> {
    conn.column(
        "select id from tickets
          where state in ('snoozed', 'on_hold') and due_at <= $1
          order by due_at, id limit $2",
        params![now, limit],
    )
    .await
}

/// Resolved tickets whose reopen period is over.
pub(crate) async fn due_to_close(
    conn: &Conn,
    resolved_before: Timestamp,
    limit: i64,
) -> Result<Vec<TicketId>> {
    conn.column(
        "select id from tickets
          where state = 'resolved' and resolved_at <= $1
          order by resolved_at, id limit $2",
        params![resolved_before, limit],
    )
    .await
}

/// Open work of a person.
pub(crate) async fn open_of(
    conn: &Conn,
    agent: kernel::AgentId,
    limit: i64,
) -> Result<Vec<TicketId>> {
    conn.column(
        "select id from tickets
          where assignee_id = $1
            and state in ('new', 'open', 'waiting_customer', 'on_hold', 'snoozed')
          order by id limit $2",
        params![agent, limit],
    )
    .await
}

/// Moves the tickets of one customer to another, and removes the one that is left with nothing.
pub(crate) async fn move_customer(
    tx: &mut Tx,
    from: CustomerId,
    into: CustomerId,
) -> Result<Vec<(TicketId, InboxId)>> {
    for sql in [
        "update messages set customer_id = $2 where customer_id = $1",
        "update search_documents set customer_id = $2 where customer_id = $1",
    ] {
        tx.send(sql, params![from, into]).await?;
    }
    let moved = tx
        .all(
            "update tickets set customer_id = $2, version = version + 1
              where customer_id = $1 returning id, inbox_id",
            params![from, into],
        )
        .await?;
    tx.send("delete from customers where id = $1", params![from]).await?;
    Ok(moved)
}

/// How many tickets a customer has.
pub(crate) async fn count_of(conn: &Conn, customer: CustomerId) -> Result<i64> {
    conn.scalar("select count(*) from tickets where customer_id = $1", params![customer]).await
}

/// The people who take part in a ticket besides the customer.
pub(crate) async fn participants(conn: &Conn, id: TicketId) -> Result<Vec<(EmailAddress, String)>> {
    conn.all(
        "select address, name from participants where ticket_id = $1 order by address limit 50",
        params![id],
    )
    .await
}

/// Adds somebody; `false` if they took part already.
pub(crate) async fn add_participant(
    tx: &mut Tx,
    id: TicketId,
    address: &EmailAddress,
    name: &str,
    now: Timestamp,
) -> Result<bool> {
    let added = tx
        .execute(
            "insert into participants (ticket_id, address, name, created_at)
             values ($1, $2, $3, $4) on conflict do nothing",
            params![id, address, name, now],
        )
        .await?;
    Ok(added > 0)
}

pub(crate) async fn remove_participant(
    tx: &mut Tx,
    id: TicketId,
    address: &EmailAddress,
) -> Result<bool> {
    let gone = tx
        .execute(
            "delete from participants where ticket_id = $1 and address = $2",
            params![id, address],
        )
        .await?;
    Ok(gone > 0)
}

/// Whether an address takes part: the customer's own, or a participant's.
pub(crate) async fn takes_part(conn: &Conn, id: TicketId, address: &EmailAddress) -> Result<bool> {
    let count: i64 = conn
        .scalar(
            "select
                (select count(*) from tickets t
                   join identities i on i.customer_id = t.customer_id
                  where t.id = $1 and i.value = $2)
                + (select count(*) from participants where ticket_id = $1 and address = $2)",
            params![id, address],
        )
        .await?;
    Ok(count > 0)
}

/// Whether anybody of the team has done anything with a ticket, or is about to.
pub(crate) async fn is_touched(conn: &Conn, id: TicketId) -> Result<bool> {
    let count: i64 = conn
        .scalar(
            "select
                (select count(*) from events where ticket_id = $1 and actor = 'agent')
                + (select count(*) from messages where ticket_id = $1 and agent_id is not null)
                + (select count(*) from notes where ticket_id = $1)
                + (select count(*) from drafts where ticket_id = $1)",
            params![id],
        )
        .await?;
    Ok(count > 0)
}

/// Tickets that a ticket is linked to, both ways: other ticket, kind, whether we point to it.
pub(crate) async fn links(conn: &Conn, id: TicketId) -> Result<Vec<(TicketId, String, bool)>> {
    let there = "select other_id, kind from ticket_links where ticket_id = $1 limit 100";
    let back = "select ticket_id, kind from ticket_links where other_id = $1 limit 100";
    let (there, back) = tokio::try_join!(
        conn.all::<(TicketId, String)>(there, params![id]),
        conn.all::<(TicketId, String)>(back, params![id]),
    )?;
    let there = there.into_iter().map(|(other, kind)| (other, kind, true));
    Ok(there.chain(back.into_iter().map(|(other, kind)| (other, kind, false))).collect())
}

pub(crate) async fn link(
    tx: &mut Tx,
    id: TicketId,
    other: TicketId,
    kind: &'static str,
    now: Timestamp,
) -> Result<bool> {
    let added = tx
        .execute(
            "insert into ticket_links (ticket_id, other_id, kind, created_at)
             values ($1, $2, $3, $4) on conflict (ticket_id, other_id) do nothing",
            params![id, other, kind, now],
        )
        .await?;
    Ok(added > 0)
}

pub(crate) async fn unlink(tx: &mut Tx, id: TicketId, other: TicketId) -> Result<bool> {
    let gone = tx
        .execute(
            "delete from ticket_links
              where (ticket_id = $1 and other_id = $2) or (ticket_id = $2 and other_id = $1)",
            params![id, other],
        )
        .await?;
    Ok(gone > 0)
}
