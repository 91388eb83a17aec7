//! What single people have on tickets: drafts, how far they read, what they follow, what they
//! are told, what they may take back.

use anyhow::Result;
use database::{Cols, Conn, FromRow, Sql, Tx, params};
use kernel::{AgentId, NoteId, NotificationId, PublicId, TicketId, Timestamp};
use live::Change;
use outbox::Recipients;

/// Text that is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    pub mode: String,
    pub text: String,
    pub recipients: Recipients,
    pub updated_at: Timestamp,
}

impl FromRow for Draft {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            mode: cols.next()?,
            text: cols.next()?,
            recipients: serde_json::from_str(&cols.next::<String>()?).unwrap_or_default(),
            updated_at: cols.next()?,
        })
    }
}

pub(crate) async fn drafts(conn: &Conn, ticket: TicketId, agent: AgentId) -> Result<Vec<Draft>> {
    conn.all(
        "select mode, text, recipients, updated_at from drafts
          where ticket_id = $1 and agent_id = $2",
        params![ticket, agent],
    )
    .await
}

pub(crate) async fn save_draft(
    tx: &mut Tx,
    ticket: TicketId,
    agent: AgentId,
    draft: &Draft,
) -> Result<()> {
    if draft.text.trim().is_empty() && draft.recipients == Recipients::default() {
        return delete_draft(tx, ticket, agent, &draft.mode).await;
    }
    tx.send(
        "insert into drafts (ticket_id, agent_id, mode, text, recipients, updated_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (ticket_id, agent_id, mode) do update
            set text = excluded.text, recipients = excluded.recipients,
                updated_at = excluded.updated_at",
        params![
            ticket,
            agent,
            &draft.mode,
            &draft.text,
            serde_json::to_string(&draft.recipients)?,
            draft.updated_at
        ],
    )
    .await
}

pub(crate) async fn delete_draft(
    tx: &mut Tx,
    ticket: TicketId,
    agent: AgentId,
    mode: &str,
) -> Result<()> {
    tx.send(
        "delete from drafts where ticket_id = $1 and agent_id = $2 and mode = $3",
        params![ticket, agent, mode],
    )
    .await
}

/// Notes how far somebody has read; going back is not possible.
pub(crate) async fn set_read(
    tx: &mut Tx,
    ticket: TicketId,
    agent: AgentId,
    at: Timestamp,
) -> Result<()> {
    tx.send(
        "insert into ticket_reads (agent_id, ticket_id, read_at) values ($1, $2, $3)
         on conflict (agent_id, ticket_id) do update set read_at = excluded.read_at
          where ticket_reads.read_at < excluded.read_at",
        params![agent, ticket, at],
    )
    .await?;
    let told = tx
        .execute(
            "update notifications set read_at = $3
              where agent_id = $1 and ticket_id = $2 and read_at is null",
            params![agent, ticket, at],
        )
        .await?;
    if told > 0 {
        tx.announce(Change::Notifications { agent });
    }
    Ok(())
}

/// Whether somebody has seen everything up to an instant, and was told of nothing since.
pub(crate) async fn has_read(
    conn: &Conn,
    ticket: TicketId,
    agent: AgentId,
    until: Timestamp,
) -> Result<bool> {
    let count: i64 = conn
        .scalar(
            "select count(*) from ticket_reads r
              where r.agent_id = $1 and r.ticket_id = $2 and r.read_at >= $3
                and not exists (select 1 from notifications n
                     where n.agent_id = $1 and n.ticket_id = $2 and n.read_at is null)",
            params![agent, ticket, until],
        )
        .await?;
    Ok(count > 0)
}

pub(crate) async fn follow(tx: &mut Tx, ticket: TicketId, agent: AgentId) -> Result<bool> {
    let added = tx
        .execute(
            "insert into followers (ticket_id, agent_id) values ($1, $2) on conflict do nothing",
            params![ticket, agent],
        )
        .await?;
    Ok(added > 0)
}

pub(crate) async fn unfollow(tx: &mut Tx, ticket: TicketId, agent: AgentId) -> Result<bool> {
    let gone = tx
        .execute(
            "delete from followers where ticket_id = $1 and agent_id = $2",
            params![ticket, agent],
        )
        .await?;
    Ok(gone > 0)
}

pub(crate) async fn followers(conn: &Conn, ticket: TicketId) -> Result<Vec<AgentId>> {
    conn.column(
        "select agent_id from followers where ticket_id = $1 order by agent_id limit 200",
        params![ticket],
    )
    .await
}

pub(crate) async fn mention(tx: &mut Tx, note: NoteId, agent: AgentId) -> Result<()> {
    tx.send(
        "insert into note_mentions (note_id, agent_id) values ($1, $2) on conflict do nothing",
        params![note, agent],
    )
    .await
}

/// Why somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    NewTicket,
    Assigned,
    Mentioned,
    Replied,
    /// A snooze is over, or an update is due.
    Woke,
}

impl Reason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NewTicket => "new_ticket",
            Self::Assigned => "assigned",
            Self::Mentioned => "mentioned",
            Self::Replied => "replied",
            Self::Woke => "woke",
        }
    }

    /// The key of its sentence.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::NewTicket => "notification-new-ticket",
            Self::Assigned => "notification-assigned",
            Self::Mentioned => "notification-mentioned",
            Self::Replied => "notification-replied",
            Self::Woke => "notification-woke",
        }
    }

    fn named(text: &str) -> Self {
        match text {
            "assigned" => Self::Assigned,
            "mentioned" => Self::Mentioned,
            "replied" => Self::Replied,
            "woke" => Self::Woke,
            _ => Self::NewTicket,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notification {
    pub id: NotificationId,
    pub reason: Reason,
    pub ticket: TicketId,
    pub subject: String,
    pub actor_name: String,
    pub created_at: Timestamp,
    pub is_read: bool,
}

impl FromRow for Notification {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            reason: Reason::named(&cols.next::<String>()?),
            ticket: cols.next()?,
            subject: cols.next()?,
            actor_name: cols.next()?,
            created_at: cols.next()?,
            is_read: cols.next::<Option<Timestamp>>()?.is_some(),
        })
    }
}

pub(crate) async fn notify(
    tx: &mut Tx,
    agent: AgentId,
    reason: Reason,
    ticket: TicketId,
    actor_name: &str,
    now: Timestamp,
) -> Result<NotificationId> {
    let id = tx
        .scalar(
            "insert into notifications (agent_id, kind, ticket_id, actor_name, created_at)
             values ($1, $2, $3, $4, $5) returning id",
            params![agent, reason.as_str(), ticket, actor_name, now],
        )
        .await?;
    tx.announce(Change::Notifications { agent });
    Ok(id)
}

/// What somebody was told, the latest first, about tickets that may be seen.
pub(crate) async fn notifications(
    conn: &Conn,
    reader: super::lists::Reader<'_>,
    before: Option<NotificationId>,
    limit: i64,
) -> Result<Vec<Notification>> {
    let mut sql = Sql::new(
        "select n.id, n.kind, n.ticket_id, t.subject, n.actor_name, n.created_at, n.read_at
           from notifications n join tickets t on t.id = n.ticket_id
          where n.agent_id = ",
    );
    sql.bind(reader.agent).push(" and n.id < ");
    sql.bind(before.map_or(i64::MAX, i64::from));
    if let Some(inboxes) = reader.inboxes {
        sql.push(" and t.inbox_id in (").bind_list(inboxes.iter().copied()).push(")");
    }
    sql.push(" order by n.id desc limit ").number(limit);
    conn.all_sql(sql).await
}

/// How much of it is new; counting stops at a hundred.
pub(crate) async fn unread_count(conn: &Conn, reader: super::lists::Reader<'_>) -> Result<i64> {
    let mut sql = Sql::new("select count(*) from (select 1 from notifications n");
    // Who sees every ticket needs none of them to count.
    if reader.inboxes.is_some() {
        sql.push(" join tickets t on t.id = n.ticket_id");
    }
    sql.push(" where n.read_at is null and n.agent_id = ").bind(reader.agent);
    if let Some(inboxes) = reader.inboxes {
        sql.push(" and t.inbox_id in (").bind_list(inboxes.iter().copied()).push(")");
    }
    sql.push(" limit 100) unread");
    conn.scalar_sql(sql).await
}

pub(crate) async fn read_all(tx: &mut Tx, agent: AgentId, now: Timestamp) -> Result<()> {
    tx.send(
        "update notifications set read_at = $2 where agent_id = $1 and read_at is null",
        params![agent, now],
    )
    .await?;
    tx.announce(Change::Notifications { agent });
    Ok(())
}

/// Keeps what can be taken back for a while.
pub(crate) async fn keep_undo(
    tx: &mut Tx,
    agent: AgentId,
    data: &str,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<PublicId> {
    let public_id = PublicId::new(now);
    tx.send(
        "insert into undoables (public_id, agent_id, data, expires_at) values ($1, $2, $3, $4)",
        params![public_id, agent, data, expires_at],
    )
    .await?;
    Ok(public_id)
}

/// Until when something can be taken back.
pub(crate) async fn undo_expires_at(
    conn: &Conn,
    agent: AgentId,
    id: PublicId,
) -> Result<Option<Timestamp>> {
    let row: Option<(Timestamp,)> = conn
        .optional(
            "select expires_at from undoables where public_id = $1 and agent_id = $2",
            params![id, agent],
        )
        .await?;
    Ok(row.map(|(at,)| at))
}

/// Takes what can be taken back; once, by the one who did it, in time.
pub(crate) async fn use_undo(
    tx: &mut Tx,
    agent: AgentId,
    id: PublicId,
    now: Timestamp,
) -> Result<Option<String>> {
    let row: Option<(String,)> = tx
        .optional(
            "delete from undoables
              where public_id = $1 and agent_id = $2 and expires_at > $3 returning data",
            params![id, agent, now],
        )
        .await?;
    Ok(row.map(|(data,)| data))
}

pub(crate) async fn sweep_undo(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    tx.execute("delete from undoables where expires_at < $1", params![now]).await
}
