//! What the audit trail hears of what people do with accounts, and its page.

use audit::{Filter, Line, page};
use axum::http::StatusCode;

use super::browser::Browser;
use super::*;

async fn lines(cast: &Cast) -> Vec<Line> {
    let conn = cast.db.read().await.unwrap();
    let mut lines = page(&conn, &Filter::default(), 500).await.unwrap();
    lines.reverse();
    lines
}

async fn acts(cast: &Cast) -> Vec<String> {
    lines(cast).await.into_iter().map(|line| line.act).collect()
}

async fn path_of(cast: &Cast, id: kernel::AgentId) -> String {
    let directory = cast.accounts.directory().await.unwrap();
    format!("/settings/people/{}", directory.agent(id).unwrap().public_id)
}

on_both! {
    async fn coming_and_going_is_noted_with_who_and_from_where(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut browser = Browser::new(&cast.accounts);
        let email = "priya@northlight.example";
        for _ in 0..4 {
            browser.post("/login", &[("email", email), ("password", "hunter2-hunter2")]).await;
        }
        browser.post("/login", &[("email", "my secret passphrase"), ("password", "x")]).await;
        browser.post("/login", &[("email", email), ("password", PASSWORD)]).await;
        browser.post("/me/sessions/delete", &[]).await;
        browser.post("/me/password", &[("present", PASSWORD), ("new", "a lamp by the harbour")]).await;
        browser.post("/logout", &[]).await;
        let lines = lines(&cast).await;
        let acts: Vec<&str> = lines.iter().map(|line| line.act.as_str()).collect();
        assert_eq!(acts, ["session.refused", "session.opened", "session.ended", "password.changed", "session.closed"]);
        assert_eq!(lines[0].who_kind, "visitor");
        assert_eq!(lines[0].object_name.as_deref(), Some(email));
        assert_eq!(lines[1].after.as_deref(), Some(r#"{"failed tries before":3}"#));
        for line in &lines[1..] {
            assert_eq!((line.who_id, line.who_name.as_str()), (Some(cast.priya.0), "Priya Nair"));
        }
        assert!(lines.iter().all(|line| line.address.as_deref() == Some("192.0.2.1")), "{lines:?}");
        let all = format!("{lines:?}");
        for secret in ["hunter2", PASSWORD, "harbour", "passphrase"] {
            assert!(!all.contains(secret), "{secret}");
        }
    }

    async fn tries_that_are_too_many_are_noted_once_for_their_network(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut browser = Browser::new(&cast.accounts);
        for at in 0..60 {
            let email = format!("guess{at}@northlight.example");
            browser.post("/login", &[("email", &email), ("password", "hunter2-hunter2")]).await;
        }
        let lines = lines(&cast).await;
        assert_eq!(lines.len(), 31, "thirty tries are heard, and one entry stands for the rest");
        assert_eq!(lines[30].after.as_deref(), Some(r#"{"too many":true,"tries":1}"#));
    }

    async fn what_owners_do_is_noted_with_before_and_after(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut sarah = Browser::of(&cast, "sarah").await;
        let person = [("name", "Noor"), ("email", "noor@northlight.example"), ("role", "agent"), ("sees", "all")];
        sarah.post("/settings/people", &person).await;
        let tom = path_of(&cast, cast.tom).await;
        let inbox = cast.support.to_string();
        let lead = [("name", "Tom Okafor"), ("role", "lead"), ("sees", "some"), ("inbox", inbox.as_str())];
        sarah.post(&tom, &lead).await;
        sarah.post(&format!("{tom}/link"), &[]).await;
        sarah.post(&format!("{tom}/deactivate"), &[]).await;
        sarah.post(&format!("{tom}/reactivate"), &[]).await;
        let mateo = cast.mateo.to_string();
        sarah.post("/settings/teams", &[("name", "Nights"), ("member", &mateo)]).await;
        let id = cast.accounts.directory().await.unwrap().teams()[0].public_id;
        sarah.post(&format!("/settings/teams/{id}"), &[("name", "Evenings")]).await;
        sarah.post(&format!("/settings/teams/{id}/delete"), &[]).await;
        let company = [
            ("name", "Northlight"), ("hue", "10"), ("time_zone", "Europe/Lisbon"), ("language", "en"),
            ("way", "server"), ("from", "a@b.example"), ("host", "mail.example"), ("port", "587"),
            ("tls", "starttls"), ("user", "u"), ("password", "smtp-s3cret-canary"),
        ];
        sarah.post("/settings/company", &company).await.location();
        let token = [("name", "Report"), ("scope", "tickets:read"), ("lifetime", "30")];
        let made = sarah.post("/me/tokens", &token).await.piece("rct_");
        let path = sarah.get("/me/tokens").await.piece("/me/tokens/");
        sarah.post(&path, &[]).await;
        let lines = lines(&cast).await;
        let acts: Vec<&str> = lines.iter().skip(1).map(|line| line.act.as_str()).collect();
        assert_eq!(acts, [
            "person.invited", "person.changed", "password.link_made", "person.deactivated",
            "person.reactivated", "team.made", "team.changed", "team.deleted", "company.changed",
            "token.made", "token.revoked",
        ]);
        let of = |act: &str| lines.iter().find(|line| line.act == act).unwrap();
        let changed = of("person.changed");
        let billing = cast.billing.0;
        assert_eq!(changed.before.as_deref(), Some(format!(r#"{{"role":"agent","sees":[{billing}]}}"#).as_str()));
        assert_eq!(changed.after.as_deref(), Some(format!(r#"{{"role":"lead","sees":[{inbox}]}}"#).as_str()));
        assert_eq!(changed.object_name.as_deref(), Some("Tom Okafor"));
        assert_eq!(of("team.changed").before.as_deref(), Some(r#"{"members":["Mateo Ruiz"],"name":"Nights"}"#));
        assert!(of("company.changed").after.as_deref().unwrap().contains(r#""password of the mail server":"changed""#));
        let all = format!("{lines:?}");
        assert!(!all.contains("smtp-s3cret-canary") && !all.contains(&made), "{all}");
        let seen = sarah.get("/settings/trail").await;
        seen.says("Company changed");
        seen.is_silent_about("smtp-s3cret-canary");
    }

    async fn the_page_shows_none_one_and_many_and_finds_some(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut sarah = Browser::of(&cast, "sarah").await;
        sarah.get("/settings/trail?act=keys.rotated").await.says("No entry fits");
        let page = sarah.get("/settings/trail").await;
        page.says("Signed in");
        page.says("not been looked through yet");
        page.is_silent_about("before=");
        for at in 0..60 {
            let name = if at == 7 { "Zephyr" } else { "Noor" };
            let email = format!("noor{at}@northlight.example");
            let person = [("name", name), ("email", &email), ("role", "agent"), ("sees", "all")];
            sarah.post("/settings/people", &person).await;
        }
        let page = sarah.get("/settings/trail?act=person.invited").await;
        let older = page.piece("/settings/trail?act=person.invited&#38;before=").replace("&#38;", "&");
        assert_eq!(page.body.matches("row-link").count(), 50);
        let page = sarah.get(&older).await;
        assert_eq!(page.body.matches("row-link").count(), 10);
        page.is_silent_about("before=");
        let page = sarah.get("/settings/trail?object=zeph").await;
        assert_eq!(page.body.matches("row-link").count(), 1);
        let entry = sarah.get(&page.piece("/settings/trail/")).await;
        entry.says("noor7@northlight.example");
        entry.says("192.0.2.1");
        let nobody = format!("/settings/trail?who=agent-{}", cast.tom);
        sarah.get(&nobody).await.says("No entry fits");
        sarah.get("/settings/trail?from=2030-01-01").await.says("No entry fits");
        sarah.get("/settings/trail?until=2020-01-01").await.says("No entry fits");
        assert_eq!(sarah.get("/settings/trail/99999").await.status, StatusCode::NOT_FOUND);
        let mut mateo = Browser::of(&cast, "mateo").await;
        for path in ["/settings/trail", "/settings/trail/1"] {
            assert_eq!(mateo.get(path).await.status, StatusCode::FORBIDDEN);
        }
        assert_eq!(mateo.post("/settings/trail/export", &[]).await.status, StatusCode::FORBIDDEN);
    }

    async fn taking_it_out_is_noted_and_runs_in_no_spreadsheet(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut sarah = Browser::of(&cast, "sarah").await;
        let person = [("name", "=HYPERLINK(1)"), ("email", "f@northlight.example"), ("role", "agent"), ("sees", "all")];
        sarah.post("/settings/people", &person).await;
        let table = sarah.post("/settings/trail/export", &[("act", "person.invited")]).await;
        assert_eq!(table.header("content-type"), "text/csv; charset=utf-8");
        assert!(table.header("content-disposition").starts_with("attachment"));
        assert_eq!(table.body.lines().count(), 2, "{}", table.body);
        table.says("\"'=HYPERLINK(1)\"");
        assert_eq!(acts(&cast).await.last().unwrap(), "trail.exported");
    }

    async fn owners_are_told_once_when_somebody_tampered(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut sarah = Browser::of(&cast, "sarah").await;
        vouch_for_trail(&cast.accounts).await.unwrap();
        assert_eq!(verify_trail(&cast.accounts).await.unwrap().broken, 0);
        sarah.get("/settings/trail").await.says("its one entry is as it was written");
        let mut tx = cast.db.begin().await.unwrap();
        tx.execute("update audit_head set hash = seal", vec![]).await.unwrap();
        tx.commit().await.unwrap();
        for _ in 0..2 {
            assert!(verify_trail(&cast.accounts).await.unwrap().broken > 0);
        }
        sarah.get("/settings/trail").await.says("somebody changed the trail");
        let conn = cast.db.read().await.unwrap();
        let letters: i64 = conn
            .scalar("select count(*) from deliveries where subject like '%tampered%'", vec![])
            .await
            .unwrap();
        assert_eq!(letters, 1, "one owner, told once");
    }
}
