//! A message: one piece of communication that a customer can see.

use anyhow::{Result, bail};
use database::{Cols, FromRow};
use kernel::{
    AgentId, AttachmentId, CustomerId, EmailAddress, LedgerId, MessageId, NoteId, PublicId,
    TicketId, Timestamp,
};
use outbox::Recipients;

use crate::SenderCheck;
use crate::ticket::{Channel, Direction};

#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub id: MessageId,
    pub public_id: PublicId,
    pub ticket: TicketId,
    pub direction: Direction,
    pub kind: MessageKind,
    pub channel: Channel,
    pub author: Author,
    pub from_name: String,
    pub from_address: Option<EmailAddress>,
    pub recipients: Recipients,
    pub subject: String,
    /// The visible part.
    pub text: String,
    /// Quoted history and signature.
    pub quoted: String,
    pub mail_id: Option<String>,
    pub check: SenderCheck,
    /// What each check said, as JSON.
    pub check_detail: String,
    /// A stranger's, until an agent admits it.
    pub held: bool,
    pub ledger: Option<LedgerId>,
    pub redacted: Option<Redaction>,
    pub has_html: bool,
    pub created_at: Timestamp,
}

impl Message {
    /// What to call the sender: the name, or the address.
    pub fn shown_from(&self) -> String {
        match &self.from_address {
            _ if !self.from_name.is_empty() => self.from_name.clone(),
            Some(address) => address.to_string(),
            None => "?".to_owned(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    Message,
    Acknowledgement,
    /// Sent by the program, or by a robot on the other side.
    Automatic,
    /// Sent on to a third party; the customer does not see it.
    Forward,
}

impl MessageKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Acknowledgement => "acknowledgement",
            Self::Automatic => "automatic",
            Self::Forward => "forward",
        }
    }

    fn named(text: &str) -> Result<Self> {
        Ok(match text {
            "message" => Self::Message,
            "acknowledgement" => Self::Acknowledgement,
            "automatic" => Self::Automatic,
            "forward" => Self::Forward,
            other => bail!("unknown kind of message {other}"),
        })
    }
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    Customer(CustomerId),
    /// Somebody who takes no part in the ticket.
    Stranger(CustomerId),
    Agent(AgentId),
    System,
}

impl Author {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Customer(_) => "customer",
            Self::Stranger(_) => "stranger",
            Self::Agent(_) => "agent",
            Self::System => "system",
        }
    }

    pub(crate) fn customer(self) -> Option<CustomerId> {
        match self {
            Self::Customer(id) | Self::Stranger(id) => Some(id),
            Self::Agent(_) | Self::System => None,
        }
    }

    pub(crate) fn agent(self) -> Option<AgentId> {
        match self {
            Self::Agent(id) => Some(id),
            Self::Customer(_) | Self::Stranger(_) | Self::System => None,
        }
    }

    fn read(author: &str, customer: Option<CustomerId>, agent: Option<AgentId>) -> Result<Self> {
        Ok(match (author, customer, agent) {
            ("customer", Some(id), _) => Self::Customer(id),
            ("stranger", Some(id), _) => Self::Stranger(id),
            ("agent", _, Some(id)) => Self::Agent(id),
            ("system", ..) => Self::System,
            _ => bail!("a message by {author} names nobody"),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redaction {
    pub at: Timestamp,
    pub by: AgentId,
}

pub(crate) const COLUMNS: &str = "m.id, m.public_id, m.ticket_id, m.direction, m.kind, m.channel,
    m.author, m.customer_id, m.agent_id, m.from_name, m.from_address, m.recipients, m.subject,
    m.text, m.quoted, m.mail_id, m.sender_check, m.sender_detail, m.held, m.ledger_id,
    m.redacted_at, m.redacted_by,
    exists (select 1 from message_html h where h.message_id = m.id), m.created_at";

impl FromRow for Message {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            public_id: cols.next()?,
            ticket: cols.next()?,
            direction: Direction::named(&cols.next::<String>()?)?,
            kind: MessageKind::named(&cols.next::<String>()?)?,
            channel: Channel::named(&cols.next::<String>()?)?,
            author: Author::read(&cols.next::<String>()?, cols.next()?, cols.next()?)?,
            from_name: cols.next()?,
            // An address that we would not take today is still shown as a name.
            from_address: cols.next::<Option<String>>()?.and_then(|text| text.parse().ok()),
            recipients: serde_json::from_str(&cols.next::<String>()?)?,
            subject: cols.next()?,
            text: cols.next()?,
            quoted: cols.next()?,
            mail_id: cols.next()?,
            check: SenderCheck::named(&cols.next::<String>()?),
            check_detail: cols.next()?,
            held: cols.next()?,
            ledger: cols.next()?,
            redacted: match (cols.next()?, cols.next()?) {
                (Some(at), Some(by)) => Some(Redaction { at, by }),
                _ => None,
            },
            has_html: cols.next()?,
            created_at: cols.next()?,
        })
    }
}

/// A file of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    pub id: AttachmentId,
    pub public_id: PublicId,
    pub message: Option<MessageId>,
    pub note: Option<NoteId>,
    pub file_hash: String,
    pub name: String,
    pub media_type: files::MediaType,
    pub size_bytes: i64,
    /// Of an image that stands inside the HTML.
    pub content_id: Option<String>,
}

pub(crate) const ATTACHMENT_COLUMNS: &str = "a.id, a.public_id, a.message_id, a.note_id,
    a.file_hash, a.name, a.media_type, a.size_bytes, a.content_id";

impl FromRow for Attachment {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            public_id: cols.next()?,
            message: cols.next()?,
            note: cols.next()?,
            file_hash: cols.next()?,
            name: cols.next()?,
            media_type: files::MediaType::named(&cols.next::<String>()?),
            size_bytes: cols.next()?,
            content_id: cols.next()?,
        })
    }
}

/// A file that is stored already and is about to belong to a message.
#[derive(Clone, Debug)]
pub struct StoredFile {
    pub hash: files::FileHash,
    pub name: String,
    pub media_type: files::MediaType,
    pub size_bytes: i64,
    pub content_id: Option<String>,
}
