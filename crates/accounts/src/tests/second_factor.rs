//! Second factors: set up, asked for, and lost.

use axum::http::StatusCode;
use futures_util::future::join_all;

use super::browser::{Browser, Page};
use super::*;
use crate::second_factor::use_code;
use crate::totp::TotpSecret;

const WRONG_CODE: &str = "This code is not right, or was used before";
const HERE: &str = "/me/second-factor";

/// What somebody has at hand after setting an app up.
pub(super) struct Kit {
    secret: TotpSecret,
    pub(super) codes: Vec<String>,
}

impl Kit {
    /// What the app shows now.
    pub(super) fn code(&self, cast: &Cast) -> String {
        self.secret.code_at(cast.accounts.now())
    }
}

/// The recovery codes of a page.
fn codes_of(page: &Page) -> Vec<String> {
    let parts = page.body.split("<li><code class=\"mono\">").skip(1);
    parts.map(|part| part.split('<').next().unwrap().to_owned()).collect()
}

fn secret_of(page: &Page) -> TotpSecret {
    let key = page.body.split("id=\"app-key\">").nth(1).expect("a key").split('<').next().unwrap();
    TotpSecret::stored(Secret::new(key.replace(' ', "")))
}

/// Sets an app up in a browser in which somebody is signed in. Its first code is used with that,
/// so the clock goes on.
pub(super) async fn sets_up(cast: &Cast, browser: &mut Browser) -> Kit {
    assert_eq!(browser.post("/me/second-factor/app", &[]).await.location(), HERE);
    let secret = secret_of(&browser.get(HERE).await);
    sets_up_with(cast, browser, secret).await
}

/// The same with a key that was seen before.
async fn sets_up_with(cast: &Cast, browser: &mut Browser, secret: TotpSecret) -> Kit {
    let code = secret.code_at(cast.accounts.now());
    let page = browser.post("/me/second-factor/app/confirm", &[("code", &code)]).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let codes = codes_of(&page);
    cast.clock.advance(Span::seconds(60));
    Kit { secret, codes }
}

fn priya() -> [(&'static str, &'static str); 2] {
    [("email", "priya@northlight.example"), ("password", PASSWORD)]
}

/// A browser that has given the right password of Priya.
async fn at_the_second_step(cast: &Cast) -> Browser {
    let mut browser = Browser::new(&cast.accounts);
    assert_eq!(browser.post("/login", &priya()).await.location(), "/login/code");
    browser
}

on_both! {
    async fn after_the_password_the_code_is_asked_for(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut here = Browser::of(&cast, "priya").await;
        let mut there = Browser::of(&cast, "priya").await;
        let page = here.get(HERE).await;
        page.says("action=\"/me/second-factor/app\"");
        page.is_silent_about("Recovery codes");
        here.post("/me/second-factor/app", &[]).await;
        let page = here.get(HERE).await;
        page.says("src=\"data:image/svg+xml;base64,");
        let secret = secret_of(&page);
        let page = here.post("/me/second-factor/app/confirm", &[("code", "000000")]).await;
        page.refuses(WRONG_CODE);
        assert_eq!(secret_of(&page).text(), secret.text(), "it is the same key still");
        let mut elsewhere = Browser::new(&cast.accounts);
        assert_eq!(elsewhere.post("/login", &priya()).await.location(), "/", "it is not on yet");

        let kit = sets_up_with(&cast, &mut here, secret).await;
        assert_eq!(kit.codes.len(), 10);
        assert_eq!(here.get("/me").await.status, StatusCode::OK, "this session goes on");
        assert_eq!(there.get("/me").await.location(), "/login?next=/me", "others ended");
        let page = here.get(HERE).await;
        page.says("10 recovery codes are left.");
        page.is_silent_about(&kit.codes[0]);
        page.is_silent_about("app-key");

        let mut browser = Browser::new(&cast.accounts);
        let fields = [priya().as_slice(), &[("next", "/me/tokens")]].concat();
        assert_eq!(browser.post("/login", &fields).await.location(), "/login/code");
        assert_eq!(browser.session, None);
        assert_eq!(browser.get("/me").await.location(), "/login?next=/me", "nothing opens yet");
        browser.get("/login/code").await.says("name=\"code\"");
        browser.post("/login/code", &[("code", "123")]).await.refuses(WRONG_CODE);
        let code = format!(" {} ", kit.code(&cast));
        let page = browser.post("/login/code", &[("code", &code)]).await;
        assert_eq!(page.location(), "/me/tokens");
        assert_eq!(browser.pending, None);
        assert_eq!(browser.get("/me").await.status, StatusCode::OK);
    }

    async fn no_code_opens_twice(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut here = Browser::of(&cast, "priya").await;
        here.post("/me/second-factor/app", &[]).await;
        let secret = secret_of(&here.get(HERE).await);
        let first = secret.code_at(cast.accounts.now());
        here.post("/me/second-factor/app/confirm", &[("code", &first)]).await;
        let mut browser = at_the_second_step(&cast).await;
        browser.post("/login/code", &[("code", &first)]).await.refuses(WRONG_CODE);

        cast.clock.advance(Span::seconds(30));
        let code = secret.code_at(cast.accounts.now());
        assert_eq!(browser.post("/login/code", &[("code", &code)]).await.location(), "/");
        let mut again = at_the_second_step(&cast).await;
        again.post("/login/code", &[("code", &code)]).await.refuses(WRONG_CODE);
        // Nor does one that came before the last one that was taken.
        again.post("/login/code", &[("code", &first)]).await.refuses(WRONG_CODE);
    }

    async fn of_many_who_give_the_same_code_one_comes_in(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let kit = sets_up(&cast, &mut Browser::of(&cast, "priya").await).await;
        for typed in [kit.code(&cast), kit.codes[3].clone()] {
            let tries = (0..20).map(|_| async {
                let mut tx = cast.db.begin().await.unwrap();
                let (keys, now) = (cast.accounts.keys(), cast.accounts.now());
                let right = use_code(&mut tx, keys, cast.priya, &typed, now).await.unwrap();
                tx.commit().await.unwrap();
                usize::from(right)
            });
            assert_eq!(join_all(tries).await.iter().sum::<usize>(), 1, "{typed}");
        }
        let tries = (0..4).map(|_| async {
            let mut browser = at_the_second_step(&cast).await;
            browser.post("/login/code", &[("code", &kit.codes[4])]).await;
            usize::from(browser.session.is_some())
        });
        assert_eq!(join_all(tries).await.iter().sum::<usize>(), 1, "by the door");
    }

    async fn a_recovery_code_opens_once(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut here = Browser::of(&cast, "priya").await;
        let kit = sets_up(&cast, &mut here).await;
        let stored: Vec<(String,)> = {
            let conn = cast.db.read().await.unwrap();
            conn.all("select code_hash from recovery_codes", database::params![]).await.unwrap()
        };
        for (hash,) in stored {
            assert!(kit.codes.iter().all(|code| !hash.contains(&code.replace('-', ""))));
        }
        let mut browser = at_the_second_step(&cast).await;
        let typed = kit.codes[0].to_uppercase().replace('-', " ");
        assert_eq!(browser.post("/login/code", &[("code", &typed)]).await.location(), "/");
        browser.get(HERE).await.says("9 recovery codes are left.");
        let mut again = at_the_second_step(&cast).await;
        again.post("/login/code", &[("code", &kit.codes[0])]).await.refuses(WRONG_CODE);

        // New ones put an end to the old ones, and nobody else's open anything.
        let renewed = codes_of(&browser.post("/me/second-factor/codes", &[]).await);
        assert_eq!(renewed.len(), 10);
        again.post("/login/code", &[("code", &kit.codes[1])]).await.refuses(WRONG_CODE);
        let mateo = sets_up(&cast, &mut Browser::of(&cast, "mateo").await).await;
        again.post("/login/code", &[("code", &mateo.codes[0])]).await.refuses(WRONG_CODE);
        assert_eq!(again.post("/login/code", &[("code", &renewed[0])]).await.location(), "/");
    }

    async fn five_wrong_codes_or_ten_minutes_and_the_password_is_asked_for_again(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let kit = sets_up(&cast, &mut Browser::of(&cast, "priya").await).await;
        let mut browser = at_the_second_step(&cast).await;
        for _ in 0..5 {
            browser.post("/login/code", &[("code", "000000")]).await.refuses(WRONG_CODE);
        }
        let page = browser.post("/login/code", &[("code", &kit.code(&cast))]).await;
        assert_eq!(page.location(), "/login?notice=again");
        assert_eq!((browser.pending.as_deref(), browser.session.as_deref()), (None, None));

        let mut browser = at_the_second_step(&cast).await;
        cast.clock.advance(Span::minutes(10));
        assert_eq!(browser.get("/login/code").await.location(), "/login?notice=again");
        let page = browser.post("/login/code", &[("code", &kit.code(&cast))]).await;
        assert_eq!(page.location(), "/login?notice=again");
        let mut stranger = Browser::new(&cast.accounts);
        assert_eq!(stranger.get("/login/code").await.location(), "/login");
        let page = stranger.post("/login/code", &[("code", &kit.code(&cast))]).await;
        assert_eq!(page.location(), "/login?notice=again", "without the password");
    }

    async fn codes_cannot_be_guessed_and_guessers_shut_nobody_out(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let kit = sets_up(&cast, &mut Browser::of(&cast, "priya").await).await;
        let mut looked_at = 0;
        for guess in 0..60_u8 {
            // Somebody who knows the password comes from ever other networks.
            let mut guesser = Browser::new(&cast.accounts);
            guesser.address = [203, 0, 113, guess].into();
            let page = guesser.post("/login", &priya()).await;
            if page.status != StatusCode::SEE_OTHER {
                continue;
            }
            for _ in 0..5 {
                let page = guesser.post("/login/code", &[("code", "000000")]).await;
                looked_at += usize::from(page.status == StatusCode::UNPROCESSABLE_ENTITY);
                if page.status == StatusCode::TOO_MANY_REQUESTS {
                    assert_eq!(page.header("retry-after"), "301");
                }
            }
        }
        assert_eq!(looked_at, 10, "of three hundred guesses");
        let mut browser = at_the_second_step(&cast).await;
        let page = browser.post("/login/code", &[("code", &kit.code(&cast))]).await;
        assert_eq!(page.location(), "/", "she was here before");
    }

    async fn turning_it_off_takes_the_password_and_a_code(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut here = Browser::of(&cast, "priya").await;
        let kit = sets_up(&cast, &mut here).await;
        let code = kit.code(&cast);
        let off = |password, off_code| [("password", password), ("off_code", off_code)];
        let at = "/me/second-factor/app/delete";
        here.post(at, &off("wrong", &code)).await.refuses("The password is not right.");
        here.post(at, &off(PASSWORD, "000000")).await.refuses(WRONG_CODE);
        let page = here.post("/me/second-factor/app", &[]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "it is on already");
        assert_eq!(here.post(at, &off(PASSWORD, &code)).await.location(), HERE);
        here.get(HERE).await.is_silent_about("recovery codes are left");
        let mut browser = Browser::new(&cast.accounts);
        assert_eq!(browser.post("/login", &priya()).await.location(), "/");
        let conn = cast.db.read().await.unwrap();
        let left = store::second_factors::recovery_codes_left(&conn, cast.priya).await.unwrap();
        assert_eq!(left, 0);
    }

    async fn a_session_without_the_second_factor_opens_nothing(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        sets_up(&cast, &mut Browser::of(&cast, "priya").await).await;
        let headers = with_cookie(&open_session(&cast, cast.priya).await);
        assert!(cast.accounts.actor_of(&headers).await.unwrap().is_none());
        let headers = with_cookie(&open_session(&cast, cast.mateo).await);
        assert!(cast.accounts.actor_of(&headers).await.unwrap().is_some());
    }

    async fn a_new_password_ends_what_began_with_the_old_one(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let kit = sets_up(&cast, &mut Browser::of(&cast, "priya").await).await;
        let mut browser = at_the_second_step(&cast).await;
        let mut tx = cast.db.begin().await.unwrap();
        let email = "priya@northlight.example".parse().unwrap();
        let now = cast.accounts.now();
        let (_, link) = make_reset_link(&mut tx, &email, now).await.unwrap();
        set_password_with_link(&mut tx, &link.hash(), password(), now).await.unwrap();
        tx.commit().await.unwrap();
        let page = browser.post("/login/code", &[("code", &kit.code(&cast))]).await;
        assert_eq!(page.location(), "/login?notice=again");
        let given = [priya()[0], ("password", "another long password")];
        assert_eq!(browser.post("/login", &given).await.location(), "/login/code");
    }
}
