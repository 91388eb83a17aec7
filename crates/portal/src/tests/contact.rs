use axum::http::StatusCode;
use database::{on_both, params};
use kernel::Span;

use super::stage::Stage;

const TEXT: &str = "The EPUB does not open on my Kobo.";

async fn fill<'f>(stage: &Stage, token: &'f str, topic: &'f str) -> Vec<(&'f str, &'f str)> {
    assert_eq!(stage.count("select count(*) from settings where name = 'portal_topics'").await, 1);
    vec![("form", token), ("email", "greta@example.com"), ("topic", topic), ("text", TEXT)]
}

/// The control of a field in a page, by the label before it.
fn control(page: &str, topic_heading: &str, label: &str) -> String {
    let (_, rest) =
        page.split_once(&format!("<legend class=\"sr\">{topic_heading}</legend>")).unwrap();
    let (before, _) = rest.split_once(&format!("\">{label}")).unwrap();
    before.rsplit("for=\"f-").next().unwrap().to_owned()
}

on_both! {
    async fn the_front_page_leads_to_both(db: Db) {
        let stage = Stage::new(db).await;
        let page = stage.get("/help", "").await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.has("/help/contact") && page.has("action=\"/help/link\""));
        assert!(page.has("A person answers within 24 hours."));
        assert!(page.has("support@northlight.example"));
    }

    async fn looking_changes_nothing(db: Db) {
        let stage = Stage::new(db).await;
        let mut tx = stage.db.begin().await.unwrap();
        for sql in [
            "delete from topic_fields",
            "delete from topics",
            "delete from fields",
            "delete from settings where name = 'portal_topics'",
        ] {
            tx.execute(sql, params![]).await.unwrap();
        }
        tx.commit().await.unwrap();
        for path in ["/help", "/help/contact", "/help/link"] {
            assert_eq!(stage.get(path, "").await.status, StatusCode::OK);
        }
        assert_eq!(stage.count("select count(*) from topics").await, 0);
        // The program makes them, once.
        assert!(crate::actions::make_first_topics(&stage.portal).await.unwrap());
        let made = stage.count("select count(*) from topics").await;
        assert!(made > 0);
        assert!(crate::actions::make_first_topics(&stage.portal).await.unwrap());
        assert_eq!(stage.count("select count(*) from topics").await, made);
    }

    async fn a_form_that_is_sent_again_and_again_gets_its_receipt(db: Db) {
        let stage = Stage::new(db).await;
        let (_, token) = stage.open_form().await;
        let topic = stage.topic("Something else").await;
        let fields = fill(&stage, &token, &topic).await;
        let first = stage.post("/help/contact", "", &fields).await;
        assert_eq!(first.status, StatusCode::SEE_OTHER);
        for _ in 0..20 {
            let again = stage.post("/help/contact", "", &fields).await;
            assert_eq!((again.status, &again.location), (first.status, &first.location));
        }
        assert_eq!(stage.count("select count(*) from tickets").await, 1);
    }

    async fn thanks_promise_a_mail_only_when_one_leaves(db: Db) {
        let stage = Stage::new(db).await;
        let (_, token) = stage.open_form().await;
        let topic = stage.topic("Something else").await;
        let mut fields = fill(&stage, &token, &topic).await;
        for (text, is_mailed) in [("The first of the day", true), ("The second", false)] {
            fields[3] = ("text", text);
            let sent = stage.post("/help/contact", "", &fields).await;
            let thanks = stage.get(&sent.location, "").await;
            assert_eq!(thanks.has("is on its way to the address"), is_mailed, "{text}");
            assert_eq!(thanks.has("Keep this reference."), !is_mailed, "{text}");
        }
    }

    async fn a_form_becomes_a_ticket_with_its_fields(db: Db) {
        let stage = Stage::new(db).await;
        let (form, token) = stage.open_form().await;
        let topic = stage.topic("A plugin or licence").await;
        let mut fields = fill(&stage, &token, &topic).await;
        let product = control(&form.body, "A plugin or licence", "Product");
        let version = control(&form.body, "A plugin or licence", "Version");
        fields.extend([(product.as_str(), "Gallery Pro"), (version.as_str(), "4.2")]);
        fields.push(("name", "Greta Holm"));
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01";
        let files = [("screen.png", png.as_slice()), ("../../<b>x.html", b"<script>1</script>")];
        let sent = stage.upload("/help/contact", "", &fields, &files).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
        let thanks = stage.get(&sent.location, "").await;
        assert!(thanks.has("We have your message"));
        let reference = sent.location.split('/').nth(4).unwrap().to_owned();
        assert!(reference.starts_with("RC-") && thanks.has(&reference));

        let values = stage.texts("select value from ticket_fields order by value").await;
        assert_eq!(values, ["4.2", "Gallery Pro"]);
        assert_eq!(stage.texts("select channel from tickets").await, ["form"]);
        assert_eq!(stage.texts("select text from messages").await, [TEXT]);
        let names = stage.texts("select name from attachments order by id").await;
        assert_eq!(names, ["screen.png", "<b>x.html"], "a path and control characters are gone");
        let types = stage.texts("select media_type from attachments order by id").await;
        assert_eq!(types, ["image/png", "application/octet-stream"], "by the bytes alone");
    }

    async fn the_acknowledgement_holds_nothing_that_was_typed(db: Db) {
        let stage = Stage::new(db).await;
        let (_, token) = stage.open_form().await;
        let topic = stage.topic("Something else").await;
        let mut fields = fill(&stage, &token, &topic).await;
        fields.push(("name", "Cheap-Pills"));
        fields.retain(|(name, _)| *name != "text");
        fields.push(("text", "Buy at evil.example"));
        stage.post("/help/contact", "", &fields).await;
        let mails = stage.texts("select subject || text || html || recipients from deliveries").await;
        assert_eq!(mails.len(), 1);
        assert!(mails[0].contains("greta@example.com"));
        for typed in ["Cheap-Pills", "evil.example"] {
            assert!(!mails[0].contains(typed), "{typed}");
        }
        let link = stage.link_in_mail("greta@example.com").await.unwrap();
        assert_eq!(stage.get(&link, "").await.status, StatusCode::OK, "its link opens");
    }

    async fn a_form_that_is_sent_twice_makes_one_ticket(db: Db) {
        let stage = Stage::new(db).await;
        let (_, token) = stage.open_form().await;
        let topic = stage.topic("A course").await;
        let fields = fill(&stage, &token, &topic).await;
        let first = stage.post("/help/contact", "", &fields).await;
        let second = stage.post("/help/contact", "", &fields).await;
        assert_eq!(first.location, second.location);
        assert_eq!(stage.count("select count(*) from tickets").await, 1);
        assert_eq!(stage.count("select count(*) from messages").await, 1);
        let mut changed = fields.clone();
        changed[3] = ("text", "Another thing.");
        let third = stage.post("/help/contact", "", &changed).await;
        assert_ne!(third.location, first.location, "other words are another message");
    }

    async fn a_wrong_form_comes_back_with_what_was_typed(db: Db) {
        let stage = Stage::new(db).await;
        let (_, token) = stage.open_form().await;
        let topic = stage.topic("A course").await;
        let typed = "<script>alert(1)</script> & \"more\"";
        let fields = [("form", token.as_str()), ("email", "greta.holm at mail"), ("topic", &topic), ("text", typed)];
        let page = stage.post("/help/contact", "", &fields).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.has("error-summary") && page.has("name@example.com"));
        assert!(page.has("greta.holm at mail"));
        assert!(!page.has("<script>alert(1)"));
        assert!(page.has("&#60;script&#62;alert(1)") || page.has("&lt;script&gt;alert(1)"));
        assert!(page.has(&format!("value=\"{topic}\" checked")));
        assert_eq!(page.hidden("form"), token, "the same form goes on");

        let nothing = stage.post("/help/contact", "", &[("form", token.as_str())]).await;
        for wanted in ["Choose what it is about", "Write what happened", "not a mail address"] {
            assert!(nothing.has(wanted), "{wanted}");
        }
        assert_eq!(stage.count("select count(*) from tickets").await, 0);
    }

    async fn a_required_field_is_asked_for(db: Db) {
        let stage = Stage::new(db).await;
        let (form, token) = stage.open_form().await;
        let topic = stage.topic("Money or a refund").await;
        let order = control(&form.body, "Money or a refund", "Order number");
        let mut tx = stage.db.begin().await.unwrap();
        tx.execute("update topic_fields set required = (1 = 1)", database::params![]).await.unwrap();
        tx.commit().await.unwrap();
        let mut fields = fill(&stage, &token, &topic).await;
        let page = stage.post("/help/contact", "", &fields).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.has(&format!("href=\"#f-{order}\"")) && page.has("Fill in “Order number”"));
        fields.push((&order, "NS-1"));
        assert_eq!(stage.post("/help/contact", "", &fields).await.status, StatusCode::SEE_OTHER);
    }

    async fn robots_get_nothing(db: Db) {
        let stage = Stage::new(db).await;
        let (_, token) = stage.open_form().await;
        let topic = stage.topic("Something else").await;
        let fields = fill(&stage, &token, &topic).await;

        let mut trapped = fields.clone();
        trapped.push(("company_website", "http://spam.example"));
        let page = stage.post("/help/contact", "", &trapped).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.has("catch robots") && page.has(TEXT), "a person can put it right");

        let quick = stage.get("/help/contact", "").await.hidden("form");
        let mut quick_fields = fields.clone();
        quick_fields[0] = ("form", &quick);
        let page = stage.post("/help/contact", "", &quick_fields).await;
        assert!(page.status == StatusCode::UNPROCESSABLE_ENTITY && page.has("very quick"));
        stage.later(Span::seconds(3));
        let page = stage.post("/help/contact", "", &quick_fields).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "a person may go on");

        let mut forged = fields.clone();
        forged[0] = ("form", "1-2-3");
        let page = stage.post("/help/contact", "", &forged).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_ne!(page.hidden("form"), "1-2-3");
        assert_eq!(stage.count("select count(*) from tickets").await, 1);
    }

    async fn a_flood_is_slowed_down(db: Db) {
        let stage = Stage::new(db).await;
        let (_, token) = stage.open_form().await;
        let topic = stage.topic("Something else").await;
        let mut last = StatusCode::OK;
        for n in 0..8 {
            let text = format!("Message {n}");
            let mut fields = fill(&stage, &token, &topic).await;
            fields[3] = ("text", &text);
            let page = stage.post("/help/contact", "", &fields).await;
            last = page.status;
            if last == StatusCode::TOO_MANY_REQUESTS {
                assert!(page.has(&text), "what was typed is kept");
            }
        }
        assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(stage.count("select count(*) from tickets").await, 5);
        let acknowledged = stage.count("select count(*) from deliveries").await;
        assert_eq!(acknowledged, 1, "an address that nobody verified gets one mail a day");
    }

    async fn the_answer_is_the_same_for_known_and_unknown(db: Db) {
        let stage = Stage::new(db).await;
        stage.mail_from("greta@example.com", "Greta Holm", "My secret order").await;
        let mut bodies = Vec::new();
        for address in ["greta@example.com", "nobody@example.com"] {
            let (_, token) = stage.open_form().await;
            let topic = stage.topic("Something else").await;
            let mut fields = fill(&stage, &token, &topic).await;
            fields[1] = ("email", address);
            let sent = stage.post("/help/contact", "", &fields).await;
            assert!(sent.cookie.is_none(), "a form signs nobody in");
            let reference = sent.location.split('/').nth(4).unwrap().to_owned();
            let page = stage.get(&sent.location, "").await;
            bodies.push(page.body.replace(&reference, "RC-0"));
        }
        assert_eq!(bodies[0], bodies[1]);
        assert!(!bodies[0].contains("secret"));
        assert_eq!(stage.count("select count(*) from tickets").await, 3, "a form joins nothing");
    }

    async fn a_page_of_thanks_needs_its_receipt(db: Db) {
        let stage = Stage::new(db).await;
        for path in ["/help/contact/sent/RC-1/x", "/help/contact/sent/nonsense/x"] {
            assert_eq!(stage.get(path, "").await.status, StatusCode::NOT_FOUND, "{path}");
        }
    }

    async fn without_scripts_a_button_shows_what_a_topic_asks(db: Db) {
        let stage = Stage::new(db).await;
        let (form, token) = stage.open_form().await;
        let topic = stage.topic("A download").await;
        let hidden = format!("data-show-when=\"topic={topic}\" hidden disabled");
        assert!(form.has(&hidden));
        let fields = [("form", token.as_str()), ("topic", &topic), ("text", TEXT), ("choose", "yes")];
        let page = stage.post("/help/contact", "", &fields).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(!page.has(&hidden) && page.has(TEXT) && !page.has("error-summary"));
        let chosen = stage.get(&format!("/help/contact?topic={topic}"), "").await;
        assert!(!chosen.has(&hidden), "an address may choose the topic");
    }
}
