//! What concerns secrets asks once more; roles that need a second factor set one up first.

use axum::http::StatusCode;

use super::browser::Browser;
use super::second_factor::sets_up;
use super::*;

async fn require(cast: &Cast, roles: &[Role]) {
    let mut tx = cast.db.begin().await.unwrap();
    let rules = SignInRules { second_factor_for: roles.to_vec(), ..SignInRules::default() };
    rules.save(&mut tx, cast.accounts.now()).await.unwrap();
    tx.commit().await.unwrap();
}

on_both! {
    async fn after_a_while_secrets_ask_once_more(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut sarah = Browser::of(&cast, "sarah").await;
        cast.clock.advance(Span::minutes(14));
        assert_eq!(sarah.get("/me/tokens").await.status, StatusCode::OK);
        cast.clock.advance(Span::minutes(1));
        let directory = cast.accounts.directory().await.unwrap();
        let person = directory.agent(cast.priya).unwrap().public_id;
        let person = format!("/settings/people/{person}");
        for path in ["/me/tokens", "/me/second-factor", "/settings/people", &person,
            "/settings/company", "/settings/sign-in", "/setup/team"] {
            assert_eq!(sarah.get(path).await.location(), format!("/confirm?next={path}"));
        }
        for path in ["/me", "/me/notifications", "/settings/teams", "/settings/trail"] {
            assert_eq!(sarah.get(path).await.status, StatusCode::OK, "{path} is no secret");
        }
        // A form that was sent too late is not carried out, and leads back to its page.
        let fields = [("name", "script"), ("scope", "tickets:read"), ("lifetime", "30")];
        let page = sarah.post("/me/tokens", &fields).await;
        assert_eq!(page.location(), "/confirm?late=yes&next=/me/tokens");
        let page = sarah.post(&format!("{person}/link"), &[]).await;
        assert_eq!(page.location(), format!("/confirm?late=yes&next={person}"));
        let page = sarah.post("/me/second-factor/app/delete", &[]).await;
        assert_eq!(page.location(), "/confirm?late=yes&next=/me/second-factor");
        let page = sarah.post("/settings/trail/export", &[]).await;
        assert_eq!(page.location(), "/confirm?late=yes&next=/settings/trail");
        let row = [("name0", "Noor"), ("email0", "noor@northlight.example"), ("role0", "owner")];
        let page = sarah.post("/setup/team", &row).await;
        assert_eq!(page.location(), "/confirm?late=yes&next=/setup/team");
        let everybody = cast.accounts.directory().await.unwrap().everybody().len();
        assert_eq!(everybody, 5, "nobody was invited");
        let conn = cast.db.read().await.unwrap();
        assert!(tokens_of(&conn, cast.sarah).await.unwrap().is_empty());
        drop(conn);

        let page = sarah.get("/confirm?late=yes&next=/me/tokens").await;
        page.says("Nothing was changed yet");
        page.says("value=\"/me/tokens\"");
        page.is_silent_about("name=\"code\"");
        let prove = |password| [("password", password), ("next", "/me/tokens")];
        sarah.post("/confirm", &prove("wrong")).await.refuses("The password is not right.");
        assert_eq!(sarah.get("/me/tokens").await.status, StatusCode::SEE_OTHER);
        assert_eq!(sarah.post("/confirm", &prove(PASSWORD)).await.location(), "/me/tokens");
        assert_eq!(sarah.post("/me/tokens", &fields).await.status, StatusCode::OK);
        assert_eq!(sarah.post("/settings/trail/export", &[]).await.status, StatusCode::OK);
        sarah.post("/setup/team", &row).await.says("/invite/");
        // One session proves nothing for another.
        let mut other = Browser::of(&cast, "sarah").await;
        cast.clock.advance(Span::minutes(15));
        sarah.post("/confirm", &prove(PASSWORD)).await;
        assert_eq!(other.get("/me/tokens").await.location(), "/confirm?next=/me/tokens");
    }

    async fn a_code_proves_it_too_and_is_used_up(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut priya = Browser::of(&cast, "priya").await;
        let kit = sets_up(&cast, &mut priya).await;
        cast.clock.advance(Span::minutes(15));
        priya.get("/confirm?next=/me/tokens").await.says("name=\"code\"");
        let code = kit.code(&cast);
        let fields = [("password", ""), ("code", code.as_str()), ("next", "/me/tokens")];
        assert_eq!(priya.post("/confirm", &fields).await.location(), "/me/tokens");
        priya.post("/confirm", &fields).await.refuses("This code is not right, or was used before");
    }

    async fn proving_cannot_be_guessed_and_leads_to_no_other_site(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut priya = Browser::of(&cast, "priya").await;
        for _ in 0..10 {
            let page = priya.post("/confirm", &[("password", "a guess")]).await;
            page.refuses("The password is not right.");
        }
        let page = priya.post("/confirm", &[("password", PASSWORD)]).await;
        assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
        cast.clock.advance(Span::seconds(41));
        for next in ["//evil.example", "https://evil.example", "/\\evil.example"] {
            let fields = [("password", PASSWORD), ("next", next)];
            assert_eq!(priya.post("/confirm", &fields).await.location(), "/", "{next}");
        }
    }

    async fn a_role_that_needs_a_second_factor_sets_one_up_before_all_else(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        require(&cast, &[Role::Agent]).await;
        let mut mateo = Browser::of(&cast, "mateo").await;
        assert_eq!(mateo.get("/me").await.status, StatusCode::OK, "no agent");
        let mut priya = Browser::of(&cast, "priya").await;
        let (_, list) = routes(&cast.accounts);
        let mut sent_away = 0;
        for route in list.iter().filter(|route| route.access != Access::Public) {
            let path = route.path;
            if path.starts_with("/me/second-factor") || path == "/confirm" || path.contains('{') {
                continue;
            }
            let page = match route.method {
                "GET" => priya.get(path).await,
                _ => priya.post(path, &[]).await,
            };
            assert_eq!(page.location(), "/me/second-factor", "{} {path}", route.method);
            sent_away += 1;
        }
        assert!(sent_away > 15, "{sent_away}");
        let page = priya.get("/me/second-factor").await;
        page.says("Somebody with your role needs a second factor here.");
        page.is_silent_about("subnav");

        // A program in their name goes on.
        let mut tx = cast.db.begin().await.unwrap();
        let new = NewToken {
            agent: cast.priya,
            name: "script".to_owned(),
            scopes: Scopes::Full,
            sees: Sees::Everything,
            expires_at: None,
        };
        let token = make_token(&mut tx, &new, cast.accounts.now()).await.unwrap();
        tx.commit().await.unwrap();
        let mut headers = HeaderMap::new();
        let bearer = format!("Bearer {}", token.reveal());
        headers.insert("authorization", HeaderValue::from_str(&bearer).unwrap());
        let actor = cast.accounts.actor_of_token(&headers).await.unwrap().unwrap();
        assert!(!actor.owes_second_factor);

        let kit = sets_up(&cast, &mut priya).await;
        assert_eq!(kit.codes.len(), 10);
        assert_eq!(priya.get("/me").await.status, StatusCode::OK);
        // Whoever turns it off is where they were before.
        let code = kit.code(&cast);
        let off = [("password", PASSWORD), ("off_code", code.as_str())];
        priya.post("/me/second-factor/app/delete", &off).await.location();
        assert_eq!(priya.get("/me").await.location(), "/me/second-factor");
        assert_eq!(priya.post("/logout", &[]).await.location(), "/login?notice=signed-out");
    }

    async fn owners_say_who_needs_a_second_factor(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut sarah = Browser::of(&cast, "sarah").await;
        let fields = [("role", "lead"), ("role", "agent"), ("role", "king")];
        assert_eq!(sarah.post("/settings/sign-in", &fields).await.location(), "/settings/sign-in");
        let conn = cast.db.read().await.unwrap();
        let rules = SignInRules::load(&conn).await.unwrap();
        assert_eq!(rules.second_factor_for, [Role::Lead, Role::Agent]);
        let mut mateo = Browser::of(&cast, "mateo").await;
        let page = mateo.get("/settings/sign-in").await;
        assert_ne!(page.status, StatusCode::OK, "an owner's page");
    }

    async fn an_owner_takes_a_lost_second_factor_away(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut priya = Browser::of(&cast, "priya").await;
        sets_up(&cast, &mut priya).await;
        let mut sarah = Browser::of(&cast, "sarah").await;
        let directory = cast.accounts.directory().await.unwrap();
        let page_of = |id| format!("/settings/people/{}", directory.agent(id).unwrap().public_id);
        let (hers, own) = (page_of(cast.priya), page_of(cast.sarah));
        sarah.get(&hers).await.says("/second-factor/delete");
        sarah.get(&page_of(cast.tom)).await.is_silent_about("/second-factor/delete");
        let page = sarah.post(&format!("{own}/second-factor/delete"), &[]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "not one's own");
        let mut mateo = Browser::of(&cast, "mateo").await;
        let page = mateo.post(&format!("{hers}/second-factor/delete"), &[]).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);

        let page = sarah.post(&format!("{hers}/second-factor/delete"), &[]).await;
        assert_eq!(page.location(), hers);
        cast.clock.advance(Span::seconds(61));
        assert_eq!(priya.get("/me").await.location(), "/login?next=/me", "her session ended");
        let given = [("email", "priya@northlight.example"), ("password", PASSWORD)];
        assert_eq!(priya.post("/login", &given).await.location(), "/");
        let now = cast.accounts.now();
        let shares = [(outbox::SYSTEM, 100)];
        let sent = outbox::claim(&cast.db, now, Span::minutes(1), &shares).await.unwrap();
        let subjects: Vec<&str> = sent.iter().map(|one| one.letter.subject.as_str()).collect();
        assert_eq!(subjects, ["Your second factor at Northlight Studio"]);
    }
}
