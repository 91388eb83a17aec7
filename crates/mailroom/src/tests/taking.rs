//! Mail is stored before anybody is told so, once, and byte for byte.

use std::ffi::OsStr;

use database::on_both;
use email::lmtp::{Door as _, Envelope, Known, MailFrom, Verdict};
use futures_util::future::join_all;

use super::stage::{Stage, mail, mail_from};
use crate::doors::{envelope_sender, pipe};
use crate::ledger::Fate;
use crate::{Doorway, Piped};

fn doorway(stage: &Stage) -> Doorway {
    Doorway { accounts: stage.cast.accounts.clone(), intake: stage.intake.clone() }
}

fn envelope(from: MailFrom, recipients: &[&str]) -> Envelope {
    let recipients = recipients.iter().map(|one| one.parse().unwrap()).collect();
    Envelope { mail_from: from, recipients }
}

on_both! {
    async fn a_stored_mail_has_a_line_and_its_bytes(db: Db) {
        let stage = Stage::new(db).await;
        let bytes: Vec<u8> = mail("a1", "Zwölf", "ä\u{0}\u{1b}\r\n.\r\n").into_bytes();
        stage.piped(bytes.clone()).await;
        let lines = stage.lines().await;
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].fate, Fate::Received);
        assert_eq!(lines[0].raw_hash, email::raw_hash(&bytes));
        assert_eq!(lines[0].mail_id, "a1@example.com");
        assert_eq!(stage.source(lines[0].id).await, bytes);
    }

    async fn the_same_mail_twice_is_one_and_other_content_is_another(db: Db) {
        let stage = Stage::new(db).await;
        for _ in 0..3 {
            stage.piped(mail("a1", "Hello", "First")).await;
        }
        // The same again, by another route.
        stage.piped(format!("Received: from mx2.example by us\r\n{}", mail("a1", "Hello", "First"))).await;
        assert_eq!(stage.lines().await.len(), 1);
        for number in 0..10 {
            stage.piped(mail("a1", "Hello", &format!("Content {number}"))).await;
        }
        assert_eq!(stage.lines().await.len(), 11);
        stage.reads().await;
        assert_eq!(stage.count("select count(*) from messages").await, 11);
    }

    async fn mail_without_a_return_path_is_not_answered(db: Db) {
        let stage = Stage::new(db).await;
        let to = "support@northlight.example".parse().unwrap();
        for (number, (given, answers)) in [
            (Some(""), 0),
            (Some("<>"), 0),
            (Some("MAILER-DAEMON"), 0),
            (None, 1),
            (Some("-x@b.example"), 2),
        ]
        .into_iter()
        .enumerate()
        {
            let from = envelope_sender(given.map(OsStr::new));
            let dana = format!("dana{number}@example.com");
            let bytes = mail_from(&dana, &format!("p{number}"), "Hello", "A question");
            pipe(&stage.cast.accounts, &stage.intake, &to, &from, bytes.into_bytes()).await;
            stage.reads().await;
            assert_eq!(stage.count("select count(*) from deliveries").await, answers, "{given:?}");
        }
    }

    async fn many_at_once_are_all_there(db: Db) {
        let stage = Stage::new(db).await;
        let all = (0..150).map(|n| stage.piped(mail(&format!("m{}", n % 100), "Hello", "Text")));
        join_all(all).await;
        assert_eq!(stage.lines().await.len(), 100);
        assert!(stage.reader.read_some().await.unwrap() > 0);
        stage.reads().await;
        assert_eq!(stage.count("select count(*) from tickets").await, 100);
    }

    async fn the_listener_knows_our_addresses_and_stores_for_each(db: Db) {
        let stage = Stage::new(db).await;
        let door = doorway(&stage);
        for (address, known) in [
            ("support@northlight.example", Known::Yes),
            ("Support+tag-1@northlight.example", Known::Yes),
            ("nobody@northlight.example", Known::No),
            ("support@elsewhere.example", Known::No),
        ] {
            assert_eq!(door.knows(address.parse().unwrap()).await, known, "{address}");
        }
        let to = ["support@northlight.example", "gone@northlight.example", "billing@northlight.example"];
        let verdicts = door
            .deliver(envelope(MailFrom::Nobody, &to), mail("n1", "To both", "Hi").into_bytes())
            .await;
        assert_eq!(verdicts[0], Verdict::Stored);
        assert!(matches!(&verdicts[1], Verdict::Refused(why) if why.contains("no such inbox")));
        assert_eq!(verdicts[2], Verdict::Stored);
        assert_eq!(stage.lines().await.len(), 2);
    }

    async fn the_null_path_gets_no_acknowledgement(db: Db) {
        let stage = Stage::new(db).await;
        let door = doorway(&stage);
        let to = ["support@northlight.example"];
        let bytes = mail("n1", "Out of office", "I am away").into_bytes();
        door.deliver(envelope(MailFrom::Nobody, &to), bytes).await;
        stage.reads().await;
        assert_eq!(stage.lines().await[0].fate, Fate::Ticketed);
        assert_eq!(stage.count("select count(*) from deliveries").await, 0);
        let bytes = mail("n2", "A question", "Where is it?").into_bytes();
        let from = MailFrom::Address("dana@example.com".parse().unwrap());
        door.deliver(envelope(from, &to), bytes).await;
        stage.reads().await;
        assert_eq!(stage.count("select count(*) from deliveries").await, 1);
    }

    async fn the_pipe_says_no_in_words(db: Db) {
        let stage = Stage::new(db).await;
        let take = async |to: &str, bytes: Vec<u8>| {
            let to = to.parse().unwrap();
            pipe(&stage.cast.accounts, &stage.intake, &to, "", bytes).await
        };
        for (to, bytes, said) in [
            ("support@northlight.example", Vec::new(), "empty"),
            ("support@northlight.example", vec![b'x'; 25 * 1024 * 1024 + 1], "25 MiB"),
            ("other@northlight.example", b"x".to_vec(), "no inbox with the address other@"),
        ] {
            let Piped::Refused(why) = take(to, bytes).await else { panic!("{said}") };
            assert!(why.contains(said), "{why}");
        }
        assert!(stage.lines().await.is_empty());
    }
}
