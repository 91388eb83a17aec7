//! What a person decides about a held mail.

use database::on_both;
use kernel::{Failure, Span};

use super::stage::{Stage, mail_from};
use crate::actions::{self, MailRefusal, UNDO_FOR, words_of};
use crate::ledger::{Decided, Fate, Line};

const SPAM: &str = "casino jackpot lottery winner";

async fn held(stage: &Stage, id: &str) -> Line {
    let line = stage.comes(mail_from("a@spam.example", id, "Win", SPAM)).await;
    assert_eq!(line.fate, Fate::Quarantined);
    line
}

#[derive(Clone, Copy)]
enum Do {
    Release,
    Dismiss,
    HoldAgain,
}

async fn decide(stage: &Stage, line: &Line, what: Do) -> Result<(), MailRefusal> {
    let words = words_of(&stage.db.read().await.unwrap(), line.id).await.unwrap();
    let mut tx = stage.db.begin().await.unwrap();
    let (by, now) = (stage.cast.priya, stage.now());
    let done = match what {
        Do::Release => actions::release(&mut tx, line.id, &words, by, now).await,
        Do::Dismiss => actions::dismiss(&mut tx, line.id, &words, by, now).await,
        Do::HoldAgain => actions::hold_again(&mut tx, line, &words).await,
    };
    match done {
        Ok(()) => {
            tx.commit().await.unwrap();
            Ok(())
        }
        Err(Failure::Refused(refusal)) => Err(refusal),
        Err(Failure::Broken(fault)) => panic!("{fault:#}"),
    }
}

async fn lessons(stage: &Stage) -> (i64, i64) {
    let spam = stage.count("select count(*) from spam_lessons where verdict = 'spam'").await;
    let ham = stage.count("select count(*) from spam_lessons where verdict = 'ham'").await;
    (spam, ham)
}

on_both! {
    async fn a_released_mail_becomes_a_ticket_after_the_time_to_undo(db: Db) {
        let stage = Stage::new(db).await;
        stage.goes_to_school().await;
        let line = held(&stage, "x1").await;
        decide(&stage, &line, Do::Release).await.unwrap();
        assert_eq!(lessons(&stage).await, (10, 11));
        assert_eq!(decide(&stage, &line, Do::Dismiss).await, Err(MailRefusal::DecidedAlready));
        stage.reads().await;
        assert_eq!(stage.lines().await[0].fate, Fate::Received, "it can still be undone");
        stage.later(UNDO_FOR + Span::seconds(1));
        stage.reads().await;
        let line = stage.lines().await.remove(0);
        assert_eq!(line.fate, Fate::Ticketed, "whatever it looks like");
        assert_eq!(line.decision.unwrap().what, Decided::Released);
        assert_eq!(decide(&stage, &line, Do::HoldAgain).await, Err(MailRefusal::HasGoneOn));
        assert_eq!(lessons(&stage).await, (10, 11), "a refusal changes nothing");
    }

    async fn a_decision_is_taken_back_with_its_lesson(db: Db) {
        let stage = Stage::new(db).await;
        stage.goes_to_school().await;
        let line = held(&stage, "x1").await;
        for (what, taught) in [(Do::Release, (10, 11)), (Do::Dismiss, (11, 10))] {
            decide(&stage, &line, what).await.unwrap();
            assert_eq!(lessons(&stage).await, taught);
            let decided = stage.lines().await.remove(0);
            decide(&stage, &decided, Do::HoldAgain).await.unwrap();
            let again = stage.lines().await.remove(0);
            assert_eq!((again.fate, again.decision), (Fate::Quarantined, None));
            assert_eq!(lessons(&stage).await, (10, 10));
        }
        stage.later(Span::seconds(60));
        stage.reads().await;
        assert_eq!(stage.lines().await[0].fate, Fate::Quarantined);
    }

    async fn what_was_released_often_is_let_in_by_itself(db: Db) {
        let stage = Stage::new(db).await;
        stage.goes_to_school().await;
        for number in 0..30 {
            let line =
                stage.comes(mail_from("a@spam.example", &format!("r{number}"), "Win", SPAM)).await;
            if line.fate == Fate::Ticketed {
                return;
            }
            decide(&stage, &line, Do::Release).await.unwrap();
            stage.later(UNDO_FOR + Span::seconds(1));
            stage.reads().await;
        }
        panic!("nothing was learned from thirty mails");
    }
}
