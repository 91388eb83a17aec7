//! Secrets on their way in, through the doors that people, programs and operators use.

use std::path::PathBuf;
use std::process::{Child, Command as Process, Stdio};

use database::{Db, Location};
use kernel::{Clock, InboxId, SystemClock};
use reqwest::Method;
use serde_json::json;

use super::Canaries;
use crate::world::place::inbox_fields;
use crate::world::{Dovecot, MAIL_PASSWORD, Sink, Web, World, eventually};

/// The program as a process of its own, at its most talkative.
pub(super) struct Served {
    child: Child,
    log: PathBuf,
    pub(super) routes: Vec<accounts::Route>,
    pub(super) owner: Web,
    pub(super) agent: Web,
    pub(super) customer: Web,
    pub(super) token: std::sync::OnceLock<String>,
}

/// The database with a password in its address, where it has one.
pub(super) fn database_words(world: &World, password: &str) -> Vec<String> {
    match &world.settings.database {
        Location::File(_) => Vec::new(),
        Location::Postgres(url) => {
            let url = url.replace("recourse@", &format!("recourse:{password}@"));
            vec!["--database-url".to_owned(), url]
        }
    }
}

impl Served {
    pub(super) async fn start(world: &mut World, canaries: &Canaries) -> Self {
        // The routes are those of the program in this process.
        world.start().await;
        let routes = world.program().routes.clone();
        world.stop().await;
        let (code, said) = world.run(&["keys", "rotate"], "");
        assert_eq!(code, 0, "{said}");
        let keys = std::fs::read_to_string(&world.settings.key_file).unwrap();
        for (at, key) in keys.lines().enumerate() {
            canaries.watch(&format!("key {at} of the key file"), key);
        }
        let log = world.folder.join("log");
        let said = std::fs::File::create(&log).unwrap();
        let (listen, lmtp) = (world.settings.listen.to_string(), world.settings.lmtp.unwrap());
        let mut command = Process::new(env!("CARGO_BIN_EXE_recourse"));
        command
            .env_clear()
            .current_dir(&world.folder)
            .arg("serve")
            .arg("--data")
            .arg(&world.folder);
        command.args(["--base-url", &world.base, "--listen", &listen, "--lmtp", &lmtp.to_string()]);
        command.args(["--allow-internal", "127.0.0.1"]);
        command.args(database_words(world, &canaries.plant("password of the database")));
        command.env("RECOURSE_LOG", "trace");
        command.env("AWS_SECRET_ACCESS_KEY", canaries.plant("secret key of the bucket"));
        command.env("AWS_ACCESS_KEY_ID", "somebody");
        let mut child = command.stdout(Stdio::piped()).stderr(said).spawn().unwrap();
        let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
        let mut told = String::new();
        while !told.contains("/setup/") {
            let read = std::io::BufRead::read_line(&mut out, &mut told).unwrap();
            assert!(read > 0, "it did not start: {}", std::fs::read_to_string(&log).unwrap());
        }
        // It goes on to write there.
        std::mem::forget(out);
        let link = told.split_once("/setup/").unwrap().1.trim().to_owned();
        canaries.watch("link to set it up", &link);
        let owner = world.web();
        let password = canaries.plant("password of the owner");
        let first = [
            ("company", "Northlight"),
            ("name", "Maya Ellis"),
            ("email", "maya@northlight.example"),
            ("password", &password),
            ("time_zone", "UTC"),
        ];
        owner.get(&format!("/setup/{link}")).await;
        owner.post(&format!("/setup/{link}"), &first).await.location();
        canaries.watch("session of the owner", &owner.cookie("session"));
        let (agent, customer) = (world.web(), world.web());
        Self { child, log, routes, owner, agent, customer, token: std::sync::OnceLock::new() }
    }

    pub(super) fn stop(&mut self, canaries: &Canaries) {
        let id = self.child.id().to_string();
        assert!(Process::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let ended = self.child.wait().unwrap();
        assert!(ended.success(), "{ended}");
        canaries.saw("the log", std::fs::read_to_string(&self.log).unwrap());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The token that stands behind this in a text.
fn token_in(text: &str, start: &str) -> String {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start} in {text}"));
    rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

async fn mailed(to: &str, start: &str) -> String {
    eventually("a letter with a link", async || {
        let got = Sink::here().got(to);
        let text = got.iter().map(crate::world::Got::text).find(|text| text.contains(start))?;
        Some(token_in(&text, start))
    })
    .await
}

pub(super) async fn plants_all(world: &World, served: &Served, canaries: &Canaries) {
    inboxes(world, served, canaries).await;
    keys_of_mail(world, canaries).await;
    people(world, served, canaries).await;
    ways_to_sign_in(served, canaries).await;
    programs(world, served, canaries).await;
    customers(world, served, canaries).await;
    strangers(world, canaries).await;
    commands(world, canaries);
    // Last: from now on mail of the system leaves by another way.
    let password = canaries.plant("password of the system's mail server");
    let company = [
        ("name", "Northlight"),
        ("time_zone", "UTC"),
        ("language", "en"),
        ("way", "server"),
        ("from", "a@b.example"),
        ("host", "127.0.0.1"),
        ("port", "1"),
        ("tls", "none"),
        ("user", "u"),
        ("password", &password),
    ];
    served.owner.post("/settings/company", &company).await.location();
}

async fn inboxes(world: &World, served: &Served, canaries: &Canaries) {
    canaries.watch("password of the mailbox", MAIL_PASSWORD);
    let (imap, smtp) = (Dovecot::here().imap_port.to_string(), Sink::here().port.to_string());
    let support = world.support();
    let good = inbox_fields(&support, &imap, &smtp);
    served.owner.post("/settings/inboxes", &good).await.location();
    let address = format!("billing@{}.example", world.name);
    let with = |imap_password: &str, smtp_password: &str| {
        let mut fields: Vec<(String, String)> = inbox_fields(&address, &imap, &smtp)
            .into_iter()
            .filter(|(name, _)| !name.ends_with("password") && *name != "name")
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        for (name, value) in [
            ("name", "Billing"),
            ("imap_password", imap_password),
            ("smtp_password", smtp_password),
        ] {
            fields.push((name.to_owned(), value.to_owned()));
        }
        fields
    };
    let post = async |path: &str, fields: Vec<(String, String)>| {
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        served.owner.post(path, &fields).await
    };
    let wrong =
        with(&canaries.plant("tried IMAP password"), &canaries.plant("tried SMTP password"));
    canaries.saw("the trial of a connection", post("/settings/inboxes/probe", wrong).await.body);
    let first = with(&canaries.plant("IMAP password"), &canaries.plant("SMTP password"));
    post("/settings/inboxes", first).await.location();
    let list = served.owner.get("/settings/inboxes").await.body;
    let ids = list.split("href=\"/settings/inboxes/").skip(1);
    let ids: Vec<&str> =
        ids.filter_map(|rest| rest.split('"').next()).filter(|id| id.len() == 36).collect();
    for id in &ids {
        let page = format!("/settings/inboxes/{id}");
        if served.owner.get(&page).await.body.contains(&address) {
            let second =
                with(&canaries.plant("next IMAP password"), &canaries.plant("next SMTP password"));
            let answer = post(&page, second).await;
            assert_eq!(answer.status, 303, "{}", answer.body);
        }
        served.owner.post(&format!("{page}/dkim"), &[]).await.location();
    }
    // A form that is refused comes back without what was secret.
    let mut refused = with(
        &canaries.plant("IMAP password of a refused form"),
        &canaries.plant("SMTP password of a refused form"),
    );
    refused.retain(|(name, _)| name != "address");
    let page = post("/settings/inboxes", refused).await;
    assert_eq!(page.status, 422, "{}", page.body);
    canaries.saw("the form of an inbox that was refused", page.body);
}

async fn people(world: &World, served: &Served, canaries: &Canaries) {
    let email = format!("priya@{}.people.example", world.name);
    let person =
        [("name", "Priya Nair"), ("email", email.as_str()), ("role", "lead"), ("sees", "all")];
    served.owner.post("/settings/people", &person).await.location();
    let invitation = mailed(&email, "/invite/").await;
    canaries.watch_mailed("invitation", &invitation);
    let (page, agent) = (format!("/invite/{invitation}"), &served.agent);
    agent.get(&page).await;
    // Refused, because there is no such zone.
    let refused = canaries.plant("password of a refused invitation");
    let answer = agent
        .post(&page, &[("name", "Priya"), ("password", &refused), ("time_zone", "Nowhere")])
        .await;
    // The form goes back to where it came from, which whoever sent it knows.
    let body = answer.body.replace(&page, "where it came from");
    canaries.saw("an invitation that was refused", body);
    let password = canaries.plant("password of an invitation");
    agent
        .post(&page, &[("name", "Priya Nair"), ("password", &password), ("time_zone", "UTC")])
        .await
        .location();
    canaries.watch("session of the invited", &agent.cookie("session"));
    let (wrong, next) = (canaries.plant("wrong present password"), canaries.plant("next password"));
    let answer = agent.post("/me/password", &[("present", &wrong), ("new", &next)]).await;
    canaries.saw("a change of password that was refused", answer.body);
    agent.post("/me/password", &[("present", &password), ("new", &next)]).await.location();
    agent.post("/forgot", &[("email", &email)]).await;
    let reset = mailed(&email, "/reset/").await;
    canaries.watch_mailed("link to a new password", &reset);
    let page = format!("/reset/{reset}");
    agent.get(&page).await;
    let chosen = canaries.plant("password chosen by link");
    agent.post(&page, &[("password", &chosen)]).await.location();
    canaries.saw("a reset link that was used", agent.get(&page).await.body);
    for round in 0..3 {
        let wrong = canaries.plant(&format!("guessed password {round}"));
        let answer = agent.post("/login", &[("email", &email), ("password", &wrong)]).await;
        canaries.saw("a sign-in that was refused", answer.body);
    }
    agent.post("/login", &[("email", &email), ("password", &chosen)]).await.location();
    canaries.watch("session after signing in", &agent.cookie("session"));
    let people = served.owner.get("/settings/people").await.body;
    let person = people.split("href=\"/settings/people/").filter_map(|rest| rest.split('"').next());
    let person = person.into_iter().filter(|id| id.len() == 36).last().unwrap();
    let shown = served.owner.post(&format!("/settings/people/{person}/link"), &[]).await.body;
    for start in ["/reset/", "/invite/"] {
        if shown.contains(start) {
            canaries.watch("link that an owner handed on", &token_in(&shown, start));
        }
    }
}

/// A second factor with its recovery codes, and a provider to sign in at.
async fn ways_to_sign_in(served: &Served, canaries: &Canaries) {
    let agent = &served.agent;
    agent.post("/me/second-factor/app", &[]).await.location();
    let page = agent.get("/me/second-factor").await.body;
    let (_, rest) = page.split_once("id=\"app-key\">").expect("a key");
    let shown = rest.split('<').next().unwrap();
    let key = shown.replace(' ', "");
    canaries.watch("key of an app", &key);
    canaries.watch("key of an app as it is shown", shown);
    let confirm = "/me/second-factor/app/confirm";
    let wrong = agent.post(confirm, &[("code", "000000")]).await;
    assert_eq!(wrong.status, 422, "{}", wrong.body);
    let code = accounts::testing::totp_code(&key, SystemClock.now());
    let page = agent.post(confirm, &[("code", &code)]).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let codes = page.body.split("<li><code class=\"mono\">").skip(1);
    for code in codes.filter_map(|rest| rest.split('<').next()) {
        canaries.watch("recovery code", code);
        canaries.watch("recovery code without dashes", &code.replace('-', ""));
    }
    let provider = |secret: &str, label: &str| {
        [
            ("issuer", "https://127.0.0.1:1".to_owned()),
            ("client_id", "desk".to_owned()),
            ("client_secret", secret.to_owned()),
            ("label", label.to_owned()),
        ]
    };
    let send = async |fields: [(&'static str, String); 4]| {
        let request = served.owner.request(Method::POST, "/settings/sign-in/provider");
        served.owner.send(request.form(&fields)).await
    };
    let page = send(provider(&canaries.plant("refused secret of a provider"), "")).await;
    assert_eq!(page.status, 422, "{}", page.body);
    canaries.saw("a provider that was refused", page.body);
    send(provider(&canaries.plant("secret of a provider"), "Example")).await.location();
}

/// The keys that sign mail. Nobody is ever told one: they are opened here as the sender does.
async fn keys_of_mail(world: &World, canaries: &Canaries) {
    let db = Db::open_unchanged(&world.settings.database).await.unwrap();
    let conn = db.read().await.unwrap();
    let ask = "select inbox_id, dkim_key from mail_connections where dkim_key is not null";
    let sealed: Vec<(InboxId, String)> = conn.all(ask, vec![]).await.unwrap();
    drop(conn);
    db.close().await;
    assert!(!sealed.is_empty(), "no key signs mail");
    let keys = keys::Keys::load(&world.settings.key_file).unwrap();
    for (inbox, sealed) in sealed {
        let key = keys.open(&format!("inbox {inbox} dkim"), &sealed).unwrap();
        // Whatever frames the key, its middle is secret.
        let text = key.reveal().to_owned();
        let middle: String = text.chars().skip(text.len() / 2).take(24).collect();
        canaries.watch("key that signs mail", &middle);
    }
}

async fn programs(world: &World, served: &Served, canaries: &Canaries) {
    let fields = [("name", "Report"), ("scope", "tickets:read"), ("lifetime", "30")];
    let shown = served.owner.post("/me/tokens", &fields).await.body;
    canaries.watch("API token of a page", &format!("rct_{}", token_in(&shown, "rct_")));
    let (code, said) =
        world.run(&["token", "create", "--agent", "maya@northlight.example", "--scope", "*"], "");
    assert_eq!(code, 0, "{said}");
    let token = format!("rct_{}", token_in(&said, "rct_"));
    canaries.watch("API token of a command", &token);
    let ask = async |method: Method, path: &str, token: &str, body: serde_json::Value| {
        let request = served.agent.request(method, path).bearer_auth(token);
        served.agent.send(request.json(&body)).await
    };
    let endpoint = |password: &str| json!({ "host": "127.0.0.1", "port": 1, "tls": "none", "user": "u", "password": password });
    let inbox = |name: &str| {
        json!({
            "name": name,
            "address": format!("{name}@{}.example", world.name),
            "imap": endpoint(&canaries.plant("IMAP password by the API")),
            "smtp": endpoint(&canaries.plant("SMTP password by the API")),
        })
    };
    let made = ask(Method::POST, "/api/v1/inboxes", &token, inbox("api")).await;
    assert_eq!(made.status, 201, "{}", made.body);
    canaries.saw("the answer to a new inbox", made.body);
    let again = ask(Method::POST, "/api/v1/inboxes", &token, inbox("api")).await;
    canaries.saw("the refusal of an inbox", again.body);
    let mut strange = inbox("strange");
    strange["imap"]["password"] = json!([canaries.plant("password that is no text")]);
    canaries.saw(
        "the refusal of JSON",
        ask(Method::POST, "/api/v1/inboxes", &token, strange).await.body,
    );
    let oauth = json!({
        "name": "oauth", "address": format!("oauth@{}.example", world.name),
        "imap": { "host": "127.0.0.1", "port": 1, "tls": "none", "user": "u" },
        "auth": { "xoauth2": {
            "client_id": "desk",
            "client_secret": canaries.plant("secret of the application"),
            "refresh_token": canaries.plant("refresh token"),
            "token_url": "http://127.0.0.1:1/token",
        } },
    });
    let made = ask(Method::POST, "/api/v1/inboxes", &token, oauth).await;
    assert_eq!(made.status, 201, "{}", made.body);
    canaries.saw("the answer to an inbox with OAuth", made.body);
    let unknown = format!("rct_{}", "q7".repeat(26));
    canaries.watch("API token that nobody made", &unknown);
    canaries.saw(
        "the refusal of a token",
        ask(Method::GET, "/api/v1/tickets", &unknown, json!({})).await.body,
    );
    served.token.set(token).unwrap();
}

async fn customers(world: &World, served: &Served, canaries: &Canaries) {
    world.dana_writes("c1", "A lamp", "It is out.", "").await;
    let link = mailed(&world.dana(), "/help/link/").await;
    canaries.watch_mailed("link of a customer", &link);
    let customer = &served.customer;
    customer.get(&format!("/help/link/{link}")).await;
    customer.post(&format!("/help/link/{link}"), &[]).await.location();
    for (name, value) in customer.all_cookies() {
        canaries.watch(&format!("{name} of a customer"), &value);
    }
    assert_eq!(customer.get("/help/requests").await.status, 200);
}

/// What people send who are nobody.
async fn strangers(world: &World, canaries: &Canaries) {
    let web = world.web();
    for path in ["/reset/rcp_", "/invite/rci_", "/setup/rcu_"] {
        let token = format!("{:x}{:x}", rand::random::<u128>(), rand::random::<u128>());
        let token: String = token.chars().chain("0".repeat(52).chars()).take(52).collect();
        canaries.watch(&format!("made-up {path}"), &token);
        canaries.saw(path, web.get(&format!("{path}{token}")).await.body);
    }
    let in_address = canaries.plant("password in an address");
    canaries
        .saw("a page with a query", web.get(&format!("/login?password={in_address}")).await.body);
    let cookie = format!("rcs_{}", "c4".repeat(26));
    canaries.watch("session that nobody has", &cookie);
    let request =
        web.request(Method::GET, "/inbox/all").header("cookie", format!("session={cookie}"));
    canaries.saw("a page for a strange session", web.send(request).await.body);
    let typed = canaries.plant("password typed as the address");
    let page = web.post("/login", &[("email", "x"), ("password", &typed)]).await;
    canaries.saw("a sign-in without an address", page.body);
    let body = format!(
        "email=a@b.example&password={}&role=owner",
        canaries.plant("password beside an unknown field")
    );
    let request = web.request(Method::POST, "/login");
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
    canaries.saw("a form with an unknown field", web.send(request).await.body);
    let body = format!("{{\"password\": \"{}\"}}", canaries.plant("password as JSON"));
    let request = web.request(Method::POST, "/login").header("content-type", "application/json");
    canaries.saw("a form as JSON", web.send(request.body(body)).await.body);
}

fn commands(world: &World, canaries: &Canaries) {
    let password = canaries.plant("password given to a command");
    let words = ["agent", "add", "--name", "Tom Okafor", "--email", "tom@northlight.example"];
    let (code, said) = world.run(&words, &format!("{password}\n"));
    assert_eq!(code, 0, "{said}");
    canaries.saw("agent add", said);
    let password = canaries.plant("next password given to a command");
    let words = ["agent", "password", "--email", "tom@northlight.example"];
    let (code, said) = world.run(&words, &format!("{password}\n"));
    assert_eq!(code, 0, "{said}");
    canaries.saw("agent password", said);
    let short = canaries.plant("password of a command that was refused");
    let words = ["agent", "password", "--email", "nobody@northlight.example"];
    canaries.saw("agent password, refused", world.run(&words, &format!("{short}\n")).1);
}
