use database::{Conn, on_both};
use kernel::{Span, TicketId};

use super::stage::Stage;
use crate::actions::{Edit, Incoming};
use crate::filter::{Assignee, Filter, Sort, StateSet};
use crate::state::State;
use crate::store::lists::{self, Reader};
use crate::store::people;
use crate::ticket::Priority;

async fn ids(conn: &Conn, reader: Reader<'_>, filter: &Filter, sort: Sort) -> Vec<i64> {
    let rows = lists::page(conn, reader, filter, sort, None, 50).await.unwrap();
    rows.iter().map(|row| row.id.0 - 10_000).collect()
}

on_both! {
    async fn lists_show_what_they_promise_in_order(db: Db) {
        let stage = Stage::new(db).await;
        // Five tickets, a minute apart: 1 is answered, 2 snoozed, 3 urgent and mine, 4 in
        // billing, 5 resolved.
        for _ in 0..5 {
            stage.dana_writes().await;
            stage.later(Span::minutes(1));
        }
        let id = |n: i64| TicketId(10_000 + n);
        stage.answers(id(1), "Done?").await;
        stage.edits(id(2), Edit::Snooze { until: stage.now() + Span::hours(1) }).await;
        stage.edits(id(3), Edit::Assign(Some(stage.cast.priya))).await;
        stage.edits(id(3), Edit::Priority(Priority::Urgent)).await;
        stage.edits(id(3), Edit::Tag("refund".to_owned())).await;
        stage.move_to(id(4), stage.cast.billing).await;
        stage.edits(id(5), Edit::Resolve { resolution: None, cause: None }).await;

        let conn = stage.db.read().await.unwrap();
        let all = Reader { agent: stage.cast.priya, inboxes: None };
        let billing = [stage.cast.billing];
        let tom = Reader { agent: stage.cast.tom, inboxes: Some(&billing) };
        let mine = Some(Assignee::Agent(stage.cast.priya));
        let any = Filter::default();
        let needs_reply = Filter { states: StateSet::NeedsReply, ..any.clone() };
        for (name, reader, filter, sort, expected) in [
            ("needs reply", all, needs_reply.clone(), Sort::Due, vec![3, 4]),
            ("newest", all, needs_reply.clone(), Sort::Newest, vec![4, 3]),
            ("oldest", all, needs_reply.clone(), Sort::Oldest, vec![3, 4]),
            ("tom's", tom, needs_reply.clone(), Sort::Due, vec![4]),
            ("mine", all, Filter { assignee: mine, ..needs_reply.clone() }, Sort::Due, vec![3]),
            ("nobody's", all, Filter { assignee: Some(Assignee::Nobody), ..needs_reply.clone() }, Sort::Due, vec![4]),
            ("waiting", all, Filter { states: StateSet::One(State::WaitingCustomer), ..any.clone() }, Sort::Due, vec![1]),
            ("snoozed", all, Filter { states: StateSet::One(State::Snoozed), ..any.clone() }, Sort::Due, vec![2]),
            ("done", all, Filter { states: StateSet::Done, ..any.clone() }, Sort::Newest, vec![5]),
            ("active", all, Filter { states: StateSet::Active, ..any.clone() }, Sort::Due, vec![2, 3, 4, 1]),
            ("tagged", all, Filter { tags: vec!["refund".to_owned()], ..any.clone() }, Sort::Due, vec![3]),
            ("not tagged", all, Filter { not_tags: vec!["refund".to_owned()], ..needs_reply.clone() }, Sort::Due, vec![4]),
            ("urgent", all, Filter { priority: Some(Priority::Urgent), ..any.clone() }, Sort::Due, vec![3]),
            ("from", all, Filter { from: vec!["whitf".to_owned()], ..needs_reply.clone() }, Sort::Due, vec![3, 4]),
            ("from address", all, Filter { from: vec!["dana@".to_owned()], ..needs_reply.clone() }, Sort::Due, vec![3, 4]),
            ("literal %", all, Filter { from: vec!["%".to_owned()], ..any.clone() }, Sort::Due, vec![]),
            ("inbox", all, Filter { inbox: Some(stage.cast.billing), ..needs_reply.clone() }, Sort::Due, vec![4]),
            // The fourth mail of a day from one address is no longer acknowledged.
            ("no human yet", all, Filter { states: StateSet::Active, without_human: true, ..any.clone() }, Sort::Due, vec![2, 3]),
            ("impossible", all, Filter { impossible: true, ..any.clone() }, Sort::Due, vec![]),
        ] {
            assert_eq!(ids(&conn, reader, &filter, sort).await, expected, "{name}");
        }

        let counts = lists::count(&conn, all, &[
            needs_reply.clone(),
            Filter { impossible: true, ..any.clone() },
            Filter { states: StateSet::Done, ..any.clone() },
        ]).await.unwrap();
        assert_eq!(counts.iter().map(|count| count.0).collect::<Vec<_>>(), [2, 0, 1]);
    }

    async fn pages_follow_one_another_without_gap_or_repeat(db: Db) {
        let stage = Stage::new(db).await;
        for n in 0..7 {
            stage.dana_writes().await;
            if n % 3 == 0 {
                stage.later(Span::minutes(1));
            }
        }
        let conn = stage.db.read().await.unwrap();
        let reader = Reader { agent: stage.cast.priya, inboxes: None };
        let filter = Filter { states: StateSet::NeedsReply, ..Filter::default() };
        for sort in [Sort::Due, Sort::Newest, Sort::Oldest] {
            let whole = ids(&conn, reader, &filter, sort).await;
            let mut walked = Vec::new();
            let mut after = None;
            loop {
                let page = lists::page(&conn, reader, &filter, sort, after, 2).await.unwrap();
                let Some(last) = page.last() else { break };
                after = Some(last.cursor(sort));
                walked.extend(page.iter().map(|row| row.id.0 - 10_000));
            }
            assert_eq!(walked, whole, "{sort:?}");
        }
    }

    async fn news_of_what_is_not_seen_is_not_counted(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        stage.edits(id, Edit::Assign(Some(stage.cast.mateo))).await;
        let conn = stage.db.read().await.unwrap();
        let (support, billing) = ([stage.cast.support], [stage.cast.billing]);
        let unread = people::unread_count;
        let reader = |inboxes| Reader { agent: stage.cast.mateo, inboxes };
        let all = unread(&conn, reader(None)).await.unwrap();
        assert!(all > 0);
        assert_eq!(unread(&conn, reader(Some(&support))).await.unwrap(), all);
        assert_eq!(unread(&conn, reader(Some(&billing))).await.unwrap(), 0);
    }

    async fn unread_is_what_the_customer_said_last(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        let reader = Reader { agent: stage.cast.priya, inboxes: None };
        let unread = async || {
            let conn = stage.db.read().await.unwrap();
            let rows = lists::some(&conn, reader, &Filter::default(), &[id]).await.unwrap();
            rows[0].is_unread()
        };
        assert!(unread().await);
        let mut tx = stage.db.begin().await.unwrap();
        people::set_read(&mut tx, id, stage.cast.priya, stage.now()).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!unread().await);
        stage.answers(id, "Hello").await;
        assert!(!unread().await);
        stage.later(Span::minutes(1));
        let ours = stage.messages(id).await.pop().unwrap().mail_id.unwrap();
        stage.comes(&Incoming { references: vec![ours], ..stage.mail("Re", "And?") }).await;
        assert!(unread().await);
    }

    async fn a_draft_is_seen_in_the_list_by_its_writer(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        let mut tx = stage.db.begin().await.unwrap();
        let draft = people::Draft {
            mode: "reply".to_owned(),
            text: "Hi Dana".to_owned(),
            recipients: outbox::Recipients::default(),
            updated_at: stage.now(),
        };
        people::save_draft(&mut tx, id, stage.cast.priya, &draft).await.unwrap();
        tx.commit().await.unwrap();
        for (agent, seen) in [(stage.cast.priya, Some("Hi Dana")), (stage.cast.mateo, None)] {
            let conn = stage.db.read().await.unwrap();
            let reader = Reader { agent, inboxes: None };
            let rows = lists::some(&conn, reader, &Filter::default(), &[id]).await.unwrap();
            assert_eq!(rows[0].draft.as_deref(), seen);
        }
    }
}
