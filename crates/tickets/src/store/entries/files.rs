//! Files: of messages, and those that wait for their draft to be sent.

use anyhow::Result;
use database::{Conn, Sql, Tx, params};
use kernel::{AgentId, MessageId, NoteId, PublicId, TicketId, Timestamp};

use crate::message::{ATTACHMENT_COLUMNS, Attachment, StoredFile};

/// What keeps a stored file from being collected.
pub const FILE_REFERENCES: &[files::Reference] =
    &[files::Reference { table: "attachments", column: "file_hash" }];

pub(crate) async fn attach(
    tx: &mut Tx,
    message: MessageId,
    file: &StoredFile,
    now: Timestamp,
) -> Result<PublicId> {
    files::record(tx, &file.hash, file.size_bytes, now).await?;
    let public_id = PublicId::new(now);
    tx.send(
        "insert into attachments (public_id, message_id, file_hash, name, media_type, size_bytes,
            content_id, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        params![
            public_id,
            message,
            file.hash.as_str(),
            &file.name,
            file.media_type.as_str(),
            file.size_bytes,
            file.content_id.clone(),
            now
        ],
    )
    .await?;
    Ok(public_id)
}

/// Where an uploaded file waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waits<'w> {
    /// None where a new ticket is written.
    pub(crate) ticket: Option<TicketId>,
    /// The draft that it belongs to: `reply`, `note` or `forward`.
    pub(crate) mode: &'w str,
}

impl Waits<'_> {
    /// In the first message of a ticket that does not exist yet.
    pub(crate) const FOR_NEW: Self = Waits { ticket: None, mode: "reply" };
}

/// Keeps an uploaded file until its draft is sent.
pub(crate) async fn upload(
    tx: &mut Tx,
    agent: AgentId,
    waits: Option<Waits<'_>>,
    file: &StoredFile,
    now: Timestamp,
) -> Result<PublicId> {
    files::record(tx, &file.hash, file.size_bytes, now).await?;
    let public_id = PublicId::new(now);
    tx.send(
        "insert into attachments (public_id, uploaded_by, draft_ticket_id, draft_mode, file_hash,
            name, media_type, size_bytes, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            public_id,
            agent,
            waits.and_then(|waits| waits.ticket),
            waits.map(|waits| waits.mode.to_owned()),
            file.hash.as_str(),
            &file.name,
            file.media_type.as_str(),
            file.size_bytes,
            now
        ],
    )
    .await?;
    Ok(public_id)
}

/// Gives uploaded files to the message they were uploaded for. Only the uploader's own.
pub(crate) async fn claim_uploads(
    tx: &mut Tx,
    message: MessageId,
    agent: AgentId,
    uploads: &[PublicId],
) -> Result<u64> {
    if uploads.is_empty() {
        return Ok(0);
    }
    let mut sql = Sql::new("update attachments set message_id = ");
    sql.bind(message).push(" where message_id is null and note_id is null and uploaded_by = ");
    sql.bind(agent);
    sql.push(" and public_id in (").bind_list(uploads.iter().copied()).push(")");
    tx.execute_sql(sql).await
}

/// Gives uploaded files to the note they were uploaded for. Only the uploader's own.
pub(crate) async fn claim_note_uploads(
    tx: &mut Tx,
    note: NoteId,
    agent: AgentId,
    uploads: &[PublicId],
) -> Result<u64> {
    if uploads.is_empty() {
        return Ok(0);
    }
    let mut sql = Sql::new("update attachments set note_id = ");
    sql.bind(note).push(" where message_id is null and note_id is null and uploaded_by = ");
    sql.bind(agent).push(" and public_id in (").bind_list(uploads.iter().copied()).push(")");
    tx.execute_sql(sql).await
}

/// The files of notes.
pub(crate) async fn note_attachments(conn: &Conn, notes: &[NoteId]) -> Result<Vec<Attachment>> {
    if notes.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("select ");
    sql.push(ATTACHMENT_COLUMNS).push(" from attachments a where a.note_id in (");
    sql.bind_list(notes.iter().copied()).push(") order by a.id");
    conn.all_sql(sql).await
}

/// Files that wait for the drafts of somebody on a ticket, with the draft of each.
pub(crate) async fn waiting_uploads(
    conn: &Conn,
    ticket: TicketId,
    agent: AgentId,
) -> Result<Vec<(String, Attachment)>> {
    let modes: Vec<(PublicId, String)> = conn
        .all(
            "select public_id, draft_mode from attachments
              where message_id is null and note_id is null and uploaded_by = $2 and draft_ticket_id = $1
                and draft_mode is not null
              order by id limit 100",
            params![ticket, agent],
        )
        .await?;
    let mut found = Vec::with_capacity(modes.len());
    for (id, mode) in modes {
        if let Some(file) = attachment_by_public_id(conn, id).await? {
            found.push((mode, file));
        }
    }
    Ok(found)
}

/// Files that wait for the new ticket that somebody writes.
pub(crate) async fn waiting_for_new(conn: &Conn, agent: AgentId) -> Result<Vec<Attachment>> {
    let mut sql = Sql::new("select ");
    sql.push(ATTACHMENT_COLUMNS).push(
        " from attachments a where a.message_id is null and a.note_id is null
            and a.draft_ticket_id is null and a.draft_mode = 'reply' and a.uploaded_by = ",
    );
    sql.bind(agent).push(" order by a.id limit 100");
    conn.all_sql(sql).await
}

pub(crate) async fn drop_upload(tx: &mut Tx, agent: AgentId, id: PublicId) -> Result<bool> {
    let gone = tx
        .execute(
            "delete from attachments
              where public_id = $1 and uploaded_by = $2 and message_id is null and note_id is null",
            params![id, agent],
        )
        .await?;
    Ok(gone > 0)
}

pub(crate) async fn attachments(conn: &Conn, messages: &[MessageId]) -> Result<Vec<Attachment>> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("select ");
    sql.push(ATTACHMENT_COLUMNS).push(" from attachments a where a.message_id in (");
    sql.bind_list(messages.iter().copied()).push(") order by a.id");
    conn.all_sql(sql).await
}

pub(crate) async fn attachment_by_public_id(
    conn: &Conn,
    id: PublicId,
) -> Result<Option<Attachment>> {
    let mut sql = Sql::new("select ");
    sql.push(ATTACHMENT_COLUMNS).push(" from attachments a where a.public_id = ").bind(id);
    conn.optional_sql(sql).await
}

/// The inbox and ticket that a message of this id stands in.
pub(crate) async fn copy_attachments(
    tx: &mut Tx,
    from: MessageId,
    to: MessageId,
    now: Timestamp,
) -> Result<()> {
    let mut sql = Sql::new("select ");
    sql.push(ATTACHMENT_COLUMNS).push(" from attachments a where a.message_id = ").bind(from);
    let files: Vec<Attachment> = tx.all_sql(sql).await?;
    for file in files {
        tx.send(
            "insert into attachments (public_id, message_id, file_hash, name, media_type,
                size_bytes, content_id, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
            params![
                PublicId::new(now),
                to,
                file.file_hash,
                file.name,
                file.media_type.as_str(),
                file.size_bytes,
                file.content_id,
                now
            ],
        )
        .await?;
    }
    Ok(())
}

/// Drops what forwards of a ticket carry of these files, other than what was uploaded for them.
pub(crate) async fn drop_copies(tx: &mut Tx, ticket: TicketId, files: &[&str]) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let mut sql = Sql::new(
        "delete from attachments where uploaded_by is null and message_id in (
            select id from messages where kind = 'forward' and ticket_id = ",
    );
    sql.bind(ticket).push(") and file_hash in (").bind_list(files.iter().copied()).push(")");
    tx.send_sql(sql).await
}

/// Drops files that waited for a draft which was never sent.
pub(crate) async fn drop_stale_uploads(tx: &mut Tx, before: Timestamp) -> Result<u64> {
    tx.execute(
        "delete from attachments
          where message_id is null and note_id is null and created_at < $1",
        params![before],
    )
    .await
}

/// The ticket that an attachment belongs to; none while it waits in a draft.
pub(crate) async fn ticket_of_attachment(conn: &Conn, id: PublicId) -> Result<Option<TicketId>> {
    let row: Option<(Option<TicketId>,)> = conn
        .optional(
            "select coalesce(m.ticket_id, n.ticket_id) from attachments a
               left join messages m on m.id = a.message_id
               left join notes n on n.id = a.note_id
              where a.public_id = $1",
            params![id],
        )
        .await?;
    Ok(row.and_then(|(ticket,)| ticket))
}

/// Whose upload it is.
pub(crate) async fn uploaded_by(conn: &Conn, id: PublicId) -> Result<Option<AgentId>> {
    let row: Option<(Option<AgentId>,)> = conn
        .optional("select uploaded_by from attachments where public_id = $1", params![id])
        .await?;
    Ok(row.and_then(|(agent,)| agent))
}
