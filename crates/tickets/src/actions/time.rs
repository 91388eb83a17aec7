//! What happens to tickets because time passes, or because somebody left.

use anyhow::Result;
use database::{Db, Tx};
use kernel::{AgentId, Span, TicketId};
use live::Touch;

use super::edit::settle;
use super::{Office, record_for_good, save};
use crate::event::{By, Fact};
use crate::notify::{self, Told};
use crate::state::{Happening, next};
use crate::store::people::Reason;
use crate::store::{entries, people, tickets};

/// How many tickets are moved by time in one go.
const AT_ONCE: i64 = 100;

/// Wakes what slept and reminds of what is on hold. Says how many.
pub async fn sleepers_wake(tx: &mut Tx, office: &Office) -> Result<usize> {
    let due = tickets::due_to_wake(tx, office.now, AT_ONCE).await?;
    for id in &due {
        let Some(mut ticket) = tickets::take(tx, *id).await? else { continue };
        let Ok(state) = next(ticket.state, Happening::DateReached) else { continue };
        ticket.state = state;
        let was = ticket.clone();
        settle(&mut ticket, office.now);
        // What was promised stays promised: the list shows it as due.
        ticket.waiting.next_update_at = was.waiting.next_update_at;
        record_for_good(tx, ticket.id, By::System, &[Fact::Woke], office.now).await?;
        save(tx, &mut ticket, Touch::Entry, office.now).await?;
        let told = Told { reason: Reason::Woke, ticket: &ticket, by: "" };
        notify::tell(tx, office, &told, None).await?;
    }
    Ok(due.len())
}

/// Closes what was resolved for longer than the reopen period. Says how many.
pub async fn spent_tickets_close(
    tx: &mut Tx,
    office: &Office,
    reopen_period: Span,
) -> Result<usize> {
    let due = tickets::due_to_close(tx, office.now - reopen_period, AT_ONCE).await?;
    for id in &due {
        let Some(mut ticket) = tickets::take(tx, *id).await? else { continue };
        let Ok(state) = next(ticket.state, Happening::PeriodOver) else { continue };
        ticket.state = state;
        record_for_good(tx, ticket.id, By::System, &[Fact::Closed], office.now).await?;
        save(tx, &mut ticket, Touch::Row, office.now).await?;
    }
    Ok(due.len())
}

/// Gives the open tickets of somebody who left back to everybody: a ticket in the hands of nobody
/// is seen, one in the hands of somebody who is gone is not.
pub async fn hand_over(db: &Db, office: &Office, agent: AgentId) -> Result<()> {
    loop {
        let mut tx = db.begin().await?;
        let open: Vec<TicketId> = tickets::open_of(&tx, agent, AT_ONCE).await?;
        if open.is_empty() {
            return Ok(());
        }
        for id in open {
            let Some(mut ticket) = tickets::take(&mut tx, id).await? else { continue };
            ticket.assignee = None;
            let fact = Fact::AssigneeLeft { who: agent };
            record_for_good(&mut tx, ticket.id, By::System, &[fact], office.now).await?;
            save(&mut tx, &mut ticket, Touch::Entry, office.now).await?;
        }
        tx.commit().await?;
    }
}

/// A file that was uploaded for a draft is kept this long.
const UPLOADS_KEPT: Span = Span::days(14);

/// Drops uploads whose draft was never sent, and what can no longer be undone.
pub async fn sweep(db: &Db, now: kernel::Timestamp) -> Result<()> {
    let mut tx = db.begin().await?;
    entries::drop_stale_uploads(&mut tx, now - UPLOADS_KEPT).await?;
    people::sweep_undo(&mut tx, now).await?;
    tx.commit().await
}
