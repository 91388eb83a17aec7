//! What is always so of mail on its way out.

use database::check::Rule;

/// The rules of this crate's tables.
pub const RULES: &[Rule] = &[
    Rule {
        fault: "a mail was sent without a time, or has the time without being sent",
        broken_by: "select 'delivery ' || d.id as name from deliveries d
             where (d.state = 'sent' and d.sent_at is null)
                or (d.state = 'queued' and d.sent_at is not null)",
    },
    Rule {
        fault: "a mail is being sent by nobody",
        broken_by: "select 'delivery ' || d.id as name from deliveries d
             where d.state = 'sending' and d.leased_until is null",
    },
];
