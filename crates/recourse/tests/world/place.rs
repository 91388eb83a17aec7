//! The program with a database and a folder of its own.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::time::Duration;

use database::check::Finding;
use database::{Db, Location, testing};
use egress::Allowed;
use files::{BucketAccess, Files, Place};
use kernel::{SharedClock, SystemClock};
use recourse::Program;
use recourse::config::{Settings, Stopping};
use recourse::local::{Answer, Command, hand_over};

use super::{Dovecot, MAIL_PASSWORD, Sink, Web, free_port, scratch};

pub(crate) const OWNER: &str = "maya@northlight.example";
pub(crate) const PASSWORD: &str = "seven small lanterns";

/// One installation.
pub(crate) struct World {
    pub(crate) settings: Settings,
    /// As people reach it.
    pub(crate) base: String,
    pub(crate) folder: PathBuf,
    /// Makes names in this world unlike those in any other.
    pub(crate) name: String,
    pub(crate) clock: SharedClock,
    pub(crate) program: Option<Program>,
}

impl World {
    pub(crate) async fn on_sqlite() -> Self {
        let folder = scratch("world");
        let database = Location::File(folder.join("recourse.db"));
        Self::new(folder, database).await
    }

    pub(crate) async fn on_postgres() -> Self {
        let url = testing::postgres_url().await;
        let url = url.expect("PostgreSQL is missing; run bin/test, it starts one");
        Self::on(Location::Postgres(url)).await
    }

    /// On a PostgreSQL that somebody else started.
    pub(crate) async fn on(database: Location) -> Self {
        Self::new(scratch("world"), database).await
    }

    /// Places on each database in which nothing is but the key of this one. Nothing runs there.
    pub(crate) async fn places_for_a_copy(&self) -> [Self; 2] {
        let with_key = |what: &str| {
            let folder = scratch(what);
            let key = folder.join("recourse.key");
            std::fs::copy(&self.settings.key_file, key).expect("the key can be copied");
            folder
        };
        let (file, other) = (with_key("copy"), with_key("copy"));
        let url = testing::postgres_url().await.expect("PostgreSQL is there");
        let database = Location::File(file.join("recourse.db"));
        [Self::unstarted(file, database), Self::unstarted(other, Location::Postgres(url))]
    }

    async fn new(folder: PathBuf, database: Location) -> Self {
        let mut world = Self::unstarted(folder, database);
        world.start().await;
        world
    }

    fn unstarted(folder: PathBuf, database: Location) -> Self {
        let port = free_port();
        let address = |port: u16| std::net::SocketAddr::from(([127, 0, 0, 1], port));
        let base = format!("http://127.0.0.1:{port}");
        let settings = Settings {
            listen: address(port),
            data: folder.clone(),
            database,
            base_url: base.clone(),
            lmtp: Some(address(free_port())),
            storage: Place::Folder(folder.join("files")),
            bucket_access: BucketAccess::default(),
            trusted_proxies: Vec::new(),
            key_file: folder.join("recourse.key"),
            api_pace: api::Pace { requests_a_minute: 100_000 },
            disk_reserve_mib: 0,
            allow_internal: vec!["127.0.0.1".parse::<Allowed>().expect("an address")],
            security_contact: Some("mailto:safe@example.com".to_owned()),
            // Nobody sends requests elsewhere.
            stopping: Stopping { grace: Duration::ZERO, ..Stopping::default() },
        };
        let name = folder.file_name().and_then(|name| name.to_str()).expect("a plain name");
        let name = name.trim_start_matches("recourse-").to_owned();
        Self { settings, base, folder, name, clock: Arc::new(SystemClock), program: None }
    }

    pub(crate) async fn start(&mut self) {
        let started = Program::start(self.settings.clone(), Arc::clone(&self.clock)).await;
        self.program = Some(started.expect("the program starts"));
    }

    pub(crate) fn program(&self) -> &Program {
        self.program.as_ref().expect("the program runs")
    }

    pub(crate) async fn stop(&mut self) {
        let program = self.program.take().expect("the program runs");
        program.stop().await.expect("the program ends in good order");
    }

    /// A command, carried out by the running program.
    pub(crate) async fn command(&self, command: &Command, bytes: &[u8]) -> Answer {
        let socket = self.folder.join("recourse.sock");
        let answer = hand_over(&socket, command, bytes).await.expect("the socket works");
        answer.expect("the program listens on its socket")
    }

    pub(crate) fn web(&self) -> Web {
        Web::new(&self.base)
    }

    /// The address of the first inbox.
    pub(crate) fn support(&self) -> String {
        format!("support@{}.example", self.name)
    }

    /// The address of a customer.
    pub(crate) fn dana(&self) -> String {
        format!("dana@{}.customers.example", self.name)
    }

    /// Sets everything up by commands; the owner is signed in.
    pub(crate) async fn opens_shop(&self) -> Web {
        let set_up = Command::SetUp {
            company: "Northlight Studio".to_owned(),
            name: "Maya Ellis".to_owned(),
            email: OWNER.to_owned(),
            password: PASSWORD.to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
        };
        let answer = self.command(&set_up, &[]).await;
        assert_eq!(answer.exit_code, 0, "{}", answer.text);
        let web = self.signs_in(OWNER).await;
        self.opens_inbox(&web).await;
        web
    }

    /// A token for programs, with every right.
    pub(crate) async fn token(&self) -> String {
        let command = Command::CreateToken {
            agent: OWNER.to_owned(),
            name: "Tests".to_owned(),
            scope: "*".to_owned(),
            inboxes: Vec::new(),
            expires_in_days: None,
        };
        let answer = self.command(&command, &[]).await;
        assert_eq!(answer.exit_code, 0, "{}", answer.text);
        answer.text.rsplit(' ').next().unwrap_or_default().to_owned()
    }

    pub(crate) async fn signs_in(&self, email: &str) -> Web {
        let web = self.web();
        let page = web.post("/login", &[("email", email), ("password", PASSWORD)]).await;
        page.location();
        web
    }

    /// Connects the first inbox to Dovecot and the sink.
    pub(crate) async fn opens_inbox(&self, web: &Web) {
        let (support, imap, smtp) =
            (self.support(), Dovecot::here().imap_port.to_string(), Sink::here().port.to_string());
        let page = web.post("/settings/inboxes", &inbox_fields(&support, &imap, &smtp)).await;
        page.location();
    }

    /// Runs the program as a command, with this world's settings.
    pub(crate) fn run(&self, words: &[&str], input: &str) -> (i32, String) {
        let folder = self.folder.to_str().expect("a plain name");
        let mut all = [words, &["--data", folder, "--base-url", &self.base]].concat();
        if let Location::Postgres(url) = &self.settings.database {
            all.extend(["--database-url", url]);
        }
        self.run_with(&all, input)
    }

    /// Runs the program as a command with these words alone.
    pub(crate) fn run_with(&self, words: &[&str], input: &str) -> (i32, String) {
        let mut command = Process::new(env!("CARGO_BIN_EXE_recourse"));
        command.env_clear().current_dir(&self.folder).args(words);
        let (out, said) = (Stdio::piped(), Stdio::piped());
        let started = command.stdin(Stdio::piped()).stdout(out).stderr(said).spawn();
        let mut child = started.expect("the program can be started");
        let mut pipe = child.stdin.take().expect("it reads");
        // It may end without having read everything.
        let _ = pipe.write_all(input.as_bytes());
        drop(pipe);
        let output = child.wait_with_output().expect("it ends");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
    }

    /// What does not agree in all that is stored.
    pub(crate) async fn findings(&self) -> Vec<Finding> {
        let db = Db::open_unchanged(&self.settings.database).await.expect("it opens");
        let files = Files::open(&self.settings.storage, &self.settings.bucket_access);
        let files = files.expect("the files are there");
        let keys = keys::Keys::load(&self.settings.key_file).expect("the key is there");
        let mut conn = db.snapshot().await.expect("it can be read");
        let found = recourse::check::look(&mut conn, &files, &keys, false, &mut |_| {}).await;
        drop(conn);
        db.close().await;
        found.expect("everything can be looked at")
    }

    pub(crate) async fn agrees(&self) {
        assert_eq!(self.findings().await, [], "{}", self.name);
    }

    /// Fills it with the demo's world; says how the owner signs in.
    pub(crate) async fn fills_with_demo(&mut self, tickets: u32) -> String {
        self.stop().await;
        let (code, said) = self.run(&["demo", "--tickets", &tickets.to_string()], "");
        assert_eq!(code, 0, "{said}");
        let owner = said.lines().find(|line| line.contains(", owner")).expect("there is an owner");
        let address = owner.split_whitespace().next().unwrap_or_default().to_owned();
        self.start().await;
        address
    }
}

/// The form of an inbox that signs in with passwords.
pub(crate) fn inbox_fields<'f>(
    support: &'f str,
    imap_port: &'f str,
    smtp_port: &'f str,
) -> Vec<(&'f str, &'f str)> {
    vec![
        ("name", "Support"),
        ("address", support),
        ("sender_name", "Northlight Studio"),
        ("reply_within", "1440"),
        ("acknowledges", "on"),
        ("auth", "password"),
        ("incoming", "imap"),
        ("imap_host", "127.0.0.1"),
        ("imap_port", imap_port),
        ("imap_tls", "none"),
        ("imap_user", support),
        ("imap_password", MAIL_PASSWORD),
        ("folder", "INBOX"),
        ("begin", "now"),
        ("after_fetch", "leave"),
        ("outgoing", "smtp"),
        ("smtp_host", "127.0.0.1"),
        ("smtp_port", smtp_port),
        ("smtp_tls", "none"),
        ("smtp_user", support),
        ("smtp_password", MAIL_PASSWORD),
        ("plus_addresses", "on"),
    ]
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
