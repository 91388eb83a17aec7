//! Mails of one conversation, in whatever order they come.

use std::collections::{BTreeMap, BTreeSet};

use database::on_both;
use kernel::{Span, TicketId};
use outbox::Party;

use super::joining::orders;
use super::stage::Stage;
use crate::SenderCheck;
use crate::actions::{Edit, Incoming};
use crate::state::State;
use crate::store::tickets;

/// A mail of Dana's that refers to others. Names are made different in each story.
fn refers(stage: &Stage, story: &str, name: &str, to: &[&str]) -> Incoming {
    let id = |name: &str| format!("{name}.{story}@example.com");
    Incoming {
        mail_id: Some(id(name)),
        references: to.iter().map(|name| id(name)).collect(),
        ..stage.mail(&format!("Mail {name}"), &format!("This is {name}."))
    }
}

/// Two tickets of Dana's, and the mail that shows that they are one: it comes last.
async fn parted(stage: &Stage, story: &str) -> (TicketId, TicketId, Incoming) {
    let first = stage.comes(&refers(stage, story, "a", &[])).await;
    let third = stage.comes(&refers(stage, story, "c", &["b"])).await;
    assert!(first.is_new_ticket && third.is_new_ticket);
    (first.ticket, third.ticket, refers(stage, story, "b", &["a"]))
}

async fn possibly(stage: &Stage, ticket: TicketId) -> Vec<TicketId> {
    let conn = stage.db.read().await.unwrap();
    let links = tickets::links(&conn, ticket).await.unwrap();
    links.into_iter().filter(|(_, kind, _)| kind == "possibly").map(|(other, ..)| other).collect()
}

/// Three mails: what each is called, which others it refers to, and what the check of its sender said.
type Thread = [(&'static str, &'static [&'static str], SenderCheck); 3];

on_both! {
    async fn a_thread_is_one_ticket_in_whatever_order_it_comes(db: Db) {
        let stage = Stage::new(db).await;
        let (pass, fail) = (SenderCheck::Pass, SenderCheck::Fail);
        let threads: [(Thread, usize); 6] = [
            // Each refers to the one before it; two answer one; two answer one that never comes.
            ([("a", &[], pass), ("b", &["a"], pass), ("c", &["b"], pass)], 1),
            ([("a", &[], pass), ("b", &["a"], pass), ("c", &["a"], pass)], 1),
            ([("a", &["x"], pass), ("b", &["x", "y"], pass), ("c", &["y"], pass)], 1),
            // What failed its check joins nothing and ties nothing together.
            ([("a", &[], pass), ("b", &["a"], fail), ("c", &["b"], pass)], 3),
            ([("a", &[], pass), ("b", &["a"], pass), ("c", &["b", "a"], fail)], 2),
            ([("a", &[], pass), ("b", &[], pass), ("c", &["a"], pass)], 2),
        ];
        for (number, (thread, expected)) in threads.iter().enumerate() {
            let mut met: BTreeSet<BTreeSet<&str>> = BTreeSet::new();
            for (at, order) in orders(thread).into_iter().enumerate() {
                let story = format!("{number}-{at}");
                let mut came = Vec::new();
                for (name, to, check) in &order {
                    let mut mail = refers(&stage, &story, name, to);
                    mail.sender.check = *check;
                    came.push((*name, stage.comes(&mail).await.ticket));
                }
                let conn = stage.db.read().await.unwrap();
                let mut together: BTreeMap<TicketId, BTreeSet<&str>> = BTreeMap::new();
                for (name, ticket) in came {
                    let ticket = tickets::follow(&conn, ticket).await.unwrap().unwrap();
                    together.entry(ticket).or_default().insert(name);
                }
                let parts: BTreeSet<BTreeSet<&str>> = together.into_values().collect();
                assert_eq!(parts.len(), *expected, "{order:?}");
                if at == 0 {
                    met = parts;
                } else {
                    assert_eq!(parts, met, "{order:?}");
                }
            }
        }
    }

    async fn mails_that_come_at_once_are_one_ticket_too(db: Db) {
        let stage = Stage::new(db).await;
        for story in ["r", "s", "t"] {
            let first = refers(&stage, story, "a", &[]);
            let second = refers(&stage, story, "b", &["a"]);
            let (first, second) = tokio::join!(stage.comes(&first), stage.comes(&second));
            assert_eq!(first.ticket, second.ticket, "{story}");
        }
    }

    async fn a_mail_that_ties_two_tickets_together_makes_them_one(db: Db) {
        let stage = Stage::new(db).await;
        let (first, third, between) = parted(&stage, "s").await;
        stage.later(Span::minutes(5));
        let received = stage.comes(&between).await;
        assert_eq!((received.ticket, received.is_new_ticket), (first, false));
        assert_eq!(stage.messages(first).await.len(), 3);
        let gone = stage.ticket(third).await;
        assert_eq!((gone.state, gone.merged_into), (State::Merged, Some(first)));
        let ticket = stage.ticket(first).await;
        assert_eq!((ticket.state, ticket.message_count), (State::New, 3));
        assert!(stage.facts(first).await.contains(&"merged_in".to_owned()));
        assert!(stage.facts(third).await.contains(&"merged_away".to_owned()));
        // What answers the one that is gone comes to the one that is left.
        let later = refers(&stage, "s", "d", &["c"]);
        assert_eq!(stage.comes(&later).await.ticket, first);
    }

    async fn a_ticket_that_somebody_works_at_takes_the_others_in(db: Db) {
        let stage = Stage::new(db).await;
        let (first, third, between) = parted(&stage, "s").await;
        stage.answers(third, "Which one is it?").await;
        assert_eq!(stage.comes(&between).await.ticket, third);
        assert_eq!(stage.ticket(first).await.merged_into, Some(third));
        assert_eq!(stage.ticket(third).await.state, State::Open);
    }

    async fn tickets_that_were_both_worked_at_are_offered_as_a_link(db: Db) {
        let stage = Stage::new(db).await;
        let (first, third, between) = parted(&stage, "s").await;
        stage.answers(first, "Which one is it?").await;
        stage.notes(third, "She wrote before.").await;
        assert_eq!(stage.comes(&between).await.ticket, first);
        assert_eq!(stage.ticket(third).await.merged_into, None);
        assert_eq!(possibly(&stage, first).await, [third]);
    }

    async fn nobody_gets_to_see_anything_by_it(db: Db) {
        let stage = Stage::new(db).await;
        // Somebody was copied in the one and not in the other.
        let mut copied = refers(&stage, "s", "a", &[]);
        copied.recipients.cc = vec![Party::new("Kim", "kim@example.com".parse().unwrap())];
        let first = stage.comes(&copied).await.ticket;
        let third = stage.comes(&refers(&stage, "s", "c", &["b"])).await.ticket;
        assert_eq!(stage.comes(&refers(&stage, "s", "b", &["a"])).await.ticket, first);
        assert_eq!((stage.messages(third).await.len(), possibly(&stage, first).await), (1, vec![third]));

        // Another inbox is seen by others.
        let (first, third, between) = parted(&stage, "t").await;
        let billing = stage.cast.billing;
        stage.move_to(third, billing).await;
        stage.comes(&between).await;
        assert_eq!(stage.ticket(third).await.merged_into, None);
        assert_eq!(possibly(&stage, first).await, [third]);

        // Another customer's ticket, which refers to the same mail, is another's.
        let (first, _, between) = parted(&stage, "u").await;
        let eve = stage.mail_from("eve@evil.example", "Eve", "Re", "Me, too.");
        let eve = Incoming { references: between.mail_id.clone().into_iter().collect(), ..eve };
        let hers = stage.comes(&eve).await.ticket;
        stage.comes(&between).await;
        assert_eq!(stage.messages(first).await.len(), 3);
        assert_eq!((stage.messages(hers).await.len(), stage.ticket(hers).await.merged_into), (1, None));

        // Whoever forges the mail between them gets nothing done.
        let (first, third, mut between) = parted(&stage, "v").await;
        between.sender.check = SenderCheck::Fail;
        assert!(stage.comes(&between).await.is_new_ticket);
        assert_eq!((stage.messages(first).await.len(), stage.messages(third).await.len()), (1, 1));

        // Spam stays where it is.
        let (first, third, between) = parted(&stage, "w").await;
        stage.edits(third, Edit::Spam).await;
        assert_eq!(stage.comes(&between).await.ticket, first);
        assert_eq!((stage.messages(third).await.len(), stage.ticket(third).await.state), (1, State::Spam));
    }
}
