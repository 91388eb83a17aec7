//! What the outbox holds leaves once, or says why not.

use std::time::Duration;

use accounts::{SystemLetter, send_system_letter};
use database::{on_both, params};
use kernel::{DeliveryId, EmailAddress, MessageId, Span, TicketId};
use outbox::{Party, Recipients};
use tickets::actions::{Reply, reply};
use tokio_util::sync::CancellationToken;

use super::servers::{Sink, until};
use super::stage::{Stage, mail, mail_from};
use crate::connection::Connection;

/// Another letter like each that is no copy.
const COPY: &str = "insert into deliveries (inbox_id, ticket_id, mail_id, kind, from_name,
        recipients, subject, text, state, send_after, attempts, created_at, give_up_at)
     select inbox_id, ticket_id, mail_id || $1, kind, from_name, recipients, subject, text, state,
        send_after, attempts, created_at, give_up_at
       from deliveries where mail_id not like '%copy%'";

/// The state and the fault of every delivery.
async fn deliveries(stage: &Stage) -> Vec<(String, Option<String>)> {
    let conn = stage.db.read().await.unwrap();
    conn.all("select state, fault from deliveries order by id", params![]).await.unwrap()
}

async fn state_of(stage: &Stage, ticket: TicketId) -> String {
    let conn = stage.db.read().await.unwrap();
    conn.scalar("select state from tickets where id = $1", params![ticket]).await.unwrap()
}

async fn stage_with_sink(db: database::Db) -> (Stage, Sink) {
    let stage = Stage::new(db).await;
    let sink = Sink::new().await;
    let inbox = stage.cast.support;
    let smtp = Some(stage.endpoint(inbox, "smtp", sink.port()));
    let connection = Connection { smtp, plus_addresses: true, ..Connection::default() };
    stage.connects(inbox, &connection).await;
    (stage, sink)
}

async fn dana_is_answered(stage: &Stage) -> (TicketId, MessageId) {
    let line = stage.comes(mail("q1", "Where is it?", "I cannot find the download")).await;
    let (office, actor) = (stage.office().await, stage.cast.actor(stage.cast.priya).await);
    let mut tx = stage.db.begin().await.unwrap();
    tx.execute("delete from deliveries", params![]).await.unwrap();
    let answer = Reply { text: "Here it *is*.".to_owned(), ..Reply::default() };
    let replied = reply(&mut tx, &office, &actor, line.ticket.unwrap(), &answer).await.unwrap();
    tx.commit().await.unwrap();
    (line.ticket.unwrap(), replied.message)
}

on_both! {
    async fn an_answer_leaves_after_the_time_to_undo_and_threads(db: Db) {
        let (stage, sink) = stage_with_sink(db).await;
        let (ticket, _) = dana_is_answered(&stage).await;
        assert_eq!(stage.sender().send_due().await.unwrap(), 0, "it can still be undone");
        stage.later(Span::seconds(30));
        assert_eq!(stage.sender().send_due().await.unwrap(), 1);
        assert_eq!(deliveries(&stage).await, [("sent".to_owned(), None)]);
        assert_eq!(stage.sender().send_due().await.unwrap(), 0, "once");

        let got = sink.got();
        assert_eq!(got.len(), 1);
        assert!(got[0].from.contains("<support@northlight.example>"), "{:?}", got[0]);
        assert_eq!(got[0].to, ["RCPT TO:<dana@example.com>"]);
        assert_eq!(got[0].sign_in.as_deref(), Some("PLAIN AGRlc2sAaHVudGVyMg=="));
        assert_eq!(got[0].field("In-Reply-To").as_deref(), Some("<q1@example.com>"));
        assert!(got[0].field("References").unwrap().contains("<q1@example.com>"));
        let back: EmailAddress =
            got[0].field("Reply-To").unwrap().trim_matches(['<', '>']).parse().unwrap();
        assert!(back.as_str().starts_with("support+"), "{back}");
        assert!(got[0].mail.contains("text/plain") && got[0].mail.contains("text/html"));

        // And the answer to it comes back to where it belongs, whoever the mail says it is from.
        let id = got[0].field("Message-ID").unwrap();
        let answer = mail("q2", "Something else", "Thanks, but no")
            .replace("To: support@northlight.example", &format!("To: {back}\r\nIn-Reply-To: {id}"));
        assert_eq!(stage.comes(answer).await.ticket, Some(ticket));
    }

    async fn a_server_that_thinks_for_long_gets_a_letter_once(db: Db) {
        let (stage, sink) = stage_with_sink(db).await;
        dana_is_answered(&stage).await;
        stage.later(Span::seconds(30));
        let goes_on = sink.thinks();
        let sender = stage.sender();
        let meanwhile = async {
            until(async || !sink.got().is_empty()).await;
            stage.later(Span::minutes(4));
            outbox::free_expired(&stage.db, stage.now()).await.unwrap();
            goes_on.notify_one();
        };
        let (tried, ()) = tokio::join!(sender.send_due(), meanwhile);
        assert_eq!(tried.unwrap(), 1);
        assert_eq!(deliveries(&stage).await, [("sent".to_owned(), None)]);
        assert_eq!(sender.send_due().await.unwrap(), 0);
        assert_eq!(sink.got().len(), 1);
    }

    async fn a_mail_that_may_have_been_taken_goes_again_and_can_be_told_to_be_the_same(db: Db) {
        let (stage, sink) = stage_with_sink(db).await;
        dana_is_answered(&stage).await;
        sink.is_rude(true);
        stage.later(Span::seconds(30));
        stage.sender().send_due().await.unwrap();
        let (state, fault) = deliveries(&stage).await.remove(0);
        assert_eq!(state, "queued", "nobody calls it failed");
        assert!(fault.unwrap().contains("may have been delivered"));
        sink.is_rude(false);
        stage.later(Span::hours(1));
        stage.sender().send_due().await.unwrap();
        assert_eq!(deliveries(&stage).await[0].0, "sent");
        let got = sink.got();
        assert_eq!(got.len(), 2);
        assert!(got[0].field("Message-ID").is_some());
        assert_eq!(got[0].field("Message-ID"), got[1].field("Message-ID"));
    }

    async fn a_refused_recipient_fails_at_once_in_words(db: Db) {
        let (stage, sink) = stage_with_sink(db).await;
        dana_is_answered(&stage).await;
        sink.refuses("dana@", "550 5.1.1 no such user here");
        stage.later(Span::seconds(30));
        stage.sender().send_due().await.unwrap();
        let after = deliveries(&stage).await;
        assert_eq!(after[0].0, "failed");
        assert!(after[0].1.as_ref().unwrap().contains("no such user here"), "{after:?}");

        // By hand, once the address is there.
        sink.takes_everything();
        let ids: Vec<DeliveryId> = stage.column("select id from deliveries").await;
        let mut tx = stage.db.begin().await.unwrap();
        assert!(outbox::retry(&mut tx, ids[0], stage.now()).await.unwrap());
        tx.commit().await.unwrap();
        stage.sender().send_due().await.unwrap();
        assert_eq!(deliveries(&stage).await[0].0, "sent");
        assert_eq!(sink.got().len(), 1);
    }

    async fn an_answer_that_was_refused_is_no_answer(db: Db) {
        let (stage, sink) = stage_with_sink(db).await;
        let (ticket, _) = dana_is_answered(&stage).await;
        assert_eq!(state_of(&stage, ticket).await, "waiting_customer");
        sink.refuses("dana@", "550 5.1.1 no such user here");
        stage.later(Span::seconds(30));
        stage.sender().send_due().await.unwrap();
        assert_eq!(state_of(&stage, ticket).await, "open");
        let facts: Vec<String> = stage.column("select kind from events order by id").await;
        assert!(facts.contains(&"bounce_came".to_owned()), "{facts:?}");
        let told: Vec<i64> = stage.column("select agent_id from notifications where kind = 'replied'").await;
        assert_eq!(told, [i64::from(stage.cast.priya)]);
        let dead: Vec<String> = stage.column("select address from suppressions").await;
        assert_eq!(dead, ["dana@example.com"]);
    }

    async fn who_has_a_mail_does_not_get_it_again(db: Db) {
        let (stage, sink) = stage_with_sink(db).await;
        let (ticket, _) = dana_is_answered(&stage).await;
        let (office, actor) = (stage.office().await, stage.cast.actor(stage.cast.priya).await);
        let party = |address: &str| Party::new("", address.parse().unwrap());
        let recipients = Some(Recipients {
            to: vec![party("dana@example.com")],
            cc: vec![party("kim@example.com")],
            bcc: vec![party("boss@example.com")],
        });
        let mut tx = stage.db.begin().await.unwrap();
        tx.execute("delete from deliveries", params![]).await.unwrap();
        let answer = Reply { text: "To all".to_owned(), recipients, ..Reply::default() };
        reply(&mut tx, &office, &actor, ticket, &answer).await.unwrap();
        tx.commit().await.unwrap();

        // Whoever is told to wait is asked again, alone; the others have it.
        sink.refuses("kim@", "451 4.7.1 come back later");
        stage.later(Span::seconds(30));
        stage.sender().send_due().await.unwrap();
        assert_eq!(deliveries(&stage).await[0].0, "queued");
        assert_eq!(sink.got()[0].to, ["RCPT TO:<dana@example.com>", "RCPT TO:<boss@example.com>"]);
        sink.refuses("kim@", "550 5.1.1 no such user here");
        stage.later(Span::hours(6));
        stage.sender().send_due().await.unwrap();
        assert_eq!(deliveries(&stage).await[0].0, "failed");

        sink.takes_everything();
        let ids: Vec<DeliveryId> = stage.column("select id from deliveries").await;
        let mut tx = stage.db.begin().await.unwrap();
        assert!(outbox::retry(&mut tx, ids[0], stage.now()).await.unwrap());
        tx.commit().await.unwrap();
        stage.sender().send_due().await.unwrap();
        assert_eq!(deliveries(&stage).await[0].0, "sent");
        let got = sink.got();
        assert_eq!(got.len(), 2);
        assert_eq!(got[1].to, ["RCPT TO:<kim@example.com>"]);
        assert!(got[1].field("To").unwrap().contains("dana@example.com"), "the mail is the same");
    }

    async fn a_busy_server_is_asked_again_for_five_days(db: Db) {
        let (stage, sink) = stage_with_sink(db).await;
        let (ticket, _) = dana_is_answered(&stage).await;
        sink.refuses("dana@", "451 4.7.1 come back later");
        stage.later(Span::seconds(30));
        stage.sender().send_due().await.unwrap();
        let ids: Vec<String> = stage.column("select mail_id from deliveries").await;
        let (state, fault) = deliveries(&stage).await.remove(0);
        assert_eq!(state, "queued");
        assert!(fault.unwrap().contains("come back later"));
        assert_eq!(stage.sender().send_due().await.unwrap(), 0, "not at once");
        let mut tries = 1;
        for _ in 0..400 {
            stage.later(Span::hours(1));
            tries += stage.sender().send_due().await.unwrap();
            if deliveries(&stage).await[0].0 == "failed" {
                break;
            }
        }
        let (state, fault) = deliveries(&stage).await.remove(0);
        assert_eq!(state, "failed");
        assert!(fault.unwrap().ends_with("tried for five days"));
        assert!((6..200).contains(&tries), "{tries}");
        assert_eq!(state_of(&stage, ticket).await, "open", "nobody was answered");
        assert_eq!(stage.column::<String>("select mail_id from deliveries").await, ids);
    }

    async fn a_link_that_has_run_out_is_not_sent_any_more(db: Db) {
        let (stage, sink) = stage_with_sink(db).await;
        let company = stage.cast.accounts.company().await.unwrap();
        let w = stage.cast.accounts.site().words("en");
        let to = "mateo@northlight.example".parse().unwrap();
        for hours in [1, 72] {
            let letter = SystemLetter {
                to: ("Mateo", &to),
                subject: format!("Good for {hours} hours"),
                text: "Open this:".to_owned(),
                link: "https://desk.northlight.example/x".to_owned(),
                useful_for: Span::hours(hours),
            };
            let mut tx = stage.db.begin().await.unwrap();
            send_system_letter(&mut tx, &company, &w, letter, stage.now()).await.unwrap();
            tx.commit().await.unwrap();
        }
        stage.later(Span::hours(2));
        stage.sender().send_due().await.unwrap();
        let got: Vec<String> = sink.got().iter().filter_map(|mail| mail.field("Subject")).collect();
        assert_eq!(got, ["Good for 72 hours"]);
        let kept = deliveries(&stage).await;
        assert_eq!(kept[0].0, "discarded");
        assert!(kept[0].1.as_deref().unwrap().contains("of no use any more"), "{kept:?}");
        assert_eq!(kept[1].0, "sent");
    }

    async fn a_server_that_is_away_rests_and_loses_nothing(db: Db) {
        let (stage, _) = stage_with_sink(db).await;
        dana_is_answered(&stage).await;
        let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = nobody.local_addr().unwrap().port();
        drop(nobody);
        let inbox = stage.cast.support;
        let smtp = Some(stage.endpoint(inbox, "smtp", port));
        stage.connects(inbox, &Connection { smtp, ..Connection::default() }).await;
        stage.later(Span::seconds(30));
        let sender = stage.sender();
        sender.send_due().await.unwrap();
        let (state, fault) = deliveries(&stage).await.remove(0);
        assert_eq!(state, "queued");
        assert!(fault.unwrap().contains("127.0.0.1"));
        let mut tx = stage.db.begin().await.unwrap();
        tx.execute("update deliveries set send_after = $1", params![stage.now()]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(sender.send_due().await.unwrap(), 0, "the server is left alone for a while");
        let sink = Sink::new().await;
        let smtp = Some(stage.endpoint(inbox, "smtp", sink.port()));
        stage.connects(inbox, &Connection { smtp, ..Connection::default() }).await;
        stage.later(Span::minutes(1));
        assert_eq!(sender.send_due().await.unwrap(), 1);
        assert_eq!(sink.got().len(), 1);
    }

    async fn without_a_server_mail_waits_and_says_for_what(db: Db) {
        let stage = Stage::new(db).await;
        dana_is_answered(&stage).await;
        stage.later(Span::seconds(30));
        stage.sender().send_due().await.unwrap();
        let (state, fault) = deliveries(&stage).await.remove(0);
        assert_eq!(state, "queued");
        assert!(fault.unwrap().contains("enter its SMTP server"));
    }

    /// Thousands of letters that are tried one by one, in vain, keep the program from its work.
    async fn letters_of_an_inbox_without_a_server_wait_untried_until_there_is_one(db: Db) {
        let stage = Stage::new(db).await;
        dana_is_answered(&stage).await;
        let mut tx = stage.db.begin().await.unwrap();
        for number in 0..40 {
            tx.execute(COPY, params![format!(".copy{number}")]).await.unwrap();
        }
        tx.commit().await.unwrap();
        let all = stage.count("select count(*) from deliveries where state = 'queued'").await;
        stage.later(Span::seconds(30));
        let sender = stage.sender();
        sender.send_due().await.unwrap();
        assert_eq!(sender.send_due().await.unwrap(), 0, "none of the others is tried");
        let told = "select count(*) from deliveries where fault like '%enter its SMTP server'";
        assert_eq!(stage.count(told).await, all, "each says why it waits");
        let tried = "select count(*) from deliveries where attempts > 0";
        assert!(stage.count(tried).await <= 8);

        let sink = Sink::new().await;
        let inbox = stage.cast.support;
        let smtp = Some(stage.endpoint(inbox, "smtp", sink.port()));
        stage.connects(inbox, &Connection { smtp, ..Connection::default() }).await;
        while sender.send_due().await.unwrap() > 0 {}
        assert_eq!(kernel::count(sink.got().len()), all, "all leave as soon as they can");
    }

    async fn a_server_that_says_nothing_keeps_only_its_own_letters_waiting(db: Db) {
        let (stage, sink) = stage_with_sink(db).await;
        let billing = stage.cast.billing;
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = silent.local_addr().unwrap().port();
        let smtp = Some(stage.endpoint(billing, "smtp", port));
        stage.connects(billing, &Connection { smtp, ..Connection::default() }).await;
        dana_is_answered(&stage).await;
        let mut tx = stage.db.begin().await.unwrap();
        for number in 0..20 {
            tx.execute(COPY, params![format!(".copy{number}")]).await.unwrap();
        }
        let first = "update deliveries set inbox_id = $1, send_after = 0 where mail_id like '%copy%'";
        tx.execute(first, params![billing]).await.unwrap();
        tx.commit().await.unwrap();
        stage.later(Span::seconds(30));
        let stop = CancellationToken::new();
        let see = async {
            while sink.got().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            stop.cancel();
            drop(silent);
        };
        tokio::join!(see, stage.sender().run(stop.clone(), Duration::ZERO));
        let sent = "select count(*) from deliveries where state = 'sent' and mail_id like '%copy%'";
        assert_eq!(stage.count(sent).await, 0, "the silent server took nothing");
    }

    async fn a_stop_waits_for_no_server_that_cannot_have_the_letter(db: Db) {
        let stage = Stage::new(db).await;
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let inbox = stage.cast.support;
        let smtp = Some(stage.endpoint(inbox, "smtp", silent.local_addr().unwrap().port()));
        stage.connects(inbox, &Connection { smtp, ..Connection::default() }).await;
        dana_is_answered(&stage).await;
        stage.later(Span::seconds(30));
        let stop = CancellationToken::new();
        let see = async {
            let (met, _) = silent.accept().await.unwrap();
            stop.cancel();
            met
        };
        // It says nothing, and is not waited for, however long it might take.
        let (_met, ()) = tokio::join!(see, stage.sender().run(stop.clone(), Duration::MAX));
        assert_eq!(deliveries(&stage).await, [("queued".to_owned(), None)]);
        let free = "select count(*) from deliveries where leased_until is null and attempts = 0";
        assert_eq!(stage.count(free).await, 1, "as if it had not been tried");

        let sink = Sink::new().await;
        let smtp = Some(stage.endpoint(inbox, "smtp", sink.port()));
        stage.connects(inbox, &Connection { smtp, ..Connection::default() }).await;
        assert_eq!(stage.sender().send_due().await.unwrap(), 1, "another node sends it at once");
        assert_eq!(sink.got().len(), 1);
    }

    async fn a_stop_waits_for_a_server_that_may_have_the_letter(db: Db) {
        let (stage, sink) = stage_with_sink(db).await;
        dana_is_answered(&stage).await;
        stage.later(Span::seconds(30));
        let (goes_on, stop) = (sink.thinks(), CancellationToken::new());
        let see = async {
            until(async || !sink.got().is_empty()).await;
            stop.cancel();
            goes_on.notify_one();
        };
        tokio::join!(see, stage.sender().run(stop.clone(), Duration::MAX));
        assert_eq!(deliveries(&stage).await, [("sent".to_owned(), None)]);
        assert_eq!(sink.got().len(), 1);
    }

    async fn a_letter_that_is_not_confirmed_before_a_stop_is_over_goes_out_again(db: Db) {
        let (stage, sink) = stage_with_sink(db).await;
        dana_is_answered(&stage).await;
        stage.later(Span::seconds(30));
        let (_goes_on, stop) = (sink.thinks(), CancellationToken::new());
        let see = async {
            until(async || !sink.got().is_empty()).await;
            stop.cancel();
        };
        tokio::join!(see, stage.sender().run(stop.clone(), Duration::from_millis(50)));
        let (state, fault) = deliveries(&stage).await.remove(0);
        assert_eq!(state, "queued", "nobody calls it failed");
        assert!(fault.unwrap().contains("may have been delivered"));
        let undone = "select count(*) from deliveries where attempts = 0";
        assert_eq!(stage.count(undone).await, 0, "it is too late to take it back");
        sink.thinks().notify_one();
        assert_eq!(stage.sender().send_due().await.unwrap(), 1, "at once");
        assert_eq!(deliveries(&stage).await[0].0, "sent");
        let got = sink.got();
        assert_eq!(got.len(), 2);
        assert_eq!(got[0].field("Message-ID"), got[1].field("Message-ID"));
    }

    async fn servers_that_say_nothing_leave_room_for_others_however_many_they_are(db: Db) {
        let (stage, sink) = stage_with_sink(db).await;
        dana_is_answered(&stage).await;
        let mut tx = stage.db.begin().await.unwrap();
        let mut silent_inboxes = vec![(stage.cast.billing, "billing")];
        for name in ["sales", "press", "jobs", "legal"] {
            let address = format!("{name}@northlight.example").parse().unwrap();
            let new = accounts::NewInbox::email(name, address, "Northlight Studio");
            let inbox = accounts::add_inbox(&mut tx, &new, stage.now()).await.unwrap();
            silent_inboxes.push((inbox, name));
        }
        for (inbox, name) in &silent_inboxes {
            for number in 0..10 {
                tx.execute(COPY, params![format!(".copy.{name}{number}")]).await.unwrap();
            }
            let first = "update deliveries set inbox_id = $1, send_after = 0 where mail_id like $2";
            tx.execute(first, params![*inbox, format!("%.copy.{name}%")]).await.unwrap();
        }
        tx.commit().await.unwrap();
        // The last two leave by one server.
        let mut silent = Vec::new();
        for (at, (inbox, _)) in silent_inboxes.iter().enumerate() {
            if at < 4 {
                silent.push(tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap());
            }
            let port = silent.last().unwrap().local_addr().unwrap().port();
            let smtp = Some(stage.endpoint(*inbox, "smtp", port));
            stage.connects(*inbox, &Connection { smtp, ..Connection::default() }).await;
        }
        stage.later(Span::seconds(30));
        let stop = CancellationToken::new();
        let see = async {
            while sink.got().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let held = "select count(*) from deliveries where state = 'sending' and mail_id like '%copy%'";
            let held = stage.count(held).await;
            stop.cancel();
            drop(silent);
            held
        };
        let (held, ()) = tokio::join!(see, stage.sender().run(stop.clone(), Duration::ZERO));
        assert_eq!(held, 12, "the silent servers hold all that they may, and still do");
    }

    async fn an_answer_leaves_under_the_address_of_its_inbox_or_waits(db: Db) {
        let (stage, sink) = stage_with_sink(db).await;
        let (ticket, _) = dana_is_answered(&stage).await;
        let elsewhere = "update deliveries set inbox_id = $1";
        let mut tx = stage.db.begin().await.unwrap();
        tx.execute(elsewhere, params![stage.cast.billing]).await.unwrap();
        tx.commit().await.unwrap();
        stage.later(Span::seconds(30));
        stage.sender().send_due().await.unwrap();
        let fault = "this inbox cannot send yet: enter its SMTP server".to_owned();
        assert_eq!(deliveries(&stage).await, [("queued".to_owned(), Some(fault))]);
        assert_eq!(sink.got().len(), 0, "{ticket} is not answered by another team");

        // A form has no address of its own.
        let mut tx = stage.db.begin().await.unwrap();
        let form = accounts::NewInbox {
            name: "Form".to_owned(),
            kind: accounts::InboxKind::Form,
            address: None,
            ..accounts::NewInbox::email("", "form@northlight.example".parse().unwrap(), "")
        };
        let form = accounts::add_inbox(&mut tx, &form, stage.cast.accounts.now()).await.unwrap();
        tx.execute(elsewhere, params![form]).await.unwrap();
        tx.commit().await.unwrap();
        stage.later(Span::hours(1));
        stage.sender().send_due().await.unwrap();
        assert_eq!(deliveries(&stage).await[0].0, "sent");
        assert!(sink.got()[0].from.contains("<support@northlight.example>"));
    }

    async fn what_was_discarded_never_leaves(db: Db) {
        let (stage, sink) = stage_with_sink(db).await;
        dana_is_answered(&stage).await;
        let ids: Vec<DeliveryId> = stage.column("select id from deliveries").await;
        let mut tx = stage.db.begin().await.unwrap();
        assert!(outbox::discard(&mut tx, ids[0]).await.unwrap());
        tx.commit().await.unwrap();
        stage.later(Span::days(1));
        assert_eq!(stage.sender().send_due().await.unwrap(), 0);
        assert!(sink.got().is_empty());
    }

    async fn acknowledgements_are_marked_as_automatic_and_signed(db: Db) {
        let (stage, sink) = stage_with_sink(db).await;
        let inbox = stage.cast.support;
        let key = email::new_signing_key().unwrap();
        let record = email::signing_record(&key).unwrap();
        let connection = Connection {
            smtp: Some(stage.endpoint(inbox, "smtp", sink.port())),
            dkim_selector: Some("rc1".to_owned()),
            dkim_key: Some(stage.keys.seal(&crate::connection::place(inbox, "dkim"), &key)),
            ..Connection::default()
        };
        stage.connects(inbox, &connection).await;
        stage.comes(mail_from("kim@customer.example", "k1", "Evil <b>words</b>", "sp3cial")).await;
        stage.later(Span::seconds(60));
        stage.sender().send_due().await.unwrap();
        let got = sink.got().remove(0);
        assert_eq!(got.field("Auto-Submitted").as_deref(), Some("auto-replied"));
        assert!(got.field("X-Auto-Response-Suppress").is_some());
        assert!(!got.mail.contains("sp3cial"), "no words of whoever wrote");
        let dns = email::Dns::fixed([("rc1._domainkey.northlight.example", record.as_str())]).unwrap();
        let bytes = got.mail.as_bytes();
        let reading = email::read(bytes, &email::Limits::default());
        let trust = email::Trust { hosts: Vec::new(), sealers: Vec::new() };
        let check = email::authenticate(bytes, &reading, &trust, &dns).await;
        assert_eq!(check.dkim, "pass (northlight.example)");
    }
}
