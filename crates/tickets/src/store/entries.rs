//! What stands in a ticket: messages, their files, notes, events.

use anyhow::Result;
use database::{Conn, Sql, Tx, params};
use kernel::{AgentId, EventId, LedgerId, MessageId, NoteId, PublicId, TicketId, Timestamp};
use outbox::Recipients;

use crate::SenderCheck;
use crate::event::{By, Event, Fact, Note};
use crate::message::{
    ATTACHMENT_COLUMNS, Attachment, Author, COLUMNS, Message, MessageKind, StoredFile,
};
use crate::ticket::{Channel, Direction};

/// A message that is about to be written.
pub(crate) struct NewMessage<'m> {
    pub(crate) ticket: TicketId,
    pub(crate) direction: Direction,
    pub(crate) kind: MessageKind,
    pub(crate) channel: Channel,
    pub(crate) author: Author,
    pub(crate) from_name: &'m str,
    pub(crate) from_address: Option<String>,
    pub(crate) recipients: &'m Recipients,
    pub(crate) subject: &'m str,
    pub(crate) text: &'m str,
    pub(crate) quoted: &'m str,
    pub(crate) mail_id: Option<&'m str>,
    pub(crate) check: SenderCheck,
    pub(crate) check_detail: &'m str,
    pub(crate) held: bool,
    pub(crate) ledger: Option<LedgerId>,
    pub(crate) at: Timestamp,
}

pub(crate) async fn insert_message(
    tx: &mut Tx,
    new: &NewMessage<'_>,
) -> Result<(MessageId, PublicId)> {
    let public_id = PublicId::new(new.at);
    let id = tx
        .scalar(
            "insert into messages (public_id, ticket_id, direction, kind, channel, author,
                customer_id, agent_id, from_name, from_address, recipients, subject, text, quoted,
                mail_id, sender_check, sender_detail, held, ledger_id, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                $18, $19, $20)
             returning id",
            params![
                public_id,
                new.ticket,
                new.direction.as_str(),
                new.kind.as_str(),
                new.channel.as_str(),
                new.author.as_str(),
                new.author.customer(),
                new.author.agent(),
                new.from_name,
                new.from_address.clone(),
                serde_json::to_string(new.recipients)?,
                new.subject,
                new.text,
                new.quoted,
                new.mail_id.map(str::to_owned),
                new.check.as_str(),
                new.check_detail,
                new.held,
                new.ledger,
                new.at
            ],
        )
        .await?;
    Ok((id, public_id))
}

pub(crate) async fn insert_html(tx: &mut Tx, message: MessageId, html: &str) -> Result<()> {
    tx.execute(
        "insert into message_html (message_id, html) values ($1, $2)",
        params![message, html],
    )
    .await
    .map(drop)
}

pub(crate) async fn insert_references(
    tx: &mut Tx,
    message: MessageId,
    references: &[String],
) -> Result<()> {
    if references.is_empty() {
        return Ok(());
    }
    let mut sql = Sql::new("insert into message_references (mail_id, message_id) values ");
    for (index, reference) in references.iter().enumerate() {
        if index > 0 {
            sql.push(", ");
        }
        sql.push("(").bind(reference.as_str()).push(", ").bind(message).push(")");
    }
    sql.push(" on conflict do nothing");
    tx.execute_sql(sql).await.map(drop)
}

pub(crate) async fn find_message(conn: &mut Conn, id: MessageId) -> Result<Option<Message>> {
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from messages m where m.id = ").bind(id);
    conn.optional_sql(sql).await
}

pub(crate) async fn message_by_public_id(conn: &mut Conn, id: PublicId) -> Result<Option<Message>> {
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from messages m where m.public_id = ").bind(id);
    conn.optional_sql(sql).await
}

/// The messages of a ticket after one of them, oldest first.
pub(crate) async fn messages(
    conn: &mut Conn,
    ticket: TicketId,
    after: Option<MessageId>,
    limit: i64,
) -> Result<Vec<Message>> {
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from messages m where m.ticket_id = ").bind(ticket);
    sql.push(" and m.id > ").bind(after.map_or(0, i64::from));
    sql.push(" order by m.id limit ").bind(limit);
    conn.all_sql(sql).await
}

/// The latest messages of a ticket before one of them, newest first.
pub(crate) async fn messages_before(
    conn: &mut Conn,
    ticket: TicketId,
    before: Option<MessageId>,
    limit: i64,
) -> Result<Vec<Message>> {
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from messages m where m.ticket_id = ").bind(ticket);
    sql.push(" and m.id < ").bind(before.map_or(i64::MAX, i64::from));
    sql.push(" order by m.id desc limit ").bind(limit);
    conn.all_sql(sql).await
}

pub(crate) async fn html(conn: &mut Conn, message: MessageId) -> Result<Option<String>> {
    let row: Option<(String,)> = conn
        .optional("select html from message_html where message_id = $1", params![message])
        .await?;
    Ok(row.map(|(html,)| html))
}

/// Where these Message-IDs are known from: ticket, and whether the mail was one of ours.
pub(crate) async fn by_mail_ids(
    conn: &mut Conn,
    mail_ids: &[String],
) -> Result<Vec<(TicketId, bool)>> {
    if mail_ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("select d.ticket_id, ");
    sql.bind(true).push(" from deliveries d where d.ticket_id is not null and d.mail_id in (");
    sql.bind_list(mail_ids.iter().map(String::as_str));
    sql.push(") union all select m.ticket_id, ").bind(false);
    sql.push(" from messages m where m.direction = 'in' and m.mail_id in (");
    sql.bind_list(mail_ids.iter().map(String::as_str)).push(") limit 100");
    conn.all_sql(sql).await
}

/// Tickets with a message that refers to one of these Message-IDs.
pub(crate) async fn referring_to(conn: &mut Conn, mail_ids: &[String]) -> Result<Vec<(TicketId,)>> {
    if mail_ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new(
        "select distinct m.ticket_id from message_references r
           join messages m on m.id = r.message_id
          where r.mail_id in (",
    );
    sql.bind_list(mail_ids.iter().map(String::as_str)).push(") limit 50");
    conn.all_sql(sql).await
}

/// The Message-IDs of a ticket that may be told outside, oldest first: for `References`.
pub(crate) async fn thread_ids(conn: &mut Conn, ticket: TicketId) -> Result<Vec<String>> {
    let mut ids: Vec<String> = conn
        .column(
            "select mail_id from messages
              where ticket_id = $1 and mail_id is not null and kind <> 'forward' and held = $2
              order by id desc limit 20",
            params![ticket, false],
        )
        .await?;
    ids.reverse();
    Ok(ids)
}

/// The latest message of the customer that may be quoted.
pub(crate) async fn latest_inbound(conn: &mut Conn, ticket: TicketId) -> Result<Option<Message>> {
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from messages m where m.ticket_id = ").bind(ticket);
    sql.push(" and m.direction = 'in' and m.held = ").bind(false);
    sql.push(" order by m.id desc limit 1");
    conn.optional_sql(sql).await
}

pub(crate) async fn count_messages(conn: &mut Conn, ticket: TicketId) -> Result<i64> {
    conn.scalar("select count(*) from messages where ticket_id = $1", params![ticket]).await
}

/// Removes a message that was taken back before it left.
pub(crate) async fn delete_message(tx: &mut Tx, id: MessageId) -> Result<()> {
    tx.execute("update attachments set message_id = null where message_id = $1", params![id])
        .await?;
    tx.execute("update deliveries set message_id = null where message_id = $1", params![id])
        .await?;
    for sql in [
        "delete from message_html where message_id = $1",
        "delete from message_references where message_id = $1",
        "delete from messages where id = $1",
    ] {
        tx.execute(sql, params![id]).await?;
    }
    Ok(())
}

/// Blacks out a message: text, HTML, files. `false` if it was done before.
pub(crate) async fn redact(
    tx: &mut Tx,
    id: MessageId,
    by: AgentId,
    now: Timestamp,
) -> Result<bool> {
    let changed = tx
        .execute(
            "update messages set text = '', quoted = '', redacted_at = $2, redacted_by = $3
              where id = $1 and redacted_at is null",
            params![id, now, by],
        )
        .await?;
    tx.execute("delete from message_html where message_id = $1", params![id]).await?;
    tx.execute("delete from attachments where message_id = $1", params![id]).await?;
    Ok(changed > 0)
}

pub(crate) async fn admit(tx: &mut Tx, id: MessageId) -> Result<bool> {
    let changed = tx
        .execute(
            "update messages set held = $2, author = 'customer' where id = $1 and held = $3",
            params![id, false, true],
        )
        .await?;
    Ok(changed > 0)
}

/// Moves messages to another ticket.
pub(crate) async fn move_messages(tx: &mut Tx, ids: &[MessageId], to: TicketId) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    for table in ["update messages set ticket_id = ", "update deliveries set ticket_id = "] {
        let mut sql = Sql::new(table);
        sql.bind(to);
        sql.push(if table.contains("messages") {
            " where id in ("
        } else {
            " where message_id in ("
        });
        sql.bind_list(ids.iter().copied()).push(")");
        tx.execute_sql(sql).await?;
    }
    let mut sql = Sql::new("update search_documents set ticket_id = ");
    sql.bind(to).push(" where kind = 'message' and source_id in (");
    sql.bind_list(ids.iter().map(|id| id.0)).push(")");
    tx.execute_sql(sql).await.map(drop)
}

pub(crate) async fn message_ids(conn: &mut Conn, ticket: TicketId) -> Result<Vec<MessageId>> {
    conn.column("select id from messages where ticket_id = $1 order by id", params![ticket]).await
}

pub(crate) async fn note_ids(conn: &mut Conn, ticket: TicketId) -> Result<Vec<NoteId>> {
    conn.column("select id from notes where ticket_id = $1 order by id", params![ticket]).await
}

pub(crate) async fn move_notes(tx: &mut Tx, ids: &[NoteId], to: TicketId) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut sql = Sql::new("update notes set ticket_id = ");
    sql.bind(to).push(" where id in (").bind_list(ids.iter().copied()).push(")");
    tx.execute_sql(sql).await?;
    let mut sql = Sql::new("update search_documents set ticket_id = ");
    sql.bind(to).push(" where kind = 'note' and source_id in (");
    sql.bind_list(ids.iter().map(|id| id.0)).push(")");
    tx.execute_sql(sql).await.map(drop)
}

pub(crate) async fn attach(
    tx: &mut Tx,
    message: MessageId,
    file: &StoredFile,
    now: Timestamp,
) -> Result<PublicId> {
    files::record(tx, &file.hash, file.size_bytes, now).await?;
    let public_id = PublicId::new(now);
    tx.execute(
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

/// Keeps an uploaded file until its draft is sent.
pub(crate) async fn upload(
    tx: &mut Tx,
    agent: Option<AgentId>,
    file: &StoredFile,
    now: Timestamp,
) -> Result<PublicId> {
    files::record(tx, &file.hash, file.size_bytes, now).await?;
    let public_id = PublicId::new(now);
    tx.execute(
        "insert into attachments (public_id, uploaded_by, file_hash, name, media_type, size_bytes,
            created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        params![
            public_id,
            agent,
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
    sql.bind(message).push(" where message_id is null and uploaded_by = ").bind(agent);
    sql.push(" and public_id in (").bind_list(uploads.iter().copied()).push(")");
    tx.execute_sql(sql).await
}

pub(crate) async fn drop_upload(tx: &mut Tx, agent: AgentId, id: PublicId) -> Result<bool> {
    let gone = tx
        .execute(
            "delete from attachments
              where public_id = $1 and uploaded_by = $2 and message_id is null",
            params![id, agent],
        )
        .await?;
    Ok(gone > 0)
}

pub(crate) async fn attachments(
    conn: &mut Conn,
    messages: &[MessageId],
) -> Result<Vec<Attachment>> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("select ");
    sql.push(ATTACHMENT_COLUMNS).push(" from attachments a where a.message_id in (");
    sql.bind_list(messages.iter().copied()).push(") order by a.id");
    conn.all_sql(sql).await
}

pub(crate) async fn attachment_by_public_id(
    conn: &mut Conn,
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
        tx.execute(
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

/// Drops files that waited for a draft which was never sent.
pub(crate) async fn drop_stale_uploads(tx: &mut Tx, before: Timestamp) -> Result<u64> {
    tx.execute(
        "delete from attachments where message_id is null and created_at < $1",
        params![before],
    )
    .await
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
    conn: &mut Conn,
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

pub(crate) async fn find_note(conn: &mut Conn, id: NoteId) -> Result<Option<Note>> {
    conn.optional(
        "select id, public_id, ticket_id, author_id, text, created_at from notes where id = $1",
        params![id],
    )
    .await
}

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
        params![ticket, fact.kind(), by.as_str(), by.agent(), serde_json::to_string(fact)?, now],
    )
    .await
}

pub(crate) async fn events(
    conn: &mut Conn,
    ticket: TicketId,
    after: Option<EventId>,
    limit: i64,
) -> Result<Vec<Event>> {
    conn.all(
        "select id, ticket_id, actor, agent_id, data, created_at from events
          where ticket_id = $1 and id > $2 order by id limit $3",
        params![ticket, after.map_or(0, i64::from), limit],
    )
    .await
}
