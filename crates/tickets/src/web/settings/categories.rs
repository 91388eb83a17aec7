//! Categories: what tickets are about.

use accounts::{Actor, is_first};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use kernel::PublicId;
use ui::{Chrome, Fields, Problems, WebResult, found};

use super::name_in;
use crate::desk::Desk;
use crate::store::taxonomy::{self, Category};

#[derive(Template)]
#[template(path = "settings_categories.html")]
struct Categories {
    chrome: Chrome,
    categories: Vec<Category>,
    name: String,
    problems: Problems,
}

impl Categories {
    async fn new(desk: &Desk, actor: &Actor) -> WebResult<Self> {
        let chrome = desk.accounts.chrome(actor, "/settings/categories").await?;
        let categories = taxonomy::categories(&desk.db().read().await?).await?;
        Ok(Self { chrome, categories, name: String::new(), problems: Problems::default() })
    }

    /// The page once more: what is wrong with the name in one of its fields.
    fn again(mut self, field: String, key: &str) -> WebResult<Response> {
        let text = self.chrome.t(key).to_owned();
        self.problems.add(field, text);
        ui::again(&self)
    }
}

pub(crate) async fn index(State(desk): State<Desk>, actor: Actor) -> WebResult<Response> {
    ui::page(&Categories::new(&desk, &actor).await?)
}

const MISSING: &str = "category-name-missing";
const TAKEN: &str = "category-name-taken";

pub(crate) async fn create(
    State(desk): State<Desk>,
    actor: Actor,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&["name"])?;
    let name = name_in(&fields, "name");
    if name.is_empty() {
        return Categories::new(&desk, &actor).await?.again("name".to_owned(), MISSING);
    }
    let mut tx = desk.db().begin().await?;
    if !is_first(&mut tx, &actor, &fields, desk.now()).await? {
        return Ok(ui::see_other("/settings/categories"));
    }
    if taxonomy::add_category(&mut tx, &name, desk.now()).await?.is_none() {
        drop(tx);
        let page = Categories { name, ..Categories::new(&desk, &actor).await? };
        return page.again("name".to_owned(), TAKEN);
    }
    tx.commit().await?;
    Ok(ui::see_other("/settings/categories"))
}

pub(crate) async fn update(
    State(desk): State<Desk>,
    actor: Actor,
    Path(id): Path<PublicId>,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&["name", "archived"])?;
    let name = name_in(&fields, "name");
    let archived_at = (fields.get("archived") == Some("on")).then(|| desk.now());
    let mut tx = desk.db().begin().await?;
    let all = taxonomy::categories(&tx).await?;
    let category = found(all.iter().find(|one| one.public_id == id))?;
    let is_done = !name.is_empty()
        && taxonomy::set_category(&mut tx, category.id, &name, archived_at).await?;
    if is_done {
        tx.commit().await?;
        return Ok(ui::see_other("/settings/categories"));
    }
    drop(tx);
    let wrong = if name.is_empty() { MISSING } else { TAKEN };
    let mut page = Categories::new(&desk, &actor).await?;
    for one in page.categories.iter_mut().filter(|one| one.public_id == id) {
        one.name.clone_from(&name);
        one.is_archived = archived_at.is_some();
    }
    page.again(format!("c-{id}"), wrong)
}
