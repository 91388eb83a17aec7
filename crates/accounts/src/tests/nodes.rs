//! Sessions over several nodes, and how long they last.

use std::time::Duration;

use axum::http::StatusCode;
use database::{Db, Location};
use live::Hub;

use super::browser::Browser;
use super::*;

on_both! {
    async fn what_no_notice_tells_is_known_within_five_seconds(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let headers = with_cookie(&open_session(&cast, cast.priya).await);
        assert!(cast.accounts.actor_of(&headers).await.unwrap().is_some());
        let mut tx = cast.db.begin().await.unwrap();
        tx.execute("delete from sessions", database::params![]).await.unwrap();
        tx.commit().await.unwrap();
        assert!(cast.accounts.still_there(&headers).await.unwrap().is_none(), "read anew");
        cast.clock.advance(Span::millis(4_999));
        assert!(cast.accounts.actor_of(&headers).await.unwrap().is_none());
    }

    async fn watching_keeps_no_session_from_being_idle(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let headers = with_cookie(&open_session(&cast, cast.priya).await);
        cast.clock.advance(Span::minutes(12 * 60 - 1));
        assert!(cast.accounts.still_there(&headers).await.unwrap().is_some());
        cast.clock.advance(Span::minutes(2));
        assert!(cast.accounts.still_there(&headers).await.unwrap().is_none());
    }

    async fn with_another_role_everybody_signs_in_anew(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let (mut sarah, mut priya) =
            (Browser::of(&cast, "sarah").await, Browser::of(&cast, "priya").await);
        let directory = cast.accounts.directory().await.unwrap();
        let path = format!("/settings/people/{}", directory.agent(cast.priya).unwrap().public_id);
        let fields = |role| [("name", "Priya Nair"), ("role", role), ("sees", "all")];
        assert_eq!(sarah.post(&path, &fields("agent")).await.location(), path);
        assert_eq!(priya.get("/me").await.status, StatusCode::OK, "nothing is another");
        assert_eq!(sarah.post(&path, &fields("lead")).await.location(), path);
        assert_eq!(priya.get("/me").await.location(), "/login?next=/me");
        let mut priya = Browser::of(&cast, "priya").await;
        assert_eq!(priya.get("/me").await.status, StatusCode::OK);
    }

    async fn sessions_last_as_long_as_owners_say(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut sarah = Browser::of(&cast, "sarah").await;
        let mut priya = Browser::of(&cast, "priya").await;
        sarah.get("/settings/sign-in").await.says("12 hours</option>");
        let path = "/settings/sign-in/sessions";
        for wrong in [[("idle_hours", "0"), ("days", "14")], [("idle_hours", "12"), ("days", "400")]] {
            assert_eq!(sarah.post(path, &wrong).await.status, StatusCode::BAD_REQUEST);
        }
        let times = [("idle_hours", "1"), ("days", "1")];
        assert_eq!(sarah.post(path, &times).await.location(), "/settings/sign-in");
        cast.clock.advance(Span::minutes(61));
        assert_eq!(priya.get("/me").await.location(), "/login?next=/me", "open ones too");

        let kept = [("email", "priya@northlight.example"), ("password", PASSWORD), ("keep", "on")];
        let page = priya.post("/login", &kept).await;
        assert!(page.header("set-cookie").ends_with("; Max-Age=86400"));
        for _ in 0..28 {
            cast.clock.advance(Span::minutes(50));
            assert_eq!(priya.get("/me").await.status, StatusCode::OK);
        }
        cast.clock.advance(Span::minutes(41));
        assert_eq!(priya.get("/me").await.location(), "/login?next=/me", "after a day");
    }
}

#[tokio::test]
async fn another_node_hears_of_the_end_of_a_session() {
    let Some(url) = database::testing::postgres_url().await else { return };
    let here = Db::connect(&Location::Postgres(url.clone())).await.unwrap();
    let there = Db::connect(&Location::Postgres(url)).await.unwrap();
    let cast = Cast::new(here, MESSAGES).await;
    let hub = Hub::new(there.clone(), cast.clock.clone());
    let keys = keys::Keys::from_master(&[7; 32]);
    let other = Accounts::new(there, cast.accounts.site().clone(), hub, keys);
    let headers = with_cookie(&open_session(&cast, cast.priya).await);
    // The other node listens from the moment at which it hears of something.
    let mut notices = other.db().notices();
    for _ in 0..250 {
        cast.db.announce("settings".to_owned()).await.unwrap();
        if tokio::time::timeout(Duration::from_millis(20), notices.next()).await.is_ok() {
            break;
        }
    }
    assert!(other.actor_of(&headers).await.unwrap().is_some());
    let password = NewPassword::read("another long password", &[]).unwrap();
    let present = Secret::new(PASSWORD);
    let mut tx = cast.db.begin().await.unwrap();
    change_password(&mut tx, cast.priya, present, password, None).await.unwrap();
    tx.commit().await.unwrap();
    let ended = async {
        while other.actor_of(&headers).await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    // The clock of the test stands still: only the notice tells.
    tokio::time::timeout(Duration::from_secs(5), ended).await.expect("within 5 s");
}
