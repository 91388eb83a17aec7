use anyhow::Result;
use database::testing::TUESDAY;
use database::{Db, Sql, Tx, on_both, params};
use kernel::{AgentId, Span};
use keys::Keys;
use serde_json::json;

use super::*;

mod tampering;

pub(crate) fn keys() -> Keys {
    Keys::from_master(&[7; 32])
}

/// Notes `count` acts of all kinds, one in each transaction.
pub(crate) async fn fill(db: &Db, trail: &Trail, count: i64) {
    for at in 0..count {
        let mut tx = db.begin().await.unwrap();
        trail.note(&mut tx, some_entry(at));
        tx.commit().await.unwrap();
    }
}

pub(crate) fn some_entry(at: i64) -> Entry {
    let kinds = Deed::ALL;
    let act = kinds[usize::try_from(at).unwrap() % kinds.len()];
    let who = match at % 4 {
        0 => Who::agent(AgentId(at % 3 + 1), "Sarah Lindqvist").via(Some(at)),
        1 => Who::token(AgentId(2), "Mateo").via(Some(7)).from(Some([192, 0, 2, 7].into())),
        2 => Who::visitor().from(Some([203, 0, 113, 9].into())),
        _ => Who::system(),
    };
    let entry = Entry::new(act, who, TUESDAY + Span::seconds(at));
    match at % 3 {
        0 => entry
            .on("inbox", at, "Support")
            .change(json!({"name": "a", "port": 1}), json!({"name": "b", "port": 1})),
        1 => entry.on("person", at % 5, "Priya").with(json!({"role": "agent"})),
        _ => entry,
    }
}

pub(crate) async fn look(db: &Db) -> Report {
    look_with(db, &keys()).await
}

pub(crate) async fn look_with(db: &Db, keys: &Keys) -> Report {
    let mut conn = db.snapshot().await.unwrap();
    verify(&mut conn, keys, &[], &mut |_| {}).await.unwrap()
}

pub(crate) async fn raw(tx: &mut Tx, statement: String) -> Result<u64> {
    tx.execute_sql(Sql::of(statement.leak(), params![])).await
}

#[test]
fn names_of_acts_are_read_again_and_no_two_are_the_same() {
    for act in Deed::ALL {
        assert_eq!(act.as_str().parse::<Deed>().unwrap(), *act);
    }
    let names: std::collections::HashSet<_> = Deed::ALL.iter().map(|act| act.as_str()).collect();
    assert_eq!(names.len(), Deed::ALL.len());
    assert!("session".parse::<Deed>().is_err());
}

#[test]
fn what_differs_is_kept_and_a_secret_is_only_said_to_have_changed() {
    let entry = Entry::new(Deed::CompanyChanged, Who::system(), TUESDAY);
    let (password_before, password_after) = Entry::secret(true);
    let changed = entry.clone().change(
        json!({"name": "Old", "hue": 3, "password": password_before}),
        json!({"name": "New", "hue": 3, "password": password_after}),
    );
    assert_eq!(changed.before.unwrap(), r#"{"name":"Old"}"#);
    assert_eq!(changed.after.unwrap(), r#"{"name":"New","password":"changed"}"#);
    let same = entry.clone().change(json!({"a": 1}), json!({"a": 1}));
    assert_eq!((same.before, same.after), (None, None));
    let long = entry.with(json!({"text": "x".repeat(5_000)}));
    assert!(long.after.unwrap().len() < 600);
}

on_both! {
    async fn what_was_noted_is_there_in_order_and_whole(db: Db) {
        let trail = Trail::new(&keys());
        assert!(look(&db).await.is_whole(), "an empty database has nothing to hide");
        fill(&db, &trail, 40).await;
        let report = look(&db).await;
        assert!(report.is_whole(), "{:?}", report.broken);
        assert_eq!(report.entries, 40);
        let conn = db.read().await.unwrap();
        let lines = page(&conn, &Filter::default(), 10).await.unwrap();
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), (31..=40).rev().collect::<Vec<_>>());
        let filter = Filter { act: Some("person.invited"), ..Filter::default() };
        assert!(page(&conn, &filter, 10).await.unwrap().iter().all(|line| line.act == "person.invited"));
        let filter = Filter { object: Some("PRI".to_owned()), ..Filter::default() };
        assert!(page(&conn, &filter, 50).await.unwrap().iter().all(|line| line.object_name.as_deref() == Some("Priya")));
        let filter = Filter { agent: Some(2), ..Filter::default() };
        let found = page(&conn, &filter, 50).await.unwrap();
        assert!(found.len() > 5 && found.iter().all(|line| line.who_id == Some(2)));
        let filter = Filter { from: Some(TUESDAY + Span::seconds(5)), until: Some(TUESDAY + Span::seconds(8)), ..Filter::default() };
        assert_eq!(page(&conn, &filter, 50).await.unwrap().len(), 3);
    }

    async fn what_did_not_happen_is_not_noted(db: Db) {
        let trail = Trail::new(&keys());
        fill(&db, &trail, 3).await;
        let mut tx = db.begin().await.unwrap();
        trail.note(&mut tx, some_entry(3));
        drop(tx);
        let mut tx = db.begin().await.unwrap();
        trail.note(&mut tx, some_entry(4));
        tx.mark().await.unwrap();
        trail.note(&mut tx, some_entry(5));
        tx.undo_to_mark().await.unwrap();
        trail.note(&mut tx, some_entry(6));
        tx.commit().await.unwrap();
        let report = look(&db).await;
        assert!(report.is_whole(), "{:?}", report.broken);
        assert_eq!(report.entries, 5);
    }

    async fn many_who_note_at_once_make_one_chain(db: Db) {
        let trail = Trail::new(&keys());
        let mut tasks = tokio::task::JoinSet::new();
        for one in 0..12_i64 {
            let (db, trail) = (db.clone(), trail.clone());
            tasks.spawn(async move {
                for at in 0..25 {
                    let mut tx = db.begin().await.unwrap();
                    trail.note(&mut tx, some_entry(one * 25 + at));
                    if at % 7 == 3 {
                        // Broken off, as a crash would.
                        drop(tx);
                        continue;
                    }
                    if at % 5 == 2 {
                        trail.note(&mut tx, some_entry(at));
                    }
                    tx.commit().await.unwrap();
                    if at % 11 == 0 {
                        let mut tx = db.begin().await.unwrap();
                        trail.checkpoint(&mut tx, TUESDAY).await.unwrap();
                        tx.commit().await.unwrap();
                        let report = look(&db).await;
                        assert!(report.is_whole(), "{:?}", report.broken);
                    }
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        let report = look(&db).await;
        assert!(report.is_whole(), "{:?}", report.broken);
        assert_eq!(report.entries, 12 * (25 - 4 + 4));
        assert!(report.checkpoints >= 12, "{}", report.checkpoints);
    }

    async fn the_database_refuses_to_change_or_remove_what_was_noted(db: Db) {
        let trail = Trail::new(&keys());
        fill(&db, &trail, 5).await;
        let mut tx = db.begin().await.unwrap();
        trail.checkpoint(&mut tx, TUESDAY).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        for statement in [
            "update audit_entries set who_name = 'Nobody' where number = 2",
            "delete from audit_entries where number = 5",
            "delete from audit_entries",
            "update audit_checkpoints set at = 0",
            "delete from audit_checkpoints",
            "update audit_head set number = 1",
        ] {
            let mut tx = db.begin().await.unwrap();
            let refused = raw(&mut tx, statement.to_owned()).await.unwrap_err();
            assert!(format!("{refused:#}").contains("only added to"), "{statement}: {refused:#}");
        }
        assert!(look(&db).await.is_whole());
    }

    async fn checkpoints_come_by_count_and_only_when_there_is_something_new(db: Db) {
        let trail = Trail::new(&keys());
        let mut tx = db.begin().await.unwrap();
        for at in 0..1_003 {
            trail.note(&mut tx, some_entry(at));
        }
        tx.commit().await.unwrap();
        assert_eq!(look(&db).await.checkpoints, 2);
        let mut tx = db.begin().await.unwrap();
        let (number, hash) = trail.checkpoint(&mut tx, TUESDAY).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        assert_eq!(number, 1_003);
        let mut tx = db.begin().await.unwrap();
        assert_eq!(trail.checkpoint(&mut tx, TUESDAY).await.unwrap(), None);
        tx.commit().await.unwrap();
        let report = look(&db).await;
        assert!(report.is_whole() && report.checkpoints == 3, "{report:?}");
        let mut conn = db.snapshot().await.unwrap();
        let held = |number: i64, hash: &str| [(number, hash.to_owned())];
        let good = verify(&mut conn, &keys(), &held(1_003, &hash), &mut |_| {}).await.unwrap();
        assert!(good.is_whole());
        for (number, hash) in [(1_002, hash.as_str()), (1_004, &hash), (0, &hash), (1_003, "00")] {
            let bad = verify(&mut conn, &keys(), &held(number, hash), &mut |_| {}).await.unwrap();
            assert!(!bad.is_whole(), "{number}");
        }
    }

    async fn the_trail_goes_on_under_another_key(db: Db) {
        let old = Trail::new(&keys());
        fill(&db, &old, 4).await;
        let mut tx = db.begin().await.unwrap();
        old.checkpoint(&mut tx, TUESDAY).await.unwrap();
        raw(&mut tx, format!("insert into settings (name, value, updated_at) values ('key_fingerprint', '{}', 1)", keys().fingerprint())).await.unwrap();
        tx.commit().await.unwrap();
        let both = Keys::from_masters(&[9; 32], &[[7; 32]]);
        assert!(look_with(&db, &both).await.is_whole(), "while the keys are being turned");
        let new = Trail::new(&both);
        fill(&db, &new, 2).await;
        let mut tx = db.begin().await.unwrap();
        raw(&mut tx, format!("update settings set value = '{}' where name = 'key_fingerprint'", both.fingerprint())).await.unwrap();
        new.checkpoint(&mut tx, TUESDAY).await.unwrap();
        tx.commit().await.unwrap();
        assert!(look_with(&db, &both).await.is_whole());
        let alone = look_with(&db, &Keys::from_master(&[9; 32])).await;
        assert!(alone.is_whole() && alone.of_forgotten_keys == 1, "{alone:?}");
        assert!(!look(&db).await.is_whole(), "the old key alone vouches for nothing new");
        // Whoever has the old key can no longer go on with the trail.
        fill(&db, &old, 1).await;
        assert!(!look_with(&db, &both).await.is_whole());
    }
}
