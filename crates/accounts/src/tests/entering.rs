//! Signing in and out through the browser.

use axum::http::StatusCode;
use ui::Site;

use super::browser::Browser;
use super::*;

const WRONG: &str = "The mail address or the password is not right.";

fn given<'g>(email: &'g str, password: &'g str) -> [(&'g str, &'g str); 2] {
    [("email", email), ("password", password)]
}

on_both! {
    async fn the_right_password_leads_to_the_work(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut browser = Browser::new(&cast.accounts);
        assert_eq!(browser.get("/").await.location(), "/login");
        assert_eq!(browser.get("/me").await.location(), "/login?next=/me");
        browser.get("/login?next=/me").await.says("value=\"/me\"");

        let fields = [
            ("email", "Priya@Northlight.example"),
            ("password", PASSWORD),
            ("next", "/me"),
        ];
        assert_eq!(browser.post("/login", &fields).await.location(), "/me");
        assert_eq!(browser.get("/").await.location(), "/inbox/needs-reply");
        assert_eq!(browser.get("/login").await.location(), "/", "there is nothing to do there");
        browser.get("/me").await.says("Priya Nair");
    }

    async fn a_wrong_password_and_an_unknown_address_look_the_same(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut browser = Browser::new(&cast.accounts);
        for (email, password) in [
            ("priya@northlight.example", "wrong"),
            ("nobody@northlight.example", PASSWORD),
            ("not an address", PASSWORD),
            ("", ""),
        ] {
            let page = browser.post("/login", &given(email, password)).await;
            page.refuses(WRONG);
            page.says(&format!("value=\"{email}\""));
            if !password.is_empty() {
                page.is_silent_about(&format!("value=\"{password}\""));
            }
            assert_eq!(page.header("set-cookie"), "", "{email}");
        }
        let page = browser.post("/login", &[("email", "x"), ("role", "owner")]).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "unknown fields are refused");
    }

    async fn who_guesses_is_told_to_wait(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut browser = Browser::new(&cast.accounts);
        for _ in 0..10 {
            let wrong = given("priya@northlight.example", "a guess");
            browser.post("/login", &wrong).await.refuses(WRONG);
        }
        let right = given("priya@northlight.example", PASSWORD);
        let page = browser.post("/login", &right).await;
        assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
        page.says("Too many tries; wait 41 seconds and try again.");
        assert_eq!(page.header("retry-after"), "41");

        // Neither another network nor a new browser helps, and nobody else has to wait.
        let mut elsewhere = Browser::new(&cast.accounts);
        elsewhere.address = [198, 51, 100, 7].into();
        let page = elsewhere.post("/login", &right).await;
        assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
        let other = given("mateo@northlight.example", PASSWORD);
        assert_eq!(elsewhere.post("/login", &other).await.location(), "/");

        cast.clock.advance(Span::seconds(41));
        assert_eq!(browser.post("/login", &right).await.location(), "/");
    }

    async fn strangers_who_guess_shut_nobody_out(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut priya = Browser::new(&cast.accounts);
        let right = given("priya@northlight.example", PASSWORD);
        assert_eq!(priya.post("/login", &right).await.location(), "/");
        priya.post("/logout", &[]).await;
        for guess in 0..40 {
            let mut stranger = Browser::new(&cast.accounts);
            stranger.address = [203, 0, 113, guess].into();
            let wrong = given("priya@northlight.example", "a guess");
            let page = stranger.post("/login", &wrong).await;
            let status = if guess < 10 { 422 } else { 429 };
            assert_eq!(page.status.as_u16(), status, "guess {guess}");
        }
        assert_eq!(priya.post("/login", &right).await.location(), "/", "she was here before");
        let mut travelling = Browser::new(&cast.accounts);
        travelling.address = [198, 51, 100, 7].into();
        let page = travelling.post("/login", &right).await;
        assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    }

    async fn the_cookie_is_out_of_reach(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let fields = given("priya@northlight.example", PASSWORD);
        let flags = |header: &str| header.split_once(';').map(|(_, flags)| flags.trim().to_owned());

        let mut browser = Browser::new(&cast.accounts);
        let page = browser.post("/login", &fields).await;
        assert!(page.header("set-cookie").starts_with("session=rcs_"));
        assert_eq!(flags(page.header("set-cookie")).unwrap(), "Path=/; HttpOnly; SameSite=Lax");

        let kept = [fields.as_slice(), &[("keep", "on")]].concat();
        let page = browser.post("/login", &kept).await;
        assert_eq!(
            flags(page.header("set-cookie")).unwrap(),
            "Path=/; HttpOnly; SameSite=Lax; Max-Age=1209600"
        );

        let site = Site { is_https: true, ..cast.accounts.site().clone() };
        let keys = keys::Keys::from_master(&[7; 32]);
        let accounts = Accounts::new(cast.db.clone(), site, cast.hub.clone(), keys);
        let mut browser = Browser::new(&accounts);
        let page = browser.post("/login", &fields).await;
        assert!(page.header("set-cookie").starts_with("__Host-session=rcs_"));
        assert_eq!(
            flags(page.header("set-cookie")).unwrap(),
            "Path=/; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(browser.get("/me").await.status, StatusCode::OK);
    }

    async fn signing_out_and_in_again_ends_the_session_before(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut browser = Browser::of(&cast, "priya").await;
        let first = browser.session.clone();
        browser.post("/login", &given("priya@northlight.example", PASSWORD)).await;
        let second = browser.session.clone();
        assert_ne!(first, second);
        browser.session = first;
        assert_eq!(browser.get("/me").await.location(), "/login?next=/me", "it was replaced");

        browser.session.clone_from(&second);
        let page = browser.post("/logout", &[]).await;
        assert_eq!(page.location(), "/login?notice=signed-out");
        assert_eq!(page.header("clear-site-data"), "\"cache\", \"storage\"");
        assert_eq!(browser.session, None);
        browser.get("/login?notice=signed-out").await.says("You are signed out.");
        browser.get("/login?notice=%3Cscript%3E").await.is_silent_about("<script>");
        browser.session = second;
        assert_eq!(browser.get("/me").await.location(), "/login?next=/me");
    }

    async fn nobody_is_sent_to_another_site(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        for next in ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example"] {
            let mut browser = Browser::new(&cast.accounts);
            let fields =
                [("email", "priya@northlight.example"), ("password", PASSWORD), ("next", next)];
            assert_eq!(browser.post("/login", &fields).await.location(), "/", "{next:?}");
        }
    }

    async fn sessions_are_listed_and_ended(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let (mut here, mut there) =
            (Browser::of(&cast, "priya").await, Browser::of(&cast, "priya").await);
        let mut mateo = Browser::of(&cast, "mateo").await;
        // Each page offers to end the others.
        let path = here.get("/me").await.piece("/me/sessions/2/delete");
        assert_eq!(mateo.post(&path, &[]).await.status, StatusCode::NOT_FOUND, "not theirs");
        assert_eq!(here.post(&path, &[]).await.location(), "/me");
        assert_eq!(there.get("/me").await.location(), "/login?next=/me");

        let mut there = Browser::of(&cast, "priya").await;
        assert_eq!(here.post("/me/sessions/delete", &[]).await.location(), "/me");
        assert_eq!(there.get("/me").await.location(), "/login?next=/me");
        assert_eq!(here.get("/me").await.status, StatusCode::OK, "this one stays");
        assert_eq!(mateo.get("/me").await.status, StatusCode::OK);
    }

    async fn a_new_password_needs_the_old_one_and_ends_other_sessions(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let (mut here, mut there) =
            (Browser::of(&cast, "priya").await, Browser::of(&cast, "priya").await);
        let change = |present, new| [("present", present), ("new", new)];
        let page = here.post("/me/password", &change("wrong", "another long password")).await;
        page.refuses("The present password is not right.");
        let page = here.post("/me/password", &change(PASSWORD, "short")).await;
        page.refuses("The password needs at least 12 characters");
        let page = here.post("/me/password", &change(PASSWORD, "another long password")).await;
        assert_eq!(page.location(), "/me");
        assert_eq!(there.get("/me").await.location(), "/login?next=/me");
        assert_eq!(here.get("/me").await.status, StatusCode::OK);
        let old = given("priya@northlight.example", PASSWORD);
        there.post("/login", &old).await.refuses(WRONG);
        let new = given("priya@northlight.example", "another long password");
        assert_eq!(there.post("/login", &new).await.location(), "/");
    }
}
