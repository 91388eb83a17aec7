//! Mail that comes in: through Dovecot, through LMTP, through a pipe.

use tokio::net::TcpStream;

use crate::world::dovecot::speak;
use crate::world::{Letter, World, eventually, mail, on_both};

on_both! {
    async fn a_mail_in_dovecot_becomes_a_ticket_and_is_acknowledged_once(world: World) {
        let shop = world.shop().await;
        world.dana_writes("one", "The download is broken", "It stops at half.", "").await;
        let ticket = world.tickets(&shop, 1).await.remove(0);
        assert_eq!(ticket["subject"], "The download is broken");
        assert_eq!(ticket["channel"], "email");
        assert_eq!(ticket["customer"]["email"], world.dana().as_str());
        let reference = ticket["reference"].as_str().unwrap();

        let letter = world.dana_got(1).await.remove(0);
        assert_eq!(letter.from, "<>", "no robot answers it");
        assert_eq!(letter.field("in-reply-to"), format!("<{}>", world.mail_id("one")));
        assert_eq!(letter.field("references"), format!("<{}>", world.mail_id("one")));
        assert_eq!(letter.field("auto-submitted"), "auto-replied");
        assert_eq!(letter.field("x-auto-response-suppress"), "All");
        assert!(letter.field("from").contains(&world.support()), "{}", letter.field("from"));
        assert!(letter.field("reply-to").contains("support+"), "{}", letter.field("reply-to"));
        assert!(letter.field("subject").contains(reference), "{}", letter.field("subject"));
        assert!(letter.text().contains("/help/link/"), "{}", letter.text());
        assert!(letter.html().contains("/help/link/"));

        // The same mail again, and another one right after it: the server waits for both (IDLE).
        world.dana_writes("one", "The download is broken", "It stops at half.", "").await;
        world.dana_writes("two", "Another thing", "May I have an invoice?", "").await;
        let tickets = world.tickets(&shop, 2).await;
        assert_eq!(tickets.len(), 2, "the same mail is not a second ticket");
        assert_eq!(tickets[0]["subject"], "Another thing");
        // Nobody verified this address: it gets one automatic mail a day.
        assert_eq!(world.dana_got(1).await.len(), 1);
        let came = world.came(&shop, reference, 1).await;
        assert_eq!(came.len(), 1);
        assert_eq!(came[0]["text"], "It stops at half.");
    }

    async fn a_mail_server_hands_mail_over(world: World) {
        let shop = world.shop().await;
        let (from, to) = (world.dana(), world.support());
        let id = world.mail_id("l1");
        let letter = Letter {
            from: &from,
            to: &to,
            id: &id,
            subject: "By LMTP",
            text: "Hello.\n.A line with a dot\n..and with two",
            fields: "",
        };
        let door = world.settings.lmtp.unwrap();
        let stream = TcpStream::connect(door).await.unwrap();
        speak(stream, &from, &to, &mail(&letter), "250").await;
        let ticket = world.tickets(&shop, 1).await.remove(0);
        assert_eq!(ticket["subject"], "By LMTP");
        let came = world.came(&shop, ticket["id"].as_str().unwrap(), 1).await;
        assert_eq!(came[0]["text"], "Hello.\n.A line with a dot\n..and with two");
    }

    async fn a_full_disk_is_named_and_mail_comes_once_there_is_room(world: World) {
        if world.is_sqlite() {
            let shop = world.shop().await;
            let (from, to, id) = (world.dana(), world.support(), world.mail_id("f1"));
            let text = "It is a long story. ".repeat(9_000);
            let long = mail(&Letter { from: &from, to: &to, id: &id, subject: "Long", text: &text, fields: "" });
            let door = world.settings.lmtp.unwrap();
            world.fills_the_disk().await;
            let stream = TcpStream::connect(door).await.unwrap();
            speak(stream, &from, &to, &long, "452").await;
            world.makes_room().await;
            let stream = TcpStream::connect(door).await.unwrap();
            speak(stream, &from, &to, &long, "250").await;
            world.tickets(&shop, 1).await;
            world.fills_the_disk().await;
            let body = serde_json::json!({"customer": {"email": from}, "subject": "Long", "text": text});
            let ask = || shop.web.request(reqwest::Method::POST, "/api/v1/tickets").bearer_auth(&shop.token).json(&body);
            let full = shop.web.send(ask()).await;
            assert!(full.status == 507 && full.body.contains("disk"), "{}", full.body);
            world.makes_room().await;
            assert_eq!(shop.web.send(ask()).await.status, 201);
        }
    }

    async fn a_mail_comes_through_a_pipe_with_or_without_a_running_server(world: World) {
        let shop = world.shop().await;
        let (from, support) = (world.dana(), world.support());
        let written = |id: &str| {
            let id = world.mail_id(id);
            let (subject, text) = ("Through a pipe", "Hello.");
            mail(&Letter { from: &from, to: &support, id: &id, subject, text, fields: "" })
        };
        let (first, second) = (written("p1"), written("p2"));
        let words = ["mail", "deliver", "--inbox", &support, "--from", &from];
        assert_eq!(world.run(&words, &first), (0, String::new()));
        world.tickets(&shop, 1).await;

        let nobody = ["mail", "deliver", "--inbox", "nobody@elsewhere.example", "--from", &from];
        let (code, said) = world.run(&nobody, &first);
        assert_eq!(code, 65, "{said}");
        // A typing error in the mail server's settings is no reason to send mail back.
        assert_eq!(world.run(&["mail", "deliver", "--inbax", &support], &first).0, 75);

        world.stop().await;
        assert_eq!(world.run(&words, &second), (0, String::new()));
        assert_eq!(world.run(&nobody, &second).0, 65);
        // The database cannot be opened: try again later.
        let database = ["--database-url", "postgres://nobody@127.0.0.1:1/none"];
        let broken = [words.as_slice(), if world.is_sqlite() { &database } else { &[] }].concat();
        if world.is_sqlite() {
            assert_eq!(world.run(&broken, &second).0, 75);
        }
        // Where nothing is, nothing is begun, and no mail is sent back.
        if world.is_sqlite() {
            let nowhere = world.folder.join("nowhere");
            let elsewhere = [words.as_slice(), &["--data", nowhere.to_str().unwrap()]].concat();
            let (code, said) = world.run_with(&elsewhere, &second);
            assert!(code == 75 && said.contains("there is no installation in"), "{said}");
            assert!(!nowhere.exists());
        }
        world.start().await;
        let tickets = world.tickets(&shop, 2).await;
        assert_eq!(tickets.len(), 2);
    }

    async fn what_bounced_is_marked_at_the_message(world: World) {
        let shop = world.shop().await;
        world.dana_writes("b1", "Question", "Where is my order?", "").await;
        let ticket = world.tickets(&shop, 1).await.remove(0);
        let ticket = ticket["id"].as_str().unwrap();
        world.answers(&shop, ticket, "On its way.").await;
        let sent = world.dana_got(2).await.remove(1);
        let page = world.web_shows(&shop, ticket).await;
        assert!(!page.contains("nobody lives here"));

        let report = report(&world.dana(), &sent.field("message-id"));
        let bounces = world.mail_id("bounce");
        let mail = report.replace("BOUNCE", &bounces).replace("SUPPORT", &world.support());
        crate::world::Dovecot::here().takes("", &world.support(), &mail).await;
        eventually("the mark", async || {
            let page = world.web_shows(&shop, ticket).await;
            page.contains("nobody lives here").then_some(())
        })
        .await;
        assert_eq!(world.tickets(&shop, 1).await.len(), 1, "a bounce is no ticket");
        assert_eq!(world.dana_got(2).await.len(), 2, "and is not answered");
    }
}

/// What a mail server says about a mail that it could not deliver.
fn report(to: &str, id: &str) -> String {
    format!(
        "Return-Path: <>\nFrom: MAILER-DAEMON@mta.example (Mail Delivery System)\nTo: SUPPORT\n\
         Subject: Undelivered Mail Returned to Sender\nDate: Tue, 17 Nov 2026 09:05:00 +0000\n\
         Message-ID: <BOUNCE>\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=r\n\n\
         --r\nContent-Type: text/plain\n\nYour mail to {to} came back: nobody lives here.\n\n\
         --r\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mta.example\n\n\
         Final-Recipient: rfc822; {to}\nAction: failed\nStatus: 5.1.1\n\
         Diagnostic-Code: smtp; 550 5.1.1 nobody lives here\n\n\
         --r\nContent-Type: text/rfc822-headers\n\nMessage-ID: {id}\nTo: {to}\n\n--r--\n"
    )
}

impl World {
    /// Lets the database grow no more, until there is room again.
    async fn fills_the_disk(&self) {
        let mut tx = self.program().foundation.db.begin().await.unwrap();
        tx.execute("pragma max_page_count = 1", vec![]).await.unwrap();
    }

    async fn makes_room(&self) {
        let mut tx = self.program().foundation.db.begin().await.unwrap();
        tx.execute("pragma max_page_count = 1073741823", vec![]).await.unwrap();
    }
}
