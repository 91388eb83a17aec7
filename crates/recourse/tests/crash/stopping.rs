//! A server is told to stop while it is at work: it is gone in time, nothing is lost, and where
//! there is another node, nobody notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use database::{Db, Location};
use recourse::config::{Settings, Stopping};
use reqwest::Client;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::driver::quiet_port;
use crate::order::Order;
use crate::server::Server;
use crate::world::place::{OWNER, PASSWORD, inbox_fields};
use crate::world::{Dovecot, Letter, World, eventually, mail};

/// A mail server that takes a mail and never says so.
struct Mute {
    port: u16,
    mails: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Mute {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it has one").port();
        let mails = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&mails);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut talks = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                talks.spawn(Self::talk(stream, Arc::clone(&count)));
            }
        });
        Self { port, mails, _tasks: tasks }
    }

    async fn talk(stream: TcpStream, mails: Arc<AtomicUsize>) -> std::io::Result<()> {
        let (reads, mut says) = stream.into_split();
        let mut lines = BufReader::new(reads).lines();
        says.write_all(b"220 hello\r\n").await?;
        let mut is_mail = false;
        while let Some(line) = lines.next_line().await? {
            let answer: &[u8] = match line.get(..4).unwrap_or(&line) {
                "." if is_mail => {
                    mails.fetch_add(1, Ordering::SeqCst);
                    b""
                }
                _ if is_mail => b"",
                "EHLO" => b"250-hello\r\n250 AUTH PLAIN\r\n",
                "AUTH" => b"235 welcome\r\n",
                "DATA" => {
                    is_mail = true;
                    b"354 go on\r\n"
                }
                _ => b"250 fine\r\n",
            };
            says.write_all(answer).await?;
        }
        Ok(())
    }
}

async fn count(world: &World, sql: &'static str) -> i64 {
    let db = Db::open_unchanged(&world.settings.database).await.expect("it opens");
    let conn = db.read().await.expect("it can be read");
    let count = conn.scalar(sql, vec![]).await.expect("it can be counted");
    drop(conn);
    db.close().await;
    count
}

/// With a letter in the hands of a server that never answers.
pub(crate) async fn waits_for_nobody_without_end(mut world: World) {
    let mute = Mute::new().await;
    let set_up = ["setup", "--company", "Northlight", "--name", "Maya", "--email", OWNER];
    let (code, said) = world.run(&set_up, PASSWORD);
    assert_eq!(code, 0, "{said}");
    let web = world.signs_in(OWNER).await;
    let (imap, smtp) = (Dovecot::here().imap_port.to_string(), mute.port.to_string());
    let support = world.support();
    web.post("/settings/inboxes", &inbox_fields(&support, &imap, &smtp)).await.location();
    world.stop().await;

    let within = Duration::from_secs(4);
    world.settings.stopping = Stopping { grace: Duration::ZERO, within };
    let program = Order::given().program;
    let mut server = Server::start(&program, &world.settings);
    server.is_ready().await;
    let (dana, id) = (world.dana(), format!("stop@{}.example", world.name));
    let letter =
        Letter { from: &dana, to: &support, id: &id, subject: "Hello", text: "Hi.", fields: "" };
    let words = ["mail", "deliver", "--inbox", &support, "--from", &dana];
    assert_eq!(world.run(&words, &mail(&letter)).0, 0);
    let is_handed_over = async || (mute.mails.load(Ordering::SeqCst) > 0).then_some(());
    eventually("the acknowledgement", is_handed_over).await;

    let told = Instant::now();
    server.stop().await;
    assert!(told.elapsed() < within, "{:?}", told.elapsed());
    let kept = "select count(*) from deliveries
        where state = 'queued' and leased_until is null and fault like '%may have been delivered%'";
    assert_eq!(count(&world, kept).await, 1, "it goes out again, and says so");
    assert_eq!(count(&world, "select count(*) from tickets").await, 1);

    let mut server = Server::start(&program, &world.settings);
    server.is_ready().await;
    assert_eq!(server.said("did not end in good order"), 0);
    let is_tried_again = async || (mute.mails.load(Ordering::SeqCst) > 1).then_some(());
    eventually("the next try", is_tried_again).await;
    server.kill().await;
}

/// Which of two nodes gets requests, as a proxy sees it.
struct Proxy {
    nodes: [Settings; 2],
    is_ready: [AtomicBool; 2],
    answered: AtomicUsize,
    failed: AtomicUsize,
    is_over: AtomicBool,
    client: Client,
}

const PROBED_EVERY: Duration = Duration::from_millis(100);
const AT_ONCE: usize = 6;

impl Proxy {
    fn url(&self, node: usize, path: &str) -> String {
        format!("http://{}{path}", self.nodes[node].listen)
    }

    async fn probes(&self, node: usize) {
        while !self.is_over.load(Ordering::SeqCst) {
            let asked = self.client.get(self.url(node, "/health/ready")).send().await;
            let is_ready = asked.is_ok_and(|answer| answer.status().is_success());
            self.is_ready[node].store(is_ready, Ordering::SeqCst);
            sleep(PROBED_EVERY).await;
        }
    }

    async fn asks(&self, first: usize, token: &str) {
        let mut next = first;
        while !self.is_over.load(Ordering::SeqCst) {
            next += 1;
            let turns = [next % 2, (next + 1) % 2];
            let is_ready = |node: &usize| self.is_ready[*node].load(Ordering::SeqCst);
            let Some(node) = turns.into_iter().find(is_ready) else {
                self.failed.fetch_add(1, Ordering::SeqCst);
                sleep(PROBED_EVERY).await;
                continue;
            };
            let asked = self.client.get(self.url(node, "/api/v1/tickets")).bearer_auth(token);
            let is_answered = match asked.send().await {
                Ok(answer) => answer.status().is_success() && answer.bytes().await.is_ok(),
                Err(_) => false,
            };
            let count = if is_answered { &self.answered } else { &self.failed };
            count.fetch_add(1, Ordering::SeqCst);
        }
    }

    async fn goes_by(&self, both_ready: bool) {
        let is_so = async || {
            let ready = self.is_ready.iter().all(|ready| ready.load(Ordering::SeqCst));
            (ready == both_ready).then_some(())
        };
        eventually("what the proxy sees", is_so).await;
        let before = self.answered.load(Ordering::SeqCst);
        let is_answered =
            async || (self.answered.load(Ordering::SeqCst) > before + 20).then_some(());
        eventually("further answers", is_answered).await;
    }
}

/// One node after the other is stopped and started again, under load.
pub(crate) async fn nobody_notices_a_rolling_restart() {
    let mut world = World::on_postgres().await;
    assert!(matches!(world.settings.database, Location::Postgres(_)));
    world.opens_shop().await;
    let token = world.token().await;
    world.stop().await;
    world.settings.stopping =
        Stopping { grace: Duration::from_secs(1), within: Duration::from_secs(20) };
    let nodes = [0, 1].map(|_| {
        let mut settings = world.settings.clone();
        settings.listen.set_port(quiet_port());
        settings.lmtp.as_mut().expect("it takes mail").set_port(quiet_port());
        // As the host that each of them is asked under.
        settings.base_url = format!("http://{}", settings.listen);
        settings
    });
    let program = Order::given().program;
    let mut servers = Vec::new();
    for settings in &nodes {
        let mut server = Server::start(&program, settings);
        server.is_ready().await;
        servers.push(server);
    }
    let proxy = Proxy {
        nodes,
        is_ready: [true, true].map(AtomicBool::new),
        answered: AtomicUsize::new(0),
        failed: AtomicUsize::new(0),
        is_over: AtomicBool::new(false),
        client: Client::builder().no_proxy().build().expect("a client can be made"),
    };
    let asking = futures_util::future::join_all((0..AT_ONCE).map(|one| proxy.asks(one, &token)));
    let restarting = async {
        let mut restarted = Vec::new();
        for (server, settings) in servers.into_iter().zip(&proxy.nodes) {
            proxy.goes_by(true).await;
            let ((), ()) = tokio::join!(server.stop(), proxy.goes_by(false));
            let mut server = Server::start(&program, settings);
            server.is_ready().await;
            restarted.push(server);
        }
        proxy.goes_by(true).await;
        proxy.is_over.store(true, Ordering::SeqCst);
        restarted
    };
    let (servers, ..) = tokio::join!(restarting, asking, proxy.probes(0), proxy.probes(1));
    let (answered, failed) = (proxy.answered.into_inner(), proxy.failed.into_inner());
    assert_eq!(failed, 0, "of {answered} that were answered");
    for server in servers {
        server.kill().await;
    }
}
