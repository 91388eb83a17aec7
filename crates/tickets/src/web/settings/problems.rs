//! Problems: one cause behind many tickets.

use accounts::{Act, Actor, is_first};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use kernel::PublicId;
use ui::{Chrome, Fields, Problems, WebResult, found};

use super::name_in;
use crate::desk::{Desk, reader};
use crate::store::taxonomy;

#[derive(Template)]
#[template(path = "problems.html")]
struct ProblemsPage {
    chrome: Chrome,
    problems: Vec<ProblemLine>,
    may_change: bool,
    title: String,
    wrong: Problems,
}

struct ProblemLine {
    id: PublicId,
    title: String,
    is_fixed: bool,
    tickets: i64,
    since: String,
}

const SHOWN: i64 = 200;

pub(crate) async fn index(State(desk): State<Desk>, actor: Actor) -> WebResult<Response> {
    ui::page(&page(&desk, &actor).await?)
}

async fn page(desk: &Desk, actor: &Actor) -> WebResult<ProblemsPage> {
    let chrome = desk.accounts.chrome(actor, "/problems").await?;
    let conn = desk.db().read().await?;
    let problems = taxonomy::problems_for(&conn, reader(actor), SHOWN).await?;
    let ids: Vec<_> = problems.iter().map(|one| one.id).collect();
    let sizes = taxonomy::problem_sizes(&conn, reader(actor), &ids).await?;
    drop(conn);
    let line = |one: taxonomy::Problem| ProblemLine {
        tickets: sizes.iter().find(|(id, _)| *id == one.id).map_or(0, |(_, size)| *size),
        id: one.public_id,
        is_fixed: one.is_fixed,
        since: ui::day(one.created_at, &chrome.when),
        title: one.title,
    };
    let problems = problems.into_iter().map(line).collect();
    Ok(ProblemsPage {
        problems,
        may_change: actor.may(Act::ManageTaxonomy),
        title: String::new(),
        wrong: Problems::default(),
        chrome,
    })
}

pub(crate) async fn create(
    State(desk): State<Desk>,
    actor: Actor,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&["title"])?;
    let title = name_in(&fields, "title");
    if title.is_empty() {
        let mut page = page(&desk, &actor).await?;
        page.wrong.add("title", page.chrome.t("problem-title-missing").to_owned());
        return ui::again(&page);
    }
    let mut tx = desk.db().begin().await?;
    if is_first(&mut tx, &actor, &fields, desk.now()).await? {
        taxonomy::add_problem(&mut tx, &title, actor.id, desk.now()).await?;
        tx.commit().await?;
    }
    Ok(ui::see_other("/problems"))
}

/// Says that a problem is fixed, or that it is back.
pub(crate) async fn update(
    State(desk): State<Desk>,
    actor: Actor,
    Path(id): Path<PublicId>,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&["fixed"])?;
    let fixed_at = (fields.get("fixed") == Some("yes")).then(|| desk.now());
    let mut tx = desk.db().begin().await?;
    let problem = found(taxonomy::problem_for(&tx, reader(&actor), id).await?)?;
    taxonomy::set_problem_fixed(&mut tx, problem.id, fixed_at).await?;
    tx.commit().await?;
    Ok(ui::see_other("/problems"))
}
