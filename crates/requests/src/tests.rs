use database::testing::TUESDAY;
use database::{Db, on_both, params};
use kernel::Span;

use crate::*;

#[test]
fn a_clock_that_is_set_back_locks_nobody_out() {
    let limiter = Limiter::new(Rate::new(2, Span::seconds(10)));
    for _ in 0..2 {
        limiter.take("a", TUESDAY).unwrap();
    }
    limiter.take("a", TUESDAY).unwrap_err();
    let back = TUESDAY - Span::hours(1);
    for _ in 0..2 {
        limiter.take("a", back).unwrap();
    }
    assert_eq!(limiter.take("a", back), Err(TooMany { retry_after_seconds: 11 }));
}

#[test]
fn a_bucket_empties_and_fills_again() {
    let limiter = Limiter::new(Rate::new(3, Span::seconds(10)));
    let at = |seconds: i64| TUESDAY + Span::seconds(seconds);
    for _ in 0..3 {
        assert_eq!(limiter.take("a", at(0)), Ok(()));
    }
    assert_eq!(limiter.take("a", at(0)), Err(TooMany { retry_after_seconds: 11 }));
    assert_eq!(limiter.take("b", at(0)), Ok(()), "others are not concerned");
    assert_eq!(limiter.take("a", at(10)), Ok(()));
    assert!(limiter.take("a", at(10)).is_err());
    for _ in 0..3 {
        assert_eq!(limiter.take("a", at(100)), Ok(()));
    }
    assert!(limiter.take("a", at(100)).is_err());
    limiter.give_back("a");
    assert_eq!(limiter.take("a", at(100)), Ok(()));
    assert!(limiter.take("a", at(100)).is_err());
    limiter.clear("a");
    assert_eq!(limiter.take("a", at(100)), Ok(()));
}

#[test]
fn keys_are_looked_through_rarely_and_dropped_when_they_are_full() {
    let limiter = Limiter::new(Rate::new(1, Span::seconds(60)));
    let keys = crate::limits::KEYS_KEPT;
    for key in 0..3 * keys {
        limiter.take(&key.to_string(), TUESDAY).unwrap();
    }
    // None was full again: they were looked through when they were as many as this, and twice.
    assert_eq!(limiter.buckets().full_at.len(), 3 * keys);
    assert_eq!(limiter.buckets().tidied_at, 4 * keys);
    limiter.take("0", TUESDAY).unwrap_err();
    let later = TUESDAY + Span::seconds(61);
    for key in 3 * keys..4 * keys + 1 {
        limiter.take(&key.to_string(), later).unwrap();
    }
    assert!(limiter.buckets().full_at.len() <= keys + 1, "the rest is gone");
    assert_eq!(limiter.buckets().tidied_at, 2 * keys);
}

/// An effect that can be counted.
async fn act(db: &Db, key: &str, content: &str) -> Result<Answer, Attempt> {
    let mut tx = db.begin().await.unwrap();
    match begin(&mut tx, "agent 1", key, content.as_bytes(), TUESDAY).await.unwrap() {
        Attempt::First => {}
        Attempt::Repeat(answer) => return Ok(answer),
        refused @ Attempt::OtherRequest => return Err(refused),
    }
    tx.execute(
        "insert into settings (name, value, updated_at) values ($1, '', 0)",
        params![format!("{key} {content}")],
    )
    .await
    .unwrap();
    let done = Answer { status: 201, body: format!("made {content}") };
    answer(&mut tx, "agent 1", key, &done).await.unwrap();
    tx.commit().await.unwrap();
    Ok(done)
}

on_both! {
    async fn a_repeat_gets_the_first_answer(db: Db) {
        let first = act(&db, "k1", "a").await.unwrap();
        assert_eq!(act(&db, "k1", "a").await.unwrap(), first);
        assert_eq!(act(&db, "k1", "b").await, Err(Attempt::OtherRequest));
        assert_eq!(act(&db, "k2", "b").await.unwrap().body, "made b");
    }

    async fn many_at_once_have_one_effect(db: Db) {
        let all = futures_util::future::join_all((0..20).map(|_| act(&db, "k", "x"))).await;
        assert!(all.iter().all(|answer| answer.as_ref().unwrap().body == "made x"));
        let conn = db.read().await.unwrap();
        let count: i64 = conn.scalar("select count(*) from settings", params![]).await.unwrap();
        assert_eq!(count, 1);
    }

    async fn what_failed_may_be_tried_again(db: Db) {
        let mut tx = db.begin().await.unwrap();
        assert_eq!(begin(&mut tx, "agent 1", "k", b"x", TUESDAY).await.unwrap(), Attempt::First);
        drop(tx);
        assert_eq!(act(&db, "k", "x").await.unwrap().status, 201);
    }

    async fn old_answers_are_swept(db: Db) {
        act(&db, "k", "x").await.unwrap();
        let mut tx = db.begin().await.unwrap();
        assert_eq!(sweep(&mut tx, TUESDAY + Span::hours(47)).await.unwrap(), 0);
        assert_eq!(sweep(&mut tx, TUESDAY + Span::hours(49)).await.unwrap(), 1);
    }
}
