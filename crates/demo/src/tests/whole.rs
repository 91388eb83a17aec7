//! What is true of a whole world.

use database::search::Expr;
use database::testing::TUESDAY;
use database::{Db, Engine, on_both, params};
use files::{BucketAccess, Files, Place};
use kernel::Failure;

use super::dump::{PUBLIC, SEEDED, TABLES, assert_same, lines, numbers, public_ids, words};
use crate::{DemoRefusal, Filled, Order, Progress, fill};

pub(super) fn order(tickets: u32, seed: u64) -> Order {
    Order { tickets, seed, now: TUESDAY }
}

pub(super) fn storage() -> Files {
    let folder = std::env::temp_dir().join("recourse-tests").join("demo-files");
    Files::open(&Place::Folder(folder), &BucketAccess::default()).unwrap()
}

pub(super) async fn filled(db: &Db, order: &Order) -> Filled {
    fill(db, &storage(), order, &mut |_| {}).await.unwrap()
}

#[tokio::test]
async fn the_same_order_gives_the_same_world_on_either_database() {
    let order = order(220, 3);
    let first = database::testing::sqlite().await;
    filled(&first, &order).await;
    let mut others = vec![database::testing::sqlite().await];
    others.extend(database::testing::postgres().await);
    for other in others {
        filled(&other, &order).await;
        for table in TABLES.iter().chain(SEEDED) {
            assert_same(&lines(&first, *table).await, &lines(&other, *table).await);
        }
        for name in PUBLIC {
            assert_eq!(public_ids(&first, name).await, public_ids(&other, name).await, "{name}");
        }
        if other.engine() == Engine::Sqlite {
            assert_same(&words(&first).await, &words(&other).await);
        }
    }
    let another = database::testing::sqlite().await;
    filled(&another, &Order { seed: 4, ..order }).await;
    let table = TABLES[2];
    assert_ne!(lines(&first, table).await, lines(&another, table).await);
}

/// Each finds rows that no program would have left.
const NEVER: &[&str] = &[
    "select id from tickets t where merged_into is null and message_count <> (
        select count(*) from messages m where m.ticket_id = t.id)",
    "select id from tickets t where merged_into is null and last_message_at <> (
        select max(created_at) from messages m where m.ticket_id = t.id)",
    "select id from tickets t where merged_into is null and last_direction <> (
        select direction from messages m where m.ticket_id = t.id order by id desc limit 1)",
    "select id from tickets where (state in ('resolved', 'closed')) <> (resolved_at is not null)
        and state <> 'merged'",
    "select id from tickets where (state = 'merged') <> (merged_into is not null)",
    "select id from tickets where state = 'on_hold' and
        (hold_reason is null or due_at <> next_update_at)",
    "select id from tickets where state = 'snoozed' and due_at <> snoozed_until",
    "select id from tickets where state in ('new', 'open') and reply_due_at is not null
        and due_at > reply_due_at",
    "select id from tickets where state in ('resolved', 'closed', 'spam', 'waiting_customer')
        and due_at < 253370764800000000",
    "select id from tickets t where first_replied_at is not null and first_replied_at <> (
        select min(created_at) from messages m where m.ticket_id = t.id and direction = 'out')",
    "select id from tickets t where reopen_count <> (
        select count(*) from events e where e.ticket_id = t.id and kind = 'reopened')",
    "select t.id from tickets t where 1 <> (
        select count(*) from events e where e.ticket_id = t.id and kind = 'created')",
    "select m.id from messages m where not exists (
        select 1 from search_documents d where d.kind = 'message' and d.source_id = m.id
            and d.ticket_id = m.ticket_id and d.created_at = m.created_at)",
    "select n.id from notes n where not exists (
        select 1 from search_documents d where d.kind = 'note' and d.source_id = n.id)",
    "select c.id from customers c where not exists (
        select 1 from search_documents d where d.kind = 'customer' and d.source_id = c.id)",
    "select a.id from messages a join messages b on b.id = a.id + 1
      where b.created_at < a.created_at",
    "select a.id from tickets a join tickets b on b.id = a.id + 1
      where b.created_at < a.created_at",
    "select a.id from search_documents a join search_documents b on b.id = a.id + 1
      where b.created_at < a.created_at",
    "select id from tickets where updated_at > 1795510800000000",
    "select id from messages where created_at > 1795510800000000",
    "select id from deliveries where state <> 'sent'",
    "select id from jobs",
];

on_both! {
    async fn every_derived_column_is_what_it_is_derived_from(db: Db) {
        filled(&db, &order(1_500, 1)).await;
        for text in NEVER {
            assert_eq!(numbers(&db, text).await, Vec::<i64>::new(), "{text}");
        }
        let snippets: Vec<(String, String)> = db
            .read()
            .await
            .unwrap()
            .all(
                "select t.snippet, m.text from tickets t join messages m on m.id = (
                    select max(id) from messages where ticket_id = t.id)",
                params![],
            )
            .await
            .unwrap();
        assert!(snippets.len() > 1_000);
        for (snippet, text) in snippets {
            assert_eq!(snippet, kernel::clip(&kernel::one_line(&text), 200));
        }
    }

    async fn the_inbox_is_lively(db: Db) {
        let done = filled(&db, &order(200, 1)).await;
        assert_eq!(done.tickets, 200);
        assert!(done.messages > 400, "{}", done.messages);
        for state in ["new", "open", "waiting_customer", "on_hold", "snoozed", "resolved",
            "closed", "spam"] {
            let count: i64 = db
                .read()
                .await
                .unwrap()
                .scalar("select count(*) from tickets where state = $1", params![state])
                .await
                .unwrap();
            assert!(count > 0, "no ticket is {state}");
        }
        let alike = "select a.id from messages a join messages b on b.text = a.text and b.id > a.id
            where a.direction = 'in' and length(a.text) > 90";
        assert_eq!(numbers(&db, alike).await, Vec::<i64>::new(), "mails that read alike");
        let now = TUESDAY;
        let open = "select count(*) from tickets where state in ('new', 'open')
            and due_at >= $1 and due_at < $2";
        for (from, hours) in [(-500, 500), (0, 3), (3, 20), (20, 400)] {
            let from = now + kernel::Span::hours(from);
            let to = from + kernel::Span::hours(hours);
            let count: i64 =
                db.read().await.unwrap().scalar(open, params![from, to]).await.unwrap();
            assert!(count > 0, "nothing is due from {from} to {to}");
        }
    }

    async fn what_was_filled_is_found_and_goes_on(db: Db) {
        filled(&db, &order(300, 1)).await;
        let conn = db.read().await.unwrap();
        for word in ["refund", "rechnung", "返金"] {
            let words = search::words(word);
            let expr = Expr::Phrase(words);
            let found = search::newest(&conn, &expr, None, None, 50).await.unwrap();
            assert!(!found.is_empty(), "{word}");
        }
        drop(conn);
        // The next rows get ids after those that were given.
        let tx = db.begin().await.unwrap();
        let last: i64 = tx.scalar("select max(id) from events", params![]).await.unwrap();
        let next: i64 = tx
            .scalar(
                "insert into events (ticket_id, kind, actor, created_at)
                 values (10001, 'created', 'system', 0) returning id",
                params![],
            )
            .await
            .unwrap();
        assert_eq!(next, last + 1);
    }

    async fn a_database_with_tickets_is_left_as_it_is(db: Db) {
        filled(&db, &order(3, 1)).await;
        let again = fill(&db, &storage(), &order(3, 1), &mut |_| {}).await;
        assert!(matches!(again, Err(Failure::Refused(DemoRefusal::HasTickets))));
        assert_eq!(numbers(&db, "select count(*) from tickets").await, [3]);
        for count in [0, 1_000_001] {
            let asked = fill(&db, &storage(), &order(count, 1), &mut |_| {}).await;
            assert!(matches!(asked, Err(Failure::Refused(DemoRefusal::Count))));
        }
    }

    async fn progress_counts_up_to_all_there_is(db: Db) {
        let mut seen: Vec<Progress> = Vec::new();
        let order = order(4_000, 2);
        let done = fill(&db, &storage(), &order, &mut |step| seen.push(step)).await.unwrap();
        assert!(seen.len() > 2 && seen.is_sorted_by_key(|step| step.messages));
        let last = seen.last().unwrap();
        assert_eq!((last.tickets, last.messages), (done.tickets, done.messages));
        assert_eq!(numbers(&db, "select count(*) from messages").await[0].unsigned_abs(), done.messages);
    }
}

#[tokio::test]
async fn every_row_refers_to_one_that_is_there_and_the_disk_is_waited_for_again() {
    let db = database::testing::sqlite().await;
    filled(&db, &order(500, 1)).await;
    let tx = db.begin().await.unwrap();
    let broken: Vec<String> =
        tx.column("select \"table\" from pragma_foreign_key_check", params![]).await.unwrap();
    assert!(broken.is_empty(), "{broken:?}");
    let waits: i64 =
        tx.scalar("select synchronous from pragma_synchronous", params![]).await.unwrap();
    assert_eq!(waits, 2);
}
