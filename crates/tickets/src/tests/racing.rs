//! Taking a message back, and sending it, at the same moment.

use database::{Engine, on_both, params};
use kernel::Span;

use super::chance::{Dice, cases};
use super::stage::Stage;
use crate::store::people;

on_both! {
    #[expect(clippy::print_stdout, reason = "a long proof says how it went")]
    async fn a_message_is_sent_or_taken_back(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        stage.leaves().await;
        let (mut sent, mut taken) = (0, 0);
        let mut dice = Dice::new(35);
        for round in 0..cases(50) {
            let text = format!("Answer number {round}.");
            let answer = stage.answers(id, &text).await;
            stage.later(Span::seconds(10));
            let undo = answer.undo.unwrap();
            let (head_start, late) = (dice.coin(), dice.roll(20));
            let waits = async |is_later: bool| {
                for _ in 0..if is_later { late } else { 0 } {
                    tokio::task::yield_now().await;
                }
            };
            let (back, leaves) = tokio::join!(
                async {
                    waits(head_start).await;
                    stage.takes_back(undo).await
                },
                async {
                    waits(!head_start).await;
                    stage.leaves().await
                },
            );
            let left = leaves.len();
            assert!(left <= 1, "round {round}");
            assert_eq!(left == 1, back.is_err(), "round {round}: sent {left}, taken back {back:?}");
            let is_there = stage.messages(id).await.iter().any(|one| one.text == text);
            let conn = stage.db.read().await.unwrap();
            let drafts = people::drafts(&conn, id, stage.cast.priya).await.unwrap();
            let is_draft = drafts.iter().any(|draft| draft.text.contains(&text));
            let states: Vec<String> = conn
                .column("select state from deliveries order by id desc limit 1", params![])
                .await
                .unwrap();
            drop(conn);
            if left == 1 {
                assert_eq!(back.unwrap_err(), "the mail has left already");
                assert!(is_there && !is_draft, "round {round}: {states:?}");
                assert_eq!(states, ["sending"]);
                let mut tx = stage.db.begin().await.unwrap();
                outbox::sent(&mut tx, leaves[0].id, stage.now()).await.unwrap();
                tx.commit().await.unwrap();
                sent += 1;
            } else {
                assert!(!is_there && is_draft, "round {round}: {states:?}");
                assert_eq!(states, ["discarded"]);
                taken += 1;
            }
            // The next race begins with an empty draft.
            let mut tx = stage.db.begin().await.unwrap();
            tx.execute("delete from drafts", params![]).await.unwrap();
            tx.commit().await.unwrap();
            stage.later(Span::minutes(1));
        }
        assert!(sent > 0 && taken > 0, "{sent} sent, {taken} taken back: no race");
        let engine = match stage.db.engine() {
            Engine::Sqlite => "SQLite",
            Engine::Postgres => "PostgreSQL",
        };
        println!("undo and send, {engine}: {sent} sent, {taken} taken back, none both, none neither");
    }
}
