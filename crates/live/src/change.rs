//! Changes, and how they travel between nodes.

use std::fmt;
use std::str::FromStr;

use kernel::{AgentId, InboxId, TicketId};

/// Something that somebody may be looking at is not what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Ticket {
        id: TicketId,
        inbox: InboxId,
        touch: Touch,
    },
    /// Somebody opened, writes in, or left a ticket.
    Presence {
        ticket: TicketId,
        agent: AgentId,
        activity: Activity,
    },
    /// An agent has new notifications, or read some.
    Notifications {
        agent: AgentId,
    },
    /// What an agent may do or see changed, or their sessions ended.
    Agent {
        id: AgentId,
    },
    /// Settings, people, inboxes, tags: whatever is kept in memory.
    Settings,
    /// Something was missed; everything has to be looked at again.
    Everything,
}

/// What about the ticket changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Its row in lists: state, assignee, priority, tags.
    Row,
    /// A message, note or event was added; the row too.
    Entry,
    /// A message that was there looks different: sent, failed, taken back, redacted.
    Message,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    Viewing,
    Writing,
    Gone,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ticket { id, inbox, touch } => {
                let touch = match touch {
                    Touch::Row => "row",
                    Touch::Entry => "entry",
                    Touch::Message => "message",
                };
                write!(f, "ticket {} {inbox} {touch}", id.0)
            }
            Self::Presence { ticket, agent, activity } => {
                let activity = match activity {
                    Activity::Viewing => "viewing",
                    Activity::Writing => "writing",
                    Activity::Gone => "gone",
                };
                write!(f, "presence {} {agent} {activity}", ticket.0)
            }
            Self::Notifications { agent } => write!(f, "notifications {agent}"),
            Self::Agent { id } => write!(f, "agent {id}"),
            Self::Settings => f.write_str("settings"),
            Self::Everything => f.write_str("*"),
        }
    }
}

impl From<Change> for String {
    fn from(change: Change) -> Self {
        change.to_string()
    }
}

/// A notice that is meant for somebody else.
#[derive(Debug)]
pub struct NotAChange;

impl FromStr for Change {
    type Err = NotAChange;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split(' ');
        let mut word = || words.next().ok_or(NotAChange);
        let number = |word: &str| word.parse::<i64>().ok().ok_or(NotAChange);
        Ok(match word()? {
            "ticket" => Self::Ticket {
                id: TicketId(number(word()?)?),
                inbox: InboxId(number(word()?)?),
                touch: match word()? {
                    "row" => Touch::Row,
                    "entry" => Touch::Entry,
                    "message" => Touch::Message,
                    _ => return Err(NotAChange),
                },
            },
            "presence" => Self::Presence {
                ticket: TicketId(number(word()?)?),
                agent: AgentId(number(word()?)?),
                activity: match word()? {
                    "viewing" => Activity::Viewing,
                    "writing" => Activity::Writing,
                    "gone" => Activity::Gone,
                    _ => return Err(NotAChange),
                },
            },
            "notifications" => Self::Notifications { agent: AgentId(number(word()?)?) },
            "agent" => Self::Agent { id: AgentId(number(word()?)?) },
            "settings" => Self::Settings,
            "*" => Self::Everything,
            _ => return Err(NotAChange),
        })
    }
}
