//! What somebody else is writing in a ticket at this moment.

use accounts::Actor;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use kernel::{AgentId, TicketId};
use ui::{Chrome, View, WebResult, Words, found};

use super::ticket::{From, Opened, url};
use crate::desk::Desk;
use crate::store::people;

/// A draft to be read, not changed.
#[derive(Template)]
#[template(path = "_their_draft.html")]
struct TheirDraft {
    w: Words,
    title: String,
    /// Empty: nothing was saved so far.
    text: String,
    back: String,
}

impl askama::filters::HtmlSafe for TheirDraft {}

#[derive(Template)]
#[template(path = "their_draft.html")]
struct TheirDraftPage {
    chrome: Chrome,
    draft: TheirDraft,
}

/// The answer that a colleague is at, while they are there: what was left lying is theirs alone.
/// Notes are not shown before they are posted.
pub(super) async fn show(
    State(desk): State<Desk>,
    actor: Actor,
    view: View,
    Path((reference, agent)): Path<(String, i64)>,
    from: From,
) -> WebResult<Response> {
    let id: TicketId = found(reference.parse().ok())?;
    let opened = Opened::open(&desk, &actor, id, &from.list).await?;
    let directory = desk.accounts.directory().await?;
    let author = found(directory.agent(AgentId(agent)))?;
    let ticket = opened.ticket.id;
    let is_here = desk.hub().present(ticket).iter().any(|(here, _)| *here == author.id);
    let drafts = if is_here {
        people::drafts(&desk.db().read().await?, ticket, author.id).await?
    } else {
        Vec::new()
    };
    let answer = drafts.into_iter().find(|draft| draft.mode == "reply");
    let w = desk.accounts.site().words(&actor.language);
    let draft = TheirDraft {
        title: w.a("collision-draft", "who", &author.name),
        text: answer.map(|draft| draft.text).unwrap_or_default(),
        back: url(ticket, &opened.list),
        w,
    };
    if view.is_htmx {
        return ui::page(&draft);
    }
    let chrome = desk.accounts.chrome(&actor, "").await?;
    ui::page(&TheirDraftPage { chrome, draft })
}
