//! Messages and what belongs to one: HTML, references, how they move.

use anyhow::Result;
use database::{Conn, Sql, Tx, params};
use kernel::{AgentId, LedgerId, MessageId, PublicId, TicketId, Timestamp};
use outbox::Recipients;

use super::files::Waits;
use crate::SenderCheck;
use crate::message::{Author, COLUMNS, Message, MessageKind};
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
    tx.send("insert into message_html (message_id, html) values ($1, $2)", params![message, html])
        .await
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
    tx.send_sql(sql).await
}

pub(crate) async fn find_message(conn: &Conn, id: MessageId) -> Result<Option<Message>> {
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from messages m where m.id = ").bind(id);
    conn.optional_sql(sql).await
}

pub(crate) async fn message_by_public_id(conn: &Conn, id: PublicId) -> Result<Option<Message>> {
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from messages m where m.public_id = ").bind(id);
    conn.optional_sql(sql).await
}

/// The messages of a ticket after one of them, oldest first.
pub(crate) async fn messages(
    conn: &Conn,
    ticket: TicketId,
    after: Option<MessageId>,
    limit: i64,
) -> Result<Vec<Message>> {
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from messages m where m.ticket_id = ").bind(ticket);
    sql.push(" and m.id > ").bind(after.map_or(0, i64::from));
    sql.push(" order by m.id limit ").number(limit);
    conn.all_sql(sql).await
}

/// The messages of a ticket from an instant on, oldest first.
pub(crate) async fn messages_since(
    conn: &Conn,
    ticket: TicketId,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<Message>> {
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from messages m where m.ticket_id = ").bind(ticket);
    sql.push(" and m.created_at >= ").bind(since);
    sql.push(" order by m.id limit ").number(limit);
    conn.all_sql(sql).await
}

/// The latest messages of a ticket before one of them, newest first.
pub(crate) async fn messages_before(
    conn: &Conn,
    ticket: TicketId,
    before: Option<MessageId>,
    limit: i64,
) -> Result<Vec<Message>> {
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from messages m where m.ticket_id = ").bind(ticket);
    sql.push(" and m.id < ").bind(before.map_or(i64::MAX, i64::from));
    sql.push(" order by m.id desc limit ").number(limit);
    conn.all_sql(sql).await
}

pub(crate) async fn html(conn: &Conn, message: MessageId) -> Result<Option<String>> {
    let row: Option<(String,)> = conn
        .optional("select html from message_html where message_id = $1", params![message])
        .await?;
    Ok(row.map(|(html,)| html))
}

/// Where these Message-IDs are known from: ticket, whether the mail was one of ours, and whether its
/// sender failed the check.
pub(crate) async fn by_mail_ids(
    conn: &Conn,
    mail_ids: &[String],
) -> Result<Vec<(TicketId, bool, bool)>> {
    if mail_ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("select d.ticket_id, ");
    sql.bind(true)
        .push(", ")
        .bind(false)
        .push(" from deliveries d where d.ticket_id is not null and d.mail_id in (");
    sql.bind_list(mail_ids.iter().map(String::as_str));
    sql.push(") union all select m.ticket_id, ").bind(false);
    sql.push(
        ", m.sender_check = 'fail' from messages m where m.direction = 'in' and m.mail_id in (",
    );
    sql.bind_list(mail_ids.iter().map(String::as_str)).push(") limit 100");
    conn.all_sql(sql).await
}

/// Tickets with a message that refers to one of these Message-IDs, and whether its sender failed the
/// check.
pub(crate) async fn referring_to(
    conn: &Conn,
    mail_ids: &[String],
) -> Result<Vec<(TicketId, bool)>> {
    if mail_ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new(
        "select distinct m.ticket_id, m.sender_check = 'fail' from message_references r
           join messages m on m.id = r.message_id
          where r.mail_id in (",
    );
    sql.bind_list(mail_ids.iter().map(String::as_str)).push(") limit 50");
    conn.all_sql(sql).await
}

/// The Message-IDs of a ticket that may be told outside, oldest first: for `References`.
pub(crate) async fn thread_ids(conn: &Conn, ticket: TicketId) -> Result<Vec<String>> {
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
pub(crate) async fn latest_inbound(conn: &Conn, ticket: TicketId) -> Result<Option<Message>> {
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from messages m where m.ticket_id = ").bind(ticket);
    sql.push(" and m.direction = 'in' and m.held = ").bind(false);
    sql.push(" order by m.id desc limit 1");
    conn.optional_sql(sql).await
}

pub(crate) async fn count_messages(conn: &Conn, ticket: TicketId) -> Result<i64> {
    conn.scalar("select count(*) from messages where ticket_id = $1", params![ticket]).await
}

/// Removes a message that was taken back before it left. What was uploaded for it waits in the
/// draft again; copies of what came with another message go.
pub(crate) async fn delete_message(tx: &mut Tx, id: MessageId, draft: Waits<'_>) -> Result<()> {
    tx.send(
        "update attachments set message_id = null, draft_ticket_id = $2, draft_mode = $3
          where message_id = $1 and uploaded_by is not null",
        params![id, draft.ticket, draft.mode],
    )
    .await?;
    tx.send("delete from attachments where message_id = $1", params![id]).await?;
    tx.send("update deliveries set message_id = null where message_id = $1", params![id]).await?;
    for sql in [
        "delete from message_html where message_id = $1",
        "delete from message_references where message_id = $1",
        "delete from messages where id = $1",
    ] {
        tx.send(sql, params![id]).await?;
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
    tx.send("delete from message_html where message_id = $1", params![id]).await?;
    tx.send("delete from attachments where message_id = $1", params![id]).await?;
    Ok(changed > 0)
}

/// Puts other words in the place of those of a message that we wrote ourselves about a mail.
pub(crate) async fn reword(tx: &mut Tx, id: MessageId, text: &str) -> Result<()> {
    tx.send(
        "update messages set text = $2 where id = $1 and redacted_at is null",
        params![id, text],
    )
    .await
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
        tx.send_sql(sql).await?;
    }
    let mut sql = Sql::new("update search_documents set ticket_id = ");
    sql.bind(to).push(" where kind = 'message' and source_id in (");
    sql.bind_list(ids.iter().map(|id| id.0)).push(")");
    tx.send_sql(sql).await
}

pub(crate) async fn message_ids(conn: &Conn, ticket: TicketId) -> Result<Vec<MessageId>> {
    conn.column("select id from messages where ticket_id = $1 order by id", params![ticket]).await
}

/// The first message that was not blacked out.
pub(crate) async fn first_message(conn: &Conn, ticket: TicketId) -> Result<Option<MessageId>> {
    let row: Option<(MessageId,)> = conn
        .optional(
            "select id from messages
              where ticket_id = $1 and redacted_at is null order by id limit 1",
            params![ticket],
        )
        .await?;
    Ok(row.map(|(id,)| id))
}

pub(crate) async fn message_time(
    conn: &Conn,
    ticket: TicketId,
    id: i64,
) -> Result<Option<Timestamp>> {
    let row: Option<(Timestamp,)> = conn
        .optional(
            "select created_at from messages where id = $1 and ticket_id = $2",
            params![id, ticket],
        )
        .await?;
    Ok(row.map(|(at,)| at))
}

/// The latest message from outside up to an instant.
pub(crate) async fn latest_inbound_until(
    conn: &Conn,
    ticket: TicketId,
    until: Timestamp,
) -> Result<Option<MessageId>> {
    let row: Option<(MessageId,)> = conn
        .optional(
            "select id from messages
              where ticket_id = $1 and direction = 'in' and created_at <= $2
              order by id desc limit 1",
            params![ticket, until],
        )
        .await?;
    Ok(row.map(|(id,)| id))
}
