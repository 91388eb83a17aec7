//! What the company asks of those who sign in, as owners set it.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use ui::{Choice, Chrome, Fields, View, WebResult};

use super::me::saved;
use super::set_up::role_choices;
use crate::{Accounts, Actor, Role, SignInRules};

#[derive(Template)]
#[template(path = "sign_in_rules.html")]
struct RulesPage {
    chrome: Chrome,
    roles: Vec<Choice>,
}

const HERE: &str = "/settings/sign-in";

pub(super) async fn show(State(accounts): State<Accounts>, actor: Actor) -> WebResult<Response> {
    let chrome = accounts.chrome(&actor, HERE).await?;
    let rules = accounts.sign_in_rules().await?;
    let mut roles = role_choices(&chrome.words, "");
    for (role, choice) in Role::ALL.into_iter().zip(&mut roles) {
        choice.is_chosen = rules.require_second_factor(role);
    }
    ui::page(&RulesPage { chrome, roles })
}

pub(super) async fn update(
    State(accounts): State<Accounts>,
    actor: Actor,
    view: View,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&["role"])?;
    let is_chosen = |role: &Role| fields.all("role").any(|value| value == role.as_str());
    let mut tx = accounts.db().begin().await?;
    let mut rules = SignInRules::load(&mut tx).await?;
    rules.second_factor_for = Role::ALL.into_iter().filter(is_chosen).collect();
    rules.save(&mut tx, accounts.now()).await?;
    tx.commit().await?;
    Ok(saved(&accounts, &actor, view, HERE))
}
