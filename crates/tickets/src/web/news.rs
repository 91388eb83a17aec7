//! What happened for somebody: new tickets, assignments, mentions, answers.

use accounts::Actor;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use kernel::TicketId;
use ui::{Chrome, Markup, WebResult};

use crate::desk::{Desk, reader};
use crate::store::people::{self, Notification, Reason};

/// Older ones are in the tickets themselves.
const SHOWN: i64 = 100;

#[derive(Template)]
#[template(path = "notifications.html")]
struct News {
    chrome: Chrome,
    lines: Vec<NewsLine>,
    has_unread: bool,
}

struct NewsLine {
    reference: TicketId,
    icon: &'static str,
    text: Markup,
    time: String,
    is_read: bool,
}

pub(crate) fn icon(reason: Reason) -> &'static str {
    match reason {
        Reason::NewTicket => "inbox",
        Reason::Assigned => "user-check",
        Reason::Mentioned => "sticky-note",
        Reason::Replied => "reply",
        Reason::Woke => "alarm-clock",
    }
}

pub(super) async fn index(State(desk): State<Desk>, actor: Actor) -> WebResult<Response> {
    let chrome = desk.accounts.chrome(&actor, "/notifications").await?;
    let conn = desk.db().read_list().await?;
    let news = people::notifications(&conn, reader(&actor), None, SHOWN).await?;
    drop(conn);
    let line = |one: &Notification| NewsLine {
        reference: one.ticket,
        icon: icon(one.reason),
        text: chrome.words.rich(
            one.reason.key(),
            &[("who", &one.actor_name), ("ticket", &one.ticket), ("subject", &one.subject)],
        ),
        time: ui::moment(one.created_at, &chrome.when, &chrome.words),
        is_read: one.is_read,
    };
    let lines: Vec<NewsLine> = news.iter().map(line).collect();
    let has_unread = lines.iter().any(|line| !line.is_read);
    ui::page(&News { chrome, lines, has_unread })
}

pub(super) async fn read_all(State(desk): State<Desk>, actor: Actor) -> WebResult<Response> {
    let mut tx = desk.db().begin().await?;
    people::read_all(&mut tx, actor.id, desk.now()).await?;
    tx.commit().await?;
    Ok(ui::see_other("/notifications"))
}
