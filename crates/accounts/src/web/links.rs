//! Doors that open with a link: a new password, an invitation.

use askama::Template;
use audit::Deed;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use kernel::{AgentId, EmailAddress, Failure};
use keys::{Token, TokenHash};
use serde::Deserialize;
use ui::{Choice, Client, Form, Problems, WebResult, Words};

use super::cookie::{self, Arrival};
use super::me::zone_choices;
use super::second_factor::too_many;
use crate::store;
use crate::store::links::Purpose;
use crate::{
    AccountRefusal, Accounts, NewPassword, SystemLetter, accept_invitation, can_leave,
    make_reset_link, noted, send_system_letter, set_password_with_link,
};

#[derive(Template)]
#[template(path = "forgot.html")]
struct Forgot {
    w: Words,
    email: String,
    is_sent: bool,
    /// Whether a mail of the system would leave at all; the same for everybody who asks.
    can_leave: bool,
    problems: Problems,
}

async fn words(accounts: &Accounts) -> WebResult<Words> {
    let company = accounts.company().await?;
    Ok(accounts.site().words(&company.language))
}

pub(super) async fn forgot(State(accounts): State<Accounts>) -> WebResult<Response> {
    let w = words(&accounts).await?;
    let problems = Problems::default();
    ui::page(&Forgot { w, email: String::new(), is_sent: false, can_leave: true, problems })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ForgotForm {
    email: String,
}

/// Sends a link; while no mail can leave, an owner sees who asked. The answer is the same for
/// those who work here and those who do not.
pub(super) async fn create_reset(
    State(accounts): State<Accounts>,
    client: Client,
    Form(form): Form<ForgotForm>,
) -> WebResult<Response> {
    let w = words(&accounts).await?;
    let mut problems = Problems::default();
    let Some(email) = problems.keep("email", form.email.parse::<EmailAddress>()) else {
        let email = form.email;
        return ui::again(&Forgot { w, email, is_sent: false, can_leave: true, problems });
    };
    let now = accounts.now();
    let network = client.network();
    let heard = accounts.doors().hear_link(accounts.db(), &email, &network, now).await;
    heard.map_err(too_many)?;
    let company = accounts.company().await?;
    let mut tx = accounts.db().begin().await?;
    match make_reset_link(&mut tx, &email, now).await {
        Ok((agent, token)) => {
            let letter = SystemLetter {
                to: (&agent.name, &agent.email),
                subject: w.a("reset-subject", "company", &company.name),
                text: w.t("reset-text").to_owned(),
                link: accounts.site().url(&format!("/reset/{}", token.reveal())),
                useful_for: Purpose::Reset.lasts(),
            };
            send_system_letter(&mut tx, &company, &w, letter, now).await?;
            noted::link_asked_for(&accounts, &mut tx, &agent, client);
            tx.commit().await?;
        }
        Err(Failure::Refused(_)) => {}
        Err(Failure::Broken(fault)) => return Err(fault.into()),
    }
    let can_leave = can_leave(&accounts.db().read().await?, &company).await?;
    ui::page(&Forgot { w, email: form.email, is_sent: true, can_leave, problems })
}

#[derive(Template)]
#[template(path = "reset.html")]
struct Reset {
    w: Words,
    token: String,
    is_alive: bool,
    problems: Problems,
}

/// The hash of a link's token, if it looks like one.
fn hash_of(purpose: Purpose, token: &str) -> Option<TokenHash> {
    Token::read(purpose.prefix(), token).map(|token| token.hash())
}

async fn person_behind(
    accounts: &Accounts,
    purpose: Purpose,
    token: &str,
) -> WebResult<Option<AgentId>> {
    let Some(hash) = hash_of(purpose, token) else { return Ok(None) };
    let conn = accounts.db().read().await?;
    Ok(store::links::look_at(&conn, purpose, &hash, accounts.now()).await?.flatten())
}

pub(super) async fn reset(
    State(accounts): State<Accounts>,
    Path(token): Path<String>,
) -> WebResult<Response> {
    let w = words(&accounts).await?;
    let is_alive = person_behind(&accounts, Purpose::Reset, &token).await?.is_some();
    ui::page(&Reset { w, token, is_alive, problems: Problems::default() })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResetForm {
    password: String,
}

pub(super) async fn update_password(
    State(accounts): State<Accounts>,
    Path(token): Path<String>,
    client: Client,
    Form(form): Form<ResetForm>,
) -> WebResult<Response> {
    let w = words(&accounts).await?;
    let mut page = Reset { w, token, is_alive: true, problems: Problems::default() };
    let Some(agent) = person_behind(&accounts, Purpose::Reset, &page.token).await? else {
        page.is_alive = false;
        return ui::again(&page);
    };
    let (Some(password), Some(hash)) = (
        page.problems.keep("password", new_password(&accounts, agent, &form.password).await?),
        hash_of(Purpose::Reset, &page.token),
    ) else {
        return ui::again(&page);
    };
    let mut tx = accounts.db().begin().await?;
    match set_password_with_link(&mut tx, &hash, password, accounts.now()).await {
        Ok(agent) => {
            noted::by_link(&accounts, &mut tx, Deed::PasswordChanged, agent, client).await?;
            tx.commit().await?;
            Ok(ui::see_other("/login?notice=password-set"))
        }
        Err(Failure::Refused(_)) => {
            page.is_alive = false;
            ui::again(&page)
        }
        Err(Failure::Broken(fault)) => Err(fault.into()),
    }
}

/// A password that is not the person's own name or address.
async fn new_password(
    accounts: &Accounts,
    agent: AgentId,
    text: &str,
) -> WebResult<Result<NewPassword, crate::WeakPassword>> {
    let directory = accounts.directory().await?;
    let company = accounts.company().await?;
    let card = directory.agent(agent);
    let name = card.map_or("", |card| card.name.as_str());
    let email = card.map_or("", |card| card.email.as_str());
    Ok(NewPassword::read(text, &[name, email, &company.name]))
}

#[derive(Template)]
#[template(path = "invite.html")]
struct Invite {
    w: Words,
    company: String,
    token: String,
    is_alive: bool,
    name: String,
    zones: Vec<Choice>,
    problems: Problems,
}

impl Invite {
    async fn new(accounts: &Accounts, token: String, zone: Option<&str>) -> WebResult<Self> {
        let company = accounts.company().await?;
        let agent = person_behind(accounts, Purpose::Invite, &token).await?;
        let directory = accounts.directory().await?;
        Ok(Self {
            w: accounts.site().words(&company.language),
            company: company.name.clone(),
            token,
            is_alive: agent.is_some(),
            name: agent.map_or(String::new(), |id| directory.name_of(id).to_owned()),
            zones: zone_choices(zone.unwrap_or(&company.time_zone)),
            problems: Problems::default(),
        })
    }
}

pub(super) async fn invitation(
    State(accounts): State<Accounts>,
    Path(token): Path<String>,
) -> WebResult<Response> {
    ui::page(&Invite::new(&accounts, token, None).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InviteForm {
    name: String,
    password: String,
    time_zone: String,
}

pub(super) async fn accept(
    State(accounts): State<Accounts>,
    Path(token): Path<String>,
    client: Client,
    headers: HeaderMap,
    Form(form): Form<InviteForm>,
) -> WebResult<Response> {
    let mut page = Invite::new(&accounts, token, Some(&form.time_zone)).await?;
    let Some(agent) = person_behind(&accounts, Purpose::Invite, &page.token).await? else {
        return ui::again(&page);
    };
    page.name.clone_from(&form.name);
    if !ui::zones().contains(&form.time_zone) {
        page.problems.add("time_zone", page.w.t("time-zone-unknown"));
    }
    let password = new_password(&accounts, agent, &form.password).await?;
    let (Some(password), Some(hash)) =
        (page.problems.keep("password", password), hash_of(Purpose::Invite, &page.token))
    else {
        return ui::again(&page);
    };
    if !page.problems.is_empty() {
        return ui::again(&page);
    }
    let mut tx = accounts.db().begin().await?;
    let now = accounts.now();
    let zone = &form.time_zone;
    match accept_invitation(&mut tx, &hash, &form.name, password, zone, now).await {
        Ok(agent) => {
            noted::by_link(&accounts, &mut tx, Deed::PersonJoined, agent, client).await?;
            let arrival = Arrival { agent, client, headers: &headers, keep: false, next: "/" };
            cookie::sign_in(&accounts, tx, arrival, false).await
        }
        Err(Failure::Refused(AccountRefusal::DeadLink)) => {
            page.is_alive = false;
            ui::again(&page)
        }
        Err(Failure::Refused(refusal)) => {
            page.problems.add("name", refusal);
            ui::again(&page)
        }
        Err(Failure::Broken(fault)) => Err(fault.into()),
    }
}
