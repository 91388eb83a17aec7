//! What changes, told as it happens (server-sent events).

use std::convert::Infallible;
use std::time::Duration;

use accounts::{Act, Actor};
use anyhow::Result;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use live::{Change, Numbered, Touch};
use serde::Serialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use utoipa::ToSchema;

use crate::problem::{ApiResult, Kind, Problem};
use crate::{Api, PREFIX};

/// The data of `ticket.changed`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TicketChanged {
    #[schema(example = "RC-10482")]
    ticket: String,
    #[schema(example = "/api/v1/tickets/RC-10482")]
    url: String,
    /// `ticket` (its status, assignee, tags …), `entry` (a message, note or fact was added) or
    /// `message` (one that was there looks different: sent, bounced, redacted).
    #[schema(example = "entry")]
    what: &'static str,
}

/// However little word of changes comes, whether somebody may still listen is looked up this often:
/// nobody hears anything five seconds after their token has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(if cfg!(test) { 200 } else { 4_000 });

/// Follow changes
///
/// A stream of server-sent events. `ticket.changed` says which ticket of the inboxes that you
/// see is not what it was; `reset` says that something was missed and everything has to be read
/// again. Every event has an id; after a broken connection send it as `Last-Event-ID`, and what
/// was missed meanwhile comes first. The stream ends when the token does.
#[utoipa::path(get, path = "/api/v1/events", tag = "Events",
    params(("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen")),
    responses((status = 200, description = "Events, for as long as somebody listens; the data of `ticket.changed`:",
        body = TicketChanged, content_type = "text/event-stream")))]
pub(crate) async fn stream(
    State(api): State<Api>,
    actor: Actor,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let hub = api.accounts.hub();
    let Some(open) = hub.stream(actor.id) else { return Err(Problem::new(Kind::TooMany)) };
    // Listening begins before looking back, so that nothing falls between.
    let changes = hub.changes();
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse::<u64>().ok());
    let (missed, is_lost) = match seen {
        None => (Vec::new(), false),
        Some(seen) => match hub.since(seen) {
            Some(missed) => (missed, false),
            None => (Vec::new(), true),
        },
    };
    let latest = missed.last().map_or(hub.latest(), |last| last.number);
    let mut look = tokio::time::interval_at(Instant::now() + LOOK_AGAIN, LOOK_AGAIN);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let listener = Listener {
        look,
        settings_version: hub.settings_version(),
        api: api.clone(),
        actor,
        headers,
        changes,
        missed: missed.into_iter(),
        is_lost,
        latest,
        _open: open,
    };
    let events = unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15)).text("still here");
    let stream = Sse::new(events).keep_alive(keep_alive);
    // Some proxies hold answers back until they are whole.
    let headers =
        [(HeaderName::from_static("x-accel-buffering"), "no"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, stream).into_response())
}

struct Listener {
    api: Api,
    actor: Actor,
    headers: HeaderMap,
    changes: Receiver<Numbered>,
    missed: std::vec::IntoIter<Numbered>,
    is_lost: bool,
    /// The last number that was looked at.
    latest: u64,
    settings_version: u64,
    look: Interval,
    _open: live::Stream,
}

impl Listener {
    /// The next event that this person may see; none when the stream is over.
    async fn next(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.is_lost) {
            return Some(reset(self.latest));
        }
        loop {
            if let Some(missed) = self.missed.next() {
                if let Some(event) = self.event(missed) {
                    return Some(event);
                }
                continue;
            }
            let came = tokio::select! {
                () = self.api.stop.cancelled() => return None,
                came = self.changes.recv() => Some(came),
                _ = self.look.tick() => None,
            };
            match self.still_may(came.is_none()).await {
                Ok(true) => {}
                Ok(false) => return None,
                Err(fault) => {
                    tracing::error!("a stream of events ended: {fault:#}");
                    return None;
                }
            }
            match came {
                None => {}
                Some(Ok(change)) if change.number <= self.latest => {}
                Some(Ok(change)) => {
                    self.latest = change.number;
                    if let Some(event) = self.event(change) {
                        return Some(event);
                    }
                }
                Some(Err(RecvError::Lagged(_))) => {
                    self.latest = self.api.accounts.hub().latest();
                    return Some(reset(self.latest));
                }
                Some(Err(RecvError::Closed)) => return None,
            }
        }
    }

    /// Asks again who is listening, when people or rights changed and now and then.
    async fn still_may(&mut self, is_time: bool) -> Result<bool> {
        let version = self.api.accounts.hub().settings_version();
        if version == self.settings_version && !is_time {
            return Ok(true);
        }
        self.settings_version = version;
        match self.api.accounts.still_there_by_token(&self.headers).await? {
            Some(actor) if actor.may(Act::ReadTickets) => {
                self.actor = actor;
                Ok(true)
            }
            Some(_) | None => Ok(false),
        }
    }

    fn event(&self, numbered: Numbered) -> Option<Event> {
        let number = numbered.number;
        match numbered.change {
            Change::Ticket { id, inbox, touch } if self.actor.may_see(inbox) => {
                let what = match touch {
                    Touch::Row => "ticket",
                    Touch::Entry => "entry",
                    Touch::Message => "message",
                };
                let url = format!("{PREFIX}/tickets/{id}");
                let data = TicketChanged { ticket: id.to_string(), url, what };
                let data = serde_json::to_string(&data).ok()?;
                let event = Event::default().event("ticket.changed");
                Some(event.id(number.to_string()).data(data))
            }
            Change::Everything => Some(reset(number)),
            Change::Ticket { .. }
            | Change::Presence { .. }
            | Change::Notifications { .. }
            | Change::Agent { .. }
            | Change::Settings => None,
        }
    }
}

fn reset(number: u64) -> Event {
    Event::default().event("reset").id(number.to_string()).data("{}")
}
