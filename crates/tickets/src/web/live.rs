//! What is told to an open page while it stays open: one stream for each browser.

use std::convert::Infallible;
use std::time::Duration;

use accounts::{Act, Actor, Directory};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use kernel::{AgentId, TicketId, Timestamp};
use live::{Activity, Change, Numbered, Touch};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use ui::{Badge, Form, Markup, WebError, WebResult, Words};

use super::reference::Reference;
use super::ticket::{From, Opened, mark_read};
use crate::desk::{Desk, reader};
use crate::store::lists;
use crate::store::people::{self, Reason};

/// A silent stream says so this often, so that nobody in between takes it for dead.
const BEAT: Duration = Duration::from_secs(25);
/// However little word of changes comes, whether somebody may still listen is looked up this often:
/// nobody hears anything five seconds after their session has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(if cfg!(test) { 200 } else { 4_000 });
/// After how long a browser comes back when the stream broke.
const RETRY: Duration = Duration::from_secs(2);

pub(super) async fn stream(
    State(desk): State<Desk>,
    actor: Actor,
    headers: HeaderMap,
) -> WebResult<Response> {
    let Some(open) = desk.hub().stream(actor.id) else {
        return Err(WebError::TooMany { retry_after_seconds: 60 });
    };
    let last: Option<u64> = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok());
    // Listening begins before the past is looked at, so that nothing falls between.
    let changes = desk.hub().changes();
    let (told, waiting) = match last.map(|last| (last, desk.hub().since(last))) {
        None => (0, Vec::new()),
        Some((last, Some(missed))) => (last, missed.into_iter().rev().collect()),
        // Too long ago, or counted by another node: it looks at everything again, and counts on
        // from what is the latest here.
        Some((_, None)) => {
            let number = desk.hub().latest();
            (number.saturating_sub(1), vec![Numbered { number, change: Change::Everything }])
        }
    };
    // Who breaks off after the greeting has heard nothing of what was missed.
    let greeting = Some(if last.is_some() { told } else { desk.hub().latest() });
    let until = desk.now() + desk.accounts.sign_in_rules().await?.sessions.idle();
    let mut look = tokio::time::interval_at(Instant::now() + LOOK_AGAIN, LOOK_AGAIN);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let watch =
        Watch { desk, actor, headers, changes, waiting, told, greeting, until, look, _open: open };
    let stream = Sse::new(watch.stream()).keep_alive(KeepAlive::new().interval(BEAT));
    // Proxies that collect answers would hold it back.
    let headers = [
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, stream).into_response())
}

/// One open stream.
struct Watch {
    desk: Desk,
    actor: Actor,
    headers: HeaderMap,
    changes: Receiver<Numbered>,
    /// What was missed, the latest first.
    waiting: Vec<Numbered>,
    /// The number of the latest change that was told.
    told: u64,
    /// The number that the stream begins with, until it is told.
    greeting: Option<u64>,
    /// No stream outlives a session in which nobody did anything. Whoever still is somebody comes
    /// back by themselves.
    until: Timestamp,
    look: Interval,
    _open: live::Stream,
}

impl Watch {
    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        futures_util::stream::unfold(self, |mut watch| async move {
            let event = watch.next().await?;
            Some((Ok(event), watch))
        })
    }

    /// The next event for this person; none when the stream is over.
    async fn next(&mut self) -> Option<Event> {
        if let Some(number) = self.greeting.take() {
            return Some(Event::default().retry(RETRY).id(number.to_string()).comment("hello"));
        }
        loop {
            let numbered = self.next_change().await?;
            if self.desk.now() >= self.until {
                return None;
            }
            if numbered.number <= self.told {
                continue;
            }
            self.told = numbered.number;
            if !self.still_here(numbered.change).await {
                return None;
            }
            match self.event(numbered.change).await {
                Ok(Some((name, data))) => {
                    let event = Event::default().id(numbered.number.to_string()).event(name);
                    return Some(event.data(data.to_string()));
                }
                Ok(None) => {}
                Err(fault) => {
                    tracing::warn!("a live stream ends: {fault:#}");
                    return None;
                }
            }
        }
    }

    async fn next_change(&mut self) -> Option<Numbered> {
        if let Some(missed) = self.waiting.pop() {
            return Some(missed);
        }
        let hub = self.desk.hub().clone();
        loop {
            let left = self.until.since(self.desk.now()).as_micros().max(0).unsigned_abs();
            tokio::select! {
                received = self.changes.recv() => return match received {
                    Ok(numbered) => Some(numbered),
                    // Too slow to keep up: it looks at everything again.
                    Err(RecvError::Lagged(_)) => {
                        let number = hub.latest();
                        Some(Numbered { number, change: Change::Everything })
                    }
                    Err(RecvError::Closed) => None,
                },
                () = hub.closed() => return None,
                () = tokio::time::sleep(Duration::from_micros(left)) => return None,
                _ = self.look.tick() => if !self.look_again().await { return None },
            }
        }
    }

    /// Looks the person up again whenever what they may do can have changed.
    async fn still_here(&mut self, change: Change) -> bool {
        let may_have_changed = match change {
            Change::Settings | Change::Everything => true,
            Change::Agent { id } => id == self.actor.id,
            Change::Ticket { .. } | Change::Presence { .. } | Change::Notifications { .. } => false,
        };
        !may_have_changed || self.look_again().await
    }

    async fn look_again(&mut self) -> bool {
        match self.desk.accounts.still_there(&self.headers).await {
            Ok(Some(actor)) if actor.may(Act::ReadTickets) => {
                self.actor = actor;
                true
            }
            Ok(_) | Err(_) => false,
        }
    }

    async fn event(&self, change: Change) -> anyhow::Result<Option<(&'static str, Value)>> {
        let me = &self.actor;
        Ok(match change {
            Change::Ticket { id, inbox, touch } if me.may_see(inbox) => {
                let touch = match touch {
                    Touch::Row => "row",
                    Touch::Entry => "entry",
                    Touch::Message => "message",
                };
                Some(("changed", json!({ "ref": id.to_string(), "touch": touch })))
            }
            Change::Presence { ticket, agent, .. } if agent != me.id => {
                self.presence(ticket).await?
            }
            Change::Notifications { agent } if agent == me.id => Some(self.news().await?),
            Change::Settings => Some(("settings", json!({}))),
            Change::Agent { id } if id == me.id => Some(("settings", json!({}))),
            Change::Everything => Some(("refresh", json!({}))),
            Change::Ticket { .. }
            | Change::Presence { .. }
            | Change::Notifications { .. }
            | Change::Agent { .. } => None,
        })
    }

    async fn presence(&self, ticket: TicketId) -> anyhow::Result<Option<(&'static str, Value)>> {
        let inbox = lists::inbox_of(&self.desk.db().read().await?, ticket).await?;
        if !inbox.is_some_and(|inbox| self.actor.may_see(inbox)) {
            return Ok(None);
        }
        let directory = self.desk.accounts.directory().await?;
        let w = self.desk.accounts.site().words(&self.actor.language);
        let here = present(&self.desk, &self.actor, &directory, ticket, &w);
        let writing = collision(&self.desk, &self.actor, &directory, ticket, &w);
        let data = json!({
            "ref": ticket.to_string(),
            "html": here.as_str(),
            "collision": writing.as_str(),
        });
        Ok(Some(("presence", data)))
    }

    /// How many news there are, and the latest where this person wants it on the screen.
    async fn news(&self) -> anyhow::Result<(&'static str, Value)> {
        let conn = self.desk.db().read_list().await?;
        let count = people::unread_count(&conn, reader(&self.actor)).await?;
        let latest = people::notifications(&conn, reader(&self.actor), None, 1).await?;
        drop(conn);
        let notify = self.actor.preferences.notify;
        let Some(one) = latest.into_iter().next().filter(|one| !one.is_read) else {
            return Ok(("notify", json!({ "count": count })));
        };
        let ways = match one.reason {
            Reason::NewTicket => notify.new_ticket,
            Reason::Assigned | Reason::Woke => notify.assigned,
            Reason::Mentioned => notify.mentioned,
            Reason::Replied => notify.replied,
        };
        if !ways.browser {
            return Ok(("notify", json!({ "count": count })));
        }
        let w = self.desk.accounts.site().words(&self.actor.language);
        let args: [(&str, &dyn std::fmt::Display); 3] =
            [("who", &one.actor_name), ("ticket", &one.ticket), ("subject", &one.subject)];
        let data = json!({
            "count": count,
            "title": w.a("notify-browser-title", "ticket", one.ticket),
            "body": w.all(one.reason.key(), &args),
            "url": format!("/t/{}", one.ticket),
            "tag": one.ticket.to_string(),
        });
        Ok(("notify", data))
    }
}

/// Others who are at a ticket, as badges.
pub(crate) fn present(
    desk: &Desk,
    actor: &Actor,
    directory: &Directory,
    ticket: TicketId,
    w: &Words,
) -> Markup {
    let others: Vec<Other> = others(desk, actor, directory, ticket, w);
    ui::rendered(&Others { others })
}

/// A warning where somebody else is writing an answer.
pub(crate) fn collision(
    desk: &Desk,
    actor: &Actor,
    directory: &Directory,
    ticket: TicketId,
    w: &Words,
) -> Markup {
    let mut here = desk.hub().present(ticket).into_iter();
    let writes = |(agent, activity): &(AgentId, Activity)| {
        *agent != actor.id && *activity == Activity::Writing
    };
    let Some((author, _)) = here.find(writes) else { return Markup::default() };
    let text = w.rich("collision-writes", &[("who", &directory.name_of(author))]);
    let draft = format!("/t/{ticket}/drafts/{}", author.0);
    ui::rendered(&Collision { w, icon: ui::icon("circle-alert"), text, draft: &draft })
}

#[derive(askama::Template)]
#[template(path = "_collision.html")]
struct Collision<'c> {
    w: &'c Words,
    icon: Markup,
    text: Markup,
    draft: &'c str,
}

struct Other {
    badge: Badge,
    doing: &'static str,
    text: String,
}

#[derive(askama::Template)]
#[template(
    source = r#"{% for other in others %}{{ ui::avatar_here(other.badge, "avatar--xs", other.doing) }}<span class="sr">{{ other.text }} </span>{% endfor %}"#,
    ext = "html"
)]
struct Others {
    others: Vec<Other>,
}

fn others(
    desk: &Desk,
    actor: &Actor,
    directory: &Directory,
    ticket: TicketId,
    w: &Words,
) -> Vec<Other> {
    let here = desk.hub().present(ticket).into_iter().filter(|(agent, _)| *agent != actor.id);
    let other = |(agent, activity): (AgentId, Activity)| {
        let card = directory.agent(agent)?;
        let (doing, key) = match activity {
            Activity::Writing => ("writing", "presence-writes"),
            Activity::Viewing | Activity::Gone => ("viewing", "presence-looks"),
        };
        Some(Other { badge: card.badge.clone(), doing, text: w.a(key, "who", &card.name) })
    };
    here.filter_map(other).collect()
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PresenceForm {
    activity: String,
    /// A plain form of the page: it comes back.
    #[serde(default)]
    back: String,
}

/// A page says that its person looks at a ticket, has read what is in it, writes in it, or left
/// it. Whoever looks or writes has read it, too.
pub(super) async fn presence(
    State(desk): State<Desk>,
    actor: Actor,
    Reference(id): Reference,
    from: From,
    Form(form): Form<PresenceForm>,
) -> WebResult<Response> {
    let activity = match form.activity.as_str() {
        "read" => None,
        "viewing" => Some(Activity::Viewing),
        "writing" => Some(Activity::Writing),
        "gone" => Some(Activity::Gone),
        _ => return Err(WebError::BadInput(String::new())),
    };
    let opened = Opened::open(&desk, &actor, id, &from.list).await?;
    if activity != Some(Activity::Gone) {
        mark_read(&desk, &actor, &opened.ticket).await?;
    }
    if let Some(activity) = activity {
        desk.hub().be_present(opened.ticket.id, actor.id, activity).await?;
    }
    if form.back == "yes" {
        return Ok(ui::see_other(&opened.url()));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
