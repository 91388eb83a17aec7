//! Two people change one ticket at once.

use database::on_both;
use futures_util::future::join_all;
use kernel::Failure;

use super::browser::{Page, Shop};
use crate::State;
use crate::actions::{Edit, EditRefusal, edit_seen};
use crate::store::taxonomy::{self, FieldKind, NewField};
use crate::ticket::Priority;

/// The pieces of a page that are forms sent to an address.
fn forms<'p>(page: &'p Page, action: &str) -> Vec<&'p str> {
    let start = format!("method=\"post\" action=\"{action}");
    let forms = page.body.split(&start).skip(1);
    forms.map(|form| form.split("</form>").next().unwrap()).collect()
}

on_both! {
    async fn nobody_overwrites_what_they_have_not_seen(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let (priya, sarah) = (shop.priya_browses().await, shop.sarah().await);
        let page = priya.get(&format!("/t/{id}")).await.is(200);
        let shown = |name: &str| page.field(name);
        let (was_assignee, was_state) = (shown("was-assignee"), shown("was-state"));
        let (me, him) = (shop.cast.priya.to_string(), shop.cast.mateo.to_string());
        let change = format!("/t/{id}/change");
        sarah.post(&change, &[("assignee", &him), ("was-assignee", &was_assignee)]).await.location();
        let here = priya.at(&format!("/t/{id}"));
        let mine = [("assignee", me.as_str()), ("was-assignee", &was_assignee)];
        let page = here.post(&change, &mine).await.is(409);
        assert_eq!(page.toast(), "Sarah Lindqvist set “Assigned to” to “Mateo Ruiz” meanwhile; look at it, then choose again.");
        page.says("Mateo Ruiz");
        assert_eq!(page.field("was-assignee"), him, "the page shows who has it, and expects it");
        assert_eq!(shop.ticket(id).await.assignee, Some(shop.cast.mateo));
        // Without scripts the whole page says the same.
        let plain = priya.post(&change, &mine).await.is(409);
        assert!(plain.is_whole());
        plain.says("Sarah Lindqvist set “Assigned to”");
        // Whoever has seen it may.
        let seen = [("assignee", me.as_str()), ("was-assignee", &him)];
        here.post(&change, &seen).await.is(200);
        assert_eq!(shop.ticket(id).await.assignee, Some(shop.cast.priya));

        // The state went on, which is what the buttons of the page before mean.
        let resolve = [("state", "resolve"), ("was-state", was_state.as_str())];
        assert_eq!(shop.ticket(id).await.state, State::Open, "she took it");
        assert!(here.post(&change, &resolve).await.is(409).toast().starts_with("You set “State” to “Open”"));
        // What they want is so already: nobody is contradicted.
        here.post(&change, &[("state", "open"), ("was-state", &was_state)]).await.is(200);
        // A tag is added beside others and overwrites nothing.
        sarah.post(&change, &[("tag", "refund")]).await.location();
        here.post(&change, &[("tag", "vip")]).await.is(200);
        assert_eq!(shop.texts("select name from tags order by name").await, ["refund", "vip"]);
    }

    async fn the_customers_word_comes_before_an_old_decision(db: Db) {
        let shop = Shop::new(db).await;
        let mail = shop.mail("Refund", "I would like my money back.");
        let id = shop.comes(&mail).await.ticket;
        let ours = shop.answers(id, "It is on its way.").await.message;
        let priya = shop.priya_browses().await;
        let was = priya.get(&format!("/t/{id}")).await.field("was-state");
        let ours = shop.messages(id).await.into_iter().find(|one| one.id == ours).unwrap();
        shop.later(kernel::Span::minutes(5));
        let mut again = shop.mail("Re", "It is not.");
        again.references = vec![ours.mail_id.unwrap()];
        assert_eq!(shop.comes(&again).await.ticket, id);
        let resolve = [("state", "resolve"), ("was-state", was.as_str())];
        let page = priya.at(&format!("/t/{id}")).post(&format!("/t/{id}/change"), &resolve).await;
        assert!(page.is(409).toast().starts_with("The customer wrote meanwhile, and the ticket is “Open” now"));
        assert_eq!(shop.ticket(id).await.state, State::Open);
    }

    async fn different_details_live_side_by_side(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let mut tx = shop.db.begin().await.unwrap();
        let field = NewField {
            key: "order", label: "Order", kind: FieldKind::Text, choices: &[], required_to_resolve: false,
        };
        let order = taxonomy::add_field(&mut tx, &field).await.unwrap().unwrap();
        taxonomy::add_category(&mut tx, "Billing", shop.now()).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        let (order, was_order) = (format!("field-{order}"), format!("was-field-{order}"));
        let (priya, mateo) = (shop.priya_browses().await, shop.mateo().await);
        let page = priya.get(&format!("/t/{id}")).await.is(200);
        let panel = forms(&page, &format!("/t/{id}/details"))[0];
        for name in ["was-priority", "was-category", "was-inbox", &was_order] {
            assert!(panel.contains(&format!("name=\"{name}\"")), "{name}");
        }
        let was = |name: &'static str| page.field(name);
        let shown = [
            ("was-priority", was("was-priority")),
            ("was-category", was("was-category")),
            ("was-inbox", was("was-inbox")),
        ];
        let inbox = shop.cast.support.to_string();
        // The whole form is sent each time, with what nobody touched.
        let sent = |priority: &'static str, text: &'static str| {
            let mut fields: Vec<(&str, &str)> =
                shown.iter().map(|(name, value)| (*name, value.as_str())).collect();
            fields.extend([("priority", priority), ("category", ""), ("inbox", &inbox)]);
            fields.extend([(was_order.as_str(), ""), (order.as_str(), text)]);
            fields
        };
        let details = format!("/t/{id}/details");
        mateo.at(&format!("/t/{id}")).post(&details, &sent("urgent", "")).await.is(200);
        let here = priya.at(&format!("/t/{id}"));
        here.post(&details, &sent("normal", "4711")).await.is(200);
        assert_eq!(shop.ticket(id).await.priority, Priority::Urgent, "what she left alone is his");
        let values = async || {
            let conn = shop.db.read().await.unwrap();
            taxonomy::field_values(&conn, id).await.unwrap().into_iter().map(|(_, value)| value).collect::<Vec<_>>()
        };
        assert_eq!(values().await, ["4711"]);

        // The same field: nothing is saved, and nothing of what was typed is lost.
        for browser in [mateo.at(&format!("/t/{id}")), mateo.clone()] {
            let page = browser.post(&details, &sent("low", "4712")).await.is(409);
            let panel = forms(&page, &details)[0];
            assert!(panel.contains("value=\"4712\""), "what was typed: {panel}");
            assert!(panel.contains("Priya Nair set “Order” to “4711” meanwhile"), "{panel}");
            assert!(panel.contains(&format!("name=\"{was_order}\" value=\"4711\"")), "{panel}");
            assert!(panel.contains("value=\"urgent\" selected"), "{panel}");
        }
        assert_eq!((values().await, shop.ticket(id).await.priority), (vec!["4711".to_owned()], Priority::Urgent));
        let page = here.post(&details, &[(&order, "5"), (&was_order, "4711")]).await;
        page.is(200);
        assert_eq!(values().await, ["5"]);
    }

    async fn a_sheet_keeps_what_was_typed(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let (priya, mateo) = (shop.priya_browses().await, shop.mateo().await);
        let change = format!("/t/{id}/change");
        let was = priya.get(&format!("/t/{id}/ask/subject")).await.field("was-subject");
        mateo.post(&change, &[("subject", "Refund for Dana"), ("was-subject", &was)]).await.location();
        for browser in [priya.at(&format!("/t/{id}")), priya.clone()] {
            let fields = [("subject", "Dana wants a refund"), ("was-subject", was.as_str())];
            let page = browser.post(&change, &fields).await.is(409);
            page.says("Mateo Ruiz set “Subject” to “Refund for Dana” meanwhile");
            page.says("value=\"Dana wants a refund\"");
            page.says("name=\"was-subject\" value=\"Refund for Dana\"");
        }
        let was = priya.get(&format!("/t/{id}/ask/hold")).await.field("was-state");
        mateo.post(&change, &[("state", "snooze"), ("until", "2026-12-24"), ("was-state", &was)]).await.location();
        let fields = [
            ("state", "hold"), ("reason", "the printer"), ("until_other", "2026-12-25T10:00"),
            ("was-state", was.as_str()),
        ];
        let page = priya.at(&format!("/t/{id}")).post(&change, &fields).await.is(409);
        page.says("value=\"the printer\"");
        page.says("value=\"2026-12-25T10:00\"");
        assert_eq!(shop.ticket(id).await.state, State::Snoozed);
        let snoozed = priya.get(&format!("/t/{id}/ask/snooze")).await.field("was-state");
        let fields = [("state", "snooze"), ("until", "2026-12-26"), ("was-state", snoozed.as_str())];
        mateo.post(&change, &fields).await.location();
        priya.post(&change, &[("state", "snooze"), ("until", "2026-12-27"), ("was-state", &snoozed)]).await.is(409);

        let title = |title: &'static str, was: &str| {
            [("problem", String::new()), ("title", title.to_owned()), ("was-problem", was.to_owned())]
        };
        let posts = async |fields: [(&str, String); 3]| {
            let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
            mateo.post(&format!("/t/{id}/problem"), &fields).await.status.as_u16()
        };
        assert_eq!(posts(title("Downloads fail", "")).await, 303);
        assert_eq!(posts(title("Payments fail", "")).await, 409);
        assert_eq!(shop.texts("select title from problems").await, ["Downloads fail"]);
    }

    async fn many_at_once_leave_alone_what_moved(db: Db) {
        let shop = Shop::new(db).await;
        let (a, b) = (shop.dana_writes().await, shop.dana_writes().await);
        let (priya, mateo) = (shop.priya_browses().await, shop.mateo().await);
        let page = priya.get("/inbox/all").await.is(200);
        let pick = |id: kernel::TicketId| {
            page.between(&format!("name=\"ticket\" value=\"{id}"), "\"").to_owned()
        };
        let (first, second) = (format!("{a}{}", pick(a)), format!("{b}{}", pick(b)));
        let him = shop.cast.mateo.to_string();
        mateo.post(&format!("/t/{a}/change"), &[("assignee", &him)]).await.location();
        let ticked = |what: &'static str| [("ticket", first.as_str()), ("ticket", second.as_str()), ("do", what)];
        let here = priya.at("/inbox/all");
        let page = here.post("/tickets/bulk?in=all", &ticked("assignee=me")).await.is(200);
        assert_eq!(page.toast(), format!(
            "One ticket changed. Somebody was quicker, so these stay as they are: {a}. \
             Mateo Ruiz set “Assigned to” to “Mateo Ruiz” meanwhile; look at it, then choose again."
        ));
        assert_eq!(shop.ticket(a).await.assignee, Some(shop.cast.mateo));
        assert_eq!(shop.ticket(b).await.assignee, Some(shop.cast.priya));
        // Another field of the same tickets is changed all the same.
        let page = here.post("/tickets/bulk?in=all", &ticked("priority=high")).await.is(200);
        assert_eq!(page.toast(), "2 tickets changed.");
        let plain = priya.post("/tickets/bulk?in=all", &ticked("state=resolve")).await.is(409);
        plain.says("so these stay as they are");
    }

    async fn what_is_shared_is_not_saved_over_unseen(db: Db) {
        let shop = Shop::new(db).await;
        let (sarah, mateo) = (shop.sarah().await, shop.mateo().await);
        let reply = [("title", "Refund"), ("text", "It is on its way."), ("shared", "on")];
        sarah.post("/settings/replies", &reply).await.location();
        let view = [("name", "Angry"), ("query", "refund"), ("shared", "on")];
        sarah.post("/settings/views", &view).await.location();
        let replies = format!("/settings/replies/{}", shop.ids("select public_id from saved_replies").await[0]);
        let views = format!("/settings/views/{}", shop.ids("select public_id from views").await[0]);
        let was = async |page: &str, action: &str| {
            let page = sarah.get(page).await;
            let form = forms(&page, &format!("{action}\"")).into_iter().find(|form| form.contains("name=\"was\""));
            form.unwrap().split("name=\"was\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
        };
        let seen = was("/settings/replies", &replies).await;
        let says = |text: &'static str| [("title", "Refund"), ("text", text), ("was", seen.as_str())];
        mateo.post(&replies, &says("It takes\r\nthree days.")).await.location();
        let page = sarah.post(&replies, &says("It takes a week.")).await.is(422);
        page.says("Somebody changed this to “Refund: It takes three days.” after your page was drawn.");
        page.says("It takes a week.</textarea>");
        let form = forms(&page, &format!("{replies}\""))[0];
        let now = form.split("name=\"was\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_ne!(now, seen);
        let again = [("title", "Refund"), ("text", "It takes a week."), ("was", now)];
        sarah.post(&replies, &again).await.location();
        assert_eq!(shop.texts("select text from saved_replies").await, ["It takes a week."]);

        let seen = was("/settings/views", &views).await;
        let asks = |query: &'static str| [("name", "Angry"), ("query", query), ("was", seen.as_str())];
        mateo.post(&views, &asks("money")).await.location();
        sarah.post(&views, &asks("broken")).await.is(422).says("“Angry” with “money”");
        assert_eq!(shop.texts("select query from views").await, ["money"]);

        shop.dana_writes().await;
        let dana = format!("/customers/{}", shop.ids("select public_id from customers").await[0]);
        let seen = was(&dana, &dana).await;
        let called = |name: &'static str| [("name", name), ("was", seen.as_str())];
        mateo.post(&dana, &called("Dana W.")).await.location();
        let page = sarah.post(&dana, &called("Dana Whit")).await.is(409);
        page.says("Dana W.");
        page.says("Dana Whit");
        assert_eq!(shop.texts("select name from customers").await, ["Dana W."]);
    }

    async fn every_form_that_replaces_something_says_what_it_showed(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let priya = shop.priya_browses().await;
        let mut pages = vec![priya.get(&format!("/t/{id}")).await];
        for sheet in ["snooze", "hold", "resolve", "priority", "tags", "subject", "problem"] {
            pages.push(shop.mateo().await.get(&format!("/t/{id}/ask/{sheet}")).await);
        }
        shop.edits(id, Edit::Resolve { resolution: None, cause: None }).await;
        pages.push(priya.get(&format!("/t/{id}")).await);
        shop.edits(id, Edit::Spam).await;
        pages.push(priya.get(&format!("/t/{id}")).await);
        let mut seen = 0;
        for page in &pages {
            for action in ["change", "details", "problem"] {
                for form in forms(page, &format!("/t/{id}/{action}")) {
                    seen += 1;
                    let adds_only = !form.contains("name=\"assignee\"") && form.contains("tag\"");
                    assert!(form.contains("name=\"was-") || adds_only || !form.contains("name="), "{form}");
                    for name in ["state", "assignee", "priority", "subject", "problem"] {
                        let replaces = form.contains(&format!(" name=\"{name}\""));
                        assert_eq!(replaces, replaces && form.contains(&format!("was-{name}\"")), "{name}: {form}");
                    }
                }
            }
        }
        assert!(seen > 15, "{seen} forms");
    }

    async fn of_many_who_saw_the_same_one_wins(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let priya = shop.priya().await;
        let office = shop.office().await;
        let edits = async |n: usize| {
            let wanted = Edit::Subject(format!("Subject {n}"));
            let mut tx = shop.db.begin().await.unwrap();
            let was = Some("Refund for Web Design Foundations");
            match edit_seen(&mut tx, &office, &priya, id, &wanted, was).await {
                Ok(_) => {
                    tx.commit().await.unwrap();
                    Some(n)
                }
                Err(Failure::Refused(EditRefusal::Meanwhile(_))) => None,
                Err(other) => panic!("{other:?}"),
            }
        };
        let won: Vec<usize> = join_all((0..20).map(edits)).await.into_iter().flatten().collect();
        assert_eq!(won.len(), 1);
        assert_eq!(shop.ticket(id).await.subject, format!("Subject {}", won[0]));
    }
}
