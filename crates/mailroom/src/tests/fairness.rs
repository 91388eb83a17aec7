//! However much comes to one inbox, the mail of the others is read beside it.

use database::on_both;

use super::stage::{Stage, mail};
use crate::doors::pipe;
use crate::ledger::Fate;

on_both! {
    async fn mail_of_an_inbox_does_not_wait_for_hundreds_of_another(db: Db) {
        let stage = Stage::new(db).await;
        for number in 0..150 {
            stage.piped(mail(&format!("m{number}"), "Many", "Hello")).await;
        }
        let billing = "billing@northlight.example".parse().unwrap();
        let late = mail("late", "Late", "Hello");
        pipe(&stage.cast.accounts, &stage.intake, &billing, "", late.into_bytes()).await;
        stage.reader.read_some().await.unwrap();
        let lines = stage.lines().await;
        assert_eq!((lines[0].inbox, lines[0].fate), (stage.cast.billing, Fate::Ticketed));
        let waiting = lines.iter().filter(|line| line.fate == Fate::Received).count();
        assert!(waiting > 80, "it was read before most that came before it: {waiting}");
        stage.reads().await;
        let ticketed = "select count(*) from mail_ledger where state = 'ticketed'";
        assert_eq!(stage.count(ticketed).await, 151);
    }
}
