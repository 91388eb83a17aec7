//! What is in an inbox that one does not see is nowhere.

use database::on_both;

use super::browser::Shop;
use crate::actions::{Edit, LinkKind, link};

on_both! {
    async fn lists_counts_and_searches_do_not_know_of_it(db: Db) {
        let shop = Shop::new(db).await;
        let (secret, own) = (shop.dana_writes().await, shop.in_billing().await);
        shop.notes(secret, "Dana is angry, be kind").await;
        let tom = shop.tom().await;
        for view in ["needs-reply", "unassigned", "all", "unanswered", "resolved", "waiting"] {
            let page = tom.get(&format!("/inbox/{view}")).await.is(200);
            page.hides(&secret.to_string());
            page.hides("Whitfield");
        }
        tom.get("/inbox/needs-reply").await.says(&own.to_string());

        let directory = shop.cast.accounts.directory().await.unwrap();
        let support = directory.inbox(shop.cast.support).unwrap().public_id;
        tom.get(&format!("/inbox/inbox-{support}")).await.is(404);
        tom.get(&format!("/inbox/inbox-{support}/rows?refs={secret}")).await.is(404);
        let rows = tom.get(&format!("/inbox/all/rows?refs={secret},{own}")).await.is(200);
        rows.hides(&secret.to_string());
        rows.says(&own.to_string());

        let counts = tom.get("/inbox/counts").await;
        assert_eq!(counts.between("#count-needs-reply\" hx-swap=\"innerHTML\">", "<"), "1");
        counts.hides(&support.to_string());
        let counts = shop.priya_browses().await.get("/inbox/counts").await;
        assert_eq!(counts.between("#count-needs-reply\" hx-swap=\"innerHTML\">", "<"), "2");

        for query in ["money", "Dana", "angry", "Whitfield", &secret.to_string(), "-vat"] {
            let page = tom.get(&format!("/search?q={query}")).await.is(200);
            page.hides(&format!("/t/{secret}"));
            page.hides("I would like");
            page.hides("be kind");
            tom.get(&format!("/inbox/all?q={query}")).await.hides(&format!("conv-{secret}"));
            let palette = tom.get(&format!("/palette?q={query}")).await.is(200);
            palette.hides(&format!("/t/{secret}"));
            palette.hides("dana@example.com");
        }
        tom.get("/search?q=vat").await.says(&own.to_string());
    }

    async fn the_ticket_and_all_that_is_in_it_are_not_there(db: Db) {
        let shop = Shop::new(db).await;
        let (secret, own) = (shop.dana_writes().await, shop.in_billing().await);
        let (tom, priya) = (shop.tom().await, shop.priya_browses().await);
        let url = format!("/t/{secret}");
        let sent = priya.upload(
            &format!("{url}/messages"),
            &[("mode", "note"), ("note", "see file")],
            &[("plan.txt", b"top secret")],
        ).await;
        sent.location();
        let file = shop.ids("select public_id from attachments").await;
        let message = shop.messages(secret).await[0].public_id;
        for path in [
            url.clone(),
            format!("{url}/entries"),
            format!("{url}/entries?before=99999"),
            format!("{url}/saved-replies"),
            format!("{url}/ask/merge"),
            format!("{url}/m/{message}/redact"),
            format!("/files/{}", file[0]),
        ] {
            tom.get(&path).await.is(404);
        }
        priya.get(&format!("/files/{}", file[0])).await.is(200);
        for (path, fields) in [
            ("presence", &[("activity", "viewing")][..]),
            ("change", &[("state", "resolve")]),
            ("details", &[("priority", "low")]),
            ("problem", &[("title", "x")]),
            ("following", &[("follow", "yes")]),
            ("links", &[("reference", &own.to_string())]),
            ("people", &[("address", "a@b.example")]),
            ("messages", &[("mode", "note"), ("note", "hello")]),
            ("messages", &[("mode", "reply"), ("reply", "hello")]),
        ] {
            tom.post(&format!("{url}/{path}"), fields).await.is(404);
        }
        for what in ["redact", "admit", "retry", "discard"] {
            tom.post(&format!("{url}/m/{message}/{what}"), &[]).await.is(404);
            // Not by way of a ticket that one sees, either.
            tom.post(&format!("/t/{own}/m/{message}/{what}"), &[]).await.is(404);
        }
        let draft = [("mode", "note"), ("text", "hm")];
        tom.form(axum::http::Method::PUT, &format!("{url}/draft"), &draft).await.is(404);
        tom.upload(&format!("{url}/files"), &[("mode", "note")], &[("a", b"b")]).await.is(404);
        tom.post(&format!("{url}/merge"), &[("reference", &own.to_string())]).await.is(422);
        let into = tom.post(&format!("/t/{own}/merge"), &[("reference", &secret.to_string())]).await;
        into.is(422).says("There is no ticket");
        let linked = tom.post(&format!("/t/{own}/links"), &[("reference", &secret.to_string())]).await;
        linked.is(422);
        let id = message.to_string();
        tom.post(&format!("{url}/split"), &[("message", &id)]).await.is(422);
        let bulk = tom.at("/inbox/all");
        let fields = [("ticket", secret.to_string()), ("do", "state=resolve".to_owned())];
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(bulk.post("/tickets/bulk", &fields).await.toast(), "0 tickets changed.");
        assert_eq!(shop.ticket(secret).await.state, crate::State::New);
    }

    async fn customers_of_others_are_not_there(db: Db) {
        let shop = Shop::new(db).await;
        let (secret, own) = (shop.dana_writes().await, shop.in_billing().await);
        let tom = shop.tom().await;
        let customer = async |id| {
            let customer = shop.ticket(id).await.customer;
            let conn = shop.db.read().await.unwrap();
            customers::find(&conn, customer).await.unwrap().unwrap().public_id
        };
        let (dana, leo) = (customer(secret).await, customer(own).await);
        tom.get("/customers").await.is(200).hides("Whitfield");
        tom.get("/customers?q=dana").await.is(200).hides("Whitfield");
        tom.get("/customers?q=leo").await.says("Leo Brandt");
        tom.get(&format!("/customers/{dana}")).await.is(404);
        tom.post(&format!("/customers/{dana}"), &[("name", "Mallory")]).await.is(404);
        tom.post(&format!("/customers/{dana}/merge"), &[("address", "leo@example.net")])
            .await
            .is(404);
        tom.post(&format!("/customers/{leo}/merge"), &[("address", "dana@example.com")])
            .await
            .is(422);

        // Of somebody who wrote to both, one sees the tickets of one's own inbox.
        let mut mail = shop.mail_from("leo@example.net", "Leo Brandt", "Broken video", "It stops.");
        mail.inbox = shop.cast.support;
        let other = shop.comes(&mail).await.ticket;
        let page = tom.get(&format!("/customers/{leo}")).await.is(200);
        page.says(&own.to_string());
        page.hides(&other.to_string());
        tom.get(&format!("/t/{own}")).await.is(200).hides("Broken video");
        shop.priya_browses().await.get(&format!("/t/{own}")).await.says("Broken video");
        let (office, priya) = (shop.office().await, shop.priya().await);
        let mut tx = shop.db.begin().await.unwrap();
        link(&mut tx, &office, &priya, own, other, LinkKind::Related).await.unwrap();
        tx.commit().await.unwrap();
        tom.get(&format!("/t/{own}")).await.hides("Broken video");
    }

    async fn news_and_numbers_forget_what_moved_away(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.in_billing().await;
        let tom = shop.tom().await;
        shop.edits(id, Edit::Assign(Some(shop.cast.tom))).await;
        tom.get("/notifications").await.says(&id.to_string());
        shop.move_to(id, shop.cast.support).await;
        let page = tom.get("/notifications").await.is(200);
        page.hides(&id.to_string());
        let unread = crate::store::people::unread_count(
            &shop.db.read().await.unwrap(),
            crate::store::lists::Reader::of(&shop.cast.actor(shop.cast.tom).await),
        )
        .await;
        assert_eq!(unread.unwrap(), 0);
        assert_eq!(shop.ticket(id).await.assignee, None, "nobody keeps what they cannot open");
    }

    async fn tags_of_others_are_not_offered(db: Db) {
        let shop = Shop::new(db).await;
        let (secret, own) = (shop.dana_writes().await, shop.in_billing().await);
        shop.edits(secret, Edit::Tag("lawsuit".to_owned())).await;
        shop.edits(own, Edit::Tag("chargeback".to_owned())).await;
        let sheet = format!("/t/{own}/ask/tags");
        let page = shop.tom().await.get(&sheet).await.is(200);
        page.says("<option value=\"chargeback\">");
        page.hides("lawsuit");
        let page = shop.priya_browses().await.get(&sheet).await.is(200);
        page.says("<option value=\"chargeback\">");
        page.says("<option value=\"lawsuit\">");
        // What moves away is offered no more.
        shop.move_to(own, shop.cast.support).await;
        let left = shop.in_billing().await;
        shop.tom().await.get(&format!("/t/{left}/ask/tags")).await.is(200).hides("chargeback");
    }

    async fn problems_count_what_one_sees(db: Db) {
        let shop = Shop::new(db).await;
        let (secret, own) = (shop.dana_writes().await, shop.in_billing().await);
        let mateo = shop.mateo().await;
        for id in [secret, own] {
            let page = mateo.get(&format!("/t/{id}/ask/problem")).await;
            let known = shop.ids("select public_id from problems").await;
            let form = match known.first() {
                None => vec![("title", "Login loop")],
                Some(problem) => vec![("problem", problem.as_str())],
            };
            page.is(200);
            mateo.post(&format!("/t/{id}/problem"), &form).await.location();
        }
        mateo.get("/problems").await.says("2 tickets");
        let page = shop.tom().await.get("/problems").await;
        page.hides("2 tickets");
        page.hides("name=\"title\"");
        page.hides("name=\"fixed\"");
        let problem = &shop.ids("select public_id from problems").await[0];
        let list = shop.tom().await.get(&format!("/inbox/problem-{problem}")).await.is(200);
        list.says(&own.to_string());
        list.hides(&secret.to_string());
    }
}
