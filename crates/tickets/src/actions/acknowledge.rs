//! "We have it": whether that is said to who wrote, and saying it.

use anyhow::Result;
use database::Tx;
use kernel::Span;
use outbox::{Party, Recipients};

use super::receive::Incoming;
use super::{Office, record_for_good};
use crate::event::{By, Fact};
use crate::letters;
use crate::ticket::Ticket;

/// A message that is read later than that, such as one that an older program could not read, is not
/// acknowledged any more.
const ACKNOWLEDGED_WITHIN: Span = Span::days(2);

/// What becomes of "we have it".
pub(super) enum Acknowledgement {
    /// The inbox says nothing, or there is nobody to say it to.
    None,
    /// It would go to a robot, too often, or where it is not wanted.
    Withheld(String),
    Leaves(Party),
}

/// Whether "we have it" may be said to who wrote a message. It is asked before the ticket is stored.
pub(super) async fn acknowledgement(
    tx: &mut Tx,
    office: &Office,
    incoming: &Incoming,
    verified: bool,
) -> Result<Acknowledgement> {
    let inbox = office.inbox(incoming.inbox)?;
    let Some(address) = &incoming.sender.address else { return Ok(Acknowledgement::None) };
    // Who hears of it days later knows already, or wonders what is meant.
    let is_late = office.now.since(incoming.received_at) > ACKNOWLEDGED_WITHIN;
    if !inbox.acknowledges || incoming.is_history || is_late {
        return Ok(Acknowledgement::None);
    }
    if incoming.must_not_be_answered {
        let why = office.words(None).t("withheld-robot").to_owned();
        return Ok(Acknowledgement::Withheld(why));
    }
    let to = Party::new(incoming.sender.name.as_str(), address.clone());
    let recipients = Recipients::to(to.clone());
    // It leaves now, whenever the message came.
    Ok(match outbox::gate(tx, &recipients, None, verified, &office.caps, office.now).await? {
        Some(why) => Acknowledgement::Withheld(why.to_string()),
        None => Acknowledgement::Leaves(to),
    })
}

/// Says "we have it", or notes why not.
pub(super) async fn acknowledge(
    tx: &mut Tx,
    office: &Office,
    incoming: &Incoming,
    ticket: &Ticket,
    verified: bool,
    acknowledgement: Acknowledgement,
) -> Result<()> {
    let at = incoming.received_at;
    let fact = match acknowledgement {
        Acknowledgement::None => return Ok(()),
        Acknowledgement::Withheld(reason) => Fact::AcknowledgementWithheld { reason },
        Acknowledgement::Leaves(to) => {
            let letter =
                letters::acknowledgement(tx, office, ticket, incoming, to, verified).await?;
            outbox::post_passed(tx, &letter, &office.caps, office.now).await?;
            let within_minutes = office.inbox(ticket.inbox)?.reply_within_minutes;
            Fact::Acknowledged { within_minutes }
        }
    };
    record_for_good(tx, ticket.id, By::System, &[fact], at).await
}
