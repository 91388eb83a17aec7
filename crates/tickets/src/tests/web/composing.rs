use axum::http::Method;
use database::on_both;
use kernel::{Span, TicketId};

use super::browser::{Browser, Page, Shop};
use crate::State;
use crate::actions::Incoming;
use crate::store::taxonomy::{self, FieldKind, NewField};

/// What the composer of an open ticket sends along by itself.
async fn opened(browser: &Browser, id: TicketId) -> (String, String) {
    let page = browser.get(&format!("/t/{id}")).await.is(200);
    (page.field("last_entry"), page.field("key"))
}

async fn sends(browser: &Browser, id: TicketId, fields: &[(&str, &str)]) -> Page {
    browser.upload(&format!("/t/{id}/messages?in=mine"), fields, &[]).await
}

async fn require_order_number(shop: &Shop) {
    let mut tx = shop.db.begin().await.unwrap();
    let field = NewField {
        key: "order",
        label: "Order number",
        kind: FieldKind::Text,
        choices: &[],
        required_to_resolve: true,
    };
    taxonomy::add_field(&mut tx, &field).await.unwrap();
    tx.commit().await.unwrap();
}

on_both! {
    async fn a_person_writes_and_searches_only_so_often(db: Db) {
        let shop = Shop::new(db).await;
        shop.desk.accounts.lend_pace(accounts::PersonPace::new(12));
        let id = shop.dana_writes().await;
        let priya = shop.priya_browses().await;
        let path = format!("/t/{id}/messages");
        let writes = async |browser: &Browser, mode: &str, text: &str| {
            browser.upload(&path, &[("mode", mode), (mode, text), ("key", text)], &[]).await
        };
        for text in ["one", "two"] {
            writes(&priya, "reply", text).await.is(303);
        }
        let page = writes(&priya, "reply", "three").await.is(429);
        page.says("Slow down a little");
        assert!((1..=61).contains(&page.header("retry-after").parse().unwrap()));
        let sent = "select count(*) from messages where author = 'agent'";
        assert_eq!(shop.count(sent).await, 2);
        // A note goes to nobody, and others are not concerned.
        writes(&priya, "note", "four").await.is(303);
        writes(&shop.mateo().await, "reply", "five").await.is(303);
        for _ in 0..2 {
            priya.get("/search?q=money").await.is(200);
        }
        for path in ["/search?q=money", "/palette?q=money", "/inbox/all?q=money"] {
            priya.get(path).await.is(429);
        }
        priya.get("/search").await.is(200);
        priya.get("/inbox/all").await.is(200);
        shop.later(Span::minutes(1));
        writes(&priya, "reply", "six").await.is(303);
        priya.get("/search?q=money").await.is(200);
    }

    async fn an_answer_goes_to_whom_it_names(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        shop.leaves().await;
        let here = shop.priya_browses().await.at(&format!("/t/{id}?in=mine"));
        let (last_entry, key) = opened(&shop.priya_browses().await, id).await;
        let page = sends(&here, id, &[
            ("mode", "reply"),
            ("reply", "On its **way**."),
            ("reply_to", "Dana <dana@example.com>"),
            ("reply_cc", "boss@example.com; second@example.com"),
            ("last_entry", &last_entry),
            ("key", &key),
        ])
        .await
        .is(200);
        assert_eq!(page.toast(), "Your reply to Dana leaves in 10 seconds");
        page.undo();
        assert_eq!(page.event("composer:sent").unwrap()["ref"], id.to_string());
        assert!(page.event("ticket:leave").is_none());
        assert!(page.places().contains(&"#entries beforeend".to_owned()));
        page.says("<strong>way</strong>");
        assert_ne!(page.field("key"), key, "the next message has a key of its own");
        assert!(shop.leaves().await.is_empty(), "not before it can no longer be taken back");
        shop.later(Span::seconds(11));
        let sent = shop.leaves().await;
        let to: Vec<String> =
            sent[0].letter.recipients.everyone().map(|one| one.address.to_string()).collect();
        assert_eq!(to, ["dana@example.com", "boss@example.com", "second@example.com"]);
        assert_eq!(shop.ticket(id).await.state, State::WaitingCustomer);
    }

    async fn taking_an_answer_back_gives_everything_back(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let priya = shop.priya_browses().await;
        let here = priya.at(&format!("/t/{id}?in=mine"));
        let chip = here
            .upload(&format!("/t/{id}/files"), &[("mode", "reply")], &[("plan.pdf", b"%PDF-1.4")])
            .await
            .is(200);
        let file = chip.field("reply_file");
        let page = sends(&here, id, &[
            ("mode", "reply"),
            ("reply", "Too early"),
            ("reply_to", "other@example.com"),
            ("reply_file", &file),
        ])
        .await;
        let undo = page.is(200).undo();
        let page = priya.get(&format!("/t/{id}")).await;
        page.says(&format!("/files/{file}"));
        assert!(!page.between("id=\"text-reply\"", "</textarea>").contains("Too early"));
        assert_ne!(page.field("reply_to"), "other@example.com");

        let page = here.post(&undo, &[]).await.is(200);
        assert_eq!(page.toast(), "Taken back");
        assert!(page.places().contains(&"#composer outerHTML".to_owned()));
        for text in ["Too early", "plan.pdf", "other@example.com"] {
            page.says(text);
        }
        let page = priya.get(&format!("/t/{id}")).await;
        assert!(page.between("id=\"text-reply\"", "</textarea>").contains("Too early"));
        assert_eq!(page.field("reply_to"), "other@example.com");
        assert_eq!(page.field("reply_file"), file);
        assert_eq!(shop.messages(id).await.len(), 1);
        assert_eq!(shop.ticket(id).await.state, State::New);
        here.post(&undo, &[]).await.is(422);
        shop.later(Span::minutes(1));
        assert!(shop.leaves().await.iter().all(|one| !one.letter.text.contains("Too early")));

        // What came without scripts comes back, too, and from another page one is led there.
        let sent = priya.upload(
            &format!("/t/{id}/messages"),
            &[("mode", "reply"), ("reply", "Again"), ("reply_file", &file)],
            &[("more.txt", b"more")],
        ).await;
        assert_eq!(sent.location(), format!("/t/{id}"));
        let undo = &shop.ids("select public_id from undoables order by id desc").await[0];
        let page = priya.at("/inbox/mine").post(&format!("/undo/{undo}?in=mine"), &[]).await;
        assert_eq!(page.is(200).header("hx-redirect"), format!("/t/{id}?in=mine"));
        let page = priya.get(&format!("/t/{id}")).await;
        page.says("plan.pdf");
        page.says("more.txt");

        // Where somebody went on meanwhile, the message is gone all the same.
        let page = sends(&here, id, &[("mode", "reply"), ("reply", "Hasty words")]).await.is(200);
        shop.mateo().await.post(&format!("/t/{id}/change"), &[("priority", "high")]).await.location();
        here.post(&page.undo(), &[]).await.is(200);
        let ticket = shop.ticket(id).await;
        assert_eq!((ticket.message_count, ticket.priority), (1, crate::Priority::High));
        assert_eq!(ticket.snippet, "I would like my money back.");

        // Too late is too late, and somebody else's is not there.
        let page = sends(&here, id, &[("mode", "reply"), ("reply", "For good")]).await.is(200);
        let undo = page.undo();
        shop.mateo().await.at("/inbox/all").post(&undo, &[]).await.is(422);
        shop.later(Span::seconds(11));
        shop.leaves().await;
        let page = here.post(&undo, &[]).await.is(422);
        assert_eq!(page.toast(), "The mail has left already.");
    }

    async fn a_note_stays_inside_and_tells_whom_it_mentions(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        shop.leaves().await;
        let ines = shop.ines().await.at(&format!("/t/{id}"));
        let page = sends(&ines, id, &[("mode", "note"), ("note", "@Mateo please look")]).await;
        let page = page.is(200);
        assert_eq!(page.toast(), "Note added");
        page.says("entry--note");
        page.says("class=\"mention\"");
        shop.mateo().await.get("/notifications").await.says("Ines Costa</b> mentioned you");
        shop.later(Span::hours(1));
        let customers = |one: &outbox::Sending| {
            one.letter.recipients.everyone().any(|to| to.address.as_str() == "dana@example.com")
        };
        assert!(!shop.leaves().await.iter().any(customers));
    }

    async fn a_forward_goes_elsewhere(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        shop.leaves().await;
        let here = shop.priya_browses().await.at(&format!("/t/{id}"));
        let fields = [("mode", "forward"), ("forward", "Please see"), ("forward_to", "")];
        sends(&here, id, &fields).await.is(422).says("Name at least one recipient.");
        let fields = [("mode", "forward"), ("forward", "Please see"), ("forward_to", "desk@bank.example")];
        let page = sends(&here, id, &fields).await.is(200);
        assert_eq!(page.toast(), "The message leaves in 10 seconds");
        page.says("forwarded to desk@bank.example");
        shop.later(Span::seconds(11));
        assert_eq!(shop.leaves().await[0].letter.recipients.to[0].address.as_str(), "desk@bank.example");
        assert_eq!(shop.ticket(id).await.state, State::New);
    }

    async fn what_cannot_be_sent_is_said_under_the_text(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let priya = shop.priya_browses().await;
        let here = priya.at(&format!("/t/{id}"));
        let gone = "01930000-0000-7000-8000-000000000000";
        for (fields, sentence) in [
            (&[("mode", "reply"), ("reply", "  ")][..], "Write something before you send."),
            (&[("mode", "note"), ("note", "")], "Write something before you save the note."),
            (&[("mode", "reply"), ("reply", "x"), ("reply_cc", "nobody")],
                "“nobody” is not an email address."),
            (&[("mode", "reply"), ("reply", "x"), ("reply_to", "support+a@northlight.example")],
                "“support+a@northlight.example” is one of our own inboxes"),
            (&[("mode", "reply"), ("reply", ""), ("reply_file", gone)],
                "A file is no longer there; attach it again."),
            (&[("mode", "note"), ("note", ""), ("note_file", gone)],
                "A file is no longer there; attach it again."),
        ] {
            let page = sends(&here, id, fields).await.is(422);
            assert_eq!(page.places(), ["#composer-error innerHTML"]);
            page.says(sentence);
            // Without scripts the page comes back, with the text.
            let page = sends(&priya, id, fields).await.is(422);
            assert!(page.is_whole());
            page.says(sentence);
        }
        sends(&here, id, &[("mode", "shout"), ("reply", "x")]).await.is(400);
        assert_eq!(shop.messages(id).await.len(), 1);

        let large = vec![b'x'; 25 * 1024 * 1024 + 1];
        let fields = [("mode", "reply"), ("reply", "See the file")];
        let page = priya.upload(&format!("/t/{id}/messages"), &fields, &[("a.bin", &large)]).await;
        page.is(422).says("“a.bin” is larger than 25 MB.");
        let page = here.upload(&format!("/t/{id}/files"), &[("mode", "reply")], &[("a.bin", &large)]).await;
        page.is(422).says("is larger than 25 MB");
        let page = priya.get(&format!("/t/{id}")).await;
        assert!(page.between("id=\"text-reply\"", "</textarea>").contains("See the file"));
    }

    async fn who_writes_past_a_new_message_is_told(db: Db) {
        let shop = Shop::new(db).await;
        let first = shop.mail("Question", "How?");
        let id = shop.comes(&first).await.ticket;
        let priya = shop.priya_browses().await;
        let (last_entry, key) = opened(&priya, id).await;
        shop.later(Span::minutes(1));
        let more = Incoming {
            references: vec![first.mail_id.clone().unwrap()],
            ..shop.mail("Re", "Never mind, found it.")
        };
        shop.comes(&more).await;
        let fields = [
            ("mode", "reply"),
            ("reply", "Have you tried…"),
            ("last_entry", last_entry.as_str()),
            ("key", key.as_str()),
        ];
        let page = sends(&priya.at(&format!("/t/{id}")), id, &fields).await.is(409);
        page.says("Never mind, found it.");
        page.says("<b>Dana Whitfield</b> wrote again while you were typing");
        let places = page.places();
        assert_eq!(places, ["#entries beforeend", "#collision innerHTML", "#last-entry outerHTML"]);
        assert_eq!(shop.messages(id).await.len(), 2);
        let newest = page.field("last_entry");

        let page = sends(&priya, id, &fields).await.is(409);
        assert!(page.is_whole());
        page.says("There is a newer message; read it, then send.");
        page.says("Have you tried…");
        assert_eq!(page.field("last_entry"), newest);

        let fields = [fields[0], fields[1], ("last_entry", &newest), fields[3]];
        sends(&priya.at(&format!("/t/{id}")), id, &fields).await.is(200);
        assert_eq!(shop.messages(id).await.len(), 3);
    }

    async fn one_key_sends_once(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let priya = shop.priya_browses().await;
        let (_, key) = opened(&priya, id).await;
        let fields = [("mode", "reply"), ("reply", "Once"), ("key", key.as_str())];
        let here = priya.at(&format!("/t/{id}"));
        sends(&here, id, &fields).await.is(200);
        let again = sends(&here, id, &fields).await.is(200);
        assert_eq!(again.header("hx-redirect"), format!("/t/{id}?in=mine"));
        assert_eq!(sends(&priya, id, &fields).await.location(), format!("/t/{id}?in=mine"));
        assert_eq!(shop.messages(id).await.len(), 2);
        assert_eq!(shop.count("select count(*) from deliveries where kind = 'reply'").await, 1);
    }

    async fn sending_can_resolve_and_leave(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let here = shop.priya_browses().await.at(&format!("/t/{id}"));
        let fields = [("mode", "reply"), ("reply", "Done"), ("then", "resolve")];
        let page = sends(&here, id, &fields).await.is(200);
        assert_eq!(page.event("ticket:leave").unwrap()["next"], true);
        assert_eq!(shop.ticket(id).await.state, State::Resolved);
        let page = here.post(&page.undo(), &[]).await.is(200);
        page.says("Done");
        assert_eq!(shop.ticket(id).await.state, State::New);
        let fields = [("mode", "reply"), ("reply", "Soon"), ("then", "open")];
        sends(&here, id, &fields).await.is(200);
        assert_eq!(shop.ticket(id).await.state, State::Open);
    }

    async fn a_field_that_is_needed_is_asked_for_before_anything_leaves(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        require_order_number(&shop).await;
        let priya = shop.priya_browses().await;
        let here = priya.at(&format!("/t/{id}"));
        let sentence = "Fill in “Order number” before you resolve the ticket.";
        let fields = [("mode", "reply"), ("reply", "Done, bye"), ("then", "resolve")];
        let page = sends(&here, id, &fields).await.is(422);
        assert_eq!(page.places(), ["#composer-error innerHTML"]);
        page.says(sentence);
        let page = sends(&priya, id, &fields).await.is(422);
        page.says(sentence);
        assert!(page.between("id=\"text-reply\"", "</textarea>").contains("Done, bye"));
        let page = here.post(&format!("/t/{id}/change"), &[("state", "resolve")]).await.is(422);
        assert_eq!(page.toast(), sentence);
        assert_eq!((shop.ticket(id).await.state, shop.messages(id).await.len()), (State::New, 1));
        let page = priya.upload("/t/new", &[
            ("inbox", &shop.cast.support.to_string()),
            ("to", "leo@example.net"),
            ("subject", "Hello"),
            ("text", "Hi"),
            ("then", "resolve"),
            ("key", "k"),
        ], &[]).await;
        page.is(422).says(sentence);
        let field = shop.texts("select key from fields").await;
        assert_eq!(field, ["order"]);
        let fields: Vec<i64> = {
            let conn = shop.db.read().await.unwrap();
            conn.column("select id from fields", vec![]).await.unwrap()
        };
        let name = format!("field-{}", fields[0]);
        here.post(&format!("/t/{id}/details"), &[(&name, "A-17")]).await.is(200);
        let fields = [("mode", "reply"), ("reply", "Done, bye"), ("then", "resolve")];
        sends(&here, id, &fields).await.is(200);
        assert_eq!(shop.ticket(id).await.state, State::Resolved);
    }

    async fn who_may_only_note_writes_to_nobody_by_any_trick(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        shop.leaves().await;
        let ines = shop.ines().await;
        for fields in [
            &[("mode", "reply"), ("reply", "Hi")][..],
            &[("mode", "forward"), ("forward", "Hi"), ("forward_to", "a@b.example")],
            &[("mode", "reply"), ("mode", "note"), ("reply", "Hi"), ("note", "Hi")],
        ] {
            sends(&ines, id, fields).await.is(403);
            ines.post(&format!("/t/{id}/messages"), fields).await.is(403);
        }
        for mode in ["Reply", "REPLY", "reply ", ""] {
            sends(&ines, id, &[("mode", mode), ("reply", "Hi")]).await.is(400);
        }
        let note = [("mode", "note"), ("mode", "reply"), ("note", "Hi"), ("reply", "Hello Dana"),
            ("reply_to", "a@b.example"), ("then", "resolve")];
        sends(&ines, id, &note).await.location();
        for mode in ["reply", "forward"] {
            let draft = [("mode", mode), ("text", "Hi")];
            ines.form(Method::PUT, &format!("/t/{id}/draft"), &draft).await.is(403);
            ines.upload(&format!("/t/{id}/files"), &[("mode", mode)], &[("a", b"b")]).await.is(403);
        }
        shop.later(Span::hours(1));
        assert!(shop.leaves().await.is_empty());
        assert_eq!((shop.ticket(id).await.state, shop.messages(id).await.len()), (State::New, 1));
    }

    async fn drafts_are_kept_for_their_writer_alone(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let (priya, mateo) = (shop.priya_browses().await, shop.mateo().await);
        let draft = format!("/t/{id}/draft");
        let typed = [("mode", "reply"), ("text", "Dear Dana"), ("to", "x@example.com"), ("cc", "half@")];
        priya.at(&format!("/t/{id}")).form(Method::PUT, &draft, &typed).await.is(204);
        let page = priya.get(&format!("/t/{id}")).await;
        assert!(page.between("id=\"text-reply\"", "</textarea>").contains("Dear Dana"));
        assert_eq!(page.field("reply_to"), "x@example.com");
        priya.get("/inbox/all").await.says("Dear Dana");
        mateo.get(&format!("/t/{id}")).await.hides("Dear Dana");
        mateo.get("/inbox/all").await.hides("Dear Dana");
        priya.form(Method::PUT, &draft, &[("mode", "reply"), ("text", "  ")]).await.is(204);
        priya.get("/inbox/all").await.hides("Draft</span>");
        assert_eq!(shop.count("select count(*) from drafts").await, 0);
        priya.form(Method::PUT, &draft, &[("mode", "note"), ("text", "hm")]).await.is(204);
        sends(&priya, id, &[("mode", "note"), ("note", "hm")]).await.location();
        assert_eq!(shop.count("select count(*) from drafts").await, 0);
        priya.form(Method::PUT, &draft, &[("mode", "x"), ("text", "hm")]).await.is(400);
        priya.form(Method::PUT, &draft, &[("mode", "note")]).await.is(400);
    }

    async fn files_belong_to_whom_they_wait_for(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let (priya, mateo) = (shop.priya_browses().await, shop.mateo().await);
        let files = format!("/t/{id}/files");
        let html = b"<script>alert(1)</script>";
        let chip = priya.upload(&files, &[("mode", "reply")], &[("../evil\".html", html)]).await;
        let file = chip.is(200).field("reply_file");
        let page = priya.get(&format!("/files/{file}")).await.is(200);
        for (name, value) in [
            ("content-type", "application/octet-stream"),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'; sandbox"),
            ("cache-control", "private, no-store"),
        ] {
            assert_eq!(page.header(name), value);
        }
        assert!(page.header("content-disposition").starts_with("attachment; filename=\""));
        assert!(!page.header("content-disposition").contains(".."));
        mateo.get(&format!("/files/{file}")).await.is(404);
        mateo.delete(&format!("/t/{id}/files/{file}")).await.is(200);
        priya.get(&format!("/files/{file}")).await.is(200);
        sends(&mateo, id, &[("mode", "reply"), ("reply", "x"), ("reply_file", &file)]).await.is(422);
        mateo.get(&format!("/t/{id}")).await.hides(&file);
        priya.get(&format!("/t/{id}")).await.says(&file);
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01";
        let chip = priya.upload(&files, &[("mode", "note")], &[("a.png", png)]).await.is(200);
        let picture = chip.field("note_file");
        let page = priya.get(&format!("/files/{picture}")).await;
        assert_eq!(page.header("content-type"), "image/png");
        assert!(page.header("content-disposition").starts_with("inline"));
        sends(&priya, id, &[("mode", "reply"), ("reply", "x"), ("reply_file", &file)]).await.location();
        mateo.get(&format!("/files/{file}")).await.is(200);
        priya.delete(&format!("/t/{id}/files/{file}")).await.is(200);
        mateo.get(&format!("/files/{file}")).await.is(200);
        priya.delete(&format!("/t/{id}/files/{picture}")).await.is(200);
        priya.get(&format!("/files/{picture}")).await.is(404);
        priya.upload(&files, &[("mode", "x")], &[("a", b"b")]).await.is(400);
    }

    async fn saved_replies_come_filled(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let priya = shop.priya_browses().await;
        for (title, text) in [("Refund", "Hi {{first_name}}, about {{reference}}."), ("Bye", "See you")] {
            priya.post("/settings/replies", &[("title", title), ("text", text)]).await.location();
        }
        let here = priya.at(&format!("/t/{id}"));
        let page = here.get(&format!("/t/{id}/saved-replies?q=ref")).await.is(200);
        page.says(&format!("Hi Dana, about {id}."));
        page.hides("See you");
        here.get(&format!("/t/{id}/saved-replies?q=see")).await.says("See you");
        let reply = &shop.ids("select public_id from saved_replies where title = 'Refund'").await[0];
        here.post(&format!("/t/{id}/saved-replies/{reply}"), &[]).await.is(204);
        assert_eq!(shop.count("select max(used_count) from saved_replies").await, 1);
        let mateo = shop.mateo().await.at(&format!("/t/{id}"));
        mateo.get(&format!("/t/{id}/saved-replies?q=")).await.hides("See you");
        mateo.post(&format!("/t/{id}/saved-replies/{reply}"), &[]).await.is(404);
    }

    async fn a_new_ticket_can_be_taken_back_before_it_leaves(db: Db) {
        let shop = Shop::new(db).await;
        let priya = shop.priya_browses().await;
        let inbox = shop.cast.support.to_string();
        let here = priya.at("/t/new");
        let typed = [
            ("mode", "new"),
            ("inbox", inbox.as_str()),
            ("to", "Leo <leo@example.net>, unfinis"),
            ("cc", ""),
            ("bcc", ""),
            ("subject", "Your course"),
            ("text", "It begins on"),
        ];
        here.form(Method::PUT, "/t/new/draft", &typed).await.is(204);
        let chip = here.upload("/t/new/files", &[("mode", "new")], &[("plan.pdf", b"%PDF-1.4")]).await.is(200);
        let file = chip.field("new_file");
        let page = priya.get("/t/new").await.is(200);
        assert_eq!(page.field("subject"), "Your course");
        assert_eq!(page.field("new_file"), file);
        page.says("It begins on");
        page.says("unfinis");
        let key = page.field("key");

        let fields = [
            ("mode", "new"),
            ("inbox", inbox.as_str()),
            ("to", "Leo <leo@example.net>"),
            ("subject", "Your course"),
            ("text", "It begins on Monday."),
            ("key", key.as_str()),
            ("new_file", file.as_str()),
        ];
        let wrong = fields.map(|(name, value)| (name, if name == "to" { "leo" } else { value }));
        let page = here.upload("/t/new", &wrong, &[]).await.is(422);
        assert_eq!(page.places(), ["#new-ticket outerHTML"]);
        page.says("“leo” is not an email address.");
        let page = here.upload("/t/new", &fields, &[]).await.is(200);
        assert_eq!(page.event("composer:sent").unwrap()["ref"], "new");
        let place = page.header("hx-redirect").to_owned();
        let page = priya.get(&place).await.is(200);
        page.says("It begins on Monday.");
        page.says("plan.pdf");
        page.says("Your reply to Leo leaves in 10 seconds");
        let undo = page.after("data-undo=\"").0.split('"').next().unwrap().to_owned();
        assert_eq!(priya.get("/t/new").await.field("subject"), "", "nothing is left of it");

        let ticket = place.split('?').next().unwrap().to_owned();
        let page = priya.at(&ticket).post(&undo, &[]).await.is(200);
        assert_eq!((page.toast(), page.header("hx-redirect")), ("Taken back".to_owned(), "/t/new"));
        assert_eq!(shop.count("select count(*) from tickets").await, 0);
        priya.get(&ticket).await.is(404);
        let page = priya.get("/t/new").await.is(200);
        assert_eq!(page.field("subject"), "Your course");
        assert_eq!(page.field("to"), "Leo &lt;leo@example.net&gt;");
        assert_eq!(page.field("new_file"), file);
        page.says("It begins on Monday.");
        shop.later(Span::minutes(1));
        assert!(shop.leaves().await.is_empty(), "the mail has not left");

        // Once it left it is too late.
        let again = fields.map(|(name, value)| (name, if name == "key" { "k2" } else { value }));
        let place = here.upload("/t/new", &again, &[]).await.is(200).header("hx-redirect").to_owned();
        let page = priya.get(&place).await.is(200);
        let undo = page.after("data-undo=\"").0.split('"').next().unwrap().to_owned();
        shop.later(Span::seconds(11));
        assert_eq!(shop.leaves().await.len(), 1);
        priya.get(&place).await.hides("data-undo=");
        here.post(&undo, &[]).await.is(422);
        assert_eq!(shop.count("select count(*) from tickets").await, 1);
    }

    async fn saved_replies_are_at_hand_for_a_new_ticket(db: Db) {
        let shop = Shop::new(db).await;
        let priya = shop.priya_browses().await;
        let reply = [("title", "Hello"), ("text", "Hello {{first_name}}, from {{agent}}")];
        priya.post("/settings/replies", &reply).await;
        let found = priya.get("/t/new/saved-replies?q=hel&to=Leo%20Lima%20%3Cleo@example.net%3E").await;
        found.is(200).says("Hello Leo, from Priya Nair");
    }

    async fn a_ticket_begins_with_us(db: Db) {
        let shop = Shop::new(db).await;
        let priya = shop.priya_browses().await;
        let page = priya.get("/t/new?to=leo@example.net").await.is(200);
        assert_eq!(page.field("to"), "leo@example.net");
        let key = page.field("key");
        let inbox = shop.cast.support.to_string();
        let good = [
            ("inbox", inbox.as_str()),
            ("to", "Leo <leo@example.net>"),
            ("subject", "Your course"),
            ("text", "It begins on Monday."),
            ("bcc", "books@example.org"),
            ("key", key.as_str()),
        ];
        for (field, value, sentence) in [
            ("to", "", "Enter one address"),
            ("to", "leo", "“leo” is not an email address."),
            ("to", "a@b.example, c@d.example", "Enter one address"),
            ("to", "billing@northlight.example", "is one of our own inboxes"),
            ("bcc", "books", "“books” is not an email address."),
            ("subject", " ", "Enter a subject."),
            ("text", "", "Write something before you send."),
            ("inbox", "999", "Choose an inbox that you see."),
            ("inbox", "x", "Choose an inbox."),
        ] {
            let bad = good.map(|(name, old)| (name, if name == field { value } else { old }));
            let page = priya.upload("/t/new", &bad, &[]).await.is(422);
            page.says(sentence);
            if field != "subject" {
                assert_eq!(page.field("subject"), "Your course", "what was typed is still there");
            }
        }
        let tom = shop.tom().await;
        tom.get("/t/new").await.hides("support@northlight.example");
        tom.upload("/t/new", &good, &[]).await.is(422).says("Choose an inbox that you see.");
        assert_eq!(shop.count("select count(*) from tickets").await, 0);

        let page = priya.upload("/t/new", &good, &[("plan.txt", b"the plan")]).await;
        let place = page.location().to_owned();
        let page = priya.upload("/t/new", &good, &[]).await;
        assert_eq!(page.location(), place, "sent once");
        let other = good.map(|(name, old)| (name, if name == "text" { "Else" } else { old }));
        priya.upload("/t/new", &other, &[]).await.is(409);
        let page = priya.get(&place).await.is(200);
        page.says("It begins on Monday.");
        page.says("plan.txt");
        assert_eq!(shop.count("select count(*) from tickets").await, 1);
    }
}
