//! What is read for others than the pages: by public ids, page by page.

use anyhow::Result;
use database::{Conn, Sql, params};
use kernel::{AgentId, CustomerId, MessageId, NoteId, PublicId, TicketId};

use super::lists::Reader;
use crate::event::Note;

/// The tags of several tickets.
pub(crate) async fn tags_of(conn: &Conn, ids: &[TicketId]) -> Result<Vec<(TicketId, String)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new(
        "select tt.ticket_id, g.name from ticket_tags tt join tags g on g.id = tt.tag_id
          where tt.ticket_id in (",
    );
    sql.bind_list(ids.iter().copied()).push(") order by g.name");
    conn.all_sql(sql).await
}

pub(crate) async fn message_id(
    conn: &Conn,
    ticket: TicketId,
    id: PublicId,
) -> Result<Option<MessageId>> {
    let row: Option<(MessageId,)> = conn
        .optional(
            "select id from messages where public_id = $1 and ticket_id = $2",
            params![id, ticket],
        )
        .await?;
    Ok(row.map(|(id,)| id))
}

pub(crate) async fn note_by_public_id(conn: &Conn, id: PublicId) -> Result<Option<Note>> {
    conn.optional(
        "select id, public_id, ticket_id, author_id, text, created_at from notes
          where public_id = $1",
        params![id],
    )
    .await
}

/// The HTML of several messages.
pub(crate) async fn html_of(
    conn: &Conn,
    messages: &[MessageId],
) -> Result<Vec<(MessageId, String)>> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("select message_id, html from message_html where message_id in (");
    sql.bind_list(messages.iter().copied()).push(")");
    conn.all_sql(sql).await
}

/// The ticket that a note stands in.
pub(crate) async fn ticket_of_note(conn: &Conn, id: NoteId) -> Result<Option<TicketId>> {
    let row: Option<(TicketId,)> =
        conn.optional("select ticket_id from notes where id = $1", params![id]).await?;
    Ok(row.map(|(ticket,)| ticket))
}

/// The ticket that a message stands in.
pub(crate) async fn ticket_of_message(conn: &Conn, id: MessageId) -> Result<Option<TicketId>> {
    let row: Option<(TicketId,)> =
        conn.optional("select ticket_id from messages where id = $1", params![id]).await?;
    Ok(row.map(|(ticket,)| ticket))
}

/// Which of these files wait for a message of this person.
pub(crate) async fn waiting_uploads(
    conn: &Conn,
    agent: AgentId,
    ids: &[PublicId],
) -> Result<Vec<PublicId>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new(
        "select public_id from attachments
          where message_id is null and note_id is null and uploaded_by = ",
    );
    sql.bind(agent).push(" and public_id in (").bind_list(ids.iter().copied()).push(")");
    let rows: Vec<(PublicId,)> = conn.all_sql(sql).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Whether a file waits for a message of this person.
pub(crate) async fn uploaded_by(conn: &Conn, id: PublicId) -> Result<Option<AgentId>> {
    let row: Option<(Option<AgentId>,)> = conn
        .optional("select uploaded_by from attachments where public_id = $1", params![id])
        .await?;
    Ok(row.and_then(|(agent,)| agent))
}

/// Customers with a ticket that may be seen, the latest first; all for who sees everything.
pub(crate) async fn customers(
    conn: &Conn,
    reader: Reader<'_>,
    before: Option<CustomerId>,
    limit: i64,
) -> Result<Vec<CustomerId>> {
    let mut sql = Sql::new("select c.id from customers c where c.id < ");
    sql.bind(before.map_or(i64::MAX, i64::from));
    if let Some(inboxes) = reader.inboxes {
        sql.push(
            " and exists (select 1 from tickets t where t.customer_id = c.id and t.inbox_id in (",
        );
        sql.bind_list(inboxes.iter().copied()).push("))");
    }
    sql.push(" order by c.id desc limit ").bind(limit);
    let rows: Vec<(CustomerId,)> = conn.all_sql(sql).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Tags by name, after one of them: those of tickets that may be seen; all for who sees
/// everything.
pub(crate) async fn tags(
    conn: &Conn,
    reader: Reader<'_>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<String>> {
    let mut sql = Sql::new("select g.name from tags g where g.name > ");
    sql.bind(after.unwrap_or_default());
    super::taxonomy::seen_tags(&mut sql, reader);
    sql.push(" order by g.name limit ").bind(limit);
    let rows: Vec<(String,)> = conn.all_sql(sql).await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}
