use std::time::Duration;

use kernel::{ManualClock, Span, StorageFull, TicketId, Timestamp};

use crate::search::{Document, Expr};
use crate::testing::TUESDAY;
use crate::*;

on_both! {
    async fn a_value_comes_back_as_it_went_in(db: Db) {
        let mut tx = db.begin().await.unwrap();
        tx.execute(
            "create table things (n bigint, f double precision, b boolean, t text, d text)",
            params![],
        )
        .await
        .unwrap();
        tx.execute(
            "insert into things (n, f, b, t, d) values ($1, $2, $3, $4, $5)",
            params![TicketId(7), 1.5, true, "ß'\"", None::<String>],
        )
        .await
        .unwrap();
        let row: (TicketId, f64, bool, String, Option<String>) =
            tx.one("select n, f, b, t, d from things", params![]).await.unwrap();
        assert_eq!(row, (TicketId(7), 1.5, true, "ß'\"".to_owned(), None));
    }

    async fn what_was_not_committed_never_happened(db: Db) {
        let mut tx = db.begin().await.unwrap();
        set(&mut tx, "kept").await;
        tx.commit().await.unwrap();
        let mut tx = db.begin().await.unwrap();
        set(&mut tx, "dropped").await;
        drop(tx);
        assert_eq!(names(&db).await, ["kept"]);
    }

    async fn a_mark_takes_back_a_part(db: Db) {
        let mut tx = db.begin().await.unwrap();
        set(&mut tx, "before").await;
        tx.mark().await.unwrap();
        set(&mut tx, "between").await;
        tx.undo_to_mark().await.unwrap();
        tx.mark().await.unwrap();
        set(&mut tx, "after").await;
        tx.keep_since_mark().await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(names(&db).await, ["after", "before"]);
    }

    async fn what_is_kept_for_the_end_happens_there_unless_it_was_taken_back(db: Db) {
        let insert = |name: &str| {
            let values = params![name, TUESDAY];
            Sql::of("insert into settings (name, value, updated_at) values ($1, '', $2)", values)
        };
        let mut tx = db.begin().await.unwrap();
        tx.at_the_end(insert("last"));
        tx.mark().await.unwrap();
        tx.at_the_end(insert("between"));
        tx.undo_to_mark().await.unwrap();
        let there: i64 = tx.scalar("select count(*) from settings", params![]).await.unwrap();
        assert_eq!(there, 0);
        tx.commit().await.unwrap();
        assert_eq!(names(&db).await, ["last"]);
    }

    async fn what_has_to_change_a_row_at_the_end_and_does_not_undoes_everything(db: Db) {
        let once = || {
            let text = "insert into settings (name, value, updated_at) values ('once', '', $1)
                 on conflict (name) do nothing";
            Sql::of(text, params![TUESDAY])
        };
        for (name, is_first) in [("first", true), ("second", false)] {
            let mut tx = db.begin().await.unwrap();
            set(&mut tx, name).await;
            tx.must_change_at_the_end(once());
            let committed = tx.commit().await;
            assert_eq!(committed.as_ref().is_ok(), is_first);
            assert_eq!(committed.is_err_and(|fault| may_pass(&fault)), !is_first);
        }
        assert_eq!(names(&db).await, ["first", "once"]);
    }

    async fn whoever_takes_the_same_turn_sees_what_the_one_before_did(db: Db) {
        let add_one = async || {
            let mut tx = db.begin().await.unwrap();
            tx.take_turn("count").await.unwrap();
            let there: i64 = tx.scalar("select count(*) from settings", params![]).await.unwrap();
            set(&mut tx, &format!("number {there}")).await;
            tx.commit().await.unwrap();
        };
        tokio::join!(add_one(), add_one(), add_one(), add_one());
        assert_eq!(names(&db).await.len(), 4);
    }

    async fn readers_cannot_write(db: Db) {
        if db.engine() == Engine::Sqlite {
            let mut conn = db.read().await.unwrap();
            let tried = conn.execute("delete from settings", params![]).await;
            assert!(tried.is_err());
        }
    }

    async fn reading_that_takes_too_long_ends_and_the_next_is_not_concerned(db: Db) {
        let endless = "with recursive n (i) as (select 1 union all select i + 1 from n
             where i < 1000000000) select count(*) from n";
        for _ in 0..6 {
            let conn = db.read_within(Duration::from_millis(30)).await.unwrap();
            let failed = conn.scalar::<i64>(endless, params![]).await.unwrap_err();
            assert!(took_too_long(&failed), "{failed:#}");
        }
        let long = "with recursive n (i) as (select 1 union all select i + 1 from n
             where i < 1000000) select count(*) from n";
        for _ in 0..6 {
            let conn = db.read().await.unwrap();
            assert_eq!(conn.scalar::<i64>(long, params![]).await.unwrap(), 1_000_000);
        }
        let conn = db.read().await.unwrap();
        let failed = conn.scalar::<i64>("select count(*) from nowhere", params![]).await;
        assert!(!took_too_long(&failed.unwrap_err()));
    }

    async fn a_list_that_takes_too_long_is_given_up(db: Db) {
        let endless = "with recursive n (i) as (select 1 union all select i + 1 from n
             where i < 1000000000) select count(*) from n";
        db.limit_lists(Duration::from_millis(30));
        let conn = db.read_list().await.unwrap();
        let failed = conn.scalar::<i64>(endless, params![]).await.unwrap_err();
        assert!(took_too_long(&failed) && kernel::TooSlow::is_behind(&failed), "{failed:#}");
        drop(conn);
        let conn = db.read_list().await.unwrap();
        assert_eq!(conn.scalar::<i64>("select 1 + count(*) from settings", params![]).await.unwrap(), 1);
    }

    async fn what_cannot_be_stored_in_text_is_replaced(db: Db) {
        let mut tx = db.begin().await.unwrap();
        set(&mut tx, "a\0b").await;
        tx.commit().await.unwrap();
        assert_eq!(names(&db).await, ["a\u{fffd}b"]);
    }

    async fn writing_works_again_after_the_disk_was_full(db: Db) {
        if db.engine() == Engine::Sqlite {
            for (name, blob) in [("small", 40_000_i64), ("large", 4_000_000)] {
                let mut tx = db.begin().await.unwrap();
                tx.execute("pragma max_page_count = 1", params![]).await.unwrap();
                let fill = "insert into answered_requests (actor, key, request_hash, created_at)
                    values ('a', 'k', zeroblob($1), 1)";
                let full = tx.execute(fill, params![blob]).await.unwrap_err();
                assert!(StorageFull::is_behind(&full), "{full:#}");
                drop(tx);
                let mut tx = db.begin().await.unwrap();
                tx.execute("pragma max_page_count = 1073741823", params![]).await.unwrap();
                set(&mut tx, name).await;
                tx.commit().await.unwrap();
            }
            assert_eq!(names(&db).await, ["large", "small"]);
        }
    }

    async fn writers_wait_for_one_another(db: Db) {
        let mut tasks = Vec::new();
        for task in 0..8 {
            let db = db.clone();
            #[expect(clippy::disallowed_methods, reason = "a test of concurrency")]
            tasks.push(tokio::spawn(async move {
                for round in 0..5 {
                    let mut tx = db.begin().await.unwrap();
                    set(&mut tx, &format!("{task}-{round}")).await;
                    tx.commit().await.unwrap();
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(names(&db).await.len(), 40);
    }

    async fn notices_come_after_the_commit_and_once(db: Db) {
        let mut notices = db.notices();
        // PostgreSQL needs a moment until the listener stands.
        if db.engine() == Engine::Postgres {
            loop {
                db.announce("hello".to_owned()).await.unwrap();
                let wait = std::time::Duration::from_millis(50);
                if tokio::time::timeout(wait, notices.next()).await.is_ok() {
                    break;
                }
            }
        }
        let mut tx = db.begin().await.unwrap();
        tx.announce("dropped");
        drop(tx);
        let mut tx = db.begin().await.unwrap();
        tx.announce("ticket:1");
        tx.announce("ticket:1");
        tx.announce("ticket:2");
        tx.commit().await.unwrap();
        let mut heard = Vec::new();
        while heard.len() < 2 {
            let notice = notices.next().await.unwrap().unwrap();
            if &*notice != "hello" {
                heard.push(notice.to_string());
            }
        }
        assert_eq!(heard, ["ticket:1", "ticket:2"]);
    }

    async fn tickets_count_from_ten_thousand_and_one(db: Db) {
        let mut tx = db.begin().await.unwrap();
        let public = kernel::PublicId::new(TUESDAY);
        tx.execute(
            "insert into inboxes (id, public_id, name, kind, sender_name, created_at)
             values (1, $1, 'Support', 'email', 'Shop', $2)",
            params![public, TUESDAY],
        )
        .await
        .unwrap();
        tx.execute(
            "insert into customers (id, public_id, name, created_at, updated_at)
             values (1, $1, 'Dana', $2, $2)",
            params![public, TUESDAY],
        )
        .await
        .unwrap();
        let id: TicketId = tx.scalar(NEW_TICKET, params![TUESDAY]).await.unwrap();
        assert_eq!(id, TicketId(10_001));
        let next: TicketId = tx.scalar(NEW_TICKET, params![TUESDAY]).await.unwrap();
        assert_eq!(next, TicketId(10_002));
    }

    async fn search_finds_words_phrases_and_beginnings(db: Db) {
        let mut tx = db.begin().await.unwrap();
        put(&mut tx, 1, "refund course", "i want my money back", "i1").await;
        put(&mut tx, 2, "", "the money is back and a refund came", "i2").await;
        put(&mut tx, 3, "", "ダウ ウン ンロ licence", "i1").await;
        put(&mut tx, 4, "", "money that was a mistake", "i1").await;
        put(&mut tx, 4, "", "replaced", "i1").await;
        tx.mark().await.unwrap();
        put(&mut tx, 5, "", "money that was undone", "i1").await;
        tx.undo_to_mark().await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.begin().await.unwrap();

        let word = |text: &str| Expr::Word(text.to_owned());
        let phrase = |text: &str| Expr::Phrase(text.split(' ').map(str::to_owned).collect());
        for (expr, scopes, found) in [
            (word("money"), None, vec![2, 1]),
            (word("refund"), None, vec![2, 1]),
            (word("absent"), None, vec![]),
            (phrase("money back"), None, vec![1]),
            (phrase("course i"), None, vec![]),
            (phrase("ダウ ウン"), None, vec![3]),
            (Expr::Prefix("lic".to_owned()), None, vec![3]),
            (Expr::All(vec![word("money"), word("refund")]), None, vec![2, 1]),
            (Expr::Any(vec![word("course"), word("licence")]), None, vec![3, 1]),
            (Expr::Without(word("money").into(), word("course").into()), None, vec![2]),
            (word("money"), Some(vec!["i1"]), vec![1]),
            (word("money"), Some(vec!["i1", "i2"]), vec![2, 1]),
            (word("money"), Some(vec![]), vec![]),
            (word("i1"), None, vec![]),
        ] {
            let scopes: Option<Vec<String>> =
                scopes.map(|list: Vec<&str>| list.into_iter().map(str::to_owned).collect());
            let hits = search::newest(&tx, &expr, scopes.as_deref(), None, 10).await.unwrap();
            let ids: Vec<i64> = hits.iter().map(|hit| hit.id).collect();
            assert_eq!(ids, found, "{expr:?} in {scopes:?}");
        }

        let hits = search::newest(&tx, &word("refund"), None, None, 10).await.unwrap();
        assert!(hits[1].rank > hits[0].rank, "a word in the subject weighs more: {hits:?}");

        search::remove(&mut tx, 2).await.unwrap();
        tx.commit().await.unwrap();
        let tx = db.read().await.unwrap();
        let hits = search::newest(&tx, &word("money"), None, None, 10).await.unwrap();
        assert_eq!(hits.iter().map(|hit| hit.id).collect::<Vec<_>>(), [1]);
    }
}

/// Which documents have a word.
type Has = fn(i64) -> bool;

/// 30,000 documents: number `n` has the word `every2` where 2 divides it, and so on; `early` is in
/// the first 6,000.
fn many_documents(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => {
            "with recursive numbers (n) as
               (select 1 union all select n + 1 from numbers where n < 30000)
             insert into search_index (rowid, subject, words, scope)
             select n, '', 'every1' || case when n % 2 = 0 then ' every2' else '' end
                    || case when n % 7 = 0 then ' every7' else '' end
                    || case when n % 300 = 0 then ' every300' else '' end
                    || case when n <= 6000 then ' early' else '' end, 'i1'
               from numbers"
        }
        Engine::Postgres => {
            "insert into search_index (id, words)
             select n, ('''scope:i1'' every1:1' || case when n % 2 = 0 then ' every2:2' else '' end
                    || case when n % 7 = 0 then ' every7:3' else '' end
                    || case when n % 300 = 0 then ' every300:4' else '' end
                    || case when n <= 6000 then ' early:5' else '' end)::tsvector
               from generate_series(1, 30000) as n"
        }
    }
}

on_both! {
    async fn common_and_rare_words_are_found_newest_first(db: Db) {
        let mut tx = db.begin().await.unwrap();
        tx.execute(many_documents(db.engine()), params![]).await.unwrap();
        tx.commit().await.unwrap();
        let conn = db.read().await.unwrap();
        let scopes = Some(vec!["i1".to_owned()]);
        let words: [(&str, Has); 6] = [
            ("every1", |_| true),
            ("every2", |n| n % 2 == 0),
            ("every7", |n| n % 7 == 0),
            ("every300", |n| n % 300 == 0),
            ("early", |n| n <= 6_000),
            ("absent", |_| false),
        ];
        for (word, has) in words {
            let expr = Expr::Word(word.to_owned());
            for before in [None, Some(29_000), Some(6_500), Some(4_000), Some(40), Some(1)] {
                for limit in [1, 400, 7_000] {
                    let found =
                        search::newest(&conn, &expr, scopes.as_deref(), before, limit).await;
                    let found: Vec<i64> = found.unwrap().iter().map(|hit| hit.id).collect();
                    let below = before.unwrap_or(i64::MAX);
                    let expected: Vec<i64> = (1..=30_000)
                        .rev()
                        .filter(|n| *n < below && has(*n))
                        .take(kernel::length(limit))
                        .collect();
                    assert_eq!(found, expected, "{word} before {before:?}, {limit}");
                }
            }
        }
    }
}

#[tokio::test]
async fn an_older_program_refuses_a_newer_schema() {
    let folder = std::env::temp_dir().join(format!("recourse-newer-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let location = Location::File(folder.join("recourse.db"));
    let clock = ManualClock::at(TUESDAY);
    let db = Db::open(&location, &*clock).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    tx.execute(
        "insert into schema_migrations (version, name, checksum, applied_at)
         values (9999, 'later', '', 0)",
        params![],
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    db.close().await;
    let Err(fault) = Db::open(&location, &*clock).await else { panic!("it opened") };
    assert!(fault.downcast_ref::<NewerSchema>().is_some(), "{fault}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn before_the_schema_changes_the_file_is_kept_as_it_was() {
    let folder = std::env::temp_dir().join(format!("recourse-kept-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("it's here.db");
    let location = Location::File(file.clone());
    let clock = ManualClock::at(TUESDAY);
    let db = Db::open_to_fill_at(&location, 9, &*clock).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    set(&mut tx, "of before").await;
    tx.commit().await.unwrap();
    db.close().await;
    let copy = folder.join("it's here.db.version-9");
    let older = folder.join("it's here.db.version-8");
    std::fs::write(&older, "").unwrap();

    // Where no copy can be kept, nothing changes.
    std::fs::create_dir_all(copy.join("in the way")).unwrap();
    let Err(fault) = Db::open(&location, &*clock).await else { panic!("it changed") };
    assert!(format!("{fault:#}").contains("make room for one and start again"), "{fault:#}");
    let version = "select max(version) from schema_migrations";
    let db = Db::connect(&location).await.unwrap();
    let found: i64 = db.read().await.unwrap().scalar(version, params![]).await.unwrap();
    assert_eq!(found, 9);
    db.close().await;
    std::fs::remove_dir_all(&copy).unwrap();

    let db = Db::open(&location, &*clock).await.unwrap();
    let found: i64 = db.read().await.unwrap().scalar(version, params![]).await.unwrap();
    assert!(found > 9);
    db.close().await;
    assert!(!older.exists(), "one way back is enough");
    let db = Db::connect(&Location::File(copy.clone())).await.unwrap();
    let conn = db.read().await.unwrap();
    assert_eq!(conn.scalar::<i64>(version, params![]).await.unwrap(), 9);
    let kept = "select count(*) from settings where name = 'of before'";
    assert_eq!(conn.scalar::<i64>(kept, params![]).await.unwrap(), 1);
    drop(conn);
    db.close().await;

    // The second start changes nothing and keeps nothing.
    std::fs::remove_file(&copy).unwrap();
    Db::open(&location, &*clock).await.unwrap().close().await;
    assert!(!copy.exists());
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn an_upgrade_that_fails_leaves_the_way_back() {
    let folder = std::env::temp_dir().join(format!("recourse-fails-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let location = Location::File(folder.join("recourse.db"));
    let clock = ManualClock::at(TUESDAY);
    let db = Db::open_to_fill_at(&location, 9, &*clock).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    // The last steps cannot make a table that is there.
    tx.execute("create table audit_entries (id bigint)", params![]).await.unwrap();
    tx.commit().await.unwrap();
    db.close().await;
    for _ in 0..2 {
        let Err(fault) = Db::open(&location, &*clock).await else { panic!("it changed") };
        assert!(format!("{fault:#}").contains("0014_trail"), "{fault:#}");
        let db = Db::connect(&location).await.unwrap();
        let version = "select max(version) from schema_migrations";
        let found: i64 = db.read().await.unwrap().scalar(version, params![]).await.unwrap();
        assert_eq!(found, 9, "all or nothing");
        db.close().await;
        assert!(folder.join("recourse.db.version-9").exists(), "the way back stays");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_database_url_is_postgres_or_nothing() {
    assert!("postgres://localhost/x".parse::<Location>().is_ok());
    assert!("mysql://localhost/x".parse::<Location>().is_err());
    let shown = format!("{:?}", Location::Postgres("postgres://u:secret@h/x".to_owned()));
    assert!(!shown.contains("secret"));
}

const NEW_TICKET: &str = "
    insert into tickets (inbox_id, customer_id, subject, channel, state, priority,
        last_message_at, last_direction, snippet, due_at, created_at, updated_at)
    values (1, 1, '', 'email', 'new', 'normal', $1, 'in', '', $1, $1, $1)
    returning id";

async fn set(conn: &mut Conn, name: &str) {
    conn.execute(
        "insert into settings (name, value, updated_at) values ($1, '', $2)",
        params![name, TUESDAY + Span::ZERO],
    )
    .await
    .unwrap();
}

async fn names(db: &Db) -> Vec<String> {
    let conn = db.read().await.unwrap();
    conn.column("select name from settings order by name", params![]).await.unwrap()
}

async fn put(tx: &mut Tx, id: i64, subject: &str, words: &str, scope: &str) {
    let split = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let (subject, words) = (split(subject), split(words));
    let document = Document { id, subject: &subject, words: &words, scope };
    search::put(tx, &document).await.unwrap();
}

#[test]
fn tuesday_is_a_tuesday() {
    assert_eq!(TUESDAY, "2026-11-24T09:00:00Z".parse::<Timestamp>().unwrap());
}
