//! Saved replies, looked up while one writes.

use accounts::Actor;
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use kernel::{InboxId, PublicId};
use serde::Deserialize;
use ui::{WebResult, Words, found};

use super::addresses::parties;
use super::reference::Reference;
use super::ticket::Opened;
use crate::desk::Desk;
use crate::saved_reply::{Values, fill};
use crate::store::shared;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    q: String,
    to: String,
    subject: String,
    inbox: String,
}

#[derive(Template)]
#[template(path = "_saved_replies.html")]
struct SavedReplies {
    w: Words,
    url: String,
    replies: Vec<ReplyOption>,
}

struct ReplyOption {
    id: PublicId,
    title: String,
    text: String,
}

const SHOWN: usize = 30;

pub(super) async fn lookup(
    State(desk): State<Desk>,
    actor: Actor,
    Reference(id): Reference,
    Query(asked): Query<Asked>,
) -> WebResult<Response> {
    let opened = Opened::open(&desk, &actor, id, "").await?;
    let values = values(&opened).await?;
    let url = format!("/t/{}/saved-replies", opened.ticket.id);
    offered(&desk, &actor, &asked, &values, url).await
}

/// For a ticket that does not exist yet: what is known of it stands in its form.
pub(super) async fn lookup_for_new(
    State(desk): State<Desk>,
    actor: Actor,
    Query(asked): Query<Asked>,
) -> WebResult<Response> {
    let to = parties(&asked.to).unwrap_or_default();
    let directory = desk.accounts.directory().await?;
    let inbox = asked.inbox.parse().ok().map(InboxId).filter(|inbox| actor.may_see(*inbox));
    let inbox = inbox.and_then(|inbox| directory.inbox(inbox));
    let party = to.first();
    let name = party.map_or(String::new(), |party| party.name.clone());
    let values = Values {
        first_name: customers::names::given_name(&name).unwrap_or_default(),
        name,
        email: party.map_or(String::new(), |party| party.address.to_string()),
        reference: String::new(),
        subject: asked.subject.clone(),
        agent: actor.name.clone(),
        company: desk.accounts.company().await?.name.clone(),
        inbox: inbox.map_or(String::new(), |inbox| inbox.name.clone()),
    };
    offered(&desk, &actor, &asked, &values, "/t/new/saved-replies".to_owned()).await
}

/// The saved replies that fit what was typed, filled in.
async fn offered(
    desk: &Desk,
    actor: &Actor,
    asked: &Asked,
    values: &Values,
    url: String,
) -> WebResult<Response> {
    let typed = asked.q.trim().to_lowercase();
    let all = shared::saved_replies(&desk.db().read().await?, actor.id).await?;
    let (mut by_title, mut by_text) = (Vec::new(), Vec::new());
    for reply in all {
        let option =
            |text: String| ReplyOption { id: reply.public_id, title: reply.title.clone(), text };
        if reply.title.to_lowercase().contains(&typed) {
            by_title.push(option(fill(&reply.text, values)));
        } else if reply.text.to_lowercase().contains(&typed) {
            by_text.push(option(fill(&reply.text, values)));
        }
    }
    by_title.extend(by_text);
    by_title.truncate(SHOWN);
    let w = desk.accounts.site().words(&actor.language);
    ui::page(&SavedReplies { w, url, replies: by_title })
}

async fn values(opened: &Opened<'_>) -> WebResult<Values> {
    let Opened { desk, actor, ticket, .. } = opened;
    let conn = desk.db().read().await?;
    let customer = found(customers::find(&conn, ticket.customer).await?)?;
    drop(conn);
    let directory = desk.accounts.directory().await?;
    let inbox = directory.inbox(ticket.inbox).map_or(String::new(), |inbox| inbox.name.clone());
    Ok(Values {
        first_name: customers::names::given_name(&customer.name).unwrap_or_default(),
        name: customer.name.clone(),
        email: customer.address.as_ref().map_or(String::new(), ToString::to_string),
        reference: ticket.id.to_string(),
        subject: ticket.subject.clone(),
        agent: actor.name.clone(),
        company: desk.accounts.company().await?.name.clone(),
        inbox,
    })
}

/// The saved reply that an address names.
#[derive(Debug, Deserialize)]
pub(super) struct OfReply {
    reply: PublicId,
}

/// Notes that a saved reply was put in: what is used most stands first.
pub(super) async fn used(
    State(desk): State<Desk>,
    actor: Actor,
    Path(path): Path<OfReply>,
) -> WebResult<StatusCode> {
    let id = path.reply;
    let mut tx = desk.db().begin().await?;
    let reply = found(shared::find_saved_reply(&tx, actor.id, id).await?)?;
    shared::count_use(&mut tx, reply.id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
