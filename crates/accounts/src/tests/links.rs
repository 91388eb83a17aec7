//! Doors that open with a link: set-up, invitation, new password.

use std::sync::Arc;

use axum::http::StatusCode;
use database::Db;
use database::testing::TUESDAY;
use kernel::ManualClock;
use ui::{Catalog, Site};

use super::browser::{Browser, Page};
use super::*;

const DEAD: &str = "This link was used, has expired, or was replaced by a newer one.";
const DEAD_INVITATION: &str = "This invitation was accepted, has expired, or was replaced";

/// An installation that nobody has set up.
fn empty(db: &Db) -> Accounts {
    let clock = ManualClock::at(TUESDAY);
    let site = Site {
        catalog: Arc::new(Catalog::new(&[("en", MESSAGES)]).unwrap()),
        clock: clock.clone(),
        base_url: "http://localhost:8080".into(),
        is_https: false,
    };
    let hub = live::Hub::new(db.clone(), clock);
    Accounts::new(db.clone(), site, hub, keys::Keys::from_master(&[7; 32]))
}

async fn set_up_link(accounts: &Accounts) -> String {
    let mut tx = accounts.db().begin().await.unwrap();
    let token = make_set_up_link(&mut tx, accounts.now()).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    format!("/setup/{}", token.reveal())
}

fn owner<'o>(email: &'o str, password: &'o str, time_zone: &'o str) -> [(&'o str, &'o str); 5] {
    [
        ("company", "Northlight Studio"),
        ("name", "Sarah <Lindqvist>"),
        ("email", email),
        ("password", password),
        ("time_zone", time_zone),
    ]
}

/// The path of a link that a page shows to be handed on.
fn link(page: &Page, kind: &str) -> String {
    let link = page.piece(&format!("http://localhost:8080/{kind}/"));
    link.strip_prefix("http://localhost:8080").unwrap().to_owned()
}

fn joining<'j>(name: &'j str, password: &'j str, time_zone: &'j str) -> [(&'j str, &'j str); 3] {
    [("name", name), ("password", password), ("time_zone", time_zone)]
}

/// The paths of the links in the mails that wait.
async fn mailed(db: &Db, now: kernel::Timestamp, start: &str) -> Vec<(String, String)> {
    let shares = [(outbox::SYSTEM, 100)];
    let waiting = outbox::claim(db, now, Span::minutes(1), &shares).await.unwrap();
    let paths = waiting.into_iter().map(|sending| {
        let to = sending.letter.recipients.to[0].address.to_string();
        let line = sending.letter.text.lines().find(|line| line.contains(start)).map(str::to_owned);
        (to, line.unwrap_or_default().replace("http://localhost:8080", ""))
    });
    paths.collect()
}

fn invitation_of<'f>(name: &'f str, email: &'f str) -> [(&'f str, &'f str); 4] {
    [("name", name), ("email", email), ("role", "agent"), ("sees", "all")]
}

on_both! {
    async fn whoever_has_the_link_sets_up_once(db: Db) {
        let accounts = empty(&db);
        let older = set_up_link(&accounts).await;
        let link = set_up_link(&accounts).await;
        let mut browser = Browser::new(&accounts);
        browser.get("/login").await.says("Nobody has set this installation up yet.");
        for dead in [older.as_str(), "/setup/rcu_guess", "/setup/"] {
            let page = browser.get(dead).await;
            page.is_silent_about("name=\"password\"");
            let good = owner("sarah@northlight.example", PASSWORD, "Europe/Lisbon");
            let page = browser.post(dead, &good).await;
            assert!(page.status.is_client_error(), "{dead}");
        }
        browser.get(&link).await.says("name=\"password\"");

        for (email, password, zone, sentence) in [
            ("sarah", PASSWORD, "Europe/Lisbon", "id=\"f-email-error\""),
            ("sarah@northlight.example", "short", "Europe/Lisbon", "at least 12 characters"),
            ("sarah@northlight.example", "Northlight Studio", "Europe/Lisbon", "f-password-error"),
            ("sarah@northlight.example", PASSWORD, "Mars/Olympus", "Choose a time zone"),
        ] {
            let page = browser.post(&link, &owner(email, password, zone)).await;
            page.refuses(sentence);
            page.is_silent_about("<Lindqvist>");
            page.says("value=\"Northlight Studio\"");
        }

        let good = owner("sarah@northlight.example", PASSWORD, "Europe/Lisbon");
        let page = browser.post(&link, &good).await;
        assert_eq!(page.location(), "/setup/inbox");
        assert_eq!(browser.get("/setup/team").await.status, StatusCode::OK, "as the owner");

        let mut other = Browser::new(&accounts);
        other.get(&link).await.is_silent_about("name=\"password\"");
        let again = owner("mallory@evil.example", PASSWORD, "UTC");
        assert_eq!(other.post(&link, &again).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(other.session, None);
        other.get("/login").await.is_silent_about("Nobody has set this installation up yet.");
    }

    async fn the_team_is_invited_row_by_row(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut sarah = Browser::of(&cast, "sarah").await;
        let rows = [
            ("name0", "Noor"),
            ("email0", "noor@northlight.example"),
            ("role0", "agent"),
            ("email2", "priya@northlight.example"),
            ("role2", "owner"),
        ];
        let page = sarah.post("/setup/team", &rows).await;
        page.refuses("Somebody with the address priya@northlight.example is here already.");
        page.says("f-email2-error");
        page.is_silent_about("/invite/");
        assert!(cast.accounts.directory().await.unwrap().everybody().len() == 5, "nobody was added");

        let page = sarah.post("/setup/team", &rows[..3]).await;
        let mut noor = Browser::new(&cast.accounts);
        let path = link(&page, "invite");
        noor.get(&path).await.says("value=\"Noor\"");
    }

    async fn an_invitation_is_accepted_once(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut sarah = Browser::of(&cast, "sarah").await;
        let invitation = [
            ("name", "Noor Haddad"),
            ("email", "noor@northlight.example"),
            ("role", "collaborator"),
            ("sees", "some"),
            ("inbox", &cast.billing.to_string()),
        ];
        let page = sarah.post("/settings/people", &invitation).await;
        let first = link(&page, "invite");
        sarah.get("/settings/people").await.is_silent_about("/invite/rci_");

        // Invited again, the newer link counts.
        let path = link(&sarah.post("/settings/people", &invitation).await, "invite");
        let mut noor = Browser::new(&cast.accounts);
        noor.get(&first).await.says(DEAD_INVITATION);
        noor.get(&path).await.says("value=\"Noor Haddad\"");
        let zone = "America/Montreal";
        for (fields, sentence) in [
            (joining("", "a very long password", zone), "Enter a name."),
            (joining("Noor", "short", zone), "at least 12 characters"),
            (joining("Noor", "noor@northlight.example", zone), "f-password-error"),
            (joining("Noor", "a very long password", "Mars/Olympus"), "Choose a time zone"),
        ] {
            noor.post(&path, &fields).await.refuses(sentence);
        }
        let good = joining("Noor H.", "a very long password", zone);
        assert_eq!(noor.post(&path, &good).await.location(), "/");
        noor.get("/me").await.says("Noor H.");
        let page = noor.get("/settings/people").await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "a collaborator");
        let email = "noor@northlight.example".parse().unwrap();
        let directory = cast.accounts.directory().await.unwrap();
        let card = directory.by_email(&email).unwrap();
        assert_eq!((card.role, &card.sees), (Role::Collaborator, &Sees::Only(vec![cast.billing])));

        noor.get(&path).await.says(DEAD_INVITATION);
        noor.post(&path, &good).await.refuses(DEAD_INVITATION);
        let page = sarah.post("/settings/people", &invitation).await;
        page.refuses("Somebody with the address noor@northlight.example is here already.");
    }

    async fn an_invitation_lasts_three_days(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut sarah = Browser::of(&cast, "sarah").await;
        let invitation = invitation_of("Noor", "noor@northlight.example");
        let path = link(&sarah.post("/settings/people", &invitation).await, "invite");
        let mut noor = Browser::new(&cast.accounts);
        cast.clock.advance(Span::seconds(72 * 3_600 - 1));
        noor.get(&path).await.says("name=\"password\"");
        cast.clock.advance(Span::seconds(1));
        noor.get(&path).await.says(DEAD_INVITATION);
        let good = joining("Noor", "a very long password", "UTC");
        noor.post(&path, &good).await.refuses(DEAD_INVITATION);
    }

    async fn once_mail_can_leave_links_go_by_mail_alone(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut sarah = Browser::of(&cast, "sarah").await;
        let server = [
            ("name", "Northlight Studio"),
            ("time_zone", "Europe/Lisbon"),
            ("language", "en"),
            ("way", "server"),
            ("from", "desk@northlight.example"),
            ("host", "mail.northlight.example"),
            ("port", "587"),
            ("tls", "starttls"),
        ];
        assert_eq!(sarah.post("/settings/company", &server).await.location(), "/settings/company");
        let invitation = invitation_of("Noor", "noor@northlight.example");
        let page = sarah.post("/settings/people", &invitation).await;
        assert_eq!(page.location(), "/settings/people");
        let mails = mailed(&cast.db, cast.accounts.now(), "/invite/").await;
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].0, "noor@northlight.example");
        Browser::new(&cast.accounts).get(&mails[0].1).await.says("value=\"Noor\"");
    }

    async fn a_forgotten_password_is_replaced_by_a_link_that_opens_once(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut browser = Browser::new(&cast.accounts);
        browser.post("/forgot", &[("email", "not an address")]).await.refuses("f-email-error");
        let unknown = browser.post("/forgot", &[("email", "dana@northlight.example")]).await;
        assert_eq!(unknown.status, StatusCode::OK);
        let known = browser.post("/forgot", &[("email", "priya@northlight.example")]).await;
        assert_eq!(
            unknown.body.replace("dana@", "priya@"),
            known.body,
            "nobody learns who works here"
        );
        let mails = mailed(&cast.db, cast.accounts.now(), "/reset/").await;
        assert_eq!(mails.len(), 1, "and nobody else gets a mail");
        let (to, path) = &mails[0];
        assert_eq!(to, "priya@northlight.example");

        let mut signed_in = Browser::of(&cast, "priya").await;
        browser.get(path).await.says("name=\"password\"");
        for weak in ["short", "aaaaaaaaaaaa", "priya@northlight.example"] {
            let page = browser.post(path, &[("password", weak)]).await;
            page.refuses("f-password-error");
        }
        let page = browser.post(path, &[("password", "another long password")]).await;
        assert_eq!(page.location(), "/login?notice=password-set");
        assert_eq!(signed_in.get("/me").await.location(), "/login?next=/me", "sessions end");
        browser.get(path).await.says(DEAD);
        browser.post(path, &[("password", "a third long password")]).await.refuses(DEAD);
        let new = [("email", "priya@northlight.example"), ("password", "another long password")];
        assert_eq!(browser.post("/login", &new).await.location(), "/");
    }

    async fn a_new_password_closes_the_links_that_are_open(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut browser = Browser::new(&cast.accounts);
        browser.post("/forgot", &[("email", "priya@northlight.example")]).await;
        let path = mailed(&cast.db, cast.accounts.now(), "/reset/").await.remove(0).1;
        browser.get(&path).await.says("name=\"password\"");
        let mut priya = Browser::of(&cast, "priya").await;
        let change = [("present", PASSWORD), ("new", "another long password")];
        assert_eq!(priya.post("/me/password", &change).await.location(), "/me");
        browser.get(&path).await.says(DEAD);
        browser.post(&path, &[("password", "a third long password")]).await.refuses(DEAD);
    }

    async fn while_no_mail_can_leave_an_owner_sees_who_asked(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut browser = Browser::new(&cast.accounts);
        let page = browser.post("/forgot", &[("email", "priya@northlight.example")]).await;
        page.says("No mail can leave here yet.");
        page.is_silent_about("on its way");
        let mut sarah = Browser::of(&cast, "sarah").await;
        let page = sarah.get("/settings/people").await;
        page.says("They asked for a new password");
        page.is_silent_about("/reset/rcp_");
        let directory = cast.accounts.directory().await.unwrap();
        let make = format!("/settings/people/{}/link", directory.agent(cast.priya).unwrap().public_id);
        let path = link(&sarah.post(&make, &[]).await, "reset");
        browser.post(&path, &[("password", "another long password")]).await.location();
        sarah.get("/settings/people").await.is_silent_about("They asked for a new password");
    }

    async fn a_reset_link_dies_after_an_hour_and_with_the_next(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut sarah = Browser::of(&cast, "sarah").await;
        let directory = cast.accounts.directory().await.unwrap();
        let id = directory.agent(cast.priya).unwrap().public_id;
        let make = format!("/settings/people/{id}/link");
        let first = link(&sarah.post(&make, &[]).await, "reset");
        let second = link(&sarah.post(&make, &[]).await, "reset");
        let mut browser = Browser::new(&cast.accounts);
        browser.get(&first).await.says(DEAD);
        cast.clock.advance(Span::seconds(3_600 - 1));
        browser.get(&second).await.says("name=\"password\"");
        cast.clock.advance(Span::seconds(1));
        browser.get(&second).await.says(DEAD);
        browser.post(&second, &[("password", "another long password")]).await.refuses(DEAD);
        for guess in ["/reset/x", "/reset/rcp_aaaa", &second.replace("rcp_", "rci_")] {
            browser.get(guess).await.says(DEAD);
        }
        Browser::of(&cast, "priya").await;
    }

    async fn links_by_mail_are_rationed(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut browser = Browser::new(&cast.accounts);
        for tries in 0..5 {
            let page = browser.post("/forgot", &[("email", "priya@northlight.example")]).await;
            let expected = if tries < 3 { StatusCode::OK } else { StatusCode::TOO_MANY_REQUESTS };
            assert_eq!(page.status, expected, "try {tries}");
        }
        assert_eq!(mailed(&cast.db, cast.accounts.now(), "/reset/").await.len(), 3);
        // Wherever an hour begins, it has three.
        let mut sent_after_minutes = vec![0, 0, 0];
        for minutes in (10..=180).step_by(10) {
            cast.clock.advance(Span::minutes(10));
            let page = browser.post("/forgot", &[("email", "priya@northlight.example")]).await;
            if page.status == StatusCode::OK {
                sent_after_minutes.push(minutes);
            }
        }
        assert!(sent_after_minutes.len() > 3, "the next hour has links of its own");
        for four in sent_after_minutes.windows(4) {
            assert!(four[3] - four[0] >= 60, "{sent_after_minutes:?}");
        }
    }

    async fn asking_for_others_costs_them_no_links(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut guesser = Browser::new(&cast.accounts);
        for name in ["noor", "mallory", "sarah"] {
            let email = format!("{name}@northlight.example");
            assert_eq!(guesser.post("/forgot", &[("email", &email)]).await.status, StatusCode::OK);
        }
        for _ in 0..5 {
            let page = guesser.post("/forgot", &[("email", "priya@northlight.example")]).await;
            assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
        }
        let mut priya = Browser::new(&cast.accounts);
        priya.address = [198, 51, 100, 7].into();
        let page = priya.post("/forgot", &[("email", "priya@northlight.example")]).await;
        assert_eq!(page.status, StatusCode::OK);
    }
}
