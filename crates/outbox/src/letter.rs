//! A letter: everything that is needed to send it, and nothing that may change meanwhile.

use std::fmt;

use kernel::{EmailAddress, InboxId, MessageId, Span, TicketId, Timestamp};
use serde::{Deserialize, Serialize};

/// Somebody with an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    pub address: EmailAddress,
}

impl Party {
    pub fn new(name: impl Into<String>, address: EmailAddress) -> Self {
        Self { name: name.into(), address }
    }
}

/// `Dana Whitfield <dana@example.com>`, for people to read.
impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            write!(f, "{}", self.address)
        } else {
            write!(f, "{} <{}>", self.name, self.address)
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recipients {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Party>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<Party>,
    /// Never part of anything that leaves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bcc: Vec<Party>,
}

impl Recipients {
    pub fn to(party: Party) -> Self {
        Self { to: vec![party], ..Self::default() }
    }

    pub fn everyone(&self) -> impl Iterator<Item = &Party> {
        self.to.iter().chain(&self.cc).chain(&self.bcc)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A person answers a customer.
    Reply,
    /// A person sends a message on to somebody else.
    Forward,
    /// The automatic "we have it".
    Acknowledgement,
    /// Any other mail that no person wrote.
    Automatic,
    /// Invitations, links to sign in, notifications: asked for by the recipient.
    System,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::Forward => "forward",
            Self::Acknowledgement => "acknowledgement",
            Self::Automatic => "automatic",
            Self::System => "system",
        }
    }

    pub(crate) fn named(text: &str) -> anyhow::Result<Self> {
        Ok(match text {
            "reply" => Self::Reply,
            "forward" => Self::Forward,
            "acknowledgement" => Self::Acknowledgement,
            "automatic" => Self::Automatic,
            "system" => Self::System,
            other => anyhow::bail!("unknown kind of delivery {other}"),
        })
    }

    /// Mail that no person wrote carries the marks of RFC 3834.
    pub fn is_automatic(self) -> bool {
        match self {
            Self::Reply | Self::Forward => false,
            Self::Acknowledgement | Self::Automatic | Self::System => true,
        }
    }

    /// Whether it answers something that a customer sent, so that the caps apply.
    pub(crate) fn is_capped(self) -> bool {
        match self {
            Self::Acknowledgement | Self::Automatic => true,
            Self::Reply | Self::Forward | Self::System => false,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Letter {
    pub kind: Kind,
    /// The inbox it leaves through; none for system mail before one was chosen.
    pub inbox: Option<InboxId>,
    pub ticket: Option<TicketId>,
    /// The message it carries, whose attachments go with it.
    pub message: Option<MessageId>,
    /// Without brackets; see [`new_mail_id`].
    pub mail_id: String,
    pub from_name: String,
    pub reply_to: Option<EmailAddress>,
    pub recipients: Recipients,
    pub subject: String,
    pub text: String,
    pub html: Option<String>,
    pub in_reply_to: Option<String>,
    /// Oldest first, as in the header.
    pub references: Vec<String>,
    /// Until then it can be taken back.
    pub send_after: Timestamp,
    /// For how long it says something; none: for as long as mail is tried.
    pub useful_for: Option<Span>,
    /// Whether the recipient proved to own the address. Strangers get one automatic mail a day.
    pub verified: bool,
}

/// A new Message-ID with 160 random bits: whoever answers with it has seen the mail.
pub fn new_mail_id(domain: &str) -> String {
    let bits: [u8; 20] = rand::random();
    format!("rc.{}@{domain}", kernel::hex(&bits))
}
