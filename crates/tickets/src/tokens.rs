//! Reply addresses that prove where an answer belongs. Pure.

use kernel::{CustomerId, EmailAddress, TicketId};
use keys::Keys;

const PURPOSE: &str = "reply address v1";
/// 130 bits: above the 128 that a token needs, and short enough for a local part.
const SIGNATURE_CHARS: usize = 26;
const LOCAL_PART_MAX: usize = 64;

/// `support+10482-77-signature@shop.example`, or the plain address where that would be too long.
pub fn reply_address(
    keys: &Keys,
    inbox: &EmailAddress,
    ticket: TicketId,
    customer: CustomerId,
) -> EmailAddress {
    let tag = format!("{}-{customer}-{}", ticket.0, signature(keys, ticket, customer));
    if inbox.local().len() + 1 + tag.len() > LOCAL_PART_MAX {
        return inbox.clone();
    }
    inbox.with_tag(&tag)
}

/// The ticket and customer behind the tag of an address, if we signed it.
pub(crate) fn read_tag(keys: &Keys, tag: &str) -> Option<(TicketId, CustomerId)> {
    let mut parts = tag.split('-');
    let ticket = TicketId(parts.next()?.parse().ok()?);
    let customer = CustomerId(parts.next()?.parse().ok()?);
    let given = parts.next()?;
    if parts.next().is_some() || given.len() != SIGNATURE_CHARS {
        return None;
    }
    let is_ours = keys.verify_short(
        PURPOSE,
        &[&ticket.0.to_be_bytes(), &customer.0.to_be_bytes()],
        given,
        SIGNATURE_CHARS,
    );
    is_ours.then_some((ticket, customer))
}

fn signature(keys: &Keys, ticket: TicketId, customer: CustomerId) -> String {
    let parts = [ticket.0.to_be_bytes(), customer.0.to_be_bytes()];
    let full = keys.sign(PURPOSE, &[&parts[0], &parts[1]]);
    full.chars().take(SIGNATURE_CHARS).collect()
}
