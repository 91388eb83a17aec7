//! Categories: what tickets are about.

use accounts::Actor;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use kernel::PublicId;
use ui::{Chrome, Fields, WebError, WebResult, found};

use super::name_in;
use crate::desk::Desk;
use crate::store::taxonomy::{self, Category};

#[derive(Template)]
#[template(path = "settings_categories.html")]
struct Categories {
    chrome: Chrome,
    categories: Vec<Category>,
}

pub(crate) async fn index(State(desk): State<Desk>, actor: Actor) -> WebResult<Response> {
    let chrome = desk.accounts.chrome(&actor, "/settings/categories").await?;
    let categories = taxonomy::categories(&mut desk.db().read().await?).await?;
    ui::page(&Categories { chrome, categories })
}

fn name(desk: &Desk, actor: &Actor, fields: &Fields) -> WebResult<String> {
    let name = name_in(fields, "name");
    if name.is_empty() {
        let w = desk.accounts.site().words(&actor.language);
        return Err(WebError::Refused(w.t("category-name-missing").to_owned()));
    }
    Ok(name)
}

fn taken(desk: &Desk, actor: &Actor) -> WebError {
    let w = desk.accounts.site().words(&actor.language);
    WebError::Refused(w.t("category-name-taken").to_owned())
}

pub(crate) async fn create(
    State(desk): State<Desk>,
    actor: Actor,
    fields: Fields,
) -> WebResult<Response> {
    let name = name(&desk, &actor, &fields)?;
    let mut tx = desk.db().begin().await?;
    let added = taxonomy::add_category(&mut tx, &name, desk.now()).await?;
    added.ok_or_else(|| taken(&desk, &actor))?;
    tx.commit().await?;
    Ok(ui::see_other("/settings/categories"))
}

pub(crate) async fn update(
    State(desk): State<Desk>,
    actor: Actor,
    Path(id): Path<PublicId>,
    fields: Fields,
) -> WebResult<Response> {
    let name = name(&desk, &actor, &fields)?;
    let archived_at = (fields.get("archived") == Some("on")).then(|| desk.now());
    let mut tx = desk.db().begin().await?;
    let all = taxonomy::categories(&mut tx).await?;
    let category = found(all.iter().find(|one| one.public_id == id))?;
    if !taxonomy::set_category(&mut tx, category.id, &name, archived_at).await? {
        return Err(taken(&desk, &actor));
    }
    tx.commit().await?;
    Ok(ui::see_other("/settings/categories"))
}
