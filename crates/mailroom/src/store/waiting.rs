//! The mails that wait to be read, and the trace that reading them leaves.

use anyhow::Result;
use database::{Cols, Conn, FromRow, Sql, Tx, dialect, params};
use kernel::{InboxId, LedgerId, Span, TicketId, Timestamp};

use crate::ledger::{SUSPECT_AFTER, Waiting};

impl FromRow for Waiting {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            inbox: cols.next()?,
            content_hash: cols.next()?,
            mail_id: cols.next()?,
            envelope_from: cols.next()?,
            is_history: cols.next()?,
            is_released: cols.next::<Option<String>>()?.as_deref() == Some("released"),
            attempts: cols.next()?,
            begun: cols.next()?,
            failed_into: cols.next::<Option<TicketId>>()?.zip(cols.next()?),
            received_at: cols.next()?,
            size_bytes: cols.next()?,
            not_given: cols.next()?,
        })
    }
}

const WAITING: &str = "select l.id, l.inbox_id, l.content_hash, l.mail_id, l.envelope_from,
        l.history, l.decision, l.attempts, l.begun, l.ticket_id, l.message_id, l.received_at,
        l.size_bytes, (select u.reason from mail_unfetched u where u.ledger_id = l.id)
   from mail_ledger l";

/// Which of the mails that wait are meant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which {
    /// The oldest ones of an inbox, at most so many.
    Oldest(InboxId, i64),
    /// One of those that were at hand when the program ended again and again: the one that was so
    /// least often, and is the least likely cause.
    Suspect,
}

impl Which {
    /// The end of a select from lines `l` that wait.
    fn choose(self, sql: &mut Sql) {
        let limit = match self {
            Self::Oldest(inbox, limit) => {
                sql.push(" and l.inbox_id = ").bind(inbox);
                sql.push(" and l.begun < ").number(SUSPECT_AFTER).push(" order by l.id");
                limit
            }
            Self::Suspect => {
                sql.push(" and l.begun >= ").number(SUSPECT_AFTER).push(" order by l.begun, l.id");
                1
            }
        };
        sql.push(" limit ").bind(limit);
    }
}

/// The inboxes that have mail which waits, or is being read.
///
/// Goes from inbox to inbox: one may have thousands.
pub(crate) async fn inboxes(conn: &Conn) -> Result<Vec<InboxId>> {
    conn.column(
        "select i.id from inboxes i
          where exists (select 1 from mail_ledger l where l.state = 'received' and l.inbox_id = i.id)
          order by i.id",
        params![],
    )
    .await
}

/// Mails that wait besides those that are being read, for the only reader there is.
pub(crate) async fn waiting(
    conn: &Conn,
    now: Timestamp,
    underway: &[LedgerId],
    which: Which,
) -> Result<Vec<Waiting>> {
    let mut sql = Sql::new(WAITING);
    sql.push(" where l.state = 'received' and (l.leased_until is null or l.leased_until <= ");
    sql.bind(now).push(")");
    if !underway.is_empty() {
        sql.push(" and l.id not in (").bind_list(underway.iter().copied()).push(")");
    }
    which.choose(&mut sql);
    conn.all_sql(sql).await
}

/// Mails that wait and that no other node reads, besides those that are being read here, under a
/// lease. That reading them begins is counted with it.
pub(crate) async fn lease(
    tx: &mut Tx,
    now: Timestamp,
    lasts: Span,
    underway: &[LedgerId],
    which: Which,
) -> Result<Vec<Waiting>> {
    let mut sql = Sql::new("update mail_ledger set begun = begun + 1, leased_until = ");
    sql.bind(now + lasts).push(" where id in (select l.id from mail_ledger l");
    sql.push(" where l.state = 'received' and (l.leased_until is null or l.leased_until <= ");
    sql.bind(now).push(")");
    if !underway.is_empty() {
        sql.push(" and l.id not in (").bind_list(underway.iter().copied()).push(")");
    }
    which.choose(&mut sql);
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

/// The latest mail that was stored, if there is any.
pub(crate) async fn latest(conn: &Conn) -> Result<Option<LedgerId>> {
    conn.scalar("select max(id) from mail_ledger", params![]).await
}

/// Counts that reading these mails begins, for the only reader there is.
pub(crate) async fn begin(tx: &mut Tx, ids: &[LedgerId]) -> Result<()> {
    let mut sql = Sql::new("update mail_ledger set begun = begun + 1 where state = 'received'");
    sql.push(" and id in (").bind_list(ids.iter().copied()).push(")");
    tx.send_sql(sql).await
}

/// Frees mails whose reading was broken off by us, as if it had not begun.
pub(crate) async fn hand_back(tx: &mut Tx, ids: &[LedgerId]) -> Result<()> {
    let mut sql = Sql::new("update mail_ledger set leased_until = null,");
    sql.push(" begun = case when begun > 0 then begun - 1 else 0 end where state = 'received'");
    sql.push(" and id in (").bind_list(ids.iter().copied()).push(")");
    tx.send_sql(sql).await?;
    tx.announce("mail-in");
    Ok(())
}

/// Notes that reading these mails came to an end, though it is not written down what became of
/// them: none of them ended the program.
pub(crate) async fn end(tx: &mut Tx, ids: &[LedgerId]) -> Result<()> {
    let mut sql = Sql::new("update mail_ledger set begun = 0 where state = 'received'");
    sql.push(" and id in (").bind_list(ids.iter().copied()).push(")");
    tx.send_sql(sql).await
}
