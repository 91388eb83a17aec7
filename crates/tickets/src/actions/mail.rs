//! What mail tells a ticket besides messages.

use anyhow::Result;
use database::Tx;
use kernel::{EmailAddress, InboxId, TicketId};
use live::{Change, Touch};

use super::{Office, record_for_good, save, take};
use crate::event::{By, Fact};
use crate::notify::{self, Told};
use crate::state::{Happening, State, next};
use crate::store::people::Reason;

/// A report came that a mail of ours did not arrive. An answer of a person that did not arrive
/// is no answer: the ticket is open again and due now.
pub async fn bounce_came(
    tx: &mut Tx,
    office: &Office,
    id: TicketId,
    address: &str,
    reason: &str,
    needs_work: bool,
) -> Result<()> {
    let Some(mut ticket) = take(tx, id).await? else { return Ok(()) };
    let mut facts =
        vec![Fact::BounceCame { address: address.to_owned(), reason: reason.to_owned() }];
    if needs_work && ticket.state == State::WaitingCustomer {
        let before = ticket.state;
        ticket.state = next(before, Happening::Reopened).unwrap_or(before);
        ticket.waiting = ticket.waiting.customer_wrote(office.now, kernel::Span::ZERO);
        facts.push(Fact::state(before, ticket.state));
    }
    record_for_good(tx, ticket.id, By::System, &facts, office.now).await?;
    save(tx, &mut ticket, Touch::Entry, office.now).await?;
    if needs_work {
        let told = Told { reason: Reason::Replied, ticket: &ticket, by: address };
        notify::tell(tx, office, &told, None).await?;
    }
    Ok(())
}

/// Somebody marked a mail of ours as spam. Only those who look at the ticket learn of it.
pub async fn complaint_came(
    tx: &mut Tx,
    office: &Office,
    id: TicketId,
    address: &EmailAddress,
) -> Result<()> {
    let Some(ticket) = take(tx, id).await? else { return Ok(()) };
    let fact = Fact::ComplaintCame { address: address.to_string() };
    record_for_good(tx, ticket.id, By::System, &[fact], office.now).await?;
    tx.announce(Change::Ticket { id: ticket.id, inbox: ticket.inbox, touch: Touch::Entry });
    Ok(())
}

/// The same mail came to another inbox of ours, too.
pub async fn sent_elsewhere(
    tx: &mut Tx,
    office: &Office,
    id: TicketId,
    inbox: InboxId,
) -> Result<()> {
    let Some(ticket) = take(tx, id).await? else { return Ok(()) };
    let name = office.inbox_of(inbox).map_or(String::new(), |inbox| inbox.name.clone());
    record_for_good(tx, ticket.id, By::System, &[Fact::SentElsewhere { inbox: name }], office.now)
        .await?;
    tx.announce(Change::Ticket { id: ticket.id, inbox: ticket.inbox, touch: Touch::Entry });
    Ok(())
}
