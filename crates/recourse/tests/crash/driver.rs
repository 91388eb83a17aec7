//! The senders, and whoever kills the server under them.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use database::{Db, Location};
use files::Place;
use futures_util::{StreamExt, stream};
use kernel::{Clock, SystemClock, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::disk::{Disk, Fault};
use crate::ledger::{Ledger, Said};
use crate::order::{Door, Kill, Mail, Moment, Order, say};
use crate::server::{Server, command};
use crate::world::{Web, World, scratch};

pub(crate) struct Driver {
    pub(crate) world: World,
    pub(crate) order: Order,
    /// What the data lies on, if it can lose power. It does whenever the server is killed.
    disk: Option<Mutex<Disk>>,
    pub(crate) mails: Vec<Mail>,
    pub(crate) ledger: Ledger,
    pub(crate) web: Web,
    pub(crate) token: String,
    /// Whether it is worth knocking.
    is_up: watch::Sender<bool>,
    /// How many mails may be sent by now.
    released: watch::Sender<usize>,
    /// The tickets that were opened by programs, by the number of the mail.
    opened: Mutex<BTreeMap<usize, String>>,
    /// Which ticket a reply is for. It stays the same, however often the reply is sent.
    answered: Mutex<BTreeMap<usize, String>>,
    /// When each server was started.
    starts: Mutex<Vec<Timestamp>>,
}

/// How many senders there are.
const AT_ONCE: usize = 8;
/// A sender that got no answer does not wait long.
const PAUSE: Duration = Duration::from_millis(40);
/// How long nothing may change before what is still missing is called missing.
const PATIENCE: Duration = Duration::from_secs(90);

impl Driver {
    pub(crate) async fn new(mut world: World, order: Order, losing_power: bool) -> Self {
        world.opens_shop().await;
        let token = world.token().await;
        world.stop().await;
        let disk = losing_power.then(|| {
            let disk = Disk::mount(&scratch("disk"));
            moves_to(&mut world, disk.folder());
            disk.settles();
            Mutex::new(disk)
        });
        let (listen, lmtp) = (quiet_port(), quiet_port());
        world.settings.listen.set_port(listen);
        world.settings.lmtp.as_mut().expect("it takes mail").set_port(lmtp);
        world.base = format!("http://127.0.0.1:{listen}");
        world.settings.base_url.clone_from(&world.base);
        let mails = order.mails();
        Self {
            web: world.web(),
            world,
            disk,
            ledger: Ledger::new(mails.len()),
            order,
            mails,
            token,
            is_up: watch::Sender::new(false),
            released: watch::Sender::new(0),
            opened: Mutex::default(),
            answered: Mutex::default(),
            starts: Mutex::default(),
        }
    }

    /// Sends everything while the server is killed. The server that lives in the end.
    pub(crate) async fn sends_and_kills(&self) -> Server {
        let sending =
            stream::iter(&self.mails).for_each_concurrent(AT_ONCE, |mail| self.sends(mail));
        let ((), server) = tokio::join!(sending, self.kills());
        server
    }

    /// Sends a mail until somebody says what becomes of it, as a mail server does.
    async fn sends(&self, mail: &Mail) {
        let mut released = self.released.subscribe();
        released.wait_for(|released| mail.number < *released).await.expect("it stays open");
        loop {
            let said = self.tries(mail).await;
            let goes_on = said == Said::Taken && mail.is_repeated;
            if self.ledger.write(mail.number, said) {
                if goes_on {
                    let again = self.tries(mail).await;
                    self.ledger.write(mail.number, again);
                }
                return;
            }
            sleep(PAUSE).await;
            self.waits_for_server(mail).await;
        }
    }

    /// The pipe works without a server, too.
    async fn waits_for_server(&self, mail: &Mail) {
        if mail.door != Door::Pipe {
            self.is_up.subscribe().wait_for(|is_up| *is_up).await.expect("it stays open");
        }
    }

    async fn kills(&self) -> Server {
        for (number, kill) in self.order.kills().into_iter().enumerate() {
            let mut server = self.starts_server();
            self.released.send_replace(kill.released);
            self.reaches(kill.moment, &mut server).await;
            server.kill().await;
            self.is_up.send_replace(false);
            self.loses_power(number);
            self.lets_leases_run_out().await;
            sleep(Duration::from_millis(kill.away_ms)).await;
            self.tells_progress(number + 1, &kill);
        }
        let mut server = self.starts_server();
        server.is_ready().await;
        self.is_up.send_replace(true);
        self.released.send_replace(self.mails.len());
        self.ledger.until_settled(self.mails.len()).await;
        server
    }

    pub(crate) fn loses_power(&self, kill: usize) {
        if let Some(disk) = &self.disk {
            let number = u64::try_from(kill).expect("not that many");
            let mut chance = StdRng::seed_from_u64(self.order.seed ^ number);
            disk.lock().expect("nobody broke it").loses_power(&mut chance);
        }
    }

    /// How often something was synced to the disk that can lose power.
    pub(crate) fn syncs(&self) -> u64 {
        self.disk.as_ref().map_or(0, |disk| disk.lock().expect("nobody broke it").syncs())
    }

    /// From now on this is wrong with the disk.
    pub(crate) fn has(&self, fault: Fault) {
        let disk = self.disk.as_ref().expect("it lies on a disk of the tests");
        disk.lock().expect("nobody broke it").has(fault);
    }

    pub(crate) fn starts_server(&self) -> Server {
        self.starts.lock().expect("nobody broke it").push(SystemClock.now());
        Server::start(&self.order.program, &self.world.settings)
    }

    async fn reaches(&self, moment: Moment, server: &mut Server) {
        match moment {
            Moment::Starting { after_ms } => sleep(Duration::from_millis(after_ms)).await,
            Moment::Working { taken, then_ms } => {
                server.is_ready().await;
                self.is_up.send_replace(true);
                let waiting = async {
                    self.ledger.until_settled(taken).await;
                    sleep(Duration::from_millis(then_ms)).await;
                };
                tokio::select! {
                    () = waiting => {}
                    status = server.ends() => {
                        panic!("the server ended by itself, {status}: {}", server.log_end());
                    }
                }
            }
        }
    }

    /// What a dead node held is free after a minute or three, so that no other node does the same
    /// at once. The driver knows that no other node is left, and lets the minutes pass. On SQLite
    /// the program knows it by itself.
    async fn lets_leases_run_out(&self) {
        if matches!(self.world.settings.database, Location::File(_)) {
            return;
        }
        let db = Db::connect(&self.world.settings.database).await.expect("it can be opened");
        let mut tx = db.begin().await.expect("it can be written to");
        for sql in LEASES_RUN_OUT {
            tx.execute(sql, vec![]).await.expect("the leases are there");
        }
        tx.commit().await.expect("it can be written to");
        db.close().await;
    }

    fn tells_progress(&self, killed: usize, kill: &Kill) {
        let tenth = (self.order.kills / 10).max(1);
        if self.order.is_long() && killed.is_multiple_of(tenth) {
            let (sent, mails) = (self.ledger.settled(), self.mails.len());
            let kills = self.order.kills;
            say(&format!(
                "  {killed} of {kills} kills, {sent} of {mails} mails; {:?}",
                kill.moment
            ));
        }
    }

    pub(crate) fn opened(&self, number: usize, reference: &str) {
        let mut opened = self.opened.lock().expect("nobody broke it");
        let before = opened.insert(number, reference.to_owned());
        assert!(
            before.as_ref().is_none_or(|before| before == reference),
            "one key, two tickets: {before:?} and {reference}"
        );
    }

    pub(crate) async fn ticket_to_answer(&self, mail: &Mail) -> String {
        loop {
            {
                let mut answered = self.answered.lock().expect("nobody broke it");
                let opened = self.opened.lock().expect("nobody broke it");
                let tickets: Vec<&String> = opened.values().collect();
                if let Some(ticket) = answered.get(&mail.number) {
                    return ticket.clone();
                }
                if !tickets.is_empty() {
                    let ticket = tickets[mail.number % tickets.len()].clone();
                    answered.insert(mail.number, ticket.clone());
                    return ticket;
                }
            }
            sleep(PAUSE).await;
        }
    }

    /// The server that was alive at a moment, counted from 1.
    pub(crate) fn life_at(&self, at: Timestamp) -> usize {
        self.starts.lock().expect("nobody broke it").partition_point(|start| *start <= at)
    }

    /// Returns when nothing waits any more, or nothing has changed for long.
    pub(crate) async fn lets_everything_settle(&self) {
        let by_mail = self.mails.iter().filter(|mail| mail.is_mail()).count();
        let by_mail = i64::try_from(by_mail).expect("not that many");
        let db = Db::open_unchanged(&self.world.settings.database).await.expect("it opens");
        let mut last = None;
        let mut changed_at = Instant::now();
        while changed_at.elapsed() < PATIENCE {
            let now = waiting(&db).await;
            if now.unread == 0 && now.unsent == 0 && now.came >= by_mail {
                break;
            }
            if last.as_ref() != Some(&now) {
                last = Some(now);
                changed_at = Instant::now();
            }
            sleep(Duration::from_millis(200)).await;
        }
        db.close().await;
    }

    /// `recourse check`.
    pub(crate) async fn checks(&self) -> (bool, String) {
        let mut check = command(&self.order.program, &self.world.settings, &["check"]);
        let output = check.output().await.expect("the program can be started");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }
}

/// Takes everything to another folder while nothing runs.
fn moves_to(world: &mut World, folder: &Path) {
    let copied = Command::new("cp").arg("-a").arg(world.folder.join(".")).arg(folder).status();
    assert!(copied.expect("cp runs").success(), "the folder cannot be copied");
    folder.clone_into(&mut world.folder);
    folder.clone_into(&mut world.settings.data);
    world.settings.database = Location::File(folder.join("recourse.db"));
    world.settings.storage = Place::Folder(folder.join("files"));
    world.settings.key_file = folder.join("recourse.key");
}

pub(crate) const LEASES_RUN_OUT: [&str; 5] = [
    "update mail_ledger set leased_until = 1 where state = 'received' and attempts = 0",
    "update deliveries set leased_until = 1 where state = 'sending'",
    "update jobs set leased_until = 1 where state = 'running'",
    "update mail_health set leased_until = 1",
    "update schedules set last_run_at = 1 where name = 'outbox.free'",
];

#[derive(PartialEq, Eq)]
struct Waiting {
    came: i64,
    unread: i64,
    unsent: i64,
}

async fn waiting(db: &Db) -> Waiting {
    let sql = "select (select count(*) from mail_ledger),
                      (select count(*) from mail_ledger where state = 'received'),
                      (select count(*) from deliveries where state in ('queued', 'sending'))";
    let conn = db.read().await.expect("it can be read");
    let row: (i64, i64, i64) = conn.one(sql, vec![]).await.expect("the tables are there");
    Waiting { came: row.0, unread: row.1, unsent: row.2 }
}

/// A port that is not given to whoever knocks at a server that is away: the server finds it free
/// when it comes back, and nobody talks to themselves.
pub(crate) fn quiet_port() -> u16 {
    let mut chance = rand::rng();
    loop {
        let port = chance.random_range(10_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
