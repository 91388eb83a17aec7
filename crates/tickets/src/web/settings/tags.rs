//! Tags: renamed, brought together, removed.

use accounts::Actor;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use kernel::TagId;
use ui::{Chrome, Fields, WebError, WebResult};

use super::name_in;
use crate::desk::Desk;
use crate::store::taxonomy;

#[derive(Template)]
#[template(path = "settings_tags.html")]
struct Tags {
    chrome: Chrome,
    tags: Vec<(TagId, String)>,
}

const SHOWN: i64 = 1_000;

pub(crate) async fn index(State(desk): State<Desk>, actor: Actor) -> WebResult<Response> {
    let chrome = desk.accounts.chrome(&actor, "/settings/tags").await?;
    let tags = taxonomy::tags(&mut desk.db().read().await?, SHOWN).await?;
    ui::page(&Tags { chrome, tags })
}

/// Another name; the name of another tag brings the two together.
pub(crate) async fn update(
    State(desk): State<Desk>,
    actor: Actor,
    Path(id): Path<i64>,
    fields: Fields,
) -> WebResult<Response> {
    let name = name_in(&fields, "name").to_lowercase();
    if name.is_empty() {
        let w = desk.accounts.site().words(&actor.language);
        return Err(WebError::Refused(w.t("tag-name-missing").to_owned()));
    }
    let mut tx = desk.db().begin().await?;
    taxonomy::rename_tag(&mut tx, TagId(id), &name).await?;
    tx.commit().await?;
    Ok(ui::see_other("/settings/tags"))
}

pub(crate) async fn delete(State(desk): State<Desk>, Path(id): Path<i64>) -> WebResult<Response> {
    let mut tx = desk.db().begin().await?;
    taxonomy::delete_tag(&mut tx, TagId(id)).await?;
    tx.commit().await?;
    Ok(ui::see_other("/settings/tags"))
}
