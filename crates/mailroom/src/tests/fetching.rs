//! Mail is fetched over IMAP: all of it, once, from where we left off.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use database::{Engine, on_both};
use kernel::{Clock, SharedClock, Span, Timestamp};
use tokio_util::sync::CancellationToken;

use super::browser::Browser;
use super::pages::{form, saved};
use super::servers::{Post, Withheld, until};
use super::stage::{Stage, mail};
use crate::connection::{AfterFetch, Connection};
use crate::health::{health, raise_alarm};
use crate::ledger::Fate;
use crate::{Fetcher, actions};

fn connection(stage: &Stage, post: &Post) -> Connection {
    let inbox = stage.cast.support;
    Connection {
        imap: Some(stage.endpoint(inbox, "imap", post.port())),
        folder: "INBOX".to_owned(),
        fetch_from: Some(stage.now()),
        ..Connection::default()
    }
}

/// Runs the fetcher until something is so.
async fn fetches(stage: &Stage, node: &str, is_so: impl AsyncFn() -> bool) {
    let stop = CancellationToken::new();
    let work = stage.fetcher(node).run(stop.clone());
    let wait = async {
        until(&is_so).await;
        stop.cancel();
    };
    tokio::join!(work, wait);
}

async fn stored(stage: &Stage) -> usize {
    stage.lines().await.len()
}

/// A clock that breaks once, after it was looked at so often.
struct Breaking {
    clock: SharedClock,
    looks: AtomicUsize,
    breaks_after: usize,
}

impl Clock for Breaking {
    fn now(&self) -> Timestamp {
        let looks = self.looks.fetch_add(1, Ordering::Relaxed);
        assert_ne!(looks, self.breaks_after, "the clock breaks");
        self.clock.now()
    }
}

/// Five mails come, of which the server does not give the second one.
async fn sets_aside(stage: &Stage, how: Withheld) {
    let post = Post::new().await;
    stage.connects(stage.cast.support, &connection(stage, &post)).await;
    post.withholds(2, how);
    let comes = |number: usize| {
        let id = format!("t{number}");
        post.arrives(mail(&id, "New", &id), stage.now() + Span::seconds(1));
    };
    (0..3).for_each(comes);
    let stop = CancellationToken::new();
    let work = stage.fetcher("a").run(stop.clone());
    let wait = async {
        // Each look at the mailbox is one try, and new mail brings one about.
        for number in 3..5 {
            until(async || stored(stage).await >= number - 1).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            comes(number);
        }
        until(async || stored(stage).await == 5).await;
        stop.cancel();
    };
    tokio::join!(work, wait);
    stage.reads().await;
    let lines = stage.lines().await;
    let failed: Vec<_> = lines.iter().filter(|line| line.fate == Fate::Failed).collect();
    assert_eq!((lines.len(), failed.len()), (5, 1));
    let reason = failed[0].reason.as_ref().unwrap();
    assert!(reason.contains("number 2 in the folder “INBOX”"), "{reason}");
    let (id, ticket) = (failed[0].id, failed[0].ticket.expect("a ticket says so"));
    let said = "select count(*) from messages where text like '%not the mail itself%number 2 in%'";
    assert_eq!(stage.count(said).await, 1);

    // Somebody has it asked for once more, in vain and then not.
    let line = async || stage.lines().await.into_iter().find(|line| line.id == id).unwrap();
    let asks = async || {
        let mut tx = stage.db.begin().await.unwrap();
        actions::read_again(&mut tx, id).await.unwrap();
        tx.commit().await.unwrap();
    };
    asks().await;
    let wanted = "select count(*) from mail_unfetched where wanted = (1 = 1)";
    fetches(stage, "a", async || stage.count(wanted).await == 0).await;
    assert_eq!(line().await.fate, Fate::Failed);
    post.gives_all();
    asks().await;
    fetches(stage, "a", async || line().await.fate == Fate::Received).await;
    stage.reads().await;
    let line = line().await;
    assert_eq!((line.fate, line.ticket), (Fate::Ticketed, Some(ticket)));
    assert_eq!(line.mail_id, "t1@example.com");
    assert_eq!(stage.count("select count(*) from tickets").await, 5);
}

on_both! {
    async fn new_mail_comes_and_older_mail_stays_away(db: Db) {
        let (stage, post) = (Stage::new(db).await, Post::new().await);
        post.arrives(mail("old", "Old", "From last week"), stage.now() - Span::days(7));
        post.arrives(mail("today", "Today", "An hour before"), stage.now() - Span::hours(1));
        stage.connects(stage.cast.support, &connection(&stage, &post)).await;
        post.arrives(mail("n1", "New", "After the connection"), stage.now() + Span::seconds(1));
        fetches(&stage, "a", async || stored(&stage).await >= 1).await;
        let ids: Vec<String> = stage.lines().await.into_iter().map(|line| line.mail_id).collect();
        assert_eq!(ids, ["n1@example.com"]);
        assert!(post.moved().is_empty() && post.seen().is_empty(), "all is left as it is");
        assert_eq!(post.sign_ins()[0], "AGRlc2sAaHVudGVyMg==");
    }

    async fn waiting_mail_is_announced_and_comes_at_once(db: Db) {
        let (stage, post) = (Stage::new(db).await, Post::new().await);
        stage.connects(stage.cast.support, &connection(&stage, &post)).await;
        let stop = CancellationToken::new();
        let work = stage.fetcher("a").run(stop.clone());
        let wait = async {
            until(async || {
                health(&stage.db.read().await.unwrap()).await.unwrap()[0].worked_at.is_some()
            })
            .await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            for number in 0..3 {
                let id = format!("w{number}");
                post.arrives(mail(&id, "New", "Now"), stage.now() + Span::seconds(1));
                until(async || stored(&stage).await > number).await;
            }
            stop.cancel();
        };
        tokio::join!(work, wait);
        assert_eq!(stored(&stage).await, 3);
    }

    async fn history_comes_quietly_from_the_chosen_day(db: Db) {
        let (stage, post) = (Stage::new(db).await, Post::new().await);
        for days in [400, 20, 3, 1] {
            let at = stage.now() - Span::days(days);
            let bytes = mail(&format!("d{days}"), "Earlier", "Long ago")
                .replace("Tue, 17 Nov 2026 09:00:00", "Tue, 10 Nov 2026 09:00:00");
            post.arrives(bytes, at);
        }
        let mut connection = connection(&stage, &post);
        connection.history_from = Some(stage.now() - Span::days(30));
        stage.connects(stage.cast.support, &connection).await;
        fetches(&stage, "a", async || stored(&stage).await >= 3).await;
        stage.reads().await;
        let lines = stage.lines().await;
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.is_history && line.fate == Fate::Ticketed));
        assert_eq!(stage.count("select count(*) from deliveries").await, 0);
        assert_eq!(stage.count("select count(*) from notifications").await, 0);
    }

    async fn whatever_breaks_nothing_is_lost_and_nothing_comes_twice(db: Db) {
        let (stage, post) = (Stage::new(db).await, Post::new().await);
        stage.connects(stage.cast.support, &connection(&stage, &post)).await;
        for number in 0..120 {
            let at = stage.now() + Span::seconds(1);
            post.arrives(mail(&format!("b{number}"), "Many", "Text"), at);
        }
        // Sign-in takes four answers; then it breaks in the middle of the first batch, and of the
        // second.
        for answers in [6, 8, 10] {
            post.breaks_after(answers);
            let before = stored(&stage).await;
            let stop = CancellationToken::new();
            let work = stage.fetcher("a").run(stop.clone());
            let wait = async {
                until(async || {
                    let all = health(&stage.db.read().await.unwrap()).await.unwrap();
                    all[0].fault.is_some() || stored(&stage).await > before
                })
                .await;
                stop.cancel();
            };
            tokio::join!(work, wait);
        }
        post.breaks_after(usize::MAX);
        fetches(&stage, "b", async || stored(&stage).await >= 120).await;
        assert_eq!(stored(&stage).await, 120);
        post.renumbers();
        let at = stage.now() + Span::seconds(2);
        post.arrives(mail("last", "One more", "Text"), at);
        fetches(&stage, "b", async || stored(&stage).await > 120).await;
        assert_eq!(stored(&stage).await, 121, "what was here already is recognised");
    }

    async fn what_came_before_the_server_was_changed_comes_from_the_new_one_once(db: Db) {
        let browser = Browser::new(db).await;
        let stage = &browser.stage;
        let (old, new) = (Post::new().await, Post::new().await);
        let (port, other_port) = (old.port().to_string(), new.port().to_string());
        let worked_at = async || {
            let all = health(&stage.db.read().await.unwrap()).await.unwrap();
            all[0].worked_at
        };
        let arrives = |post: &Post, id: &str, at: Timestamp| post.arrives(mail(id, "New", id), at);
        arrives(&new, "before", stage.now() - Span::hours(1));
        browser.signs_in("mateo").await;
        browser.posts("/settings/inboxes", &form(&port, "587")).await.location();
        let (_, id, connection) = saved(&browser, "sales@northlight.example").await;
        let (path, connected_at) = (format!("/settings/inboxes/{id}"), connection.fetch_from);
        for post in [&old, &new] {
            arrives(post, "m1", stage.now() + Span::seconds(1));
        }
        let is_looked_at = async || stored(stage).await == 1 && worked_at().await.is_some();
        fetches(stage, "a", is_looked_at).await;

        // The old server is away; mail comes to the new one before anybody enters it here.
        stage.later(Span::hours(3));
        arrives(&new, "m2", stage.now());
        stage.later(Span::hours(30));
        browser.signs_in("mateo").await;
        browser.posts(&path, &form(&other_port, "587")).await.location();
        let (.., connection) = saved(&browser, "sales@northlight.example").await;
        assert_eq!(connection.fetch_from, connected_at, "what was there before stays away");
        fetches(stage, "a", async || stored(stage).await > 1).await;
        let ids: Vec<String> = stage.lines().await.into_iter().map(|line| line.mail_id).collect();
        assert_eq!(ids, ["m2@example.com", "m1@example.com"]);

        // After a long time, only what came since the last look is looked at.
        stage.later(Span::days(30));
        let now = stage.now();
        fetches(stage, "a", async || worked_at().await == Some(now)).await;
        stage.later(Span::days(2));
        browser.signs_in("mateo").await;
        browser.posts(&path, &form(&port, "587")).await.location();
        let (.., connection) = saved(&browser, "sales@northlight.example").await;
        assert_eq!(connection.fetch_from, Some(now - Span::days(1)));
    }

    async fn a_folder_that_counts_from_the_beginning_hides_no_mail(db: Db) {
        let (stage, post) = (Stage::new(db).await, Post::new().await);
        stage.connects(stage.cast.support, &connection(&stage, &post)).await;
        let comes = |id: &str| post.arrives(mail(id, "New", id), stage.now() + Span::seconds(1));
        ["c1", "c2", "c3", "c4"].into_iter().for_each(comes);
        fetches(&stage, "a", async || stored(&stage).await >= 4).await;
        for (count, id) in [(2, "c5"), (0, "c6")] {
            post.goes_back_to(count);
            comes(id);
            let before = stored(&stage).await;
            fetches(&stage, "a", async || stored(&stage).await > before).await;
        }
        let ids: Vec<String> = stage.lines().await.into_iter().map(|line| line.mail_id).collect();
        let expected = ["c6", "c5", "c4", "c3", "c2", "c1"].map(|id| format!("{id}@example.com"));
        assert_eq!(ids, expected, "nothing is lost, and nothing is here twice");
    }

    async fn a_server_that_miscounts_is_not_asked_for_everything_again(db: Db) {
        let (stage, post) = (Stage::new(db).await, Post::new().await);
        stage.connects(stage.cast.support, &connection(&stage, &post)).await;
        let comes = |id: &str| post.arrives(mail(id, "New", id), stage.now() + Span::seconds(1));
        ["c1", "c2", "c3"].into_iter().for_each(comes);
        fetches(&stage, "a", async || stored(&stage).await >= 3).await;
        post.miscounts(1);
        comes("c4");
        fetches(&stage, "a", async || stored(&stage).await >= 4).await;
        let heard = post.heard();
        let bodies: Vec<_> = heard.iter().filter(|line| line.contains("BODY")).collect();
        assert_eq!(bodies.len(), 2, "{bodies:?}");
        assert!(bodies[1].starts_with("UID FETCH 4 "), "{bodies:?}");
    }

    async fn much_mail_is_stored_piece_by_piece(db: Db) {
        let (stage, post) = (Stage::new(db).await, Post::new().await);
        stage.connects(stage.cast.support, &connection(&stage, &post)).await;
        let long = "A line of a long mail.\r\n".repeat(140_000);
        for number in 0..5 {
            let bytes = mail(&format!("l{number}"), "Long", &long);
            post.arrives(bytes, stage.now() + Span::seconds(1));
        }
        fetches(&stage, "a", async || stored(&stage).await >= 5).await;
        let heard = post.heard();
        let fetched = heard.iter().filter(|said| said.contains("BODY")).count();
        assert_eq!(fetched, 3, "two and two and one: {heard:?}");
        // What was fetched is written down before more is asked for.
        let mut next = heard.windows(2).filter(|pair| pair[0].contains("BODY"));
        assert!(next.all(|pair| pair[1].contains("SEARCH")), "{heard:?}");
    }

    async fn a_mail_that_is_named_and_not_given_is_set_aside_and_holds_up_no_other(db: Db) {
        sets_aside(&Stage::new(db).await, Withheld::Silently).await;
    }

    async fn a_mail_that_the_server_cannot_read_is_set_aside_and_holds_up_no_other(db: Db) {
        sets_aside(&Stage::new(db).await, Withheld::WithNo).await;
    }

    async fn a_mail_that_breaks_the_connection_is_set_aside_and_holds_up_no_other(db: Db) {
        sets_aside(&Stage::new(db).await, Withheld::Breaking).await;
    }

    async fn fetched_mail_is_moved_where_the_owner_wants_it(db: Db) {
        let (stage, post) = (Stage::new(db).await, Post::new().await);
        let mut connection = connection(&stage, &post);
        connection.after_fetch = AfterFetch::MoveTo("Done".to_owned());
        stage.connects(stage.cast.support, &connection).await;
        post.arrives(mail("m1", "New", "Text"), stage.now() + Span::seconds(1));
        fetches(&stage, "a", async || !post.moved().is_empty()).await;
        assert_eq!(post.moved(), ["1 \"Done\""]);
        assert_eq!(stored(&stage).await, 1);
    }

    async fn a_wrong_password_is_said_and_a_silent_inbox_raises_the_alarm_once(db: Db) {
        let (stage, post) = (Stage::new(db).await, Post::new().await);
        post.refuses_sign_in(true);
        stage.connects(stage.cast.support, &connection(&stage, &post)).await;
        let fault = async || {
            health(&stage.db.read().await.unwrap()).await.unwrap()[0].fault.clone()
        };
        fetches(&stage, "a", async || fault().await.is_some()).await;
        let said = fault().await.unwrap();
        assert!(said.contains("127.0.0.1") && !said.contains("hunter2"), "{said}");

        assert!(raise_alarm(&stage.cast.accounts).await.unwrap().is_empty());
        stage.later(Span::minutes(6));
        let alarmed = raise_alarm(&stage.cast.accounts).await.unwrap();
        assert_eq!(alarmed, [stage.cast.support]);
        assert!(raise_alarm(&stage.cast.accounts).await.unwrap().is_empty(), "once");
        let conn = stage.db.read().await.unwrap();
        let told: Vec<String> = conn
            .column(
                "select recipients from deliveries where kind = 'system'
                    and subject = 'No mail comes in at Support' order by id",
                vec![],
            )
            .await
            .unwrap();
        drop(conn);
        assert!(told.len() == 2 && told[0].contains("mateo@") && told[1].contains("sarah@"), "{told:?}");

        post.refuses_sign_in(false);
        fetches(&stage, "a", async || fault().await.is_none()).await;
        stage.later(Span::minutes(6));
        assert_eq!(raise_alarm(&stage.cast.accounts).await.unwrap().len(), 1, "and anew");
    }

    async fn an_inbox_whose_fetching_panicked_is_fetched_again(db: Db) {
        let (stage, post) = (Stage::new(db).await, Post::new().await);
        stage.connects(stage.cast.support, &connection(&stage, &post)).await;
        // While the connection is used, and before there is one.
        for (number, breaks_after) in [1, 0].into_iter().enumerate() {
            let id = format!("m{number}");
            post.arrives(mail(&id, "New", "Text"), stage.now() + Span::seconds(1));
            let (clock, looks) = (stage.clock.clone(), AtomicUsize::new(0));
            let clock: SharedClock = Arc::new(Breaking { clock, looks, breaks_after });
            let fetcher = Fetcher { clock, ..stage.fetcher("a") };
            let stop = CancellationToken::new();
            let wait = async {
                until(async || stored(&stage).await > number).await;
                stop.cancel();
            };
            tokio::join!(fetcher.run(stop.clone()), wait);
        }
    }

    async fn one_node_fetches_and_another_takes_over(db: Db) {
        let (stage, post) = (Stage::new(db).await, Post::new().await);
        stage.connects(stage.cast.support, &connection(&stage, &post)).await;
        let mut tx = stage.db.begin().await.unwrap();
        let now = stage.now();
        let inbox = stage.cast.support;
        let win = crate::store::health::win_lease;
        assert!(win(&mut tx, inbox, "gone", now, now + Span::seconds(60)).await.unwrap());
        assert!(!win(&mut tx, inbox, "a", now, now + Span::seconds(60)).await.unwrap());
        tx.commit().await.unwrap();
        post.arrives(mail("m1", "New", "Text"), now + Span::seconds(1));
        stage.later(Span::seconds(61));
        fetches(&stage, "a", async || stored(&stage).await == 1).await;
    }

    async fn after_a_crash_mail_is_fetched_at_once_where_no_other_node_can_be(db: Db) {
        let (stage, post) = (Stage::new(db).await, Post::new().await);
        stage.connects(stage.cast.support, &connection(&stage, &post)).await;
        let (now, inbox) = (stage.now(), stage.cast.support);
        let mut tx = stage.db.begin().await.unwrap();
        let win = crate::store::health::win_lease;
        assert!(win(&mut tx, inbox, "killed", now, now + Span::seconds(60)).await.unwrap());
        tx.commit().await.unwrap();
        post.arrives(mail("m1", "New", "Text"), now + Span::seconds(1));
        // Nodes that share PostgreSQL wait until the lease has run out.
        if stage.db.engine() == Engine::Postgres {
            stage.later(Span::seconds(61));
        }
        fetches(&stage, "a", async || stored(&stage).await == 1).await;
    }
}

#[test]
fn new_tokens_are_no_new_settings_but_a_first_permission_is() {
    use crate::connection::Oauth;
    use crate::fetch::same_settings;

    let oauth = Oauth {
        client_id: "id".to_owned(),
        client_secret: String::new(),
        authorize_url: String::new(),
        token_url: String::new(),
        scope: String::new(),
        refresh_token: Some("one".to_owned()),
        access_token: Some("a".to_owned()),
        expires_at: Some(Timestamp::from_seconds(1)),
        refused: None,
    };
    let with = |oauth: Oauth| Connection { oauth: Some(oauth), ..Connection::default() };
    let before = with(oauth.clone());
    let renewed = Oauth {
        refresh_token: Some("two".to_owned()),
        access_token: Some("b".to_owned()),
        expires_at: None,
        ..oauth.clone()
    };
    assert!(same_settings(&before, &with(renewed)));
    assert!(!same_settings(&before, &with(Oauth { refresh_token: None, ..oauth.clone() })));
    assert!(!same_settings(&before, &with(Oauth { client_id: "other".to_owned(), ..oauth })));
}
