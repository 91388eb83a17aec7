//! What is always so of tickets and of what is in them.

use database::check::Rule;

/// The rules of this crate's tables.
pub const RULES: &[Rule] = &[
    Rule {
        fault: "a ticket counts other messages than it has",
        broken_by: "select 'RC-' || t.id as name from tickets t
             where t.merged_into is null and t.message_count <> (
               select count(*) from messages m where m.ticket_id = t.id)",
    },
    Rule {
        fault: "a ticket was merged into none, or is part of another without being merged",
        broken_by: "select 'RC-' || t.id as name from tickets t
             where (t.state = 'merged') <> (t.merged_into is not null)",
    },
    Rule {
        fault: "tickets were merged into one another in a circle",
        broken_by: "select 'RC-' || a.id as name from tickets a
               join tickets b on b.id = a.merged_into
             where a.merged_into = a.id or b.merged_into = a.id",
    },
    Rule {
        fault: "a ticket that was merged has messages or notes of its own",
        broken_by: "select 'RC-' || t.id as name from tickets t
             where t.merged_into is not null
               and (exists (select 1 from messages m where m.ticket_id = t.id)
                 or exists (select 1 from notes n where n.ticket_id = t.id))",
    },
    Rule {
        fault: "a ticket is done without a time, or has the time without being done",
        broken_by: "select 'RC-' || t.id as name from tickets t
             where (t.state in ('resolved', 'closed')) <> (t.resolved_at is not null)
               and t.state not in ('merged', 'spam')",
    },
    Rule {
        fault: "a ticket is on hold without a reason, or without a time at which somebody looks",
        broken_by: "select 'RC-' || t.id as name from tickets t where t.state = 'on_hold'
               and (t.hold_reason is null or t.next_update_at is null)",
    },
    Rule {
        fault: "a ticket sleeps for ever",
        broken_by: "select 'RC-' || t.id as name from tickets t
             where t.state = 'snoozed' and t.snoozed_until is null",
    },
    Rule {
        fault: "a ticket has no beginning in its timeline, or several",
        broken_by: "select 'RC-' || t.id as name from tickets t
             where t.merged_into is null and 1 <> (select count(*) from events e
               where e.ticket_id = t.id and e.kind in ('created', 'split_from'))",
    },
    Rule {
        fault: "a message cannot be found, or is found as one of another ticket",
        broken_by: "select 'message ' || m.id as name from messages m
             where m.redacted_at is null and not exists (
               select 1 from search_documents d where d.kind = 'message' and d.source_id = m.id
                  and d.ticket_id = m.ticket_id)",
    },
    Rule {
        fault: "a note cannot be found, or is found as one of another ticket",
        broken_by: "select 'note ' || n.id as name from notes n where not exists (
             select 1 from search_documents d where d.kind = 'note' and d.source_id = n.id
                and d.ticket_id = n.ticket_id)",
    },
    Rule {
        fault: "a message or note is found that is not there, or that was redacted",
        broken_by: "select d.kind || ' ' || d.source_id as name from search_documents d
             where (d.kind = 'message' and not exists (
                 select 1 from messages m where m.id = d.source_id and m.redacted_at is null))
                or (d.kind = 'note' and not exists (
                 select 1 from notes n where n.id = d.source_id))",
    },
    Rule {
        fault: "a redacted message has its text, its HTML or its files",
        broken_by: "select 'message ' || m.id as name from messages m
             where m.redacted_at is not null
               and (m.text <> '' or m.quoted <> ''
                 or exists (select 1 from message_html h where h.message_id = m.id)
                 or exists (select 1 from attachments a where a.message_id = m.id))",
    },
    Rule {
        fault: "a customer's message has no customer, or an agent's no agent",
        broken_by: "select 'message ' || m.id as name from messages m
             where (m.author = 'customer' and m.customer_id is null)
                or (m.author = 'agent' and m.agent_id is null)",
    },
    Rule {
        fault: "a file belongs to a message and to a note",
        broken_by: "select 'attachment ' || a.id as name from attachments a
             where a.message_id is not null and a.note_id is not null",
    },
];
