//! Passkeys at the web door, with a key that does as it is told.

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use super::browser::{Browser, Page};
use super::*;

/// Makes a key one that should open nothing.
type Spoil = fn(&mut SoftKey);

const NO_ANSWER: &str = "The key did not answer as it should, or too late";
const ORIGIN: &str = "http://localhost:8080";
/// Somebody touched it, and it knows who.
const VERIFIED: u8 = 5;
const TOUCHED: u8 = 1;
const HAS_KEY: u8 = 64;

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key of one person at one site.
#[derive(Clone)]
struct SoftKey {
    pkcs8: Vec<u8>,
    id: Vec<u8>,
    user: String,
    counter: u32,
    flags: u8,
    origin: &'static str,
}

impl SoftKey {
    fn new(id: u8) -> Self {
        let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_ASN1_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        Self {
            pkcs8: pkcs8.as_ref().to_vec(),
            id: vec![id; 16],
            user: String::new(),
            counter: 0,
            flags: VERIFIED,
            origin: ORIGIN,
        }
    }

    fn pair(&self) -> EcdsaKeyPair {
        let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_ASN1_SIGNING);
        EcdsaKeyPair::from_pkcs8(kind, &self.pkcs8, &random).unwrap()
    }

    fn client_data(&self, kind: &str, options: &Value) -> String {
        json!({
            "type": format!("webauthn.{kind}"),
            "challenge": options["challenge"],
            "origin": self.origin,
            "crossOrigin": false,
        })
        .to_string()
    }

    fn authenticator_data(&mut self, more: u8) -> Vec<u8> {
        self.counter += 1;
        let mut data = digest(&SHA256, b"localhost").as_ref().to_vec();
        data.push(self.flags | more);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// Becomes somebody's (WebAuthn, 6.5 and 8.7).
    fn registers(&mut self, options: &Value) -> String {
        options["user"]["id"].as_str().unwrap().clone_into(&mut self.user);
        let mut data = self.authenticator_data(HAS_KEY);
        data.extend([0; 16]);
        data.extend([0, 16]);
        data.extend(&self.id);
        let pair = self.pair();
        let point = pair.public_key().as_ref();
        // A map of five: an elliptic curve key for ES256 on P-256, x and y.
        data.extend([0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32]);
        data.extend(&point[1..33]);
        data.extend([0x22, 0x58, 32]);
        data.extend(&point[33..]);
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).unwrap());
        object.extend(data);
        json!({
            "id": encoded(&self.id), "rawId": encoded(&self.id), "type": "public-key",
            "response": {
                "attestationObject": encoded(object),
                "clientDataJSON": encoded(self.client_data("create", options)),
            },
            "clientExtensionResults": {},
        })
        .to_string()
    }

    /// Signs what it is asked (WebAuthn, 6.3.3).
    fn signs(&mut self, options: &Value) -> String {
        let client_data = self.client_data("get", options);
        let data = self.authenticator_data(0);
        let signed = [data.as_slice(), digest(&SHA256, client_data.as_bytes()).as_ref()].concat();
        let signature = self.pair().sign(&SystemRandom::new(), &signed).unwrap();
        json!({
            "id": encoded(&self.id), "rawId": encoded(&self.id), "type": "public-key",
            "response": {
                "authenticatorData": encoded(data),
                "clientDataJSON": encoded(client_data),
                "signature": encoded(signature),
                "userHandle": self.user,
            },
            "clientExtensionResults": {},
        })
        .to_string()
    }
}

async fn asks(browser: &mut Browser, path: &str) -> (String, Value) {
    let page = browser.post(path, &[]).await;
    assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.body);
    let question: Value = serde_json::from_str(&page.body).unwrap();
    (question["token"].as_str().unwrap().to_owned(), question["options"].clone())
}

const REGISTER: &str = "/me/second-factor/passkeys";

async fn registers(browser: &mut Browser, key: &mut SoftKey) -> Page {
    let (token, options) = asks(browser, "/me/second-factor/passkeys/begin").await;
    assert_eq!(options["authenticatorSelection"]["residentKey"], "preferred");
    let credential = key.registers(&options);
    let fields = [("name", "Laptop"), ("token", token.as_str()), ("credential", &credential)];
    browser.post(REGISTER, &fields).await
}

fn priya() -> [(&'static str, &'static str); 2] {
    [("email", "priya@northlight.example"), ("password", PASSWORD)]
}

/// A way in by a key: where it is asked for, and where the answer goes.
const WITHOUT_PASSWORD: &str = "/login/passkey";
const AFTER_PASSWORD: &str = "/login/code/passkey";

async fn comes(browser: &mut Browser, key: &mut SoftKey, way: &str) -> Page {
    let (token, options) = asks(browser, &format!("{way}/begin")).await;
    let credential = key.signs(&options);
    browser.post(way, &[("token", &token), ("credential", &credential)]).await
}

on_both! {
    async fn a_key_opens_after_the_password_and_without_one(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut here = Browser::of(&cast, "priya").await;
        let mut key = SoftKey::new(1);
        let page = registers(&mut here, &mut key).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        assert_eq!(page.body.matches("<li><code class=\"mono\">").count(), 10, "{}", page.body);
        page.says("Laptop");
        let mut mateo = Browser::of(&cast, "mateo").await;
        let page = registers(&mut mateo, &mut key.clone()).await;
        page.refuses("This passkey is registered already.");

        let mut browser = Browser::new(&cast.accounts);
        assert_eq!(browser.post("/login", &priya()).await.location(), "/login/code");
        browser.get("/login/code").await.says("data-passkey=\"get\"");
        assert_eq!(comes(&mut browser, &mut key, AFTER_PASSWORD).await.location(), "/");
        assert_eq!(browser.get("/me").await.status, StatusCode::OK);

        let mut browser = Browser::new(&cast.accounts);
        assert_eq!(comes(&mut browser, &mut key, WITHOUT_PASSWORD).await.location(), "/");
        browser.get("/me").await.says("Priya Nair");

        // Removed, it opens nothing, and the password alone does.
        let path = here.get("/me/second-factor").await.piece("/me/second-factor/passkeys/0");
        assert_eq!(here.post(&path, &[]).await.location(), "/me/second-factor");
        comes(&mut Browser::new(&cast.accounts), &mut key, WITHOUT_PASSWORD).await.refuses(NO_ANSWER);
        assert_eq!(Browser::new(&cast.accounts).post("/login", &priya()).await.location(), "/");
    }

    async fn a_question_is_answered_once_and_soon(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut here = Browser::of(&cast, "priya").await;
        let mut key = SoftKey::new(1);
        registers(&mut here, &mut key).await;
        let mut browser = Browser::new(&cast.accounts);
        let (token, options) = asks(&mut browser, "/login/passkey/begin").await;
        let credential = key.signs(&options);
        let fields = [("token", token.as_str()), ("credential", credential.as_str())];
        let tries = (0..8).map(|_| async {
            let mut browser = Browser::new(&cast.accounts);
            browser.post(WITHOUT_PASSWORD, &fields).await;
            usize::from(browser.session.is_some())
        });
        assert_eq!(join_all(tries).await.iter().sum::<usize>(), 1);
        let (token, options) = asks(&mut browser, "/login/passkey/begin").await;
        let credential = key.signs(&options);
        cast.clock.advance(Span::minutes(5));
        let fields = [("token", token.as_str()), ("credential", credential.as_str())];
        browser.post(WITHOUT_PASSWORD, &fields).await.refuses(NO_ANSWER);

        // Nor is a question of one kind answered as one of another, or by somebody else.
        let (token, options) = asks(&mut here, "/me/second-factor/passkeys/begin").await;
        let credential = key.signs(&options);
        let fields = [("token", token.as_str()), ("credential", credential.as_str())];
        browser.post(WITHOUT_PASSWORD, &fields).await.refuses(NO_ANSWER);
        let mut mateo = Browser::of(&cast, "mateo").await;
        let credential = SoftKey::new(2).registers(&options);
        let fields = [("name", "Mine"), ("token", token.as_str()), ("credential", &credential)];
        mateo.post(REGISTER, &fields).await.refuses(NO_ANSWER);
    }

    async fn a_key_that_is_not_right_opens_nothing(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let mut key = SoftKey::new(1);
        registers(&mut Browser::of(&cast, "priya").await, &mut key).await;
        let mut of_mateo = SoftKey::new(2);
        registers(&mut Browser::of(&cast, "mateo").await, &mut of_mateo).await;
        let mut browser = Browser::new(&cast.accounts);
        assert_eq!(comes(&mut browser, &mut key, WITHOUT_PASSWORD).await.location(), "/");

        let wrong: [(&str, Spoil); 5] = [
            ("made for another site", |key| key.origin = "http://localhost.evil.example"),
            ("touched by anybody", |key| key.flags = TOUCHED),
            ("copied", |key| key.counter = 0),
            ("signed by another", |key| key.pkcs8 = SoftKey::new(9).pkcs8),
            ("nobody's", |key| key.id = vec![7; 16]),
        ];
        for (what, spoil) in wrong {
            for way in [WITHOUT_PASSWORD, AFTER_PASSWORD] {
                let mut browser = Browser::new(&cast.accounts);
                if way == AFTER_PASSWORD {
                    browser.post("/login", &priya()).await.location();
                }
                let mut spoiled = key.clone();
                spoil(&mut spoiled);
                let page = comes(&mut browser, &mut spoiled, way).await;
                assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{what} {way}");
                page.says(NO_ANSWER);
                assert_eq!(browser.session, None, "{what} {way}");
            }
        }
        // A right key of somebody else is no second factor for this person.
        let mut browser = Browser::new(&cast.accounts);
        browser.post("/login", &priya()).await.location();
        comes(&mut browser, &mut of_mateo, AFTER_PASSWORD).await.refuses(NO_ANSWER);
        // And nobody is asked who has not given the password.
        let page = Browser::new(&cast.accounts).post("/login/code/passkey/begin", &[]).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND);
        let fields = [("token", "rck_nothing"), ("credential", "{}")];
        Browser::new(&cast.accounts).post(WITHOUT_PASSWORD, &fields).await.refuses(NO_ANSWER);
    }
}
