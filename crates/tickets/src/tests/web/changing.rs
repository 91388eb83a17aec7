use database::on_both;
use kernel::Span;

use super::browser::Shop;
use crate::State;
use crate::actions::Edit;
use crate::store::taxonomy::{self, FieldKind, NewField};
use crate::ticket::Priority;

on_both! {
    async fn each_change_says_what_it_did_and_can_be_taken_back(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let other = shop.in_billing().await;
        let here = shop.priya_browses().await.at(&format!("/t/{id}?in=mine"));
        let billing = shop.cast.billing.to_string();
        let mateo = shop.cast.mateo.to_string();
        for (fields, said, leaves) in [
            (&[("assignee", mateo.as_str())][..], format!("Assigned {id}"), false),
            (&[("priority", "urgent")], format!("Changed {id}"), false),
            (&[("tag", "Refund")], format!("Changed {id}"), false),
            (&[("subject", "Something else")], format!("Changed {id}"), false),
            (&[("inbox", billing.as_str())], format!("Changed {id}"), false),
            (&[("state", "open")], format!("{id} is open"), false),
            (&[("state", "wait")], format!("{id} waits for the customer"), false),
            (&[("state", "snooze"), ("until", "2026-12-24")], format!("Snoozed {id}"), true),
            (&[("state", "hold"), ("reason", "the printer"), ("until_other", "2026-12-24T10:00")],
                format!("{id} is on hold"), true),
            (&[("state", "resolve"), ("resolution", "workaround"), ("cause", "A bug")],
                format!("Resolved {id}"), true),
            (&[("state", "spam")], format!("{id} is spam"), true),
        ] {
            let before = shop.ticket(id).await;
            let page = here.post(&format!("/t/{id}/change"), fields).await.is(200);
            assert_eq!(page.toast(), said);
            assert!(page.event("dialog:close").is_some());
            let left = page.event("ticket:leave").map(|detail| detail["ref"].to_string());
            assert_eq!(left.is_some(), leaves, "{fields:?}");
            let page = here.post(&page.undo(), &[]).await.is(200);
            assert_eq!(page.toast(), "Taken back");
            let now = shop.ticket(id).await;
            let now = crate::Ticket { version: before.version, updated_at: before.updated_at, ..now };
            assert_eq!(now, before, "{fields:?}");
        }
        assert_eq!(shop.facts(id).await, ["created", "acknowledged"], "what was undone is no fact");
        let unchanged = here.post(&format!("/t/{id}/change"), &[("priority", "normal")]).await.is(200);
        assert!(unchanged.event("toast").is_none());
        for fields in [&[("priority", "extreme")][..], &[("state", "merged")], &[("customer", "1")], &[]] {
            here.post(&format!("/t/{id}/change"), fields).await.is(400);
        }
        let gone = here.post(&format!("/t/{id}/change"), &[("category", "999")]).await.is(422);
        assert_eq!(gone.toast(), "There is no such category; choose one of the list.");
        let tom = shop.cast.tom.to_string();
        let page = here.post(&format!("/t/{id}/change"), &[("assignee", &tom)]).await.is(422);
        assert!(page.toast().starts_with("Tom Okafor cannot see the inbox"));
        here.post(&format!("/t/{other}/change"), &[("assignee", &tom)]).await.is(200);
        // A plain form goes back to the ticket, and the ticket to its list.
        let priya = shop.priya_browses().await;
        let page = priya.post(&format!("/t/{id}/change?in=mine"), &[("priority", "low")]).await;
        assert_eq!(page.location(), format!("/t/{id}?in=mine"));
        let undo = &shop.ids("select public_id from undoables order by id desc").await[0];
        let page = priya.post(&format!("/undo/{undo}?in=mine"), &[]).await;
        assert_eq!(page.location(), format!("/t/{id}?in=mine"));
    }

    async fn moments_lie_ahead(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let priya = shop.priya_browses().await;
        let here = priya.at(&format!("/t/{id}"));
        for (fields, sentence) in [
            (&[("state", "snooze")][..], "Choose until when."),
            (&[("state", "snooze"), ("until", "soon")], "Choose until when."),
            (&[("state", "snooze"), ("until", "@1")], "Choose a time in the future."),
            (&[("state", "hold"), ("reason", "x"), ("until", "2020-01-01")], "Choose a time in the future."),
            (&[("state", "hold"), ("reason", " "), ("until", "2030-01-01")], "Say what it waits for."),
        ] {
            let page = here.post(&format!("/t/{id}/change"), fields).await.is(422);
            assert_eq!(page.toast(), sentence, "{fields:?}");
            priya.post(&format!("/t/{id}/change"), fields).await.is(422).says(sentence);
        }
        // A day that no calendar has is refused, and breaks nothing.
        for far in ["@9223372036854775807", "@253402300799000", "9999-12-31T23:59"] {
            let fields = [("state", "snooze"), ("until", far)];
            let page = here.post(&format!("/t/{id}/change"), &fields).await;
            assert!(page.status.as_u16() < 500, "{far}");
            priya.get(&format!("/t/{id}")).await.is(200);
            priya.get("/inbox/snoozed").await.is(200);
        }
    }

    async fn sheets_are_pages_of_their_own(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let priya = shop.priya_browses().await;
        for (sheet, action) in [
            ("snooze", "change"),
            ("hold", "change"),
            ("resolve", "change"),
            ("priority", "change"),
            ("tags", "change"),
            ("subject", "change"),
            ("merge", "merge"),
            ("link", "links"),
            ("split", "split"),
            ("problem", "problem"),
            ("people", "people"),
        ] {
            let page = priya.get(&format!("/t/{id}/ask/{sheet}?in=mine")).await.is(200);
            assert!(page.is_whole());
            page.says(&format!("action=\"/t/{id}/{action}?in=mine\""));
            let part = priya.at(&format!("/t/{id}?in=mine")).get(&format!("/t/{id}/ask/{sheet}")).await;
            assert!(!part.is_whole());
            part.says(&format!("hx-post=\"/t/{id}/{action}?in=mine\""));
        }
        priya.get(&format!("/t/{id}/ask/nonsense")).await.is(404);
        let message = shop.messages(id).await[0].public_id;
        priya.get(&format!("/t/{id}/m/{message}/redact")).await.is(200).says("I would like my money");
    }

    async fn details_are_changed_together_and_taken_back_together(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let mut tx = shop.db.begin().await.unwrap();
        let field = |key, kind, choices| NewField {
            key, label: key, kind, choices, required_to_resolve: false,
        };
        let plans = ["Basic".to_owned(), "Pro".to_owned()];
        let plan = taxonomy::add_field(&mut tx, &field("plan", FieldKind::Choice, &plans)).await;
        let seats = taxonomy::add_field(&mut tx, &field("seats", FieldKind::Number, &[])).await;
        let (plan, seats) = (plan.unwrap().unwrap(), seats.unwrap().unwrap());
        let category = taxonomy::add_category(&mut tx, "Billing", shop.now()).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        let (plan, seats) = (format!("field-{plan}"), format!("field-{seats}"));
        let category = category.to_string();
        let here = shop.priya_browses().await.at(&format!("/t/{id}"));
        let details = format!("/t/{id}/details");
        let fields = [
            ("priority", "high"),
            ("category", category.as_str()),
            (plan.as_str(), "pro"),
            (seats.as_str(), "12,5"),
        ];
        let page = here.post(&details, &fields).await.is(200);
        let values = async || {
            let conn = shop.db.read().await.unwrap();
            let values = taxonomy::field_values(&conn, id).await.unwrap();
            values.into_iter().map(|(_, value)| value).collect::<Vec<_>>()
        };
        assert_eq!(values().await, ["Pro", "12.5"]);
        assert_eq!(shop.ticket(id).await.priority, Priority::High);
        let again = here.post(&details, &fields).await.is(204);
        assert_eq!(again.header("hx-trigger"), "");
        here.post(&page.undo(), &[]).await.is(200);
        assert!(values().await.is_empty());
        let ticket = shop.ticket(id).await;
        assert_eq!((ticket.priority, ticket.category), (Priority::Normal, None));
        assert_eq!(shop.facts(id).await, ["created", "acknowledged"]);

        // What somebody changed again is not taken back over their head.
        let page = here.post(&details, &[(&seats, "3")]).await.is(200);
        let undo = page.undo();
        shop.mateo().await.post(&details, &[(&seats, "4")]).await.location();
        assert!(here.post(&undo, &[]).await.is(422).toast().contains("changed"));
        assert_eq!(values().await, ["4"]);
        // One wrong value leaves all as it was.
        let page = here.post(&details, &[("priority", "low"), (&seats, "many")]).await.is(422);
        assert!(page.toast().contains("enter a number"));
        assert_eq!(shop.ticket(id).await.priority, Priority::Normal);
        for bad in [("customer", "1"), ("field-x", "1"), ("state", "resolve")] {
            here.post(&details, &[bad]).await.is(400);
        }
        here.post(&details, &[("field-999", "1")]).await.is(422);
        let plain = shop.priya_browses().await.post(&format!("{details}?in=mine"), &[(&seats, "4")]).await;
        assert_eq!(plain.location(), format!("/t/{id}?in=mine"));
    }

    async fn many_are_changed_at_once(db: Db) {
        let shop = Shop::new(db).await;
        let (a, b, c) =
            (shop.dana_writes().await, shop.dana_writes().await, shop.in_billing().await);
        shop.edits(c, Edit::Spam).await;
        let names = [a, b, c].map(|id| id.to_string());
        let ticked = |what: &'static str| {
            let mut fields: Vec<(&str, &str)> =
                names.iter().map(|name| ("ticket", name.as_str())).collect();
            fields.push(("do", what));
            fields
        };
        let here = shop.priya_browses().await.at("/inbox/all");
        let page = here.post("/tickets/bulk?in=all", &ticked("state=resolve")).await.is(200);
        assert!(page.toast().starts_with("2 tickets changed. One stays as it is: "), "{}", page.toast());
        assert_eq!(shop.ticket(a).await.state, State::Resolved);
        let page = here.post(&page.undo(), &[]).await.is(204);
        assert_eq!(page.toast(), "Taken back");
        assert_eq!(page.header("hx-redirect"), "", "the list stays where it is");
        assert_eq!(shop.ticket(a).await.state, State::New);
        assert_eq!(shop.ticket(b).await.state, State::New);
        here.post("/tickets/bulk", &ticked("assignee=me")).await.is(200);
        assert_eq!(shop.ticket(b).await.assignee, Some(shop.cast.priya));
        assert_eq!(here.post("/tickets/bulk", &[("do", "state=open")]).await.is(422).toast(),
            "Select at least one ticket.");
        let tag = [ticked("tag"), vec![("tag", " Course ")]].concat();
        here.post("/tickets/bulk", &tag).await.is(200);
        assert_eq!(shop.texts("select distinct name from tags join ticket_tags on tag_id = id").await, ["course"]);
        here.post("/tickets/bulk", &ticked("tag")).await.is(422);
        here.post("/tickets/bulk", &ticked("nonsense")).await.is(404);
        here.post("/tickets/bulk", &ticked("state=merged")).await.is(400);
        let priya = shop.priya_browses().await;
        let page = priya.post("/tickets/bulk?in=all", &ticked("priority=high")).await;
        assert_eq!(page.location(), "/inbox/all");
        let undo = &shop.ids("select public_id from undoables order by id desc").await[0];
        assert_eq!(priya.post(&format!("/undo/{undo}?in=all"), &[]).await.location(), "/inbox/all");
    }

    async fn many_are_snoozed_or_made_one_at_once(db: Db) {
        let shop = Shop::new(db).await;
        let (a, b, c) =
            (shop.dana_writes().await, shop.dana_writes().await, shop.dana_writes().await);
        let names = [c, a, b].map(|id| id.to_string());
        let ticked = |what: &'static str| {
            let mut fields: Vec<(&str, &str)> =
                names.iter().map(|name| ("ticket", name.as_str())).collect();
            fields.push(("do", what));
            fields
        };
        let here = shop.priya_browses().await.at("/inbox/all");
        shop.priya_browses().await.get("/inbox/all").await.is(200).says("Snooze until");
        let page = here.post("/tickets/bulk?in=all", &ticked("snooze=2026-12-24")).await.is(200);
        assert_eq!(page.toast(), "3 tickets changed.");
        assert_eq!(shop.ticket(b).await.state, State::Snoozed);
        here.post(&page.undo(), &[]).await.is(204);
        assert_eq!(shop.ticket(b).await.state, State::New);
        here.post("/tickets/bulk?in=all", &ticked("snooze=some day")).await.is(422);

        let page = here.post("/tickets/bulk?in=all", &ticked("merge")).await.is(200);
        assert_eq!(page.toast(), format!("Merged into {a}"));
        assert_eq!(shop.ticket(b).await.merged_into, Some(a));
        assert_eq!(shop.ticket(c).await.merged_into, Some(a));
        assert_eq!(shop.ticket(a).await.message_count, 3);
        let conn = shop.db.read().await.unwrap();
        let ask = "select count(*) from audit_entries where act = 'ticket.merged'";
        let noted: i64 = conn.scalar(ask, vec![]).await.unwrap();
        drop(conn);
        assert_eq!(noted, 2, "each that became a part is in the trail");
        here.post(&page.undo(), &[]).await.is(204);
        for id in [a, b, c] {
            let ticket = shop.ticket(id).await;
            assert_eq!((ticket.merged_into, ticket.message_count), (None, 1), "{id}");
        }
        // All or nothing: what one customer wrote is not mailed to another.
        let other = shop.in_billing().await;
        let stranger = other.to_string();
        let fields = [ticked("merge"), vec![("ticket", stranger.as_str())]].concat();
        let said = here.post("/tickets/bulk?in=all", &fields).await.is(422).toast();
        assert!(said.contains("several customers"), "{said}");
        assert_eq!(shop.ticket(b).await.merged_into, None);
        let one = [("do", "merge"), ("ticket", stranger.as_str())];
        here.post("/tickets/bulk?in=all", &one).await.is(422);
        let plain = shop.priya_browses().await.post("/tickets/bulk?in=all", &ticked("merge")).await;
        assert_eq!(plain.location(), format!("/t/{a}?in=all"));
    }

    async fn judgements_about_spam_teach(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let here = shop.priya_browses().await.at(&format!("/t/{id}"));
        let lessons = async || {
            shop.texts("select payload from jobs where name = 'tickets.teach_lesson' order by id").await
        };
        let page = here.post(&format!("/t/{id}/change"), &[("state", "spam")]).await.is(200);
        page.says("Nothing is sent from it");
        assert!(lessons().await[0].contains("\"spam\""));
        here.post(&page.undo(), &[]).await.is(200);
        assert!(lessons().await[1].contains("\"forget\""));
        here.post(&format!("/t/{id}/change"), &[("state", "spam")]).await.is(200);
        let fields = [("mode", "reply"), ("reply", "Hello spammer")];
        here.post(&format!("/t/{id}/messages"), &fields).await.is(422);
        let page = here.post(&format!("/t/{id}/change"), &[("state", "not_spam")]).await.is(200);
        page.says("id=\"composer-form\"");
        assert!(lessons().await[3].contains("\"not_spam\""));
        assert_eq!(shop.ticket(id).await.state, State::New);
    }

    async fn a_moved_ticket_is_found_where_it_is(db: Db) {
        let shop = Shop::new(db).await;
        let file = crate::StoredFile {
            hash: shop.files.put(b"x".to_vec()).await.unwrap(),
            name: "receipt-4711.pdf".to_owned(),
            media_type: files::MediaType::of(b"x"),
            size_bytes: 1,
            content_id: None,
        };
        let mut mail = shop.mail("Question", "Where is my receipt?");
        mail.files = vec![file];
        let id = shop.comes(&mail).await.ticket;
        shop.notes(id, "Looks like a duplicate").await;
        let (tom, priya) = (shop.tom().await, shop.priya_browses().await);
        let finds = async |words: &str| {
            tom.get(&format!("/search?q={words}")).await.body.contains(&format!("/t/{id}"))
        };
        assert!(!finds("receipt").await);
        let here = priya.at("/inbox/all");
        let billing = shop.cast.billing.to_string();
        let page = here.post(&format!("/t/{id}/change"), &[("inbox", &billing)]).await.is(200);
        for words in ["receipt", "Whitfield", "dana@example.com", "4711", "duplicate"] {
            assert!(finds(words).await, "{words}");
        }
        here.post(&page.undo(), &[]).await.is(200);
        for words in ["receipt", "Whitfield", "4711", "duplicate"] {
            assert!(!finds(words).await, "{words}");
            priya.get(&format!("/search?q={words}")).await.says(&format!("/t/{id}"));
        }
        // Who moves a ticket out of sight is led back to the list.
        let own = shop.in_billing().await;
        let support = shop.cast.support.to_string();
        tom.post(&format!("/t/{own}/change"), &[("inbox", &support)]).await.is(422);
    }

    async fn followers_hear_of_it(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let ines = shop.ines().await;
        let page = ines.at(&format!("/t/{id}")).post(&format!("/t/{id}/following"), &[("follow", "yes")]).await;
        page.is(200).says("Stop following");
        ines.get("/inbox/following").await.says(&id.to_string());
        let page = ines.post(&format!("/t/{id}/following?in=all"), &[("follow", "no")]).await;
        assert_eq!(page.location(), format!("/t/{id}?in=all"));
        ines.get("/inbox/following").await.hides(&format!("conv-{id}"));
        shop.later(Span::hours(1));
    }
}
