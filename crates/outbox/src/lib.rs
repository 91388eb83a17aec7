//! Mail on its way out, in the same transaction as what made it necessary.
//!
//! This is the one gate: replies, acknowledgements and system mail all pass through [`post`].
//! A letter is frozen when it is posted; what is sent is what was written, or nothing.
//! Invariant: a letter is queued, being sent under a lease, sent, or visibly failed.

mod letter;
mod policy;
mod store;

pub use letter::{Kind, Letter, Party, Recipients, new_mail_id};
pub use policy::{Caps, Withheld};
pub use store::check;
pub use store::{
    Delivery, Listed, Posted, SYSTEM, Sending, Shelf, State, accepted, black_out, bounced, claim,
    claim_cap_alarm, deliveries_of, discard, failed_count, failed_letters, find_by_mail_id,
    find_listed, free_all, free_expired, gate, hand_back, hold_back, hurry, inboxes_due,
    lift_suppression, listed, of_ticket, oldest_due, post, post_passed, put_back, renew, retry,
    sent, set_failed, suppress, suppressions, take_back, take_turns,
};

#[cfg(test)]
mod tests;
