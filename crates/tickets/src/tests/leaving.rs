//! What becomes of the work of somebody who left.

use std::pin::Pin;
use std::sync::Arc;

use accounts::{Accounts, HandOver, HandOverWork, deactivate};
use database::{Db, on_both};
use kernel::{AgentId, Span};
use queue::Workers;

use super::stage::Stage;
use crate::actions::{Edit, Office, hand_over};
use crate::state::State;

/// Lends the job what the program lends it.
struct Team {
    db: Db,
    accounts: Accounts,
}

impl HandOver for Team {
    fn hand_over(
        &self,
        agent: AgentId,
    ) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + '_>> {
        Box::pin(async move {
            let office = Office::open(&self.accounts, &Stage::keys()).await?;
            hand_over(&self.db, &office, agent).await
        })
    }
}

fn workers(stage: &Stage) -> Workers {
    let team = Team { db: stage.db.clone(), accounts: stage.cast.accounts.clone() };
    let mut workers = Workers::new(stage.db.clone(), stage.cast.clock.clone());
    workers.register::<HandOverWork>(Arc::new(team));
    workers
}

on_both! {
    async fn open_work_of_somebody_who_left_is_in_nobodys_hands(db: Db) {
        let stage = Stage::new(db).await;
        let (priya, mateo) = (stage.cast.priya, stage.cast.mateo);
        let tomorrow = stage.now() + Span::hours(20);
        let hold = Edit::Hold { reason: "The bank".to_owned(), next_update_at: tomorrow };
        let mut hers = Vec::new();
        for (state, change) in [
            (State::Open, None),
            (State::WaitingCustomer, Some(Edit::Wait)),
            (State::OnHold, Some(hold)),
            (State::Snoozed, Some(Edit::Snooze { until: tomorrow })),
        ] {
            let id = stage.dana_writes().await;
            stage.edits(id, Edit::Assign(Some(priya))).await;
            if let Some(change) = change {
                stage.edits(id, change).await;
            }
            let ticket = stage.ticket(id).await;
            assert_eq!((ticket.assignee, ticket.state), (Some(priya), state));
            hers.push(ticket);
        }
        let his = stage.dana_writes().await;
        stage.edits(his, Edit::Assign(Some(mateo))).await;

        let mut tx = stage.db.begin().await.unwrap();
        deactivate(&mut tx, priya, stage.now()).await.unwrap();
        tx.commit().await.unwrap();
        let workers = workers(&stage);
        assert_eq!(workers.run_due().await.unwrap(), 1);
        for before in hers {
            let ticket = stage.ticket(before.id).await;
            assert_eq!(ticket.assignee, None, "{:?}", before.state);
            // The rest is as it was: what sleeps wakes in its time, and what was promised counts.
            assert_eq!((ticket.state, ticket.waiting), (before.state, before.waiting));
            let told = stage.facts(before.id).await;
            assert_eq!(told.iter().filter(|fact| *fact == "assigned").count(), 2, "{told:?}");
        }
        assert_eq!(stage.ticket(his).await.assignee, Some(mateo), "who stays keeps theirs");
        let conn = stage.db.read().await.unwrap();
        assert_eq!(queue::waiting_count(&conn).await.unwrap(), 0);
        assert!(queue::failed(&conn, 10).await.unwrap().is_empty());
    }

    async fn much_open_work_is_handed_over_to_the_last_ticket(db: Db) {
        let stage = Stage::new(db).await;
        let priya = stage.cast.priya;
        for number in 0..130 {
            let address = format!("customer{number}@example.com");
            let mail = stage.mail_from(&address, "Customer", "Help", "Help me.");
            let id = stage.comes(&mail).await.ticket;
            stage.edits(id, Edit::Assign(Some(priya))).await;
        }
        let mut tx = stage.db.begin().await.unwrap();
        deactivate(&mut tx, priya, stage.now()).await.unwrap();
        tx.commit().await.unwrap();
        workers(&stage).run_due().await.unwrap();
        let conn = stage.db.read().await.unwrap();
        let held: i64 = conn
            .scalar("select count(*) from tickets where assignee_id = $1", database::params![priya])
            .await
            .unwrap();
        assert_eq!(held, 0);
    }
}
