//! A disk that is full, and one that does not take what is written: nothing that was acknowledged
//! is lost, and nothing has to be repaired by hand.

use std::time::Duration;

use database::{Db, params};
use kernel::PublicId;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::backups::with_file;
use crate::disk::Fault;
use crate::driver::Driver;
use crate::ledger::Said;
use crate::order::{Mail, Order, say};
use crate::server::Server;
use crate::world::dovecot::{offer, speak};
use crate::world::place::PASSWORD;
use crate::world::{Letter, OWNER, World, eventually, mail};

const MAILS_A_ROUND: usize = 3;
/// How long a mail may take until it is taken, once the disk is well again.
const RECOVERS_WITHIN: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(100);
/// What a program ends with when the disk failed: mail servers keep what they hand over then.
const EX_TEMPFAIL: i32 = 75;

/// The disk is full, again and again: mails are put off, pages can be read, and as soon as there is
/// room the same server goes on.
pub(crate) async fn full_disk(mut world: World) {
    world.settings.disk_reserve_mib = 8;
    let (driver, rounds) = driver(world).await;
    let mut server = driver.starts_server();
    server.is_ready().await;
    // Answers need a ticket.
    driver.hands_over(0).await;
    driver.has_its_reserve().await;
    let mut put_off = 0;
    for round in 1..=rounds {
        driver.has(Fault::Full);
        driver.takes_nothing_in().await;
        for mail in driver.of_round(round) {
            let said = driver.tries(mail).await;
            assert!(said != Said::Taken || !mail.is_stored_here(), "{mail:?} was taken");
            put_off += usize::from(said != Said::Taken);
            driver.ledger.write(mail.number, said);
        }
        let page = driver.web.request(Method::GET, "/login").send().await;
        assert_eq!(page.expect("it answers").status(), StatusCode::OK, "pages can be read");
        driver.lets_the_owner_in().await;
        driver.has(Fault::None);
        driver.hands_over(round).await;
        driver.has_its_reserve().await;
    }
    let figure = format!("{put_off} mails put off, the server never ended");
    driver.concludes("full disk, SQLite", rounds, &figure, server).await;
}

/// Syncing fails, again and again: the program ends at once rather than to believe that something
/// is stored, the power goes, and it starts again by itself.
pub(crate) async fn failing_disk(world: World) {
    let (driver, rounds) = driver(world).await;
    let mut server = driver.starts_server();
    server.is_ready().await;
    driver.hands_over(0).await;
    server.kill().await;
    for round in 1..=rounds {
        let mut server = driver.starts_server();
        server.is_ready().await;
        driver.has(Fault::SyncFails);
        for mail in driver.of_round(round) {
            // The pipe does its own work where nobody listens, on the same disk.
            let said = driver.tries(mail).await;
            let was_told = format!("{mail:?} was taken by a disk that keeps nothing");
            assert!(said != Said::Taken || !mail.is_stored_here(), "{was_told}");
            driver.ledger.write(mail.number, said);
        }
        let status = timeout(RECOVERS_WITHIN, server.ends()).await.expect("it ends by itself");
        assert_eq!(status.code(), Some(EX_TEMPFAIL), "{}", server.log_end());
        driver.loses_power(round);
        let mut server = driver.starts_server();
        server.is_ready().await;
        driver.hands_over(round).await;
        server.kill().await;
    }
    let mut server = driver.starts_server();
    server.is_ready().await;
    let figure = format!("the program ended {rounds} times and recovered each time");
    driver.concludes("failing disk, SQLite", rounds, &figure, server).await;
}

/// Syncing the folders of files fails: no upload is acknowledged whose name the disk does not keep,
/// a mail waits to be read, and what is done once more when the disk is well is there after the
/// power went.
pub(crate) async fn failing_folder(world: World) {
    let (driver, _) = driver(world).await;
    let mut server = driver.starts_server();
    server.is_ready().await;
    // The file lies there under its name, and nobody knows of it.
    driver.has(Fault::FolderSyncFails);
    for _ in 0..2 {
        assert_eq!(driver.uploads(b"a picture").await, None, "it was taken for stored");
    }
    let id = format!("file@{}.customers.example", driver.world.name);
    let mail = with_file(&id, &driver.world.support(), b"a letter").replace("\r\n", "\n");
    let door = driver.world.settings.lmtp.expect("it takes mail");
    let stream = TcpStream::connect(door).await.expect("the server runs");
    let answer = offer(stream, &id, &driver.world.support(), &mail).await.expect("it answers");
    // The mail itself is in the database, which could be synced.
    assert!(answer.starts_with("250"), "{answer}");
    driver.has(Fault::None);
    assert!(driver.uploads(b"a picture").await.is_some(), "the disk is well again");
    driver.reads(&id).await;
    server.kill().await;
    driver.loses_power(1);
    let mut server = driver.starts_server();
    server.is_ready().await;
    // What was read and not synced is read again, and has another id.
    let letter = driver.reads(&id).await;
    assert_eq!(driver.downloads(&letter).await, b"a letter");
    server.kill().await;
    let (is_clean, said) = driver.checks().await;
    assert!(is_clean, "{said}");
    say("failing folder, SQLite: 2 uploads refused and 1 mail put off, nothing lost, check clean");
}

async fn driver(world: World) -> (Driver, usize) {
    let order = Order::given();
    let rounds = if order.is_long() { 50 } else { 3 };
    let order = Order { mails: (rounds + 1) * MAILS_A_ROUND, kills: 0, ..order };
    (Driver::new(world, order, true).await, rounds)
}

impl Mail {
    /// Whether the one who hands it over hears from the program itself that it is stored.
    fn is_stored_here(&self) -> bool {
        self.door != crate::order::Door::Imap
    }
}

impl Driver {
    /// The id of the file, if it was taken.
    async fn uploads(&self, bytes: &[u8]) -> Option<String> {
        let request = self.web.request(Method::POST, "/api/v1/attachments?name=a.bin");
        let answer = self.web.send(request.bearer_auth(&self.token).body(bytes.to_vec())).await;
        if answer.status.is_server_error() {
            return None;
        }
        Some(answer.json()["id"].as_str().expect("it has an id").to_owned())
    }

    async fn downloads(&self, id: &str) -> Vec<u8> {
        let request = self.web.request(Method::GET, &format!("/api/v1/attachments/{id}"));
        let answer = request.bearer_auth(&self.token).send().await.expect("the server answers");
        assert_eq!(answer.status(), StatusCode::OK, "{id} is not there");
        answer.bytes().await.expect("the answer is whole").to_vec()
    }

    /// Waits until a mail is read; the id of its file.
    async fn reads(&self, mail_id: &str) -> String {
        let read = timeout(RECOVERS_WITHIN, async {
            loop {
                if let Some(letter) = self.attached_to(mail_id).await {
                    return letter;
                }
                sleep(PAUSE).await;
            }
        });
        read.await.expect("the mail is read")
    }

    /// The id of the file of a mail that was read.
    async fn attached_to(&self, mail_id: &str) -> Option<String> {
        let db = Db::open_unchanged(&self.world.settings.database).await.expect("it opens");
        let conn = db.read().await.expect("it can be read");
        let sql = "select a.public_id from attachments a
               join messages m on m.id = a.message_id
               join mail_ledger l on l.message_id = m.id
              where l.mail_id = $1";
        let ids: Vec<PublicId> = conn.column(sql, params![mail_id]).await.expect("the tables");
        drop(conn);
        db.close().await;
        ids.first().map(ToString::to_string)
    }

    /// What does not fit is put off in the words of each door, and then what would fit is, too.
    async fn takes_nothing_in(&self) {
        let (from, support) = (self.world.dana(), self.world.support());
        let door = self.world.settings.lmtp.expect("it takes mail");
        let long = "It is a long story.\n".repeat(500_000);
        for (number, text) in [long.as_str(), "Hello."].into_iter().enumerate() {
            let id = format!("full{number}@{}.example", self.world.name);
            let letter =
                Letter { from: &from, to: &support, id: &id, subject: "Full", text, fields: "" };
            let stream = TcpStream::connect(door).await.expect("it listens");
            speak(stream, &from, &support, &mail(&letter), "452").await;
        }
        let new = json!({"customer": {"email": from}, "subject": "Full", "text": "Hello."});
        let asked = self.web.request(Method::POST, "/api/v1/tickets").bearer_auth(&self.token);
        let answer = asked.json(&new).send().await.expect("it answers");
        assert_eq!(answer.status(), StatusCode::INSUFFICIENT_STORAGE);
    }

    /// Waits until room is set aside.
    async fn has_its_reserve(&self) {
        let path = self.world.settings.data.join("recourse.reserve");
        let bytes = u64::from(self.world.settings.disk_reserve_mib) * 1024 * 1024;
        eventually("the reserve", async || {
            std::fs::metadata(&path).is_ok_and(|file| file.len() == bytes).then_some(())
        })
        .await;
    }

    /// An administrator signs in, which the audit trail notes in the same transaction, and reads
    /// there what is the matter.
    async fn lets_the_owner_in(&self) {
        let fields = [("email", OWNER), ("password", PASSWORD)];
        let owner = eventually("the owner", async || {
            let web = self.world.web();
            // For a moment it may be tried whether there is room again.
            let page = web.post("/login", &fields).await;
            page.status.is_redirection().then_some(web)
        })
        .await;
        let trail = owner.get("/settings/trail").await;
        assert_eq!(trail.status, StatusCode::OK);
        assert!(trail.body.contains("The disk of the server is full"), "{}", trail.body);
    }

    fn of_round(&self, round: usize) -> &[Mail] {
        &self.mails[round * MAILS_A_ROUND..(round + 1) * MAILS_A_ROUND]
    }

    /// Every mail of a round is tried until somebody takes it.
    async fn hands_over(&self, round: usize) {
        for mail in self.of_round(round) {
            let taken = async {
                loop {
                    let said = self.tries(mail).await;
                    if self.ledger.write(mail.number, said) {
                        return;
                    }
                    sleep(PAUSE).await;
                }
            };
            let taken = timeout(RECOVERS_WITHIN, taken).await;
            assert!(taken.is_ok(), "{mail:?} is not taken although the disk is well again");
        }
    }

    /// The power goes once more, and everything that was acknowledged is there.
    async fn concludes(&self, name: &str, rounds: usize, figure: &str, server: Server) {
        server.kill().await;
        self.loses_power(rounds + 1);
        let mut server = self.starts_server();
        server.is_ready().await;
        self.lets_everything_settle().await;
        let arrived = self.compares_what_is_there().await;
        let (_, panics) = server.complaints();
        server.kill().await;
        let (is_clean, said) = self.checks().await;
        let check = if is_clean { "check clean".to_owned() } else { format!("check says {said}") };
        say(&format!("{name}: {rounds} rounds, {arrived}, {figure}, {check}"));
        let problems = [arrived.problems, panics].concat().join("\n");
        assert!(problems.is_empty() && is_clean, "seed {}: {check}\n{problems}", self.order.seed);
    }
}
