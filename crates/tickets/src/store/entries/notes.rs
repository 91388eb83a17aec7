//! Notes. In a table of their own, so that nothing that sends messages can reach them.

use anyhow::Result;
use database::{Conn, Sql, Tx, params};
use kernel::{AgentId, NoteId, PublicId, TicketId, Timestamp};

use crate::event::Note;

pub(crate) async fn note_ids(conn: &Conn, ticket: TicketId) -> Result<Vec<NoteId>> {
    conn.column("select id from notes where ticket_id = $1 order by id", params![ticket]).await
}

pub(crate) async fn move_notes(tx: &mut Tx, ids: &[NoteId], to: TicketId) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut sql = Sql::new("update notes set ticket_id = ");
    sql.bind(to).push(" where id in (").bind_list(ids.iter().copied()).push(")");
    tx.send_sql(sql).await?;
    let mut sql = Sql::new("update search_documents set ticket_id = ");
    sql.bind(to).push(" where kind = 'note' and source_id in (");
    sql.bind_list(ids.iter().map(|id| id.0)).push(")");
    tx.send_sql(sql).await
}

pub(crate) async fn insert_note(
    tx: &mut Tx,
    ticket: TicketId,
    author: AgentId,
    text: &str,
    now: Timestamp,
) -> Result<(NoteId, PublicId)> {
    let public_id = PublicId::new(now);
    let id = tx
        .scalar(
            "insert into notes (public_id, ticket_id, author_id, text, created_at)
             values ($1, $2, $3, $4, $5) returning id",
            params![public_id, ticket, author, text, now],
        )
        .await?;
    Ok((id, public_id))
}

pub(crate) async fn notes(
    conn: &Conn,
    ticket: TicketId,
    after: Option<NoteId>,
    limit: i64,
) -> Result<Vec<Note>> {
    conn.all(
        "select id, public_id, ticket_id, author_id, text, created_at from notes
          where ticket_id = $1 and id > $2 order by id limit $3",
        params![ticket, after.map_or(0, i64::from), limit],
    )
    .await
}

/// The notes of a ticket from an instant on and before another.
pub(crate) async fn notes_between(
    conn: &Conn,
    ticket: TicketId,
    from: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Note>> {
    conn.all(
        "select id, public_id, ticket_id, author_id, text, created_at from notes
          where ticket_id = $1 and created_at >= $2 and created_at < $3 order by id limit $4",
        params![ticket, from, until, limit],
    )
    .await
}

pub(crate) async fn find_note(conn: &Conn, id: NoteId) -> Result<Option<Note>> {
    conn.optional(
        "select id, public_id, ticket_id, author_id, text, created_at from notes where id = $1",
        params![id],
    )
    .await
}

pub(crate) async fn note_time(conn: &Conn, ticket: TicketId, id: i64) -> Result<Option<Timestamp>> {
    let row: Option<(Timestamp,)> = conn
        .optional(
            "select created_at from notes where id = $1 and ticket_id = $2",
            params![id, ticket],
        )
        .await?;
    Ok(row.map(|(at,)| at))
}
