//! An inbox whose provider takes no passwords.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::world::place::inbox_fields;
use crate::world::{Dovecot, Sink, World, eventually, on_both};

/// What a provider was asked, and whose tokens it hands out.
#[derive(Clone)]
struct Provider {
    asked: Arc<Mutex<Vec<String>>>,
    address: String,
}

async fn token(State(provider): State<Provider>, body: String) -> Json<Value> {
    let mut asked = provider.asked.lock().unwrap();
    asked.push(body);
    // Good for a moment only: it has to be made anew before it is over.
    let access = format!("at.{}.{}", asked.len(), provider.address);
    Json(json!({
        "access_token": access, "refresh_token": "rt", "expires_in": 65, "token_type": "Bearer",
    }))
}

impl Provider {
    async fn starts(address: &str) -> (Self, String) {
        let provider = Self { asked: Arc::default(), address: address.to_owned() };
        let router = Router::new().route("/token", post(token)).with_state(provider.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        #[expect(clippy::disallowed_methods, reason = "ends with the runtime of the test")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        (provider, base)
    }
}

on_both! {
    async fn a_provider_gives_its_permission_and_mail_is_fetched_with_it(world: World) {
        let shop = world.shop().await;
        let address = format!("billing@{}.example", world.name);
        let (provider, base) = Provider::starts(&address).await;
        let (imap, smtp) =
            (Dovecot::here().imap_port.to_string(), Sink::here().port.to_string());
        let (authorize, token) = (format!("{base}/authorize"), format!("{base}/token"));
        let mut fields = inbox_fields(&address, &imap, &smtp);
        fields.retain(|(name, _)| !["auth", "name", "outgoing"].contains(name) && !name.ends_with("password"));
        fields.extend([
            ("name", "Billing"), ("auth", "own"), ("client_id", "desk"),
            ("client_secret", "hush"), ("authorize_url", &authorize), ("token_url", &token),
            ("scope", "mail"), ("outgoing", "none"),
        ]);
        let page = shop.web.post("/settings/inboxes", &fields).await;
        let inbox = page.location().to_owned();
        let page = shop.web.get(&format!("{inbox}/connect")).await;
        let asked = page.location();
        assert!(asked.starts_with(&authorize), "{asked}");
        assert!(asked.contains("code_challenge_method=S256"), "{asked}");
        let state = asked.split("state=").nth(1).unwrap().split('&').next().unwrap();
        let back = format!("/settings/inboxes/oauth/callback?code=yes&state={state}");
        let page = shop.web.get(&back).await;
        assert!(page.location().starts_with(&inbox), "{}", page.location());
        let first = provider.asked.lock().unwrap().first().unwrap().clone();
        assert!(first.contains("grant_type=authorization_code") && first.contains("code_verifier="), "{first}");

        let from = world.dana();
        let id = world.mail_id("x1");
        let letter = crate::world::Letter {
            from: &from, to: &address, id: &id, subject: "With a token", text: "Hello.", fields: "",
        };
        Dovecot::here().takes(&from, &address, &crate::world::mail(&letter)).await;
        let tickets = world.tickets(&shop, 1).await;
        assert_eq!(tickets[0]["subject"], "With a token");
        // The second one is made before the first is over.
        let asked = eventually("another token", async || {
            let asked = provider.asked.lock().unwrap().clone();
            (asked.len() > 1).then_some(asked)
        })
        .await;
        assert!(asked[1].contains("grant_type=refresh_token") && asked[1].contains("refresh_token=rt"));
    }
}
