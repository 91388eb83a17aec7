use accounts::{Access, Act};
use axum::http::StatusCode;
use database::on_both;
use tickets::FieldKind;
use tickets::actions::add_field;

use super::stage::{Stage, agent_cookie};
use crate::routes;

on_both! {
    async fn a_lead_sets_what_the_form_asks(db: Db) {
        let stage = Stage::new(db).await;
        let mateo = agent_cookie(&stage, "mateo@northlight.example").await;
        let page = stage.get("/settings/topics", &mateo).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.has("A plugin or licence") && page.has("Order number"));
        assert!(page.has("<option value=\"urgent\">Urgent</option>"));

        let mut tx = stage.cast.db.begin().await.expect("a transaction");
        let (choices, kind) = (["Kobo".to_owned(), "Kindle".to_owned()], FieldKind::Choice);
        add_field(&mut tx, "device", "Device", kind, &choices).await.expect("a field");
        tx.commit().await.expect("a commit");
        let id = stage.count("select id from fields where key = 'device'").await;

        let (inbox, control) = (stage.cast.billing.to_string(), format!("field-{id}"));
        let topic = [
            ("name", "An e-reader"), ("hint", "Say which model."), ("inbox", inbox.as_str()),
            ("category", ""), ("team", ""), ("priority", "high"), (control.as_str(), "required"),
        ];
        let made = stage.post("/settings/topics", &mateo, &topic).await;
        assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.body);

        let (form, token) = stage.open_form().await;
        assert!(form.has("An e-reader") && form.has("Say which model.") && form.has(">Kobo<"));
        let public = stage.topic("An e-reader").await;
        let topic_id = stage.count("select id from topics where name = 'An e-reader'").await;
        let ask = format!("ask-{topic_id}-{id}");
        let mut fields = vec![
            ("form", token.as_str()), ("email", "greta@example.com"), ("topic", public.as_str()),
            ("text", "It is dark"), (ask.as_str(), "Nook"),
        ];
        let wrong = stage.post("/help/contact", "", &fields).await;
        assert!(wrong.status == StatusCode::UNPROCESSABLE_ENTITY && wrong.has("choose one of the list"));
        fields[4] = (&ask, "kobo");
        let sent = stage.post("/help/contact", "", &fields).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
        assert_eq!(stage.texts("select priority from tickets").await, ["high"]);
        assert_eq!(stage.count("select inbox_id from tickets").await, stage.cast.billing.0);
        assert_eq!(stage.texts("select value from ticket_fields").await, ["Kobo"]);

        let up = stage.post(&format!("/settings/topics/{public}/up"), &mateo, &[]).await;
        assert_eq!(up.status, StatusCode::SEE_OTHER);
        let order = stage.texts("select name from topics order by position").await;
        assert_eq!(order[5..], ["An e-reader", "Something else"]);
        stage.post(&format!("/settings/topics/{public}/archive"), &mateo, &[]).await;
        assert!(!stage.open_form().await.0.has("An e-reader"));
        stage.post(&format!("/settings/topics/{public}/restore"), &mateo, &[]).await;
        let renamed = [("name", "A reader"), ("inbox", inbox.as_str())];
        stage.post(&format!("/settings/topics/{public}"), &mateo, &renamed).await;
        assert!(stage.open_form().await.0.has("A reader"));
        let nameless = [("name", " "), ("inbox", inbox.as_str())];
        let page = stage.post("/settings/topics", &mateo, &nameless).await;
        assert!(page.status == StatusCode::UNPROCESSABLE_ENTITY && page.has("Give the topic a name"));
    }

    async fn only_leads_set_topics(db: Db) {
        let stage = Stage::new(db).await;
        let priya = agent_cookie(&stage, "priya@northlight.example").await;
        for cookie in [priya.as_str(), ""] {
            let page = stage.get("/settings/topics", cookie).await;
            assert!(matches!(page.status, StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED));
            let page = stage.post("/settings/topics", cookie, &[("name", "x")]).await;
            assert!(matches!(page.status, StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED));
        }
    }

    async fn every_route_has_its_rule(db: Db) {
        let stage = Stage::new(db).await;
        let (_, list) = routes(&stage.portal);
        assert_eq!(list.len(), 25);
        for route in list {
            let expected = match route.path {
                "/settings/links" if route.method == "POST" => {
                    Access::Confirmed(Act::ManageCompany)
                }
                "/settings/links" => Access::May(Act::ManageCompany),
                path if path.starts_with("/settings/") => Access::May(Act::ManageTaxonomy),
                path if path.starts_with("/help/requests") || path.starts_with("/help/files") => {
                    Access::Customer
                }
                "/help/sign-out" | "/help/links/revoke" => Access::Customer,
                _ => Access::Public,
            };
            assert_eq!(route.access, expected, "{} {}", route.method, route.path);
        }
    }

    async fn first_topics_are_made_once(db: Db) {
        let stage = Stage::new(db).await;
        let (a, b, c) = tokio::join!(
            stage.get("/help/contact", ""),
            stage.get("/help", ""),
            stage.get("/help/contact", "")
        );
        assert!([a, b, c].iter().all(|page| page.status == StatusCode::OK));
        assert_eq!(stage.count("select count(*) from topics").await, 6);
        assert_eq!(stage.count("select count(*) from fields").await, 4);
    }
}
