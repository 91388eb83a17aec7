//! What the company asks of those who sign in, as owners set it.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use kernel::Secret;
use serde::Deserialize;
use ui::{Choice, Chrome, Fields, Form, Problems, View, WebError, WebResult, Words};

use super::me::saved;
use super::provider::CALLBACK;
use super::set_up::role_choices;
use crate::provider::{Provider, SECRET_PLACE, is_secure};
use crate::{Accounts, Actor, Role, SessionLimits, SignInRules, noted};

#[derive(Template)]
#[template(path = "sign_in_rules.html")]
struct RulesPage {
    chrome: Chrome,
    roles: Vec<Choice>,
    idle_hours: Vec<Choice>,
    days: Vec<Choice>,
    form: ProviderForm,
    /// Whether there is a provider, with its secret.
    is_set_up: bool,
    /// What the provider has to be told.
    callback: String,
    problems: Problems,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ProviderForm {
    issuer: String,
    client_id: String,
    /// Empty: as it was.
    client_secret: String,
    label: String,
    links_by_email: String,
}

const HERE: &str = "/settings/sign-in";

impl RulesPage {
    async fn new(accounts: &Accounts, actor: &Actor) -> WebResult<Self> {
        let chrome = accounts.chrome(actor, HERE).await?;
        let rules = accounts.sign_in_rules().await?;
        let mut roles = role_choices(&chrome.words, "");
        for (role, choice) in Role::ALL.into_iter().zip(&mut roles) {
            choice.is_chosen = rules.require_second_factor(role);
        }
        let provider = rules.provider.clone().unwrap_or_default();
        let (idle_hours, days) = session_choices(&chrome.words, rules.sessions);
        Ok(Self {
            chrome,
            roles,
            idle_hours,
            days,
            is_set_up: rules.provider.is_some(),
            form: ProviderForm {
                issuer: provider.issuer,
                client_id: provider.client_id,
                client_secret: String::new(),
                label: provider.label,
                links_by_email: if provider.links_by_email { "on" } else { "" }.to_owned(),
            },
            callback: accounts.site().url(CALLBACK),
            problems: Problems::default(),
        })
    }

    fn links_by_email(&self) -> bool {
        !self.form.links_by_email.is_empty()
    }
}

/// How long sessions may last: hours without a request, and days.
fn session_choices(w: &Words, limits: SessionLimits) -> (Vec<Choice>, Vec<Choice>) {
    let hours = SessionLimits::IDLE_HOURS.map(|hours| {
        let label = w.n("rules-hours", i64::from(hours));
        Choice::new(hours, label, hours == limits.idle_hours)
    });
    let days = SessionLimits::DAYS
        .map(|days| Choice::new(days, w.n("rules-days", i64::from(days)), days == limits.days));
    (hours.to_vec(), days.to_vec())
}

pub(super) async fn show(State(accounts): State<Accounts>, actor: Actor) -> WebResult<Response> {
    ui::page(&RulesPage::new(&accounts, &actor).await?)
}

/// Changes what is asked of those who sign in: the one place where that is done.
async fn change(
    accounts: &Accounts,
    actor: &Actor,
    change: impl FnOnce(&mut SignInRules),
) -> WebResult<()> {
    let mut tx = accounts.db().begin().await?;
    let before = SignInRules::load(&tx).await?;
    let mut rules = before.clone();
    change(&mut rules);
    noted::sign_in_rules(accounts, &mut tx, actor, &before, &rules);
    rules.save(&mut tx, accounts.now()).await?;
    Ok(tx.commit().await?)
}

pub(super) async fn update(
    State(accounts): State<Accounts>,
    actor: Actor,
    view: View,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&["role"])?;
    let is_chosen = |role: &Role| fields.all("role").any(|value| value == role.as_str());
    let chosen = Role::ALL.into_iter().filter(is_chosen).collect();
    change(&accounts, &actor, |rules| rules.second_factor_for = chosen).await?;
    Ok(saved(&accounts, &actor, view, HERE))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionsForm {
    idle_hours: u32,
    days: u32,
}

/// How long sessions last. Those that are open are held to it too.
pub(super) async fn update_sessions(
    State(accounts): State<Accounts>,
    actor: Actor,
    view: View,
    Form(SessionsForm { idle_hours, days }): Form<SessionsForm>,
) -> WebResult<Response> {
    let is_offered =
        SessionLimits::IDLE_HOURS.contains(&idle_hours) && SessionLimits::DAYS.contains(&days);
    if !is_offered {
        let w = accounts.site().words(&actor.language);
        return Err(WebError::BadInput(w.t("rules-sessions-unknown").to_owned()));
    }
    let limits = SessionLimits { idle_hours, days };
    change(&accounts, &actor, |rules| rules.sessions = limits).await?;
    Ok(saved(&accounts, &actor, view, HERE))
}

pub(super) async fn update_provider(
    State(accounts): State<Accounts>,
    actor: Actor,
    view: View,
    Form(form): Form<ProviderForm>,
) -> WebResult<Response> {
    let mut page = RulesPage::new(&accounts, &actor).await?;
    let before = accounts.sign_in_rules().await?.provider.clone();
    let clean = |text: &str| kernel::clip(&kernel::one_line(text.trim()), 300);
    let provider = Provider {
        issuer: clean(&form.issuer),
        client_id: clean(&form.client_id),
        client_secret: match (form.client_secret.is_empty(), before) {
            // A secret is for the provider that gave it, and goes to no other.
            (true, Some(before)) if before.issuer == form.issuer.trim() => before.client_secret,
            (true, _) => String::new(),
            (false, _) => {
                accounts.keys().seal(SECRET_PLACE, &Secret::new(form.client_secret.clone()))
            }
        },
        label: clean(&form.label),
        links_by_email: !form.links_by_email.is_empty(),
    };
    let (w, problems) = (&page.chrome.words, &mut page.problems);
    if !is_secure(&provider.issuer) {
        problems.add("issuer", w.t("provider-issuer-wrong"));
    }
    for (field, value, sentence) in [
        ("client_id", &provider.client_id, "provider-client-missing"),
        ("client_secret", &provider.client_secret, "provider-secret-missing"),
        ("label", &provider.label, "provider-label-missing"),
    ] {
        if value.is_empty() {
            problems.add(field, w.t(sentence));
        }
    }
    if !page.problems.is_empty() {
        page.form = form;
        return ui::again(&page);
    }
    change(&accounts, &actor, |rules| rules.provider = Some(provider)).await?;
    Ok(saved(&accounts, &actor, view, HERE))
}

pub(super) async fn delete_provider(
    State(accounts): State<Accounts>,
    actor: Actor,
) -> WebResult<Response> {
    change(&accounts, &actor, |rules| rules.provider = None).await?;
    Ok(ui::see_other(HERE))
}
