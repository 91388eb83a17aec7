//! Links that open a customer's own tickets, without a password. Pure.
//!
//! A link says whose it is, where it leads and when it was made, and is signed: nothing is stored
//! until it is used. It ends with its time, or when the customer's links are revoked.

use kernel::{CustomerId, Span, TicketId, Timestamp};
use keys::Keys;

/// Links in mails about a ticket.
pub const TICKET_LINK_LASTS: Span = Span::days(30);
/// Links that somebody asked for to sign in.
pub const SIGN_IN_LINK_LASTS: Span = Span::hours(1);

/// Where a link leads and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    pub customer: CustomerId,
    /// None: to the list of all tickets, to sign in.
    pub ticket: Option<TicketId>,
    /// Whole minutes; seconds are not kept.
    pub made_at: Timestamp,
}

const PURPOSE: &str = "portal link v1";
const PREFIX: &str = "rcl";

/// The token of a link: `rcl_customer_ticket_minutes_signature`, the numbers in base 36.
pub fn make(keys: &Keys, link: &Link) -> String {
    let customer = base36(link.customer.0);
    let ticket = base36(link.ticket.map_or(0, |ticket| ticket.0));
    let minutes = base36(link.made_at.seconds() / 60);
    let signature = sign(keys, &customer, &ticket, &minutes);
    format!("{PREFIX}_{customer}_{ticket}_{minutes}_{signature}")
}

/// The link behind a token, if we made it. Whether it is still good is [`Link::is_good`]'s
/// question.
pub fn read(keys: &Keys, token: &str) -> Option<Link> {
    let mut parts = token.split('_');
    let mut next = || parts.next();
    if next()? != PREFIX {
        return None;
    }
    let (customer, ticket, minutes, signature) = (next()?, next()?, next()?, next()?);
    let rest = next();
    let parts = [customer.as_bytes(), ticket.as_bytes(), minutes.as_bytes()];
    if rest.is_some() || !keys.verify(PURPOSE, &parts, signature) {
        return None;
    }
    let number = |text: &str| i64::from_str_radix(text, 36).ok();
    let ticket = number(ticket)?;
    Some(Link {
        customer: CustomerId(number(customer)?),
        ticket: (ticket != 0).then_some(TicketId(ticket)),
        made_at: Timestamp::from_seconds(number(minutes)?.checked_mul(60)?),
    })
}

/// The tokens that stand in a text, such as a quoted mail of ours.
pub fn tokens_in(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.match_indices("rcl_").take(20).filter_map(move |(at, _)| {
        let rest = text.get(at..)?;
        let end = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
        rest.get(..end)
    })
}

impl Link {
    /// Whether it still opens: not too old, and not made before the customer's links were
    /// revoked.
    pub fn is_good(&self, valid_from: Timestamp, now: Timestamp) -> bool {
        let lasts = match self.ticket {
            Some(_) => TICKET_LINK_LASTS,
            None => SIGN_IN_LINK_LASTS,
        };
        // A link keeps whole minutes, so one made in the minute of the revocation counts as
        // older.
        self.made_at >= valid_from && now < self.made_at + lasts
    }
}

fn sign(keys: &Keys, customer: &str, ticket: &str, minutes: &str) -> String {
    keys.sign(PURPOSE, &[customer.as_bytes(), ticket.as_bytes(), minutes.as_bytes()])
}

fn base36(number: i64) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut rest = number.unsigned_abs();
    let mut digits = Vec::new();
    loop {
        let digit = usize::try_from(rest % 36).unwrap_or(0);
        digits.push(DIGITS.get(digit).copied().map_or('0', char::from));
        rest /= 36;
        if rest == 0 {
            break;
        }
    }
    digits.iter().rev().collect()
}
