//! Tickets, and how they are asked for, made and changed.

use accounts::Directory;
use kernel::Timestamp;
use search::Piece;
use serde::{Deserialize, Serialize};
use tickets::finding::{Find, PlaceKind};
use tickets::reading::Card;
use utoipa::{IntoParams, ToSchema};

use super::{Customer, Given, Message, Named, Person, Writer, stated};

/// A customer's issue: one reference, one owner, one status.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Ticket {
    /// The same as the reference.
    #[schema(example = "RC-10482")]
    pub(crate) id: String,
    #[schema(example = "RC-10482")]
    pub(crate) reference: String,
    #[schema(example = "/api/v1/tickets/RC-10482")]
    pub(crate) url: String,
    #[schema(example = "Refund for Web Design Foundations")]
    pub(crate) subject: String,
    /// `new`, `bot`, `open`, `waiting_customer`, `on_hold`, `snoozed`, `resolved`, `closed` or
    /// `spam`.
    #[schema(example = "open")]
    pub(crate) status: String,
    /// `low`, `normal`, `high` or `urgent`.
    #[schema(example = "normal")]
    pub(crate) priority: String,
    /// The channel of the first contact: `email`, `form`, `portal` or `api`.
    #[schema(example = "api")]
    pub(crate) channel: String,
    pub(crate) inbox: Option<Named>,
    pub(crate) customer: Option<Customer>,
    pub(crate) assignee: Option<Person>,
    pub(crate) team: Option<Named>,
    pub(crate) category: Option<Named>,
    pub(crate) tags: Vec<String>,
    /// What the ticket waits for while it is on hold.
    pub(crate) hold_reason: Option<String>,
    #[schema(format = DateTime)]
    pub(crate) next_update_at: Option<String>,
    #[schema(format = DateTime)]
    pub(crate) snoozed_until: Option<String>,
    /// `solved`, `workaround`, `answered`, `duplicate`, `declined`, `no_answer` or
    /// `self_service`.
    pub(crate) resolution: Option<String>,
    pub(crate) cause: Option<String>,
    /// Since when the customer waits for an answer.
    #[schema(format = DateTime)]
    pub(crate) waiting_since: Option<String>,
    /// When we said that we would answer.
    #[schema(format = DateTime)]
    pub(crate) reply_due_at: Option<String>,
    #[schema(format = DateTime)]
    pub(crate) first_replied_at: Option<String>,
    #[schema(format = DateTime)]
    pub(crate) acknowledged_at: Option<String>,
    #[schema(format = DateTime)]
    pub(crate) resolved_at: Option<String>,
    #[schema(example = 3)]
    pub(crate) message_count: i64,
    #[schema(format = DateTime, example = "2026-11-24T09:00:00Z")]
    pub(crate) last_message_at: String,
    #[schema(format = DateTime, example = "2026-11-24T09:00:00Z")]
    pub(crate) created_at: String,
    #[schema(format = DateTime, example = "2026-11-24T09:00:00Z")]
    pub(crate) updated_at: String,
    /// The first message; only in the answer to the request that made the ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<Message>,
}

/// Names that tickets mention by id.
pub(crate) struct Names<'n> {
    pub(crate) directory: &'n Directory,
    pub(crate) categories: &'n [tickets::Category],
}

impl Ticket {
    pub(crate) fn of(card: &Card, names: &Names<'_>) -> Self {
        let Card { ticket, customer, tags } = card;
        let at = |time: Option<Timestamp>| time.map(|time| time.to_string());
        let directory = names.directory;
        let team = ticket.team.and_then(|id| directory.team(id));
        let category = ticket
            .category
            .and_then(|id| names.categories.iter().find(|category| category.id == id));
        let named =
            |id: kernel::PublicId, name: &str| Named { id: id.to_string(), name: name.to_owned() };
        Self {
            id: ticket.id.to_string(),
            reference: ticket.id.to_string(),
            url: format!("{}/tickets/{}", crate::PREFIX, ticket.id),
            subject: ticket.subject.clone(),
            status: ticket.state.as_str().to_owned(),
            priority: ticket.priority.as_str().to_owned(),
            channel: ticket.channel.as_str().to_owned(),
            inbox: directory.inbox(ticket.inbox).map(|one| named(one.public_id, &one.name)),
            customer: customer.as_ref().map(Customer::of),
            assignee: ticket.assignee.and_then(|id| Person::find(directory, id)),
            team: team.map(|team| named(team.public_id, &team.name)),
            category: category.map(|one| named(one.public_id, &one.name)),
            tags: tags.clone(),
            hold_reason: ticket.hold_reason.clone(),
            next_update_at: at(ticket.waiting.next_update_at),
            snoozed_until: at(ticket.waiting.snoozed_until),
            resolution: ticket.resolution.map(|one| one.as_str().to_owned()),
            cause: ticket.cause.clone(),
            waiting_since: at(ticket.waiting.since),
            reply_due_at: at(ticket.waiting.reply_due_at),
            first_replied_at: at(ticket.first_replied_at),
            acknowledged_at: at(ticket.acknowledged_at),
            resolved_at: at(ticket.resolved_at),
            message_count: ticket.message_count,
            last_message_at: ticket.last_message_at.to_string(),
            created_at: ticket.created_at.to_string(),
            updated_at: ticket.updated_at.to_string(),
            message: None,
        }
    }
}

/// Which tickets, in which order.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TicketQuery {
    /// A status, exactly: `new`, `open`, `waiting_customer`, `on_hold`, `snoozed`, `resolved`,
    /// `closed` or `spam`. Or a group of them: `needs_reply` (new and open), `active` (everything
    /// that is not done), `done` (resolved and closed) or `any`. Without it: everything but spam.
    #[param(example = "open")]
    pub(crate) status: Option<String>,
    /// The mail address or id of somebody who works here, `me`, or `none`.
    #[param(example = "me")]
    pub(crate) assignee: Option<String>,
    /// The id, the mail address or the name of an inbox.
    pub(crate) inbox: Option<String>,
    /// The id of a customer.
    pub(crate) customer: Option<String>,
    /// The name of a tag.
    pub(crate) tag: Option<String>,
    /// The id of a saved view. What else is said narrows it.
    pub(crate) view: Option<String>,
    /// `newest` (by the last message; the default), `oldest` or `due` (what is due first).
    pub(crate) sort: Option<String>,
    /// How many, 1 to 100; 50 if it is left out.
    #[param(example = 20)]
    pub(crate) limit: Option<i64>,
    /// `next` of the page before.
    pub(crate) after: Option<String>,
}

/// A new ticket. Give `text` or `html`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "customer": {"email": "dana@example.com", "name": "Dana Whitfield"},
    "subject": "Refund for Web Design Foundations",
    "text": "I would like my money back."
}))]
pub(crate) struct NewTicket {
    /// The id, mail address or name of an inbox; the first one that you see if it is left out.
    pub(crate) inbox: Option<String>,
    pub(crate) customer: Writer,
    #[schema(example = "Refund for Web Design Foundations")]
    pub(crate) subject: String,
    /// Plain text; from an agent it is read as Markdown.
    pub(crate) text: Option<String>,
    /// Instead of `text`. From an agent it is the HTML of the mail, cleaned: paragraphs, headings,
    /// lists, tables, links, code and emphasis stay; images, styles, scripts and forms do not.
    pub(crate) html: Option<String>,
    /// Who speaks: `customer` (the default: their words, which are acknowledged) or `agent` (our
    /// words, which are mailed to the customer).
    #[schema(example = "customer")]
    pub(crate) from: Option<String>,
    /// Who else gets our mail; only from an agent.
    #[serde(default)]
    pub(crate) cc: Vec<Writer>,
    /// Who else gets our mail without the others knowing; only from an agent.
    #[serde(default)]
    pub(crate) bcc: Vec<Writer>,
    /// Ids of uploaded files; only from an agent.
    #[serde(default)]
    pub(crate) attachments: Vec<String>,
}

/// What is to change about a ticket. What is left out stays. Null takes the assignee, the team
/// or the category away; an empty list takes all tags away.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"status": "resolved", "resolution": "solved", "tags": ["refund"]}))]
pub(crate) struct TicketPatch {
    /// `open` (also takes it back from spam), `waiting_customer`, `on_hold` (with `hold_reason`
    /// and `next_update_at`), `snoozed` (with `snoozed_until`), `resolved` or `spam`. Closed
    /// follows by itself.
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = String)]
    pub(crate) status: Option<String>,
    /// With `resolved`: `solved`, `workaround`, `answered`, `duplicate`, `declined`,
    /// `no_answer` or `self_service`.
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = String)]
    pub(crate) resolution: Option<String>,
    /// With `resolved`: why it came to this.
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = String)]
    pub(crate) cause: Option<String>,
    /// With `on_hold`: what it waits for.
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = String)]
    pub(crate) hold_reason: Option<String>,
    /// With `on_hold`: when the customer hears from us next.
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = String, format = DateTime)]
    pub(crate) next_update_at: Option<String>,
    /// With `snoozed`: when it comes back.
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = String, format = DateTime)]
    pub(crate) snoozed_until: Option<String>,
    /// `low`, `normal`, `high` or `urgent`.
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = String)]
    pub(crate) priority: Option<String>,
    /// The mail address or id of somebody who works here, `me`, or null for nobody.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub(crate) assignee: Given,
    /// The id or name of a team, or null.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub(crate) team: Given,
    /// The id or name of a category, or null.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub(crate) category: Given,
    /// All tags that the ticket is to have.
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = Vec<String>)]
    pub(crate) tags: Option<Vec<String>>,
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = String)]
    pub(crate) subject: Option<String>,
    /// The id, mail address or name of the inbox that it moves to.
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = String)]
    pub(crate) inbox: Option<String>,
}

/// A piece of a text.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Part {
    #[schema(example = "refund")]
    pub(crate) text: String,
    /// Whether this is what was looked for.
    pub(crate) hit: bool,
}

/// A ticket that was found.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Found {
    pub(crate) ticket: Ticket,
    /// The subject, with what was looked for set apart.
    pub(crate) subject: Vec<Part>,
    /// The words around what was looked for.
    pub(crate) snippet: Vec<Part>,
    /// Where the words stand; null for a ticket found by number or conditions alone.
    pub(crate) found_in: Option<FoundIn>,
}

/// The message or note in which the words stand.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct FoundIn {
    /// `message` or `note`.
    #[schema(example = "message")]
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    #[schema(format = DateTime)]
    pub(crate) at: String,
}

/// One page of what was found. It may be shorter than asked for; there is more until `next` is
/// null.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Search {
    pub(crate) data: Vec<Found>,
    pub(crate) next: Option<String>,
    /// Customers whose name or address was named; on the first page, for tokens that may read
    /// customers.
    pub(crate) customers: Vec<Customer>,
    /// Operators of the query that say nothing here; the rest was used.
    pub(crate) not_understood: Vec<String>,
}

impl Found {
    pub(crate) fn of(find: &Find, ticket: Ticket) -> Self {
        Self {
            ticket,
            subject: parts(&find.subject),
            snippet: parts(&find.snippet),
            found_in: find.place.map(|place| FoundIn {
                kind: match place.kind {
                    PlaceKind::Message => "message",
                    PlaceKind::Note => "note",
                },
                id: place.id.to_string(),
                at: place.at.to_string(),
            }),
        }
    }
}

fn parts(pieces: &[Piece]) -> Vec<Part> {
    pieces.iter().map(|piece| Part { text: piece.text.clone(), hit: piece.is_hit }).collect()
}

/// A tag that some ticket has or had.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Tag {
    #[schema(example = "refund")]
    pub(crate) name: String,
}

/// A list that somebody saved.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct View {
    pub(crate) id: String,
    #[schema(example = "Refunds that wait")]
    pub(crate) name: String,
    /// In the words of the search.
    #[schema(example = "status:open tag:refund")]
    pub(crate) query: String,
    /// `newest`, `oldest` or `due`.
    #[schema(example = "due")]
    pub(crate) sort: String,
    /// Whether everybody has it.
    pub(crate) shared: bool,
}

impl View {
    pub(crate) fn of(view: &tickets::View) -> Self {
        Self {
            id: view.public_id.to_string(),
            name: view.name.clone(),
            query: view.query.clone(),
            sort: view.sort.as_str().to_owned(),
            shared: view.owner.is_none(),
        }
    }
}
