use database::on_both;
use kernel::{Failure, Span, TicketId};

use super::stage::Stage;
use crate::actions::{
    Edit, EditRefusal, Incoming, LinkKind, ShapeRefusal, edit, keep, link, merge, merge_customers,
    set_problem, sleepers_wake, split, unlink,
};
use crate::state::{CannotMove, State};
use crate::store::lists::Reader;
use crate::store::taxonomy::{self, FieldKind, NewField};
use crate::store::{people, tickets};
use crate::ticket::{Priority, Resolution};

/// What a refused edit says.
async fn refused(stage: &Stage, id: TicketId, change: Edit) -> EditRefusal {
    let (office, actor) = (stage.office().await, stage.priya().await);
    let mut tx = stage.db.begin().await.unwrap();
    match edit(&mut tx, &office, &actor, id, &change).await {
        Err(Failure::Refused(refusal)) => refusal,
        other => panic!("{change:?}: {other:?}"),
    }
}

on_both! {
    async fn taking_a_ticket_opens_it_and_giving_it_does_not(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        stage.edits(id, Edit::Assign(Some(stage.cast.mateo))).await;
        assert_eq!(stage.ticket(id).await.state, State::New);
        stage.edits(id, Edit::Assign(Some(stage.cast.priya))).await;
        assert_eq!(stage.ticket(id).await.state, State::Open);
        let tom = EditRefusal::CannotSee("Tom Okafor".to_owned());
        assert_eq!(refused(&stage, id, Edit::Assign(Some(stage.cast.tom))).await, tom);
        assert!(!stage.edits(id, Edit::Assign(Some(stage.cast.priya))).await.changed);
    }

    async fn edits_are_recorded_and_can_be_taken_back(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        let edited = stage.edits(id, Edit::Priority(Priority::Urgent)).await;
        assert!(stage.facts(id).await.contains(&"priority_changed".to_owned()));
        let (reversal, actor) = (edited.reversal.unwrap(), stage.priya().await);
        let mut tx = stage.db.begin().await.unwrap();
        let undoable = keep(&mut tx, &actor, &reversal, stage.now()).await.unwrap();
        tx.commit().await.unwrap();
        stage.takes_back(undoable).await.unwrap();
        assert_eq!(stage.ticket(id).await.priority, Priority::Normal);
        assert!(!stage.facts(id).await.contains(&"priority_changed".to_owned()));

        let mut tx = stage.db.begin().await.unwrap();
        let undoable = keep(&mut tx, &actor, &reversal, stage.now()).await.unwrap();
        tx.commit().await.unwrap();
        let said = stage.takes_back(undoable).await.unwrap_err();
        assert!(said.contains("changed"), "{said}");
    }

    async fn a_snoozed_ticket_comes_back_by_itself(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        stage.edits(id, Edit::Assign(Some(stage.cast.mateo))).await;
        let until = stage.now() + Span::hours(20);
        stage.edits(id, Edit::Snooze { until }).await;
        assert_eq!(refused(&stage, id, Edit::Snooze { until: stage.now() }).await, EditRefusal::Past);
        let wake = async || {
            let office = stage.office().await;
            let mut tx = stage.db.begin().await.unwrap();
            let woken = sleepers_wake(&mut tx, &office).await.unwrap();
            tx.commit().await.unwrap();
            woken
        };
        assert_eq!(wake().await, 0);
        stage.later(Span::hours(20));
        assert_eq!(wake().await, 1);
        assert_eq!(wake().await, 0);
        let ticket = stage.ticket(id).await;
        assert_eq!((ticket.state, ticket.waiting.snoozed_until), (State::Open, None));
        assert_eq!(stage.told(stage.cast.mateo).await.len(), 2);
    }

    async fn a_hold_needs_a_reason_and_keeps_its_promise_in_sight(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        let next_update_at = stage.now() + Span::hours(2);
        let empty = Edit::Hold { reason: "  ".to_owned(), next_update_at };
        assert_eq!(refused(&stage, id, empty).await, EditRefusal::NoReason);
        stage.edits(id, Edit::Hold { reason: "The bank".to_owned(), next_update_at }).await;
        let ticket = stage.ticket(id).await;
        assert_eq!(ticket.waiting.due_at(ticket.state), next_update_at);
        stage.later(Span::hours(3));
        let office = stage.office().await;
        let mut tx = stage.db.begin().await.unwrap();
        sleepers_wake(&mut tx, &office).await.unwrap();
        tx.commit().await.unwrap();
        let ticket = stage.ticket(id).await;
        assert_eq!((ticket.state, ticket.hold_reason), (State::Open, None));
        assert_eq!(ticket.waiting.next_update_at, Some(next_update_at), "overdue, and shown so");
    }

    async fn fields_are_checked_and_may_be_needed_to_resolve(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        let mut tx = stage.db.begin().await.unwrap();
        let choices = ["Basic".to_owned(), "Pro".to_owned()];
        let mut ids = Vec::new();
        for (key, kind, required) in [
            ("plan", FieldKind::Choice, true),
            ("seats", FieldKind::Number, false),
            ("bought", FieldKind::Date, false),
        ] {
            let new = NewField { key, label: key, kind, choices: &choices, required_to_resolve: required };
            ids.push(taxonomy::add_field(&mut tx, &new).await.unwrap().unwrap());
        }
        tx.commit().await.unwrap();
        let set = |at: usize, value: &str| Edit::Field { field: ids[at], value: value.to_owned() };
        let resolve = Edit::Resolve { resolution: Some(Resolution::Solved), cause: None };
        let missing = EditRefusal::FieldMissing("plan".to_owned());
        assert_eq!(refused(&stage, id, resolve.clone()).await, missing);
        for (at, wrong) in [(0, "Gold"), (1, "many"), (1, "1.2.3"), (1, "-"), (2, "tomorrow"), (2, "2026-02-30")] {
            let said = refused(&stage, id, set(at, wrong)).await;
            assert!(matches!(said, EditRefusal::FieldValue { .. }), "{wrong}: {said:?}");
        }
        for (at, right) in [(0, "pro"), (1, "12,5"), (1, "-3"), (2, "2026-11-24"), (1, "")] {
            assert!(stage.edits(id, set(at, right)).await.changed, "{right}");
        }
        stage.edits(id, resolve).await;
        let ticket = stage.ticket(id).await;
        assert_eq!((ticket.state, ticket.resolution), (State::Resolved, Some(Resolution::Solved)));
    }

    async fn tags_are_few_letters_and_the_same_in_any_case(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        assert!(stage.edits(id, Edit::Tag(" Refund ".to_owned())).await.changed);
        assert!(!stage.edits(id, Edit::Tag("refund".to_owned())).await.changed);
        assert_eq!(refused(&stage, id, Edit::Tag(String::new())).await, EditRefusal::TagName);
        let conn = stage.db.read().await.unwrap();
        assert_eq!(taxonomy::tags_of(&conn, id).await.unwrap(), ["refund"]);
        drop(conn);
        assert!(stage.edits(id, Edit::Untag("REFUND".to_owned())).await.changed);
    }

    async fn a_merged_ticket_lives_on_in_the_other(db: Db) {
        let stage = Stage::new(db).await;
        let first = stage.dana_writes().await;
        let other = stage.mail_from("bob@example.com", "Bob", "Same thing", "Me too.");
        let second = stage.comes(&other).await.ticket;
        stage.notes(second, "internal").await;
        let (office, actor) = (stage.office().await, stage.priya().await);
        let mut tx = stage.db.begin().await.unwrap();
        for address in ["boss@example.com", "dana@example.com"] {
            let address = address.parse().unwrap();
            tickets::add_participant(&mut tx, second, &address, "", stage.now()).await.unwrap();
        }
        assert!(merge(&mut tx, &office, &actor, first, first).await.is_err());
        let (into, undoable) = merge(&mut tx, &office, &actor, second, first).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(into, first);
        assert_eq!(stage.ticket(second).await.merged_into, Some(first));
        assert_eq!(stage.messages(first).await.len(), 2);
        assert_eq!(stage.ticket(first).await.message_count, 2);
        let conn = stage.db.read().await.unwrap();
        let kept = tickets::participants(&conn, first).await.unwrap();
        let kept: Vec<&str> = kept.iter().map(|(address, _)| address.as_str()).collect();
        assert_eq!(kept, ["bob@example.com", "boss@example.com"], "and not Dana twice");
        assert_eq!(tickets::follow(&conn, second).await.unwrap(), Some(first));
        drop(conn);

        // Bob's answer to the old number arrives where his words went.
        let again = Incoming {
            references: vec![other.mail_id.unwrap()],
            ..stage.mail_from("bob@example.com", "Bob", "Re", "And?")
        };
        assert_eq!(stage.comes(&again).await.ticket, first);
        let said = stage.takes_back(undoable).await.unwrap_err();
        assert!(said.contains("changed"), "{said}");
    }

    async fn a_merge_can_be_taken_back(db: Db) {
        let stage = Stage::new(db).await;
        let (first, second) = (stage.dana_writes().await, stage.dana_writes().await);
        let (office, actor) = (stage.office().await, stage.priya().await);
        let mut tx = stage.db.begin().await.unwrap();
        let (_, undoable) = merge(&mut tx, &office, &actor, second, first).await.unwrap();
        tx.commit().await.unwrap();
        stage.takes_back(undoable).await.unwrap();
        assert_eq!(stage.messages(first).await.len(), 1);
        assert_eq!(stage.messages(second).await.len(), 1);
        assert_eq!(stage.ticket(second).await.state, State::New);
    }

    async fn a_merge_takes_tags_fields_and_followers_along_and_gives_them_back(db: Db) {
        let stage = Stage::new(db).await;
        let (first, second) = (stage.dana_writes().await, stage.dana_writes().await);
        let mut tx = stage.db.begin().await.unwrap();
        let mut fields = Vec::new();
        for key in ["order", "device"] {
            let kind = FieldKind::Text;
            let new = NewField { key, label: key, kind, choices: &[], required_to_resolve: false };
            fields.push(taxonomy::add_field(&mut tx, &new).await.unwrap().unwrap());
        }
        tx.commit().await.unwrap();
        let set = |at: usize, value: &str| Edit::Field { field: fields[at], value: value.to_owned() };
        stage.edits(first, Edit::Tag("refund".to_owned())).await;
        stage.edits(first, set(0, "A-1")).await;
        for change in [
            Edit::Tag("refund".to_owned()),
            Edit::Tag("angry".to_owned()),
            set(0, "B-2"),
            set(1, "Phone"),
        ] {
            stage.edits(second, change).await;
        }
        stage.notes(second, "Priya follows from here on").await;
        let known = async || {
            let conn = stage.db.read().await.unwrap();
            let tags = taxonomy::tags_of(&conn, first).await.unwrap();
            let values = taxonomy::field_values(&conn, first).await.unwrap();
            let values: Vec<String> = values.into_iter().map(|(_, value)| value).collect();
            let followers = people::followers(&conn, first).await.unwrap();
            (tags.join(" "), values.join(" "), followers)
        };
        let before = known().await;
        let (office, actor) = (stage.office().await, stage.priya().await);
        let mut tx = stage.db.begin().await.unwrap();
        let (_, undoable) = merge(&mut tx, &office, &actor, second, first).await.unwrap();
        tx.commit().await.unwrap();
        let all = ("angry refund".to_owned(), "A-1 Phone".to_owned(), vec![stage.cast.priya]);
        assert_eq!(known().await, all);
        stage.takes_back(undoable).await.unwrap();
        assert_eq!(known().await, before);
        assert_eq!(before, ("refund".to_owned(), "A-1".to_owned(), vec![]));
    }

    async fn nobody_is_left_waiting_in_a_ticket_that_is_done(db: Db) {
        let stage = Stage::new(db).await;
        let (first, second) = (stage.dana_writes().await, stage.dana_writes().await);
        let (office, actor) = (stage.office().await, stage.priya().await);
        let refused = async |into: TicketId| {
            let mut tx = stage.db.begin().await.unwrap();
            match merge(&mut tx, &office, &actor, second, into).await {
                Err(Failure::Refused(refusal)) => refusal,
                other => panic!("{other:?}"),
            }
        };
        stage.edits(first, Edit::Spam).await;
        assert_eq!(refused(first).await, ShapeRefusal::IntoSpam(first));
        stage.edits(first, Edit::NotSpam).await;
        stage.edits(first, Edit::Resolve { resolution: None, cause: None }).await;
        stage.is_closed(first).await;
        assert_eq!(refused(first).await, ShapeRefusal::IntoClosed(first));

        // What is only resolved is taken up again.
        let third = stage.dana_writes().await;
        stage.edits(third, Edit::Resolve { resolution: Some(Resolution::Solved), cause: None }).await;
        let mut tx = stage.db.begin().await.unwrap();
        merge(&mut tx, &office, &actor, second, third).await.unwrap();
        tx.commit().await.unwrap();
        let ticket = stage.ticket(third).await;
        assert_eq!((ticket.state, ticket.resolved_at, ticket.reopen_count), (State::Open, None, 1));
        assert!(ticket.waiting.since.is_some() && ticket.waiting.reply_due_at.is_some());
        assert!(stage.facts(third).await.contains(&"reopened".to_owned()));
    }

    async fn messages_are_split_into_a_ticket_of_their_own(db: Db) {
        let stage = Stage::new(db).await;
        let first = stage.mail("Two things", "One");
        let id = stage.comes(&first).await.ticket;
        let second = Incoming {
            references: vec![first.mail_id.unwrap()],
            ..stage.mail("Re: Two things", "Another thing: my invoice")
        };
        stage.comes(&second).await;
        let messages = stage.messages(id).await;
        let (office, actor) = (stage.office().await, stage.priya().await);
        let mut tx = stage.db.begin().await.unwrap();
        let all: Vec<_> = messages.iter().map(|message| message.id).collect();
        for wrong in [&all[..], &[]] {
            let refused = split(&mut tx, &office, &actor, id, wrong, "x").await;
            assert!(matches!(refused, Err(Failure::Refused(ShapeRefusal::NothingToSplit))));
        }
        let (part, undoable) = split(&mut tx, &office, &actor, id, &all[1..], "Invoice").await.unwrap();
        tx.commit().await.unwrap();
        let ticket = stage.ticket(part).await;
        assert_eq!((ticket.subject.as_str(), ticket.state), ("Invoice", State::Open));
        assert_eq!((ticket.message_count, stage.ticket(id).await.message_count), (1, 1));
        let conn = stage.db.read().await.unwrap();
        let links = tickets::links(&conn, part).await.unwrap();
        assert_eq!(links, [(id, "split_from".to_owned(), true)]);
        drop(conn);

        stage.takes_back(undoable).await.unwrap();
        let conn = stage.db.read().await.unwrap();
        assert!(tickets::find(&conn, part).await.unwrap().is_none());
        drop(conn);
        assert_eq!((stage.messages(id).await.len(), stage.ticket(id).await.message_count), (2, 2));
        assert!(!stage.facts(id).await.contains(&"split_off".to_owned()));

        // Where somebody went on, it stays.
        let mut tx = stage.db.begin().await.unwrap();
        let (part, undoable) = split(&mut tx, &office, &actor, id, &all[1..], "Invoice").await.unwrap();
        tx.commit().await.unwrap();
        stage.notes(part, "I look into it").await;
        assert!(stage.takes_back(undoable).await.unwrap_err().contains("changed"));
        assert_eq!(stage.messages(part).await.len(), 1);
    }

    async fn tickets_are_linked_and_belong_to_problems(db: Db) {
        let stage = Stage::new(db).await;
        let (first, second) = (stage.dana_writes().await, stage.dana_writes().await);
        let (office, actor) = (stage.office().await, stage.priya().await);
        let mut tx = stage.db.begin().await.unwrap();
        link(&mut tx, &office, &actor, first, second, LinkKind::Related).await.unwrap();
        assert_eq!(tickets::links(&tx, second).await.unwrap().len(), 1);
        unlink(&mut tx, &office, &actor, second, first).await.unwrap();
        assert!(tickets::links(&tx, first).await.unwrap().is_empty());
        let problem =
            taxonomy::add_problem(&mut tx, "Login loop", actor.id, stage.now()).await.unwrap();
        set_problem(&mut tx, &office, &actor, first, Some(problem)).await.unwrap();
        let sizes = taxonomy::problem_sizes(&tx, Reader::of(&actor), &[problem]).await.unwrap();
        assert_eq!(sizes, [(problem, 1)]);
        set_problem(&mut tx, &office, &actor, first, None).await.unwrap();
    }

    async fn what_one_does_not_see_cannot_be_shaped(db: Db) {
        let stage = Stage::new(db).await;
        let (support, billing) = (stage.dana_writes().await, stage.dana_writes().await);
        stage.move_to(billing, stage.cast.billing).await;
        let office = stage.office().await;
        let tom = stage.cast.actor(stage.cast.tom).await;
        let mut tx = stage.db.begin().await.unwrap();
        for (from, into) in [(support, billing), (billing, support)] {
            let refused = merge(&mut tx, &office, &tom, from, into).await;
            assert!(matches!(refused, Err(Failure::Refused(ShapeRefusal::NoTicket(_)))));
        }
        let refused = link(&mut tx, &office, &tom, billing, support, LinkKind::Related).await;
        assert!(matches!(refused, Err(Failure::Refused(ShapeRefusal::NoTicket(_)))));
        // Nor is a link to it taken away, as if there were none.
        let priya = stage.priya().await;
        link(&mut tx, &office, &priya, billing, support, LinkKind::Related).await.unwrap();
        for (one, other) in [(support, billing), (billing, support)] {
            let refused = unlink(&mut tx, &office, &tom, one, other).await;
            assert!(matches!(refused, Err(Failure::Refused(ShapeRefusal::NoTicket(_)))));
        }
        assert_eq!(tickets::links(&tx, support).await.unwrap().len(), 1);
    }

    async fn moving_a_ticket_moves_who_finds_it(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        stage.notes(id, "zebra note").await;
        stage.move_to(id, stage.cast.billing).await;
        let conn = stage.db.read().await.unwrap();
        for (word, inbox, count) in [
            ("money", stage.cast.support, 0),
            ("money", stage.cast.billing, 1),
            ("zebra", stage.cast.support, 0),
            ("zebra", stage.cast.billing, 1),
        ] {
            let expr = search::expr(&[search::Term::Word(word.to_owned())]).unwrap();
            let found = search::newest(&conn, &expr, Some(&[inbox]), None, 9).await.unwrap();
            let tickets = found.iter().filter(|found| found.ticket.is_some()).count();
            assert_eq!(tickets, count, "{word} in {inbox}");
        }
    }

    async fn two_records_of_a_customer_become_one_with_all_tickets(db: Db) {
        let stage = Stage::new(db).await;
        let first = stage.dana_writes().await;
        let other = stage.mail_from("dana@work.example", "", "Again", "From work.");
        let second = stage.comes(&other).await.ticket;
        let (a, b) = (stage.ticket(first).await.customer, stage.ticket(second).await.customer);
        let office = stage.office().await;
        let mut tx = stage.db.begin().await.unwrap();
        merge_customers(&mut tx, &office, b, a).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(stage.ticket(second).await.customer, a);
        let conn = stage.db.read().await.unwrap();
        assert!(customers::find(&conn, b).await.unwrap().is_none());
    }

    async fn what_is_closed_cannot_be_changed_back(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        let resolve = Edit::Resolve { resolution: None, cause: None };
        stage.edits(id, resolve.clone()).await;
        let said = refused(&stage, id, resolve).await;
        assert_eq!(said, EditRefusal::CannotMove(CannotMove::AlreadyResolved));
        stage.edits(id, Edit::Open).await;
        assert_eq!(stage.ticket(id).await.state, State::Open);
        assert_eq!(stage.ticket(id).await.reopen_count, 1);
    }
}
