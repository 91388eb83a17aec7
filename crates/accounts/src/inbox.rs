//! An inbox: where customers write to, and what is said about answers from there.

use anyhow::{Result, bail};
use database::{Conn, Tx};
use kernel::{EmailAddress, Failure, InboxId, PublicId, Refusal, Timestamp};

use crate::store::{agents, inboxes};
use crate::{Actor, Sees};

#[derive(Clone, Debug)]
pub struct Inbox {
    pub id: InboxId,
    pub public_id: PublicId,
    pub name: String,
    pub kind: InboxKind,
    pub address: Option<EmailAddress>,
    /// Who mail from here says it is from.
    pub sender_name: String,
    pub signature: String,
    /// The answer time that an acknowledgement promises.
    pub reply_within_minutes: i64,
    pub acknowledges: bool,
    pub archived_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboxKind {
    Email,
    Form,
    Api,
}

impl InboxKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Form => "form",
            Self::Api => "api",
        }
    }

    pub(crate) fn named(text: &str) -> Result<Self> {
        Ok(match text {
            "email" => Self::Email,
            "form" => Self::Form,
            "api" => Self::Api,
            other => bail!("unknown kind of inbox {other}"),
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InboxRefusal {
    #[error("another inbox already has the address {0}")]
    AddressTaken(EmailAddress),
    #[error("give the inbox a name")]
    Nameless,
    #[error("the answer time must be between five minutes and thirty days")]
    ReplyTime,
}

impl Refusal for InboxRefusal {}

impl Inbox {
    /// All inboxes, archived ones too, by name.
    pub async fn all(conn: &Conn) -> Result<Vec<Self>> {
        inboxes::all(conn).await
    }
}

/// What an inbox is made from.
#[derive(Clone, Debug)]
pub struct NewInbox {
    pub name: String,
    pub kind: InboxKind,
    pub address: Option<EmailAddress>,
    pub sender_name: String,
    pub signature: String,
    pub reply_within_minutes: i64,
    pub acknowledges: bool,
}

impl NewInbox {
    /// An inbox for mail with what most people want.
    pub fn email(name: impl Into<String>, address: EmailAddress, sender_name: &str) -> Self {
        Self {
            name: name.into(),
            kind: InboxKind::Email,
            address: Some(address),
            sender_name: sender_name.to_owned(),
            signature: String::new(),
            reply_within_minutes: 24 * 60,
            acknowledges: true,
        }
    }

    fn check(&self) -> Result<(), InboxRefusal> {
        if self.name.trim().is_empty() {
            return Err(InboxRefusal::Nameless);
        }
        if !(5..=30 * 24 * 60).contains(&self.reply_within_minutes) {
            return Err(InboxRefusal::ReplyTime);
        }
        Ok(())
    }
}

pub async fn add_inbox(
    tx: &mut Tx,
    inbox: &NewInbox,
    now: Timestamp,
) -> Result<InboxId, Failure<InboxRefusal>> {
    inbox.check()?;
    match (inboxes::add(tx, inbox, now).await?, &inbox.address) {
        (Some(id), _) => Ok(id),
        (None, Some(address)) => Err(InboxRefusal::AddressTaken(address.clone()).into()),
        (None, None) => Err(anyhow::anyhow!("an inbox was not added").into()),
    }
}

/// Lets whoever made an inbox see it, where they see only some.
pub async fn let_maker_see(tx: &mut Tx, maker: &Actor, inbox: InboxId) -> Result<()> {
    match maker.sees {
        Sees::Everything => Ok(()),
        Sees::Only(_) => agents::add_to_inboxes(tx, maker.id, inbox).await,
    }
}

pub async fn update_inbox(
    tx: &mut Tx,
    id: InboxId,
    inbox: &NewInbox,
) -> Result<(), Failure<InboxRefusal>> {
    inbox.check()?;
    if let Some(address) = &inbox.address
        && inboxes::is_taken(tx, address, id).await?
    {
        return Err(InboxRefusal::AddressTaken(address.clone()).into());
    }
    Ok(inboxes::set(tx, id, inbox).await?)
}

/// Takes an inbox out of use, or back. Its tickets stay.
pub async fn archive_inbox(tx: &mut Tx, id: InboxId, at: Option<Timestamp>) -> Result<()> {
    inboxes::set_archived(tx, id, at).await
}
