//! The set-up's step for the first inbox.

use accounts::{Actor, InboxKind, set_up_steps};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use ui::{Form, SetUpStep, View, WebResult, Words};

use super::inbox_form::InboxForm;
use super::inboxes::{add, next_page};
use super::oauth::{CALLBACK, SETS_UP};
use super::parts::Parts;
use super::probe::{piece, tried};
use crate::Mailroom;
use crate::connection::Connection;

#[derive(Template)]
#[template(path = "setup_inbox.html")]
struct SetUpInbox {
    w: Words,
    steps: Vec<SetUpStep>,
    parts: Parts,
}

impl SetUpInbox {
    async fn new(mailroom: &Mailroom, actor: &Actor, form: Option<InboxForm>) -> WebResult<Self> {
        let company = mailroom.accounts.company().await?;
        let w = mailroom.accounts.site().words(&actor.language);
        let form = form.unwrap_or_else(|| InboxForm {
            name: w.t("setup-inbox-name").to_owned(),
            ..InboxForm::blank(&company.name)
        });
        let ways = (mailroom.accounts.site().url(CALLBACK), "/setup/inbox/probe".to_owned());
        let parts = Parts::new(&w, form, InboxKind::Email, None, ways).one_level_up();
        Ok(Self { steps: set_up_steps(1, &company.name, &actor.name), w, parts })
    }
}

pub(super) async fn show(State(mailroom): State<Mailroom>, actor: Actor) -> WebResult<Response> {
    ui::page(&SetUpInbox::new(&mailroom, &actor, None).await?)
}

pub(super) async fn probe(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    view: View,
    Form(form): Form<InboxForm>,
) -> WebResult<Response> {
    let mut page = SetUpInbox::new(&mailroom, &actor, Some(form.clone())).await?;
    let w = page.w.clone();
    tried(&mailroom, &actor, (None, &Connection::default()), &form, (&w, &mut page.parts)).await?;
    if view.is_htmx { piece(&w, &page.parts) } else { ui::page(&page) }
}

pub(super) async fn create(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    Form(form): Form<InboxForm>,
) -> WebResult<Response> {
    let mut page = SetUpInbox::new(&mailroom, &actor, Some(form.clone())).await?;
    let none = Connection::default();
    let wanted = form.read(InboxKind::Email, &none, &page.w, &mut page.parts.problems);
    let Some(wanted) = wanted else { return ui::again(&page) };
    let Some(id) = add(&mailroom, &actor, &wanted, &mut page.parts).await? else {
        return ui::again(&page);
    };
    if wanted.uses_oauth() {
        let page = next_page(&mailroom, &actor, id, true).await?;
        return Ok(ui::see_other(&format!("{page}{SETS_UP}")));
    }
    Ok(ui::see_other("/setup/team"))
}
