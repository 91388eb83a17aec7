//! What is always so of the mail that came in.

use database::check::Rule;

/// The rules of this crate's tables.
pub const RULES: &[Rule] = &[
    Rule {
        fault: "a received mail has no source",
        broken_by: "select 'mail ' || l.id as name from mail_ledger l where not exists (
             select 1 from mail_sources s where s.ledger_id = l.id)",
    },
    Rule {
        fault: "a mail became a ticket and is in none",
        broken_by: "select 'mail ' || l.id as name from mail_ledger l
             where l.state = 'ticketed' and (l.ticket_id is null or l.message_id is null)",
    },
    Rule {
        fault: "a mail became two messages",
        broken_by: "select 'mail ' || m.ledger_id as name from messages m
             where m.ledger_id is not null group by m.ledger_id having count(*) > 1",
    },
    Rule {
        fault: "a message came from a mail that is not in the ledger",
        broken_by: "select 'message ' || m.id as name from messages m
             where m.ledger_id is not null and not exists (
               select 1 from mail_ledger l where l.id = m.ledger_id)",
    },
    Rule {
        fault: "a mail waits to be read and was read already",
        broken_by: "select 'mail ' || l.id as name from mail_ledger l
             where l.state = 'received' and l.message_id is null and exists (
               select 1 from messages m where m.ledger_id = l.id)",
    },
];
