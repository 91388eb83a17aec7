//! Views: questions that somebody saved as a list.

use accounts::{Act, Actor, is_first};
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use kernel::PublicId;
use serde::Deserialize;
use ui::{Choice, Chrome, Fields, Problems, WebResult, Words, found};

use super::{must_own, name_in, owner_in};
use crate::desk::Desk;
use crate::filter::{Filter, Sort};
use crate::store::shared::{self, View};

#[derive(Template)]
#[template(path = "settings_views.html")]
struct Views {
    chrome: Chrome,
    views: Vec<ViewForm>,
    new: ViewForm,
    may_share: bool,
    problems: Problems,
}

struct ViewForm {
    id: String,
    /// What it shows, in short.
    was: String,
    name: String,
    query: String,
    sorts: Vec<Choice>,
    is_shared: bool,
    may_change: bool,
    problems: Problems,
}

/// What a new view begins with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Begun {
    query: String,
    sort: String,
}

fn sorts(chosen: Sort, w: &Words) -> Vec<Choice> {
    [(Sort::Due, "sort-due"), (Sort::Newest, "sort-newest"), (Sort::Oldest, "sort-oldest")]
        .map(|(sort, key)| Choice::new(sort.as_str(), w.t(key).to_owned(), sort == chosen))
        .into()
}

fn form(view: &View, actor: &Actor, w: &Words) -> ViewForm {
    ViewForm {
        id: view.public_id.to_string(),
        was: ui::shown(&[&view.name, &view.query, view.sort.as_str()]),
        name: view.name.clone(),
        query: view.query.clone(),
        sorts: sorts(view.sort, w),
        is_shared: view.owner.is_none(),
        may_change: must_own(view.owner, actor).is_ok(),
        problems: Problems::default(),
    }
}

async fn page(desk: &Desk, actor: &Actor) -> WebResult<Views> {
    let chrome = desk.accounts.chrome(actor, "/settings/views").await?;
    let shelf = desk.shelf().await?;
    let mine = shelf.views.iter().filter(|view| view.owner.is_none_or(|id| id == actor.id));
    Ok(Views {
        views: mine.map(|view| form(view, actor, &chrome.words)).collect(),
        new: ViewForm {
            id: String::new(),
            was: String::new(),
            name: String::new(),
            query: String::new(),
            sorts: sorts(Sort::Due, &chrome.words),
            is_shared: false,
            may_change: true,
            problems: Problems::default(),
        },
        may_share: actor.may(Act::ManageShared),
        problems: Problems::default(),
        chrome,
    })
}

pub(crate) async fn index(
    State(desk): State<Desk>,
    actor: Actor,
    Query(begun): Query<Begun>,
) -> WebResult<Response> {
    let mut page = page(&desk, &actor).await?;
    page.new.query = begun.query;
    let sort = Sort::named(&begun.sort).unwrap_or_default();
    page.new.sorts = sorts(sort, &page.chrome.words);
    ui::page(&page)
}

struct Written {
    name: String,
    query: String,
    sort: Sort,
}

/// What the form says; what is wrong with it is noted.
async fn read(
    desk: &Desk,
    actor: &Actor,
    fields: &Fields,
    problems: &mut Problems,
    w: &Words,
) -> WebResult<Written> {
    let name = name_in(fields, "name");
    let query = kernel::clip(&kernel::one_line(fields.get("query").unwrap_or_default()), 1_000);
    if name.is_empty() {
        problems.add("name", w.t("view-name-missing"));
    }
    let (_, unknown) = desk.narrow(actor, Filter::default(), &query).await?;
    if let Some(word) = unknown.first() {
        problems.add("query", w.a("query-unknown", "word", word));
    }
    let sort = Sort::named(fields.get("sort").unwrap_or_default()).unwrap_or_default();
    Ok(Written { name, query, sort })
}

pub(crate) async fn create(
    State(desk): State<Desk>,
    actor: Actor,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&["name", "query", "sort", "shared"])?;
    let owner = owner_in(&fields, &actor)?;
    let mut page = page(&desk, &actor).await?;
    let words = page.chrome.words.clone();
    let written = read(&desk, &actor, &fields, &mut page.problems, &words).await?;
    if !page.problems.is_empty() {
        page.new.name = written.name;
        page.new.query = written.query;
        page.new.sorts = sorts(written.sort, &words);
        return ui::again(&page);
    }
    let mut tx = desk.db().begin().await?;
    if !is_first(&mut tx, &actor, &fields, desk.now()).await? {
        return Ok(ui::see_other("/settings/views"));
    }
    let Written { name, query, sort } = &written;
    let id = shared::add_view(&mut tx, name, owner, query, *sort, desk.now()).await?;
    tx.commit().await?;
    Ok(ui::see_other(&format!("/inbox/view-{id}")))
}

async fn own(desk: &Desk, actor: &Actor, id: PublicId) -> WebResult<View> {
    let shelf = desk.shelf().await?;
    let view = found(shelf.views.iter().find(|view| view.public_id == id).cloned())?;
    must_own(view.owner, actor)?;
    Ok(view)
}

pub(crate) async fn update(
    State(desk): State<Desk>,
    actor: Actor,
    Path(id): Path<PublicId>,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&["name", "query", "sort", "shared"])?;
    let view = own(&desk, &actor, id).await?;
    let mut page = page(&desk, &actor).await?;
    let words = page.chrome.words.clone();
    let mut problems = Problems::default();
    let written = read(&desk, &actor, &fields, &mut problems, &words).await?;
    let mut tx = desk.db().begin().await?;
    let view = found(shared::find_view(&tx, view.id).await?)?;
    let is_stale = fields.is_stale(&[&view.name, &view.query, view.sort.as_str()]);
    let Written { name, query, sort } = &written;
    let is_set = problems.is_empty()
        && !is_stale
        && shared::set_view(&mut tx, &view, name, query, *sort).await?;
    if !is_set {
        drop(tx);
        if is_stale || problems.is_empty() {
            let there = found(shared::find_view(&desk.db().read().await?, view.id).await?)?;
            let sentence = words.a2("view-meanwhile", "name", &there.name, "query", &there.query);
            problems.add("name", sentence);
            let was = ui::shown(&[&there.name, &there.query, there.sort.as_str()]);
            for form in page.views.iter_mut().filter(|form| form.id == id.to_string()) {
                form.was.clone_from(&was);
            }
        }
        for form in page.views.iter_mut().filter(|form| form.id == id.to_string()) {
            form.name.clone_from(&written.name);
            form.query.clone_from(&written.query);
            form.sorts = sorts(written.sort, &words);
            form.problems = problems.clone();
        }
        return ui::again(&page);
    }
    tx.commit().await?;
    Ok(ui::see_other("/settings/views"))
}

pub(crate) async fn delete(
    State(desk): State<Desk>,
    actor: Actor,
    Path(id): Path<PublicId>,
) -> WebResult<Response> {
    let view = own(&desk, &actor, id).await?;
    let mut tx = desk.db().begin().await?;
    shared::delete_view(&mut tx, view.id).await?;
    tx.commit().await?;
    Ok(ui::see_other("/settings/views"))
}
