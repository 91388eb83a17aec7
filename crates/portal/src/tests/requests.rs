use axum::http::StatusCode;
use database::{on_both, params};
use kernel::{PublicId, Span};
use tickets::actions::{Edit, Reply, merge, merge_customers, redact};

use super::stage::Stage;

const GRETA: &str = "greta@example.com";
const DANA: &str = "dana@example.com";

on_both! {
    async fn a_customer_sees_what_was_said_and_nothing_else(db: Db) {
        let stage = Stage::new(db).await;
        let ticket = stage.mail_from(GRETA, "Greta Holm", "My EPUB <b>fails</b>.").await;
        stage.priya_notes(ticket, "NOTE she is difficult").await;
        stage.priya_forwards(ticket, "FORWARD what does the bank say?").await;
        stage.priya_answers(ticket, "Please try **the new file**. <img src=x onerror=alert(1)>").await;
        let other = outbox::Party::new("Printer", "print@partner.example".parse().unwrap());
        let aside = Reply {
            text: "ASIDE to the partner".to_owned(),
            recipients: Some(outbox::Recipients::to(other)),
            ..Reply::default()
        };
        stage.priya_just_answered(ticket, &aside).await;
        let mut stranger = stage.incoming("mallory@evil.example", "Mallory", "STRANGER wants in");
        stranger.tokens.ticket = Some(ticket);
        stage.comes(stranger).await;
        let mut robot = stage.incoming(GRETA, "Greta Holm", "ROBOT I am away");
        (robot.tokens.ticket, robot.is_automatic) = (Some(ticket), true);
        stage.comes(robot).await;
        stage.later(Span::minutes(1));
        let just_sent = Reply { text: "UNDOABLE word".to_owned(), ..Reply::default() };
        stage.priya_just_answered(ticket, &just_sent).await;

        let cookie = stage.sign_in_by_form(GRETA).await;
        let page = stage.get(&format!("/help/requests/{ticket}"), &cookie).await;
        assert!(page.has("My EPUB") && page.has("<strong>the new file</strong>"));
        assert!(page.has(">Priya<") && !page.has("Priya Nair") && page.has("Northlight Studio"));
        for hidden in ["NOTE", "FORWARD", "ASIDE", "STRANGER", "ROBOT", "UNDOABLE", "Mallory"] {
            assert!(!page.has(hidden), "{hidden}");
        }
        assert!(!page.has("<b>fails") && !page.has("<img src=x"), "text stays text");
        stage.later(Span::seconds(11));
        let page = stage.get(&format!("/help/requests/{ticket}"), &cookie).await;
        assert!(page.has("UNDOABLE"), "what can no longer be taken back was said");
    }

    async fn who_was_copied_blindly_stands_on_no_page_of_a_customer(db: Db) {
        let stage = Stage::new(db).await;
        let ticket = stage.mail_from(GRETA, "Greta Holm", "It does not open.").await;
        let party = |name: &str, address: &str| outbox::Party::new(name, address.parse().unwrap());
        let answer = Reply {
            text: "Please try again.".to_owned(),
            recipients: Some(outbox::Recipients {
                to: vec![party("Greta Holm", GRETA)],
                cc: vec![party("Kim", "kim@example.com")],
                bcc: vec![party("Blind Boss", "blind@example.com"), party("Dana", DANA)],
            }),
            ..Reply::default()
        };
        stage.priya_just_answered(ticket, &answer).await;
        stage.later(Span::minutes(1));
        let cookie = stage.sign_in_by_form(GRETA).await;
        let request = format!("/help/requests/{ticket}");
        for path in ["/help/requests", &request] {
            let page = stage.get(path, &cookie).await;
            assert!(page.status == StatusCode::OK, "{path}");
            assert!(!page.body.to_lowercase().contains("blind") && !page.has(DANA), "{path}");
        }
        assert!(stage.get(&request, &cookie).await.has("Please try again."));
        // Being copied opens nothing to those who were.
        stage.mail_from(DANA, "Dana Whitfield", "Mine").await;
        let danas = stage.sign_in(DANA).await;
        assert_eq!(stage.get(&request, &danas).await.status, StatusCode::NOT_FOUND);
    }

    async fn another_customers_request_does_not_exist(db: Db) {
        let stage = Stage::new(db).await;
        let theirs = stage.mail_from(DANA, "Dana Whitfield", "PRIVATE").await;
        stage.later(Span::minutes(1));
        let own = stage.mail_from(GRETA, "Greta Holm", "Mine").await;
        let cookie = stage.sign_in(GRETA).await;
        let absent = stage.get("/help/requests/RC-999999", &cookie).await;
        let foreign = stage.get(&format!("/help/requests/{theirs}"), &cookie).await;
        assert_eq!((absent.status, absent.body.as_str()), (StatusCode::NOT_FOUND, foreign.body.as_str()));
        assert_eq!(foreign.status, StatusCode::NOT_FOUND);
        for act in ["messages", "solved", "reopen"] {
            let path = format!("/help/requests/{theirs}/{act}");
            let page = stage.post(&path, &cookie, &[("text", "Hi"), ("key", "k")]).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{act}");
            let page = stage.post(&path, "", &[("text", "Hi"), ("key", "k")]).await;
            assert_eq!(page.location, "/help/link", "{act}");
        }
        let list = stage.get("/help/requests", &cookie).await;
        assert!(list.has(&own.to_string()) && !list.has(&theirs.to_string()));
        assert_eq!(stage.count("select count(*) from messages").await, 2);
        assert_eq!(stage.get("/help/requests/nonsense", &cookie).await.status, StatusCode::NOT_FOUND);
        // The cookie of somebody who works here opens nothing, and the other way round.
        let agents = cookie.replace("customer=", "session=");
        assert_eq!(stage.get("/help/requests", &agents).await.location, "/help/link");
        assert_eq!(stage.get("/settings/topics", &cookie).await.status, StatusCode::UNAUTHORIZED);
    }

    async fn who_is_copied_sees_nothing_here(db: Db) {
        let stage = Stage::new(db).await;
        let mut mail = stage.incoming(GRETA, "Greta Holm", "Ours together");
        mail.recipients.cc = vec![outbox::Party::new("Dana", DANA.parse().unwrap())];
        let ticket = stage.comes(mail).await;
        stage.later(Span::minutes(1));
        stage.mail_from(DANA, "Dana Whitfield", "My own thing").await;
        let cookie = stage.sign_in(DANA).await;
        let page = stage.get(&format!("/help/requests/{ticket}"), &cookie).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND);
        assert!(!stage.get("/help/requests", &cookie).await.has(&ticket.to_string()));
    }

    async fn an_answer_joins_and_reopens(db: Db) {
        let stage = Stage::new(db).await;
        let ticket = stage.mail_from(GRETA, "Greta Holm", "Help").await;
        let cookie = stage.sign_in(GRETA).await;
        stage.priya_answers(ticket, "Try this.").await;
        let path = format!("/help/requests/{ticket}");
        let page = stage.get(&path, &cookie).await;
        assert!(page.has("Reply to Priya") && page.has("Waiting for you"));
        let key = page.hidden("key");
        let fields = [("key", key.as_str()), ("text", "It still fails. <script>x</script>")];
        let files = [("log\".txt", b"line".as_slice())];
        let done = stage.upload(&format!("{path}/messages"), &cookie, &fields, &files).await;
        assert_eq!(done.location, format!("{path}?notice=sent"), "{}", done.body);
        stage.upload(&format!("{path}/messages"), &cookie, &fields, &files).await;
        assert_eq!(stage.count("select count(*) from messages where channel = 'portal'").await, 1);
        assert_eq!(stage.state(ticket).await, "open");
        let page = stage.get(&done.location, &cookie).await;
        assert!(page.has("Your message is in.") && page.has("It still fails."));
        assert!(!page.has("<script>x"));

        stage.edits(ticket, Edit::Resolve { resolution: None, cause: None }).await;
        let thanks = [("key", "k2"), ("text", "Thanks!")];
        stage.post(&format!("{path}/messages"), &cookie, &thanks).await;
        assert_eq!(stage.state(ticket).await, "resolved", "thanks need no work");
        let more = [("key", "k3"), ("text", "No, it is broken again")];
        stage.post(&format!("{path}/messages"), &cookie, &more).await;
        assert_eq!(stage.state(ticket).await, "open");
        let empty = stage.post(&format!("{path}/messages"), &cookie, &[("key", "k4"), ("text", " ")]).await;
        assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(stage.count("select count(*) from messages where held = (1 = 1)").await, 0);
    }

    async fn solved_and_not_solved(db: Db) {
        let stage = Stage::new(db).await;
        let ticket = stage.mail_from(GRETA, "Greta Holm", "Help").await;
        let cookie = stage.sign_in(GRETA).await;
        let path = format!("/help/requests/{ticket}");
        assert!(stage.get(&path, &cookie).await.has("This is solved"));
        for _ in 0..2 {
            let done = stage.post(&format!("{path}/solved"), &cookie, &[]).await;
            assert_eq!(done.status, StatusCode::SEE_OTHER);
            assert_eq!(stage.state(ticket).await, "resolved");
        }
        let page = stage.get(&path, &cookie).await;
        assert!(page.has("open it again") && !page.has("/solved\""));
        for _ in 0..2 {
            stage.post(&format!("{path}/reopen"), &cookie, &[]).await;
            assert_eq!(stage.state(ticket).await, "open");
        }
        let facts = stage.texts("select kind from events where actor = 'customer' order by id").await;
        assert_eq!(facts, ["created", "resolved", "reopened"]);
        assert_eq!(stage.count("select reopen_count from tickets").await, 1);
        assert_eq!(stage.count("select count(*) from tickets where reply_due_at is not null").await, 1);
    }

    async fn a_closed_request_is_followed_by_a_new_one(db: Db) {
        let stage = Stage::new(db).await;
        let ticket = stage.mail_from(GRETA, "Greta Holm", "Help").await;
        let cookie = stage.sign_in(GRETA).await;
        let mut tx = stage.db.begin().await.unwrap();
        let closed = "update tickets set state = 'closed', resolved_at = created_at where id = $1";
        tx.execute(closed, params![ticket]).await.unwrap();
        tx.commit().await.unwrap();
        let path = format!("/help/requests/{ticket}");
        let page = stage.get(&path, &cookie).await;
        assert!(page.has("Write a follow-up") && !page.has("/reopen"));
        stage.post(&format!("{path}/reopen"), &cookie, &[]).await;
        assert_eq!(stage.state(ticket).await, "closed");
        let fields = [("key", "k"), ("text", "It came back")];
        let done = stage.post(&format!("{path}/messages"), &cookie, &fields).await;
        assert!(done.location.ends_with("?notice=followed") && !done.location.contains(&path));
        assert_eq!(stage.texts("select kind from ticket_links").await, ["follows"]);
        assert_eq!(stage.state(ticket).await, "closed");
        assert!(stage.get(&done.location, &cookie).await.has("It came back"));
    }

    async fn what_was_redacted_is_gone(db: Db) {
        let stage = Stage::new(db).await;
        let mut mail = stage.incoming(GRETA, "Greta Holm", "CARD 4111");
        mail.files.push(stage.stored("card.txt", b"4111").await);
        let ticket = stage.comes(mail).await;
        let cookie = stage.sign_in(GRETA).await;
        let path = format!("/help/requests/{ticket}");
        let page = stage.get(&path, &cookie).await;
        assert!(page.has("CARD 4111") && page.has("card.txt"));
        let (office, actor) = (stage.office().await, stage.cast.actor(stage.cast.priya).await);
        let mut tx = stage.db.begin().await.unwrap();
        let id: PublicId = tx.scalar("select public_id from messages", params![]).await.unwrap();
        redact(&mut tx, &office, &actor, id).await.unwrap();
        tx.commit().await.unwrap();
        let page = stage.get(&path, &cookie).await;
        assert!(page.has("This message was removed.") && !page.has("4111") && !page.has("card.txt"));
    }

    async fn files_are_guarded(db: Db) {
        let stage = Stage::new(db).await;
        let mut mail = stage.incoming(GRETA, "Greta Holm", "See file");
        let name = "évil\";\u{202e}gpj.html";
        mail.files.push(stage.stored(name, b"<script>alert(1)</script>").await);
        let ticket = stage.comes(mail).await;
        let mut stranger = stage.incoming("mallory@evil.example", "Mallory", "Hi");
        stranger.tokens.ticket = Some(ticket);
        stranger.files.push(stage.stored("held.txt", b"HELD").await);
        stage.comes(stranger).await;
        let cookie = stage.sign_in(GRETA).await;
        stage.later(Span::minutes(1));
        stage.mail_from(DANA, "Dana Whitfield", "Other").await;
        let dana = stage.sign_in(DANA).await;
        let ids: Vec<PublicId> = {
            let conn = stage.db.read().await.unwrap();
            conn.column("select public_id from attachments order by id", params![]).await.unwrap()
        };
        let (own, held) = (format!("/help/files/{}", ids[0]), format!("/help/files/{}", ids[1]));
        let file = stage.get(&own, &cookie).await;
        assert_eq!((file.status, file.body.as_str()), (StatusCode::OK, "<script>alert(1)</script>"));
        assert!(file.disposition.starts_with("attachment; filename=\""), "{}", file.disposition);
        assert_eq!(file.disposition.matches('"').count(), 2, "{}", file.disposition);
        for (path, cookie) in [(&held, &cookie), (&own, &dana), (&own, &String::new())] {
            assert_eq!(stage.get(path, cookie).await.status, StatusCode::NOT_FOUND, "{path}");
        }
        assert_eq!(stage.get("/help/files/x", &cookie).await.status, StatusCode::NOT_FOUND);
        // Whoever revokes closes the files as well, at once.
        stage.post("/help/links/revoke", &cookie, &[]).await;
        assert_eq!(stage.get(&own, &cookie).await.status, StatusCode::NOT_FOUND);
    }

    async fn a_merged_request_leads_to_the_one_it_went_into(db: Db) {
        let stage = Stage::new(db).await;
        let first = stage.mail_from(GRETA, "Greta Holm", "One").await;
        let second = stage.mail_from(GRETA, "Greta Holm", "Two").await;
        let theirs = stage.mail_from(DANA, "Dana Whitfield", "Three").await;
        let cookie = stage.sign_in_by_form(GRETA).await;
        let (office, actor) = (stage.office().await, stage.cast.actor(stage.cast.priya).await);
        let mut tx = stage.db.begin().await.unwrap();
        merge(&mut tx, &office, &actor, first, second).await.unwrap();
        tx.commit().await.unwrap();
        let page = stage.get(&format!("/help/requests/{first}"), &cookie).await;
        assert!(page.has("One") && page.has("Two") && page.has(&second.to_string()));
        assert!(!stage.get("/help/requests", &cookie).await.has(&format!("requests/{first}\"")));
        let mut tx = stage.db.begin().await.unwrap();
        merge(&mut tx, &office, &actor, second, theirs).await.unwrap();
        tx.commit().await.unwrap();
        for gone in [first, second, theirs] {
            let page = stage.get(&format!("/help/requests/{gone}"), &cookie).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{gone} is somebody else's now");
        }
    }

    async fn one_person_with_two_addresses_sees_everything(db: Db) {
        let stage = Stage::new(db).await;
        let first = stage.mail_from(GRETA, "Greta Holm", "From work").await;
        let work = stage.sign_in(GRETA).await;
        stage.later(Span::minutes(1));
        let second = stage.mail_from("g@home.example", "Greta", "From home").await;
        let (from, into) = (stage.customer("g@home.example").await, stage.customer(GRETA).await);
        stage.sign_in("g@home.example").await;
        let office = stage.office().await;
        let mut tx = stage.db.begin().await.unwrap();
        merge_customers(&mut tx, &office, from, into).await.unwrap();
        tx.commit().await.unwrap();
        let list = stage.get("/help/requests", &work).await;
        assert!(list.has(&first.to_string()) && list.has(&second.to_string()));
        let home = stage.sign_in_by_form("g@home.example").await;
        assert!(stage.get(&format!("/help/requests/{first}"), &home).await.has("From work"));
        let path = format!("/help/requests/{first}/messages");
        stage.post(&path, &home, &[("key", "k"), ("text", "And more")]).await;
        assert_eq!(stage.count("select count(*) from messages where held = (1 = 1)").await, 0);
        assert!(stage.get(&format!("/help/requests/{first}"), &work).await.has("And more"));
    }

    async fn who_takes_part_is_heard(db: Db) {
        let stage = Stage::new(db).await;
        let mut mail = stage.incoming(GRETA, "Greta Holm", "Ours together");
        mail.recipients.cc = vec![outbox::Party::new("Dana", DANA.parse().unwrap())];
        let ticket = stage.comes(mail).await;
        let mut answer = stage.incoming(DANA, "Dana Whitfield", "I can add something");
        answer.tokens.ticket = Some(ticket);
        stage.comes(answer).await;
        let cookie = stage.sign_in(GRETA).await;
        let page = stage.get(&format!("/help/requests/{ticket}"), &cookie).await;
        assert!(page.has("I can add something") && page.has("Dana Whitfield"));
    }

    async fn the_three_steps_have_dates(db: Db) {
        let stage = Stage::new(db).await;
        let ticket = stage.mail_from(GRETA, "Greta Holm", "Help").await;
        let cookie = stage.sign_in(GRETA).await;
        let path = format!("/help/requests/{ticket}");
        let page = stage.get(&path, &cookie).await;
        assert!(page.has("A person answers by 25 Nov"), "the promise of the acknowledgement");
        assert!(page.has("aria-current=\"step\"><span>Received</span><time class=\"t-xs\" datetime=\"2026-11-24"));
        stage.later(Span::hours(24));
        stage.priya_answers(ticket, "Try this.").await;
        let page = stage.get(&path, &cookie).await;
        assert!(page.has("aria-current=\"step\"><span>Waiting for you</span><time class=\"t-xs\" datetime=\"2026-11-25"));
        stage.later(Span::hours(24));
        stage.post(&format!("{path}/solved"), &cookie, &[]).await;
        let page = stage.get(&path, &cookie).await;
        assert!(page.has("<span>Solved</span><time class=\"t-xs\" datetime=\"2026-11-26"));
        assert!(page.has("<span>We look into it</span><time class=\"t-xs\" datetime=\"2026-11-25"));
    }
}
