//! Tickets and what is in them, for programs: whole, by public ids, page by page, and only what
//! the reader may see.

use accounts::Actor;
use anyhow::Result;
use customers::Customer;
use database::{Conn, Tx};
use kernel::{CustomerId, MessageId, NoteId, PublicId, TicketId, Timestamp};

use crate::event::Note;
use crate::filter::{Cursor, Filter, Sort};
use crate::finding::Reader;
use crate::message::{Attachment, Message, StoredFile};
use crate::store::shared::View;
use crate::store::taxonomy::{Category, Problem};
use crate::store::{entries, lists, reading, shared, taxonomy, tickets};
use crate::ticket::Ticket;

/// A ticket with whose it is and what it is marked with.
#[derive(Clone, Debug)]
pub struct Card {
    pub ticket: Ticket,
    pub customer: Option<Customer>,
    pub tags: Vec<String>,
}

/// A message with its HTML as it came, which is to be cleaned, and its files.
#[derive(Clone, Debug)]
pub struct Written {
    pub message: Message,
    pub html: Option<String>,
    pub files: Vec<Attachment>,
}

/// A note with its files.
#[derive(Clone, Debug)]
pub struct Jotted {
    pub note: Note,
    pub files: Vec<Attachment>,
}

/// One page of a list, and where the next begins.
pub async fn page(
    conn: &Conn,
    reader: Reader<'_>,
    filter: &Filter,
    sort: Sort,
    after: Option<Cursor>,
    limit: i64,
) -> Result<(Vec<Card>, Option<Cursor>)> {
    // One more than asked for says whether there is more.
    let mut rows = lists::page(conn, reader, filter, sort, after, limit + 1).await?;
    let has_more = kernel::count(rows.len()) > limit;
    rows.truncate(kernel::length(limit));
    let next = rows.last().filter(|_| has_more).map(|row| row.cursor(sort));
    let ids: Vec<TicketId> = rows.iter().map(|row| row.id).collect();
    Ok((cards(conn, &ids).await?, next))
}

/// Tickets in the order of their ids here. Whether they may be seen was asked before.
pub async fn cards(conn: &Conn, ids: &[TicketId]) -> Result<Vec<Card>> {
    let found = tickets::find_many(conn, ids).await?;
    let owners: Vec<CustomerId> = found.iter().map(|ticket| ticket.customer).collect();
    let owners = customers::find_many(conn, &owners).await?;
    let tags = reading::tags_of(conn, ids).await?;
    let mut cards: Vec<Card> = found
        .into_iter()
        .map(|ticket| Card {
            customer: owners.iter().find(|one| one.id == ticket.customer).cloned(),
            tags: tags
                .iter()
                .filter(|(id, _)| *id == ticket.id)
                .map(|(_, tag)| tag.clone())
                .collect(),
            ticket,
        })
        .collect();
    cards.sort_by_key(|card| ids.iter().position(|id| *id == card.ticket.id));
    Ok(cards)
}

/// The ticket that a reference means today, through merges, and by numbers from elsewhere.
pub async fn named(conn: &Conn, actor: &Actor, reference: &str) -> Result<Option<Ticket>> {
    let id = match reference.parse::<TicketId>() {
        Ok(id) => tickets::follow(conn, id).await?,
        Err(_) => None,
    };
    let id = match id {
        Some(id) => Some(id),
        None => match tickets::by_alias(conn, reference).await? {
            Some(id) => tickets::follow(conn, id).await?,
            None => None,
        },
    };
    let Some(id) = id else { return Ok(None) };
    let ticket = tickets::find(conn, id).await?;
    Ok(ticket.filter(|ticket| actor.may_see(ticket.inbox)))
}

/// The messages of a ticket after one of them, the oldest first. None: there is no such one.
pub async fn messages(
    conn: &Conn,
    ticket: TicketId,
    after: Option<PublicId>,
    limit: i64,
) -> Result<Option<Vec<Written>>> {
    let after = match after {
        Some(id) => match reading::message_id(conn, ticket, id).await? {
            Some(id) => Some(id),
            None => return Ok(None),
        },
        None => None,
    };
    let messages = entries::messages(conn, ticket, after, limit).await?;
    written(conn, messages).await.map(Some)
}

/// A message that was just written.
pub async fn message(conn: &Conn, id: PublicId) -> Result<Option<Written>> {
    let message = entries::message_by_public_id(conn, id).await?;
    Ok(written(conn, message.into_iter().collect()).await?.pop())
}

/// The first message of a ticket.
pub async fn first_message(conn: &Conn, ticket: TicketId) -> Result<Option<Written>> {
    let messages = entries::messages(conn, ticket, None, 1).await?;
    Ok(written(conn, messages).await?.pop())
}

/// The HTML of those messages that have some.
pub async fn html_of(conn: &Conn, ids: &[MessageId]) -> Result<Vec<(MessageId, String)>> {
    reading::html_of(conn, ids).await
}

async fn written(conn: &Conn, messages: Vec<Message>) -> Result<Vec<Written>> {
    let ids: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
    let mut html = reading::html_of(conn, &ids).await?;
    let files = entries::attachments(conn, &ids).await?;
    let own = |id: MessageId| -> Vec<Attachment> {
        files.iter().filter(|file| file.message == Some(id)).cloned().collect()
    };
    Ok(messages
        .into_iter()
        .map(|message| {
            let at = html.iter().position(|(id, _)| *id == message.id);
            Written { html: at.map(|at| html.swap_remove(at).1), files: own(message.id), message }
        })
        .collect())
}

/// The notes of a ticket after one of them, the oldest first. None: there is no such one.
pub async fn notes(
    conn: &Conn,
    ticket: TicketId,
    after: Option<PublicId>,
    limit: i64,
) -> Result<Option<Vec<Jotted>>> {
    let after = match after {
        Some(id) => match reading::note_by_public_id(conn, id).await? {
            Some(note) if note.ticket == ticket => Some(note.id),
            Some(_) | None => return Ok(None),
        },
        None => None,
    };
    let notes = entries::notes(conn, ticket, after, limit).await?;
    jotted(conn, notes).await.map(Some)
}

/// A note that was just written.
pub async fn note(conn: &Conn, id: PublicId) -> Result<Option<Jotted>> {
    let note = reading::note_by_public_id(conn, id).await?;
    Ok(jotted(conn, note.into_iter().collect()).await?.pop())
}

async fn jotted(conn: &Conn, notes: Vec<Note>) -> Result<Vec<Jotted>> {
    let ids: Vec<NoteId> = notes.iter().map(|note| note.id).collect();
    let files = entries::note_attachments(conn, &ids).await?;
    let own = |id: NoteId| -> Vec<Attachment> {
        files.iter().filter(|file| file.note == Some(id)).cloned().collect()
    };
    Ok(notes.into_iter().map(|note| Jotted { files: own(note.id), note }).collect())
}

/// A file, if it is of a ticket that may be seen, or waits for a message of this person.
pub async fn attachment(conn: &Conn, actor: &Actor, id: PublicId) -> Result<Option<Attachment>> {
    let Some(file) = entries::attachment_by_public_id(conn, id).await? else { return Ok(None) };
    let ticket = match (file.message, file.note) {
        (Some(message), _) => reading::ticket_of_message(conn, message).await?,
        (None, Some(note)) => reading::ticket_of_note(conn, note).await?,
        (None, None) => {
            let is_own = reading::uploaded_by(conn, id).await? == Some(actor.id);
            return Ok(Some(file).filter(|_| is_own));
        }
    };
    let inbox = match ticket {
        Some(ticket) => lists::inbox_of(conn, ticket).await?,
        None => None,
    };
    Ok(Some(file).filter(|_| inbox.is_some_and(|inbox| actor.may_see(inbox))))
}

/// Keeps a file until a message or a note of this person takes it.
pub async fn upload(
    tx: &mut Tx,
    actor: &Actor,
    file: &StoredFile,
    now: Timestamp,
) -> Result<PublicId> {
    entries::upload(tx, actor.id, None, file, now).await
}

/// The first of these files that does not wait for a message of this person.
pub async fn missing_upload(
    conn: &Conn,
    actor: &Actor,
    ids: &[PublicId],
) -> Result<Option<PublicId>> {
    let waiting = reading::waiting_uploads(conn, actor.id, ids).await?;
    Ok(ids.iter().find(|id| !waiting.contains(id)).copied())
}

/// Customers that the reader has to do with, the latest first.
pub async fn customers(
    conn: &Conn,
    reader: Reader<'_>,
    before: Option<CustomerId>,
    limit: i64,
) -> Result<Vec<Customer>> {
    let ids = reading::customers(conn, reader, before, limit).await?;
    let mut found = customers::find_many(conn, &ids).await?;
    found.sort_by_key(|customer| std::cmp::Reverse(customer.id));
    Ok(found)
}

/// Whether the reader has anything to do with a customer.
pub async fn knows(conn: &Conn, reader: Reader<'_>, customer: CustomerId) -> Result<bool> {
    Ok(!lists::known_customers(conn, reader, &[customer]).await?.is_empty())
}

/// Tags by name, after one of them; those of tickets that may be seen.
pub async fn tags(
    conn: &Conn,
    reader: Reader<'_>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<String>> {
    reading::tags(conn, reader, after, limit).await
}

/// The saved views of somebody and of everybody.
pub async fn views(conn: &Conn, actor: &Actor) -> Result<Vec<View>> {
    let mut views = shared::views(conn).await?;
    views.retain(|view| view.owner.is_none_or(|owner| owner == actor.id));
    Ok(views)
}

pub async fn categories(conn: &Conn) -> Result<Vec<Category>> {
    taxonomy::categories(conn).await
}

/// More problems than this are looked for by nobody.
const PROBLEMS_MAX: i64 = 200;

/// The problems that the reader may know of.
pub async fn problems(conn: &Conn, reader: Reader<'_>) -> Result<Vec<Problem>> {
    taxonomy::problems_for(conn, reader, PROBLEMS_MAX).await
}
