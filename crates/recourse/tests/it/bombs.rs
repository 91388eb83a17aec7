//! Mails that were made to cost more than they look: the program stays small, and the mail of
//! others is read beside them.

use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};

use database::Location;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::world::dovecot::{offer, speak};
use crate::world::{Letter, World, eventually, mail, on_both};

const MEMORY_KIB_MAX: u64 = 512 * 1024;

/// The program as a process of its own, whose memory is nobody else's.
struct Serving(Child);

impl Serving {
    fn start(world: &World) -> Self {
        let settings = &world.settings;
        let mut command = Command::new(env!("CARGO_BIN_EXE_recourse"));
        command.env_clear().current_dir(&world.folder).arg("serve");
        command.arg("--data").arg(&settings.data).args(["--base-url", &world.base]);
        command.args(["--listen", &settings.listen.to_string()]);
        command.args(["--lmtp", &settings.lmtp.unwrap().to_string()]);
        command.args(["--allow-internal", "127.0.0.1", "--api-requests-a-minute", "100000"]);
        if let Location::Postgres(url) = &settings.database {
            command.args(["--database-url", url]);
        }
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// The most that it ever had in memory.
    fn memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    fn stop(mut self) {
        let told = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        assert!(told.unwrap().success());
        assert!(self.0.wait().unwrap().success(), "it ends in good order");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

/// A mail with a body of some type, below a header with more fields.
fn written(id: &str, fields: &str, content_type: &str, body: &str) -> String {
    format!(
        "From: Mallory <{id}@bombs.example>\nSubject: {id}\nMessage-ID: <{id}@bombs.example>\n\
         {fields}MIME-Version: 1.0\nContent-Type: {content_type}\n\n{body}\n"
    )
}

/// One mail for each way to cost more than one looks.
fn bombs() -> Vec<String> {
    let nest = |n: usize| format!("--b{n}\nContent-Type: multipart/mixed; boundary=b{}\n\n", n + 1);
    let nested = (0..5_000).map(nest).collect::<Vec<_>>().concat();
    let parts = "--p\nContent-Type: text/html\n\n<p>Part</p>\n".repeat(30_000);
    let mut addresses = "To: a@bombs.example".to_owned();
    let mut cycle = "References:".to_owned();
    for number in 0..40_000 {
        let _ = write!(addresses, ",\n \"N {number}\" <n{number}@bombs.example>");
        let _ = write!(cycle, "\n <r{number}@bombs.example>");
    }
    let header = "X-Filler: some more of it\n".repeat(200_000);
    let deep = "<div><b>".repeat(100_000);
    let links = "<a href=\"https://bombs.example/\">x</a> ".repeat(60_000).replace("> ", ">\n");
    let attributes = format!("<p {}>", "a=b\n".repeat(200_000));
    let quoted = "> ".repeat(400) + "\n";
    let file = "QUFB".repeat(18) + "\n";
    vec![
        written("nested", "", "multipart/mixed; boundary=b0", &nested),
        written("parts", "", "multipart/mixed; boundary=p", &parts),
        written("addresses", &format!("{addresses}\n"), "text/plain", "Hello"),
        written("header", &header, "text/plain", "Hello"),
        written("deep", "", "text/html", &deep.replace("<div>", "<div>\n")),
        written("links", "", "text/html", &links),
        written("attributes", "", "text/html", &attributes),
        written("quoted", "", "text/plain", &quoted.repeat(2_000)),
        // Each of them refers to the other, and to itself.
        written("one", "In-Reply-To: <two@bombs.example>\n", "text/plain", "Hello"),
        written(
            "two",
            "In-Reply-To: <one@bombs.example> <two@bombs.example>\n",
            "text/plain",
            "Hi",
        ),
        written("cycle", &format!("{cycle}\n"), "text/plain", "Hello"),
        // What is packed is kept as it came.
        written(
            "packed",
            "Content-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=a.zip\n",
            "application/zip",
            &file.repeat(150_000),
        ),
    ]
}

on_both! {
    async fn mails_made_to_cost_take_little_memory_and_keep_no_other_waiting(world: World) {
        let shop = world.shop().await;
        world.stop().await;
        let server = Serving::start(world);
        let (door, support) = (world.settings.lmtp.unwrap(), world.support());
        eventually("the server", async || TcpStream::connect(door).await.ok()).await;
        let mut throwing = JoinSet::new();
        let bombs = bombs();
        let count = bombs.len();
        for bomb in bombs {
            let to = support.clone();
            throwing.spawn(async move {
                let stream = TcpStream::connect(door).await.unwrap();
                offer(stream, "mallory@bombs.example", &to, &bomb).await.unwrap()
            });
        }
        for number in 0..5 {
            let (from, id) = (world.dana(), world.mail_id(&format!("honest{number}")));
            let subject = format!("Honest {number}");
            let letter = Letter { from: &from, to: &support, id: &id, subject: &subject, text: "Hello.", fields: "" };
            speak(TcpStream::connect(door).await.unwrap(), &from, &support, &mail(&letter), "250").await;
            eventually("an honest mail", async || {
                let list = world.asks(&shop.web, &shop.token, "/api/v1/tickets?limit=100").await;
                let list = list["data"].as_array().unwrap().clone();
                list.iter().any(|ticket| ticket["subject"] == subject.as_str()).then_some(())
            })
            .await;
        }
        while let Some(said) = throwing.join_next().await {
            let said = said.unwrap();
            assert!(said.starts_with("250") || said.starts_with("552"), "{said}");
        }
        // Each was read; the one of two that came second is in the ticket of the first.
        eventually("all of them", async || {
            let lines = world.asks(&shop.web, &shop.token, "/api/v1/mail/ledger?limit=100").await;
            let lines = lines["data"].as_array().unwrap().clone();
            let read = |line: &serde_json::Value| line["fate"] == "ticketed";
            (lines.iter().filter(|line| read(line)).count() == count + 5).then_some(())
        })
        .await;
        let used = server.memory_kib();
        assert!(used <= MEMORY_KIB_MAX, "{used} KiB");
        server.stop();
    }
}
