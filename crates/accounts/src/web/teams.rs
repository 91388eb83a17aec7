//! Teams: who may be asked for together.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use kernel::{AgentId, PublicId};
use ui::{Choice, Chrome, Fields, Problems, View, WebError, WebResult, found};

use super::me::saved;
use crate::{Accounts, Actor, FORM_KEY, TeamCard, is_first, noted, store};

#[derive(Template)]
#[template(path = "teams.html")]
struct Teams {
    chrome: Chrome,
    teams: Vec<TeamForm>,
    people: Vec<Choice>,
    name: String,
    problems: Problems,
}

struct TeamForm {
    id: PublicId,
    name: String,
    members: Vec<Choice>,
    count: usize,
}

impl Teams {
    async fn new(accounts: &Accounts, actor: &Actor) -> WebResult<Self> {
        let chrome = accounts.chrome(actor, "/settings/teams").await?;
        let directory = accounts.directory().await?;
        let people = |team: Option<&TeamCard>| -> Vec<Choice> {
            directory
                .working()
                .into_iter()
                .map(|card| {
                    let is_member = team.is_some_and(|team| team.members.contains(&card.id));
                    Choice::new(card.id, &card.name, is_member)
                })
                .collect()
        };
        let teams = directory
            .teams()
            .iter()
            .map(|team| TeamForm {
                id: team.public_id,
                name: team.name.clone(),
                members: people(Some(team)),
                count: team.members.len(),
            })
            .collect();
        let people = people(None);
        Ok(Self { chrome, teams, people, name: String::new(), problems: Problems::default() })
    }
}

pub(super) async fn index(State(accounts): State<Accounts>, actor: Actor) -> WebResult<Response> {
    ui::page(&Teams::new(&accounts, &actor).await?)
}

const FIELDS: [&str; 2] = ["name", "member"];

/// The people that the form names. Somebody who left while it was open is not among them.
async fn members(accounts: &Accounts, fields: &Fields) -> WebResult<Vec<AgentId>> {
    let directory = accounts.directory().await?;
    let named = |id: AgentId| fields.all("member").any(|value| value == id.to_string());
    Ok(directory.working().into_iter().map(|card| card.id).filter(|id| named(*id)).collect())
}

/// A name as it is kept, or none.
fn name_of(fields: &Fields) -> Option<String> {
    let name = kernel::clip(&kernel::one_line(fields.get("name").unwrap_or_default()), 100);
    (!name.is_empty()).then_some(name)
}

pub(super) async fn create(
    State(accounts): State<Accounts>,
    actor: Actor,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&[FIELDS.as_slice(), &[FORM_KEY]].concat())?;
    let mut page = Teams::new(&accounts, &actor).await?;
    let problem = match name_of(&fields) {
        None => "team-name-missing",
        Some(name) => {
            let members = members(&accounts, &fields).await?;
            let mut tx = accounts.db().begin().await?;
            if !is_first(&mut tx, &actor, &fields, accounts.now()).await? {
                return Ok(ui::see_other("/settings/teams"));
            }
            if let Some(team) = store::teams::add(&mut tx, &name, accounts.now()).await? {
                store::teams::set_members(&mut tx, team, &members).await?;
                noted::team(&accounts, &mut tx, &actor, None, Some((&name, &members))).await?;
                tx.commit().await?;
                return Ok(ui::see_other("/settings/teams"));
            }
            page.name = name;
            "team-name-taken"
        }
    };
    page.problems.add("name", page.chrome.t(problem).to_owned());
    ui::again(&page)
}

async fn team(accounts: &Accounts, id: PublicId) -> WebResult<TeamCard> {
    let directory = accounts.directory().await?;
    found(directory.teams().iter().find(|team| team.public_id == id).cloned())
}

pub(super) async fn update(
    State(accounts): State<Accounts>,
    actor: Actor,
    view: View,
    Path(id): Path<PublicId>,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&FIELDS)?;
    let team = team(&accounts, id).await?;
    let w = accounts.site().words(&actor.language);
    let Some(name) = name_of(&fields) else {
        return Err(WebError::Refused(w.t("team-name-missing").to_owned()));
    };
    let members = members(&accounts, &fields).await?;
    let mut tx = accounts.db().begin().await?;
    if !store::teams::rename(&mut tx, team.id, &name).await? {
        return Err(WebError::Refused(w.t("team-name-taken").to_owned()));
    }
    store::teams::set_members(&mut tx, team.id, &members).await?;
    noted::team(&accounts, &mut tx, &actor, Some(&team), Some((&name, &members))).await?;
    tx.commit().await?;
    Ok(saved(&accounts, &actor, view, "/settings/teams"))
}

/// Tickets of a team that is gone belong to everybody again.
pub(super) async fn delete(
    State(accounts): State<Accounts>,
    actor: Actor,
    Path(id): Path<PublicId>,
) -> WebResult<Response> {
    let team = team(&accounts, id).await?;
    let mut tx = accounts.db().begin().await?;
    store::teams::delete(&mut tx, team.id).await?;
    noted::team(&accounts, &mut tx, &actor, Some(&team), None).await?;
    tx.commit().await?;
    Ok(ui::see_other("/settings/teams"))
}
