//! What people do with mail on its pages: look at it, decide, send again.

use axum::http::StatusCode;
use database::{on_both, params};
use kernel::Span;

use super::browser::Browser;
use super::stage::{mail, mail_from, mail_with_file};
use crate::actions::UNDO_FOR;
use crate::ledger::Fate;

on_both! {
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
        let noted = "select act from audit_entries where act like 'sender.%'";
        let conn = browser.stage.db.read().await.unwrap();
        let noted: Vec<String> = conn.column(noted, vec![]).await.unwrap();
        drop(conn);
        assert_eq!(noted, ["sender.unblocked"], "what is remembered of a sender is in the trail");
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
        let dead = browser.gets("/settings/outgoing?show=dead").await.text();
        assert!(!dead.contains("kim@gone.example"), "an address of no inbox that he sees");
        assert_eq!(browser.posts(&discard, &[]).await.status, StatusCode::NOT_FOUND);
        browser.signs_in("mateo").await;
        browser.posts(&discard, &[]).await.location();
        assert_eq!(state().await, ["discarded"]);
        assert!(browser.gets("/settings/outgoing?show=dead").await.text().contains("user unknown"));
        browser.posts(lift, &address).await.location();
        assert_eq!(browser.stage.count("select count(*) from suppressions").await, 0);
    }
}
