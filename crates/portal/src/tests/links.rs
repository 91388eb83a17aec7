use axum::http::StatusCode;
use database::on_both;
use kernel::Span;
use tickets::By;
use tickets::actions::revoke_links;

use super::stage::{Stage, agent_cookie};
use crate::actions::send_link_to;

const GRETA: &str = "greta@example.com";

on_both! {
    async fn the_link_of_an_acknowledgement_opens_its_request_once(db: Db) {
        let stage = Stage::new(db).await;
        let ticket = stage.mail_from(GRETA, "Greta Holm", "It does not open.").await;
        let link = stage.link_in_mail(GRETA).await.unwrap();
        // Programs that look into mails follow links; that uses nothing up.
        for _ in 0..3 {
            let page = stage.get(&link, "").await;
            assert_eq!(page.status, StatusCode::OK);
            assert!(page.has("Continue") && page.cookie.is_none() && !page.has("It does not open"));
        }
        let entered = stage.post(&link, "", &[]).await;
        assert_eq!(entered.location, format!("/help/requests/{ticket}"));
        let cookie = entered.cookie.unwrap();
        assert!(stage.get(&entered.location, &cookie).await.has("It does not open."));

        let again = stage.post(&link, "", &[]).await;
        assert_eq!(again.status, StatusCode::NOT_FOUND);
        assert!(again.cookie.is_none() && again.has("no longer works"));
        let (start, signature) = link.rsplit_once('_').unwrap();
        let shouted = format!("{start}_{}", signature.to_uppercase());
        assert!(stage.post(&shouted, "", &[]).await.cookie.is_none(), "it is the same link");
        let own = stage.get(&link, &cookie).await;
        assert_eq!(own.location, entered.location, "whoever is signed in needs no link");
    }

    async fn of_many_who_use_a_link_one_gets_in(db: Db) {
        let stage = Stage::new(db).await;
        stage.mail_from(GRETA, "Greta Holm", "Hello").await;
        let link = stage.link_in_mail(GRETA).await.unwrap();
        let (a, b, c) = tokio::join!(
            stage.post(&link, "", &[]),
            stage.post(&link, "", &[]),
            stage.post(&link, "", &[])
        );
        let cookies = [a, b, c].iter().filter(|page| page.cookie.is_some()).count();
        assert_eq!(cookies, 1);
    }

    async fn asking_for_a_link_tells_nothing(db: Db) {
        let stage = Stage::new(db).await;
        stage.mail_from(GRETA, "Greta Holm", "Hello").await;
        let before = stage.count("select count(*) from deliveries").await;
        let mut bodies = Vec::new();
        for address in [GRETA, "nobody@example.com"] {
            let page = stage.post("/help/link", "", &[("email", address)]).await;
            assert_eq!(page.status, StatusCode::OK);
            bodies.push(page.body.replace(address, "somebody"));
        }
        assert_eq!(bodies[0], bodies[1]);
        assert_eq!(stage.count("select count(*) from deliveries").await, before + 1);
        let cookie = stage.sign_in(GRETA).await;
        assert!(stage.get("/help/requests", &cookie).await.has("Subject of Greta Holm"));
        let texts = stage.texts("select text from deliveries order by id desc limit 1").await;
        assert!(!texts[0].contains("Greta"), "not even a name that somebody typed");
        let wrong = stage.post("/help/link", "", &[("email", "nonsense")]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    }

    async fn nothing_in_the_database_opens_a_door(db: Db) {
        let stage = Stage::new(db).await;
        stage.mail_from(GRETA, "Greta Holm", "Hello").await;
        stage.post("/help/link", "", &[("email", GRETA)]).await;
        let link = stage.link_in_mail(GRETA).await.unwrap();
        let token = link.rsplit('/').next().unwrap();
        let conn = stage.db.read().await.unwrap();
        let stored: Vec<Vec<u8>> =
            conn.column("select token_hash from portal_links", database::params![]).await.unwrap();
        assert_eq!(stored.len(), 1);
        assert!(!stored[0].windows(8).any(|part| token.as_bytes().windows(8).any(|own| own == part)));
    }

    async fn a_link_ends_with_its_time_and_a_new_one_can_be_had(db: Db) {
        let stage = Stage::new(db).await;
        stage.mail_from(GRETA, "Greta Holm", "Hello").await;
        stage.post("/help/link", "", &[("email", GRETA)]).await;
        let link = stage.link_in_mail(GRETA).await.unwrap();
        stage.later(Span::minutes(61));
        let page = stage.get(&link, "").await;
        assert_eq!(page.status, StatusCode::NOT_FOUND);
        assert!(page.has("Send me a new link"));
        assert!(stage.post(&link, "", &[]).await.cookie.is_none());
        let again = stage.post(&format!("{link}/again"), "", &[]).await;
        assert!(again.status == StatusCode::OK && !again.has(GRETA));
        let fresh = stage.link_in_mail(GRETA).await.unwrap();
        assert_ne!(fresh, link);
        stage.sign_in(GRETA).await;
    }

    async fn an_old_mail_no_longer_opens(db: Db) {
        let stage = Stage::new(db).await;
        stage.mail_from(GRETA, "Greta Holm", "Hello").await;
        let link = stage.link_in_mail(GRETA).await.unwrap();
        stage.later(Span::days(30) + Span::minutes(1));
        assert!(stage.post(&link, "", &[]).await.cookie.is_none());
    }

    async fn made_up_links_open_nothing(db: Db) {
        let stage = Stage::new(db).await;
        stage.mail_from(GRETA, "Greta Holm", "Hello").await;
        let link = stage.link_in_mail(GRETA).await.unwrap();
        let last = if link.ends_with('a') { 'b' } else { 'a' };
        let bent = format!("{}{last}", &link[..link.len() - 1]);
        for path in [bent.as_str(), "/help/link/x", "/help/link/rcl_1_1_1_1", "/help/link/rcp_aaaa"] {
            let page = stage.get(path, "").await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
            assert!(page.has("Ask for a new one"));
            assert!(stage.post(path, "", &[]).await.cookie.is_none());
            assert_eq!(stage.post(&format!("{path}/again"), "", &[]).await.status, StatusCode::OK);
        }
        assert_eq!(stage.count("select count(*) from deliveries").await, 1);
    }

    async fn while_no_mail_can_leave_an_owner_hands_links_on(db: Db) {
        let stage = Stage::new(db).await;
        stage.mail_from(GRETA, "Greta Holm", "It does not open.").await;
        for address in [GRETA, "nobody@example.com"] {
            let asked = stage.post("/help/link", "", &[("email", address)]).await;
            assert!(asked.has("No mail can leave here yet.") && !asked.has("on its way"));
        }
        let sarah = agent_cookie(&stage, "sarah@northlight.example").await;
        let page = stage.get("/settings/links", &sarah).await;
        assert!(page.has(GRETA) && !page.has("nobody@example.com") && !page.has("/help/link/"));
        let made = stage.post("/settings/links", &sarah, &[("email", GRETA)]).await;
        let (_, link) = made.body.split_once("data-copy=\"http://localhost:8080").unwrap();
        let link = link.split('"').next().unwrap();
        let entered = stage.post(link, "", &[]).await;
        assert!(entered.cookie.is_some());
        let unasked = stage.post("/settings/links", &sarah, &[("email", "nobody@example.com")]).await;
        assert_eq!(unasked.status, StatusCode::NOT_FOUND);
        let mateo = agent_cookie(&stage, "mateo@northlight.example").await;
        assert_eq!(stage.get("/settings/links", &mateo).await.status, StatusCode::FORBIDDEN);
    }

    async fn a_link_is_shown_only_to_an_owner_who_lately_proved_who_they_are(db: Db) {
        let stage = Stage::new(db).await;
        stage.mail_from(GRETA, "Greta Holm", "It does not open.").await;
        stage.post("/help/link", "", &[("email", GRETA)]).await;
        let sarah = agent_cookie(&stage, "sarah@northlight.example").await;
        stage.later(Span::minutes(15));
        assert!(stage.get("/settings/links", &sarah).await.has(GRETA), "who waits is no secret");
        let late = stage.post("/settings/links", &sarah, &[("email", GRETA)]).await;
        assert_eq!(late.location, "/confirm?late=yes&next=/settings/links");
        assert!(!late.has("/help/link/"));
        let proof = [("password", accounts::testing::PASSWORD), ("next", "/settings/links")];
        assert_eq!(stage.post("/confirm", &sarah, &proof).await.location, "/settings/links");
        let made = stage.post("/settings/links", &sarah, &[("email", GRETA)]).await;
        assert!(made.has("data-copy=\"http://localhost:8080/help/link/"), "{}", made.body);
    }

    async fn links_are_sent_only_so_often(db: Db) {
        let stage = Stage::new(db).await;
        stage.mail_from(GRETA, "Greta Holm", "Hello").await;
        let mut statuses = Vec::new();
        for _ in 0..4 {
            statuses.push(stage.post("/help/link", "", &[("email", GRETA)]).await.status);
        }
        assert_eq!(statuses[2..], [StatusCode::OK, StatusCode::TOO_MANY_REQUESTS]);
        // Wherever an hour begins, it has three.
        let mut sent_after_minutes = vec![0, 0, 0];
        for minutes in (10..=180).step_by(10) {
            stage.later(Span::minutes(10));
            if stage.post("/help/link", "", &[("email", GRETA)]).await.status == StatusCode::OK {
                sent_after_minutes.push(minutes);
            }
        }
        assert!(sent_after_minutes.len() > 3, "the next hour has links of its own");
        for four in sent_after_minutes.windows(4) {
            assert!(four[3] - four[0] >= 60, "{sent_after_minutes:?}");
        }
    }

    async fn on_all_nodes_together_an_address_gets_three_links_an_hour_and_six_mails_a_day(db: Db) {
        let stage = Stage::new(db).await;
        stage.mail_from(GRETA, "Greta Holm", "Hello").await;
        let greta = GRETA.parse().unwrap();
        let words = stage.portal.site().words("en");
        // What one node counts in its memory is passed by.
        let ask = async || send_link_to(&stage.portal, &greta, &words).await.unwrap();
        let sent = async || stage.count("select count(*) from deliveries").await;
        assert_eq!(sent().await, 1);
        tokio::join!(ask(), ask(), ask(), ask(), ask(), ask());
        assert_eq!(sent().await, 4);
        stage.later(Span::minutes(61));
        tokio::join!(ask(), ask(), ask(), ask());
        assert_eq!(sent().await, 6, "the acknowledgement counts, too");
        stage.mail_from(GRETA, "Greta Holm", "Another thing").await;
        assert_eq!(sent().await, 6, "and links count against acknowledgements");
        let withheld = stage.texts("select acknowledgement_withheld from tickets where acknowledgement_withheld is not null").await;
        assert_eq!(withheld, ["this address got enough automatic mail today"]);
        stage.later(Span::hours(24));
        ask().await;
        assert_eq!(sent().await, 7);
    }

    async fn an_unverified_address_is_no_target(db: Db) {
        let stage = Stage::new(db).await;
        // Somebody writes in the name of a victim, who gets the one mail.
        let mut claimed = stage.incoming("victim@example.com", "Victim", "Hello");
        claimed.sender.check = tickets::SenderCheck::Unknown;
        stage.comes(claimed).await;
        assert_eq!(stage.count("select count(*) from deliveries").await, 1);
        for _ in 0..3 {
            stage.post("/help/link", "", &[("email", "victim@example.com")]).await;
        }
        assert_eq!(stage.count("select count(*) from deliveries").await, 1);
        stage.later(Span::hours(25));
        stage.post("/help/link", "", &[("email", "victim@example.com")]).await;
        assert_eq!(stage.count("select count(*) from deliveries").await, 2);
        assert_eq!(stage.count("select count(*) from portal_links").await, 1);
    }

    async fn revoking_ends_links_and_sessions(db: Db) {
        let stage = Stage::new(db).await;
        stage.mail_from(GRETA, "Greta Holm", "Hello").await;
        let cookie = stage.sign_in(GRETA).await;
        let other = {
            stage.post("/help/link", "", &[("email", GRETA)]).await;
            stage.sign_in(GRETA).await
        };
        stage.post("/help/link", "", &[("email", GRETA)]).await;
        let unused = stage.link_in_mail(GRETA).await.unwrap();
        let page = stage.post("/help/links/revoke", &cookie, &[]).await;
        assert_eq!(page.location, "/help/link");
        for cookie in [&cookie, &other] {
            assert_eq!(stage.get("/help/requests", cookie).await.location, "/help/link");
        }
        assert_eq!(stage.get(&unused, "").await.status, StatusCode::NOT_FOUND, "at once");
        assert!(stage.post(&unused, "", &[]).await.cookie.is_none());
        let facts = stage.count("select count(*) from events where kind = 'links_revoked'").await;
        assert_eq!(facts, 1);
        // A new one works at once, in the same minute too.
        stage.post("/help/link", "", &[("email", GRETA)]).await;
        let cookie = stage.sign_in(GRETA).await;
        assert_eq!(stage.get("/help/requests", &cookie).await.status, StatusCode::OK);
    }

    async fn the_team_can_revoke_too(db: Db) {
        let stage = Stage::new(db).await;
        stage.mail_from(GRETA, "Greta Holm", "Hello").await;
        let cookie = stage.sign_in(GRETA).await;
        let mut tx = stage.db.begin().await.unwrap();
        let customer = stage.customer(GRETA).await;
        let by = By::Agent(stage.cast.priya);
        revoke_links(&mut tx, customer, by, stage.portal.now()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(stage.get("/help/requests", &cookie).await.location, "/help/link");
    }

    async fn signing_out_ends_the_session(db: Db) {
        let stage = Stage::new(db).await;
        stage.mail_from(GRETA, "Greta Holm", "Hello").await;
        let cookie = stage.sign_in(GRETA).await;
        stage.post("/help/sign-out", &cookie, &[]).await;
        assert_eq!(stage.get("/help/requests", &cookie).await.location, "/help/link");
    }

    async fn a_session_and_what_is_over_are_swept(db: Db) {
        let stage = Stage::new(db).await;
        stage.mail_from(GRETA, "Greta Holm", "Hello").await;
        let cookie = stage.sign_in(GRETA).await;
        stage.later(Span::days(15));
        assert_eq!(stage.get("/help/requests", &cookie).await.location, "/help/link");
        stage.later(Span::days(90));
        stage.portal.sweep().await.unwrap();
        assert_eq!(stage.count("select count(*) from portal_sessions").await, 0);
        assert_eq!(stage.count("select count(*) from portal_links").await, 0);
    }
}
