//! The people who work here, as an owner manages them.

use askama::Template;
use audit::Deed;
use axum::extract::{Path, State};
use axum::response::Response;
use database::Tx;
use kernel::{EmailAddress, Failure, InboxId, PublicId, Span};
use ui::{Choice, Chrome, Fields, Problems, View, WebError, WebResult, Words, found};

use super::me::saved;
use super::set_up::role_choices;
use crate::letters::{self, SystemLetter};
use crate::store::links::Purpose;
use crate::{
    Accounts, Actor, AgentCard, AgentState, FORM_KEY, Invitation, Role, Sees, invite, is_first,
    make_reset_link, noted, reactivate, remove_second_factors, store, update_agent,
};

/// A link for somebody who cannot get it by mail yet.
#[derive(Clone, Debug)]
pub(super) struct Welcome {
    pub(super) name: String,
    pub(super) email: EmailAddress,
    pub(super) link: String,
}

/// Sends an invitation, or gives the link to hand on where no mail can leave yet.
pub(super) async fn welcome(
    tx: &mut Tx,
    accounts: &Accounts,
    actor: &Actor,
    invitation: &Invitation,
    token: &str,
) -> WebResult<Option<Welcome>> {
    let company = accounts.company().await?;
    let link = accounts.site().url(&format!("/invite/{token}"));
    if !letters::can_leave(tx, &company).await? {
        let Invitation { name, email, .. } = invitation.clone();
        return Ok(Some(Welcome { name, email, link }));
    }
    let w = accounts.site().words(&company.language);
    let letter = SystemLetter {
        to: (&invitation.name, &invitation.email),
        subject: w.a("invite-subject", "company", &company.name),
        text: w.a2("invite-text", "who", &actor.name, "company", &company.name),
        link,
        useful_for: Purpose::Invite.lasts(),
    };
    letters::send(tx, &company, &w, letter, accounts.now()).await?;
    Ok(None)
}

#[derive(Template)]
#[template(path = "people.html")]
struct People {
    chrome: Chrome,
    people: Vec<AgentCard>,
    form: InvitationForm,
    roles: Vec<Choice>,
    inboxes: Vec<Choice>,
    welcome: Option<Welcome>,
    /// Those who wait for a new password, while no mail can leave.
    waiting: Vec<Waiting>,
    problems: Problems,
}

/// Somebody who asked for a new password, and when.
struct Waiting {
    card: AgentCard,
    asked_at: String,
}

async fn waiting(accounts: &Accounts, chrome: &Chrome) -> WebResult<Vec<Waiting>> {
    let company = accounts.company().await?;
    let directory = accounts.directory().await?;
    let conn = accounts.db().read().await?;
    if letters::can_leave(&conn, &company).await? {
        return Ok(Vec::new());
    }
    let asked = store::links::waiting_for_password(&conn, accounts.now()).await?;
    let waiting = asked.into_iter().filter_map(|(id, at)| {
        let card = directory.agent(id)?.clone();
        Some(Waiting { card, asked_at: ui::moment_in_full(at, &chrome.when) })
    });
    Ok(waiting.collect())
}

/// What was typed, to be shown again.
#[derive(Clone, Debug, Default)]
struct InvitationForm {
    name: String,
    email: String,
    sees_every_inbox: bool,
}

/// The role and the inboxes that a form gives somebody.
struct Rights {
    role: Role,
    sees: Sees,
}

const RIGHTS_FIELDS: [&str; 3] = ["role", "sees", "inbox"];

/// The rights that a form gives. What is missing or not understood gives none: it is said at its
/// field.
fn read_rights(
    fields: &Fields,
    w: &Words,
    inboxes: &[(InboxId, String)],
    problems: &mut Problems,
) -> Option<Rights> {
    let role = Role::named(fields.get("role").unwrap_or_default()).ok();
    if role.is_none() {
        problems.add("role", w.t("person-role-missing"));
    }
    let sees = match fields.get("sees") {
        Some("all") => Some(Sees::Everything),
        Some("some") => {
            let chosen: Option<Vec<InboxId>> = fields
                .all("inbox")
                .map(|value| inboxes.iter().map(|(id, _)| *id).find(|id| id.to_string() == value))
                .collect();
            if chosen.is_none() {
                problems.add("sees", w.t("person-inbox-unknown"));
            }
            chosen.map(Sees::Only)
        }
        Some(_) | None => {
            problems.add("sees", w.t("person-sees-missing"));
            None
        }
    };
    Some(Rights { role: role?, sees: sees? })
}

/// What was ticked, to be shown again with what was wrong about it.
fn ticked(fields: &Fields, inboxes: &[(InboxId, String)]) -> Vec<Choice> {
    let is_ticked = |id: &InboxId| fields.all("inbox").any(|value| value == id.to_string());
    inboxes.iter().map(|(id, name)| Choice::new(id, name, is_ticked(id))).collect()
}

async fn inbox_names(accounts: &Accounts) -> WebResult<Vec<(InboxId, String)>> {
    let directory = accounts.directory().await?;
    Ok(directory.inboxes().map(|inbox| (inbox.id, inbox.name.clone())).collect())
}

fn inbox_choices(names: &[(InboxId, String)], sees: &Sees) -> Vec<Choice> {
    let is_chosen = |id: InboxId| match sees {
        Sees::Everything => false,
        Sees::Only(inboxes) => inboxes.contains(&id),
    };
    names.iter().map(|(id, name)| Choice::new(id, name, is_chosen(*id))).collect()
}

impl People {
    async fn new(accounts: &Accounts, actor: &Actor) -> WebResult<Self> {
        let chrome = accounts.chrome(actor, "/settings/people").await?;
        let directory = accounts.directory().await?;
        let mut people: Vec<AgentCard> = directory.everybody().into_iter().cloned().collect();
        people.sort_by_key(|card| card.state == AgentState::Deactivated);
        let roles = role_choices(&chrome.words, Role::Agent.as_str());
        let inboxes = inbox_choices(&inbox_names(accounts).await?, &Sees::Everything);
        let form = InvitationForm { sees_every_inbox: true, ..InvitationForm::default() };
        let problems = Problems::default();
        let waiting = waiting(accounts, &chrome).await?;
        Ok(Self { chrome, people, form, roles, inboxes, welcome: None, waiting, problems })
    }

    fn state(&self, card: &AgentCard) -> &str {
        match card.state {
            AgentState::Invited => self.chrome.t("person-invited"),
            AgentState::Active => self.chrome.t("person-active"),
            AgentState::Deactivated => self.chrome.t("person-deactivated"),
        }
    }

    fn tone(card: &AgentCard) -> &'static str {
        match card.state {
            AgentState::Invited => "info",
            AgentState::Active => "ok",
            AgentState::Deactivated => "",
        }
    }

    fn sees(&self, card: &AgentCard) -> String {
        match &card.sees {
            Sees::Everything => self.chrome.t("person-sees-all").to_owned(),
            Sees::Only(inboxes) => self.chrome.words.n("person-sees-some", inboxes.len()),
        }
    }
}

pub(super) async fn index(State(accounts): State<Accounts>, actor: Actor) -> WebResult<Response> {
    ui::page(&People::new(&accounts, &actor).await?)
}

pub(super) async fn create(
    State(accounts): State<Accounts>,
    actor: Actor,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&[&["name", "email", FORM_KEY], RIGHTS_FIELDS.as_slice()].concat())?;
    let names = inbox_names(&accounts).await?;
    let form = InvitationForm {
        name: fields.get("name").unwrap_or_default().to_owned(),
        email: fields.get("email").unwrap_or_default().to_owned(),
        sees_every_inbox: fields.get("sees") == Some("all"),
    };
    let mut problems = Problems::default();
    let w = accounts.site().words(&actor.language);
    let email = problems.keep("email", form.email.parse::<EmailAddress>());
    let rights = read_rights(&fields, &w, &names, &mut problems);
    let mut sent = None;
    if let (Some(email), Some(Rights { role, sees })) = (email, rights) {
        let invitation = Invitation { name: form.name.clone(), email, role, sees };
        let company = accounts.company().await?;
        let mut tx = accounts.db().begin().await?;
        if !is_first(&mut tx, &actor, &fields, accounts.now()).await? {
            return Ok(ui::see_other("/settings/people"));
        }
        match invite(&mut tx, &invitation, &company.time_zone, accounts.now()).await {
            Ok((id, token)) => {
                noted::invited(&accounts, &mut tx, &actor, id, &invitation);
                let link = welcome(&mut tx, &accounts, &actor, &invitation, token.reveal()).await?;
                tx.commit().await?;
                sent = Some(link);
            }
            Err(Failure::Refused(refusal)) => {
                let field = match refusal {
                    crate::AccountRefusal::Nameless => "name",
                    _ => "email",
                };
                problems.add(field, refusal);
            }
            Err(Failure::Broken(fault)) => return Err(fault.into()),
        }
    }
    match sent {
        Some(None) => Ok(ui::see_other("/settings/people")),
        Some(welcome) => ui::page(&People { welcome, ..People::new(&accounts, &actor).await? }),
        None => {
            let page = People::new(&accounts, &actor).await?;
            let roles = role_choices(&page.chrome.words, fields.get("role").unwrap_or_default());
            let inboxes = ticked(&fields, &names);
            ui::again(&People { form, roles, inboxes, problems, ..page })
        }
    }
}

#[derive(Template)]
#[template(path = "person.html")]
struct Person {
    chrome: Chrome,
    card: AgentCard,
    name: String,
    roles: Vec<Choice>,
    sees_every_inbox: bool,
    inboxes: Vec<Choice>,
    welcome: Option<Welcome>,
    /// Whether there is one to take away; one's own goes on the page about it.
    has_second_factor: bool,
    problems: Problems,
}

impl Person {
    async fn new(accounts: &Accounts, actor: &Actor, card: AgentCard) -> WebResult<Self> {
        let here = format!("/settings/people/{}", card.public_id);
        let chrome = accounts.chrome(actor, &here).await?;
        let conn = accounts.db().read().await?;
        let has_second_factor = store::second_factors::has(&conn, card.id).await?;
        drop(conn);
        Ok(Self {
            has_second_factor: has_second_factor && card.id != actor.id,
            roles: role_choices(&chrome.words, card.role.as_str()),
            chrome,
            name: card.name.clone(),
            sees_every_inbox: card.sees == Sees::Everything,
            inboxes: inbox_choices(&inbox_names(accounts).await?, &card.sees),
            welcome: None,
            problems: Problems::default(),
            card,
        })
    }

    fn is_invited(&self) -> bool {
        self.card.state == AgentState::Invited
    }

    fn is_gone(&self) -> bool {
        self.card.state == AgentState::Deactivated
    }
}

async fn card(accounts: &Accounts, id: PublicId) -> WebResult<AgentCard> {
    let directory = accounts.directory().await?;
    found(directory.by_public_id(id).cloned())
}

pub(super) async fn show(
    State(accounts): State<Accounts>,
    actor: Actor,
    Path(id): Path<PublicId>,
) -> WebResult<Response> {
    let card = card(&accounts, id).await?;
    ui::page(&Person::new(&accounts, &actor, card).await?)
}

pub(super) async fn update(
    State(accounts): State<Accounts>,
    actor: Actor,
    view: View,
    Path(id): Path<PublicId>,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&[&["name"], RIGHTS_FIELDS.as_slice()].concat())?;
    let card = card(&accounts, id).await?;
    let names = inbox_names(&accounts).await?;
    let name = fields.get("name").unwrap_or_default().to_owned();
    let mut problems = Problems::default();
    let w = accounts.site().words(&actor.language);
    if let Some(Rights { role, sees }) = read_rights(&fields, &w, &names, &mut problems) {
        let mut tx = accounts.db().begin().await?;
        match update_agent(&mut tx, card.id, &name, role, &sees).await {
            Ok(()) => {
                noted::person_changed(&accounts, &mut tx, &actor, &card, (&name, role, &sees));
                tx.commit().await?;
                return Ok(saved(&accounts, &actor, view, &format!("/settings/people/{id}")));
            }
            Err(Failure::Refused(refusal)) => problems.add("name", refusal),
            Err(Failure::Broken(fault)) => return Err(fault.into()),
        }
    }
    let page = Person::new(&accounts, &actor, card).await?;
    ui::again(&Person {
        roles: role_choices(&page.chrome.words, fields.get("role").unwrap_or_default()),
        inboxes: ticked(&fields, &names),
        sees_every_inbox: fields.get("sees") == Some("all"),
        name,
        problems,
        ..page
    })
}

/// A new invitation for somebody who did not follow the first, or a way to a new password: the
/// link is shown to the owner, who hands it on.
pub(super) async fn create_link(
    State(accounts): State<Accounts>,
    actor: Actor,
    Path(id): Path<PublicId>,
) -> WebResult<Response> {
    let card = card(&accounts, id).await?;
    let now = accounts.now();
    let mut tx = accounts.db().begin().await?;
    let path = if card.state == AgentState::Invited {
        let invitation = Invitation {
            name: card.name.clone(),
            email: card.email.clone(),
            role: card.role,
            sees: card.sees.clone(),
        };
        let company = accounts.company().await?;
        let (id, token) = invite(&mut tx, &invitation, &company.time_zone, now).await?;
        noted::invited(&accounts, &mut tx, &actor, id, &invitation);
        format!("/invite/{}", token.reveal())
    } else {
        let (_, token) = make_reset_link(&mut tx, &card.email, now).await?;
        noted::person(&accounts, &mut tx, Deed::PasswordLinkMade, &actor, &card);
        format!("/reset/{}", token.reveal())
    };
    tx.commit().await?;
    let mut page = Person::new(&accounts, &actor, card).await?;
    page.welcome = Some(Welcome {
        name: page.card.name.clone(),
        email: page.card.email.clone(),
        link: accounts.site().url(&path),
    });
    ui::page(&page)
}

/// For a colleague who lost it. Whoever it was taken from is told.
pub(super) async fn delete_second_factor(
    State(accounts): State<Accounts>,
    actor: Actor,
    Path(id): Path<PublicId>,
) -> WebResult<Response> {
    let card = card(&accounts, id).await?;
    if card.id == actor.id {
        let w = accounts.site().words(&actor.language);
        return Err(WebError::Refused(w.t("person-factor-own").to_owned()));
    }
    let company = accounts.company().await?;
    let w = accounts.site().words(&company.language);
    let mut tx = accounts.db().begin().await?;
    if remove_second_factors(&mut tx, card.id).await? {
        noted::person(&accounts, &mut tx, Deed::SecondFactorRemoved, &actor, &card);
        let letter = SystemLetter {
            to: (&card.name, &card.email),
            subject: w.a("factor-gone-subject", "company", &company.name),
            text: w.a("factor-gone-text", "who", &actor.name),
            link: accounts.site().url("/login"),
            useful_for: Span::days(3),
        };
        letters::send(&mut tx, &company, &w, letter, accounts.now()).await?;
    }
    tx.commit().await?;
    Ok(ui::see_other(&format!("/settings/people/{id}")))
}

pub(super) async fn deactivate(
    State(accounts): State<Accounts>,
    actor: Actor,
    Path(id): Path<PublicId>,
) -> WebResult<Response> {
    let card = card(&accounts, id).await?;
    let mut tx = accounts.db().begin().await?;
    crate::deactivate(&mut tx, card.id, accounts.now()).await?;
    noted::person(&accounts, &mut tx, Deed::PersonDeactivated, &actor, &card);
    tx.commit().await?;
    Ok(ui::see_other(&format!("/settings/people/{id}")))
}

pub(super) async fn reactivate_person(
    State(accounts): State<Accounts>,
    actor: Actor,
    Path(id): Path<PublicId>,
) -> WebResult<Response> {
    let card = card(&accounts, id).await?;
    let mut tx = accounts.db().begin().await?;
    if reactivate(&mut tx, card.id, accounts.now()).await? {
        noted::person(&accounts, &mut tx, Deed::PersonReactivated, &actor, &card);
    }
    tx.commit().await?;
    Ok(ui::see_other(&format!("/settings/people/{id}")))
}
