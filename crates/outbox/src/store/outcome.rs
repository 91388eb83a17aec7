//! What becomes of a letter that was posted.

use anyhow::Result;
use database::{Sql, Tx, params};
use kernel::{DeliveryId, EmailAddress, InboxId, TicketId, Timestamp};
use live::{Change, Touch};

use super::{State, TRIED_FOR, addresses};
use crate::Recipients;

/// The other side took it, even if the lease ran out meanwhile and it waits to be sent again.
pub async fn sent(tx: &mut Tx, id: DeliveryId, now: Timestamp) -> Result<()> {
    change(
        tx,
        id,
        Sql::of(
            "update deliveries set state = 'sent', sent_at = $2, fault = null, leased_until = null
              where id = $1 and state in ('sending', 'queued')",
            params![id, now],
        ),
    )
    .await
    .map(drop)
}

/// Another try later; `fault` says why, for whoever looks meanwhile.
pub async fn put_back(tx: &mut Tx, id: DeliveryId, at: Timestamp, fault: &str) -> Result<()> {
    change(
        tx,
        id,
        Sql::of(
            "update deliveries
                set state = 'queued', send_after = $2, fault = $3, leased_until = null
              where id = $1 and state = 'sending'",
            params![id, at, fault],
        ),
    )
    .await
    .map(drop)
}

/// Gives a letter back that was not tried after all. Who waits for it may still take it back.
pub async fn hand_back(tx: &mut Tx, id: DeliveryId) -> Result<()> {
    change(
        tx,
        id,
        Sql::of(
            "update deliveries
                set state = 'queued', attempts = attempts - 1, leased_until = null
              where id = $1 and state = 'sending'",
            params![id],
        ),
    )
    .await
    .map(drop)
}

/// Nothing that leaves as this letter does can leave: all of it waits until `at`, untried. Those
/// who look at a ticket meanwhile see why.
pub async fn hold_back(
    tx: &mut Tx,
    inbox: Option<InboxId>,
    now: Timestamp,
    at: Timestamp,
    fault: &str,
) -> Result<()> {
    let mut sql = Sql::new("update deliveries set send_after = ");
    sql.bind(at).push(", fault = ").bind(fault);
    sql.push(" where state = 'queued' and send_after <= ").bind(now);
    match inbox {
        Some(inbox) => sql.push(" and inbox_id = ").bind(inbox),
        None => sql.push(" and inbox_id is null"),
    };
    tx.send_sql(sql).await
}

/// What stood in the way may be gone: all that waits because of a fault is tried again now.
pub async fn hurry(tx: &mut Tx, now: Timestamp) -> Result<()> {
    tx.send(
        "update deliveries set send_after = $1
          where state = 'queued' and fault is not null and send_after > $1",
        params![now],
    )
    .await
}

/// It will not arrive, and somebody has to know.
pub async fn set_failed(tx: &mut Tx, id: DeliveryId, fault: &str) -> Result<()> {
    change(
        tx,
        id,
        Sql::of(
            "update deliveries set state = 'failed', fault = $2, leased_until = null
              where id = $1 and state = 'sending'",
            params![id, fault],
        ),
    )
    .await
    .map(drop)
}

/// The other side took it for some of its recipients; the next try is for the others.
pub async fn accepted(tx: &mut Tx, id: DeliveryId, by: &[EmailAddress]) -> Result<()> {
    tx.send(
        "update deliveries set accepted = $2 where id = $1 and state = 'sending'",
        params![id, serde_json::to_string(by)?],
    )
    .await
}

/// A bounce came for a letter that was sent: it did not reach this address, or nobody knows whom.
/// Says whether it was one of ours.
pub async fn bounced(
    tx: &mut Tx,
    id: DeliveryId,
    address: Option<&EmailAddress>,
    reason: &str,
) -> Result<bool> {
    let row: Option<(String, String, String)> = tx
        .optional("select state, recipients, accepted from deliveries where id = $1", params![id])
        .await?;
    let Some((state, recipients, accepted)) = row else { return Ok(false) };
    let recipients: Recipients = serde_json::from_str(&recipients)?;
    let mut reached: Vec<EmailAddress> = match State::named(&state)? {
        State::Bounced => addresses(&accepted)?,
        State::Queued | State::Sending | State::Sent | State::Failed | State::Discarded => {
            recipients.everyone().map(|party| party.address.clone()).collect()
        }
    };
    match address.filter(|address| recipients.everyone().any(|one| one.address == **address)) {
        Some(address) => reached.retain(|one| one != address),
        None => reached.clear(),
    }
    change(
        tx,
        id,
        Sql::of(
            "update deliveries set state = 'bounced', fault = $2, accepted = $3
              where id = $1 and state in ('sent', 'sending', 'queued', 'bounced')",
            params![id, reason, serde_json::to_string(&reached)?],
        ),
    )
    .await
}

/// Takes a letter back before it leaves. Losing to the sender is told by `false`.
pub async fn take_back(tx: &mut Tx, id: DeliveryId) -> Result<bool> {
    change(
        tx,
        id,
        Sql::of(
            "update deliveries set state = 'discarded'
              where id = $1 and state = 'queued' and attempts = 0",
            params![id],
        ),
    )
    .await
}

/// Sends a failed letter again to those who did not get it, for another five days.
pub async fn retry(tx: &mut Tx, id: DeliveryId, now: Timestamp) -> Result<bool> {
    let again = change(
        tx,
        id,
        Sql::of(
            "update deliveries
                set state = 'queued', send_after = $2, give_up_at = $3, attempts = 0
              where id = $1 and state in ('failed', 'bounced') and text <> ''",
            params![id, now, now + TRIED_FOR],
        ),
    )
    .await?;
    tx.announce("mail");
    Ok(again)
}

/// Gives up a letter that failed or still waits.
pub async fn discard(tx: &mut Tx, id: DeliveryId) -> Result<bool> {
    change(
        tx,
        id,
        Sql::of(
            "update deliveries set state = 'discarded'
              where id = $1 and state in ('failed', 'bounced', 'queued')",
            params![id],
        ),
    )
    .await
}

/// Runs an update of one delivery and tells those who look at its ticket.
async fn change(tx: &mut Tx, id: DeliveryId, update: Sql) -> Result<bool> {
    let changed = tx.execute_sql(update).await? > 0;
    if changed {
        let ticket: Option<(TicketId, InboxId)> = tx
            .optional(
                "select ticket.id, ticket.inbox_id
                   from deliveries delivery
                   join tickets ticket on ticket.id = delivery.ticket_id
                  where delivery.id = $1",
                params![id],
            )
            .await?;
        if let Some((id, inbox)) = ticket {
            tx.announce(Change::Ticket { id, inbox, touch: Touch::Message });
        }
    }
    Ok(changed)
}
