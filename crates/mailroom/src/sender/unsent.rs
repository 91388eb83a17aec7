//! Why a letter did not leave.

use email::smtp::RefusedRecipient;
use kernel::{EmailAddress, Span};

/// Why a letter did not leave, in words for the team.
pub(super) struct Unsent {
    pub(super) why: String,
    /// Trying again is useless until something changes.
    pub(super) is_final: bool,
    /// No server can have it: this one stops.
    pub(super) is_untried: bool,
    /// All that would leave the same way waits so long.
    pub(super) holds_all_for: Option<Span>,
    /// Who has it all the same.
    pub(super) accepted: Vec<EmailAddress>,
    /// Whom the server did not take it for.
    pub(super) refused: Vec<RefusedRecipient>,
}

impl Unsent {
    pub(super) fn later(why: String) -> Self {
        Self {
            why,
            is_final: false,
            is_untried: false,
            holds_all_for: None,
            accepted: Vec::new(),
            refused: Vec::new(),
        }
    }

    pub(super) fn never(why: String) -> Self {
        Self { is_final: true, ..Self::later(why) }
    }

    pub(super) fn untried() -> Self {
        Self { is_untried: true, ..Self::later(String::new()) }
    }

    /// Some got it, and the others may get it later if any of them only has to wait.
    pub(super) fn partly(refused: Vec<RefusedRecipient>, accepted: Vec<EmailAddress>) -> Self {
        let whom: Vec<String> =
            refused.iter().map(|one| format!("{}: {}", one.address, one.reason)).collect();
        let why = format!("some got it, but not {}", whom.join("; "));
        let is_final = refused.iter().all(|one| one.permanent);
        Self { is_final, accepted, refused, ..Self::later(why) }
    }
}
