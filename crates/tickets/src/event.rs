//! Events: what happened to a ticket, for the timeline. Never changed.

use anyhow::Result;
use database::{Cols, FromRow};
use kernel::{AgentId, EventId, TicketId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::State;

#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub id: EventId,
    pub ticket: TicketId,
    pub by: By,
    pub fact: Fact,
    pub created_at: Timestamp,
}

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Agent(AgentId),
    Customer,
    System,
}

impl By {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Agent(_) => "agent",
            Self::Customer => "customer",
            Self::System => "system",
        }
    }

    pub fn agent(self) -> Option<AgentId> {
        match self {
            Self::Agent(id) => Some(id),
            Self::Customer | Self::System => None,
        }
    }
}

/// A fact, with what it needs to be told years later: names as they were then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fact")]
pub enum Fact {
    Created,
    Acknowledged { within_minutes: i64 },
    AcknowledgementWithheld { reason: String },
    StateChanged { from: String, to: String },
    Taken,
    Assigned { to: Option<AgentId> },
    AssigneeLeft { who: AgentId },
    TeamChanged { to: Option<String> },
    PriorityChanged { from: String, to: String },
    CategoryChanged { to: Option<String> },
    Tagged { tag: String },
    Untagged { tag: String },
    FieldChanged { label: String, value: String },
    SubjectChanged { from: String },
    Snoozed { until: Timestamp },
    Woke,
    Held { reason: String, next_update_at: Option<Timestamp> },
    Resolved { resolution: Option<String>, cause: Option<String> },
    Reopened,
    Closed,
    MarkedSpam,
    NotSpam,
    MergedIn { other: TicketId, subject: String },
    MergedAway { into: TicketId },
    SplitOff { other: TicketId },
    SplitFrom { other: TicketId },
    Linked { other: TicketId, how: String },
    Unlinked { other: TicketId },
    ProblemLinked { title: String },
    ProblemUnlinked { title: String },
    MovedTo { inbox: String },
    Redacted,
    Admitted { address: String },
    ParticipantAdded { address: String },
    ParticipantRemoved { address: String },
    SentElsewhere { inbox: String },
    BounceCame { address: String, reason: String },
    ComplaintCame { address: String },
    LinksRevoked,
}

impl Fact {
    pub(crate) fn state(from: State, to: State) -> Self {
        Self::StateChanged { from: from.as_str().to_owned(), to: to.as_str().to_owned() }
    }

    /// The kind by which it is stored and counted.
    pub(crate) fn kind(&self) -> String {
        let json = serde_json::to_value(self).unwrap_or_default();
        json.get("fact").and_then(serde_json::Value::as_str).unwrap_or("unknown").to_owned()
    }
}

impl FromRow for Event {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        let (id, ticket) = (cols.next()?, cols.next()?);
        let actor: String = cols.next()?;
        let by = match (actor.as_str(), cols.next::<Option<AgentId>>()?) {
            ("agent", Some(agent)) => By::Agent(agent),
            ("customer", _) => By::Customer,
            _ => By::System,
        };
        let fact = serde_json::from_str(&cols.next::<String>()?)?;
        Ok(Self { id, ticket, by, fact, created_at: cols.next()? })
    }
}

/// Internal text. It lives in a table of its own, so that nothing that sends messages can reach
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub id: kernel::NoteId,
    pub public_id: kernel::PublicId,
    pub ticket: TicketId,
    pub author: AgentId,
    pub text: String,
    pub created_at: Timestamp,
}

impl FromRow for Note {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            public_id: cols.next()?,
            ticket: cols.next()?,
            author: cols.next()?,
            text: cols.next()?,
            created_at: cols.next()?,
        })
    }
}
