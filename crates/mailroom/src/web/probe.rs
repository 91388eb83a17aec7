//! Trying a connection before it is kept, with words for what is wrong.

use accounts::Actor;
use anyhow::Result;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use email::probe::{Probe, Step};
use email::{Credentials, probe};
use kernel::{InboxId, PublicId};
use ui::{Form, View, WebResult, Words};

use super::inbox_form::InboxForm;
use super::inboxes::{InboxPage, connection_of};
use super::parts::Parts;
use crate::Mailroom;
use crate::connection::{Connection, Endpoint, Tls};

/// One server that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trial {
    pub(super) title: String,
    pub(super) steps: Vec<TrialStep>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TrialStep {
    /// `ok`, `bad` or `skip`.
    pub(super) state: &'static str,
    pub(super) icon: &'static str,
    pub(super) name: String,
    /// How the step ended, for those who do not see its colour.
    pub(super) outcome: String,
    pub(super) problem: Option<String>,
}

#[derive(Template)]
#[template(path = "_probe.html")]
struct Piece<'p> {
    w: &'p Words,
    parts: &'p Parts,
}

pub(super) async fn of_new(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    view: View,
    Form(form): Form<InboxForm>,
) -> WebResult<Response> {
    let mut page = InboxPage::blank(&mailroom, &actor, Some(form.clone())).await?;
    let w = page.chrome.words.clone();
    tried(&mailroom, &actor, (None, &Connection::default()), &form, (&w, &mut page.parts)).await?;
    if view.is_htmx { piece(&w, &page.parts) } else { ui::page(&page) }
}

pub(super) async fn of_inbox(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    view: View,
    Path(id): Path<PublicId>,
    Form(form): Form<InboxForm>,
) -> WebResult<Response> {
    let inbox = mailroom.inbox(&actor, id).await?;
    let before = connection_of(&mailroom, inbox.id).await?;
    let shown = Some(form.clone());
    let mut page = InboxPage::of(&mailroom, &actor, &inbox, before.as_ref(), shown).await?;
    let before = before.unwrap_or_default();
    let w = page.chrome.words.clone();
    let own = (Some(inbox.id), &before);
    tried(&mailroom, &actor, own, &form, (&w, &mut page.parts)).await?;
    if view.is_htmx { piece(&w, &page.parts) } else { ui::page(&page) }
}

pub(super) fn piece(w: &Words, parts: &Parts) -> WebResult<Response> {
    ui::page(&Piece { w, parts })
}

/// Tries what the form says, or says what is missing in it. Nothing is kept.
pub(super) async fn tried(
    mailroom: &Mailroom,
    actor: &Actor,
    (inbox, before): (Option<InboxId>, &Connection),
    form: &InboxForm,
    (w, parts): (&Words, &mut Parts),
) -> WebResult<()> {
    // Only the servers are tried: that the name is missing says nothing about them.
    let named = InboxForm {
        name: "-".to_owned(),
        address: "probe@example.com".to_owned(),
        reply_within: "60".to_owned(),
        ..form.clone()
    };
    let wanted = named.read(accounts::InboxKind::Email, before, w, &mut parts.problems);
    let Some(wanted) = wanted else { return Ok(()) };
    mailroom.take_trial(actor)?;
    // Sealed for the inbox, or for one that will never be.
    let id = inbox.unwrap_or(InboxId(0));
    let connection = wanted.connection(before, &mailroom.keys, id, before.fetch_from);
    parts.trials = trials(mailroom, inbox, &connection, w).await?;
    Ok(())
}

async fn trials(
    mailroom: &Mailroom,
    inbox: Option<InboxId>,
    connection: &Connection,
    w: &Words,
) -> Result<Vec<Trial>> {
    let guard = &mailroom.guard;
    let imap = async {
        let Some(endpoint) = &connection.imap else { return Ok(None) };
        let outcome = match credentials(mailroom, inbox, connection, (endpoint, "imap", w)).await? {
            Ok(credentials) => {
                let server = endpoint.server(&mailroom.hello_name);
                probe::imap(&server, &credentials, &connection.folder, guard).await
            }
            Err(problem) => Probe { passed: Vec::new(), problem: Some(problem) },
        };
        anyhow::Ok(Some(trial(w, ("imap", endpoint), &outcome)))
    };
    let smtp = async {
        let Some(endpoint) = &connection.smtp else { return Ok(None) };
        let outcome = match credentials(mailroom, inbox, connection, (endpoint, "smtp", w)).await? {
            Ok(credentials) => {
                let server = endpoint.server(&mailroom.hello_name);
                probe::smtp(&server, &credentials, guard).await
            }
            Err(problem) => Probe { passed: Vec::new(), problem: Some(problem) },
        };
        anyhow::Ok(Some(trial(w, ("smtp", endpoint), &outcome)))
    };
    let (imap, smtp) = tokio::join!(imap, smtp);
    let mut trials: Vec<Trial> = imap?.into_iter().chain(smtp?).collect();
    if trials.is_empty() {
        let step = TrialStep {
            state: "skip",
            icon: "minus",
            name: w.t("probe-nothing").to_owned(),
            outcome: w.t("probe-skipped").to_owned(),
            problem: None,
        };
        trials.push(Trial { title: w.t("probe-title").to_owned(), steps: vec![step] });
    }
    Ok(trials)
}

/// How to sign in there, or why nobody can yet, in words.
async fn credentials(
    mailroom: &Mailroom,
    inbox: Option<InboxId>,
    connection: &Connection,
    (endpoint, what, w): (&Endpoint, &str, &Words),
) -> Result<Result<Credentials, String>> {
    let id = inbox.unwrap_or(InboxId(0));
    let Some(oauth) = &connection.oauth else {
        let place = crate::connection::place(id, what);
        return Ok(endpoint.credentials(&mailroom.keys, &place).map_err(|fault| fault.to_string()));
    };
    // A token is for the servers that it was asked for; others never see it.
    if inbox.is_none() || oauth.refresh_token.is_none() {
        return Ok(Err(w.t("probe-unconnected").to_owned()));
    }
    let token = mailroom.permissions.token(id).await;
    Ok(match token {
        Ok(token) => Ok(Credentials::Token { user: endpoint.user.clone(), token }),
        Err(fault) => Err(fault.to_string()),
    })
}

/// The steps of a trial in the order in which they are taken.
fn trial(w: &Words, (what, endpoint): (&str, &Endpoint), probe: &Probe) -> Trial {
    let order: &[Step] = match (endpoint.tls, what) {
        (Tls::Implicit, "imap") => {
            &[Step::Reached, Step::Encrypted, Step::Greeted, Step::SignedIn, Step::FolderOpened]
        }
        (Tls::StartTls, "imap") => {
            &[Step::Reached, Step::Greeted, Step::Encrypted, Step::SignedIn, Step::FolderOpened]
        }
        (Tls::None, "imap") => &[Step::Reached, Step::Greeted, Step::SignedIn, Step::FolderOpened],
        (Tls::Implicit, _) => &[Step::Reached, Step::Encrypted, Step::Greeted, Step::SignedIn],
        (Tls::StartTls, _) => &[Step::Reached, Step::Greeted, Step::Encrypted, Step::SignedIn],
        (Tls::None, _) => &[Step::Reached, Step::Greeted, Step::SignedIn],
    };
    let mut problem = probe.problem.clone();
    let steps = order
        .iter()
        .map(|step| {
            let has_passed = probe.passed.contains(step);
            let said = if has_passed { None } else { problem.take() };
            let (state, icon, outcome) = match (has_passed, &said) {
                (true, _) => ("ok", "check", "probe-worked"),
                (false, Some(_)) => ("bad", "x", "probe-failed"),
                (false, None) => ("skip", "minus", "probe-skipped"),
            };
            TrialStep {
                state,
                icon,
                name: w.t(step_key(*step)).to_owned(),
                outcome: w.t(outcome).to_owned(),
                problem: said,
            }
        })
        .collect();
    let title = w.a2(&format!("probe-{what}"), "host", &endpoint.host, "port", endpoint.port);
    Trial { title, steps }
}

fn step_key(step: Step) -> &'static str {
    match step {
        Step::Reached => "probe-reached",
        Step::Encrypted => "probe-encrypted",
        Step::Greeted => "probe-greeted",
        Step::SignedIn => "probe-signed-in",
        Step::FolderOpened => "probe-folder",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_shows_where_it_stopped_and_why() {
        let catalog = ui::Catalog::new(&[("en", &[crate::MESSAGES_EN])]).unwrap();
        let w = catalog.words("en");
        let endpoint = Endpoint {
            host: "imap.example.com".to_owned(),
            port: 143,
            tls: Tls::StartTls,
            user: "desk".to_owned(),
            password: None,
        };
        for (passed, problem, states) in [
            (vec![], Some("nobody answers"), "bad skip skip skip skip"),
            (vec![Step::Reached, Step::Greeted], Some("no TLS"), "ok ok bad skip skip"),
            (
                vec![
                    Step::Reached,
                    Step::Greeted,
                    Step::Encrypted,
                    Step::SignedIn,
                    Step::FolderOpened,
                ],
                None,
                "ok ok ok ok ok",
            ),
        ] {
            let probe = Probe { passed, problem: problem.map(str::to_owned) };
            let trial = trial(&w, ("imap", &endpoint), &probe);
            let shown: Vec<&str> = trial.steps.iter().map(|step| step.state).collect();
            assert_eq!(shown.join(" "), states);
            let said: Vec<&str> =
                trial.steps.iter().filter_map(|step| step.problem.as_deref()).collect();
            assert_eq!(said, problem.into_iter().collect::<Vec<_>>());
        }
    }
}
