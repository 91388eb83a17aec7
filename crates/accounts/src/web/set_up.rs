//! The first steps: who owns this, then the inbox (which the mailroom asks for), then the team.

use askama::Template;
use audit::Deed;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use kernel::{EmailAddress, Failure};
use keys::Token;
use serde::Deserialize;
use ui::{Choice, Client, Fields, Form, Problems, SetUpStep, WebResult, Words};

use super::cookie::{self, Arrival};
use super::me::zone_choices;
use super::people::{Welcome, welcome};
use crate::store;
use crate::store::links::Purpose;
use crate::{
    AccountRefusal, Accounts, Actor, Invitation, NewOwner, NewPassword, Role, Sees, invite, noted,
    set_up,
};

#[derive(Template)]
#[template(path = "setup_owner.html")]
struct Owner {
    w: Words,
    steps: Vec<SetUpStep>,
    token: String,
    is_alive: bool,
    form: OwnerForm,
    zones: Vec<Choice>,
    problems: Problems,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct OwnerForm {
    company: String,
    name: String,
    email: String,
    password: String,
    time_zone: String,
}

/// The steps, up to the one at hand.
pub fn steps(now: usize, company: &str, name: &str) -> Vec<SetUpStep> {
    let business = if company.is_empty() { String::new() } else { format!("{name}, {company}") };
    [
        ("setup-step-you", business),
        ("setup-step-inbox", String::new()),
        ("setup-step-team", String::new()),
    ]
    .into_iter()
    .enumerate()
    .map(|(at, (title, note))| SetUpStep { title, note, is_done: at < now, is_now: at == now })
    .collect()
}

async fn is_alive(accounts: &Accounts, token: &str) -> WebResult<bool> {
    let Some(token) = Token::read(Purpose::SetUp.prefix(), token) else { return Ok(false) };
    let conn = accounts.db().read().await?;
    let found = store::links::look_at(&conn, Purpose::SetUp, &token.hash(), accounts.now()).await?;
    Ok(found.is_some() && accounts.company().await?.set_up_at.is_none())
}

impl Owner {
    fn new(accounts: &Accounts, token: String, is_alive: bool, form: OwnerForm) -> Self {
        let zones = zone_choices(if form.time_zone.is_empty() { "UTC" } else { &form.time_zone });
        let w = accounts.site().words("en");
        Self {
            w,
            steps: steps(0, "", ""),
            token,
            is_alive,
            form,
            zones,
            problems: Problems::default(),
        }
    }
}

pub(super) async fn show(
    State(accounts): State<Accounts>,
    Path(token): Path<String>,
) -> WebResult<Response> {
    let is_alive = is_alive(&accounts, &token).await?;
    ui::page(&Owner::new(&accounts, token, is_alive, OwnerForm::default()))
}

pub(super) async fn create(
    State(accounts): State<Accounts>,
    Path(token): Path<String>,
    client: Client,
    headers: HeaderMap,
    Form(form): Form<OwnerForm>,
) -> WebResult<Response> {
    let is_alive = is_alive(&accounts, &token).await?;
    let mut page = Owner::new(&accounts, token, is_alive, form);
    if !is_alive {
        return ui::again(&page);
    }
    let Some(owner) = page.read() else { return ui::again(&page) };
    let hash = Token::read(Purpose::SetUp.prefix(), &page.token).map(|token| token.hash());
    let now = accounts.now();
    let mut tx = accounts.db().begin().await?;
    let link = match hash {
        Some(hash) => store::links::use_up(&mut tx, Purpose::SetUp, &hash, now).await?,
        None => None,
    };
    let done = match link {
        Some(_) => set_up(&mut tx, owner, now).await,
        None => Err(AccountRefusal::DeadLink.into()),
    };
    match done {
        Ok(agent) => {
            noted::by_link(&accounts, &mut tx, Deed::InstallationSetUp, agent, client).await?;
            let next = "/setup/inbox";
            let arrival = Arrival { agent, client, headers: &headers, keep: true, next };
            cookie::sign_in(&accounts, tx, arrival, false).await
        }
        Err(Failure::Refused(refusal)) => {
            page.problems.add("company", refusal);
            ui::again(&page)
        }
        Err(Failure::Broken(fault)) => Err(fault.into()),
    }
}

impl Owner {
    /// The owner that the form describes, if there is nothing wrong with it.
    fn read(&mut self) -> Option<NewOwner> {
        let (form, problems) = (&self.form, &mut self.problems);
        if form.company.trim().is_empty() {
            problems.add("company", self.w.t("company-name-missing"));
        }
        if form.name.trim().is_empty() {
            problems.add("name", AccountRefusal::Nameless);
        }
        let email = problems.keep("email", form.email.parse::<EmailAddress>());
        let personal = [form.name.as_str(), &form.email, &form.company];
        let password = problems.keep("password", NewPassword::read(&form.password, &personal));
        if !ui::zones().contains(&form.time_zone) {
            problems.add("time_zone", self.w.t("time-zone-unknown"));
        }
        if !problems.is_empty() {
            return None;
        }
        Some(NewOwner {
            company: form.company.trim().to_owned(),
            name: form.name.trim().to_owned(),
            email: email?,
            password: password?,
            time_zone: form.time_zone.clone(),
        })
    }
}

/// Rows for people on the team page.
const ROWS: usize = 4;

#[derive(Template)]
#[template(path = "setup_team.html")]
struct Team {
    w: Words,
    steps: Vec<SetUpStep>,
    rows: Vec<Row>,
    /// Links to hand on, where no mail can leave yet.
    welcomes: Vec<Welcome>,
    is_done: bool,
    problems: Problems,
}

struct Row {
    number: usize,
    name: String,
    email: String,
    roles: Vec<Choice>,
}

impl Row {
    /// The name of a field in this row.
    fn field(&self, what: &str) -> String {
        format!("{what}{}", self.number)
    }

    fn fields(&self) -> [String; 3] {
        ["name", "email", "role"].map(|what| self.field(what))
    }
}

/// The roles, with the one of which a form says the name.
pub(super) fn role_choices(w: &Words, chosen: &str) -> Vec<Choice> {
    Role::ALL
        .into_iter()
        .map(|role| {
            let note = w.t(&format!("{}-note", role.key())).to_owned();
            Choice::new(role.as_str(), w.t(role.key()), role.as_str() == chosen).with_note(note)
        })
        .collect()
}

impl Team {
    async fn new(accounts: &Accounts, actor: &Actor) -> WebResult<Self> {
        let company = accounts.company().await?;
        let w = accounts.site().words(&actor.language);
        let rows = (0..ROWS)
            .map(|number| Row {
                number,
                name: String::new(),
                email: String::new(),
                roles: role_choices(&w, Role::Agent.as_str()),
            })
            .collect();
        Ok(Self {
            steps: steps(2, &company.name, &actor.name),
            w,
            rows,
            welcomes: Vec::new(),
            is_done: false,
            problems: Problems::default(),
        })
    }
}

impl Team {
    /// The people that the rows describe, each with the field where a refusal is said.
    fn read(&mut self, fields: &Fields) -> Vec<(String, Invitation)> {
        let mut invitations = Vec::new();
        for row in &mut self.rows {
            let given = |what: &str| fields.get(&row.field(what)).unwrap_or_default().trim();
            let role = Role::named(given("role")).ok();
            let (name, email) = (given("name").to_owned(), given("email").to_owned());
            row.roles = role_choices(&self.w, given("role"));
            (row.name, row.email) = (name, email);
            if row.name.is_empty() && row.email.is_empty() {
                continue;
            }
            if role.is_none() {
                self.problems.add(row.field("role"), self.w.t("person-role-missing"));
            }
            let email = self.problems.keep(row.field("email"), row.email.parse::<EmailAddress>());
            let (Some(role), Some(email)) = (role, email) else { continue };
            let name =
                if row.name.is_empty() { email.local().to_owned() } else { row.name.clone() };
            let invitation = Invitation { name, email, role, sees: Sees::Everything };
            invitations.push((row.field("email"), invitation));
        }
        invitations
    }
}

pub(super) async fn team(State(accounts): State<Accounts>, actor: Actor) -> WebResult<Response> {
    ui::page(&Team::new(&accounts, &actor).await?)
}

pub(super) async fn invite_team(
    State(accounts): State<Accounts>,
    actor: Actor,
    fields: Fields,
) -> WebResult<Response> {
    let mut page = Team::new(&accounts, &actor).await?;
    let names: Vec<String> = page.rows.iter().flat_map(Row::fields).collect();
    fields.only(&names)?;
    let invitations = page.read(&fields);
    if !page.problems.is_empty() {
        return ui::again(&page);
    }
    let company = accounts.company().await?;
    let now = accounts.now();
    let mut tx = accounts.db().begin().await?;
    for (field, invitation) in &invitations {
        match invite(&mut tx, invitation, &company.time_zone, now).await {
            Ok((id, token)) => {
                noted::invited(&accounts, &mut tx, &actor, id, invitation);
                let welcome =
                    welcome(&mut tx, &accounts, &actor, invitation, token.reveal()).await?;
                page.welcomes.extend(welcome);
            }
            Err(Failure::Refused(refusal)) => page.problems.add(field.clone(), refusal),
            Err(Failure::Broken(fault)) => return Err(fault.into()),
        }
    }
    if !page.problems.is_empty() {
        page.welcomes.clear();
        return ui::again(&page);
    }
    tx.commit().await?;
    if page.welcomes.is_empty() {
        return Ok(ui::see_other("/inbox/needs-reply"));
    }
    page.is_done = true;
    ui::page(&page)
}
