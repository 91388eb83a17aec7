//! The head of an open ticket, and its menus.

use accounts::Act;
use askama::Template;
use database::Conn;
use kernel::TicketId;
use ui::{Badge, Markup, WebResult, Words};

use super::entries::Maker;
use super::face::{Face, Facts, face};
use super::live::present;
use super::ticket::Opened;
use crate::State;
use crate::desk::Desk;
use crate::seen::Slot;
use crate::store::people;

/// What the pane of a ticket begins with.
#[derive(Template)]
#[template(path = "_thread_head.html")]
pub(crate) struct Head {
    pub(crate) w: Words,
    pub(crate) reference: TicketId,
    pub(crate) list: String,
    pub(crate) list_title: String,
    pub(crate) subject: String,
    pub(crate) state: State,
    pub(crate) was_state: String,
    pub(crate) clock: Option<Face>,
    pub(crate) clock_suffix: String,
    pub(crate) present: Markup,
    pub(crate) assignee: Option<Badge>,
    pub(crate) assignee_name: String,
    pub(crate) may_change: bool,
}

impl askama::filters::HtmlSafe for Head {}

/// Somebody who can be chosen.
pub(crate) struct Person {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) badge: Badge,
    pub(crate) is_current: bool,
}

/// What opens from the head.
#[derive(Template)]
#[template(path = "_thread_menus.html")]
pub(crate) struct Menus {
    pub(crate) w: Words,
    pub(crate) reference: TicketId,
    pub(crate) list: String,
    pub(crate) state: State,
    pub(crate) was_state: String,
    pub(crate) was_assignee: String,
    pub(crate) me: i64,
    pub(crate) people: Vec<Person>,
    pub(crate) is_assigned: bool,
    pub(crate) is_mine: bool,
    pub(crate) is_following: bool,
    /// It rests, and can be taken up again.
    pub(crate) may_open: bool,
    pub(crate) may_be_spam: bool,
    pub(crate) may_change: bool,
}

impl askama::filters::HtmlSafe for Menus {}

/// The words of a form's address that keep the list.
pub(crate) fn query(list: &str) -> String {
    if list.is_empty() { String::new() } else { format!("?in={list}") }
}

pub(crate) async fn make(opened: &Opened<'_>, maker: &Maker<'_>) -> WebResult<Head> {
    let Opened { desk, actor, ticket, list } = opened;
    let facts = Facts {
        state: ticket.state,
        waiting: &ticket.waiting,
        is_answered: ticket.first_replied_at.is_some(),
        hold_reason: ticket.hold_reason.as_deref(),
        created_at: ticket.created_at,
        last_message_at: ticket.last_message_at,
    };
    let clock = face(facts, &maker.when, &maker.w);
    let owner = ticket.assignee.and_then(|id| maker.directory.agent(id));
    Ok(Head {
        reference: ticket.id,
        list_title: list_title(desk, actor, list, &maker.w).await?,
        list: list.clone(),
        subject: ticket.subject.clone(),
        state: ticket.state,
        was_state: Slot::State.value(ticket),
        clock_suffix: clock.as_ref().map_or(String::new(), |face| suffix(face, &maker.w)),
        clock,
        present: present(desk, actor, &maker.directory, ticket.id, &maker.w),
        assignee: owner.map(|card| card.badge.clone()),
        assignee_name: match owner {
            Some(card) if card.id == actor.id => maker.w.t("you").to_owned(),
            Some(card) => card.name.clone(),
            None => maker.w.t("row-unassigned").to_owned(),
        },
        may_change: actor.may(Act::ChangeTickets),
        w: maker.w.clone(),
    })
}

/// What the time counts towards, after a clock that runs.
fn suffix(face: &Face, w: &Words) -> String {
    match (face.state, &face.counts) {
        ("ok" | "soon", Some(_)) => w.a("clock-to", "what", face.label.to_lowercase()),
        _ => String::new(),
    }
}

async fn list_title(
    desk: &Desk,
    actor: &accounts::Actor,
    list: &str,
    w: &Words,
) -> WebResult<String> {
    let key = if list.is_empty() { "needs-reply" } else { list };
    let view = desk.view(actor, key).await?;
    Ok(view
        .map_or_else(|| w.t("frame-inbox").to_owned(), |view| crate::frame::title(&view.title, w)))
}

pub(crate) async fn menus(opened: &Opened<'_>, maker: &Maker<'_>, conn: &Conn) -> WebResult<Menus> {
    let Opened { actor, ticket, list, .. } = opened;
    let followers = people::followers(conn, ticket.id).await?;
    let able = maker.directory.working();
    let mut people: Vec<Person> = able
        .into_iter()
        .filter(|card| card.may_see(ticket.inbox))
        .map(|card| Person {
            id: card.id.0,
            name: card.name.clone(),
            badge: card.badge.clone(),
            is_current: ticket.assignee == Some(card.id),
        })
        .collect();
    // Oneself first: that is what is chosen most.
    people.sort_by_key(|person| person.id != actor.id.0);
    Ok(Menus {
        w: maker.w.clone(),
        reference: ticket.id,
        list: list.clone(),
        state: ticket.state,
        was_state: Slot::State.value(ticket),
        was_assignee: Slot::Assignee.value(ticket),
        me: actor.id.0,
        people,
        is_assigned: ticket.assignee.is_some(),
        is_mine: ticket.assignee == Some(actor.id),
        is_following: followers.contains(&actor.id),
        may_open: !matches!(ticket.state, State::Open | State::New),
        may_be_spam: !matches!(ticket.state, State::Spam | State::Closed | State::Merged),
        may_change: actor.may(Act::ChangeTickets),
    })
}
