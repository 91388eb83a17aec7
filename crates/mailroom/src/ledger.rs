//! The ledger: every received mail, and what became of it.

use anyhow::{Result, bail};
use database::{Cols, Conn, FromRow, Sql, Tx, dialect, params};
use kernel::{InboxId, LedgerId, MessageId, PublicId, Span, TicketId, Timestamp};

/// By which way a mail came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Imap,
    Lmtp,
    Pipe,
}

impl Door {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Lmtp => "lmtp",
            Self::Pipe => "pipe",
        }
    }

    fn named(text: &str) -> Result<Self> {
        Ok(match text {
            "imap" => Self::Imap,
            "lmtp" => Self::Lmtp,
            "pipe" => Self::Pipe,
            other => bail!("unknown door {other}"),
        })
    }
}

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Stored, and about to be read.
    Received,
    Ticketed,
    /// Held as spam, as a loop, or because its sender is blocked.
    Quarantined,
    /// A report about mail of ours.
    Bounce,
    /// Could not be read, and is a ticket with its source if that was possible.
    Failed,
    /// Looked at by a person, or our own mail that came back: nothing to do.
    Dismissed,
}

impl Fate {
    pub const ALL: [Self; 6] = [
        Self::Received,
        Self::Ticketed,
        Self::Quarantined,
        Self::Bounce,
        Self::Failed,
        Self::Dismissed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Ticketed => "ticketed",
            Self::Quarantined => "quarantined",
            Self::Bounce => "bounce",
            Self::Failed => "failed",
            Self::Dismissed => "dismissed",
        }
    }

    pub fn named(text: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|fate| fate.as_str() == text) {
            Some(fate) => Ok(fate),
            None => bail!("unknown fate {text}"),
        }
    }
}

/// A line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub id: LedgerId,
    pub public_id: PublicId,
    pub inbox: InboxId,
    pub door: Door,
    pub size_bytes: i64,
    /// SHA-256 of the source, for whoever wants to compare.
    pub raw_hash: String,
    pub mail_id: String,
    pub from_address: String,
    pub subject: String,
    pub fate: Fate,
    pub reason: Option<String>,
    pub is_history: bool,
    pub ticket: Option<TicketId>,
    pub message: Option<MessageId>,
    pub attempts: i64,
    pub received_at: Timestamp,
}

const COLUMNS: &str = "l.id, l.public_id, l.inbox_id, l.door, l.size_bytes, l.raw_hash, l.mail_id,
    l.from_address, l.subject, l.state, l.reason, l.history, l.ticket_id, l.message_id,
    l.attempts, l.received_at";

impl FromRow for Line {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            public_id: cols.next()?,
            inbox: cols.next()?,
            door: Door::named(&cols.next::<String>()?)?,
            size_bytes: cols.next()?,
            raw_hash: cols.next()?,
            mail_id: cols.next()?,
            from_address: cols.next()?,
            subject: cols.next()?,
            fate: Fate::named(&cols.next::<String>()?)?,
            reason: cols.next()?,
            is_history: cols.next()?,
            ticket: cols.next()?,
            message: cols.next()?,
            attempts: cols.next()?,
            received_at: cols.next()?,
        })
    }
}

/// A mail that is about to be stored.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub inbox: InboxId,
    pub door: Door,
    pub envelope_from: String,
    pub bytes: Vec<u8>,
    pub raw_hash: String,
    pub content_hash: String,
    /// Message-ID as it stands in the source; empty where there is none.
    pub mail_id: String,
    pub is_history: bool,
    pub received_at: Timestamp,
}

/// Stores a mail byte for byte. `None`: it was stored before.
pub(crate) async fn store(tx: &mut Tx, arrival: &Arrival) -> Result<Option<LedgerId>> {
    let row: Option<(LedgerId,)> = tx
        .optional(
            "insert into mail_ledger (public_id, inbox_id, door, size_bytes, raw_hash,
                content_hash, mail_id, envelope_from, state, history, received_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, 'received', $9, $10)
             on conflict (inbox_id, mail_id, content_hash) do nothing
             returning id",
            params![
                PublicId::new(arrival.received_at),
                arrival.inbox,
                arrival.door.as_str(),
                kernel::count(arrival.bytes.len()),
                &arrival.raw_hash,
                &arrival.content_hash,
                &arrival.mail_id,
                &arrival.envelope_from,
                arrival.is_history,
                arrival.received_at
            ],
        )
        .await?;
    let Some((id,)) = row else { return Ok(None) };
    tx.execute(
        "insert into mail_sources (ledger_id, bytes) values ($1, $2)",
        params![id, arrival.bytes.as_slice()],
    )
    .await?;
    Ok(Some(id))
}

/// A stored mail that waits to be read.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) id: LedgerId,
    pub(crate) inbox: InboxId,
    pub(crate) content_hash: String,
    pub(crate) mail_id: String,
    pub(crate) envelope_from: String,
    pub(crate) is_history: bool,
    pub(crate) attempts: i64,
    pub(crate) received_at: Timestamp,
    pub(crate) bytes: Vec<u8>,
}

impl FromRow for Waiting {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            inbox: cols.next()?,
            content_hash: cols.next()?,
            mail_id: cols.next()?,
            envelope_from: cols.next()?,
            is_history: cols.next()?,
            attempts: cols.next()?,
            received_at: cols.next()?,
            bytes: cols.next()?,
        })
    }
}

const WAITING: &str = "select l.id, l.inbox_id, l.content_hash, l.mail_id, l.envelope_from,
        l.history, l.attempts, l.received_at, s.bytes
   from mail_ledger l join mail_sources s on s.ledger_id = l.id";

/// The oldest mails that wait, for the only reader there is.
pub(crate) async fn waiting(conn: &mut Conn, limit: i64) -> Result<Vec<Waiting>> {
    let mut sql = Sql::new(WAITING);
    sql.push(" where l.state = 'received' order by l.id limit ").bind(limit);
    conn.all_sql(sql).await
}

/// The oldest mails that wait and that no other node reads, under a lease.
pub(crate) async fn lease(
    tx: &mut Tx,
    now: Timestamp,
    lasts: Span,
    limit: i64,
) -> Result<Vec<Waiting>> {
    let mut sql = Sql::new("update mail_ledger set leased_until = ");
    sql.bind(now + lasts).push(" where id in (select id from mail_ledger where state = 'received'");
    sql.push(" and (leased_until is null or leased_until < ").bind(now);
    sql.push(") order by id limit ").bind(limit);
    dialect::skip_locked(&mut sql, tx.engine());
    sql.push(") returning id");
    let ids: Vec<(LedgerId,)> = tx.all_sql(sql).await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new(WAITING);
    sql.push(" where l.id in (").bind_list(ids.into_iter().map(|(id,)| id));
    sql.push(") order by l.id");
    tx.all_sql(sql).await
}

/// What became of a mail, and what it said of itself.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) fate: Fate,
    pub(crate) reason: Option<String>,
    pub(crate) ticket: Option<TicketId>,
    pub(crate) message: Option<MessageId>,
    pub(crate) from_address: String,
    pub(crate) subject: String,
}

/// Writes down what became of a waiting mail. `false`: another node was quicker, and whatever
/// was done in this transaction has to be undone.
pub(crate) async fn settle(
    tx: &mut Tx,
    id: LedgerId,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<bool> {
    let settled = tx
        .execute(
            "update mail_ledger
                set state = $2, reason = $3, ticket_id = $4, message_id = $5, from_address = $6,
                    subject = $7, handled_at = $8, leased_until = null
              where id = $1 and state = 'received'",
            params![
                id,
                outcome.fate.as_str(),
                outcome.reason.clone(),
                outcome.ticket,
                outcome.message,
                kernel::clip(&outcome.from_address, 320),
                kernel::clip(&outcome.subject, 250),
                now
            ],
        )
        .await?;
    Ok(settled > 0)
}

/// Counts a try that did not work.
pub(crate) async fn count_attempt(tx: &mut Tx, id: LedgerId, fault: &str) -> Result<()> {
    tx.execute(
        "update mail_ledger set attempts = attempts + 1, reason = $2, leased_until = null
          where id = $1",
        params![id, kernel::clip(fault, 500)],
    )
    .await
    .map(drop)
}

/// Moves a mail that a person decided about. `false`: somebody else decided first.
pub(crate) async fn decide(
    tx: &mut Tx,
    id: LedgerId,
    from: Fate,
    to: Fate,
    reason: Option<&str>,
) -> Result<bool> {
    let changed = tx
        .execute(
            "update mail_ledger set state = $3, reason = $4, attempts = 0
              where id = $1 and state = $2",
            params![id, from.as_str(), to.as_str(), reason.map(str::to_owned)],
        )
        .await?;
    Ok(changed > 0)
}

pub(crate) async fn find(conn: &mut Conn, id: PublicId) -> Result<Option<Line>> {
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from mail_ledger l where l.public_id = ").bind(id);
    conn.optional_sql(sql).await
}

pub(crate) async fn source(conn: &mut Conn, id: LedgerId) -> Result<Option<Vec<u8>>> {
    let row: Option<(Vec<u8>,)> =
        conn.optional("select bytes from mail_sources where ledger_id = $1", params![id]).await?;
    Ok(row.map(|(bytes,)| bytes))
}

/// Lines of the ledger, the latest first.
pub async fn page(
    conn: &mut Conn,
    inboxes: Option<&[InboxId]>,
    fate: Option<Fate>,
    before: Option<LedgerId>,
    limit: i64,
) -> Result<Vec<Line>> {
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from mail_ledger l where l.id < ");
    sql.bind(before.map_or(i64::MAX, i64::from));
    if let Some(inboxes) = inboxes {
        sql.push(" and l.inbox_id in (").bind_list(inboxes.iter().copied()).push(")");
    }
    if let Some(fate) = fate {
        sql.push(" and l.state = ").bind(fate.as_str());
    }
    sql.push(" order by l.id desc limit ").bind(limit);
    conn.all_sql(sql).await
}

/// The same mail in another inbox of ours: where it went.
pub(crate) async fn twin(
    conn: &mut Conn,
    mail: &Waiting,
    since: Timestamp,
) -> Result<Option<(TicketId, MessageId)>> {
    if mail.mail_id.is_empty() {
        return Ok(None);
    }
    conn.optional(
        "select ticket_id, message_id from mail_ledger
          where mail_id = $1 and content_hash = $2 and inbox_id <> $3 and state = 'ticketed'
            and ticket_id is not null and message_id is not null and received_at > $4
          order by id limit 1",
        params![&mail.mail_id, &mail.content_hash, mail.inbox, since],
    )
    .await
}

/// How many mails have each fate; counting stops at a thousand.
pub async fn counts(conn: &mut Conn, inboxes: Option<&[InboxId]>) -> Result<Vec<(Fate, i64)>> {
    let mut counts = Vec::new();
    for fate in [Fate::Received, Fate::Quarantined, Fate::Failed] {
        let mut sql =
            Sql::new("select count(*) from (select 1 from mail_ledger l where l.state = ");
        sql.bind(fate.as_str());
        if let Some(inboxes) = inboxes {
            sql.push(" and l.inbox_id in (").bind_list(inboxes.iter().copied()).push(")");
        }
        sql.push(" limit 1000) counted");
        counts.push((fate, conn.scalar_sql(sql).await?));
    }
    Ok(counts)
}
