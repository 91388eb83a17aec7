use database::on_both;
use kernel::Span;
use outbox::Recipients;

use super::browser::Shop;
use crate::actions::{Edit, Incoming};
use crate::store::people;

on_both! {
    async fn a_ticket_opens_whole_or_as_a_part(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let priya = shop.priya_browses().await;
        let page = priya.get(&format!("/t/{id}?in=unassigned")).await.is(200);
        assert!(page.is_whole());
        for text in [
            "Refund for Web Design Foundations",
            "I would like my money back.",
            "Dana Whitfield",
            "dana@example.com",
            "id=\"composer-form\"",
            &format!("action=\"/t/{id}/messages?in=unassigned\""),
            &format!("action=\"/t/{id}/change?in=unassigned\""),
        ] {
            page.says(text);
        }
        page.says("Unassigned</h2>");
        let part = priya.at("/inbox/unassigned").part(&format!("/t/{id}?in=unassigned")).await;
        assert!(!part.is_whole());
        part.says("<title>Refund for Web Design Foundations · Unassigned · Northlight Studio</title>");
        part.says("<section class=\"pane pane--thread\"");
        assert_eq!(part.places(), ["#panel outerHTML", "#page-title innerHTML"]);
        assert!(part.header("vary").contains("HX-Request"));
        // Going back in history wants the page whole.
        let boosted = priya.at("/inbox/unassigned").get(&format!("/t/{id}")).await;
        assert!(boosted.is_whole());
        priya.get("/t/RC-99999").await.is(404);
        priya.get("/t/nonsense").await.is(404);
        // A list that is not there is none to go back to.
        let page = priya.get(&format!("/t/{id}?in=view-gone")).await.is(200);
        page.says("Needs reply</h2>");
        priya.get(&format!("/t/{id}?in=%22%3E%3Cscript%3E")).await.is(200).hides("<script>");

        let page = shop.ines().await.get(&format!("/t/{id}")).await.is(200);
        page.hides("value=\"reply\"");
        page.hides("name=\"state\"");
        page.hides("name=\"untag\"");
        page.hides(&format!("/t/{id}/ask/"));
        page.says("value=\"note\" checked");
    }

    async fn opening_marks_read(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let priya = shop.priya_browses().await;
        priya.get("/inbox/all").await.says("data-unread");
        shop.edits(id, Edit::Assign(Some(shop.cast.mateo))).await;
        let mateo = shop.mateo().await;
        mateo.get("/notifications").await.says("data-unread");
        // Looking at it changes nothing: a page may be fetched ahead, or by a machine.
        mateo.get(&format!("/t/{id}")).await.is(200);
        mateo.get(&format!("/t/{id}/entries?after=&touch=message")).await.is(200);
        mateo.get("/inbox/all").await.says("data-unread");
        mateo.get("/notifications").await.says("data-unread");
        // The page says that it was read; without scripts a button does.
        let read = format!("/t/{id}/presence");
        mateo.at(&format!("/t/{id}")).post(&read, &[("activity", "gone")]).await.is(204);
        mateo.get("/inbox/all").await.says("data-unread");
        let page = mateo.get("/notifications").await;
        page.says(&format!("action=\"{read}\""));
        let page = mateo.post(&read, &[("back", &page.field("back")), ("activity", "read")]).await;
        assert_eq!(page.location(), format!("/t/{id}"));
        mateo.get("/inbox/all").await.hides("data-unread");
        let agent = shop.cast.actor(shop.cast.mateo).await;
        let unread = people::unread_count(
            &shop.db.read().await.unwrap(),
            crate::store::lists::Reader::of(&agent),
        )
        .await;
        assert_eq!(unread.unwrap(), 0);
        priya.get("/inbox/all").await.says("data-unread");
        shop.later(Span::minutes(1));
        shop.comes(&shop.mail("Another", "One more")).await;
        mateo.get("/inbox/all").await.says("data-unread");
        for activity in ["viewing", "read"] {
            shop.later(Span::minutes(1));
            let id = shop.comes(&shop.mail("And another", "Once more")).await.ticket;
            let row = format!("id=\"conv-{id}\" data-ref=\"{id}\" data-unread");
            mateo.get("/inbox/all").await.says(&row);
            mateo.at("/inbox/all").post(&format!("/t/{id}/presence"), &[("activity", activity)]).await.is(204);
            mateo.get("/inbox/all").await.hides(&row);
        }
        assert_eq!(mateo.post("/notifications/read", &[]).await.location(), "/notifications");
    }

    async fn an_old_number_leads_on(db: Db) {
        let shop = Shop::new(db).await;
        let (from, into) = (shop.dana_writes().await, shop.dana_writes().await);
        let priya = shop.priya_browses().await;
        let merged = priya.post(&format!("/t/{from}/merge?in=mine"), &[("reference", &into.to_string())]).await;
        assert_eq!(merged.location(), format!("/t/{into}?in=mine"));
        let page = priya.get(&format!("/t/{from}?in=mine")).await;
        assert_eq!(page.location(), format!("/t/{into}?in=mine"));
    }

    async fn earlier_messages_come_when_asked_for(db: Db) {
        let shop = Shop::new(db).await;
        let first = shop.mail("Long story", "Part 0.");
        let id = shop.comes(&first).await.ticket;
        for part in 1..45 {
            shop.later(Span::minutes(1));
            let more = Incoming {
                references: vec![first.mail_id.clone().unwrap()],
                ..shop.mail("Re: Long story", &format!("Part {part}."))
            };
            assert_eq!(shop.comes(&more).await.ticket, id);
        }
        let priya = shop.priya_browses().await;
        let page = priya.get(&format!("/t/{id}")).await.is(200);
        page.says("Part 44.");
        page.says("Part 5.");
        page.hides("Part 4.");
        let earlier = page.after("class=\"thread-more\"><a class=\"btn btn--s\" href=\"");
        let earlier = earlier.0.split('"').next().unwrap().to_owned();
        let part = priya.at(&format!("/t/{id}")).get(&earlier).await.is(200);
        for text in ["Part 0.", "Part 4."] {
            part.says(text);
        }
        part.hides("Part 5.");
        part.hides("thread-more");
    }

    async fn what_came_since_is_added(db: Db) {
        let shop = Shop::new(db).await;
        let first = shop.mail("Question", "How?");
        let id = shop.comes(&first).await.ticket;
        let priya = shop.priya_browses().await;
        let page = priya.get(&format!("/t/{id}")).await;
        let last = page.field("last_entry");
        let here = priya.at(&format!("/t/{id}"));
        shop.later(Span::minutes(1));
        let more = Incoming {
            references: vec![first.mail_id.clone().unwrap()],
            ..shop.mail("Re", "Never mind.")
        };
        shop.comes(&more).await;
        let part = here.get(&format!("/t/{id}/entries?after={last}&touch=entry")).await.is(200);
        part.says("Never mind.");
        assert!(part.places().contains(&"#entries beforeend".to_owned()));
        assert_eq!(part.between("#announce\" hx-swap=\"innerHTML\">", "<"), "Dana Whitfield wrote");
        // Of a note nobody says that the customer wrote.
        let last = priya.get(&format!("/t/{id}")).await.field("last_entry");
        shop.notes(id, "Looks solved").await;
        let part = here.get(&format!("/t/{id}/entries?after={last}&touch=entry")).await.is(200);
        part.says("Looks solved");
        part.hides("announce");
        let all = here.get(&format!("/t/{id}/entries?after={last}&touch=message")).await;
        assert!(all.places().contains(&"#entries innerMorph".to_owned()));
        all.says("How?");
        let unknown = here.get(&format!("/t/{id}/entries?after=x99&touch=entry")).await.is(200);
        assert!(unknown.places().contains(&"#entries innerMorph".to_owned()));
    }

    async fn what_others_wrote_cannot_become_markup(db: Db) {
        let shop = Shop::new(db).await;
        let bad = "<img src=x onerror=alert(1)>";
        let mut mail = shop.mail_from("eve@example.com", bad, bad, bad);
        mail.recipients = Recipients::default();
        let id = shop.comes(&mail).await.ticket;
        shop.notes(id, bad).await;
        shop.edits(id, Edit::Tag(bad.to_owned())).await;
        let priya = shop.priya_browses().await;
        for path in [format!("/t/{id}"), "/inbox/all".into(), "/search?q=onerror".into(),
            "/palette?q=onerror".into(), "/customers".into()] {
            priya.get(&path).await.is(200).hides("<img");
        }
    }
}
