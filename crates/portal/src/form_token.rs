//! Forms that anybody may send say when they were opened, signed. Pure.
//!
//! The token is also the name of one filled-in form: sending it twice has one effect.

use kernel::{Span, TicketId, Timestamp};
use keys::Keys;

const PURPOSE: &str = "portal form v1";
const SENT_PURPOSE: &str = "portal sent v1";

/// Nobody reads, writes and sends in less; programs do.
const TAKES_AT_LEAST: Span = Span::seconds(2);
const GOOD_FOR: Span = Span::hours(24);

/// What a token says about the form that it came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    TooQuick,
    Good,
    /// Open for too long, or not from here.
    Stale,
}

pub(crate) fn make(keys: &Keys, now: Timestamp) -> String {
    let nonce: u128 = rand::random();
    let (at, nonce) = (now.micros().to_string(), format!("{nonce:032x}"));
    let signature = keys.sign(PURPOSE, &[at.as_bytes(), nonce.as_bytes()]);
    format!("{at}-{nonce}-{signature}")
}

pub(crate) fn age(keys: &Keys, token: &str, now: Timestamp) -> Age {
    let mut parts = token.split('-');
    let (Some(at), Some(nonce), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Age::Stale;
    };
    let is_ours = keys.verify(PURPOSE, &[at.as_bytes(), nonce.as_bytes()], signature);
    let Some(made_at) = at.parse().ok().filter(|_| is_ours).map(Timestamp::from_micros) else {
        return Age::Stale;
    };
    match now.since(made_at) {
        age if age < TAKES_AT_LEAST => Age::TooQuick,
        age if age < GOOD_FOR => Age::Good,
        _ => Age::Stale,
    }
}

/// Proves that a reference on the page of thanks is one that was given out.
pub(crate) fn receipt(keys: &Keys, ticket: TicketId) -> String {
    keys.sign(SENT_PURPOSE, &[&ticket.0.to_be_bytes()])
}

pub(crate) fn is_receipt(keys: &Keys, ticket: TicketId, receipt: &str) -> bool {
    keys.verify(SENT_PURPOSE, &[&ticket.0.to_be_bytes()], receipt)
}
