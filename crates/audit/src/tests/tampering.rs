//! What a thief of the database does to the trail, and whether it is found. They have everything but
//! the key file: they drop the triggers, know how hashes are made, and make the chain anew behind
//! what they changed.

use database::{Conn, Engine};
use rand::RngExt;

use super::*;
use crate::chain::Row;
use crate::store;

const ENTRIES: i64 = 60;

const COLUMNS: [&str; 14] = [
    "number",
    "at",
    "who_kind",
    "who_id",
    "who_name",
    "via",
    "act",
    "object_kind",
    "object_id",
    "object_name",
    "address",
    "before",
    "after",
    "hash",
];

fn one_of<'t>(of: &[&'t str]) -> &'t str {
    of[rand::rng().random_range(0..of.len())]
}

fn some(from: i64, to: i64) -> i64 {
    rand::rng().random_range(from..=to)
}

async fn drop_triggers(tx: &mut Tx) {
    let on = |name: &str, table: &str| match tx.engine() {
        Engine::Sqlite => format!("drop trigger {name}"),
        Engine::Postgres => format!("drop trigger {name} on {table}"),
    };
    let all = [
        on("audit_entries_stay", "audit_entries"),
        on("audit_entries_remain", "audit_entries"),
        on("audit_checkpoints_stay", "audit_checkpoints"),
        on("audit_checkpoints_remain", "audit_checkpoints"),
        on("audit_head_advances", "audit_head"),
    ];
    for statement in all {
        raw(tx, statement).await.unwrap();
    }
}

/// Another value for a column, in SQL.
fn other_value(column: &str, engine: Engine) -> String {
    let bytes = match engine {
        Engine::Sqlite => "x'00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'",
        Engine::Postgres => "'\\x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'",
    };
    match column {
        "number" => (ENTRIES + some(5, 900)).to_string(),
        "at" => one_of(&["at + 1", "0", "at - 1000000"]).to_owned(),
        "who_id" | "via" => format!("coalesce({column}, 0) + {}", some(1, 9)),
        "who_kind" => "case when who_kind = 'command' then 'system' else 'command' end".to_owned(),
        "hash" => bytes.to_owned(),
        "who_name" | "act" => format!("{column} || '{}'", one_of(&["x", " ", "."])),
        _ => format!("coalesce({column}, '') || '{}'", one_of(&["x", " ", "{}", ""])),
    }
}

async fn row(conn: &Conn, number: i64) -> Row {
    store::rows_after(conn, number - 1, 1).await.unwrap().remove(0)
}

/// Makes the hashes anew from an entry on, as the thief who knows how can.
async fn chain_anew(tx: &mut Tx, from: i64, and_head: bool) {
    let before = store::rows_after(tx, i64::MIN, 1_000).await.unwrap();
    let mut previous = before
        .iter()
        .rfind(|row| row.number < from)
        .map(|row| row.hash.clone())
        .unwrap_or_default();
    for row in before.iter().filter(|row| row.number >= from) {
        previous = row.hashed(&previous);
        tx.execute(
            "update audit_entries set hash = $2 where number = $1",
            params![row.number, previous.clone()],
        )
        .await
        .unwrap();
    }
    if and_head {
        tx.execute("update audit_head set hash = $1", params![previous]).await.unwrap();
    }
}

/// Does one thing, and says what.
async fn tamper(tx: &mut Tx) -> String {
    let engine = tx.engine();
    let number = some(1, ENTRIES);
    let kind = some(0, 13);
    let done = match kind {
        0..=2 => {
            let column = one_of(&COLUMNS);
            let value = other_value(column, engine);
            raw(tx, format!("update audit_entries set {column} = {value} where number = {number}"))
                .await
                .unwrap();
            format!("{column} of {number} became {value}")
        }
        3 => {
            raw(tx, format!("delete from audit_entries where number = {number}")).await.unwrap();
            format!("{number} was removed")
        }
        4 => {
            raw(tx, format!("delete from audit_entries where number >= {number}")).await.unwrap();
            format!("the end from {number} was cut off")
        }
        5 => {
            raw(tx, format!("delete from audit_entries where number <= {number}")).await.unwrap();
            format!("the beginning up to {number} was cut off")
        }
        6 => put_in(tx, number).await,
        7 => put_behind(tx).await,
        8 => swap(tx).await,
        9 => take_out(tx, number).await,
        10 => {
            raw(tx, format!("update audit_entries set act = act || '.x' where number = {number}"))
                .await
                .unwrap();
            chain_anew(tx, number, true).await;
            format!("{number} was changed and everything behind it made anew")
        }
        11 => head(tx).await,
        _ => checkpoint(tx).await,
    };
    format!("{kind}: {done}")
}

/// Puts one in behind another, moves up all that follow, and makes the chain anew.
async fn put_in(tx: &mut Tx, number: i64) -> String {
    let mut new = row(tx, number).await;
    move_from(tx, number, "+ 1").await;
    new.number = number + 1;
    new.who_name = "Mallory".to_owned();
    store::insert(tx, &new).await.unwrap();
    chain_anew(tx, number + 1, some(0, 1) == 1).await;
    if some(0, 1) == 1 {
        raw(tx, "update audit_head set number = number + 1".to_owned()).await.unwrap();
    }
    format!("one was put in behind {number}")
}

/// Puts one behind the end, well chained.
async fn put_behind(tx: &mut Tx) -> String {
    let last = row(tx, ENTRIES).await;
    let mut new = Row { number: ENTRIES + 1, act: "keys.rotated".to_owned(), ..last.clone() };
    new.hash = new.hashed(&last.hash);
    store::insert(tx, &new).await.unwrap();
    let follows = some(0, 1) == 1;
    if follows {
        let head = "update audit_head set number = number + 1, hash = $1";
        tx.execute(head, params![new.hash]).await.unwrap();
    }
    format!("one was put behind the end, and the head followed: {follows}")
}

/// Removes one, closes the gap and makes the chain anew.
async fn take_out(tx: &mut Tx, number: i64) -> String {
    raw(tx, format!("delete from audit_entries where number = {number}")).await.unwrap();
    move_from(tx, number, "- 1").await;
    chain_anew(tx, number, true).await;
    raw(tx, "update audit_head set number = number - 1".to_owned()).await.unwrap();
    format!("{number} was removed and the gap closed")
}

/// Gives all behind a number another one.
async fn move_from(tx: &mut Tx, number: i64, by: &str) {
    for statement in [
        format!("update audit_entries set number = -number where number > {number}"),
        format!("update audit_entries set number = -number {by} where number < 0"),
    ] {
        raw(tx, statement).await.unwrap();
    }
}

/// Two entries change their places.
async fn swap(tx: &mut Tx) -> String {
    let (a, b) = (some(1, ENTRIES / 2), some(ENTRIES / 2 + 1, ENTRIES));
    let anew = some(0, 1) == 1;
    raw(tx, format!("update audit_entries set number = -1 where number = {a}")).await.unwrap();
    raw(tx, format!("update audit_entries set number = {a} where number = {b}")).await.unwrap();
    raw(tx, format!("update audit_entries set number = {b} where number = -1")).await.unwrap();
    if anew {
        chain_anew(tx, a, true).await;
    }
    format!("{a} and {b} were exchanged, and made anew: {anew}")
}

async fn head(tx: &mut Tx) -> String {
    let cut = some(1, ENTRIES - 1);
    let statement = match some(0, 6) {
        0 => "update audit_head set number = number + 1".to_owned(),
        1 => "update audit_head set checkpoints = checkpoints + 1".to_owned(),
        2 => "update audit_head set hash = seal".to_owned(),
        3 => "update audit_head set seal = hash".to_owned(),
        4 => "update audit_head set checked = hash".to_owned(),
        5 => "delete from audit_head".to_owned(),
        _ => {
            // The end cut off and the head put where it would be then.
            let hash = row(tx, cut).await.hash;
            raw(tx, format!("delete from audit_entries where number > {cut}")).await.unwrap();
            tx.execute("update audit_head set hash = $1", params![hash]).await.unwrap();
            format!("update audit_head set number = {cut}")
        }
    };
    raw(tx, statement.clone()).await.unwrap();
    statement
}

async fn checkpoint(tx: &mut Tx) -> String {
    let id = some(1, 3);
    let statement = match some(0, 7) {
        0 => format!("update audit_checkpoints set number = number + 1 where id = {id}"),
        1 => format!("update audit_checkpoints set hash = seal where id = {id}"),
        2 => format!("update audit_checkpoints set at = at + 1 where id = {id}"),
        3 => format!("update audit_checkpoints set key = key || '0' where id = {id}"),
        4 => format!("update audit_checkpoints set seal = hash where id = {id}"),
        5 => format!("delete from audit_checkpoints where id = {id}"),
        6 => "delete from audit_checkpoints".to_owned(),
        _ => "insert into audit_checkpoints (id, number, hash, at, key, seal)
              select 4, number, hash, at, key, seal from audit_checkpoints where id = 3"
            .to_owned(),
    };
    raw(tx, statement.clone()).await.unwrap();
    statement
}

/// What the rows of the trail are, whatever they say.
async fn everything(conn: &Conn) -> String {
    let rows = store::rows_after(conn, i64::MIN, 1_000).await.unwrap();
    let checkpoints = store::checkpoints_after(conn, i64::MIN, 1_000).await.unwrap();
    format!("{rows:?}{checkpoints:?}{:?}", store::head(conn).await.unwrap())
}

/// Tampers again and again, each time with the trail as it was, and counts what was found.
async fn story(db: Db, times: usize) {
    let trail = Trail::new(&keys());
    for part in 0..3 {
        let mut tx = db.begin().await.unwrap();
        for at in 0..ENTRIES / 3 {
            trail.note(&mut tx, some_entry(part * 20 + at));
        }
        tx.commit().await.unwrap();
        let mut tx = db.begin().await.unwrap();
        trail.checkpoint(&mut tx, TUESDAY).await.unwrap();
        tx.commit().await.unwrap();
    }
    let report = look(&db).await;
    assert!(report.is_whole() && report.checkpoints == 3, "{report:?}");
    let mut missed = Vec::new();
    let mut done = 0;
    while done < times {
        let mut tx = db.begin().await.unwrap();
        let before = everything(&tx).await;
        drop_triggers(&mut tx).await;
        let what = tamper(&mut tx).await;
        // A change to the value that was there is none.
        if everything(&tx).await == before {
            continue;
        }
        done += 1;
        let report = verify(&mut tx, &keys(), &[], &mut |_| {}).await.unwrap();
        if report.is_whole() {
            missed.push(what);
        }
        // Not committed: the next finds it whole.
    }
    assert!(missed.is_empty(), "{} of {times} were not found: {missed:#?}", missed.len());
    assert!(look(&db).await.is_whole());
}

#[tokio::test]
async fn a_thousand_tamperings_are_found_on_sqlite() {
    story(database::testing::sqlite().await, 1_000).await;
}

#[tokio::test]
async fn two_hundred_tamperings_are_found_on_postgresql() {
    if let Some(db) = database::testing::postgres().await {
        story(db, 200).await;
    }
}

/// What is noted after somebody tampered does not make it good.
async fn goes_on_after(db: Db, statement: &str) {
    let trail = Trail::new(&keys());
    fill(&db, &trail, ENTRIES).await;
    let mut tx = db.begin().await.unwrap();
    raw(&mut tx, statement.to_owned()).await.unwrap();
    tx.commit().await.unwrap();
    fill(&db, &trail, 3).await;
    let mut tx = db.begin().await.unwrap();
    assert_eq!(trail.checkpoint(&mut tx, TUESDAY).await.unwrap(), None);
    tx.commit().await.unwrap();
    let report = look(&db).await;
    assert!(!report.is_whole());
    assert_eq!(report.entries, ENTRIES + 3);
}

on_both! {
    async fn going_on_does_not_hide_a_changed_head(db: Db) {
        goes_on_after(db, "update audit_head set hash = seal").await;
    }

    async fn going_on_does_not_hide_a_removed_head(db: Db) {
        goes_on_after(db, "delete from audit_head").await;
    }

    async fn it_is_said_which_entry(db: Db) {
        let trail = Trail::new(&keys());
        fill(&db, &trail, ENTRIES).await;
        for (statement, wanted) in [
            ("update audit_entries set who_name = 'Nobody' where number = 17", "entry 17 was changed, or what stood before it"),
            ("delete from audit_entries where number = 23", "entry 23 is missing"),
            ("delete from audit_entries where number > 57", "entry 58 is missing"),
            ("update audit_head set seal = hash", "the seal at the end, entry 60, was changed or removed"),
        ] {
            let mut tx = db.begin().await.unwrap();
            drop_triggers(&mut tx).await;
            raw(&mut tx, statement.to_owned()).await.unwrap();
            let report = verify(&mut tx, &keys(), &[], &mut |_| {}).await.unwrap();
            let said: Vec<String> = report.broken.iter().map(ToString::to_string).collect();
            assert_eq!(said.first().map(String::as_str), Some(wanted), "{said:?}");
        }
    }
}
