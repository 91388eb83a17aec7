//! The tables that are filled, in an order in which every row finds those it refers to.

use database::bulk::Table;

macro_rules! tables {
    ($($place:ident = $index:literal: $name:literal ($($column:literal)*);)*) => {
        $(pub(crate) const $place: usize = $index;)*
        pub(crate) const TABLES: [Table; 19] = [$(
            Table { name: $name, columns: &[$($column),*] },
        )*];

        #[cfg(test)]
        const PLACES: [usize; 19] = [$($place),*];
    };
}

tables! {
    CUSTOMERS = 0: "customers" ("id" "public_id" "name" "language" "created_at" "updated_at");
    IDENTITIES = 1: "identities" ("id" "customer_id" "kind" "value" "verified_at" "created_at");
    TICKETS = 2: "tickets" ("id" "inbox_id" "customer_id" "subject" "channel" "state"
        "state_before_spam" "priority" "category_id" "assignee_id" "team_id" "problem_id"
        "merged_into" "hold_reason" "next_update_at" "snoozed_until" "resolution" "cause"
        "waiting_since" "reply_due_at" "first_replied_at" "acknowledged_at"
        "acknowledgement_withheld" "resolved_at" "reopen_count" "message_count"
        "last_message_at" "last_direction" "snippet" "due_at" "created_at" "updated_at"
        "version");
    TICKET_TAGS = 3: "ticket_tags" ("ticket_id" "tag_id");
    TICKET_FIELDS = 4: "ticket_fields" ("ticket_id" "field_id" "value");
    PARTICIPANTS = 5: "participants" ("ticket_id" "address" "name" "created_at");
    FOLLOWERS = 6: "followers" ("ticket_id" "agent_id");
    READS = 7: "ticket_reads" ("agent_id" "ticket_id" "read_at");
    DRAFTS = 8: "drafts" ("ticket_id" "agent_id" "mode" "text" "recipients" "updated_at");
    LINKS = 9: "ticket_links" ("ticket_id" "other_id" "kind" "created_at");
    MESSAGES = 10: "messages" ("id" "public_id" "ticket_id" "direction" "kind" "channel" "author"
        "customer_id" "agent_id" "from_name" "subject" "text" "quoted" "held" "created_at"
        "from_address" "recipients" "mail_id" "sender_check" "sender_detail");
    MESSAGE_HTML = 11: "message_html" ("message_id" "html");
    REFERENCES = 12: "message_references" ("mail_id" "message_id");
    ATTACHMENTS = 13: "attachments" ("id" "public_id" "message_id" "file_hash" "name" "media_type"
        "size_bytes" "created_at");
    DELIVERIES = 14: "deliveries" ("id" "kind" "inbox_id" "ticket_id" "message_id" "mail_id"
        "from_name" "recipients" "subject" "text" "state" "send_after" "attempts" "created_at"
        "sent_at" "give_up_at");
    NOTES = 15: "notes" ("id" "public_id" "ticket_id" "author_id" "text" "created_at");
    MENTIONS = 16: "note_mentions" ("note_id" "agent_id");
    EVENTS = 17: "events" ("id" "ticket_id" "kind" "actor" "agent_id" "data" "created_at");
    NOTIFICATIONS = 18: "notifications" ("id" "agent_id" "kind" "ticket_id" "actor_name"
        "created_at" "read_at");
}

#[cfg(test)]
#[test]
fn every_table_is_in_its_place() {
    assert!(PLACES.iter().enumerate().all(|(index, place)| index == *place));
}
