use database::{on_both, params};
use futures_util::future::join_all;
use kernel::Span;
use serde_json::{Value, json};
use tickets::actions::{Office, merge};

use super::shop::{Shop, json_body, request};

fn new_ticket() -> Value {
    json!({
        "customer": {"email": "Dana@Example.com", "name": "Dana Whitfield"},
        "subject": "Refund for Web Design Foundations",
        "text": "I would like my money back.",
    })
}

on_both! {
    async fn a_ticket_from_the_customer_is_theirs_and_acknowledged(db: Db) {
        let shop = Shop::new(db).await;
        let token = shop.priya().await;
        let made = shop.post(&token, "/api/v1/tickets", &new_ticket()).await.is(201);
        let ticket = &made.json;
        assert_eq!(ticket["reference"], "RC-10001");
        assert_eq!((&ticket["id"], &ticket["status"], &ticket["channel"]), (&json!("RC-10001"), &json!("new"), &json!("api")));
        assert_eq!(ticket["customer"]["email"], "dana@example.com");
        assert_eq!(ticket["inbox"]["name"], "Support");
        assert!(ticket["acknowledged_at"].is_string());
        assert_eq!(ticket["message"]["text"], "I would like my money back.");
        assert_eq!((&ticket["message"]["direction"], &ticket["message"]["author"]), (&json!("in"), &json!("customer")));
        assert_eq!(made.header("location"), "/api/v1/tickets/RC-10001");
        let conn = shop.cast.db.read().await.unwrap();
        let kinds: Vec<String> =
            conn.column("select kind from deliveries order by id", params![]).await.unwrap();
        assert_eq!(kinds, ["acknowledgement"]);

        let html = json!({
            "customer": {"email": "eve@example.com"}, "subject": "Hi", "inbox": "billing@northlight.example",
            "html": "<p>Hello <b>you</b></p><script>alert(1)</script>",
        });
        let made = shop.post(&token, "/api/v1/tickets", &html).await.is(201).json;
        assert_eq!(made["inbox"]["name"], "Billing");
        assert_eq!(made["message"]["text"].as_str().unwrap().trim(), "Hello you");
        let shown = made["message"]["html"].as_str().unwrap();
        assert!(shown.contains("<b>you</b>") && !shown.contains("script"), "{shown}");
    }

    async fn a_ticket_from_an_agent_is_ours_and_mailed(db: Db) {
        let shop = Shop::new(db).await;
        let token = shop.priya().await;
        let mut body = new_ticket();
        body["from"] = json!("agent");
        body["cc"] = json!([{"email": "colleague@example.com"}]);
        let ticket = shop.post(&token, "/api/v1/tickets", &body).await.is(201).json;
        assert_eq!(ticket["status"], "waiting_customer");
        assert_eq!(ticket["assignee"]["email"], "priya@northlight.example");
        assert_eq!(ticket["message"]["direction"], "out");
        assert_eq!(ticket["message"]["recipients"]["cc"][0]["email"], "colleague@example.com");
        assert!(ticket["acknowledged_at"].is_null());
        let conn = shop.cast.db.read().await.unwrap();
        let kinds: Vec<String> =
            conn.column("select distinct kind from deliveries", params![]).await.unwrap();
        assert_eq!(kinds, ["reply"]);
    }

    async fn a_change_can_name_the_version_it_expects(db: Db) {
        let shop = Shop::new(db).await;
        let token = shop.priya().await;
        let path = format!("/api/v1/tickets/{}", shop.dana_writes("Support", "Hello").await);
        let seen = shop.get(&token, &path).await.is(200);
        let tag = seen.header("etag").to_owned();
        assert_eq!(shop.get(&token, &path).await.header("etag"), tag, "nothing changed");
        let change = async |tag: &str, body: Value| {
            let headers = [("content-type", "application/json"), ("if-match", tag)];
            shop.send(request("PATCH", &path, &token, json_body(&body), &headers)).await
        };
        // Each of these changes what is shown, and so the version.
        let mut tag = tag;
        for body in [
            json!({"priority": "high"}), json!({"tags": ["refund"]}), json!({"assignee": "me"}),
            json!({"status": "snoozed", "snoozed_until": "2099-01-01T09:00:00Z"}),
        ] {
            let changed = change(&tag, body.clone()).await.is(200);
            let new = changed.header("etag").to_owned();
            assert_ne!(new, tag, "{body}");
            let stale = change(&tag, json!({"subject": "Lost"})).await.refused(412);
            assert_eq!(stale.json["type"], "/api/docs#problem-stale");
            assert_eq!(shop.get(&token, &path).await.header("etag"), new);
            tag = new;
        }
        change(&format!("\"old\", W/{tag}"), json!({"priority": "low"})).await.is(200);
        change("*", json!({"priority": "normal"})).await.is(200);
        change("nonsense", json!({"priority": "low"})).await.refused(412);
        shop.patch(&token, &path, &json!({"priority": "urgent"})).await.is(200);
        // Of many programs that saw the same one wins.
        let tag = shop.get(&token, &path).await.header("etag").to_owned();
        let all = (0..8).map(|n| change(&tag, json!({"subject": format!("Subject {n}")})));
        let won = join_all(all).await.into_iter().filter(|reply| reply.status == 200).count();
        assert_eq!(won, 1);

        let page = shop.get(&token, "/api/v1/customers").await.is(200);
        let path = format!("/api/v1/customers/{}", page.json["data"][0]["id"].as_str().unwrap());
        let tag = shop.get(&token, &path).await.header("etag").to_owned();
        shop.patch(&token, &path, &json!({"name": "Dana W."})).await.is(200);
        let headers = [("content-type", "application/json"), ("if-match", tag.as_str())];
        let body = || json_body(&json!({"name": "Dana"}));
        shop.send(request("PATCH", &path, &token, body(), &headers)).await.refused(412);
    }

    async fn what_is_wrong_with_a_new_ticket_is_named(db: Db) {
        let shop = Shop::new(db).await;
        let token = shop.priya().await;
        let change = |pointer: &str, value: Value| {
            let mut body = new_ticket();
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            body.pointer_mut(parent).unwrap()[name] = value;
            body
        };
        for (pointer, value, field) in [
            ("/colour", json!("red"), "colour"),
            ("/customer/colour", json!("red"), "customer.colour"),
            ("/customer/email", json!("nobody"), "customer.email"),
            ("/customer/email", json!(7), "customer.email"),
            ("/subject", json!("  "), "subject"),
            ("/subject", json!(null), "subject"),
            ("/text", json!(" "), "text"),
            ("/text", json!(null), "text"),
            ("/html", json!("<p>also</p>"), "html"),
            ("/from", json!("mallory"), "from"),
            ("/inbox", json!("nowhere"), "inbox"),
            ("/cc", json!([{"email": "a@b.example"}]), "cc"),
            ("/attachments", json!(["x"]), "attachments"),
        ] {
            let body = change(pointer, value);
            shop.post(&token, "/api/v1/tickets", &body).await.names(422, field);
        }
        shop.post(&token, "/api/v1/tickets", &json!({})).await.names(422, "customer");
        let agent = |cc: Value| json!({
            "customer": {"email": "dana@example.com"}, "subject": "Hi", "text": "Hi", "from": "agent", "cc": cc,
        });
        let cc = agent(json!([{"email": "a@example.com"}, {"email": "x"}]));
        shop.post(&token, "/api/v1/tickets", &cc).await.names(422, "cc[1].email");
        // A rule of the desk says no in its own words.
        let own = agent(json!([{"email": "billing@northlight.example"}]));
        let reply = shop.post(&token, "/api/v1/tickets", &own).await.refused(422);
        assert!(reply.json["detail"].as_str().unwrap().contains("own inboxes"));
        shop.post(&shop.tom().await, "/api/v1/tickets", &{
            let mut body = new_ticket();
            body["inbox"] = json!("support@northlight.example");
            body
        }).await.names(422, "inbox");
        let none = shop.get(&token, "/api/v1/tickets").await.is(200);
        assert_eq!(none.json["data"], json!([]), "nothing was made");
    }

    async fn lists_are_narrowed_and_paged_while_tickets_come_in(db: Db) {
        let shop = Shop::new(db).await;
        let token = shop.priya().await;
        let mut made = Vec::new();
        for _ in 0..5 {
            made.push(shop.dana_writes("Support", "Hello").await);
            shop.cast.clock.advance(Span::minutes(1));
        }
        made.push(shop.dana_writes("Billing", "Hello").await);
        shop.patch(&token, "/api/v1/tickets/RC-10002", &json!({"status": "resolved"})).await.is(200);
        shop.patch(&token, "/api/v1/tickets/RC-10003", &json!({"assignee": "me", "tags": ["Refund"]})).await.is(200);
        for (query, expected) in [
            ("", vec![6, 5, 4, 3, 2, 1]),
            ("?sort=oldest", vec![1, 2, 3, 4, 5, 6]),
            ("?status=needs_reply", vec![6, 5, 4, 3, 1]),
            ("?status=open", vec![3]),
            ("?status=closed", vec![]),
            ("?status=new", vec![6, 5, 4, 1]),
            ("?status=resolved", vec![2]),
            ("?status=done", vec![2]),
            ("?status=spam", vec![]),
            ("?assignee=me", vec![3]),
            ("?assignee=priya@northlight.example&status=open", vec![3]),
            ("?assignee=none&status=active", vec![6, 5, 4, 1]),
            ("?inbox=billing", vec![6]),
            ("?inbox=support@northlight.example&limit=2", vec![5, 4]),
            ("?tag=refund", vec![3]),
        ] {
            let reply = shop.get(&token, &format!("/api/v1/tickets{query}")).await.is(200);
            let numbers: Vec<String> = expected.iter().map(|n| format!("RC-{}", 10_000 + n)).collect();
            assert_eq!(reply.column("reference"), numbers, "{query}");
        }
        let customer = shop.get(&token, "/api/v1/tickets/RC-10001").await.json["customer"]["id"].as_str().unwrap().to_owned();
        let reply = shop.get(&token, &format!("/api/v1/tickets?customer={customer}")).await.is(200);
        assert_eq!(reply.column("reference").len(), 6);

        let mut walked = Vec::new();
        let mut path = "/api/v1/tickets?limit=2".to_owned();
        loop {
            let page = shop.get(&token, &path).await.is(200);
            walked.extend(page.column("reference"));
            shop.cast.clock.advance(Span::minutes(1));
            shop.writes("eve@example.com", "Support", "Meanwhile").await;
            let Some(next) = page.json["next"].as_str() else { break };
            path = format!("/api/v1/tickets?limit=2&after={next}");
        }
        made.reverse();
        assert_eq!(walked, made, "nothing repeated, nothing left out");
    }

    async fn wrong_parameters_are_named(db: Db) {
        let shop = Shop::new(db).await;
        let token = shop.priya().await;
        for (query, field) in [
            ("colour=red", "colour"), ("limit=0", "limit"), ("limit=101", "limit"),
            ("after=xyz", "after"), ("after=%25", "after"), ("status=merged", "status"), ("status=fine", "status"),
            ("status=new+tag:x", "status"), ("status=unanswered", "status"), ("limit=many", "limit"), ("status=", "status"), ("assignee=ghost", "assignee"),
            ("inbox=nowhere", "inbox"), ("customer=7", "customer"), ("sort=random", "sort"),
            ("view=0199f3a1-7c2e-7d10-a4f5-3a2b1c0d9e8f", "view"),
        ] {
            shop.get(&token, &format!("/api/v1/tickets?{query}")).await.names(422, field);
        }
        for n in 0..3 {
            shop.writes("eve@example.com", "Support", &format!("Hello {n}")).await;
        }
        let first = shop.get(&token, "/api/v1/tickets?limit=1").await.is(200);
        let next = first.json["next"].as_str().unwrap();
        let path = format!("/api/v1/tickets?limit=1&after={next}");
        shop.get(&token, &path).await.is(200);
        shop.get(&token, &format!("{path}&sort=oldest")).await.names(422, "after");
        // Where there are no parameters, none is taken.
        let note = json!({"text": "Hello"});
        let path = "/api/v1/tickets/RC-10001/notes?foo=1";
        shop.post(&token, path, &note).await.names(422, "foo");
        shop.get(&token, "/api/v1/tickets/RC-10001?foo=1").await.names(422, "foo");
        shop.get(&token, "/api/v1/tickets/RC-10001").await.is(200);
    }

    async fn a_change_of_several_fields_is_made_whole(db: Db) {
        let shop = Shop::new(db).await;
        let token = shop.priya().await;
        let reference = shop.dana_writes("Support", "Hello").await;
        let path = format!("/api/v1/tickets/{reference}");
        let change = json!({
            "priority": "high", "assignee": "mateo@northlight.example", "tags": ["refund", "VIP"],
            "subject": "About a refund", "inbox": "Billing",
        });
        let ticket = shop.patch(&token, &path, &change).await.is(200).json;
        assert_eq!((&ticket["priority"], &ticket["subject"]), (&json!("high"), &json!("About a refund")));
        assert_eq!((&ticket["assignee"]["name"], &ticket["inbox"]["name"]), (&json!("Mateo Ruiz"), &json!("Billing")));
        assert_eq!(ticket["tags"], json!(["refund", "vip"]));
        let ticket = shop.patch(&token, &path, &json!({"tags": ["vip"], "assignee": null})).await.is(200).json;
        assert_eq!((&ticket["tags"], &ticket["assignee"]), (&json!(["vip"]), &Value::Null));
        assert_eq!(ticket["priority"], "high", "what is left out stays");

        let hold = json!({"status": "on_hold", "hold_reason": "The bank", "next_update_at": "2030-01-01T09:00:00Z"});
        let ticket = shop.patch(&token, &path, &hold).await.is(200).json;
        assert_eq!((&ticket["status"], &ticket["hold_reason"]), (&json!("on_hold"), &json!("The bank")));
        let later = shop.patch(&token, &path, &json!({"next_update_at": "2030-02-01T09:00:00Z"})).await.is(200).json;
        assert_eq!((&later["hold_reason"], &later["next_update_at"]), (&json!("The bank"), &json!("2030-02-01T09:00:00Z")));
        let ticket = shop.patch(&token, &path, &json!({"snoozed_until": "2030-01-01T09:00:00Z"})).await.is(200).json;
        assert_eq!((&ticket["status"], &ticket["hold_reason"]), (&json!("snoozed"), &Value::Null));
        let done = json!({"status": "resolved", "resolution": "solved", "cause": "A wrong link"});
        for _ in 0..2 {
            let ticket = shop.patch(&token, &path, &done).await.is(200).json;
            assert_eq!((&ticket["status"], &ticket["resolution"], &ticket["cause"]), (&json!("resolved"), &json!("solved"), &json!("A wrong link")));
        }
        for (status, is) in [("open", "open"), ("spam", "spam"), ("spam", "spam"), ("open", "open"), ("waiting_customer", "waiting_customer")] {
            let ticket = shop.patch(&token, &path, &json!({"status": status})).await.is(200).json;
            assert_eq!(ticket["status"], is);
        }
    }

    async fn only_what_can_be_taken_away_may_be_null(db: Db) {
        let shop = Shop::new(db).await;
        let token = shop.priya().await;
        shop.dana_writes("Support", "Hello").await;
        let path = "/api/v1/tickets/RC-10001";
        for field in ["status", "priority", "tags", "hold_reason", "subject"] {
            shop.patch(&token, path, &json!({field: null})).await.names(422, field);
        }
        shop.patch(&token, path, &json!({"assignee": "me"})).await.is(200);
        let changed = shop.patch(&token, path, &json!({"assignee": null, "team": null})).await.is(200);
        assert_eq!(changed.json["assignee"], Value::Null);
    }

    async fn html_of_ours_is_mailed_as_it_was_written(db: Db) {
        let shop = Shop::new(db).await;
        let token = shop.priya().await;
        let html = "<h2>Steps</h2><p>Type <code>2 * 3</code> &amp; <b>wait</b>, # 1</p>\
            <table><tbody><tr><td>a</td></tr></tbody></table>\
            <a href=\"https://shop.example/x\">Here</a><script>alert(1)</script>";
        let new = json!({
            "customer": {"email": "dana@example.com"}, "subject": "Hi", "html": html, "from": "agent"
        });
        shop.post(&token, "/api/v1/tickets", &new).await.is(201);
        let path = "/api/v1/tickets/RC-10001/messages";
        let answered = shop.post(&token, path, &json!({"html": html})).await.is(201);
        let kept = answered.json["html"].as_str().unwrap();
        assert!(kept.contains("<b>wait</b>") && kept.contains("<td>a</td>"), "{kept}");
        let text = answered.json["text"].as_str().unwrap();
        assert!(text.contains("2 * 3") && text.contains("# 1") && !text.contains('<'), "{text}");
        let conn = shop.cast.db.read().await.unwrap();
        let mails: Vec<String> =
            conn.column("select html from deliveries order by id", database::params![]).await.unwrap();
        assert_eq!(mails.len(), 2);
        for mail in mails {
            for piece in ["<h2>Steps</h2>", "<code>2 * 3</code>", "<b>wait</b>", "https://shop.example/x"] {
                assert!(mail.contains(piece), "{piece} is not in {mail}");
            }
            assert!(!mail.contains("alert"), "{mail}");
        }
    }

    async fn what_is_wrong_with_a_change_is_named_and_nothing_changes(db: Db) {
        let shop = Shop::new(db).await;
        let token = shop.priya().await;
        let path = format!("/api/v1/tickets/{}", shop.dana_writes("Support", "Hello").await);
        for (change, field) in [
            (json!({"priority": "urgent", "colour": "red"}), "colour"),
            (json!({"id": "RC-7"}), "id"), (json!({"version": 7}), "version"), (json!({"customer": "x"}), "customer"),
            (json!({"priority": "very"}), "priority"), (json!({"assignee": "ghost@x.example"}), "assignee"),
            (json!({"team": "none"}), "team"), (json!({"category": "none"}), "category"),
            (json!({"inbox": "none"}), "inbox"), (json!({"status": "merged"}), "status"),
            (json!({"status": "closed"}), "status"), (json!({"status": "on_hold"}), "hold_reason"),
            (json!({"status": "on_hold", "hold_reason": "x"}), "next_update_at"),
            (json!({"status": "snoozed"}), "snoozed_until"),
            (json!({"status": "snoozed", "snoozed_until": "tomorrow"}), "snoozed_until"),
            (json!({"resolution": "solved"}), "resolution"), (json!({"status": "open", "cause": "x"}), "cause"),
            (json!({"status": "resolved", "resolution": "magic"}), "resolution"), (json!({"tags": "refund"}), "tags"),
        ] {
            shop.patch(&token, &path, &change).await.names(422, field);
        }
        // The rule of a later field takes the earlier ones with it.
        let past = json!({"priority": "urgent", "snoozed_until": "2001-01-01T00:00:00Z"});
        let reply = shop.patch(&token, &path, &past).await.refused(422);
        assert_eq!(reply.json["detail"], "Choose a time in the future.");
        let cannot_see = json!({"assignee": "tom@northlight.example"});
        shop.patch(&token, &path, &cannot_see).await.refused(422);
        let ticket = shop.get(&token, &path).await.is(200).json;
        assert_eq!((&ticket["priority"], &ticket["status"], &ticket["tags"]), (&json!("normal"), &json!("new"), &json!([])));
    }

    async fn a_merged_ticket_leads_to_the_other(db: Db) {
        let shop = Shop::new(db).await;
        let token = shop.priya().await;
        let first = shop.dana_writes("Support", "Hello").await;
        let second = shop.dana_writes("Support", "Hello again").await;
        let office = Office::open(&shop.cast.accounts, &shop.keys).await.unwrap();
        let actor = shop.cast.actor(shop.cast.priya).await;
        let mut tx = shop.cast.db.begin().await.unwrap();
        let (from, into) = (second.parse().unwrap(), first.parse().unwrap());
        merge(&mut tx, &office, &actor, from, into).await.unwrap();
        tx.commit().await.unwrap();
        for below in ["", "/messages", "/notes"] {
            let moved = shop.get(&token, &format!("/api/v1/tickets/{second}{below}")).await.is(308);
            assert_eq!(moved.header("location"), format!("/api/v1/tickets/{first}{below}"));
        }
        let changed = shop.patch(&token, &format!("/api/v1/tickets/{second}"), &json!({"priority": "low"})).await.is(200);
        assert_eq!((&changed.json["reference"], &changed.json["priority"]), (&json!(first), &json!("low")));
        let note = shop.post(&token, &format!("/api/v1/tickets/{second}/notes"), &json!({"text": "Both are one."})).await.is(201);
        assert_eq!(note.json["ticket"], json!(first));
    }

    async fn what_one_does_not_see_is_not_there(db: Db) {
        let shop = Shop::new(db).await;
        let tom = shop.tom().await;
        let hidden = shop.writes("eve@example.com", "Support", "canary").await;
        let seen = shop.dana_writes("Billing", "Hello").await;
        assert_eq!(shop.get(&tom, "/api/v1/tickets").await.is(200).column("reference"), [seen.as_str()]);
        shop.get(&tom, &format!("/api/v1/tickets/{seen}")).await.is(200);
        shop.get(&tom, "/api/v1/tickets?inbox=support").await.names(422, "inbox");
        let ticket = format!("/api/v1/tickets/{hidden}");
        let absent = shop.get(&tom, "/api/v1/tickets/RC-19999").await.refused(404).json;
        for below in ["", "/messages", "/notes"] {
            let reply = shop.get(&tom, &format!("{ticket}{below}")).await.refused(404);
            assert_eq!(reply.json, absent, "forbidden and absent look alike");
        }
        shop.patch(&tom, &ticket, &json!({"priority": "low"})).await.refused(404);
        for below in ["/messages", "/notes"] {
            let body = json!({"text": "Hello"});
            shop.post(&tom, &format!("{ticket}{below}"), &body).await.refused(404);
        }
        assert_eq!(shop.get(&tom, "/api/v1/inboxes").await.is(200).column("name"), ["Billing"]);
    }

    async fn messages_and_notes_are_written_and_read(db: Db) {
        let shop = Shop::new(db).await;
        let token = shop.priya().await;
        let path = format!("/api/v1/tickets/{}", shop.dana_writes("Support", "Where is my key?").await);
        let (messages, notes) = (format!("{path}/messages"), format!("{path}/notes"));
        let answer = json!({"text": "Here it **is**.", "then": "resolve", "resolution": "solved"});
        let made = shop.post(&token, &messages, &answer).await.is(201);
        assert_eq!((&made.json["direction"], &made.json["agent"]["name"]), (&json!("out"), &json!("Priya Nair")));
        assert_eq!(made.json["recipients"]["to"][0]["email"], "dana@example.com");
        let ticket = shop.get(&token, &path).await.is(200).json;
        assert_eq!((&ticket["status"], &ticket["resolution"]), (&json!("resolved"), &json!("solved")));
        let html = json!({"html": "<p>One more <i>thing</i></p>", "then": "stay_open",
            "to": [{"email": "dana@example.com"}], "bcc": [{"email": "log@example.com", "name": "Log"}]});
        let made = shop.post(&token, &messages, &html).await.is(201);
        assert_eq!(made.json["recipients"]["bcc"][0], json!({"email": "log@example.com", "name": "Log"}));
        let noted = shop.post(&token, &notes, &json!({"text": "She was nice. @Mateo"})).await.is(201);
        assert_eq!((&noted.json["author"]["name"], &noted.json["text"]), (&json!("Priya Nair"), &json!("She was nice. @Mateo")));

        let list = shop.get(&token, &messages).await.is(200);
        assert_eq!(list.column("direction"), ["in", "out", "out"]);
        assert!(!String::from_utf8(list.bytes).unwrap().contains("She was nice"), "notes are apart");
        assert_eq!(shop.get(&token, &notes).await.is(200).column("text"), ["She was nice. @Mateo"]);
        let first = shop.get(&token, &format!("{messages}?limit=2")).await.is(200);
        let next = first.json["next"].as_str().unwrap();
        let rest = shop.get(&token, &format!("{messages}?limit=2&after={next}")).await.is(200);
        assert_eq!((rest.column("direction").len(), &rest.json["next"]), (1, &Value::Null));
        shop.get(&token, &format!("{notes}?after={next}")).await.names(422, "after");

        for (body, field) in [
            (json!({}), "text"), (json!({"text": "a", "html": "b"}), "html"), (json!({"html": "<br>"}), "html"),
            (json!({"text": "a", "then": "vanish"}), "then"), (json!({"text": "a", "cause": "x"}), "cause"),
            (json!({"text": "a", "colour": 1}), "colour"), (json!({"text": "a", "to": [{"email": "x"}]}), "to[0].email"),
            (json!({"text": "a", "attachments": ["0199f3a1-7c2e-7d10-a4f5-3a2b1c0d9e8f"]}), "attachments[0]"),
        ] {
            shop.post(&token, &messages, &body).await.names(422, field);
        }
        shop.post(&token, &notes, &json!({"text": ""})).await.refused(422);
        shop.post(&token, &notes, &json!({"text": 3})).await.names(422, "text");
    }
}
