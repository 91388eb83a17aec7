//! Mail that ends the program whenever it is read.

use database::{on_both, params};
use email::Dns;
use kernel::Span;
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use super::servers::until;
use super::stage::{Stage, mail_from};
use crate::ledger::Fate;
use crate::{Reader, actions};

/// Lets a program read until nothing waits, or until it is killed: that happens when it looks up
/// the domain of a deadly mail.
async fn is_killed(stage: &Stage) -> bool {
    let names = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let dns = Dns::at(names.local_addr().unwrap()).unwrap();
    let reader = Reader { dns, ..stage.reader.clone() };
    let waiting = "select count(*) from mail_ledger where state = 'received'";
    let is_killed = tokio::select! {
        () = reader.run(stage.intake.arrived(), CancellationToken::new()) => panic!("it ended"),
        () = deadly_is_looked_up(&names) => true,
        () = until(async || stage.count(waiting).await == 0) => false,
    };
    // What it had leased is free again.
    stage.later(Span::seconds(61));
    is_killed
}

/// A name server that knows no name, until it is asked for a deadly one.
async fn deadly_is_looked_up(names: &UdpSocket) {
    let mut packet = [0; 1_500];
    loop {
        let (size, from) = names.recv_from(&mut packet).await.unwrap();
        let question = &mut packet[..size];
        if question.windows(6).any(|part| part.eq_ignore_ascii_case(b"deadly")) {
            return;
        }
        // An answer with the code for "no such name", without anything else.
        question[2] |= 0x80;
        question[3] = 0x83;
        names.send_to(question, from).await.unwrap();
    }
}

on_both! {
    async fn a_mail_that_ends_the_program_each_time_is_set_aside(db: Db) {
        let stage = Stage::new(db).await;
        stage.piped(mail_from("dana@deadly.example", "d1", "Hello", "Text")).await;
        for death in 1..=8 {
            assert!(is_killed(&stage).await, "{death}");
            assert_eq!(stage.lines().await[0].fate, Fate::Received, "{death}");
        }
        assert!(!is_killed(&stage).await, "it is not read any more");
        let line = stage.lines().await.remove(0);
        assert_eq!(line.fate, Fate::Failed);
        assert!(line.reason.unwrap().contains("a fault on our side"));
        assert_eq!(stage.state(line.ticket.unwrap()).await, "new", "a ticket says so");

        let mut tx = stage.db.begin().await.unwrap();
        actions::read_again(&mut tx, line.id).await.unwrap();
        tx.commit().await.unwrap();
        stage.reads().await;
        let read = stage.lines().await.remove(0);
        assert_eq!(read.fate, Fate::Ticketed, "whoever asks for it has it read");
        assert_eq!(read.ticket, line.ticket);
    }

    async fn a_mail_that_ends_the_program_takes_no_other_along(db: Db) {
        let stage = Stage::new(db).await;
        for (from, id) in
            [("dana@deadly.example", "d1"), ("kim@shop.example", "c1"), ("lee@shop.example", "c2")]
        {
            stage.piped(mail_from(from, id, "Hello", "Text")).await;
        }
        // Three programs ended with all of them at hand.
        let mut tx = stage.db.begin().await.unwrap();
        tx.execute("update mail_ledger set begun = 3", params![]).await.unwrap();
        tx.commit().await.unwrap();
        let mut deaths = 0;
        while deaths < 10 && is_killed(&stage).await {
            deaths += 1;
        }
        assert_eq!(deaths, 5);
        let fates: Vec<_> =
            stage.lines().await.into_iter().map(|line| (line.mail_id, line.fate)).collect();
        let expected = [("c2", Fate::Ticketed), ("c1", Fate::Ticketed), ("d1", Fate::Failed)];
        assert_eq!(fates, expected.map(|(id, fate)| (format!("{id}@example.com"), fate)));
    }
}
