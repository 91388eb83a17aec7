//! Who gets in by which route.

use axum::http::StatusCode;

use super::browser::Browser;
use super::*;

/// Whatever is not listed here asks who is there.
const PUBLIC: &[(&str, &str)] = &[
    ("GET", "/"),
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/login/code"),
    ("POST", "/login/code"),
    ("POST", "/login/passkey/begin"),
    ("POST", "/login/passkey"),
    ("POST", "/login/code/passkey/begin"),
    ("POST", "/login/code/passkey"),
    ("GET", "/login/provider"),
    ("GET", "/login/provider/callback"),
    ("POST", "/logout"),
    ("GET", "/forgot"),
    ("POST", "/forgot"),
    ("GET", "/reset/{token}"),
    ("POST", "/reset/{token}"),
    ("GET", "/invite/{token}"),
    ("POST", "/invite/{token}"),
    ("GET", "/setup/{token}"),
    ("POST", "/setup/{token}"),
];

/// The least role for a path, as the people who decide about it would say.
fn least_role(path: &str) -> Role {
    match path {
        "/settings" | "/confirm" => Role::Collaborator,
        own if own == "/me" || own.starts_with("/me/") => Role::Collaborator,
        _ => Role::Owner,
    }
}

/// A path in which the placeholders stand for nothing that exists.
fn filled(path: &str) -> String {
    let id = if path.contains("/sessions/") || path.contains("/jobs/") {
        "999999"
    } else {
        "01900000-0000-7000-8000-000000000000"
    };
    path.replace("{id}", id).replace("{token}", "rcp_nothing")
}

on_both! {
    async fn every_route_lets_in_exactly_the_roles_it_should(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let (_, list) = routes(&cast.accounts);
        let public: Vec<_> = list
            .iter()
            .filter(|route| route.access == Access::Public)
            .map(|route| (route.method, route.path))
            .collect();
        assert_eq!(public, PUBLIC, "a route without a guard is listed on purpose or not at all");

        let people = [
            (Role::Owner, "sarah"),
            (Role::Lead, "mateo"),
            (Role::Agent, "priya"),
            (Role::Collaborator, "ines"),
        ];
        for route in list.iter().filter(|route| route.access != Access::Public) {
            let path = filled(route.path);
            let name = format!("{} {}", route.method, route.path);
            let mut nobody = Browser::new(&cast.accounts);
            let page = ask(&mut nobody, route.method, &path).await;
            assert!(page.location().starts_with("/login"), "{name} lets in a stranger");
            for (role, first_name) in people {
                let mut browser = Browser::new(&cast.accounts);
                browser.session = Some(session_of(&cast, first_name).await);
                let page = ask(&mut browser, route.method, &path).await;
                let may = role >= least_role(route.path);
                assert_eq!(
                    page.status != StatusCode::FORBIDDEN,
                    may,
                    "{name} as {role:?} answers {}",
                    page.status
                );
                assert!(!page.status.is_server_error(), "{name} as {role:?}: {}", page.body);
                let sent_away = page.header("location").starts_with("/login");
                assert!(!sent_away, "{name} does not know {first_name}");
            }
        }
    }

    async fn a_token_opens_no_page_and_a_session_no_door_for_programs(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let token = open_session(&cast, cast.sarah).await;
        let mut headers = HeaderMap::new();
        let bearer = format!("Bearer {}", token.reveal());
        headers.insert("authorization", HeaderValue::from_str(&bearer).unwrap());
        assert!(cast.accounts.actor_of_token(&headers).await.unwrap().is_none());

        let mut tx = cast.db.begin().await.unwrap();
        let new = NewToken {
            agent: cast.sarah,
            name: "script".to_owned(),
            scopes: Scopes::Full,
            sees: Sees::Everything,
            expires_at: None,
        };
        let token = make_token(&mut tx, &new, cast.accounts.now()).await.unwrap();
        tx.commit().await.unwrap();
        let mut browser = Browser::new(&cast.accounts);
        browser.session = Some(format!("session={}", token.reveal()));
        assert_eq!(browser.get("/me").await.location(), "/login?next=/me");
    }
}

async fn ask(browser: &mut Browser, method: &str, path: &str) -> super::browser::Page {
    match method {
        "GET" => browser.get(path).await,
        "POST" => browser.post(path, &[]).await,
        other => panic!("pages are not asked for with {other}"),
    }
}

async fn session_of(cast: &Cast, first_name: &str) -> String {
    let email = format!("{first_name}@northlight.example").parse().unwrap();
    let directory = cast.accounts.directory().await.unwrap();
    let token = open_session(cast, directory.by_email(&email).unwrap().id).await;
    format!("session={}", token.reveal())
}
