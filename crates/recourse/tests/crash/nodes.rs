//! Two nodes on one PostgreSQL, and mail for both, while a node is killed, PostgreSQL is killed,
//! PostgreSQL stands still, and in the end dies and is followed by its standby. What was acknowledged is there, once; what is done once is done
//! by one of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use database::{Db, Location};
use futures_util::{StreamExt, stream};
use kernel::{Clock, SystemClock};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use recourse::config::Settings;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::cluster::Cluster;
use crate::driver::{LEASES_RUN_OUT, quiet_port};
use crate::order::{Order, say};
use crate::server::{Server, command};
use crate::world::dovecot::offer;
use crate::world::{Sink, World};

#[derive(Clone, Copy, Debug)]
enum Blow {
    Node,
    Postgres,
    StandsStill,
    FailsOver,
}

const AT_ONCE: usize = 8;
const PAUSE: Duration = Duration::from_millis(50);
/// A node that does not answer is given up, and the mail goes to the other one.
const PATIENCE: Duration = Duration::from_mins(1);
const RECOVERS_WITHIN: Duration = Duration::from_secs(30);
/// When the last mail has to be read: what a dead node held is free after a minute.
const SETTLES_WITHIN: Duration = Duration::from_mins(4);
const SLEEPERS: usize = 5;
/// So many letters are on their way at once, from each node.
const LETTERS_IN_THE_AIR: usize = 4;

struct Nodes {
    world: World,
    order: Order,
    cluster: Cluster,
    settings: [Settings; 2],
    /// Sent again because no answer came.
    unknown: AtomicUsize,
    slept: AtomicUsize,
}

/// What the blows did.
#[derive(Default)]
struct Hurt {
    blows: BTreeMap<&'static str, usize>,
    slowest: Duration,
}

pub(crate) async fn withstand(name: &str) {
    let mut order = Order::given();
    if !order.is_long() {
        order.mails /= 3;
    }
    let rounds = order.kills.div_ceil(2).max(3) + 1;
    say(&format!("seed {}: {name}, {} mails, {rounds} blows", order.seed, order.mails));
    let cluster = Cluster::start();
    let mut world = World::on(Location::Postgres(cluster.url())).await;
    world.opens_shop().await;
    world.stop().await;
    let settings = [node_of(&world), node_of(&world)];
    let nodes = Nodes {
        world,
        cluster,
        settings,
        order,
        unknown: AtomicUsize::new(0),
        slept: AtomicUsize::new(0),
    };
    let mut servers = [nodes.starts(0), nodes.starts(1)];
    for server in &mut servers {
        server.is_ready().await;
    }
    let (hurt, servers) = nodes.goes_through(rounds, servers).await;
    let servers = nodes.settles(servers).await;
    let problems = nodes.compares(rounds).await;
    let (_, panics) = servers[0].complaints();
    for server in servers {
        server.stop().await;
    }
    let mut check = command(&nodes.order.program, &nodes.world.settings, &["check"]);
    let output = check.output().await.expect("the program can be started");
    let is_clean = output.status.success();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let check = if is_clean { "check clean".to_owned() } else { format!("check says {said}") };
    let problems = [problems, panics].concat();
    let fate = if problems.is_empty() { "0 lost, 0 doubled" } else { "NOT each once" };
    say(&format!(
        "{name}: {} mails to two nodes, {:?}, {} sent again after silence, slowest recovery {} ms, \
         {} tickets woke once each, {fate}, {check}",
        nodes.order.mails,
        hurt.blows,
        nodes.unknown.load(Ordering::Relaxed),
        hurt.slowest.as_millis(),
        nodes.slept.load(Ordering::Relaxed),
    ));
    let seed = nodes.order.seed;
    assert!(problems.is_empty() && is_clean, "seed {seed}: {check}\n{}", problems.join("\n"));
    assert!(hurt.slowest <= RECOVERS_WITHIN, "seed {seed}: {:?}", hurt.slowest);
}

/// The same installation at other ports.
fn node_of(world: &World) -> Settings {
    let mut settings = world.settings.clone();
    settings.listen.set_port(quiet_port());
    settings.lmtp.as_mut().expect("it takes mail").set_port(quiet_port());
    settings
}

impl Nodes {
    fn starts(&self, node: usize) -> Server {
        Server::start(&self.order.program, &self.settings[node])
    }

    /// Each blow falls while mail comes in.
    async fn goes_through(&self, rounds: usize, mut servers: [Server; 2]) -> (Hurt, [Server; 2]) {
        let mut chance = StdRng::seed_from_u64(self.order.seed);
        let share = self.order.mails.div_ceil(rounds);
        let mut hurt = Hurt::default();
        for round in 0..rounds {
            let blow = match [Blow::Node, Blow::Postgres, Blow::StandsStill][round % 3] {
                _ if round + 1 == rounds => Blow::FailsOver,
                blow => blow,
            };
            if matches!(blow, Blow::FailsOver) {
                self.cluster.gains_a_standby();
            }
            let (node, after) = (chance.random_range(0..2), chance.random_range(0..400));
            let mails = round * share..((round + 1) * share).min(self.order.mails);
            let sending = stream::iter(mails)
                .for_each_concurrent(AT_ONCE, |number| self.sends(number, number % 2));
            let striking = async {
                sleep(Duration::from_millis(after)).await;
                let struck = self.strikes(blow, node, servers).await;
                let (began, servers) = struck;
                // Both take mail again.
                for node in 0..2 {
                    let probe = self.order.mails + round * 2 + node;
                    self.sends_to(probe, node).await;
                }
                (began.elapsed(), servers)
            };
            let ((), (took, after)) = tokio::join!(sending, striking);
            servers = after;
            self.lets_tickets_sleep().await;
            hurt.slowest = hurt.slowest.max(took);
            let name = match blow {
                Blow::Node => "nodes killed",
                Blow::Postgres => "PostgreSQL killed",
                Blow::StandsStill => "PostgreSQL stood still",
                Blow::FailsOver => "standby promoted",
            };
            *hurt.blows.entry(name).or_default() += 1;
        }
        (hurt, servers)
    }

    /// Returns when what was struck is there again, with the moment from which on it could recover.
    async fn strikes(
        &self,
        blow: Blow,
        node: usize,
        servers: [Server; 2],
    ) -> (Instant, [Server; 2]) {
        match blow {
            Blow::Node => {
                let [first, second] = servers;
                let (struck, other) = if node == 0 { (first, second) } else { (second, first) };
                struck.kill().await;
                let mut again = self.starts(node);
                let began = Instant::now();
                again.is_ready().await;
                (began, if node == 0 { [again, other] } else { [other, again] })
            }
            Blow::Postgres => {
                self.cluster.dies();
                self.cluster.comes_up();
                (Instant::now(), servers)
            }
            Blow::FailsOver => {
                // Until the standby answers counts, too.
                let began = Instant::now();
                self.cluster.fails_over();
                (began, servers)
            }
            Blow::StandsStill => {
                self.cluster.stands_still();
                let long = if self.order.is_long() { 10 } else { 2 };
                sleep(Duration::from_secs(long)).await;
                self.cluster.goes_on();
                (Instant::now(), servers)
            }
        }
    }

    /// Hands a mail over until somebody says that it is stored, to one node or the other.
    async fn sends(&self, number: usize, first: usize) {
        for node in [first, 1 - first].into_iter().cycle() {
            if self.is_taken(number, node).await {
                return;
            }
            sleep(PAUSE).await;
        }
    }

    async fn sends_to(&self, number: usize, node: usize) {
        let taken = async {
            while !self.is_taken(number, node).await {
                sleep(PAUSE).await;
            }
        };
        let taken = timeout(PATIENCE * 2, taken).await;
        assert!(taken.is_ok(), "node {node} takes no mail any more");
    }

    async fn is_taken(&self, number: usize, node: usize) -> bool {
        let door = self.settings[node].lmtp.expect("it takes mail");
        let Ok(stream) = TcpStream::connect(door).await else { return false };
        let (from, to) = (self.customer(number), self.world.support());
        let mail = format!(
            "From: Dana <{from}>\nTo: {to}\nSubject: Storm {number}\nMessage-ID: <{}>\n\
             Date: Sun, 22 Nov 2026 09:00:00 +0000\n\nIt rains.\n",
            self.mail_id(number)
        );
        match timeout(PATIENCE, offer(stream, &from, &to, &mail)).await {
            Ok(Ok(answer)) if answer.starts_with("250") => true,
            Ok(Ok(answer)) if answer.starts_with('4') => false,
            Ok(Ok(answer)) if !answer.is_empty() => panic!("{number} was refused: {answer}"),
            _ => {
                self.unknown.fetch_add(1, Ordering::Relaxed);
                false
            }
        }
    }

    fn customer(&self, number: usize) -> String {
        format!("c{number}@{}.customers.example", self.world.name)
    }

    fn mail_id(&self, number: usize) -> String {
        format!("m{number}@{}.customers.example", self.world.name)
    }

    async fn number(&self, sql: &'static str) -> i64 {
        let db = Db::connect(&self.world.settings.database).await.expect("it opens");
        let conn = db.read().await.expect("it can be read");
        let number = conn.scalar(sql, vec![]).await.expect("the tables are there");
        drop(conn);
        db.close().await;
        number
    }

    /// A few tickets are to wake at once, whoever wakes them.
    async fn lets_tickets_sleep(&self) {
        let db = Db::connect(&self.world.settings.database).await.expect("it opens");
        let mut tx = db.begin().await.expect("it can be written to");
        let now = SystemClock.now().micros();
        let values = vec![now.into(), i64::try_from(SLEEPERS).expect("it fits").into()];
        let slept = tx.execute(SLEEP, values).await.expect("tickets can sleep");
        tx.commit().await.expect("it can be written to");
        db.close().await;
        self.slept.fetch_add(usize::try_from(slept).expect("it fits"), Ordering::Relaxed);
    }

    /// Returns when all mails are read, all letters have left and all tickets are awake.
    async fn settles(&self, mut servers: [Server; 2]) -> [Server; 2] {
        if !self.order.is_long() {
            // Nobody who is alive holds what is held now.
            let [first, second] = servers;
            first.stop().await;
            second.stop().await;
            let db = Db::connect(&self.world.settings.database).await.expect("it opens");
            let mut tx = db.begin().await.expect("it can be written to");
            for sql in LEASES_RUN_OUT {
                tx.execute(sql, vec![]).await.expect("the leases are there");
            }
            tx.execute("update schedules set last_run_at = 1 where name = 'tickets.wake'", vec![])
                .await
                .expect("the schedules are there");
            tx.commit().await.expect("it can be written to");
            db.close().await;
            servers = [self.starts(0), self.starts(1)];
            for server in &mut servers {
                server.is_ready().await;
            }
        }
        let begun = Instant::now();
        while self.number(WAITING).await > 0 {
            assert!(begun.elapsed() < SETTLES_WITHIN, "something waits for ever");
            sleep(PAUSE * 4).await;
        }
        servers
    }

    async fn compares(&self, rounds: usize) -> Vec<String> {
        let mails = i64::try_from(self.order.mails + rounds * 2).expect("it fits");
        let slept = i64::try_from(self.slept.load(Ordering::Relaxed)).expect("it fits");
        let mut problems = Vec::new();
        if slept == 0 {
            problems.push("no ticket slept".to_owned());
        }
        for (what, is, expected) in [
            ("lines in the mail log", self.number("select count(*) from mail_ledger").await, mails),
            ("mails that became tickets", self.number(TICKETED).await, mails),
            ("messages", self.number("select count(*) from messages").await, mails),
            ("times that tickets woke", self.number(WOKE).await, slept),
            ("jobs that failed", self.number(FAILED).await, 0),
        ] {
            if is != expected {
                problems.push(format!("{what}: {is} instead of {expected}"));
            }
        }
        let mut copies: BTreeMap<String, usize> = BTreeMap::new();
        let name = format!("@{}.", self.world.name);
        let everything = Sink::here().everything();
        for got in everything.iter().filter(|got| got.field("from").contains(&name)) {
            *copies.entry(got.field("message-id")).or_default() += 1;
        }
        let sent = i64::try_from(copies.len()).expect("it fits");
        if sent != self.number(SENT).await {
            problems.push(format!("{sent} letters left, and others are called sent"));
        }
        // Between the other side's answer and our commit, a blow makes a letter leave again.
        let again = copies.values().sum::<usize>() - copies.len();
        if again > rounds * LETTERS_IN_THE_AIR * 2 {
            problems.push(format!("{again} letters left again"));
        }
        problems
    }
}

const SLEEP: &str = "update tickets
    set state = 'snoozed', snoozed_until = $1, due_at = $1
  where id in (
    select t.id from tickets t
     where t.state in ('new', 'open') and not exists (
        select 1 from events e where e.ticket_id = t.id and e.kind = 'woke')
     order by t.id limit $2)";
const WAITING: &str = "select (select count(*) from mail_ledger where state = 'received')
    + (select count(*) from deliveries where state in ('queued', 'sending'))
    + (select count(*) from tickets where state = 'snoozed')";
const TICKETED: &str =
    "select count(distinct message_id) from mail_ledger where state = 'ticketed'";
const WOKE: &str = "select count(*) from events where kind = 'woke'";
const FAILED: &str = "select count(*) from jobs where state = 'failed'";
const SENT: &str = "select count(*) from deliveries where state = 'sent'";
