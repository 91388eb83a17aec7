//! What owners manage, and one's own things.

use axum::http::StatusCode;

use super::browser::Browser;
use super::*;

async fn actor_with(cast: &Cast, token: &str) -> Option<Actor> {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
    cast.accounts.actor_of_token(&headers).await.unwrap()
}

async fn path_of(cast: &Cast, id: kernel::AgentId) -> String {
    let directory = cast.accounts.directory().await.unwrap();
    format!("/settings/people/{}", directory.agent(id).unwrap().public_id)
}

on_both! {
    async fn a_token_is_shown_once_and_may_what_was_ticked(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut priya = Browser::of(&cast, "priya").await;
        let page = priya.post("/me/tokens", &[("name", ""), ("lifetime", "30")]).await;
        page.refuses("f-name-error");
        let page = priya.post("/me/tokens", &[("name", "x"), ("scope", "tickets:fly")]).await;
        page.refuses("tickets:fly");

        let fields = [
            ("name", "Month's <report>"),
            ("scope", "tickets:read"),
            ("scope", "tickets:write"),
            ("lifetime", "30"),
        ];
        let page = priya.post("/me/tokens", &fields).await;
        let token = page.piece("rct_");
        page.is_silent_about("<report>");
        assert_eq!(page.header("cache-control"), "no-store");
        let page = priya.get("/me/tokens").await;
        page.is_silent_about("rct_");
        page.says(&format!("…{}", &token[token.len() - 4..]));
        page.says("tickets:read tickets:write");

        let actor = actor_with(&cast, &token).await.unwrap();
        assert_eq!(actor.id, cast.priya);
        assert!(actor.may(Act::ReadTickets) && actor.may(Act::WriteToCustomers));
        assert!(!actor.may(Act::ChangeCustomers), "that was not ticked");
        let path = page.piece("/me/tokens/");
        let mut mateo = Browser::of(&cast, "mateo").await;
        assert_eq!(mateo.post(&path, &[]).await.status, StatusCode::NOT_FOUND);
        assert!(actor_with(&cast, &token).await.is_some());
        assert_eq!(priya.post(&path, &[]).await.location(), "/me/tokens");
        assert!(actor_with(&cast, &token).await.is_none(), "it was revoked");

        let token = priya.post("/me/tokens", &fields).await.piece("rct_");
        cast.clock.advance(Span::days(30));
        assert!(actor_with(&cast, &token).await.is_none(), "its time is over");
    }

    async fn a_token_can_be_made_for_some_of_the_inboxes_that_one_sees(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let support = cast.support.to_string();
        let fields = [("name", "shop"), ("scope", "tickets:read"), ("lifetime", "30"), ("inbox", &support)];
        let mut priya = Browser::of(&cast, "priya").await;
        let token = priya.post("/me/tokens", &fields).await.piece("rct_");
        assert_eq!(token.len(), "rct_".len() + 52 + 6, "it ends with a checksum");
        let actor = actor_with(&cast, &token).await.unwrap();
        assert!(actor.may_see(cast.support) && !actor.may_see(cast.billing));
        priya.get("/me/tokens").await.says("Support</td>");
        // What its person no longer sees, it does not see either.
        let mut tx = cast.db.begin().await.unwrap();
        let only_billing = Sees::Only(vec![cast.billing]);
        update_agent(&mut tx, cast.priya, "Priya Nair", Role::Agent, &only_billing).await.unwrap();
        tx.commit().await.unwrap();
        cast.clock.advance(Span::seconds(61));
        let actor = actor_with(&cast, &token).await.unwrap();
        assert!(!actor.may_see(cast.support) && !actor.may_see(cast.billing));
        priya.get("/me/tokens").await.says("None that you see");

        let mut tom = Browser::of(&cast, "tom").await;
        let page = tom.post("/me/tokens", &fields).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "Tom does not see that inbox");
    }

    async fn a_slip_of_the_hand_is_no_token(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let fields = [("name", "shop"), ("scope", "tickets:read"), ("lifetime", "30")];
        let mut priya = Browser::of(&cast, "priya").await;
        let token = priya.post("/me/tokens", &fields).await.piece("rct_");
        assert!(actor_with(&cast, &token).await.is_some());
        let end = token.len() - 1;
        let slip = format!("{}{}", &token[..end], if token.ends_with('a') { 'b' } else { 'a' });
        assert!(actor_with(&cast, &slip).await.is_none());
        assert!(actor_with(&cast, &token[..end - 5]).await.is_none(), "a part is not the token");
    }

    async fn who_works_here_can_be_read_while_everybody_else_is_reading(db: Db) {
        let cast = Cast::new(db.clone(), MESSAGES).await;
        // On PostgreSQL another connection listens.
        let mut readers = Vec::new();
        for _ in 0..if db.engine() == Engine::Sqlite { 4 } else { 14 } {
            readers.push(db.read().await.unwrap());
        }
        // Somebody begins to change a thing, and with that all connections are taken.
        let tx = db.begin().await.unwrap();
        assert!(cast.accounts.directory().await.is_ok());
        assert!(cast.accounts.company().await.is_ok());
        drop((readers, tx));
    }

    async fn somebody_sees_the_inboxes_that_an_owner_ticks(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut sarah = Browser::of(&cast, "sarah").await;
        let tom = Browser::of(&cast, "tom").await;
        let session = tom.session.unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("cookie", HeaderValue::from_str(&session).unwrap());
        let sees = async || {
            let actor = cast.accounts.actor_of(&headers).await.unwrap().unwrap();
            (actor.may_see(cast.support), actor.may_see(cast.billing))
        };
        assert_eq!(sees().await, (false, true));

        let path = path_of(&cast, cast.tom).await;
        let ticked = |inbox: kernel::InboxId| format!("name=\"inbox\" value=\"{inbox}\" checked");
        let page = sarah.get(&path).await;
        page.says(&ticked(cast.billing));
        page.is_silent_about(&ticked(cast.support));

        let support = cast.support.to_string();
        for (fields, expected) in [
            (vec![("sees", "some"), ("inbox", support.as_str())], (true, false)),
            (vec![("sees", "some")], (false, false)),
            (vec![("sees", "all")], (true, true)),
        ] {
            let all = [fields.as_slice(), &[("name", "Tom Okafor"), ("role", "agent")]].concat();
            assert_eq!(sarah.post(&path, &all).await.location(), path);
            assert_eq!(sees().await, expected, "{fields:?}");
        }
    }

    async fn rights_that_are_missing_or_mistyped_are_not_given(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut sarah = Browser::of(&cast, "sarah").await;
        let path = path_of(&cast, cast.tom).await;
        let before = cast.actor(cast.tom).await;
        let billing = cast.billing.to_string();
        for (role, sees, inbox, sentence) in [
            (Some("agent"), None, Some(billing.as_str()), "Say whether they see every inbox"),
            (Some("agent"), Some("somee"), Some(&billing), "Say whether they see every inbox"),
            (Some("agent"), Some("some"), Some("4711"), "One of the chosen inboxes is gone"),
            (Some("collaboratr"), Some("some"), Some(&billing), "Choose a role of the list"),
            (None, Some("some"), Some(&billing), "Choose a role of the list"),
        ] {
            let mut fields = vec![("name", "Tom Okafor")];
            fields.extend(role.map(|role| ("role", role)));
            fields.extend(sees.map(|sees| ("sees", sees)));
            fields.extend(inbox.map(|inbox| ("inbox", inbox)));
            sarah.post(&path, &fields).await.refuses(sentence);
            fields.push(("email", "noor@northlight.example"));
            sarah.post("/settings/people", &fields).await.refuses(sentence);
        }
        let surplus = [("name", "Tom"), ("role", "agent"), ("sees", "all"), ("scope", "*")];
        for path in [path.as_str(), "/settings/people"] {
            assert_eq!(sarah.post(path, &surplus).await.status, StatusCode::BAD_REQUEST);
        }
        let row = [("name0", "Noor"), ("email0", "noor@northlight.example"), ("role0", "agnt")];
        sarah.post("/setup/team", &row).await.refuses("f-role0-error");
        let page = sarah.post("/setup/team", &[("email9", "noor@northlight.example")]).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
        let after = cast.actor(cast.tom).await;
        assert_eq!((after.role, after.sees), (before.role, before.sees));
        assert_eq!(cast.accounts.directory().await.unwrap().everybody().len(), 5);
    }

    async fn who_never_chose_a_password_is_invited_again(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut sarah = Browser::of(&cast, "sarah").await;
        let noor = [
            ("name", "Noor"),
            ("email", "noor@northlight.example"),
            ("role", "agent"),
            ("sees", "all"),
        ];
        sarah.post("/settings/people", &noor).await;
        let email = "noor@northlight.example".parse().unwrap();
        let id = cast.accounts.directory().await.unwrap().by_email(&email).unwrap().id;
        let path = path_of(&cast, id).await;
        sarah.post(&format!("{path}/deactivate"), &[]).await;
        sarah.post(&format!("{path}/reactivate"), &[]).await;
        let directory = cast.accounts.directory().await.unwrap();
        assert_eq!(directory.agent(id).unwrap().state, AgentState::Invited);
        sarah.post(&format!("{path}/link"), &[]).await.says("/invite/rci_");
    }

    async fn a_role_counts_from_the_next_request_on(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut sarah = Browser::of(&cast, "sarah").await;
        let mut mateo = Browser::of(&cast, "mateo").await;
        assert_eq!(mateo.get("/settings/people").await.status, StatusCode::FORBIDDEN);
        let owner = [("name", "Mateo Ruiz"), ("role", "owner"), ("sees", "all")];
        sarah.post(&path_of(&cast, cast.mateo).await, &owner).await;
        assert_eq!(mateo.get("/settings/people").await.location(), "/login?next=/settings/people");
        let mut mateo = Browser::of(&cast, "mateo").await;
        assert_eq!(mateo.get("/settings/people").await.status, StatusCode::OK);
        let lead = [("name", "Mateo Ruiz"), ("role", "lead"), ("sees", "all")];
        sarah.post(&path_of(&cast, cast.mateo).await, &lead).await;
        assert_eq!(mateo.get("/settings/people").await.location(), "/login?next=/settings/people");
        let mut mateo = Browser::of(&cast, "mateo").await;
        assert_eq!(mateo.get("/settings/people").await.status, StatusCode::FORBIDDEN);
        let page = sarah.post(&path_of(&cast, cast.sarah).await, &lead).await;
        page.refuses("The installation needs at least one owner");
    }

    async fn who_was_let_go_is_out_and_can_be_taken_back(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut sarah = Browser::of(&cast, "sarah").await;
        let mut priya = Browser::of(&cast, "priya").await;
        let path = path_of(&cast, cast.priya).await;
        assert_eq!(sarah.post(&format!("{path}/deactivate"), &[]).await.location(), path);
        assert_eq!(priya.get("/me").await.location(), "/login?next=/me");
        let right = [("email", "priya@northlight.example"), ("password", PASSWORD)];
        priya.post("/login", &right).await.refuses("The mail address or the password");
        let page = sarah.post(&format!("{path}/link"), &[]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "no link for who is gone");
        assert_eq!(sarah.post(&format!("{path}/reactivate"), &[]).await.location(), path);
        assert_eq!(priya.post("/login", &right).await.location(), "/");

        let own = path_of(&cast, cast.sarah).await;
        let page = sarah.post(&format!("{own}/deactivate"), &[]).await;
        page.refuses("The installation needs at least one owner");
    }

    async fn teams_have_a_name_of_their_own_and_people_of_ours(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut sarah = Browser::of(&cast, "sarah").await;
        let (priya, gone) = (cast.priya.to_string(), "999999".to_owned());
        let fields = [("name", "Refunds"), ("member", priya.as_str()), ("member", gone.as_str())];
        assert_eq!(sarah.post("/settings/teams", &fields).await.location(), "/settings/teams");
        let directory = cast.accounts.directory().await.unwrap();
        assert_eq!(directory.teams()[0].members, [cast.priya], "nobody else exists");
        sarah.post("/settings/teams", &fields).await.refuses("There is a team of that name");
        sarah.post("/settings/teams", &[("name", " ")]).await.refuses("Give the team a name");
        let path = format!("/settings/teams/{}", directory.teams()[0].public_id);
        let page = sarah.post(&path, &[("name", "Returns"), ("member", gone.as_str())]).await;
        assert_eq!(page.location(), "/settings/teams");
        let directory = cast.accounts.directory().await.unwrap();
        assert!(directory.teams()[0].members.is_empty());
        sarah.post(&format!("{path}/delete"), &[]).await;
        assert!(cast.accounts.directory().await.unwrap().teams().is_empty());
        let page = sarah.post(&format!("{path}/delete"), &[]).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND);
    }

    async fn the_company_says_what_is_wrong_and_keeps_its_secret(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut sarah = Browser::of(&cast, "sarah").await;
        let with = |more: &[(&'static str, &'static str)]| {
            let mut fields = vec![
                ("name", "Northlight"),
                ("time_zone", "UTC"),
                ("language", "en"),
                ("hue", "65535"),
            ];
            fields.extend_from_slice(more);
            fields
        };
        for (more, sentence) in [
            (&[("way", "inbox")][..], "Choose an inbox of the list."),
            (&[("way", "inbox"), ("inbox", "4711")], "Choose an inbox of the list."),
            (&[("way", "server"), ("from", "x")], "f-from-error"),
            (&[("way", "server"), ("from", "x@y.example"), ("port", "0")], "f-port-error"),
            (&[("way", "server"), ("from", "x@y.example"), ("host", "a b")], "f-host-error"),
        ] {
            sarah.post("/settings/company", &with(more)).await.refuses(sentence);
        }
        let server = with(&[
            ("way", "server"),
            ("from", "desk@northlight.example"),
            ("host", "mail.example"),
            ("port", "465"),
            ("tls", "implicit"),
            ("user", "desk"),
            ("password", "a secret of the server"),
        ]);
        assert_eq!(sarah.post("/settings/company", &server).await.location(), "/settings/company");
        sarah.get("/settings/company").await.is_silent_about("a secret of the server");
        let company = cast.accounts.company().await.unwrap();
        assert_eq!((company.hue, company.name.as_str()), (65535 % 360, "Northlight"));
        let SystemMail::Server { password, .. } = &company.system_mail else { panic!("a server") };
        assert!(!password.is_empty() && !password.contains("a secret of the server"), "sealed");
    }

    async fn an_address_that_makes_no_sense_gets_a_page(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut sarah = Browser::of(&cast, "sarah").await;
        for path in ["/settings/people/xyz", "/settings/teams/1/delete", "/me/sessions/x/delete"] {
            let (page, status) = if path.ends_with("delete") {
                (sarah.post(path, &[]).await, StatusCode::BAD_REQUEST)
            } else {
                (sarah.get(path).await, StatusCode::NOT_FOUND)
            };
            assert_eq!(page.status, status, "{path}");
            assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
            page.says("<h1");
            page.is_silent_about("PublicId");
            page.is_silent_about("parse");
        }
    }

    async fn preferences_are_taken_from_a_list(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut priya = Browser::of(&cast, "priya").await;
        assert_eq!(priya.post("/me/preferences", &[("theme", "dark")]).await.location(), "/me");
        for field in [("theme", "pink"), ("role", "owner")] {
            let page = priya.post("/me/preferences", &[field]).await;
            assert_eq!(page.status, StatusCode::BAD_REQUEST, "{field:?}");
            page.says("This preference is not known here.");
            page.is_silent_about(&format!("{}={}", field.0, field.1));
        }
        let theme = cast.actor(cast.priya).await.preferences.appearance.theme;
        assert_eq!(theme, "dark");
        let profile = |zone| {
            [("name", "Priya N."), ("time_zone", zone), ("language", "en"), ("signature", "Cheers")]
        };
        priya.post("/me", &profile("Mars/Olympus")).await.refuses("Choose a time zone of the list");
        assert_eq!(priya.post("/me", &profile("Asia/Kolkata")).await.location(), "/me");
        let actor = cast.actor(cast.priya).await;
        assert_eq!((actor.name.as_str(), actor.time_zone.as_str()), ("Priya N.", "Asia/Kolkata"));
    }
}
