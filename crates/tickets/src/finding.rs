//! Finding tickets: by their words, by conditions, by number. For pages and programs alike.
//!
//! Nothing is found by, counted for or shown to somebody who does not see its inbox: the words
//! are asked for within the inboxes of the reader, and so is each ticket that they lead to.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use accounts::{Actor, Sees};
use anyhow::Result;
use customers::Customer;
use database::Conn;
use database::search::Expr;
use kernel::{CustomerId, MessageId, NoteId, PublicId, TicketId, Timestamp};
use search::{Found, Kind, Piece, Term, highlight};
use ui::Count;

use crate::filter::{Cursor, Filter, Sort};
pub use crate::store::lists::{Reader, Row};
use crate::store::{found, lists, tickets};

/// A ticket that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Find {
    pub row: Row,
    pub subject: Vec<Piece>,
    /// The words around what was looked for; the ticket's last words where nothing was.
    pub snippet: Vec<Piece>,
    /// Where the words stand; none for a ticket that was found by number or conditions alone.
    pub place: Option<Place>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub kind: PlaceKind,
    pub id: PublicId,
    pub at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceKind {
    Message,
    Note,
}

/// One page of what was found. It may be short; there is more until `next` is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Finds {
    pub rows: Vec<Find>,
    pub next: Option<After>,
    /// Looking took longer than [`LIMIT`] and was given up.
    pub gave_up: bool,
}

/// The customers that were found.
#[derive(Clone, Debug, Default)]
pub struct FoundCustomers {
    pub rows: Vec<Customer>,
    /// Looking took longer than [`LIMIT`] and was given up.
    pub gave_up: bool,
}

/// Where the next page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Found by words: from a window of matches, without the best ones that were shown already.
    Words { top: i64, before: i64, skip: usize },
    /// Found by conditions alone.
    List(Cursor),
}

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words { top, before, skip } => write!(f, "w.{top}.{before}.{skip}"),
            Self::List(cursor) => write!(f, "l.{cursor}"),
        }
    }
}

impl After {
    pub fn read(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once('.')?;
        match kind {
            "l" => Cursor::read(rest).map(Self::List),
            "w" => {
                let mut parts = rest.split('.');
                let mut number = || parts.next()?.parse::<i64>().ok();
                let (top, before, skip) = (number()?, number()?, number()?);
                let is_whole = parts.next().is_none() && skip >= 0;
                let skip = kernel::length(skip);
                is_whole.then_some(Self::Words { top, before, skip })
            }
            _ => None,
        }
    }
}

impl<'r> Reader<'r> {
    /// What somebody may see.
    pub fn of(actor: &'r Actor) -> Self {
        let inboxes = match &actor.sees {
            Sees::Everything => None,
            Sees::Only(inboxes) => Some(inboxes.as_slice()),
        };
        Self { agent: actor.id, inboxes }
    }
}

/// How long looking may take; give [`find`] and [`find_customers`] a connection of `read_within`.
pub const LIMIT: Duration = Duration::from_secs(2);
/// So many matches are ranked against one another, the newest first.
const WINDOW: i64 = 400;
/// So many matches are looked at for one page; where fewer tickets fit, the page is short.
const LOOKED_AT_MAX: i64 = 12_000;
const SNIPPET_CHARS: usize = 220;
const SUBJECT_CHARS: usize = 250;

/// The tickets that match, the best of the newest first; by conditions alone the newest first.
pub async fn find(
    conn: &Conn,
    reader: Reader<'_>,
    filter: &Filter,
    limit: i64,
    after: Option<After>,
) -> Result<Finds> {
    if filter.impossible || limit <= 0 {
        return Ok(Finds::default());
    }
    let is_wanted = |term: &Term| !matches!(term, Term::Not(_));
    let finds = match search::expr(&filter.terms) {
        Some(expr) => by_words(conn, reader, filter, &expr, limit, after).await,
        // Only signs: they stand in no index.
        None if filter.terms.iter().any(is_wanted) => Ok(Finds::default()),
        None => by_conditions(conn, reader, filter, limit, after).await,
    };
    match finds {
        Err(error) if database::took_too_long(&error) => {
            Ok(Finds { gave_up: true, ..Finds::default() })
        }
        other => other,
    }
}

/// So many matches are counted; a number beside a list is not worth more.
const COUNTED_MAX: i64 = 1_600;
/// So many tickets are looked at in one statement.
const FITTED_TOGETHER: usize = 400;

/// How many tickets match a question of words; none where counting would cost too much.
pub(crate) async fn count(
    conn: &Conn,
    reader: Reader<'_>,
    filter: &Filter,
) -> Result<Option<Count>> {
    if filter.impossible {
        return Ok(Some(Count(0)));
    }
    let Some(expr) = search::expr(&filter.terms) else { return Ok(None) };
    match count_by_words(conn, reader, filter, &expr).await {
        Err(error) if database::took_too_long(&error) => Ok(None),
        other => other,
    }
}

async fn count_by_words(
    conn: &Conn,
    reader: Reader<'_>,
    filter: &Filter,
    expr: &Expr,
) -> Result<Option<Count>> {
    let named = named(conn, reader, filter).await?;
    let mut tickets: HashSet<TicketId> = named.into_iter().map(|row| row.id).collect();
    let found = search::tickets_of_few(conn, expr, reader.inboxes, COUNTED_MAX).await?;
    let Some(found) = found else { return Ok(None) };
    for ids in found.chunks(FITTED_TOGETHER) {
        tickets.extend(lists::fitting(conn, reader, filter, ids).await?);
    }
    Ok(Some(Count(kernel::count(tickets.len()))))
}

/// Which of these tickets have the words of a question.
pub(crate) async fn with_words(
    conn: &Conn,
    reader: Reader<'_>,
    terms: &[Term],
    tickets: &[TicketId],
) -> Result<Vec<TicketId>> {
    let everything = (0, i64::MAX);
    if let Some(expr) = search::expr(terms) {
        return search::among(conn, &expr, reader.inboxes, tickets, everything).await;
    }
    let unwanted: Vec<Term> = terms.iter().filter_map(unwanted).collect();
    let Some(expr) = search::expr(&unwanted) else { return Ok(tickets.to_vec()) };
    let without = search::among(conn, &expr, reader.inboxes, tickets, everything).await?;
    Ok(tickets.iter().copied().filter(|ticket| !without.contains(ticket)).collect())
}

/// A ticket of a window, with the best of its matches.
#[derive(Clone, Copy)]
struct Match {
    ticket: TicketId,
    best: Found,
}

async fn by_words(
    conn: &Conn,
    reader: Reader<'_>,
    filter: &Filter,
    expr: &Expr,
    limit: i64,
    after: Option<After>,
) -> Result<Finds> {
    let named = named(conn, reader, filter).await?;
    let mut rows = match (&named, after) {
        (Some(row), None) => vec![by_number(row.clone(), filter)],
        _ => Vec::new(),
    };
    let (mut top, mut before, mut skip) = match after {
        Some(After::Words { top, before, skip }) => (Some(top), Some(before), skip),
        Some(After::List(_)) | None => (None, None, 0),
    };
    let mut looked_at = 0;
    let next = loop {
        let hits = search::newest(conn, expr, reader.inboxes, before, WINDOW).await?;
        let Some((first, last)) = hits.first().zip(hits.last()) else { break None };
        // What comes in while somebody turns pages belongs to the next search.
        let start = before.unwrap_or(first.document + 1);
        let limit_id = *top.get_or_insert(start);
        let window = Window { reader, filter, expr, span: (start, limit_id) };
        let mut matches = window.matches(conn, &hits).await?;
        matches.retain(|one| named.as_ref().is_none_or(|row| row.id != one.ticket));
        let room = kernel::length(limit).saturating_sub(rows.len());
        let chosen: Vec<Match> = matches.iter().skip(skip).take(room).copied().collect();
        rows.extend(shown(conn, reader, filter, &chosen).await?);
        skip += chosen.len();
        if skip < matches.len() {
            break Some(After::Words { top: limit_id, before: start, skip });
        }
        skip = 0;
        before = Some(last.document);
        looked_at += WINDOW;
        let is_old = filter.created_from.is_some_and(|from| last.at < from);
        if is_old || kernel::count(hits.len()) < WINDOW {
            break None;
        }
        if rows.len() >= kernel::length(limit) || looked_at >= LOOKED_AT_MAX {
            break Some(After::Words { top: limit_id, before: last.document, skip: 0 });
        }
    };
    Ok(Finds { rows, next, gave_up: false })
}

struct Window<'w> {
    reader: Reader<'w>,
    filter: &'w Filter,
    expr: &'w Expr,
    /// The documents of the windows before this one.
    span: (i64, i64),
}

impl Window<'_> {
    /// The tickets behind the hits that match and were not found in an earlier window, the best
    /// first.
    async fn matches(&self, conn: &Conn, hits: &[Found]) -> Result<Vec<Match>> {
        let mut matches: Vec<Match> = Vec::new();
        for hit in hits {
            let Some(ticket) = hit.ticket else { continue };
            match matches.iter_mut().find(|one| one.ticket == ticket) {
                Some(one) if hit.rank > one.best.rank => one.best = *hit,
                Some(_) => {}
                None => matches.push(Match { ticket, best: *hit }),
            }
        }
        let ids: Vec<TicketId> = matches.iter().map(|one| one.ticket).collect();
        let fitting = lists::fitting(conn, self.reader, self.filter, &ids).await?;
        let earlier =
            search::among(conn, self.expr, self.reader.inboxes, &fitting, self.span).await?;
        matches.retain(|one| fitting.contains(&one.ticket) && !earlier.contains(&one.ticket));
        let newest_first = |one: &Match| std::cmp::Reverse(one.best.document);
        matches.sort_by(|a, b| {
            b.best.rank.total_cmp(&a.best.rank).then(newest_first(a).cmp(&newest_first(b)))
        });
        Ok(matches)
    }
}

/// The chosen tickets in their order, with the words around what was found.
async fn shown(
    conn: &Conn,
    reader: Reader<'_>,
    filter: &Filter,
    chosen: &[Match],
) -> Result<Vec<Find>> {
    let ids: Vec<TicketId> = chosen.iter().map(|one| one.ticket).collect();
    let mut rows = lists::some(conn, reader, filter, &ids).await?;
    let (mut messages, mut notes): (Vec<MessageId>, Vec<NoteId>) = Default::default();
    for one in chosen {
        match one.best.kind {
            Kind::Message(id) => messages.push(id),
            Kind::Note(id) => notes.push(id),
            Kind::Customer(_) => {}
        }
    }
    let messages = found::messages(conn, &messages).await?;
    let notes = found::notes(conn, &notes).await?;
    let mut finds = Vec::with_capacity(chosen.len());
    for one in chosen {
        let Some(at) = rows.iter().position(|row| row.id == one.ticket) else { continue };
        let row = rows.swap_remove(at);
        let text = match one.best.kind {
            Kind::Message(id) => messages.iter().find(|text| text.id == id.0),
            Kind::Note(id) => notes.iter().find(|text| text.id == id.0),
            Kind::Customer(_) => None,
        };
        let kind = match one.best.kind {
            Kind::Note(_) => PlaceKind::Note,
            Kind::Message(_) | Kind::Customer(_) => PlaceKind::Message,
        };
        let snippet = text.map_or(row.snippet.as_str(), |text| text.text.as_str());
        finds.push(Find {
            subject: highlight(&row.subject, &filter.terms, SUBJECT_CHARS),
            snippet: highlight(snippet, &filter.terms, SNIPPET_CHARS),
            place: text.map(|text| Place { kind, id: text.public_id, at: one.best.at }),
            row,
        });
    }
    Ok(finds)
}

/// The ticket whose number was typed, wherever it is today, if it fits the other conditions.
async fn named(conn: &Conn, reader: Reader<'_>, filter: &Filter) -> Result<Option<Row>> {
    let [Term::Word(text) | Term::Phrase(text)] = filter.terms.as_slice() else {
        return Ok(None);
    };
    let id = match text.parse::<TicketId>() {
        Ok(id) => tickets::follow(conn, id).await?,
        Err(_) => None,
    };
    let id = match id {
        Some(id) => Some(id),
        None => tickets::by_alias(conn, text).await?,
    };
    let Some(id) = id else { return Ok(None) };
    let mut rows = lists::some(conn, reader, filter, &[id]).await?;
    Ok(rows.pop())
}

fn by_number(row: Row, filter: &Filter) -> Find {
    Find {
        subject: highlight(&row.subject, &filter.terms, SUBJECT_CHARS),
        snippet: highlight(&row.snippet, &filter.terms, SNIPPET_CHARS),
        place: None,
        row,
    }
}

async fn by_conditions(
    conn: &Conn,
    reader: Reader<'_>,
    filter: &Filter,
    limit: i64,
    after: Option<After>,
) -> Result<Finds> {
    let after = match after {
        Some(After::List(cursor)) => Some(cursor),
        Some(After::Words { .. }) | None => None,
    };
    let mut rows = lists::page(conn, reader, filter, Sort::Newest, after, limit).await?;
    let is_full = kernel::count(rows.len()) == limit;
    let last = rows.last().filter(|_| is_full).map(|row| row.cursor(Sort::Newest));
    let ids: Vec<TicketId> = rows.iter().map(|row| row.id).collect();
    let wanted = with_words(conn, reader, &filter.terms, &ids).await?;
    rows.retain(|row| wanted.contains(&row.id));
    let rows = rows.into_iter().map(|row| by_number(row, filter)).collect();
    Ok(Finds { rows, next: last.map(After::List), gave_up: false })
}

fn unwanted(term: &Term) -> Option<Term> {
    match term {
        Term::Not(term) => Some((**term).clone()),
        Term::Word(_) | Term::Phrase(_) => None,
    }
}

/// The newest customers whom the words name, as far as the reader has anything to do with them.
pub async fn find_customers(
    conn: &Conn,
    reader: Reader<'_>,
    terms: &[Term],
    limit: i64,
) -> Result<FoundCustomers> {
    let Some(expr) = search::expr(terms) else { return Ok(FoundCustomers::default()) };
    match customers_by_words(conn, reader, &expr, limit).await {
        Ok(rows) => Ok(FoundCustomers { rows, gave_up: false }),
        Err(error) if database::took_too_long(&error) => {
            Ok(FoundCustomers { rows: Vec::new(), gave_up: true })
        }
        Err(error) => Err(error),
    }
}

async fn customers_by_words(
    conn: &Conn,
    reader: Reader<'_>,
    expr: &Expr,
    limit: i64,
) -> Result<Vec<Customer>> {
    // Customers are found by everybody; whose they are is asked for afterwards.
    let hits = search::newest(conn, expr, Some(&[]), None, WINDOW).await?;
    let ids: Vec<CustomerId> = hits
        .iter()
        .filter_map(|hit| match hit.kind {
            Kind::Customer(id) => Some(id),
            Kind::Message(_) | Kind::Note(_) => None,
        })
        .collect();
    let mut ids = lists::known_customers(conn, reader, &ids).await?;
    ids.truncate(kernel::length(limit));
    let mut customers = customers::find_many(conn, &ids).await?;
    customers.sort_by_key(|customer| std::cmp::Reverse(customer.id));
    Ok(customers)
}
