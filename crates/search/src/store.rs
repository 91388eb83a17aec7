//! The rows that say what a found document is.

use anyhow::{Result, bail};
use database::search::{Document, Expr, Hit, Source};
use database::{Conn, Sql, Tx, params};
use kernel::{CustomerId, InboxId, MessageId, NoteId, TicketId, Timestamp};

use crate::words;

/// What can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Message(MessageId),
    Note(NoteId),
    Customer(CustomerId),
}

impl Kind {
    pub(crate) fn parts(self) -> (&'static str, i64) {
        match self {
            Self::Message(id) => ("message", id.0),
            Self::Note(id) => ("note", id.0),
            Self::Customer(id) => ("customer", id.0),
        }
    }

    fn read(kind: &str, source: i64) -> Result<Self> {
        Ok(match kind {
            "message" => Self::Message(MessageId(source)),
            "note" => Self::Note(NoteId(source)),
            "customer" => Self::Customer(CustomerId(source)),
            other => bail!("unknown kind of search document {other}"),
        })
    }
}

/// A text that is to be found.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'e> {
    pub kind: Kind,
    pub ticket: Option<TicketId>,
    pub customer: Option<CustomerId>,
    /// Who may find it: whoever sees this inbox. None: customers, who have no inbox.
    pub inbox: Option<InboxId>,
    /// Words that weigh more.
    pub subject: &'e str,
    pub text: &'e str,
    pub at: Timestamp,
}

/// The word by which the people of an inbox find what is theirs.
pub(crate) fn scope(inbox: Option<InboxId>) -> String {
    match inbox {
        Some(inbox) => format!("i{inbox}"),
        None => "c".to_owned(),
    }
}

/// Adds something that was not there.
pub async fn add(tx: &mut Tx, entry: &Entry<'_>) -> Result<()> {
    let (kind, id) = entry.kind.parts();
    let (ticket, customer) = (entry.ticket, entry.customer);
    let source = Source { kind, id, ticket, customer, at: entry.at };
    let (subject, words) = (words(entry.subject), words(entry.text));
    let scope = scope(entry.inbox);
    database::search::add(tx, &source, &subject, &words, &scope).await
}

/// Adds something or replaces what was there of it.
pub async fn put(tx: &mut Tx, entry: &Entry<'_>) -> Result<()> {
    let (kind, source) = entry.kind.parts();
    // An insert that meets what is there would use up a number all the same.
    let known: Option<(i64,)> = tx
        .optional(
            "update search_documents set ticket_id = $3
              where kind = $1 and source_id = $2 returning id",
            params![kind, source, entry.ticket],
        )
        .await?;
    let id = match known {
        Some((id,)) => id,
        None => insert_or_meet(tx, entry).await?,
    };
    let (subject, words) = (words(entry.subject), words(entry.text));
    let scope = scope(entry.inbox);
    let document = Document { id, subject: &subject, words: &words, scope: &scope };
    database::search::put(tx, &document).await
}

async fn insert_or_meet(tx: &mut Tx, entry: &Entry<'_>) -> Result<i64> {
    let (kind, source) = entry.kind.parts();
    tx.scalar(
        "insert into search_documents (kind, source_id, ticket_id, customer_id, created_at)
         values ($1, $2, $3, $4, $5)
         on conflict (kind, source_id) do update set ticket_id = excluded.ticket_id
         returning id",
        params![kind, source, entry.ticket, entry.customer, entry.at],
    )
    .await
}

/// Takes something out.
pub async fn remove(tx: &mut Tx, kind: Kind) -> Result<()> {
    let (kind, source) = kind.parts();
    let row: Option<(i64,)> = tx
        .optional(
            "delete from search_documents where kind = $1 and source_id = $2 returning id",
            params![kind, source],
        )
        .await?;
    match row {
        Some((id,)) => database::search::remove(tx, id).await,
        None => Ok(()),
    }
}

/// The documents of a ticket, so that they can be put again when it moves to another inbox.
pub async fn rescope(conn: &Conn, ticket: TicketId) -> Result<Vec<Kind>> {
    let rows: Vec<(String, i64)> = conn
        .all("select kind, source_id from search_documents where ticket_id = $1", params![ticket])
        .await?;
    rows.into_iter().map(|(kind, source)| Kind::read(&kind, source)).collect()
}

/// Something that was found.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    pub document: i64,
    pub kind: Kind,
    pub ticket: Option<TicketId>,
    pub rank: f64,
    pub at: Timestamp,
}

fn scopes(inboxes: Option<&[InboxId]>) -> Option<Vec<String>> {
    inboxes.map(|inboxes| {
        let own = inboxes.iter().map(|inbox| scope(Some(*inbox)));
        own.chain([scope(None)]).collect()
    })
}

/// Which of these tickets have a matching document from `from` on and before `until`.
pub async fn among(
    conn: &Conn,
    expr: &Expr,
    inboxes: Option<&[InboxId]>,
    tickets: &[TicketId],
    (from, until): (i64, i64),
) -> Result<Vec<TicketId>> {
    if tickets.is_empty() || from >= until {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("select id, ticket_id from search_documents where ticket_id in (");
    sql.bind_list(tickets.iter().copied()).push(") and id >= ").bind(from);
    sql.push(" and id < ").bind(until).push(" order by id");
    let documents: Vec<(i64, TicketId)> = conn.all_sql(sql).await?;
    let ids: Vec<i64> = documents.iter().map(|(id, _)| *id).collect();
    let scopes = scopes(inboxes);
    let hits = database::search::among(conn, expr, scopes.as_deref(), &ids).await?;
    let is_hit = |id: &i64| hits.contains(id);
    let mut found: Vec<TicketId> =
        documents.into_iter().filter(|(id, _)| is_hit(id)).map(|(_, ticket)| ticket).collect();
    found.dedup();
    Ok(found)
}

/// The newest matches older than `before` among what the given inboxes hold; customers are
/// found by everybody, and whether one may be seen is for the caller to ask.
pub async fn newest(
    conn: &Conn,
    expr: &Expr,
    inboxes: Option<&[InboxId]>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Found>> {
    let scopes = scopes(inboxes);
    let hits = database::search::newest(conn, expr, scopes.as_deref(), before, limit).await?;
    if hits.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new(
        "select id, kind, source_id, ticket_id, created_at from search_documents where id in (",
    );
    sql.bind_list(hits.iter().map(|hit| hit.id)).push(") order by id desc");
    let rows: Vec<(i64, String, i64, Option<TicketId>, Timestamp)> = conn.all_sql(sql).await?;
    let rank_of = |id: i64| {
        let hit = hits.binary_search_by(|hit| id.cmp(&hit.id)).ok();
        hit.and_then(|at| hits.get(at)).map_or(0.0, |hit: &Hit| hit.rank)
    };
    rows.into_iter()
        .map(|(document, kind, source, ticket, at)| {
            let kind = Kind::read(&kind, source)?;
            Ok(Found { document, kind, ticket, rank: rank_of(document), at })
        })
        .collect()
}

/// So many documents in one statement.
const TOGETHER: usize = 500;

/// The tickets of all matches; none where there are more than `most` matches.
pub async fn tickets_of_few(
    conn: &Conn,
    expr: &Expr,
    inboxes: Option<&[InboxId]>,
    most: i64,
) -> Result<Option<Vec<TicketId>>> {
    let scopes = scopes(inboxes);
    let hits = database::search::few(conn, expr, scopes.as_deref(), most).await?;
    let Some(hits) = hits else { return Ok(None) };
    let mut tickets: Vec<TicketId> = Vec::new();
    for ids in hits.chunks(TOGETHER) {
        let mut sql = Sql::new(
            "select ticket_id from search_documents where ticket_id is not null and id in (",
        );
        sql.bind_list(ids.iter().copied()).push(")");
        let rows: Vec<(TicketId,)> = conn.all_sql(sql).await?;
        tickets.extend(rows.into_iter().map(|(ticket,)| ticket));
    }
    tickets.sort_unstable();
    tickets.dedup();
    Ok(Some(tickets))
}
