//! Mail of ours that did not arrive, however we learned of it.

use anyhow::Result;
use database::Tx;
use email::smtp::RefusedRecipient;
use kernel::{EmailAddress, TicketId};
use outbox::Kind;
use tickets::actions::{Office, bounce_came};

/// What is known of a mail that did not arrive.
pub(crate) struct Undelivered<'u> {
    pub(crate) kind: Kind,
    pub(crate) ticket: Option<TicketId>,
    /// Whom it did not reach; none when nobody said.
    pub(crate) address: Option<&'u EmailAddress>,
    pub(crate) reason: &'u str,
    /// It will not arrive any more.
    pub(crate) is_over: bool,
}

/// The ticket of a mail learns of it, and whoever works there: an answer that did not arrive is
/// no answer.
pub(crate) async fn tell(tx: &mut Tx, office: &Office, mail: &Undelivered<'_>) -> Result<()> {
    let Some(ticket) = mail.ticket else { return Ok(()) };
    let shown = mail.address.map_or(String::new(), ToString::to_string);
    let needs_work = mail.is_over && !mail.kind.is_automatic();
    bounce_came(tx, office, ticket, &shown, mail.reason, needs_work).await
}

/// Stops automatic mail to those whom a server does not know.
pub(crate) async fn suppress_dead(
    tx: &mut Tx,
    office: &Office,
    refused: &[RefusedRecipient],
) -> Result<()> {
    for one in refused.iter().filter(|one| one.is_dead()) {
        outbox::suppress(tx, &one.address, &one.reason, office.now).await?;
    }
    Ok(())
}
