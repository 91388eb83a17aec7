//! The words of messages and notes, read again for an index that is made anew.

use std::collections::HashMap;

use anyhow::Result;
use database::{Cols, Conn, FromRow, Sql, params};
use kernel::{InboxId, MessageId, TicketId};
use search::Again;

use crate::actions::findable::{self, Said};

struct Found {
    document: i64,
    message: MessageId,
    ticket: TicketId,
    inbox: InboxId,
    ticket_subject: String,
    is_first: bool,
    is_theirs: bool,
    subject: String,
    text: String,
    from_name: String,
    from_address: String,
}

impl FromRow for Found {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            document: cols.next()?,
            message: cols.next()?,
            ticket: cols.next()?,
            inbox: cols.next()?,
            ticket_subject: cols.next()?,
            is_first: cols.next::<i64>()? > 0,
            is_theirs: cols.next::<i64>()? > 0,
            subject: cols.next()?,
            text: cols.next()?,
            from_name: cols.next()?,
            from_address: cols.next()?,
        })
    }
}

/// Adds the next messages after a document, at most so many. Says which document was the last;
/// none at the end.
pub async fn index_messages_again(
    conn: &Conn,
    after: i64,
    limit: i64,
    index: &mut Again,
) -> Result<Option<i64>> {
    let found: Vec<Found> = conn
        .all(
            "select d.id, m.id, t.id, t.inbox_id, t.subject,
                    (select count(*) where m.id = (
                        select min(f.id) from messages f
                         where f.ticket_id = t.id and f.redacted_at is null)),
                    (select count(*) where m.direction = 'in'),
                    m.subject, m.text, m.from_name, coalesce(m.from_address, '')
               from search_documents d
               join messages m on m.id = d.source_id
               join tickets t on t.id = m.ticket_id
              where d.kind = 'message' and d.id > $1 order by d.id limit $2",
            params![after, limit],
        )
        .await?;
    let mut files = files_of(conn, found.iter().map(|one| one.message)).await?;
    let first = found.iter().filter(|one| one.is_first);
    let mut fields = fields_of(conn, first.map(|one| one.ticket)).await?;
    for one in &found {
        let head = one.is_first.then(|| findable::Head {
            subject: &one.ticket_subject,
            fields: fields.remove(&one.ticket).unwrap_or_default(),
        });
        let said = Said {
            is_theirs: one.is_theirs,
            subject: &one.subject,
            text: &one.text,
            name: &one.from_name,
            address: &one.from_address,
            files: files.remove(&one.message).unwrap_or_default(),
            head,
        };
        let (subject, text) = said.words();
        index.add(one.document, Some(one.inbox), (&subject, &text));
    }
    Ok(found.last().map(|one| one.document))
}

/// Adds the next notes after a document.
pub async fn index_notes_again(
    conn: &Conn,
    after: i64,
    limit: i64,
    index: &mut Again,
) -> Result<Option<i64>> {
    let found: Vec<(i64, InboxId, String)> = conn
        .all(
            "select d.id, t.inbox_id, n.text from search_documents d
               join notes n on n.id = d.source_id
               join tickets t on t.id = n.ticket_id
              where d.kind = 'note' and d.id > $1 order by d.id limit $2",
            params![after, limit],
        )
        .await?;
    for (document, inbox, text) in &found {
        index.add(*document, Some(*inbox), ("", text));
    }
    Ok(found.last().map(|(document, ..)| *document))
}

async fn files_of(
    conn: &Conn,
    messages: impl Iterator<Item = MessageId>,
) -> Result<HashMap<MessageId, Vec<String>>> {
    let mut sql = Sql::new("select message_id, name from attachments where message_id in (");
    sql.bind_list(messages).push(") order by id");
    let mut files: HashMap<MessageId, Vec<String>> = HashMap::new();
    for (message, name) in conn.all_sql::<(MessageId, String)>(sql).await? {
        files.entry(message).or_default().push(name);
    }
    Ok(files)
}

async fn fields_of(
    conn: &Conn,
    tickets: impl Iterator<Item = TicketId>,
) -> Result<HashMap<TicketId, Vec<String>>> {
    let mut sql = Sql::new("select ticket_id, value from ticket_fields where ticket_id in (");
    sql.bind_list(tickets).push(") order by field_id");
    let mut fields: HashMap<TicketId, Vec<String>> = HashMap::new();
    for (ticket, value) in conn.all_sql::<(TicketId, String)>(sql).await? {
        fields.entry(ticket).or_default().push(value);
    }
    Ok(fields)
}
