//! What comes in and what is there come out even, or somebody is told.

use database::{on_both, params};
use kernel::{LedgerId, Span};

use super::stage::{Stage, mail};
use crate::ledger::Door;
use crate::{Gap, Piped, pipe, reconcile};

async fn gap(stage: &Stage) -> Gap {
    reconcile(&stage.cast.accounts, &stage.intake).await.unwrap()
}

const TOLD: &str = "select count(*) from deliveries where subject = 'Mail does not come out even'";

on_both! {
    async fn mail_that_is_stored_known_or_refused_comes_out_even(db: Db) {
        let stage = Stage::new(db).await;
        for id in ["a1", "a2", "a1"] {
            stage.piped(mail(id, "Hello", "Text")).await;
        }
        let accounts = &stage.cast.accounts;
        let nobody = "nobody@northlight.example".parse().unwrap();
        for (to, bytes) in [
            (&nobody, mail("a3", "Hello", "Text").into_bytes()),
            (&"support@northlight.example".parse().unwrap(), Vec::new()),
        ] {
            let piped = pipe(accounts, &stage.intake, to, "dana@example.com", bytes).await;
            assert!(matches!(piped, Piped::Refused(_)), "{piped:?}");
        }
        stage.reads().await;
        stage.later(Span::hours(2));
        assert_eq!(gap(&stage).await, Gap::default());
        assert_eq!(stage.count(TOLD).await, 0);
    }

    async fn mail_that_is_neither_stored_nor_given_back_raises_the_alarm_once(db: Db) {
        let stage = Stage::new(db).await;
        let given_back = stage.intake.take(Door::Lmtp);
        drop(given_back);
        let open = stage.intake.take(Door::Lmtp);
        stage.later(Span::minutes(59));
        assert_eq!(gap(&stage).await, Gap::default(), "it may come to an end");
        stage.later(Span::minutes(1));
        assert_eq!(gap(&stage).await, Gap { open: 1, missing: 0 });
        let owners = stage.count(TOLD).await;
        assert!(owners > 0, "the owners get a mail");
        assert_eq!(gap(&stage).await, Gap::default());
        assert_eq!(stage.count(TOLD).await, owners, "once");
        drop(open);
    }

    async fn mail_that_was_said_to_be_stored_and_is_not_there_raises_the_alarm(db: Db) {
        let stage = Stage::new(db).await;
        for number in 0..3 {
            stage.piped(mail(&format!("a{number}"), "Hello", "Text")).await;
        }
        stage.intake.take(Door::Imap).stored(LedgerId(4_711));
        let lost = stage.lines().await.remove(0).id;
        let mut tx = stage.db.begin().await.unwrap();
        tx.execute("delete from mail_sources where ledger_id = $1", params![lost]).await.unwrap();
        tx.execute("delete from mail_ledger where id = $1", params![lost]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(gap(&stage).await, Gap { open: 0, missing: 2 });
        assert!(stage.count(TOLD).await > 0);
        assert_eq!(gap(&stage).await, Gap::default(), "each hour is looked at once");
    }
}
