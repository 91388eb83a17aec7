use database::testing::TUESDAY;
use database::{Db, on_both, params};
use kernel::{Failure, Span, Timestamp};

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
    for key in 3 * keys..=4 * keys {
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

async fn take(db: &Db, limiter: &SharedLimiter, key: &str, now: Timestamp) -> Result<(), TooMany> {
    match take_all(db, &[(limiter, key)], now).await {
        Ok(()) => Ok(()),
        Err(Failure::Refused(too_many)) => Err(too_many),
        Err(Failure::Broken(fault)) => panic!("{fault:#}"),
    }
}

on_both! {
    async fn nodes_count_together_and_go_on_counting_after_a_start(db: Db) {
        let node = || SharedLimiter::new("a test", Rate::new(4, Span::seconds(10)));
        let (a, b) = (node(), node());
        for one in [&a, &b, &a, &b] {
            take(&db, one, "x", TUESDAY).await.unwrap();
        }
        for one in [&a, &b, &node()] {
            let refused = take(&db, one, "x", TUESDAY).await;
            assert_eq!(refused, Err(TooMany { retry_after_seconds: 11 }));
        }
        take(&db, &a, "y", TUESDAY).await.unwrap();
        let other = SharedLimiter::new("another", Rate::new(1, Span::seconds(10)));
        take(&db, &other, "x", TUESDAY).await.unwrap();

        let later = TUESDAY + Span::seconds(10);
        take(&db, &b, "x", later).await.unwrap();
        take(&db, &a, "x", later).await.unwrap_err();
        let mut tx = db.begin().await.unwrap();
        a.give_back(&mut tx, "x").await.unwrap();
        tx.commit().await.unwrap();
        take(&db, &a, "x", later).await.unwrap();
        take(&db, &a, "x", later).await.unwrap_err();
        let mut tx = db.begin().await.unwrap();
        a.clear(&mut tx, "x").await.unwrap();
        tx.commit().await.unwrap();
        for _ in 0..4 {
            take(&db, &a, "x", later).await.unwrap();
        }
        // A clock that is set back locks nobody out.
        take(&db, &a, "x", later).await.unwrap_err();
        take(&db, &a, "x", later - Span::hours(1)).await.unwrap();
    }

    async fn of_many_at_once_on_two_nodes_no_more_get_through(db: Db) {
        let node = || SharedLimiter::new("a test", Rate::new(5, Span::hours(1)));
        let nodes = [node(), node()];
        let tries = (0..40).map(|n| take(&db, &nodes[n % 2], "x", TUESDAY));
        let done = futures_util::future::join_all(tries).await;
        assert_eq!(done.iter().filter(|taken| taken.is_ok()).count(), 5);
    }

    async fn a_flood_is_no_flood_of_questions(db: Db) {
        let limiter = SharedLimiter::new("a test", Rate::in_any_hour(1));
        take(&db, &limiter, "x", TUESDAY).await.unwrap();
        take(&db, &limiter, "x", TUESDAY).await.unwrap_err();
        // Who was refused is refused without the database, which could not answer any more.
        db.close().await;
        for second in 0..3_600 {
            let now = TUESDAY + Span::seconds(second);
            let retry_after_seconds = u64::try_from(3_601 - second).unwrap();
            let refused = take(&db, &limiter, "x", now).await;
            assert_eq!(refused, Err(TooMany { retry_after_seconds }));
        }
    }

    async fn where_one_bucket_is_empty_none_is_taken_from(db: Db) {
        let (wide, narrow) = (
            SharedLimiter::new("wide", Rate::in_any_hour(2)),
            SharedLimiter::new("narrow", Rate::in_any_hour(1)),
        );
        let both = [(&wide, "x"), (&narrow, "x")];
        take_all(&db, &both, TUESDAY).await.unwrap();
        take_all(&db, &both, TUESDAY).await.unwrap_err();
        take(&db, &wide, "x", TUESDAY).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        sweep(&mut tx, TUESDAY + Span::hours(2)).await.unwrap();
        let left: i64 = tx.scalar("select count(*) from rate_limits", params![]).await.unwrap();
        assert_eq!(left, 0);
    }

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

    async fn a_form_is_done_once_with_each_content(db: Db) {
        let sends = async |key: &'static str, content: &'static str| {
            let mut tx = db.begin().await.unwrap();
            let first = is_first(&mut tx, "form 1", key, content.as_bytes(), TUESDAY).await.unwrap();
            tx.commit().await.unwrap();
            first
        };
        let all = futures_util::future::join_all((0..10).map(|_| sends("k", "a"))).await;
        assert_eq!(all.iter().filter(|first| **first).count(), 1);
        assert!(sends("k", "b").await, "somebody went back and changed it");
        assert!(!sends("k", "b").await && !sends("k", "a").await);
        assert!(sends("", "a").await && sends("", "a").await, "without a key");
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
