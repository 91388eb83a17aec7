//! The pure rules by which tickets live, for whoever writes tickets that have a past already.

use anyhow::{Context, Result};
use kernel::TicketId;

pub use crate::clock::Waiting;
pub use crate::courtesy::is_courtesy;
pub use crate::state::next;

use crate::letters;
use crate::{Fact, Ticket};

/// The subject of a ticket: what the sender wrote, or the first words.
pub fn ticket_subject(subject: &str, text: &str) -> String {
    letters::ticket_subject(subject, text)
}

/// The first words of a message, for lists.
pub fn snippet(text: &str) -> String {
    letters::snippet(text)
}

/// `Re: Refund for the course [RC-10482]`.
pub fn subject_of_reply(ticket: &Ticket) -> String {
    letters::subject_of_reply(ticket)
}

/// A fact as the timeline keeps it: its kind and its data.
pub fn stored(fact: &Fact) -> Result<(String, String)> {
    let data = serde_json::to_string(fact)?;
    // The kind is the tag, which is written first.
    let kind = data.strip_prefix("{\"fact\":\"").and_then(|rest| rest.split('"').next());
    let kind = kind.context("a fact without its kind")?.to_owned();
    Ok((kind, data))
}

/// The number that the first ticket of an empty installation gets.
pub const FIRST: TicketId = TicketId(10_001);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_fact_has_the_kind_by_which_it_is_counted() {
        for fact in [Fact::Created, Fact::Tagged { tag: "a \"b\"".into() }, Fact::Closed] {
            let (kind, data) = stored(&fact).unwrap();
            assert_eq!(kind, fact.kind());
            assert_eq!(serde_json::from_str::<Fact>(&data).unwrap(), fact);
        }
    }
}
