//! One's own profile, password, sessions, appearance and notifications.

use askama::Template;
use audit::Deed;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kernel::{Failure, Secret};
use serde::Deserialize;
use ui::{Appearance, Choice, Chrome, Fields, Form, Problems, Toast, View, WebError, WebResult};

use super::second_factor::too_many;
use crate::store;
use crate::{
    Accounts, Actor, NewPassword, Notify, Preferences, SessionCard, Ways, change_password, noted,
};

/// Settings begin with oneself: everybody may see that.
pub(super) async fn settings() -> Response {
    ui::see_other("/me")
}

/// All zones, with one chosen.
pub(super) fn zone_choices(chosen: &str) -> Vec<Choice> {
    ui::zones()
        .iter()
        .map(|zone| Choice::new(zone, zone.replace('_', " "), zone == chosen))
        .collect()
}

#[derive(Template)]
#[template(path = "me.html")]
struct MePage {
    chrome: Chrome,
    form: ProfileForm,
    zones: Vec<Choice>,
    languages: Vec<Choice>,
    themes: Vec<Choice>,
    sessions: Vec<SessionCard>,
    own_session: Option<i64>,
    /// What the provider's button says, and whether one's account is joined to it.
    provider: Option<(String, bool)>,
    problems: Problems,
    password_problems: Problems,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ProfileForm {
    name: String,
    time_zone: String,
    language: String,
    signature: String,
}

impl MePage {
    async fn new(accounts: &Accounts, actor: &Actor, form: Option<ProfileForm>) -> WebResult<Self> {
        let form = form.unwrap_or_else(|| ProfileForm {
            name: actor.name.clone(),
            time_zone: actor.time_zone.clone(),
            language: actor.language.clone(),
            signature: actor.signature.clone(),
        });
        let rules = accounts.sign_in_rules().await?;
        let conn = accounts.db().read().await?;
        let now = accounts.now();
        let sessions = store::sessions::of_agent(&conn, actor.id, rules.sessions, now).await?;
        let provider = match &rules.provider {
            Some(one) => {
                let is_joined = store::provider::is_joined(&conn, &one.issuer, actor.id);
                Some((one.label.clone(), is_joined.await?))
            }
            None => None,
        };
        drop(conn);
        let chrome = accounts.chrome(actor, "/me").await?;
        let themes = ["auto", "light", "dark"]
            .map(|theme| {
                let label = chrome.t(&format!("theme-{theme}")).to_owned();
                Choice::new(theme, label, actor.preferences.appearance.theme == theme)
            })
            .to_vec();
        let languages = accounts.site().catalog.tags();
        let languages = languages
            .into_iter()
            .map(|tag| Choice::new(tag, language_name(tag), tag == form.language))
            .collect();
        Ok(Self {
            zones: zone_choices(&form.time_zone),
            languages,
            themes,
            chrome,
            form,
            sessions,
            own_session: actor.session,
            provider,
            problems: Problems::default(),
            password_problems: Problems::default(),
        })
    }

    fn last_seen(&self, session: &SessionCard) -> String {
        ui::relative(session.last_seen_at, &self.chrome.when, &self.chrome.words)
    }

    fn is_own(&self, session: &SessionCard) -> bool {
        Some(session.id) == self.own_session
    }
}

/// A language by its own name.
pub(super) fn language_name(tag: &str) -> String {
    match tag {
        "en" => "English".to_owned(),
        "de" => "Deutsch".to_owned(),
        other => other.to_owned(),
    }
}

pub(super) async fn show(State(accounts): State<Accounts>, actor: Actor) -> WebResult<Response> {
    ui::page(&MePage::new(&accounts, &actor, None).await?)
}

pub(super) async fn update(
    State(accounts): State<Accounts>,
    actor: Actor,
    view: View,
    Form(form): Form<ProfileForm>,
) -> WebResult<Response> {
    let name = kernel::clip(&kernel::one_line(&form.name), 100);
    let is_zone = ui::zones().contains(&form.time_zone);
    let is_language = accounts.site().catalog.tags().contains(&form.language.as_str());
    if name.is_empty() || !is_zone || !is_language {
        let mut page = MePage::new(&accounts, &actor, Some(form)).await?;
        if name.is_empty() {
            page.problems.add("name", crate::AccountRefusal::Nameless);
        }
        if !is_zone {
            page.problems.add("time_zone", page.chrome.t("time-zone-unknown").to_owned());
        }
        return ui::again(&page);
    }
    let signature = kernel::clip(&form.signature, 2_000);
    let profile = store::agents::Profile {
        name: &name,
        time_zone: &form.time_zone,
        language: &form.language,
        signature: &signature,
    };
    let mut tx = accounts.db().begin().await?;
    store::agents::set_profile(&mut tx, actor.id, &profile).await?;
    noted::profile(&accounts, &mut tx, &actor, &profile);
    tx.commit().await?;
    Ok(saved(&accounts, &actor, view, "/me"))
}

/// "Saved", at the edge for htmx and as the page itself for a plain form.
pub(super) fn saved(accounts: &Accounts, actor: &Actor, view: View, page: &str) -> Response {
    let w = accounts.site().words(&actor.language);
    view.done(page, &Toast::new(w.t("saved")))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordForm {
    present: String,
    new: String,
}

pub(super) async fn update_password(
    State(accounts): State<Accounts>,
    actor: Actor,
    view: View,
    Form(form): Form<PasswordForm>,
) -> WebResult<Response> {
    let company = accounts.company().await?;
    let personal = [actor.name.as_str(), &actor.email, &company.name];
    let mut problems = Problems::default();
    if let Some(new) = problems.keep("new", NewPassword::read(&form.new, &personal)) {
        // Guessing the present password through an open session is guessing, too.
        let heard = accounts.doors().hear_present(accounts.db(), actor.id, accounts.now()).await;
        heard.map_err(too_many)?;
        let mut tx = accounts.db().begin().await?;
        let present = Secret::new(form.present);
        match change_password(&mut tx, actor.id, present, new, actor.session).await {
            Ok(()) => {
                noted::oneself(&accounts, &mut tx, Deed::PasswordChanged, &actor);
                tx.commit().await?;
                return Ok(saved(&accounts, &actor, view, "/me"));
            }
            Err(Failure::Refused(refusal)) => problems.add("present", refusal),
            Err(Failure::Broken(fault)) => return Err(fault.into()),
        }
    }
    let mut page = MePage::new(&accounts, &actor, None).await?;
    page.password_problems = problems;
    ui::again(&page)
}

/// One or more things about how pages look, as buttons all over the place send them.
pub(super) async fn update_appearance(
    State(accounts): State<Accounts>,
    actor: Actor,
    view: View,
    fields: Fields,
) -> WebResult<Response> {
    let mut appearance = actor.preferences.appearance.clone();
    for (name, value) in &fields.0 {
        if !set(&mut appearance, name, value) {
            let w = accounts.site().words(&actor.language);
            return Err(WebError::BadInput(w.t("preference-unknown").to_owned()));
        }
    }
    let preferences = Preferences { appearance, ..actor.preferences };
    let mut tx = accounts.db().begin().await?;
    store::agents::set_preferences(&mut tx, actor.id, &preferences).await?;
    tx.commit().await?;
    if view.is_htmx { Ok(StatusCode::NO_CONTENT.into_response()) } else { Ok(ui::see_other("/me")) }
}

fn set(appearance: &mut Appearance, name: &str, value: &str) -> bool {
    let slot = match (name, value) {
        ("theme", "auto" | "light" | "dark") => &mut appearance.theme,
        ("density", "normal" | "compact") => &mut appearance.density,
        ("font", "hanken" | "hyperlegible") => &mut appearance.font,
        ("hotkeys", "on" | "off") => {
            appearance.hotkeys = value == "on";
            return true;
        }
        _ => return false,
    };
    value.clone_into(slot);
    true
}

pub(super) async fn delete_session(
    State(accounts): State<Accounts>,
    actor: Actor,
    Path(id): Path<i64>,
) -> WebResult<Response> {
    let mut tx = accounts.db().begin().await?;
    ui::found(store::sessions::end(&mut tx, actor.id, id).await?.then_some(()))?;
    noted::oneself(&accounts, &mut tx, Deed::SessionsEnded, &actor);
    tx.commit().await?;
    Ok(ui::see_other("/me"))
}

/// Ends every session but this one.
pub(super) async fn delete_sessions(
    State(accounts): State<Accounts>,
    actor: Actor,
) -> WebResult<Response> {
    let mut tx = accounts.db().begin().await?;
    store::sessions::end_all(&mut tx, actor.id, actor.session).await?;
    noted::oneself(&accounts, &mut tx, Deed::SessionsEnded, &actor);
    tx.commit().await?;
    Ok(ui::see_other("/me"))
}

#[derive(Template)]
#[template(path = "notify.html")]
struct NotifyPage {
    chrome: Chrome,
    rows: Vec<NotifyRow>,
}

/// A reason to be told, and by which ways.
struct NotifyRow {
    name: &'static str,
    label: &'static str,
    note: &'static str,
    ways: Ways,
}

fn notify_rows(notify: &Notify) -> Vec<NotifyRow> {
    let row = |name, label, note, ways| NotifyRow { name, label, note, ways };
    vec![
        row("assigned", "notify-assigned", "notify-assigned-note", notify.assigned),
        row("replied", "notify-replied", "notify-replied-note", notify.replied),
        row("mentioned", "notify-mentioned", "notify-mentioned-note", notify.mentioned),
        row("new_ticket", "notify-new-ticket", "notify-new-ticket-note", notify.new_ticket),
    ]
}

pub(super) async fn notifications(
    State(accounts): State<Accounts>,
    actor: Actor,
) -> WebResult<Response> {
    let chrome = accounts.chrome(&actor, "/me/notifications").await?;
    ui::page(&NotifyPage { chrome, rows: notify_rows(&actor.preferences.notify) })
}

pub(super) async fn update_notifications(
    State(accounts): State<Accounts>,
    actor: Actor,
    view: View,
    fields: Fields,
) -> WebResult<Response> {
    let known = ["new_ticket", "assigned", "mentioned", "replied"]
        .map(|name| ["app", "browser", "mail"].map(|way| format!("{name}.{way}")))
        .concat();
    fields.only(&known)?;
    let ways = |name: &str| {
        let by = |way: &str| fields.get(&format!("{name}.{way}")).is_some();
        Ways { app: by("app"), browser: by("browser"), mail: by("mail") }
    };
    let notify = Notify {
        new_ticket: ways("new_ticket"),
        assigned: ways("assigned"),
        mentioned: ways("mentioned"),
        replied: ways("replied"),
    };
    let preferences = Preferences { notify, ..actor.preferences.clone() };
    let mut tx = accounts.db().begin().await?;
    store::agents::set_preferences(&mut tx, actor.id, &preferences).await?;
    tx.commit().await?;
    Ok(saved(&accounts, &actor, view, "/me/notifications"))
}
