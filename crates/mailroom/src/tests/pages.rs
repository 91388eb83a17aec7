//! The pages through their routes: who may, what they show, what they never show.

use axum::http::StatusCode;
use database::{on_both, params};
use kernel::{PublicId, Secret, Span};

use super::browser::Browser;
use super::servers::{Post, Provider, Sink};
use super::stage::{mail, mail_from, mail_with_file};
use crate::actions::UNDO_FOR;
use crate::connection::{Connection, place};
use crate::ledger::Fate;

/// The form of an inbox with servers at these ports.
fn form<'f>(imap: &'f str, smtp: &'f str) -> Vec<(&'static str, &'f str)> {
    vec![
        ("name", "Sales"),
        ("address", "sales@northlight.example"),
        ("sender_name", "Northlight"),
        ("reply_within", "480"),
        ("acknowledges", "on"),
        ("auth", "password"),
        ("incoming", "imap"),
        ("imap_host", "127.0.0.1"),
        ("imap_port", imap),
        ("imap_tls", "none"),
        ("imap_user", "desk"),
        ("imap_password", "1map-s3cret"),
        ("folder", "INBOX"),
        ("after_fetch", "leave"),
        ("begin", "now"),
        ("outgoing", "smtp"),
        ("smtp_host", "127.0.0.1"),
        ("smtp_port", smtp),
        ("smtp_tls", "none"),
        ("smtp_user", "desk"),
        ("smtp_password", "smtp-s3cret"),
    ]
}

fn with<'f>(
    mut fields: Vec<(&'f str, &'f str)>,
    changes: &[(&'f str, &'f str)],
) -> Vec<(&'f str, &'f str)> {
    for (name, value) in changes {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value));
    }
    fields
}

async fn saved(browser: &Browser, address: &str) -> (kernel::InboxId, PublicId, Connection) {
    let directory = browser.stage.cast.accounts.directory().await.unwrap();
    let inbox = directory.inbox_by_address(&address.parse().unwrap()).unwrap();
    let mut conn = browser.stage.db.read().await.unwrap();
    let connection = Connection::find(&mut conn, inbox.id).await.unwrap().unwrap();
    (inbox.id, inbox.public_id, connection)
}

const PAGES: [&str; 7] = [
    "/settings/inboxes",
    "/settings/inboxes/new",
    "/setup/inbox",
    "/settings/senders",
    "/settings/mail",
    "/settings/quarantine",
    "/settings/outgoing",
];

on_both! {
    async fn each_page_opens_for_those_who_may_and_nobody_else(db: Db) {
        let browser = Browser::new(db).await;
        for path in PAGES {
            assert_eq!(browser.gets(path).await.status, StatusCode::UNAUTHORIZED, "{path}");
        }
        browser.signs_in("ines").await;
        for path in PAGES {
            assert_eq!(browser.gets(path).await.status, StatusCode::FORBIDDEN, "{path}");
        }
        browser.signs_in("priya").await;
        for (number, path) in PAGES.into_iter().enumerate() {
            let expected = if number < 4 { StatusCode::FORBIDDEN } else { StatusCode::OK };
            assert_eq!(browser.gets(path).await.status, expected, "{path}");
        }
        browser.signs_in("mateo").await;
        for path in PAGES {
            let page = browser.gets(path).await;
            assert_eq!(page.status, StatusCode::OK, "{path} {}", page.text());
            let text = page.text();
            assert!(!text.contains("style=\"") && !text.contains("<script>"), "{path}");
            // A key that is missing in the catalogue shows itself.
            for key in [">inbox-", ">ledger-", ">quarantine-", ">sender-", ">outgoing-", ">probe-"] {
                assert!(!text.contains(key), "{path} {key}");
            }
        }
    }

    async fn an_inbox_is_made_tried_and_its_secrets_stay_here(db: Db) {
        let browser = Browser::new(db).await;
        let (post, sink) = (Post::new().await, Sink::new().await);
        let (imap, smtp) = (post.port().to_string(), sink.port().to_string());
        browser.signs_in("mateo").await;

        browser.has_script(true);
        let tried = browser.posts("/settings/inboxes/probe", &form(&imap, &smtp)).await.text();
        assert!(tried.starts_with("<div class=\"stack gap-6\" id=\"probe\""), "{tried}");
        assert_eq!(tried.matches("data-state=\"ok\"").count(), 7, "{tried}");
        post.refuses_sign_in(true);
        let tried = browser.posts("/settings/inboxes/probe", &form(&imap, &smtp)).await.text();
        assert_eq!(tried.matches("data-state=\"bad\"").count(), 1, "{tried}");
        assert!(tried.contains("127.0.0.1"), "{tried}");
        browser.has_script(false);
        let whole = browser.posts("/settings/inboxes/probe", &form(&imap, &smtp)).await;
        assert_eq!(whole.status, StatusCode::OK);
        assert!(whole.text().contains("value=\"sales@northlight.example\""));
        assert!(!whole.text().contains("s3cret"));

        let made = browser.posts("/settings/inboxes", &form(&imap, &smtp)).await;
        assert_eq!(made.location(), "/settings/inboxes");
        let (id, public, connection) = saved(&browser, "sales@northlight.example").await;
        assert_eq!(connection.fetch_from, Some(browser.stage.now()), "mail from now on");
        let opened = |what: &str, sealed: &Option<String>| {
            let sealed = sealed.as_ref().unwrap();
            browser.stage.keys.open(&place(id, what), sealed).unwrap().reveal().to_owned()
        };
        assert_eq!(opened("imap", &connection.imap.as_ref().unwrap().password), "1map-s3cret");
        assert_eq!(opened("smtp", &connection.smtp.as_ref().unwrap().password), "smtp-s3cret");
        let path = format!("/settings/inboxes/{public}");
        let page = browser.gets(&path).await.text();
        assert!(!page.contains("s3cret"));
        let sealed = connection.imap.as_ref().unwrap().password.clone().unwrap();
        assert!(!page.contains(&sealed), "not even sealed");
        assert!(page.contains("A password is stored"));

        // Nothing typed: it stays. Another server: it goes.
        let quiet = with(form(&imap, &smtp), &[("imap_password", ""), ("smtp_password", "")]);
        let again = browser.posts(&path, &quiet).await;
        assert_eq!(again.location(), path);
        assert_eq!(saved(&browser, "sales@northlight.example").await.2, connection);
        for change in [("imap_host", "localhost"), ("imap_port", "4143"), ("imap_user", "other")] {
            let refused = browser.posts(&path, &with(quiet.clone(), &[change])).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{change:?}");
            assert!(refused.text().contains("f-imap_password-error"), "{change:?}");
            // And a trial elsewhere does not send it either.
            let before = post.sign_ins().len();
            browser.posts(&format!("{path}/probe"), &with(quiet.clone(), &[change])).await;
            assert_eq!(post.sign_ins().len(), before, "{change:?}");
        }
        assert_eq!(saved(&browser, "sales@northlight.example").await.2, connection);
    }

    async fn what_is_wrong_with_an_inbox_is_said_at_its_field(db: Db) {
        let browser = Browser::new(db).await;
        browser.signs_in("mateo").await;
        for (change, field) in [
            (("name", " "), "name"),
            (("address", "nonsense"), "address"),
            (("address", "support@northlight.example"), "address"),
            (("imap_host", "two words"), "imap_host"),
            (("imap_host", ""), "imap_host"),
            (("imap_port", "70000"), "imap_port"),
            (("imap_user", ""), "imap_user"),
            (("imap_password", ""), "imap_password"),
            (("smtp_port", "x"), "smtp_port"),
            (("reply_within", "1"), "reply_within"),
        ] {
            let page = browser.posts("/settings/inboxes", &with(form("993", "587"), &[change])).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{change:?}");
            assert!(page.text().contains(&format!("f-{field}-error")), "{change:?}");
        }
        let moves = with(form("993", "587"), &[("after_fetch", "move"), ("move_to", "inbox")]);
        let page = browser.posts("/settings/inboxes", &moves).await;
        assert!(page.text().contains("f-move_to-error"));
        let strange = with(form("993", "587"), &[("admin", "yes")]);
        assert_eq!(browser.posts("/settings/inboxes", &strange).await.status, StatusCode::BAD_REQUEST);
        assert_eq!(browser.stage.count("select count(*) from inboxes").await, 2);
    }

    async fn the_set_up_takes_the_first_inbox_and_can_be_skipped(db: Db) {
        let browser = Browser::new(db).await;
        let (post, sink) = (Post::new().await, Sink::new().await);
        let (imap, smtp) = (post.port().to_string(), sink.port().to_string());
        browser.signs_in("sarah").await;
        let page = browser.gets("/setup/inbox").await.text();
        assert!(page.contains("href=\"/setup/team\"") && page.contains("aria-current=\"step\""));
        browser.has_script(true);
        let tried = browser.posts("/setup/inbox/probe", &form(&imap, &smtp)).await.text();
        assert_eq!(tried.matches("data-state=\"ok\"").count(), 7, "{tried}");
        browser.has_script(false);
        let made = browser.posts("/setup/inbox", &form(&imap, &smtp)).await;
        assert_eq!(made.location(), "/setup/team");
        saved(&browser, "sales@northlight.example").await;
    }

    async fn a_provider_gives_its_permission_to_whoever_asked(db: Db) {
        let browser = Browser::new(db).await;
        let provider = Provider::new().await;
        browser.signs_in("mateo").await;
        let (authorize, token) = (provider.url("/authorize"), provider.url("/token"));
        let fields = with(form("993", "587"), &[
            ("auth", "own"),
            ("client_id", "client"),
            ("client_secret", "cl1ent-s3cret"),
            ("authorize_url", &authorize),
            ("token_url", &token),
            ("scope", "mail offline"),
        ]);
        let made = browser.posts("/settings/inboxes", &fields).await;
        let (id, public, connection) = saved(&browser, "sales@northlight.example").await;
        let path = format!("/settings/inboxes/{public}");
        assert_eq!(made.location(), path, "there is something left to do");
        assert!(connection.imap.as_ref().unwrap().password.is_none(), "no password beside it");
        let page = browser.gets(&path).await.text();
        assert!(page.contains("Not connected yet") && !page.contains("s3cret"));

        let away = browser.gets(&format!("{path}/connect")).await.location().to_owned();
        assert!(away.starts_with(&format!("{authorize}?response_type=code&client_id=client&")));
        assert!(away.contains("redirect_uri=http%3A%2F%2Flocalhost%3A8080%2Fsettings%2Finboxes%2Foauth%2Fcallback"));
        let state = away.split("&state=").nth(1).unwrap().split('&').next().unwrap();
        let back = format!("/settings/inboxes/oauth/callback?code=c0de&state={state}");

        // Somebody else's browser cannot finish it, and neither can a made-up state.
        browser.signs_in("sarah").await;
        assert_eq!(browser.gets(&back).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        browser.signs_in("mateo").await;
        let forged = "/settings/inboxes/oauth/callback?code=c0de&state=v1.AAAA";
        assert_eq!(browser.gets(forged).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(provider.asked().is_empty());

        let denied = format!("/settings/inboxes/oauth/callback?error=access_denied&state={state}");
        assert_eq!(browser.gets(&denied).await.location(), path);
        assert!(browser.gets(&path).await.text().contains("access_denied"));

        provider.answers("200 OK", r#"{"access_token":"acc3ss","refresh_token":"r3fresh"}"#);
        assert_eq!(browser.gets(&back).await.location(), path);
        let asked = provider.asked().concat();
        assert!(asked.contains("code=c0de") && asked.contains("code_verifier="), "{asked}");
        assert!(asked.contains("client_secret=cl1ent-s3cret"));
        let oauth = saved(&browser, "sales@northlight.example").await.2.oauth.unwrap();
        assert_eq!(oauth.refused, None);
        let sealed = oauth.refresh_token.unwrap();
        assert_eq!(browser.stage.keys.open(&place(id, "oauth refresh"), &sealed).unwrap(), Secret::new("r3fresh"));
        let page = browser.gets(&path).await.text();
        assert!(!page.contains("acc3ss") && !page.contains("r3fresh") && !page.contains("Not connected"));

        // The permission is for these servers: another one does not get it.
        let moved = with(fields, &[("imap_host", "evil.example"), ("client_secret", "")]);
        browser.posts(&path, &moved).await;
        let oauth = saved(&browser, "sales@northlight.example").await.2.oauth.unwrap();
        assert_eq!((oauth.refresh_token, oauth.access_token), (None, None));
    }

    async fn a_key_to_sign_with_is_made_shown_and_put_away(db: Db) {
        let browser = Browser::new(db).await;
        browser.signs_in("mateo").await;
        let path = format!("/settings/inboxes/{}", browser.support().await);
        let domain = format!("{path}/domain");
        let page = browser.gets(&domain).await.text();
        for record in ["SPF is missing", "DMARC is missing", "_dmarc.northlight.example"] {
            assert!(page.contains(record), "{record}");
        }
        assert_eq!(browser.posts(&format!("{path}/dkim"), &[]).await.location(), domain);
        let page = browser.gets(&domain).await.text();
        assert!(page.contains("recourse1._domainkey.northlight.example"));
        assert!(page.contains("v=DKIM1; k=rsa; p=") && !page.contains("PRIVATE KEY"));
        browser.posts(&format!("{path}/dkim/delete"), &[]).await.location();
        assert!(!browser.gets(&domain).await.text().contains("recourse1._domainkey"));
        browser.posts(&format!("{path}/dkim"), &[]).await.location();
        assert!(browser.gets(&domain).await.text().contains("recourse2._domainkey"));
    }

    async fn an_archived_inbox_takes_nothing_and_comes_back(db: Db) {
        let browser = Browser::new(db).await;
        browser.signs_in("mateo").await;
        let path = format!("/settings/inboxes/{}", browser.support().await);
        browser.posts(&format!("{path}/archive"), &[]).await.location();
        let to = "support@northlight.example".parse().unwrap();
        let piped = || {
            let bytes = mail("a1", "Hello", "Text").into_bytes();
            crate::pipe(&browser.stage.cast.accounts, &browser.stage.intake, &to, "", bytes)
        };
        assert!(matches!(piped().await, crate::Piped::Refused(_)));
        assert!(browser.gets("/settings/inboxes").await.text().contains("Archived inboxes"));
        browser.posts(&format!("{path}/restore"), &[]).await.location();
        assert_eq!(piped().await, crate::Piped::Stored);
    }

    async fn the_ledger_shows_every_mail_and_gives_its_bytes(db: Db) {
        let browser = Browser::new(db).await;
        let bytes = format!("{}\u{0}ä\u{1b}", mail_from("<script>@evil.example", "x1", "<b>Bold</b>", "Text"));
        let line = browser.stage.comes(bytes.clone()).await;
        for number in 0..60 {
            browser.stage.piped(mail(&format!("m{number}"), &format!("Number {number}"), "Hi")).await;
        }
        browser.stage.reads().await;
        browser.signs_in("priya").await;
        let page = browser.gets("/settings/mail").await.text();
        assert!(page.contains("Number 59") && !page.contains("Number 9<"));
        let older = page.split("href=\"/settings/mail?").nth(1).unwrap().split('"').next().unwrap();
        let older = older.replace("&#38;", "&").replace("&amp;", "&");
        let page = browser.gets(&format!("/settings/mail?{older}")).await.text();
        assert!(page.contains("Number 9<") && page.contains("&lt;b&gt;Bold&lt;/b&gt;")
            || page.contains("&#60;b&#62;Bold&#60;/b&#62;"), "{page}");
        assert!(!page.contains("<b>Bold"));
        let page = browser.gets("/settings/mail?fate=quarantined").await.text();
        assert!(page.contains("No such mail"));

        let detail = format!("/settings/mail/{}", line.public_id);
        let page = browser.gets(&detail).await.text();
        assert!(page.contains(&line.raw_hash));
        let raw = browser.gets(&format!("{detail}/raw")).await;
        assert_eq!(raw.bytes, bytes.as_bytes());
        assert_eq!(raw.header("content-type"), "message/rfc822");
        assert!(raw.header("content-disposition").starts_with("attachment; filename=\""));
        assert_eq!(raw.header("x-content-type-options"), "nosniff");
        assert_eq!(raw.header("content-security-policy"), "default-src 'none'; sandbox");

        // Tom sees billing only: the mail is not there for him.
        browser.signs_in("tom").await;
        for path in [detail.clone(), format!("{detail}/raw")] {
            assert_eq!(browser.gets(&path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
        assert!(!browser.gets("/settings/mail").await.text().contains("Number"));
        browser.signs_out();
        assert_eq!(browser.gets(&format!("{detail}/raw")).await.status, StatusCode::UNAUTHORIZED);
    }

    async fn what_was_blacked_out_is_nowhere_to_read(db: Db) {
        let browser = Browser::new(db).await;
        let line = browser.stage.comes(mail("a1", "My card", "4242 4242 4242 4242")).await;
        browser.signs_in("priya").await;
        let detail = format!("/settings/mail/{}", line.public_id);
        assert!(browser.gets(&detail).await.text().contains("4242 4242"));
        let mut tx = browser.stage.db.begin().await.unwrap();
        tx.execute(
            "update messages set text = '', redacted_at = 1, redacted_by = $1",
            params![browser.stage.cast.priya],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        assert!(!browser.gets(&detail).await.text().contains("4242 4242"));
        assert_eq!(browser.gets(&format!("{detail}/raw")).await.status, StatusCode::NOT_FOUND);
    }

    async fn held_mail_is_released_put_aside_and_held_again(db: Db) {
        let browser = Browser::new(db).await;
        browser.stage.goes_to_school().await;
        let mut held = Vec::new();
        for number in 0..3 {
            let from = format!("a{number}@spam.example");
            let spam = mail_from(&from, &format!("x{number}"), "Win", "casino jackpot lottery winner");
            held.push(browser.stage.comes(spam).await);
        }
        assert!(held.iter().all(|line| line.fate == Fate::Quarantined));
        let ids: Vec<String> = held.iter().map(|line| line.public_id.to_string()).collect();
        browser.signs_in("priya").await;
        let page = browser.gets("/settings/quarantine").await.text();
        assert!(ids.iter().all(|id| page.contains(id)) && page.contains("casino jackpot"));

        browser.has_script(true);
        let done = browser.posts("/settings/quarantine/dismiss", &[("id", &ids[0]), ("id", &ids[1])]).await;
        let (toast, text) = (done.header("hx-trigger").to_owned(), done.text());
        assert!(text.contains(&format!("#held-{}", ids[0])) && text.contains("delete"), "{text}");
        let undo = toast.split("\"undo\":\"").nth(1).unwrap().split('"').next().unwrap();
        let undone = browser.posts(undo, &[]).await;
        assert_eq!(undone.header("hx-redirect"), "/settings/quarantine");
        let fates: Vec<Fate> = browser.stage.lines().await[..3].iter().map(|line| line.fate).collect();
        assert_eq!(fates, [Fate::Quarantined; 3]);
        assert_eq!(browser.stage.count("select count(*) from spam_lessons").await, 20);

        browser.has_script(false);
        let one = [("one", ids[0].as_str()), ("id", ids[1].as_str()), ("remember", "on")];
        browser.posts("/settings/quarantine/release", &one).await.location();
        browser.posts("/settings/quarantine/dismiss", &[("id", &ids[2])]).await.location();
        browser.stage.later(UNDO_FOR + Span::seconds(1));
        browser.stage.reads().await;
        let lines = browser.stage.lines().await;
        assert_eq!(lines[2].fate, Fate::Ticketed);
        assert_eq!(lines[1].fate, Fate::Quarantined, "only the one whose button it was");
        let rules: Vec<String> = browser.stage.column("select pattern from sender_rules where verdict = 'allow'").await;
        assert_eq!(rules, ["a0@spam.example"]);
        let aside = browser.gets("/settings/quarantine?show=aside").await.text();
        assert!(aside.contains(&ids[2]) && !aside.contains(&ids[1]));
        browser.posts("/settings/quarantine/hold", &[("one", &ids[2])]).await.location();

        let nothing = browser.posts("/settings/quarantine/release", &[]).await;
        assert_eq!(nothing.status, StatusCode::UNPROCESSABLE_ENTITY);
        browser.signs_in("tom").await;
        let foreign = browser.posts("/settings/quarantine/release", &[("one", &ids[1])]).await;
        assert_eq!(foreign.status, StatusCode::NOT_FOUND);
        assert_eq!(browser.stage.lines().await[1].fate, Fate::Quarantined);
    }

    async fn a_failed_mail_is_read_again_by_hand(db: Db) {
        let browser = Browser::new(db).await;
        let stage = &browser.stage;
        std::fs::remove_dir_all(&stage.folder).unwrap();
        std::fs::write(&stage.folder, "not a folder").unwrap();
        stage.piped(mail_with_file("f1")).await;
        for _ in 0..3 {
            stage.reads().await;
            stage.later(Span::minutes(6));
        }
        std::fs::remove_file(&stage.folder).unwrap();
        std::fs::create_dir_all(&stage.folder).unwrap();
        let line = stage.lines().await.remove(0);
        assert_eq!(line.fate, Fate::Failed);
        browser.signs_in("priya").await;
        let path = format!("/settings/mail/{}", line.public_id);
        assert!(browser.gets(&path).await.text().contains("Read it again"));
        assert_eq!(browser.posts(&format!("{path}/retry"), &[]).await.location(), path);
        browser.stage.reads().await;
        assert_eq!(browser.stage.lines().await[0].fate, Fate::Ticketed);
        let twice = browser.posts(&format!("{path}/retry"), &[]).await;
        assert_eq!(twice.status, StatusCode::UNPROCESSABLE_ENTITY);
    }

    async fn senders_are_added_forgotten_and_remembered_again(db: Db) {
        let browser = Browser::new(db).await;
        browser.signs_in("mateo").await;
        let wrong = browser.posts("/settings/senders", &[("pattern", "spam.example"), ("rule", "block")]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        browser.posts("/settings/senders", &[("pattern", "@Spam.example"), ("rule", "block")]).await.location();
        browser.posts("/settings/senders", &[("pattern", "a+b@good.example"), ("rule", "allow")]).await.location();
        let rules = async || browser.stage.column::<String>("select pattern from sender_rules order by id").await;
        assert_eq!(rules().await, ["@spam.example", "a+b@good.example"]);
        let page = browser.gets("/settings/senders").await.text();
        assert!(page.contains("@spam.example") && page.contains("Mateo Ruiz"));
        browser.has_script(true);
        let gone = browser.posts("/settings/senders/delete", &[("pattern", "a+b@good.example")]).await;
        assert_eq!(rules().await, ["@spam.example"]);
        let undo = gone.header("hx-trigger").split("\"undo\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        browser.posts(&undo, &[]).await;
        assert_eq!(rules().await, ["@spam.example", "a+b@good.example"]);
        let kinds: Vec<String> = browser.stage.column("select verdict from sender_rules order by id").await;
        assert_eq!(kinds, ["block", "allow"]);
    }

    async fn outgoing_mail_is_listed_sent_again_and_discarded(db: Db) {
        let browser = Browser::new(db).await;
        browser.stage.comes(mail("q1", "Where is it?", "The download")).await;
        browser.signs_in("priya").await;
        let page = browser.gets("/settings/outgoing").await.text();
        assert!(page.contains("dana@example.com") && page.contains("Acknowledgement"));
        let ids: Vec<i64> = browser.stage.column("select id from deliveries").await;
        let id = ids[0];
        let mut tx = browser.stage.db.begin().await.unwrap();
        tx.execute("update deliveries set state = 'failed', fault = 'no such user'", params![]).await.unwrap();
        let dead = "kim@gone.example".parse().unwrap();
        outbox::suppress(&mut tx, &dead, "user unknown", browser.stage.now()).await.unwrap();
        tx.commit().await.unwrap();
        let page = browser.gets("/settings/outgoing?show=failed").await.text();
        assert!(page.contains("no such user"));
        let state = async || browser.stage.column::<String>("select state from deliveries").await;
        browser.posts(&format!("/settings/outgoing/{id}/retry"), &[]).await.location();
        assert_eq!(state().await, ["queued"]);
        let again = browser.posts(&format!("/settings/outgoing/{id}/retry"), &[]).await;
        assert_eq!(again.status, StatusCode::NOT_FOUND, "it did not fail any more");
        let (discard, lift) = (format!("/settings/outgoing/{id}/discard"), "/settings/outgoing/suppressions/delete");
        let address = [("address", "kim@gone.example")];
        assert_eq!(browser.posts(lift, &address).await.status, StatusCode::FORBIDDEN);

        browser.signs_in("tom").await;
        assert!(!browser.gets("/settings/outgoing").await.text().contains("dana@example.com"));
        assert_eq!(browser.posts(&discard, &[]).await.status, StatusCode::NOT_FOUND);
        browser.signs_in("mateo").await;
        browser.posts(&discard, &[]).await.location();
        assert_eq!(state().await, ["discarded"]);
        assert!(browser.gets("/settings/outgoing?show=dead").await.text().contains("user unknown"));
        browser.posts(lift, &address).await.location();
        assert_eq!(browser.stage.count("select count(*) from suppressions").await, 0);
    }
}
