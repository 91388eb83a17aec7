//! Tags: renamed, brought together, removed.

use accounts::Actor;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use kernel::TagId;
use ui::{Chrome, Fields, Problems, WebError, WebResult};

use super::name_in;
use crate::actions::TAG_CHARS_MAX;
use crate::desk::{Desk, reader};
use crate::store::taxonomy;

#[derive(Template)]
#[template(path = "settings_tags.html")]
struct Tags {
    chrome: Chrome,
    tags: Vec<(TagId, String)>,
    problems: Problems,
}

async fn page(desk: &Desk, actor: &Actor) -> WebResult<Tags> {
    let chrome = desk.accounts.chrome(actor, "/settings/tags").await?;
    let tags = taxonomy::tags(&desk.db().read().await?, reader(actor), SHOWN).await?;
    Ok(Tags { chrome, tags, problems: Problems::default() })
}

const SHOWN: i64 = 1_000;

pub(crate) async fn index(State(desk): State<Desk>, actor: Actor) -> WebResult<Response> {
    ui::page(&page(&desk, &actor).await?)
}

/// A tag of tickets that somebody does not see is not there for them.
async fn must_see(desk: &Desk, actor: &Actor, id: i64) -> WebResult<()> {
    let is_seen = taxonomy::sees_tag(&desk.db().read().await?, reader(actor), TagId(id)).await?;
    if is_seen { Ok(()) } else { Err(WebError::NotFound) }
}

/// Another name; the name of another tag brings the two together.
pub(crate) async fn update(
    State(desk): State<Desk>,
    actor: Actor,
    Path(id): Path<i64>,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&["name"])?;
    must_see(&desk, &actor, id).await?;
    let name = name_in(&fields, "name").to_lowercase();
    let wrong = match name.chars().count() {
        0 => Some("tag-name-missing"),
        1..=TAG_CHARS_MAX => None,
        _ => Some("tag-name-long"),
    };
    if let Some(wrong) = wrong {
        let mut page = page(&desk, &actor).await?;
        for (_, shown) in page.tags.iter_mut().filter(|(tag, _)| tag.0 == id) {
            shown.clone_from(&name);
        }
        let text = page.chrome.t(wrong).to_owned();
        page.problems.add(format!("tag-{id}"), text);
        return ui::again(&page);
    }
    let mut tx = desk.db().begin().await?;
    taxonomy::rename_tag(&mut tx, TagId(id), &name).await?;
    tx.commit().await?;
    Ok(ui::see_other("/settings/tags"))
}

pub(crate) async fn delete(
    State(desk): State<Desk>,
    actor: Actor,
    Path(id): Path<i64>,
) -> WebResult<Response> {
    must_see(&desk, &actor, id).await?;
    let mut tx = desk.db().begin().await?;
    taxonomy::delete_tag(&mut tx, TagId(id)).await?;
    tx.commit().await?;
    Ok(ui::see_other("/settings/tags"))
}
