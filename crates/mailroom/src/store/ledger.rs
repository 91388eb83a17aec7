//! The rows of the ledger and the sources that belong to them.

use anyhow::Result;
use database::{Cols, Conn, FromRow, Sql, Tx, dialect, params};
use kernel::{AgentId, InboxId, LedgerId, MessageId, PublicId, Span, TicketId, Timestamp};

use crate::ledger::{
    Arrival, BEGUN_BEFORE_LAST, Decided, Decision, Door, Fate, Filter, Line, Outcome, Waiting,
    program_version,
};
use crate::rhythm::Rhythm;

const COLUMNS: &str = "l.id, l.public_id, l.inbox_id, l.door, l.size_bytes, l.raw_hash, l.mail_id,
    l.from_address, l.subject, l.state, l.reason, l.preview, l.decision, l.decided_by,
    l.decided_at, l.history, l.ticket_id, l.message_id, l.attempts, l.received_at";

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
            preview: cols.next()?,
            decision: decision(cols)?,
            is_history: cols.next()?,
            ticket: cols.next()?,
            message: cols.next()?,
            attempts: cols.next()?,
            received_at: cols.next()?,
        })
    }
}

fn decision(cols: &mut Cols<'_>) -> Result<Option<Decision>> {
    let (what, by, at): (Option<String>, Option<AgentId>, Option<Timestamp>) =
        (cols.next()?, cols.next()?, cols.next()?);
    Ok(match (what, by, at) {
        (Some(what), Some(by), Some(at)) => Some(Decision { what: Decided::named(&what)?, by, at }),
        _ => None,
    })
}

/// How many of these lines are there.
pub(crate) async fn count_of(conn: &Conn, lines: &[LedgerId]) -> Result<usize> {
    let mut sql = Sql::new("select count(*) from mail_ledger where id in (");
    sql.bind_list(lines.iter().copied()).push(")");
    Ok(kernel::length(conn.scalar_sql(sql).await?))
}

/// Since when the oldest mail waits to be read, if one does.
pub async fn oldest_unread(conn: &Conn) -> Result<Option<Timestamp>> {
    conn.scalar("select min(received_at) from mail_ledger where state = 'received'", params![])
        .await
}

/// How many mails could not be read and wait for a person.
pub async fn set_aside_count(conn: &Conn) -> Result<i64> {
    conn.scalar("select count(*) from mail_ledger where state = 'failed'", params![]).await
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
    tx.send(
        "insert into mail_sources (ledger_id, bytes) values ($1, $2)",
        params![id, arrival.bytes.as_slice()],
    )
    .await?;
    Ok(Some(id))
}

/// Which of these mails still wait. Nobody else writes down what becomes of them before the end of
/// the transaction.
pub(crate) async fn take(tx: &mut Tx, ids: &[LedgerId]) -> Result<Vec<LedgerId>> {
    let mut sql = Sql::new("select id from mail_ledger where state = 'received' and id in (");
    sql.bind_list(ids.iter().copied()).push(") order by id");
    sql.push(dialect::for_update(tx.engine()));
    let rows: Vec<(LedgerId,)> = tx.all_sql(sql).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Writes down what became of a mail that [`take`] gave.
pub(crate) async fn settle(
    tx: &mut Tx,
    id: LedgerId,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<()> {
    tx.send(
        "update mail_ledger
            set state = $2, reason = $3, ticket_id = $4, message_id = $5, from_address = $6,
                subject = $7, preview = $8, handled_at = $9, read_by = $10, leased_until = null
          where id = $1 and state = 'received'",
        params![
            id,
            outcome.fate.as_str(),
            outcome.reason.clone(),
            outcome.ticket,
            outcome.message,
            kernel::clip(&outcome.from_address, 320),
            kernel::clip(&outcome.subject, 250),
            &outcome.preview,
            now,
            program_version()
        ],
    )
    .await
}

/// Counts a try that did not work; the next one comes at `at`.
pub(crate) async fn count_attempt(
    tx: &mut Tx,
    id: LedgerId,
    fault: &str,
    at: Timestamp,
) -> Result<()> {
    tx.send(
        "update mail_ledger
            set attempts = attempts + 1, begun = 0, reason = $2, leased_until = $3
          where id = $1 and state = 'received'",
        params![id, kernel::clip(&kernel::one_line(fault), 500), at],
    )
    .await
}

/// Takes from a line that is decided about the message in its place, which is about to go.
pub(crate) async fn let_go(tx: &mut Tx, id: LedgerId) -> Result<()> {
    tx.send(
        "update mail_ledger set ticket_id = null, message_id = null
          where id = $1 and state = 'received'",
        params![id],
    )
    .await
}

/// Lets failed mails be read once more that only earlier versions of this program read. Says how
/// many there were, at most `limit`.
pub(crate) async fn read_again_by(tx: &mut Tx, version: i64, limit: i64) -> Result<u64> {
    // Whatever ends the program has done so already: few tries are left to it.
    tx.execute(
        "update mail_ledger
            set state = 'received', attempts = 0, begun = $2, leased_until = null, read_by = $1
          where id in (select l.id from mail_ledger l
              where l.state = 'failed' and l.read_by < $1
                and not exists (select 1 from mail_unfetched u where u.ledger_id = l.id)
              order by l.id limit $3)",
        params![version, BEGUN_BEFORE_LAST, limit],
    )
    .await
}

/// Puts what a server gave after all in the place of what said that it did not, to be read.
/// `false`: it is here already, or was decided about.
pub(crate) async fn came_after_all(tx: &mut Tx, id: LedgerId, arrival: &Arrival) -> Result<bool> {
    let changed = tx
        .execute(
            "update mail_ledger
                set state = 'received', attempts = 0, begun = 0, leased_until = null,
                    reason = null, size_bytes = $2, raw_hash = $3, content_hash = $4, mail_id = $5
              where id = $1 and state = 'failed' and not exists (
                select 1 from mail_ledger other
                 where other.inbox_id = $6 and other.mail_id = $5 and other.content_hash = $4)",
            params![
                id,
                kernel::count(arrival.bytes.len()),
                &arrival.raw_hash,
                &arrival.content_hash,
                &arrival.mail_id,
                arrival.inbox
            ],
        )
        .await?;
    if changed > 0 {
        tx.send(
            "update mail_sources set bytes = $2 where ledger_id = $1",
            params![id, arrival.bytes.as_slice()],
        )
        .await?;
    }
    Ok(changed > 0)
}

/// Lets a failed mail be read once more. `false`: it is no failed mail any more.
pub(crate) async fn read_again(tx: &mut Tx, id: LedgerId) -> Result<bool> {
    let changed = tx
        .execute(
            "update mail_ledger
                set state = 'received', attempts = 0, begun = 0, leased_until = null
              where id = $1 and state = 'failed'",
            params![id],
        )
        .await?;
    Ok(changed > 0)
}

/// Lets a held mail go on, though not before `at`. `false`: somebody else decided first.
pub(crate) async fn release(
    tx: &mut Tx,
    id: LedgerId,
    by: AgentId,
    at: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    let changed = tx
        .execute(
            "update mail_ledger
                set state = 'received', attempts = 0, begun = 0, leased_until = $2,
                    decision = 'released', decided_by = $3, decided_at = $4
              where id = $1 and state = 'quarantined'",
            params![id, at, by, now],
        )
        .await?;
    Ok(changed > 0)
}

/// Puts a held mail aside for good. `false`: somebody else decided first.
pub(crate) async fn dismiss(
    tx: &mut Tx,
    id: LedgerId,
    by: AgentId,
    now: Timestamp,
) -> Result<bool> {
    let changed = tx
        .execute(
            "update mail_ledger
                set state = 'dismissed', decision = 'dismissed', decided_by = $2, decided_at = $3
              where id = $1 and state = 'quarantined'",
            params![id, by, now],
        )
        .await?;
    Ok(changed > 0)
}

/// Holds a mail again that a person released or dismissed. `false`: it went on meanwhile.
pub(crate) async fn hold_again(tx: &mut Tx, id: LedgerId) -> Result<bool> {
    let changed = tx
        .execute(
            "update mail_ledger
                set state = 'quarantined', decision = null, decided_by = null, decided_at = null,
                    leased_until = null
              where id = $1
                and ((state = 'received' and decision = 'released')
                  or (state = 'dismissed' and decision = 'dismissed'))",
            params![id],
        )
        .await?;
    Ok(changed > 0)
}

pub async fn find(conn: &Conn, id: PublicId) -> Result<Option<Line>> {
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from mail_ledger l where l.public_id = ").bind(id);
    conn.optional_sql(sql).await
}

pub(crate) async fn find_by_id(conn: &Conn, id: LedgerId) -> Result<Option<Line>> {
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from mail_ledger l where l.id = ").bind(id);
    conn.optional_sql(sql).await
}

/// The mail that a ticket began with.
pub(crate) async fn first_of_ticket(conn: &Conn, ticket: TicketId) -> Result<Option<LedgerId>> {
    let row: Option<(LedgerId,)> = conn
        .optional(
            "select id from mail_ledger where ticket_id = $1 and state = 'ticketed'
              order by id limit 1",
            params![ticket],
        )
        .await?;
    Ok(row.map(|(id,)| id))
}

/// The source of a mail, byte for byte.
pub async fn source(conn: &Conn, id: LedgerId) -> Result<Option<Vec<u8>>> {
    let row: Option<(Vec<u8>,)> =
        conn.optional("select bytes from mail_sources where ledger_id = $1", params![id]).await?;
    Ok(row.map(|(bytes,)| bytes))
}

/// Sources after `after`, in the order of their arrival, with the hash of what came in.
pub(crate) async fn sources(
    conn: &Conn,
    after: Option<LedgerId>,
    limit: i64,
) -> Result<Vec<(LedgerId, String, Vec<u8>)>> {
    conn.all(
        "select l.id, l.raw_hash, s.bytes
           from mail_ledger l join mail_sources s on s.ledger_id = l.id
          where l.id > $1 order by l.id limit $2",
        params![after.map_or(0, |id| id.0), limit],
    )
    .await
}

/// Lines of the ledger, the latest first.
pub async fn page(conn: &Conn, filter: &Filter, limit: i64) -> Result<Vec<Line>> {
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from mail_ledger l where ");
    match filter.before {
        Some(before) => {
            // A mail of another inbox is as good as none.
            sql.push("l.id < (select l.id from mail_ledger l where l.public_id = ").bind(before);
            of_inboxes(&mut sql, filter.inboxes.as_deref());
            sql.push(")");
        }
        None => {
            sql.push("l.id < ").bind(i64::MAX);
        }
    }
    of_inboxes(&mut sql, filter.inboxes.as_deref());
    if let Some(fate) = filter.fate {
        sql.push(" and l.state = ").bind(fate.as_str());
    }
    sql.push(" order by l.id desc limit ").bind(limit);
    conn.all_sql(sql).await
}

fn of_inboxes(sql: &mut Sql, inboxes: Option<&[InboxId]>) {
    if let Some(inboxes) = inboxes {
        sql.push(" and l.inbox_id in (").bind_list(inboxes.iter().copied()).push(")");
    }
}

/// The same mail in another inbox of ours: where it went.
pub(crate) async fn twin(
    conn: &Conn,
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
          order by received_at, id limit 1",
        params![&mail.mail_id, &mail.content_hash, mail.inbox, since],
    )
    .await
}

/// How many mails have each fate that somebody may have to look at; counting stops at a thousand.
pub(crate) async fn counts(conn: &Conn, inboxes: Option<&[InboxId]>) -> Result<Vec<(Fate, i64)>> {
    let mut counts = Vec::new();
    for fate in [Fate::Received, Fate::Quarantined, Fate::Failed] {
        let mut sql =
            Sql::new("select count(*) from (select 1 from mail_ledger l where l.state = ");
        sql.bind(fate.as_str());
        of_inboxes(&mut sql, inboxes);
        sql.push(" limit 1000) counted");
        counts.push((fate, conn.scalar_sql(sql).await?));
    }
    Ok(counts)
}

/// When the latest mail came that was not there before the inbox was connected.
pub(crate) async fn last_came_at(conn: &Conn, inbox: InboxId) -> Result<Option<Timestamp>> {
    let row: Option<(Timestamp,)> = conn
        .optional(
            "select received_at from mail_ledger where inbox_id = $1 and not history
              order by id desc limit 1",
            params![inbox],
        )
        .await?;
    Ok(row.map(|(at,)| at))
}

/// How mail came to an inbox since some time, as far as the latest 20,000 tell.
pub(crate) async fn rhythm(
    conn: &Conn,
    inbox: InboxId,
    since: Timestamp,
) -> Result<Option<Rhythm>> {
    let row: Option<(i64, Timestamp, Timestamp, i64)> = conn
        .optional(
            "select count(*), min(received_at), max(received_at), coalesce(max(pause), 0)
               from (select received_at,
                            received_at - lag(received_at) over (order by received_at) as pause
                       from (select received_at from mail_ledger
                              where inbox_id = $1 and not history
                              order by id desc limit 20000) latest
                      where received_at >= $2) pauses
             having count(*) > 0",
            params![inbox, since],
        )
        .await?;
    Ok(row.map(|(mails, first_at, last_at, pause)| Rhythm {
        mails,
        first_at,
        last_at,
        longest_pause: Span::micros(pause),
    }))
}
