//! What is said in a ticket: messages to the customer, notes for the team.

use ::tickets::actions::{self, Reply, reply};
use ::tickets::{Resolution, Then, reading};
use accounts::{Actor, Costly};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use kernel::PublicId;
use outbox::Recipients;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::Api;
use crate::input::{Input, Query, Reference, cursor, limit, place};
use crate::lookup::{Words, parties, uploads};
use crate::once::{Once, Turn};
use crate::problem::{ApiResult, Problem};
use crate::tickets::{find, moved};
use crate::wire::{self, Page};

/// Which page.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// How many, 1 to 100; 50 if it is left out.
    #[param(example = 20)]
    pub(crate) limit: Option<i64>,
    /// `next` of the page before.
    pub(crate) after: Option<String>,
}

/// A row that one reads beyond the page, to know whether there is more.
pub(crate) fn page<T, W>(
    mut rows: Vec<T>,
    limit: i64,
    place_of: impl Fn(&T) -> String,
    show: impl Fn(&T) -> W,
) -> Page<W> {
    let has_more = kernel::count(rows.len()) > limit;
    rows.truncate(kernel::length(limit));
    let next = rows.last().filter(|_| has_more).map(|row| cursor(&place_of(row)));
    Page { data: rows.iter().map(show).collect(), next }
}

pub(crate) fn id(text: &str) -> Option<PublicId> {
    text.parse().ok()
}

/// List the messages of a ticket
///
/// The oldest first.
#[utoipa::path(get, path = "/api/v1/tickets/{reference}/messages", tag = "Messages and notes",
    params(("reference" = String, Path, example = "RC-10482"), Paging),
    responses(
        (status = 200, description = "A page of messages", body = Page<wire::Message>),
        (status = 308, description = "The ticket was merged; `Location` says into which"),
    ))]
pub(crate) async fn messages(
    State(api): State<Api>,
    actor: Actor,
    Reference(text): Reference,
    Query(paging): Query<Paging>,
) -> ApiResult<Response> {
    let (limit, after) = (limit(paging.limit)?, place(paging.after.as_deref(), id)?);
    let conn = api.db().read_list().await?;
    let ticket = find(&conn, &actor, &text).await?;
    if let Some(moved) = moved(&ticket, &text, "/messages") {
        return Ok(moved);
    }
    let rows = reading::messages(&conn, ticket.id, after, limit + 1).await?;
    let rows = rows.ok_or_else(Problem::foreign_cursor)?;
    let directory = api.accounts.directory().await?;
    let show = |row: &reading::Written| wire::Message::of(row, &directory);
    Ok(Json(page(rows, limit, |row| row.message.public_id.to_string(), show)).into_response())
}

/// Answer the customer
///
/// The mail leaves ten seconds later, in the name of the person whose token this is, and joins
/// the conversation in the customer's mail program.
#[utoipa::path(post, path = "/api/v1/tickets/{reference}/messages", tag = "Messages and notes",
    params(("reference" = String, Path, example = "RC-10482")), request_body = wire::NewMessage,
    responses((status = 201, description = "The message", body = wire::Message)))]
pub(crate) async fn create_message(
    State(api): State<Api>,
    actor: Actor,
    Reference(text): Reference,
    input: Input<wire::NewMessage>,
) -> ApiResult<Response> {
    api.accounts.count(&actor, Costly::Send)?;
    let Input { value, sent } = input;
    let then = match value.then.as_deref() {
        None | Some("wait") => Then::Wait,
        Some("stay_open") => Then::StayOpen,
        Some("resolve") => Then::Resolve,
        Some(_) => return Err(Problem::field("then", "is “wait”, “stay_open” or “resolve”")),
    };
    for (field, is_given) in
        [("resolution", value.resolution.is_some()), ("cause", value.cause.is_some())]
    {
        if is_given && then != Then::Resolve {
            return Err(Problem::field(field, "goes with “then”: “resolve” only"));
        }
    }
    let wrong = |_| Problem::field("resolution", "is not a resolution");
    let resolution =
        value.resolution.as_deref().map(Resolution::named).transpose().map_err(wrong)?;
    let recipients = Recipients {
        to: parties("to", &value.to)?,
        cc: parties("cc", &value.cc)?,
        bcc: parties("bcc", &value.bcc)?,
    };
    let recipients = Some(recipients).filter(|one| *one != Recipients::default());
    let words = Words::read(value.text, value.html, !value.attachments.is_empty())?;
    let mut once = match Once::begin(&api, &actor, &sent).await? {
        Turn::First(once) => once,
        Turn::Again(response) => return Ok(response),
    };
    let tx = &mut once.tx;
    let ticket = find(tx, &actor, &text).await?;
    let uploads = uploads(tx, &actor, &value.attachments).await?;
    let answer = Reply {
        html: words.html.as_deref().map(ui::written_html),
        text: words.text,
        recipients,
        then,
        resolution,
        cause: value.cause,
        uploads,
        seen: None,
    };
    let office = api.office().await?;
    let replied = reply(tx, &office, &actor, ticket.id, &answer).await?;
    let written = reading::message(tx, replied.public_id).await?.ok_or_else(Problem::not_found)?;
    let made = wire::Message::of(&written, &office.directory);
    once.created(&made).await
}

/// List the notes of a ticket
///
/// The oldest first. Only the team reads notes.
#[utoipa::path(get, path = "/api/v1/tickets/{reference}/notes", tag = "Messages and notes",
    params(("reference" = String, Path, example = "RC-10482"), Paging),
    responses(
        (status = 200, description = "A page of notes", body = Page<wire::Note>),
        (status = 308, description = "The ticket was merged; `Location` says into which"),
    ))]
pub(crate) async fn notes(
    State(api): State<Api>,
    actor: Actor,
    Reference(text): Reference,
    Query(paging): Query<Paging>,
) -> ApiResult<Response> {
    let (limit, after) = (limit(paging.limit)?, place(paging.after.as_deref(), id)?);
    let conn = api.db().read_list().await?;
    let ticket = find(&conn, &actor, &text).await?;
    if let Some(moved) = moved(&ticket, &text, "/notes") {
        return Ok(moved);
    }
    let rows = reading::notes(&conn, ticket.id, after, limit + 1).await?;
    let rows = rows.ok_or_else(Problem::foreign_cursor)?;
    let directory = api.accounts.directory().await?;
    let show = |row: &reading::Jotted| wire::Note::of(row, &directory);
    Ok(Json(page(rows, limit, |row| row.note.public_id.to_string(), show)).into_response())
}

/// Write a note
///
/// Nobody outside ever sees it.
#[utoipa::path(post, path = "/api/v1/tickets/{reference}/notes", tag = "Messages and notes",
    params(("reference" = String, Path, example = "RC-10482")), request_body = wire::NewNote,
    responses((status = 201, description = "The note", body = wire::Note)))]
pub(crate) async fn create_note(
    State(api): State<Api>,
    actor: Actor,
    Reference(text): Reference,
    input: Input<wire::NewNote>,
) -> ApiResult<Response> {
    let Input { value, sent } = input;
    let mut once = match Once::begin(&api, &actor, &sent).await? {
        Turn::First(once) => once,
        Turn::Again(response) => return Ok(response),
    };
    let tx = &mut once.tx;
    let ticket = find(tx, &actor, &text).await?;
    let uploads = uploads(tx, &actor, &value.attachments).await?;
    let office = api.office().await?;
    let note = actions::NewNote { text: value.text, uploads };
    let noted = actions::post_note(tx, &office, &actor, ticket.id, &note).await?;
    let jotted = reading::note(tx, noted.public_id).await?.ok_or_else(Problem::not_found)?;
    let made = wire::Note::of(&jotted, &office.directory);
    once.created(&made).await
}
