//! An inbox: where customers write to, and what is said about answers from there.

use anyhow::{Result, bail};
use database::{Cols, Conn, FromRow, Sql, Tx, params};
use kernel::{EmailAddress, Failure, InboxId, PublicId, Refusal, Timestamp};
use live::Change;

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

    fn named(text: &str) -> Result<Self> {
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

const COLUMNS: &str = "id, public_id, name, kind, address, sender_name, signature,
    reply_within_minutes, acknowledges, archived_at, created_at";

impl FromRow for Inbox {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            public_id: cols.next()?,
            name: cols.next()?,
            kind: InboxKind::named(&cols.next::<String>()?)?,
            address: cols.next()?,
            sender_name: cols.next()?,
            signature: cols.next()?,
            reply_within_minutes: cols.next()?,
            acknowledges: cols.next()?,
            archived_at: cols.next()?,
            created_at: cols.next()?,
        })
    }
}

/// More inboxes than this are a mistake.
const INBOXES_MAX: i64 = 1_000;

impl Inbox {
    /// All inboxes, archived ones too, by name.
    pub async fn all(conn: &mut Conn) -> Result<Vec<Self>> {
        let mut sql = Sql::new("select ");
        sql.push(COLUMNS).push(" from inboxes order by name, id limit ").bind(INBOXES_MAX);
        conn.all_sql(sql).await
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
    let added: Option<(InboxId,)> = tx
        .optional(
            "insert into inboxes (public_id, name, kind, address, sender_name, signature,
                reply_within_minutes, acknowledges, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             on conflict (address) do nothing
             returning id",
            params![
                PublicId::new(now),
                inbox.name.trim(),
                inbox.kind.as_str(),
                inbox.address.clone(),
                kernel::one_line(&inbox.sender_name),
                &inbox.signature,
                inbox.reply_within_minutes,
                inbox.acknowledges,
                now
            ],
        )
        .await?;
    tx.announce(Change::Settings);
    match (added, &inbox.address) {
        (Some((id,)), _) => Ok(id),
        (None, Some(address)) => Err(InboxRefusal::AddressTaken(address.clone()).into()),
        (None, None) => Err(anyhow::anyhow!("an inbox was not added").into()),
    }
}

pub async fn update_inbox(
    tx: &mut Tx,
    id: InboxId,
    inbox: &NewInbox,
) -> Result<(), Failure<InboxRefusal>> {
    inbox.check()?;
    let taken: i64 = tx
        .scalar(
            "select count(*) from inboxes where address = $1 and id <> $2",
            params![inbox.address.clone(), id],
        )
        .await?;
    if let (true, Some(address)) = (taken > 0, &inbox.address) {
        return Err(InboxRefusal::AddressTaken(address.clone()).into());
    }
    tx.execute(
        "update inboxes
            set name = $2, address = $3, sender_name = $4, signature = $5,
                reply_within_minutes = $6, acknowledges = $7
          where id = $1",
        params![
            id,
            inbox.name.trim(),
            inbox.address.clone(),
            kernel::one_line(&inbox.sender_name),
            &inbox.signature,
            inbox.reply_within_minutes,
            inbox.acknowledges
        ],
    )
    .await?;
    tx.announce(Change::Settings);
    Ok(())
}

/// Takes an inbox out of use, or back. Its tickets stay.
pub async fn archive_inbox(tx: &mut Tx, id: InboxId, at: Option<Timestamp>) -> Result<()> {
    tx.execute("update inboxes set archived_at = $2 where id = $1", params![id, at]).await?;
    tx.announce(Change::Settings);
    Ok(())
}
