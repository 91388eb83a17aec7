//! What becomes of the work of somebody who left.

use std::pin::Pin;
use std::sync::Arc;

use accounts::{Accounts, HandOver, HandOverWork, deactivate};
use database::{Db, on_both};
use kernel::{AgentId, Span};
use queue::Workers;

use super::stage::Stage;
use crate::actions::{Edit, Office, customer_reopens, edit, hand_over, keep, undo as take_back};
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
            assert_eq!(told.last().unwrap(), "assignee_left", "{told:?}");
        }
        assert_eq!(stage.ticket(his).await.assignee, Some(mateo), "who stays keeps theirs");
        let conn = stage.db.read().await.unwrap();
        assert_eq!(queue::waiting_count(&conn).await.unwrap(), 0);
        assert!(queue::failed(&conn, 10).await.unwrap().is_empty());
    }

    async fn what_comes_back_is_not_in_the_hands_of_somebody_who_left(db: Db) {
        let stage = Stage::new(db).await;
        let (office, cast) = (stage.office().await, &stage.cast);
        let resolved = Edit::Resolve { resolution: None, cause: None };
        let mut hers = Vec::new();
        for number in 0..5 {
            let address = format!("customer{number}@example.com");
            let mail = stage.mail_from(&address, "Customer", "Help", "Help me.");
            let id = stage.comes(&mail).await.ticket;
            stage.edits(id, Edit::Assign(Some(cast.mateo))).await;
            hers.push(id);
        }
        // Mateo resolves them all, the last as spam, and leaves.
        let mut undo = None;
        for (at, id) in hers.iter().enumerate() {
            let change = if at == 4 { Edit::Spam } else { resolved.clone() };
            undo = undo.or(stage.edits(*id, change).await.reversal);
        }
        let priya = stage.priya().await;
        let mut tx = stage.db.begin().await.unwrap();
        let undo = keep(&mut tx, &priya, &undo.unwrap(), stage.now()).await.unwrap();
        deactivate(&mut tx, cast.mateo, stage.now()).await.unwrap();
        tx.commit().await.unwrap();
        workers(&stage).run_due().await.unwrap();
        for id in &hers {
            assert_eq!(stage.ticket(*id).await.assignee, Some(cast.mateo), "done by Mateo");
        }

        // An undo, a person, the customer on their page, a mail, and a mistake about spam.
        let mut tx = stage.db.begin().await.unwrap();
        take_back(&mut tx, &office, &priya, undo).await.unwrap();
        edit(&mut tx, &office, &priya, hers[1], &Edit::Open).await.unwrap();
        let customer = stage.ticket(hers[2]).await.customer;
        customer_reopens(&mut tx, &office, customer, hers[2]).await.unwrap();
        edit(&mut tx, &office, &priya, hers[4], &Edit::NotSpam).await.unwrap();
        tx.commit().await.unwrap();
        let mut mail = stage.mail_from("customer3@example.com", "Customer", "Re: Help", "Still not.");
        mail.tokens.ticket = Some(hers[3]);
        assert!(!stage.comes(&mail).await.is_new_ticket);
        for id in hers {
            let ticket = stage.ticket(id).await;
            assert!(ticket.state.is_active(), "{:?}", ticket.state);
            assert_eq!(ticket.assignee, None);
            let told = stage.facts(id).await;
            assert_eq!(told.iter().filter(|fact| *fact == "assignee_left").count(), 1, "{told:?}");
        }
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
