//! Letters that are due, until a sender takes them.

use anyhow::Result;
use database::{Conn, Db, Sql, dialect};
use kernel::{InboxId, Span, Timestamp};

use super::Sending;

/// Stands for no inbox: letters of the system have none.
pub const SYSTEM: InboxId = InboxId(0);
/// More than any sender serves side by side; the others have their turn when these had theirs.
const INBOXES_MAX: i64 = 32;

/// Inboxes with letters that are due, leaving out those whose server rests. Whose letter waits
/// longest comes first.
///
/// Goes from inbox to inbox and looks at the first letter of each: one may hold thousands.
pub async fn inboxes_due(conn: &Conn, now: Timestamp, resting: &[InboxId]) -> Result<Vec<InboxId>> {
    let mut sql = Sql::new(
        "with recursive waiting (inbox) as (
            select min(coalesce(inbox_id, 0)) from deliveries where state = 'queued'
             union all
            select (select min(coalesce(later.inbox_id, 0)) from deliveries later
                     where later.state = 'queued' and coalesce(later.inbox_id, 0) > waiting.inbox)
              from waiting where waiting.inbox is not null)
         select inbox
           from (
            select waiting.inbox,
                   (select min(due.send_after) from deliveries due
                     where due.state = 'queued'
                       and coalesce(due.inbox_id, 0) = waiting.inbox) as oldest
              from waiting) as listed
          where oldest <= ",
    );
    sql.bind(now);
    if !resting.is_empty() {
        sql.push(" and inbox not in (").bind_list(resting.iter().copied()).push(")");
    }
    sql.push(" order by oldest, inbox limit ").number(INBOXES_MAX);
    let due: Vec<(InboxId,)> = conn.all_sql(sql).await?;
    Ok(due.into_iter().map(|(inbox,)| inbox).collect())
}

/// Takes due letters under a lease: of each inbox those that wait longest, up to its share. The
/// oldest comes first.
pub async fn claim(
    db: &Db,
    now: Timestamp,
    lease: Span,
    shares: &[(InboxId, usize)],
) -> Result<Vec<Sending>> {
    let tx = db.begin().await?;
    let mut claimed: Vec<Sending> = Vec::new();
    for (inbox, share) in shares {
        let mut sql = Sql::new("update deliveries set state = 'sending', attempts = attempts + 1,");
        sql.push(" leased_until = ").bind(now + lease);
        sql.push(
            " where id in (
                select id from deliveries
                 where state = 'queued'
                   and coalesce(inbox_id, 0) = ",
        );
        sql.bind(*inbox).push(" and send_after <= ").bind(now);
        sql.push(" order by send_after, id limit ").number(kernel::count(*share));
        dialect::skip_locked(&mut sql, tx.engine());
        sql.push(
            ") returning id, attempts, give_up_at, accepted, kind, inbox_id, ticket_id, message_id,
                mail_id, from_name, reply_to, recipients, subject, text, html, in_reply_to,
                mail_references, send_after",
        );
        claimed.extend(tx.all_sql::<Sending>(sql).await?);
    }
    tx.commit().await?;
    claimed.sort_by_key(|sending| sending.id);
    Ok(claimed)
}
