//! Sign-in at a provider that is honest, and at one that tries everything.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap as Headers, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use egress::{Guard, Http};
use kernel::{Clock, ManualClock};
use ring::digest::{SHA256, digest};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use super::browser::{Browser, Page};
use super::second_factor::sets_up;
use super::*;
use crate::provider::SECRET_PLACE;

const FAILED: &str = "Signing in there did not work, or took too long";
const UNKNOWN: &str = "Nobody here is known by this sign-in";

/// What the provider does that it should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trick {
    None,
    Issuer,
    Audience,
    SharedAudience,
    Nonce,
    NoNonce,
    Expired,
    NotYet,
    NotBefore,
    Unsigned,
    KeyedWithThePublicKey,
    OtherKey,
    UnknownKey,
    KeyInTheToken,
    Extension,
    NoSubject,
    DiscoveryOfAnother,
    DiscoveryWithoutHttps,
    KeysInside,
    MixUp,
    Unverified,
}

/// A code that was handed out, and for what.
struct Grant {
    nonce: String,
    challenge: String,
}

struct Inner {
    base: String,
    clock: Arc<ManualClock>,
    key: EcdsaKeyPair,
    other_key: EcdsaKeyPair,
    trick: Mutex<Trick>,
    email: Mutex<String>,
    grants: Mutex<HashMap<String, Grant>>,
    subject: Mutex<String>,
}

#[derive(Clone)]
struct House(Arc<Inner>);

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn key() -> EcdsaKeyPair {
    let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(kind, pkcs8.as_ref(), &random).unwrap()
}

async fn metadata(State(house): State<House>) -> Json<Value> {
    let base = &house.0.base;
    let trick = house.trick();
    let issuer = if trick == Trick::DiscoveryOfAnother { "https://evil.example" } else { base };
    let token = match trick {
        Trick::DiscoveryWithoutHttps => "http://evil.example/token".to_owned(),
        _ => format!("{base}/token"),
    };
    let keys = match trick {
        Trick::KeysInside => "https://10.11.12.13/keys".to_owned(),
        _ => format!("{base}/keys"),
    };
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": token,
        "jwks_uri": keys,
        "authorization_response_iss_parameter_supported": trick == Trick::MixUp,
    }))
}

async fn keys_of(State(house): State<House>) -> Json<Value> {
    let point = house.0.key.public_key().as_ref();
    let (x, y) = (encoded(&point[1..33]), encoded(&point[33..]));
    Json(json!({"keys": [
        {"kty": "EC", "crv": "P-256", "kid": "one", "use": "sig", "x": x, "y": y},
        // Nobody has a key of one's own for this, but a list may say so.
        {"kty": "oct", "kid": "one", "k": x},
    ]}))
}

async fn token(
    State(house): State<House>,
    headers: Headers,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let who = format!("Basic {}", STANDARD.encode("desk:hush%20hush"));
    let is_us = headers.get("authorization").is_some_and(|value| *value == *who);
    let grant = house.0.grants.lock().unwrap().remove(&form["code"]);
    let Some(grant) = grant.filter(|_| is_us) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let verifier = digest(&SHA256, form["code_verifier"].as_bytes());
    if encoded(verifier) != grant.challenge {
        return StatusCode::BAD_REQUEST.into_response();
    }
    Json(json!({"id_token": house.id_token(&grant), "token_type": "Bearer"})).into_response()
}

impl House {
    async fn opens(cast: &Cast, links_by_email: bool) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let house = Self(Arc::new(Inner {
            base: base.clone(),
            clock: cast.clock.clone(),
            key: key(),
            other_key: key(),
            trick: Mutex::new(Trick::None),
            email: Mutex::new("priya@northlight.example".to_owned()),
            grants: Mutex::default(),
            subject: Mutex::new("u-17".to_owned()),
        }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/keys", get(keys_of))
            .route("/token", post(token))
            .with_state(house.clone());
        #[expect(clippy::disallowed_methods, reason = "ends with the runtime of the test")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        let guard = Guard::new(vec!["127.0.0.1".parse().unwrap()]);
        cast.accounts.lend_way_out(Http::new(guard).unwrap());
        let provider = Provider {
            issuer: base,
            client_id: "desk".to_owned(),
            client_secret: cast.accounts.keys().seal(SECRET_PLACE, &Secret::new("hush hush")),
            label: "Sign in with Northlight".to_owned(),
            links_by_email,
        };
        let rules = SignInRules { provider: Some(provider), ..SignInRules::default() };
        let mut tx = cast.db.begin().await.unwrap();
        rules.save(&mut tx, cast.accounts.now()).await.unwrap();
        tx.commit().await.unwrap();
        house
    }

    fn trick(&self) -> Trick {
        *self.0.trick.lock().unwrap()
    }

    fn does(&self, trick: Trick) {
        *self.0.trick.lock().unwrap() = trick;
    }

    fn is_for(&self, subject: &str, email: &str) {
        subject.clone_into(&mut self.0.subject.lock().unwrap());
        email.clone_into(&mut self.0.email.lock().unwrap());
    }

    fn id_token(&self, grant: &Grant) -> String {
        let (trick, now) = (self.trick(), self.0.clock.now().seconds());
        let mut claims = json!({
            "iss": self.0.base, "aud": "desk", "sub": *self.0.subject.lock().unwrap(),
            "iat": now, "exp": now + 300, "nonce": grant.nonce,
            "email": *self.0.email.lock().unwrap(), "email_verified": true,
        });
        let mut header = json!({"alg": "ES256", "kid": "one", "typ": "JWT"});
        match trick {
            Trick::Issuer => claims["iss"] = "https://evil.example".into(),
            Trick::Audience => claims["aud"] = "another".into(),
            Trick::SharedAudience => {
                claims["aud"] = json!(["desk", "another"]);
                claims["azp"] = "another".into();
            }
            Trick::Nonce => claims["nonce"] = "rcn_another".into(),
            Trick::NoNonce => drop(claims.as_object_mut().unwrap().remove("nonce")),
            Trick::Expired => {
                claims["iat"] = (now - 4_000).into();
                claims["exp"] = (now - 3_700).into();
            }
            Trick::NotYet => claims["iat"] = (now + 3_600).into(),
            Trick::NotBefore => claims["nbf"] = (now + 3_600).into(),
            Trick::Unsigned => header["alg"] = "none".into(),
            Trick::UnknownKey => header["kid"] = "two".into(),
            Trick::KeyInTheToken => {
                let point = self.0.other_key.public_key().as_ref();
                let (x, y) = (encoded(&point[1..33]), encoded(&point[33..]));
                header["jwk"] = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
                drop(header.as_object_mut().unwrap().remove("kid"));
            }
            Trick::Extension => header["crit"] = json!(["b64"]),
            Trick::KeyedWithThePublicKey => header["alg"] = "HS256".into(),
            Trick::NoSubject => claims["sub"] = "".into(),
            Trick::Unverified => claims["email_verified"] = false.into(),
            _ => {}
        }
        let signed = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        let random = SystemRandom::new();
        let public = self.0.key.public_key().as_ref();
        let signature = match trick {
            Trick::Unsigned => String::new(),
            Trick::KeyedWithThePublicKey => {
                let secret = encoded(&public[1..33]);
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
                encoded(hmac::sign(&key, signed.as_bytes()))
            }
            Trick::OtherKey | Trick::KeyInTheToken => {
                encoded(self.0.other_key.sign(&random, signed.as_bytes()).unwrap())
            }
            _ => encoded(self.0.key.sign(&random, signed.as_bytes()).unwrap()),
        };
        format!("{signed}.{signature}")
    }

    /// Somebody signs in there: the way back that their browser is sent.
    fn signs_in(&self, departure: &Page) -> String {
        let url = departure.location().to_owned();
        assert!(
            url.starts_with(&format!("{}/authorize?response_type=code&", self.0.base)),
            "{url}"
        );
        assert!(url.contains("code_challenge_method=S256"), "{url}");
        let value = |name: &str| {
            let part = url.split(&format!("{name}=")).nth(1).unwrap();
            part.split('&').next().unwrap().to_owned()
        };
        assert_eq!(
            value("redirect_uri"),
            "http%3A%2F%2Flocalhost%3A8080%2Flogin%2Fprovider%2Fcallback"
        );
        let code = Token::new("code").reveal().to_owned();
        let grant = Grant { nonce: value("nonce"), challenge: value("code_challenge") };
        self.0.grants.lock().unwrap().insert(code.clone(), grant);
        format!("/login/provider/callback?code={code}&state={}", value("state"))
    }

    /// There and back in one browser.
    async fn lets(&self, browser: &mut Browser) -> Page {
        let departure = browser.get("/login/provider?next=/me").await;
        let back = self.signs_in(&departure);
        browser.get(&back).await
    }
}

/// Joins the account of Priya to the provider from her page.
async fn priya_connects(cast: &Cast, house: &House) -> Browser {
    let mut priya = Browser::of(cast, "priya").await;
    priya.get("/me").await.says("href=\"/me/provider/connect\"");
    let departure = priya.get("/me/provider/connect").await;
    let back = house.signs_in(&departure);
    assert_eq!(priya.get(&back).await.location(), "/me");
    priya
}

on_both! {
    async fn an_honest_provider_lets_in_whom_it_was_joined_to(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let house = House::opens(&cast, false).await;
        let mut browser = Browser::new(&cast.accounts);
        browser.get("/login?next=/me").await.says("href=\"/login/provider?next=/me\"");
        house.lets(&mut browser).await.refuses(UNKNOWN);
        assert_eq!(browser.session, None, "an address alone opens nothing");

        let mut priya = priya_connects(&cast, &house).await;
        priya.get("/me").await.says("action=\"/me/provider/delete\"");
        assert_eq!(house.lets(&mut browser).await.location(), "/me");
        browser.get("/me").await.says("Priya Nair");
        // The subject counts: a mail address that moved on opens nothing.
        house.is_for("u-17", "other@northlight.example");
        assert_eq!(house.lets(&mut Browser::new(&cast.accounts)).await.location(), "/me");
        house.is_for("u-18", "priya@northlight.example");
        house.lets(&mut Browser::new(&cast.accounts)).await.refuses(UNKNOWN);

        // One identity has one person here.
        house.is_for("u-17", "priya@northlight.example");
        let mut mateo = Browser::of(&cast, "mateo").await;
        let departure = mateo.get("/me/provider/connect").await;
        let back = house.signs_in(&departure);
        mateo.get(&back).await.refuses("This sign-in belongs to somebody else here.");

        assert_eq!(priya.post("/me/provider/delete", &[]).await.location(), "/me");
        house.lets(&mut Browser::new(&cast.accounts)).await.refuses(UNKNOWN);
        let conn = cast.db.read().await.unwrap();
        let ask = "select act from audit_entries where act like 'provider.%' order by number";
        let deeds: Vec<String> = conn.column(ask, vec![]).await.unwrap();
        assert_eq!(deeds, ["provider.joined", "provider.parted"]);
    }

    async fn a_hostile_provider_opens_nothing(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let house = House::opens(&cast, false).await;
        priya_connects(&cast, &house).await;
        let tricks = [
            Trick::Issuer, Trick::Audience, Trick::SharedAudience, Trick::Nonce, Trick::NoNonce,
            Trick::Expired, Trick::NotYet, Trick::NotBefore, Trick::Unsigned,
            Trick::KeyedWithThePublicKey, Trick::OtherKey, Trick::UnknownKey, Trick::KeyInTheToken,
            Trick::Extension, Trick::NoSubject,
            Trick::DiscoveryOfAnother, Trick::DiscoveryWithoutHttps, Trick::KeysInside,
            Trick::MixUp,
        ];
        for (trick, network) in tricks.into_iter().zip(1_u8..) {
            let mut browser = Browser::new(&cast.accounts);
            browser.address = [203, 0, 113, network].into();
            let departure = browser.get("/login/provider").await;
            let back = house.signs_in(&departure);
            house.does(trick);
            let page = browser.get(&back).await;
            house.does(Trick::None);
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{trick:?}");
            page.says(FAILED);
            assert_eq!((browser.session, browser.pending), (None, None), "{trick:?}");
        }
        // At the door, too, nobody is sent to another provider.
        house.does(Trick::DiscoveryOfAnother);
        let mut browser = Browser::new(&cast.accounts);
        browser.get("/login/provider").await.refuses(FAILED);
        house.does(Trick::None);
        assert_eq!(house.lets(&mut browser).await.location(), "/me", "honest again");
    }

    async fn an_answer_counts_once_in_its_browser_and_soon(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let house = House::opens(&cast, false).await;
        priya_connects(&cast, &house).await;
        let mut browser = Browser::new(&cast.accounts);
        let departure = browser.get("/login/provider").await;
        let back = house.signs_in(&departure);
        let mut stranger = Browser::new(&cast.accounts);
        stranger.get(&back).await.refuses(FAILED);
        stranger.get("/login/provider").await.location();
        stranger.get(&back).await.refuses(FAILED);
        assert_eq!(browser.get(&back).await.location(), "/");
        browser.get(&back).await.refuses(FAILED);

        // A code that was used, with a state that was not.
        let code = back.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();
        let departure = browser.get("/login/provider").await;
        let fresh = house.signs_in(&departure);
        let fresh_code = fresh.split("code=").nth(1).unwrap().split('&').next().unwrap();
        browser.get(&fresh.replace(fresh_code, &code)).await.refuses(FAILED);
        // A code of somebody else, put into this browser: its question was another.
        let departure = browser.get("/login/provider").await;
        let own = house.signs_in(&departure);
        let departure = stranger.get("/login/provider").await;
        let theirs = house.signs_in(&departure);
        let code_of = |back: &str| back.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();
        let mixed = own.replace(&code_of(&own), &code_of(&theirs));
        browser.get(&mixed).await.refuses(FAILED);

        let departure = browser.get("/login/provider").await;
        let late = house.signs_in(&departure);
        cast.clock.advance(Span::minutes(10));
        browser.get(&late).await.refuses(FAILED);
        let mixed_up = "&iss=https%3A%2F%2Fevil.example";
        let departure = browser.get("/login/provider").await;
        let back = house.signs_in(&departure);
        browser.get(&format!("{back}{mixed_up}")).await.refuses(FAILED);
        for nonsense in ["", "?state=x&code=y", "?error=access_denied"] {
            let page = browser.get(&format!("/login/provider/callback{nonsense}")).await;
            page.refuses(FAILED);
        }
    }

    async fn an_address_opens_only_where_owners_say_so_and_the_provider_verified_it(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let house = House::opens(&cast, true).await;
        house.does(Trick::Unverified);
        house.lets(&mut Browser::new(&cast.accounts)).await.refuses(UNKNOWN);
        house.does(Trick::None);
        house.is_for("u-20", "nobody@northlight.example");
        house.lets(&mut Browser::new(&cast.accounts)).await.refuses(UNKNOWN);
        let mut tx = cast.db.begin().await.unwrap();
        deactivate(&mut tx, cast.tom, cast.accounts.now()).await.unwrap();
        tx.commit().await.unwrap();
        house.is_for("u-21", "tom@northlight.example");
        house.lets(&mut Browser::new(&cast.accounts)).await.refuses(UNKNOWN);
        house.is_for("u-17", "Priya@Northlight.example");
        assert_eq!(house.lets(&mut Browser::new(&cast.accounts)).await.location(), "/me");
        // From then on it is the subject that counts: whoever gets her address is not her.
        house.is_for("u-22", "priya@northlight.example");
        house.lets(&mut Browser::new(&cast.accounts)).await.refuses(UNKNOWN);
        house.is_for("u-17", "priya@northlight.example");
        house.does(Trick::Unverified);
        assert_eq!(house.lets(&mut Browser::new(&cast.accounts)).await.location(), "/me");
    }

    async fn a_second_factor_is_asked_for_all_the_same(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let house = House::opens(&cast, false).await;
        let mut priya = priya_connects(&cast, &house).await;
        let kit = sets_up(&cast, &mut priya).await;
        let mut browser = Browser::new(&cast.accounts);
        assert_eq!(house.lets(&mut browser).await.location(), "/login/code");
        assert_eq!(browser.session, None);
        let page = browser.post("/login/code", &[("code", &kit.code(&cast))]).await;
        assert_eq!(page.location(), "/me");
    }

    async fn owners_enter_a_provider_whose_secret_stays_hidden(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut sarah = Browser::of(&cast, "sarah").await;
        let fields = |issuer, secret| [
            ("issuer", issuer), ("client_id", "desk"), ("client_secret", secret),
            ("label", "Sign in with Northlight"),
        ];
        let at = "/settings/sign-in/provider";
        let page = sarah.post(at, &fields("http://id.example.com", "hush")).await;
        page.refuses("Enter an address that begins with https://");
        page.is_silent_about("hush");
        sarah.post(at, &fields("https://id.example.com", "")).await
            .refuses("Enter the client secret that the provider gave you");
        let page = sarah.post(at, &fields("https://id.example.com", "hush")).await;
        assert_eq!(page.location(), "/settings/sign-in");
        let stored = async || {
            SignInRules::load(&cast.db.read().await.unwrap()).await.unwrap().provider.unwrap()
        };
        let sealed = stored().await.client_secret;
        assert!(!sealed.contains("hush"));
        assert!(!stored().await.links_by_email);
        let mut mateo = Browser::of(&cast, "mateo").await;
        let page = mateo.post(at, &fields("https://evil.example", "hush")).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
    }
}
