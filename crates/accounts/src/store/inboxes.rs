//! The rows of inboxes.

use anyhow::Result;
use database::{Cols, Conn, FromRow, Sql, Tx, params};
use kernel::{EmailAddress, InboxId, PublicId, Timestamp};
use live::Change;

use crate::{Inbox, InboxKind, NewInbox};

/// More inboxes than this are a mistake.
const INBOXES_MAX: i64 = 1_000;

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

pub(crate) async fn all(conn: &Conn) -> Result<Vec<Inbox>> {
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from inboxes order by name, id limit ").bind(INBOXES_MAX);
    conn.all_sql(sql).await
}

/// Adds an inbox; `None` if another one has the address.
pub(crate) async fn add(tx: &mut Tx, inbox: &NewInbox, now: Timestamp) -> Result<Option<InboxId>> {
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
    Ok(added.map(|(id,)| id))
}

/// Whether an inbox other than this one has the address.
pub(crate) async fn is_taken(conn: &Conn, address: &EmailAddress, but: InboxId) -> Result<bool> {
    let taken: i64 = conn
        .scalar(
            "select count(*) from inboxes where address = $1 and id <> $2",
            params![address.clone(), but],
        )
        .await?;
    Ok(taken > 0)
}

pub(crate) async fn set(tx: &mut Tx, id: InboxId, inbox: &NewInbox) -> Result<()> {
    tx.send(
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

pub(crate) async fn set_archived(tx: &mut Tx, id: InboxId, at: Option<Timestamp>) -> Result<()> {
    tx.send("update inboxes set archived_at = $2 where id = $1", params![id, at]).await?;
    tx.announce(Change::Settings);
    Ok(())
}

/// The address under which the mail of the system leaves: of this inbox, or of the first that can
/// send.
pub(crate) async fn sending_address(
    conn: &Conn,
    inbox: Option<InboxId>,
) -> Result<Option<EmailAddress>> {
    let mut sql = Sql::new(
        "select i.address from inboxes i join mail_connections c on c.inbox_id = i.id
          where c.smtp_host is not null and i.archived_at is null and i.address is not null",
    );
    if let Some(inbox) = inbox {
        sql.push(" and i.id = ").bind(inbox);
    }
    sql.push(" order by i.id limit 1");
    let row: Option<(EmailAddress,)> = conn.optional_sql(sql).await?;
    Ok(row.map(|(address,)| address))
}

/// The inboxes that have a server which mail can leave through.
pub(crate) async fn with_a_server(conn: &Conn) -> Result<Vec<InboxId>> {
    conn.column("select inbox_id from mail_connections where smtp_host is not null", params![])
        .await
}
