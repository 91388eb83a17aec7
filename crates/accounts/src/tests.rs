use axum::http::{HeaderMap, HeaderValue};
use database::{Engine, on_both};
use kernel::{Failure, InboxId, Secret, Span};
use keys::Token;

use crate::sign_in::{Doors, check};
use crate::store::links::Purpose;
use crate::store::pending::Pending;
use crate::testing::{Cast, PASSWORD};
use crate::*;

mod asked_again;
mod browser;
mod entering;
mod links;
mod nodes;
mod passkeys;
mod policy;
mod provider;
mod rights;
mod second_factor;
mod settings;
mod timing;
mod trail;

const MESSAGES: &[&str] = &[ui::MESSAGES_EN, MESSAGES_EN];

fn actor(role: Role, scopes: &str, sees: Sees) -> Actor {
    Actor {
        id: kernel::AgentId(1),
        name: "Priya Nair".to_owned(),
        email: "priya@northlight.example".to_owned(),
        role,
        sees,
        teams: Vec::new(),
        time_zone: "UTC".to_owned(),
        language: "en".to_owned(),
        signature: String::new(),
        preferences: Preferences::default(),
        scopes: Scopes::read(scopes).unwrap(),
        session: None,
        confirmed_at: None,
        owes_second_factor: false,
        came: Came::default(),
    }
}

#[test]
fn each_role_may_what_the_table_says() {
    use Act::*;
    let collaborator = [ReadTickets, ReadCustomers, ReadInboxes, WriteNotes, ManageSelf].as_slice();
    let agent =
        [ChangeTickets, WriteToCustomers, ChangeCustomers, Redact, ReadMail, HandleMail].as_slice();
    let lead = [ManageShared, ManageTaxonomy, ManageInboxes].as_slice();
    let owner = [ManagePeople, ManageCompany].as_slice();
    let steps = [
        (Role::Collaborator, collaborator),
        (Role::Agent, agent),
        (Role::Lead, lead),
        (Role::Owner, owner),
    ];
    let mut allowed = Vec::new();
    for (role, more) in steps {
        allowed.extend_from_slice(more);
        for act in Act::ALL {
            let may = actor(role, "*", Sees::Everything).may(act);
            assert_eq!(may, allowed.contains(&act), "{role:?} {act:?}");
        }
    }
}

#[test]
fn a_token_may_no_more_than_its_scopes_and_its_person() {
    let reader = actor(Role::Owner, "tickets:read", Sees::Everything);
    assert!(reader.may(Act::ReadTickets));
    for act in Act::ALL.into_iter().filter(|act| *act != Act::ReadTickets) {
        assert!(!reader.may(act), "{act:?}");
    }
    let writer = actor(Role::Collaborator, "tickets:write", Sees::Everything);
    assert!(writer.may(Act::ReadTickets) && writer.may(Act::WriteNotes));
    assert!(!writer.may(Act::WriteToCustomers), "the person may not");
    assert!(!actor(Role::Owner, "", Sees::Everything).may(Act::ReadTickets));
    assert!(Scopes::read("tickets:fly").is_err());
    for text in ["*", "tickets:read mail:read", ""] {
        assert_eq!(Scopes::read(text).unwrap().to_text(), text);
    }
}

#[test]
fn an_inbox_one_does_not_see_is_not_there() {
    let limited = actor(Role::Lead, "*", Sees::Only(vec![InboxId(2)]));
    assert!(limited.may_see(InboxId(2)) && !limited.may_see(InboxId(1)));
    assert!(actor(Role::Agent, "*", Sees::Everything).may_see(InboxId(1)));
}

#[test]
fn passwords_are_long_and_not_the_first_guess() {
    let personal = ["Dana Whitfield", "dana@northlight.example"];
    for (text, taken) in [
        ("lighthouse under maps", Ok(())),
        ("ünïcödé is välid tøø", Ok(())),
        (
            "a long sentence that somebody remembers because it is about the sea and a lighthouse",
            Ok(()),
        ),
        ("short", Err(WeakPassword::TooShort)),
        ("elevenchars", Err(WeakPassword::TooShort)),
        (&"x".repeat(257), Err(WeakPassword::TooLong)),
        ("correct horse battery staple", Err(WeakPassword::Common)),
        ("Password1234", Err(WeakPassword::Common)),
        ("123456789012", Err(WeakPassword::Common)),
        ("aaaaaaaaaaaa", Err(WeakPassword::Common)),
        ("abcabcabcabc", Err(WeakPassword::Common)),
        ("danawhitfield", Err(WeakPassword::Personal)),
        ("Dana@Northlight.example", Err(WeakPassword::Personal)),
    ] {
        assert_eq!(NewPassword::read(text, &personal).map(drop), taken, "{text}");
    }
}

fn password() -> NewPassword {
    NewPassword::read("another long password", &[]).unwrap()
}

fn with_cookie(token: &Token) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let value = format!("theme=dark; session={}", token.reveal());
    headers.insert("cookie", HeaderValue::from_str(&value).unwrap());
    headers
}

async fn open_session(cast: &Cast, agent: kernel::AgentId) -> Token {
    let mut tx = cast.db.begin().await.unwrap();
    let now = cast.accounts.now();
    let token = {
        let new = store::sessions::NewSession {
            agent,
            user_agent: "Firefox",
            address: "127.0.0.1",
            second_factor: false,
            lasts: SESSION_ABSOLUTE,
        };
        store::sessions::open(&mut tx, &new, now).await.unwrap()
    };
    tx.commit().await.unwrap();
    token
}

on_both! {
    async fn an_installation_is_set_up_once(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut tx = cast.db.begin().await.unwrap();
        assert!(make_set_up_link(&mut tx, cast.accounts.now()).await.unwrap().is_none());
        let again = NewOwner {
            company: "Other".to_owned(),
            name: "Mallory".to_owned(),
            email: "mallory@evil.example".parse().unwrap(),
            password: password(),
            time_zone: "UTC".to_owned(),
        };
        let refused = set_up(&mut tx, again, cast.accounts.now()).await;
        assert!(matches!(refused, Err(Failure::Refused(AccountRefusal::SetUpAlready))));
    }

    async fn the_right_password_opens_and_nothing_else_does(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let doors = Doors::default();
        let try_in = async |email: &str, password: &str| {
            let email = email.parse().unwrap();
            let now = cast.accounts.now();
            check(&cast.db, &doors, &email, Secret::new(password), "10.0.0.1", now).await
        };
        assert_eq!(try_in("priya@northlight.example", PASSWORD).await.unwrap(), cast.priya);
        for (email, password) in [
            ("priya@northlight.example", "wrong"),
            ("priya@northlight.example", ""),
            ("nobody@northlight.example", PASSWORD),
        ] {
            let refused = try_in(email, password).await;
            assert!(matches!(refused, Err(Failure::Refused(SignInRefusal::Wrong))), "{email}");
        }
    }

    async fn guessing_is_slow_for_each_account(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        // Two nodes, of which one starts anew now and then.
        let mut doors = [Doors::default(), Doors::default()];
        let email = "priya@northlight.example".parse().unwrap();
        let mut evaluated = 0;
        for second in 0..3600_i64 {
            if second % 600 == 0 {
                doors[0] = Doors::default();
            }
            for guess in 0..28 {
                let now = cast.accounts.now() + Span::seconds(second);
                // What a refused try costs is nothing; the hash is what must not be computed.
                if doors[guess % 2].let_in(&cast.db, &email, false, now).await.is_ok() {
                    evaluated += 1;
                }
            }
        }
        assert!(evaluated <= 100, "{evaluated} of 100,800 guesses were looked at");
        assert!(evaluated >= 90, "its owner is let in now and then: {evaluated}");
    }

    async fn a_session_ends_with_time_and_with_the_password(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let token = open_session(&cast, cast.priya).await;
        let headers = with_cookie(&token);
        let who = async || cast.accounts.actor_of(&headers).await.unwrap().map(|actor| actor.id);
        assert_eq!(who().await, Some(cast.priya));

        cast.clock.advance(SESSION_IDLE + Span::seconds(1));
        assert_eq!(who().await, None, "idle for too long");

        let token = open_session(&cast, cast.priya).await;
        let headers = with_cookie(&token);
        for _ in 0..40 {
            cast.clock.advance(Span::hours(11));
            cast.accounts.actor_of(&headers).await.unwrap();
        }
        assert!(cast.accounts.actor_of(&headers).await.unwrap().is_none(), "older than 14 days");
    }

    async fn leaving_closes_every_door(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let session = open_session(&cast, cast.priya).await;
        let mut tx = cast.db.begin().await.unwrap();
        let new = NewToken {
            agent: cast.priya,
            name: "script".to_owned(),
            scopes: Scopes::Full,
            sees: Sees::Everything,
            expires_at: None,
        };
        let token = make_token(&mut tx, &new, cast.accounts.now()).await.unwrap();
        let email = "priya@northlight.example".parse().unwrap();
        let (_, link) = make_reset_link(&mut tx, &email, cast.accounts.now()).await.unwrap();
        let begun = Pending { agent: cast.priya, keeps: false, next: String::new() };
        let begun = store::pending::open(&mut tx, &begun, cast.accounts.now()).await.unwrap();
        let invitation = Invitation {
            name: "Noor".to_owned(),
            email: "noor@northlight.example".parse().unwrap(),
            role: Role::Agent,
            sees: Sees::Everything,
        };
        let (noor, invited) = invite(&mut tx, &invitation, "UTC", cast.accounts.now()).await.unwrap();
        tx.commit().await.unwrap();
        assert!(cast.accounts.actor_of(&with_cookie(&session)).await.unwrap().is_some());
        let mut tx = cast.db.begin().await.unwrap();
        deactivate(&mut tx, noor, cast.accounts.now()).await.unwrap();
        deactivate(&mut tx, cast.priya, cast.accounts.now()).await.unwrap();
        tx.commit().await.unwrap();

        assert!(cast.accounts.actor_of(&with_cookie(&session)).await.unwrap().is_none());
        let mut headers = HeaderMap::new();
        let bearer = format!("Bearer {}", token.reveal());
        headers.insert("authorization", HeaderValue::from_str(&bearer).unwrap());
        assert!(cast.accounts.actor_of_token(&headers).await.unwrap().is_none());
        // Streams that are open ask like this.
        assert!(cast.accounts.still_there(&with_cookie(&session)).await.unwrap().is_none());
        assert!(cast.accounts.still_there_by_token(&headers).await.unwrap().is_none());
        assert!(cast.accounts.actor(cast.priya).await.unwrap().is_none(), "nor by a job");
        let now = cast.accounts.now();
        let (given, doors) = (Secret::new(PASSWORD), Doors::default());
        let refused = check(&cast.db, &doors, &email, given, "10.0.0.1", now).await;
        assert!(matches!(refused, Err(Failure::Refused(SignInRefusal::Wrong))));
        let mut tx = cast.db.begin().await.unwrap();
        assert!(store::pending::find(&tx, &begun.hash(), now).await.unwrap().is_none());
        let refused =
            accept_invitation(&mut tx, &invited.hash(), "Noor", password(), "UTC", now).await;
        assert!(matches!(refused, Err(Failure::Refused(AccountRefusal::DeadLink))));
        let refused = set_password_with_link(&mut tx, &link.hash(), password(), now).await;
        assert!(matches!(refused, Err(Failure::Refused(AccountRefusal::DeadLink))));
        assert_eq!(queue::waiting_count(&tx).await.unwrap(), 2, "open work is handed over");
    }

    async fn a_reset_link_opens_once_and_ends_sessions(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let session = open_session(&cast, cast.priya).await;
        let now = cast.accounts.now();
        let email = "priya@northlight.example".parse().unwrap();
        let mut tx = cast.db.begin().await.unwrap();
        let (_, older) = make_reset_link(&mut tx, &email, now).await.unwrap();
        let (_, link) = make_reset_link(&mut tx, &email, now).await.unwrap();
        for (token, opens) in [(&older, false), (&link, true), (&link, false)] {
            let done = set_password_with_link(&mut tx, &token.hash(), password(), now).await;
            assert_eq!(done.is_ok(), opens);
        }
        tx.commit().await.unwrap();
        assert!(cast.accounts.actor_of(&with_cookie(&session)).await.unwrap().is_none());

        let mut tx = cast.db.begin().await.unwrap();
        let (_, link) = make_reset_link(&mut tx, &email, now).await.unwrap();
        let late = now + Span::hours(1);
        let refused = set_password_with_link(&mut tx, &link.hash(), password(), late).await;
        assert!(refused.is_err(), "after an hour it is dead");
        assert!(store::links::look_at(&tx, Purpose::Invite, &link.hash(), now).await.unwrap().is_none());
    }

    async fn of_a_hundred_who_use_a_link_one_wins(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let now = cast.accounts.now();
        let invitation = Invitation {
            name: "New Person".to_owned(),
            email: "new@northlight.example".parse().unwrap(),
            role: Role::Agent,
            sees: Sees::Everything,
        };
        let mut tx = cast.db.begin().await.unwrap();
        let (_, link) = invite(&mut tx, &invitation, "UTC", now).await.unwrap();
        tx.commit().await.unwrap();
        let mut won = 0;
        let tries = (0..100).map(|_| async {
            let mut tx = cast.db.begin().await.unwrap();
            let used = store::links::use_up(&mut tx, Purpose::Invite, &link.hash(), now).await.unwrap();
            tx.commit().await.unwrap();
            used.is_some()
        });
        for result in futures_util::future::join_all(tries).await {
            won += usize::from(result);
        }
        assert_eq!(won, 1);
    }

    async fn the_last_owner_stays(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let now = cast.accounts.now();
        let mut tx = cast.db.begin().await.unwrap();
        let refused = deactivate(&mut tx, cast.sarah, now).await;
        assert!(matches!(refused, Err(Failure::Refused(AccountRefusal::LastOwner))));
        let refused =
            update_agent(&mut tx, cast.sarah, "Sarah", Role::Agent, &Sees::Everything).await;
        assert!(matches!(refused, Err(Failure::Refused(AccountRefusal::LastOwner))));
        update_agent(&mut tx, cast.mateo, "Mateo Ruiz", Role::Owner, &Sees::Everything)
            .await
            .unwrap();
        deactivate(&mut tx, cast.sarah, now).await.unwrap();
    }

    async fn of_two_owners_who_let_each_other_go_one_stays(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let now = cast.accounts.now();
        let mut tx = cast.db.begin().await.unwrap();
        update_agent(&mut tx, cast.mateo, "Mateo Ruiz", Role::Owner, &Sees::Everything)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let let_go = async |id| {
            let mut tx = cast.db.begin().await.unwrap();
            let done = deactivate(&mut tx, id, now).await;
            if done.is_ok() {
                tx.commit().await.unwrap();
            }
            done.is_ok()
        };
        let (sarah, mateo) =
            futures_util::future::join(let_go(cast.sarah), let_go(cast.mateo)).await;
        assert!(sarah != mateo, "one went, one stays");
    }

    async fn two_inboxes_cannot_share_an_address(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut tx = cast.db.begin().await.unwrap();
        let taken = "support@northlight.example".parse().unwrap();
        let inbox = NewInbox::email("Again", taken, "Northlight");
        let refused = add_inbox(&mut tx, &inbox, cast.accounts.now()).await;
        assert!(matches!(refused, Err(Failure::Refused(InboxRefusal::AddressTaken(_)))));
        let refused = update_inbox(&mut tx, cast.billing, &inbox).await;
        assert!(matches!(refused, Err(Failure::Refused(InboxRefusal::AddressTaken(_)))));
        update_inbox(&mut tx, cast.support, &inbox).await.unwrap();
    }

    async fn the_directory_knows_names(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let directory = cast.accounts.directory().await.unwrap();
        assert_eq!(directory.name_of(cast.mateo), "Mateo Ruiz");
        assert_eq!(directory.working().len(), 5);
        assert_eq!(directory.inboxes().count(), 2);
        let tom = cast.actor(cast.tom).await;
        assert!(tom.may_see(cast.billing) && !tom.may_see(cast.support));
    }
}
