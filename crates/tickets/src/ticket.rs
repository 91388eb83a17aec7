//! A ticket: one customer's issue, with one reference, one owner, one state.

use anyhow::{Result, bail};
use database::{Cols, FromRow};
use kernel::{AgentId, CategoryId, CustomerId, InboxId, ProblemId, TeamId, TicketId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::State;
use crate::clock::Waiting;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    pub id: TicketId,
    pub inbox: InboxId,
    pub customer: CustomerId,
    pub subject: String,
    pub channel: Channel,
    pub state: State,
    pub state_before_spam: Option<State>,
    pub priority: Priority,
    pub category: Option<CategoryId>,
    pub assignee: Option<AgentId>,
    pub team: Option<TeamId>,
    pub problem: Option<ProblemId>,
    pub merged_into: Option<TicketId>,
    pub hold_reason: Option<String>,
    pub resolution: Option<Resolution>,
    pub cause: Option<String>,
    pub waiting: Waiting,
    pub first_replied_at: Option<Timestamp>,
    pub acknowledged_at: Option<Timestamp>,
    pub acknowledgement_withheld: Option<String>,
    pub resolved_at: Option<Timestamp>,
    pub reopen_count: i64,
    pub message_count: i64,
    pub last_message_at: Timestamp,
    pub last_direction: Direction,
    pub snippet: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub version: i64,
}

pub(crate) const COLUMNS: &str = "t.id, t.inbox_id, t.customer_id, t.subject, t.channel, t.state,
    t.state_before_spam, t.priority, t.category_id, t.assignee_id, t.team_id, t.problem_id,
    t.merged_into, t.hold_reason, t.resolution, t.cause, t.waiting_since, t.reply_due_at,
    t.next_update_at, t.snoozed_until, t.first_replied_at, t.acknowledged_at,
    t.acknowledgement_withheld, t.resolved_at, t.reopen_count, t.message_count,
    t.last_message_at, t.last_direction, t.snippet, t.created_at, t.updated_at, t.version";

impl FromRow for Ticket {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            inbox: cols.next()?,
            customer: cols.next()?,
            subject: cols.next()?,
            channel: Channel::named(&cols.next::<String>()?)?,
            state: State::named(&cols.next::<String>()?)?,
            state_before_spam: match cols.next::<Option<String>>()? {
                Some(state) => Some(State::named(&state)?),
                None => None,
            },
            priority: Priority::named(&cols.next::<String>()?)?,
            category: cols.next()?,
            assignee: cols.next()?,
            team: cols.next()?,
            problem: cols.next()?,
            merged_into: cols.next()?,
            hold_reason: cols.next()?,
            resolution: match cols.next::<Option<String>>()? {
                Some(resolution) => Some(Resolution::named(&resolution)?),
                None => None,
            },
            cause: cols.next()?,
            waiting: Waiting {
                since: cols.next()?,
                reply_due_at: cols.next()?,
                next_update_at: cols.next()?,
                snoozed_until: cols.next()?,
            },
            first_replied_at: cols.next()?,
            acknowledged_at: cols.next()?,
            acknowledgement_withheld: cols.next()?,
            resolved_at: cols.next()?,
            reopen_count: cols.next()?,
            message_count: cols.next()?,
            last_message_at: cols.next()?,
            last_direction: Direction::named(&cols.next::<String>()?)?,
            snippet: cols.next()?,
            created_at: cols.next()?,
            updated_at: cols.next()?,
            version: cols.next()?,
        })
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            pub fn named(text: &str) -> Result<Self> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    other => bail!(concat!("unknown ", stringify!($name), " {}"), other),
                }
            }
        }
    };
}

words! {
    /// A way of contact.
    Channel {
        Email = "email",
        Form = "form",
        Portal = "portal",
        Api = "api",
    }
}

impl Channel {
    pub fn icon(self) -> &'static str {
        match self {
            Self::Email => "mail",
            Self::Form => "file-text",
            Self::Portal => "message-circle",
            Self::Api => "webhook",
        }
    }

    pub fn key(self) -> &'static str {
        match self {
            Self::Email => "channel-email",
            Self::Form => "channel-form",
            Self::Portal => "channel-portal",
            Self::Api => "channel-api",
        }
    }
}

words! {
    Priority {
        Low = "low",
        Normal = "normal",
        High = "high",
        Urgent = "urgent",
    }
}

impl Priority {
    pub fn key(self) -> &'static str {
        match self {
            Self::Low => "priority-low",
            Self::Normal => "priority-normal",
            Self::High => "priority-high",
            Self::Urgent => "priority-urgent",
        }
    }
}

words! {
    /// Who spoke: the customer to us, or we to the customer.
    Direction {
        In = "in",
        Out = "out",
    }
}

words! {
    /// How a ticket ended.
    Resolution {
        Solved = "solved",
        /// The customer can go on, but the cause is still there.
        Workaround = "workaround",
        Answered = "answered",
        Duplicate = "duplicate",
        /// We cannot or will not do it, and said so.
        Declined = "declined",
        /// The customer did not come back.
        NoAnswer = "no_answer",
        SelfService = "self_service",
    }
}

impl Resolution {
    pub fn key(self) -> &'static str {
        match self {
            Self::Solved => "resolution-solved",
            Self::Workaround => "resolution-workaround",
            Self::Answered => "resolution-answered",
            Self::Duplicate => "resolution-duplicate",
            Self::Declined => "resolution-declined",
            Self::NoAnswer => "resolution-no-answer",
            Self::SelfService => "resolution-self-service",
        }
    }
}
