//! What stands in a ticket, in its order: messages, notes and facts as the page shows them.

mod cards;

use anyhow::Result;
use askama::Template;
use database::Conn;
use kernel::{MessageId, NoteId, TicketId, Timestamp};
use outbox::Delivery;
use ui::Words;

pub(crate) use self::cards::{Maker, Stop, size};
use crate::event::{Event, Note};
use crate::mail_view;
use crate::message::{Attachment, Message};
use crate::store::entries;
use crate::ticket::Direction;

/// Messages that are shown at once; earlier ones come when they are asked for.
const MESSAGES_SHOWN: i64 = 40;
const STOPS_MAX: i64 = 1_000;

/// Which part of a ticket is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Latest,
    /// What stands before a message.
    Before(MessageId),
    /// What came at an instant or after it.
    Since(Timestamp),
}

/// A part of a ticket as stored.
pub(crate) struct Loaded {
    messages: Vec<Message>,
    notes: Vec<Note>,
    events: Vec<Event>,
    attachments: Vec<Attachment>,
    note_files: Vec<Attachment>,
    deliveries: Vec<Delivery>,
    /// Messages with pictures that are somewhere in the web.
    pictured: Vec<MessageId>,
    /// The first message that is here, if there are earlier ones.
    pub(crate) earlier: Option<MessageId>,
}

impl Loaded {
    pub(crate) async fn load(conn: &Conn, ticket: TicketId, part: Part) -> Result<Self> {
        let mut earlier = None;
        let mut until = Timestamp::from_micros(i64::MAX);
        let messages = match part {
            Part::Since(at) => entries::messages_since(conn, ticket, at, STOPS_MAX).await?,
            Part::Latest | Part::Before(_) => {
                let before = match part {
                    Part::Before(message) => Some(message),
                    Part::Latest | Part::Since(_) => None,
                };
                if let Some(message) = before
                    && let Some(first) = entries::find_message(conn, message).await?
                {
                    until = first.created_at;
                }
                let limit = MESSAGES_SHOWN + 1;
                let mut found = entries::messages_before(conn, ticket, before, limit).await?;
                if found.len() > kernel::length(MESSAGES_SHOWN) {
                    found.pop();
                    earlier = found.last().map(|message| message.id);
                }
                found.reverse();
                found
            }
        };
        let from = match (part, earlier) {
            (Part::Since(at), _) => at,
            // What was noted before the first message that is shown stands with the earlier ones.
            (_, Some(_)) => messages.first().map_or(until, |message| message.created_at),
            (_, None) => Timestamp::from_micros(i64::MIN),
        };
        let ids: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
        let notes = async {
            let notes = entries::notes_between(conn, ticket, from, until, STOPS_MAX).await?;
            let note_ids: Vec<NoteId> = notes.iter().map(|note| note.id).collect();
            let files = entries::note_attachments(conn, &note_ids).await?;
            anyhow::Ok((notes, files))
        };
        let ((notes, note_files), attachments, deliveries, pictured, events) = tokio::try_join!(
            notes,
            entries::attachments(conn, &ids),
            outbox::deliveries_of(conn, &ids),
            mail_view::with_remote_images(conn, &messages),
            entries::events_between(conn, ticket, from, until, STOPS_MAX),
        )?;
        Ok(Self { messages, notes, events, attachments, note_files, deliveries, pictured, earlier })
    }

    /// The latest thing that is here, by its key.
    pub(crate) fn last_key(&self) -> String {
        let last = [
            self.messages.last().map(|one| (one.created_at, format!("m{}", one.id))),
            self.notes.last().map(|one| (one.created_at, format!("n{}", one.id))),
            self.events.last().map(|one| (one.created_at, format!("v{}", one.id))),
        ];
        let last = last.into_iter().flatten().max_by_key(|(at, _)| *at);
        last.map_or(String::new(), |(_, key)| key)
    }

    /// Who outside wrote here last, after an instant.
    pub(crate) fn last_writer(&self, after: Timestamp) -> Option<&str> {
        let inbound =
            |message: &&Message| message.direction == Direction::In && message.created_at > after;
        self.messages.iter().rev().find(inbound).map(|message| message.from_name.as_str())
    }
}

/// A part of the course line.
#[derive(Template)]
#[template(path = "_stops.html")]
pub(crate) struct Stops {
    pub(crate) w: Words,
    pub(crate) reference: TicketId,
    pub(crate) stops: Vec<Stop>,
    /// Where earlier ones are.
    pub(crate) earlier: Option<String>,
}

impl askama::filters::HtmlSafe for Stops {}

impl Stops {
    /// Without the lines between days, for what is added to a page that has them.
    pub(crate) fn without_days(mut self) -> Self {
        self.stops.retain(|stop| !matches!(stop, Stop::Day(_)));
        self
    }
}

/// When the thing with this key came, if it stands in the ticket.
pub(crate) async fn time_of(conn: &Conn, ticket: TicketId, key: &str) -> Result<Option<Timestamp>> {
    let Some((kind, id)) = key.split_at_checked(1) else { return Ok(None) };
    let Ok(id) = id.parse::<i64>() else { return Ok(None) };
    match kind {
        "m" => entries::message_time(conn, ticket, id).await,
        "n" => entries::note_time(conn, ticket, id).await,
        "v" => entries::event_time(conn, ticket, id).await,
        _ => Ok(None),
    }
}
