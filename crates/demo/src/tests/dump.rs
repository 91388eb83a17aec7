//! Tables as lines of text, to compare one database with another.

use database::{Conn, Db, Sql, params};

/// Table, its columns, and the order of its rows.
pub(super) type Table = (&'static str, &'static str, &'static str);

/// What has to be the same whoever wrote it: everything but what is made at random.
pub(super) const TABLES: &[Table] = &[
    ("customers", "id name language time_zone links_valid_from created_at updated_at", "id"),
    ("identities", "id customer_id kind value verified_at created_at", "id"),
    (
        "tickets",
        "id inbox_id customer_id subject channel state state_before_spam priority category_id
         assignee_id team_id problem_id merged_into hold_reason next_update_at snoozed_until
         resolution cause waiting_since reply_due_at first_replied_at acknowledged_at
         acknowledgement_withheld resolved_at reopen_count message_count last_message_at
         last_direction snippet due_at created_at updated_at version",
        "id",
    ),
    ("ticket_tags", "ticket_id tag_id", "ticket_id, tag_id"),
    ("ticket_fields", "ticket_id field_id value", "ticket_id, field_id"),
    ("ticket_links", "ticket_id other_id kind created_at", "ticket_id, other_id"),
    ("participants", "ticket_id address name created_at", "ticket_id, address"),
    ("followers", "ticket_id agent_id", "ticket_id, agent_id"),
    ("ticket_reads", "agent_id ticket_id read_at", "ticket_id, agent_id"),
    (
        "messages",
        "id ticket_id direction kind channel author customer_id agent_id from_name from_address
         recipients subject text quoted sender_check sender_detail ledger_id redacted_at
         redacted_by created_at",
        "id",
    ),
    ("message_html", "message_id html", "message_id"),
    ("message_references", "mail_id message_id", "message_id, mail_id"),
    (
        "attachments",
        "id message_id note_id uploaded_by draft_ticket_id file_hash name media_type size_bytes
         content_id created_at",
        "id",
    ),
    ("notes", "id ticket_id author_id text created_at", "id"),
    ("note_mentions", "note_id agent_id", "note_id, agent_id"),
    ("events", "id ticket_id kind actor agent_id data created_at", "id"),
    ("notifications", "id agent_id kind ticket_id actor_name created_at read_at", "id"),
    ("search_documents", "id kind source_id ticket_id customer_id created_at", "id"),
];

/// What is made at random when people do it, and comes from the seed here.
pub(super) const SEEDED: &[Table] = &[
    ("agents", "id name email role state signature preferences created_at", "id"),
    ("inboxes", "id name kind address sender_name signature reply_within_minutes", "id"),
    ("drafts", "ticket_id agent_id mode text recipients updated_at", "ticket_id, agent_id"),
    ("saved_replies", "id title text updated_at", "id"),
    ("views", "id name query sort position created_at", "id"),
    ("problems", "id title state created_by created_at fixed_at", "id"),
    ("files", "hash size_bytes created_at", "hash"),
    ("messages", "id mail_id", "id"),
    (
        "deliveries",
        "id kind inbox_id ticket_id message_id mail_id from_name recipients subject text state
         send_after attempts created_at sent_at give_up_at",
        "id",
    ),
];

/// The ids by which rows are known outside.
pub(super) const PUBLIC: [&str; 7] =
    ["customers", "agents", "inboxes", "messages", "attachments", "notes", "problems"];

pub(super) async fn lines(db: &Db, (name, columns, order): Table) -> Vec<String> {
    let parts: Vec<String> = columns
        .split_whitespace()
        .map(|column| format!("coalesce(cast({column} as text), '-')"))
        .collect();
    let text = format!("select {} from {name} order by {order}", parts.join(" || ' | ' || "));
    let rows: Vec<String> = read(&db.read().await.unwrap(), text).await;
    rows.into_iter().map(|row| format!("{name}: {row}")).collect()
}

pub(super) async fn public_ids(db: &Db, name: &str) -> Vec<kernel::PublicId> {
    let text = format!("select public_id from {name} order by id");
    read(&db.read().await.unwrap(), text).await
}

/// The words that can be found, with their places.
pub(super) async fn words(db: &Db) -> Vec<String> {
    let mut tx = db.begin().await.unwrap();
    match db.engine() {
        database::Engine::Sqlite => {
            tx.execute(
                "create virtual table temp.terms using fts5vocab('main', 'search_index',
                    'instance')",
                params![],
            )
            .await
            .unwrap();
            let rows =
                "select doc || ' ' || col || ' ' || \"offset\" || ' ' || term from temp.terms
                         order by doc, col, \"offset\", term";
            read(&tx, rows.to_owned()).await
        }
        database::Engine::Postgres => {
            let rows = "select id || ' ' || words::text from search_index order by id";
            read(&tx, rows.to_owned()).await
        }
    }
}

pub(super) async fn numbers(db: &Db, text: &'static str) -> Vec<i64> {
    read(&db.read().await.unwrap(), text.to_owned()).await
}

async fn read<T: database::Column>(conn: &Conn, text: String) -> Vec<T> {
    let rows: Vec<(T,)> = conn.all_sql(Sql::new(Box::leak(text.into_boxed_str()))).await.unwrap();
    rows.into_iter().map(|(value,)| value).collect()
}

/// Says where two worlds part, rather than showing both.
pub(super) fn assert_same(left: &[String], right: &[String]) {
    for (left, right) in left.iter().zip(right) {
        assert_eq!(left, right);
    }
    assert_eq!(left.len(), right.len(), "after {:?}", left.last());
}
