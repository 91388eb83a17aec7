//! The ledger: every mail that came in, and what became of it.

use accounts::{Actor, Sees};
use audit::Deed;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use database::Conn;
use kernel::PublicId;
use mailroom::reading::{Filter, find, page as lines, source};
use mailroom::{Fate, Line};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::Api;
use crate::entries::{id, page};
use crate::files::download;
use crate::input::{Id, Query, limit, place};
use crate::lookup::Lookup;
use crate::problem::{ApiResult, Problem};
use crate::wire::{self, Page};

/// Which mails.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LedgerQuery {
    /// `received`, `ticketed`, `quarantined`, `bounce`, `failed` or `dismissed`.
    #[param(example = "failed")]
    fate: Option<String>,
    /// The id, the mail address or the name of an inbox.
    inbox: Option<String>,
    /// How many, 1 to 100; 50 if it is left out.
    limit: Option<i64>,
    /// `next` of the page before.
    after: Option<String>,
}

/// List received mail
///
/// The latest first, of the inboxes that you see.
#[utoipa::path(get, path = "/api/v1/mail/ledger", tag = "Mail ledger", params(LedgerQuery),
    responses((status = 200, description = "A page of the ledger", body = Page<wire::Ledger>)))]
pub(crate) async fn index(
    State(api): State<Api>,
    actor: Actor,
    Query(query): Query<LedgerQuery>,
) -> ApiResult<Json<Page<wire::Ledger>>> {
    let (limit, before) = (limit(query.limit)?, place(query.after.as_deref(), id)?);
    let wrong = |_| {
        let known: Vec<&str> = Fate::ALL.iter().map(|fate| fate.as_str()).collect();
        Problem::field("fate", format!("is one of {}", known.join(", ")))
    };
    let fate = query.fate.as_deref().map(Fate::named).transpose().map_err(wrong)?;
    let conn = api.db().read_list().await?;
    let lookup = Lookup::open(&api, &conn).await?;
    let inboxes = match (&query.inbox, &actor.sees) {
        (Some(inbox), _) => Some(vec![lookup.inbox(&actor, inbox)?]),
        (None, Sees::Everything) => None,
        (None, Sees::Only(inboxes)) => Some(inboxes.clone()),
    };
    if let Some(id) = before
        && find(&conn, id).await?.is_none_or(|line| !actor.may_see(line.inbox))
    {
        return Err(Problem::foreign_cursor());
    }
    let filter = Filter { inboxes, fate, before };
    let rows = lines(&conn, &filter, limit + 1).await?;
    let show = |line: &Line| wire::Ledger::of(line, &lookup.directory);
    Ok(Json(page(rows, limit, |line| line.public_id.to_string(), show)))
}

async fn visible(conn: &Conn, actor: &Actor, id: PublicId) -> ApiResult<Line> {
    let line = find(conn, id).await?.filter(|line| actor.may_see(line.inbox));
    line.ok_or_else(Problem::not_found)
}

/// Get a received mail
#[utoipa::path(get, path = "/api/v1/mail/ledger/{id}", tag = "Mail ledger",
    params(("id" = String, Path)),
    responses((status = 200, description = "The line of the ledger", body = wire::Ledger)))]
pub(crate) async fn show(
    State(api): State<Api>,
    actor: Actor,
    Id(id): Id,
) -> ApiResult<Json<wire::Ledger>> {
    let line = visible(&api.db().read().await?, &actor, id).await?;
    let directory = api.accounts.directory().await?;
    Ok(Json(wire::Ledger::of(&line, &directory)))
}

/// Download the source of a mail
///
/// Byte for byte as it came in. What was blacked out in its ticket is not there any more.
#[utoipa::path(get, path = "/api/v1/mail/ledger/{id}/raw", tag = "Mail ledger",
    params(("id" = String, Path)),
    responses((status = 200, description = "The source", body = String,
        content_type = "message/rfc822")))]
pub(crate) async fn raw(State(api): State<Api>, actor: Actor, Id(id): Id) -> ApiResult<Response> {
    let conn = api.db().read().await?;
    let line = visible(&conn, &actor, id).await?;
    if let Some(message) = line.message
        && ::tickets::is_redacted(&conn, message).await?
    {
        return Err(Problem::not_found());
    }
    let bytes = source(&conn, line.id).await?.ok_or_else(Problem::not_found)?;
    drop(conn);
    let entry = actor.did(Deed::MailSourceRead, api.now());
    api.accounts.note_alone(entry.on("mail", line.public_id, &line.subject)).await?;
    Ok(download(bytes, "message/rfc822", &format!("{}.eml", line.public_id)))
}
