//! Customers who asked for a link while no mail can leave, so that an owner can hand it on.

use accounts::Actor;
use askama::Template;
use audit::Deed;
use axum::extract::State;
use axum::response::Response;
use kernel::EmailAddress;
use serde::Deserialize;
use ui::{Chrome, Form, WebResult, found};

use crate::{Portal, actions, store};

const HERE: &str = "/settings/links";

#[derive(Template)]
#[template(path = "waiting.html")]
struct Waiting {
    chrome: Chrome,
    can_send: bool,
    people: Vec<(EmailAddress, String)>,
    /// A link that was just made, and whose it is.
    made: Option<(String, String)>,
}

impl Waiting {
    async fn new(portal: &Portal, actor: &Actor) -> WebResult<Self> {
        let chrome = portal.accounts().chrome(actor, HERE).await?;
        let can_send = portal.can_send().await?;
        let waiting = if can_send {
            Vec::new()
        } else {
            store::waiting_for_link(&portal.db().read().await?, portal.now()).await?
        };
        let people = waiting
            .into_iter()
            .map(|(address, at)| (address, ui::moment_in_full(at, &chrome.when)))
            .collect();
        Ok(Self { chrome, can_send, people, made: None })
    }
}

pub(super) async fn index(State(portal): State<Portal>, actor: Actor) -> WebResult<Response> {
    ui::page(&Waiting::new(&portal, &actor).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    email: String,
}

/// Shows a link once, for somebody who asked. Once mail can leave, links go by mail alone.
pub(super) async fn create(
    State(portal): State<Portal>,
    actor: Actor,
    Form(wanted): Form<Wanted>,
) -> WebResult<Response> {
    let mut page = Waiting::new(&portal, &actor).await?;
    let address = found(wanted.email.parse::<EmailAddress>().ok().filter(|_| !page.can_send))?;
    let link = found(actions::make_link_for(&portal, &address).await?)?;
    let entry = actor.did(Deed::CustomerLinkShown, portal.now());
    portal.accounts().note_alone(entry.on("address", &address, address.as_str())).await?;
    page.made = Some((address.to_string(), link));
    ui::page(&page)
}
