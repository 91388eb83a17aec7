//! Full-text search by the database itself: FTS5 and tsvector behind the same few functions.
//!
//! Both get the same normalised words (`search::words` makes them) and so give the same
//! hits. Ranking all matches of a common word is slow on either; so the newest matches are taken
//! and those are ranked.

use anyhow::Result;
use kernel::{CustomerId, TicketId, Timestamp};

use crate::bulk::{Table, WAITING};
use crate::{Conn, Engine, Sql, Tx, Value, params};

/// What to look for. Words are normalised: letters and digits only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    Word(String),
    /// Any word that begins so.
    Prefix(String),
    /// These words in this order.
    Phrase(Vec<String>),
    All(Vec<Expr>),
    Any(Vec<Expr>),
    /// The first but not the second.
    Without(Box<Expr>, Box<Expr>),
}

/// One thing to be found.
#[derive(Clone, Debug)]
pub struct Document<'d> {
    pub id: i64,
    /// Words that weigh more.
    pub subject: &'d [String],
    pub words: &'d [String],
    /// Who may find it, as one word; see [`newest`].
    pub scope: &'d str,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    pub id: i64,
    /// Higher is better. Comparable within one answer only.
    pub rank: f64,
}

/// Adds or replaces a document. It is found once the transaction is committed.
pub async fn put(tx: &mut Tx, document: &Document<'_>) -> Result<()> {
    match tx.engine() {
        Engine::Sqlite => {
            tx.at_the_end(remove_sqlite(document.id));
            tx.at_the_end(add_sqlite(document));
            Ok(())
        }
        Engine::Postgres => put_postgres(tx, document).await,
    }
}

/// What a document that was not there is made of: a row of `search_documents` with these values.
#[derive(Clone, Debug)]
pub struct Source {
    pub kind: &'static str,
    pub id: i64,
    pub ticket: Option<TicketId>,
    pub customer: Option<CustomerId>,
    pub at: Timestamp,
}

/// Adds a document that was not there: no look for an older one. Its number is given here.
pub async fn add(
    tx: &mut Tx,
    source: &Source,
    subject: &[String],
    words: &[String],
    scope: &str,
) -> Result<()> {
    let values = params![source.kind, source.id, source.ticket, source.customer, source.at];
    match tx.engine() {
        Engine::Sqlite => {
            let id = tx
                .scalar(
                    "insert into search_documents
                        (kind, source_id, ticket_id, customer_id, created_at)
                     values ($1, $2, $3, $4, $5) returning id",
                    values,
                )
                .await?;
            tx.at_the_end(add_sqlite(&Document { id, subject, words, scope }));
            Ok(())
        }
        Engine::Postgres => {
            let mut values = values;
            values.push(vector(subject, words, scope).into());
            // In one statement, whose number nobody has to wait for.
            tx.send(
                "with document as (
                    insert into search_documents
                        (kind, source_id, ticket_id, customer_id, created_at)
                    values ($1, $2, $3, $4, $5) returning id)
                 insert into search_index (id, words) select id, $6::text::tsvector from document",
                values,
            )
            .await
        }
    }
}

/// FTS5 keeps words in memory and writes them down at the commit, but also at each savepoint and
/// before each statement that might have to be undone alone. So all documents of a transaction
/// come at its end: they are written down, and merged with what is there, once.
fn add_sqlite(document: &Document<'_>) -> Sql {
    Sql::of(
        "insert into search_index (rowid, subject, words, scope) values ($1, $2, $3, $4)",
        params![document.id, document.subject.join(" "), document.words.join(" "), document.scope],
    )
}

fn remove_sqlite(id: i64) -> Sql {
    Sql::of("delete from search_index where rowid = $1", params![id])
}

async fn put_postgres(conn: &mut Conn, document: &Document<'_>) -> Result<()> {
    conn.send(
        "insert into search_index (id, words) values ($1, $2::text::tsvector)
         on conflict (id) do update set words = excluded.words",
        params![document.id, vector(document.subject, document.words, document.scope)],
    )
    .await
}

pub async fn remove(tx: &mut Tx, id: i64) -> Result<()> {
    match tx.engine() {
        Engine::Sqlite => tx.at_the_end(remove_sqlite(id)),
        Engine::Postgres => {
            tx.execute("delete from search_index where id = $1", params![id]).await?;
        }
    }
    Ok(())
}

/// The newest matches older than `before`, newest first, with their rank.
///
/// `scopes` limits the answer to documents with one of these scope words; `None` means all.
pub async fn newest(
    conn: &Conn,
    expr: &Expr,
    scopes: Option<&[String]>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Hit>> {
    let before = before.unwrap_or(i64::MAX);
    match conn.engine() {
        Engine::Sqlite => newest_sqlite(conn, expr, scopes, before, limit).await,
        Engine::Postgres => newest_postgres(conn, expr, scopes, before, limit).await,
    }
}

/// All matches in no order; none where there are more than `most`, which is known quickly.
pub async fn few(
    conn: &Conn,
    expr: &Expr,
    scopes: Option<&[String]>,
    most: i64,
) -> Result<Option<Vec<i64>>> {
    let ids: Vec<i64> = match conn.engine() {
        Engine::Sqlite => {
            conn.column(
                "select rowid from search_index where search_index match $1 limit $2",
                params![fts5(expr, scopes), most + 1],
            )
            .await?
        }
        Engine::Postgres => some_postgres(conn, &tsquery(expr, scopes), i64::MAX, most + 1).await?,
    };
    Ok((kernel::count(ids.len()) <= most).then_some(ids))
}

/// What matches in the subject is worth this much more than what matches in the text.
const SUBJECT: f64 = 4.0;

/// `bm25` counts every match there is before it ranks the first: a third of a second for a common
/// word in a million documents. Asking the subjects of the newest once more costs nothing.
async fn newest_sqlite(
    conn: &Conn,
    expr: &Expr,
    scopes: Option<&[String]>,
    before: i64,
    limit: i64,
) -> Result<Vec<Hit>> {
    let rows: Vec<(i64,)> = conn
        .all(
            "select rowid from search_index where search_index match $1 and rowid < $2
              order by rowid desc limit $3",
            params![fts5(expr, scopes), before, limit],
        )
        .await?;
    let mut hits: Vec<Hit> = rows.into_iter().map(|(id,)| Hit { id, rank: 1.0 }).collect();
    let (Some(newest), Some(oldest)) = (hits.first(), hits.last()) else { return Ok(hits) };
    let span = (oldest.id, newest.id);
    // The whole question in the subject, or a part of it.
    let part = match expr {
        Expr::All(parts) => Some(Expr::Any(parts.clone())),
        _ => None,
    };
    let share = if part.is_some() { SUBJECT / 2.0 } else { SUBJECT };
    for asked in std::iter::once(expr).chain(&part) {
        let question = format!("{{subject}} : ({})", fts5_part(asked));
        let mut titled: Vec<i64> = conn
            .column(
                "select rowid from search_index
                  where search_index match $1 and rowid >= $2 and rowid <= $3",
                params![question, span.0, span.1],
            )
            .await?;
        titled.sort_unstable();
        for hit in hits.iter_mut().filter(|hit| titled.binary_search(&hit.id).is_ok()) {
            hit.rank += share;
        }
    }
    Ok(hits)
}

/// So many matches are put in order without a thought. Who has more may be met sooner on a walk
/// from the newest document down.
const FEW: i64 = 1_000;
/// How many documents such a walk looks at first.
const WALK: i64 = 4_000;
/// It goes on for this many times as many, where what it found by then promises that this will do.
const WALK_ON: i64 = 4;

/// To put all matches of a common word in order takes a tenth of a second and more in 400,000
/// documents, and PostgreSQL cannot know beforehand which words are common: it knows the question
/// only as a parameter. So it is told what to do: see whether there are few, else look at the
/// newest documents, and only where that does not do, put many in order.
async fn newest_postgres(
    conn: &Conn,
    expr: &Expr,
    scopes: Option<&[String]>,
    before: i64,
    limit: i64,
) -> Result<Vec<Hit>> {
    let query = tsquery(expr, scopes);
    let ids = newest_ids(conn, &query, before, limit).await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    let rows: Vec<(i64, f64)> = conn
        .all(
            "select id, ts_rank('{0.05, 0.05, 0.25, 1.0}', words, $1::text::tsquery)::double precision
               from search_index where id = any($2::text::bigint[]) order by id desc",
            params![query, format!("{{{}}}", ids.join(","))],
        )
        .await?;
    Ok(rows.into_iter().map(|(id, rank)| Hit { id, rank }).collect())
}

async fn newest_ids(conn: &Conn, query: &str, before: i64, limit: i64) -> Result<Vec<i64>> {
    let mut ids = some_postgres(conn, query, before, FEW).await?;
    if kernel::count(ids.len()) < FEW {
        ids.sort_unstable_by(|one, other| other.cmp(one));
        ids.truncate(kernel::length(limit));
        return Ok(ids);
    }
    let (mut found, mut end) = walk(conn, query, before, WALK, limit).await?;
    let count = kernel::count(found.len());
    if let Some(from) = end
        && count < limit
        && limit - count <= count * WALK_ON
    {
        let more;
        (more, end) = walk(conn, query, from, WALK * WALK_ON, limit - count).await?;
        found.extend(more);
    }
    let missing = limit - kernel::count(found.len());
    if let Some(from) = end.filter(|_| missing > 0) {
        let rest: Vec<i64> = conn
            .column(
                "with matching as materialized
                   (select id from search_index where words @@ $1::text::tsquery and id + 0 < $2)
                 select id from matching order by id desc limit $3",
                params![query, from, missing],
            )
            .await?;
        found.extend(rest);
    }
    Ok(found)
}

/// Matches older than `before`, in no order. By the words and nothing else: the plus keeps
/// PostgreSQL from reading the whole index of the numbers, too.
async fn some_postgres(conn: &Conn, query: &str, before: i64, limit: i64) -> Result<Vec<i64>> {
    conn.column(
        "with matching as materialized
           (select id from search_index where words @@ $1::text::tsquery and id + 0 < $2)
         select id from matching limit $3",
        params![query, before, limit],
    )
    .await
}

/// The matches among so many documents before one, the newest first, and where the next walk
/// begins.
async fn walk(
    conn: &Conn,
    query: &str,
    before: i64,
    documents: i64,
    limit: i64,
) -> Result<(Vec<i64>, Option<i64>)> {
    let end: Option<(i64,)> = conn
        .optional(
            "select id from search_index where id < $1 order by id desc offset $2 limit 1",
            params![before, documents],
        )
        .await?;
    let found: Vec<i64> = conn
        .column(
            "select id from (select id, words from search_index where id < $2
                              order by id desc limit $3) as stretch
              where words @@ $1::text::tsquery order by id desc limit $4",
            params![query, before, documents, limit],
        )
        .await?;
    Ok((found, end.map(|(id,)| id + 1)))
}

/// Which of these documents match.
pub async fn among(
    conn: &Conn,
    expr: &Expr,
    scopes: Option<&[String]>,
    ids: &[i64],
) -> Result<Vec<i64>> {
    let mut found = Vec::new();
    for ids in ids.chunks(AMONG_MAX) {
        let mut sql = Sql::default();
        match conn.engine() {
            Engine::Sqlite => {
                sql.push("select rowid from search_index where search_index match ")
                    .bind(fts5(expr, scopes))
                    .push(" and rowid in (");
            }
            Engine::Postgres => {
                sql.push("select id from search_index where words @@ ")
                    .bind(tsquery(expr, scopes))
                    .push("::text::tsquery and id in (");
            }
        }
        sql.bind_list(ids.iter().copied()).push(")");
        let rows: Vec<(i64,)> = conn.all_sql(sql).await?;
        found.extend(rows.into_iter().map(|(id,)| id));
    }
    found.sort_unstable();
    Ok(found)
}

/// So many ids in one statement.
const AMONG_MAX: usize = 1_000;

/// The query in the language of FTS5. Every word is quoted, so none can be an operator.
fn fts5(expr: &Expr, scopes: Option<&[String]>) -> String {
    let text = format!("{{subject words}} : ({})", fts5_part(expr));
    match scopes {
        None => text,
        Some(scopes) => {
            let any: Vec<String> = scopes.iter().map(|scope| format!("\"{scope}\"")).collect();
            let any = if any.is_empty() { "\"\"".to_owned() } else { any.join(" OR ") };
            format!("scope : ({any}) AND {text}")
        }
    }
}

fn fts5_part(expr: &Expr) -> String {
    let join = |parts: &[Expr], word: &str| {
        let parts: Vec<String> =
            parts.iter().map(|part| format!("({})", fts5_part(part))).collect();
        parts.join(word)
    };
    match expr {
        Expr::Word(word) => format!("\"{word}\""),
        Expr::Prefix(word) => format!("\"{word}\" *"),
        Expr::Phrase(words) => format!("\"{}\"", words.join(" ")),
        Expr::All(parts) => join(parts, " AND "),
        Expr::Any(parts) => join(parts, " OR "),
        Expr::Without(wanted, unwanted) => {
            format!("({}) NOT ({})", fts5_part(wanted), fts5_part(unwanted))
        }
    }
}

/// The query in the language of tsquery. Subject words carry weight A, other words D; scope
/// words have no position and so no weight.
fn tsquery(expr: &Expr, scopes: Option<&[String]>) -> String {
    let text = format!("({})", tsquery_part(expr));
    match scopes {
        None => text,
        Some([]) => format!("'0none' & {text}"),
        Some(scopes) => {
            let any: Vec<String> = scopes.iter().map(|scope| scope_lexeme(scope)).collect();
            format!("({}) & {text}", any.join(" | "))
        }
    }
}

fn tsquery_part(expr: &Expr) -> String {
    let join = |parts: &[Expr], word: &str| {
        let parts: Vec<String> =
            parts.iter().map(|part| format!("({})", tsquery_part(part))).collect();
        parts.join(word)
    };
    match expr {
        Expr::Word(word) => format!("'{word}'"),
        Expr::Prefix(word) => format!("'{word}':*"),
        Expr::Phrase(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
            words.join(" <-> ")
        }
        Expr::All(parts) => join(parts, " & "),
        Expr::Any(parts) => join(parts, " | "),
        Expr::Without(wanted, unwanted) => {
            format!("({}) & !({})", tsquery_part(wanted), tsquery_part(unwanted))
        }
    }
}

/// Where documents go and in which columns, while a [`crate::bulk::WordIndex`] is held.
pub fn table(engine: Engine) -> Table {
    match engine {
        Engine::Sqlite => Table { name: WAITING, columns: &["rowid", "subject", "words", "scope"] },
        Engine::Postgres => Table { name: "search_index", columns: &["id", "words"] },
    }
}

/// A document as a row of [`table`].
pub fn row(engine: Engine, document: &Document<'_>) -> Vec<Value> {
    match engine {
        Engine::Sqlite => params![
            document.id,
            document.subject.join(" "),
            document.words.join(" "),
            document.scope
        ],
        Engine::Postgres => {
            params![document.id, vector(document.subject, document.words, document.scope)]
        }
    }
}

/// No word of a text contains a colon, so a scope can never be found by a word.
fn scope_lexeme(scope: &str) -> String {
    format!("'scope:{scope}'")
}

/// PostgreSQL keeps positions up to here and at most 256 of one word.
const POSITION_MAX: usize = 16_383;

fn vector(subject: &[String], words: &[String], scope: &str) -> String {
    use std::fmt::Write;

    let mut text = scope_lexeme(scope);
    let weighted = subject.iter().map(|word| (word, "A"));
    let plain = words.iter().map(|word| (word, ""));
    // A gap between subject and text, so that no phrase runs across.
    let gap = subject.len();
    for (index, (word, weight)) in weighted.chain(plain).enumerate() {
        let position = if index < gap { index + 1 } else { index + 2 };
        // Writing into a String cannot fail.
        let _ = write!(text, " '{word}':{}{weight}", position.min(POSITION_MAX));
    }
    text
}
