use accounts::Actor;
use database::on_both;
use jiff::tz::TimeZone;
use kernel::{Span, TicketId};
use outbox::Party;
use search::Piece;

use super::stage::Stage;
use crate::Then;
use crate::actions::{Edit, Incoming, NewTicket, keep, open_ticket, redact, split};
use crate::filter::Filter;
use crate::finding::{After, Find, Finds, PlaceKind, Reader, find, find_customers};
use crate::names::Known;
use crate::store::taxonomy::{self, FieldKind, NewField};

async fn asks(
    stage: &Stage,
    actor: &Actor,
    query: &str,
    limit: i64,
    after: Option<After>,
) -> Finds {
    let conn = stage.db.read().await.unwrap();
    let directory = stage.cast.accounts.directory().await.unwrap();
    let categories = taxonomy::categories(&conn).await.unwrap();
    let names = Known { actor, directory: &directory, categories: &categories, problems: &[] };
    let (filter, unknown) = Filter::read(query, &names, &TimeZone::UTC);
    assert_eq!(unknown, [], "{query}");
    find(&conn, Reader::of(actor), &filter, limit, after).await.unwrap()
}

/// The numbers of what is found, counted from the first ticket.
async fn numbers(stage: &Stage, actor: &Actor, query: &str) -> Vec<i64> {
    let finds = asks(stage, actor, query, 50, None).await;
    assert_eq!(finds.next, None, "{query}");
    finds.rows.iter().map(|find| find.row.id.0 - 10_000).collect()
}

fn marked(pieces: &[Piece]) -> String {
    pieces
        .iter()
        .map(|piece| if piece.is_hit { format!("[{}]", piece.text) } else { piece.text.clone() })
        .collect()
}

on_both! {
    async fn a_ticket_is_found_by_its_subject_and_the_values_of_its_fields(db: Db) {
        let stage = Stage::new(db).await;
        let priya = stage.priya().await;
        let office = stage.office().await;
        let mut tx = stage.db.begin().await.unwrap();
        let kind = FieldKind::Text;
        let new = NewField { key: "order", label: "order", kind, choices: &[], required_to_resolve: false };
        let order = taxonomy::add_field(&mut tx, &new).await.unwrap().unwrap();
        let new = NewTicket {
            inbox: stage.cast.support,
            customer: Party::new("Kim", "kim@example.com".parse().unwrap()),
            subject: "Invitation to the workshop".to_owned(),
            text: "Would you like to come?".to_owned(),
            html: None,
            cc: Vec::new(),
            bcc: Vec::new(),
            then: Then::Wait,
            uploads: Vec::new(),
        };
        let ours = open_ticket(&mut tx, &office, &priya, &new).await.unwrap().ticket;
        tx.commit().await.unwrap();
        let first = stage.mail("Two things", "One");
        let theirs = stage.comes(&Incoming { fields: vec![(order, "XK-77".to_owned())], ..first.clone() }).await.ticket;
        let more = Incoming { references: vec![first.mail_id.unwrap()], ..stage.mail("Re: Two things", "Another") };
        stage.comes(&more).await;
        let (a, b) = (ours.0 - 10_000, theirs.0 - 10_000);
        assert_eq!(numbers(&stage, &priya, "workshop").await, [a]);
        assert_eq!(numbers(&stage, &priya, "XK-77").await, [b]);

        let subject = stage.edits(ours, Edit::Subject("Webinar in spring".to_owned())).await;
        stage.edits(theirs, Edit::Subject("Quotation".to_owned())).await;
        stage.edits(ours, Edit::Field { field: order, value: "ZQ-12".to_owned() }).await;
        for (query, expected) in [
            ("workshop", vec![]), ("webinar", vec![a]), ("quotation", vec![b]), ("two things", vec![b]),
            ("ZQ-12", vec![a]),
        ] {
            assert_eq!(numbers(&stage, &priya, query).await, expected, "{query}");
        }
        let mut tx = stage.db.begin().await.unwrap();
        let undoable = keep(&mut tx, &priya, &subject.reversal.unwrap(), stage.now()).await.unwrap();
        tx.commit().await.unwrap();
        stage.takes_back(undoable).await.unwrap();
        assert_eq!(numbers(&stage, &priya, "workshop").await, [a]);

        // What is split off is found by its own subject, and what is blacked out takes nothing along.
        let messages = stage.messages(theirs).await;
        let mut tx = stage.db.begin().await.unwrap();
        let (part, _) = split(&mut tx, &office, &priya, theirs, &[messages[1].id], "Parcel").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(numbers(&stage, &priya, "parcel").await, [part.0 - 10_000]);
        assert_eq!(numbers(&stage, &priya, "quotation").await, [b]);
        stage.answers(theirs, "An answer").await;
        let mut tx = stage.db.begin().await.unwrap();
        redact(&mut tx, &office, &priya, messages[0].public_id).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(numbers(&stage, &priya, "quotation").await, [b]);
    }

    async fn tickets_are_found_by_words_conditions_and_number(db: Db) {
        let stage = Stage::new(db).await;
        let first = stage.dana_writes().await;
        stage.later(Span::minutes(1));
        let other = stage.mail_from("noa@example.com", "Noa Levi", "Licence key", "Which plugin version is it?");
        let second = stage.comes(&other).await.ticket;
        stage.later(Span::minutes(1));
        stage.notes(second, "Refund her if the plugin is broken.").await;
        stage.answers(first, "Your refund is on its way.").await;
        stage.edits(second, Edit::Tag("plugin".to_owned())).await;
        let priya = stage.priya().await;
        for (query, expected) in [
            ("refund", vec![1, 2]),
            ("REFUNDS", vec![1, 2]),
            ("\"money back\"", vec![1]),
            ("\"back money\"", vec![]),
            ("plug", vec![2]),
            ("plugin -version", vec![2]),
            ("refund -broken", vec![1]),
            ("refund tag:plugin", vec![2]),
            ("refund status:waiting", vec![1]),
            ("from:noa@example.com", vec![2]),
            ("noa@example.com", vec![2]),
            ("levi", vec![2]),
            ("status:open", vec![2]),
            ("-refund status:any", vec![]),
            ("-licence status:any", vec![1]),
            ("RC-10001", vec![1]),
            ("#10002", vec![2]),
            ("10002 status:waiting", vec![]),
            ("RC-99999", vec![]),
            ("!!!", vec![]),
        ] {
            let mut found = numbers(&stage, &priya, query).await;
            found.sort_unstable();
            assert_eq!(found, expected, "{query}");
        }
        // A name that does not exist finds nothing rather than everything.
        let filter = Filter { impossible: true, ..Filter::default() };
        let conn = stage.db.read().await.unwrap();
        let finds = find(&conn, Reader::of(&priya), &filter, 9, None).await.unwrap();
        assert_eq!(finds, Finds::default());
    }

    async fn what_was_found_is_shown_with_its_words(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        stage.notes(id, "Accounting <b>says</b> no.").await;
        let priya = stage.priya().await;
        let one = async |query: &str| -> Find {
            asks(&stage, &priya, query, 5, None).await.rows.pop().unwrap()
        };
        let by_message = one("money").await;
        assert_eq!(marked(&by_message.snippet), "I would like my [money] back.");
        assert_eq!(by_message.place.map(|place| place.kind), Some(PlaceKind::Message));
        let by_subject = one("foundations").await;
        assert_eq!(marked(&by_subject.subject), "Refund for Web Design [Foundations]");
        let by_note = one("accounting").await;
        assert_eq!(marked(&by_note.snippet), "[Accounting] <b>says</b> no.");
        assert_eq!(by_note.place.map(|place| place.kind), Some(PlaceKind::Note));
    }

    async fn nobody_finds_what_they_do_not_see(db: Db) {
        let stage = Stage::new(db).await;
        let mine = stage.dana_writes().await;
        let theirs = stage.mail_from("eve@example.com", "Eve Hart", "Canary", "canary refund");
        stage.comes(&theirs).await;
        stage.move_to(mine, stage.cast.billing).await;
        let tom = stage.cast.actor(stage.cast.tom).await;
        assert_eq!(numbers(&stage, &tom, "refund").await, [1]);
        for query in ["canary", "from:eve@example.com", "RC-10002", "status:open -money", "eve"] {
            assert_eq!(numbers(&stage, &tom, query).await, [0; 0], "{query}");
        }
        let mut conn = stage.db.read().await.unwrap();
        let whitfield = [search::Term::Word("whitfield".to_owned())];
        let eve = [search::Term::Word("eve".to_owned())];
        let seen = async |conn: &mut database::Conn, actor: &Actor, terms: &[search::Term]| {
            find_customers(conn, Reader::of(actor), terms, 9).await.unwrap().rows.len()
        };
        let priya = stage.priya().await;
        assert_eq!(seen(&mut conn, &tom, &whitfield).await, 1);
        assert_eq!(seen(&mut conn, &tom, &eve).await, 0);
        assert_eq!(seen(&mut conn, &priya, &eve).await, 1);
    }

    async fn pages_of_what_was_found_neither_repeat_nor_leave_out(db: Db) {
        let stage = Stage::new(db).await;
        // More matches than a window holds, and several of one ticket.
        let mut tickets = Vec::new();
        for n in 0..30 {
            let mail = stage.mail_from(&format!("c{n}@example.com"), "C", "Lamp", "a lamp");
            tickets.push(stage.comes(&mail).await.ticket);
        }
        for round in 0..15 {
            for ticket in &tickets {
                stage.notes(*ticket, &format!("lamp {round}")).await;
            }
        }
        let priya = stage.priya().await;
        for limit in [1, 7, 50] {
            let mut walked: Vec<TicketId> = Vec::new();
            let mut after = None;
            loop {
                let page = asks(&stage, &priya, "lamp", limit, after).await;
                assert!(page.rows.len() <= kernel::length(limit));
                walked.extend(page.rows.iter().map(|find| find.row.id));
                // What comes meanwhile, also to a ticket that was not shown yet, changes nothing.
                stage.notes(tickets[0], "lamp again").await;
                after = page.next.map(|next| After::read(&next.to_string()).unwrap());
                if after.is_none() {
                    break;
                }
            }
            let mut sorted = walked.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, tickets, "limit {limit}: {walked:?}");
        }
    }
}

#[test]
fn places_in_what_was_found_are_read_back() {
    for after in [After::Words { top: 9, before: 7, skip: 3 }, After::read("l.5.6").unwrap()] {
        assert_eq!(After::read(&after.to_string()), Some(after));
    }
    for text in ["", "w", "w.1.2", "w.1.2.-3", "w.1.2.3.4", "l.1", "x.1.2", "w.a.b.c"] {
        assert_eq!(After::read(text), None, "{text}");
    }
}
