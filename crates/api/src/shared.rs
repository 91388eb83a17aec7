//! What tickets are marked and listed by.

use ::tickets::finding::Reader;
use ::tickets::reading;
use accounts::Actor;
use axum::Json;
use axum::extract::State;

use crate::Api;
use crate::entries::{Paging, id, page};
use crate::input::{Query, limit, place};
use crate::problem::{ApiResult, Problem};
use crate::wire::{self, Page};

/// List tags
///
/// By name. Somebody who sees only some inboxes sees the tags of the tickets there.
#[utoipa::path(get, path = "/api/v1/tags", tag = "Tags and views", params(Paging),
    responses((status = 200, description = "A page of tags", body = Page<wire::Tag>)))]
pub(crate) async fn tags(
    State(api): State<Api>,
    actor: Actor,
    Query(paging): Query<Paging>,
) -> ApiResult<Json<Page<wire::Tag>>> {
    let limit = limit(paging.limit)?;
    let after = place(paging.after.as_deref(), |name| Some(name.to_owned()))?;
    let conn = api.db().read_list().await?;
    let rows = reading::tags(&conn, Reader::of(&actor), after.as_deref(), limit + 1).await?;
    let show = |name: &String| wire::Tag { name: name.clone() };
    Ok(Json(page(rows, limit, String::clone, show)))
}

/// List views
///
/// Saved lists, yours and everybody's. `GET /tickets?view=` shows what is in one.
#[utoipa::path(get, path = "/api/v1/views", tag = "Tags and views", params(Paging),
    responses((status = 200, description = "A page of views", body = Page<wire::View>)))]
pub(crate) async fn views(
    State(api): State<Api>,
    actor: Actor,
    Query(paging): Query<Paging>,
) -> ApiResult<Json<Page<wire::View>>> {
    let (limit, after) = (limit(paging.limit)?, place(paging.after.as_deref(), id)?);
    let conn = api.db().read_list().await?;
    let mut rows = reading::views(&conn, &actor).await?;
    if let Some(after) = after {
        let seen = rows.iter().position(|view| view.public_id == after);
        let seen = seen.ok_or_else(Problem::foreign_cursor)?;
        rows.drain(..=seen);
    }
    Ok(Json(page(rows, limit, |view| view.public_id.to_string(), wire::View::of)))
}
