//! The server comes back to more than it can do at once: mails to read, letters to send, tickets
//! to wake and jobs to run are all due. Whoever works meanwhile is answered, everything is done,
//! and once; an inbox whose server is away keeps nobody else's letters.

use std::sync::Arc;
use std::time::{Duration, Instant};

use database::{Db, Value};
use futures_util::{StreamExt, stream};
use kernel::{Clock, InboxId, Span, SystemClock, TicketId, Timestamp};
use mailroom::Piped;
use outbox::{Caps, Kind, Letter, Party, Recipients, post};
use recourse::Foundation;
use recourse::local::Command;
use reqwest::Method;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::order::{Order, say};
use crate::server::{Server, command};
use crate::world::place::inbox_fields;
use crate::world::{Dovecot, Sink, Web, World, free_port};

/// How much of each kind is due.
struct Due {
    mails: usize,
    letters: usize,
    /// Letters of an inbox whose server is away.
    stuck: usize,
    tickets: usize,
    jobs: usize,
}

impl Due {
    fn of(all: usize) -> Self {
        let (mails, letters, stuck) = (all * 3 / 10, all * 3 / 10, all / 50);
        let tickets = all / 10;
        Self { mails, letters, stuck, tickets, jobs: all - mails - letters - stuck - tickets }
    }
}

/// A storm of the long kind has to be over by then; a short one only has to end.
const OVER_WITHIN: Duration = Duration::from_mins(30);
const P99_MAX: Duration = Duration::from_millis(500);
const LOOKS_EVERY: Duration = Duration::from_millis(50);
const STORED_AT_ONCE: usize = 64;

pub(crate) async fn is_weathered(name: &str, mut world: World) {
    let order = Order::given();
    let due = Due::of(order.jobs);
    let owner = world.fills_with_demo(u32::try_from(due.tickets * 2).expect("it fits")).await;
    let token = prepares(&world, &owner).await;
    world.stop().await;
    brews(&world, &due).await;

    let (begun, since) = (Instant::now(), SystemClock.now());
    let mut server = Server::start(&order.program, &world.settings);
    server.is_ready().await;
    let answering = begun.elapsed();
    let (calm, storm) = watch::channel(false);
    let (over, looks) = tokio::join!(
        async {
            let over = is_over(&world, &due, begun).await;
            calm.send_replace(true);
            over
        },
        works_meanwhile(&world, &token, storm)
    );
    assert_eq!(over, Ok(()), "{}", server.log_end());
    let drained = begun.elapsed();
    let jobs = ran(&world).await;
    server.stop().await;

    let all = order.jobs;
    let problems = compares(&world, &due, since, jobs).await;
    let (is_clean, said) = checks(&world, &order).await;
    let check = if is_clean { "check clean".to_owned() } else { format!("check says {said}") };
    let sent = pace(&world);
    let fate = if problems.is_empty() { "0 lost, 0 doubled" } else { "NOT each once" };
    say(&format!(
        "{name}: {all} due (mails {}, letters {}, tickets {}, jobs {}), {} letters of a server \
         that is away, first answer after {} ms, drained in {} s, {looks}, {sent}, {fate}, {check}",
        due.mails,
        due.letters,
        due.tickets,
        due.jobs,
        due.stuck,
        answering.as_millis(),
        drained.as_secs(),
    ));
    assert!(problems.is_empty() && is_clean, "{check}\n{}", problems.join("\n"));
    // How quick a small machine is with other work beside it, a short storm does not ask.
    if order.jobs >= 100_000 {
        assert!(drained <= OVER_WITHIN && looks.p99() <= P99_MAX, "too slow");
    }
}

/// Two inboxes, one of which has a server that is away, and a token.
async fn prepares(world: &World, owner: &str) -> String {
    let web = world.web();
    let page = web.post("/login", &[("email", owner), ("password", demo::PASSWORD)]).await;
    page.location();
    world.opens_inbox(&web).await;
    let away = format!("away@{}.example", world.name);
    let (imap, smtp) = (Dovecot::here().imap_port.to_string(), free_port().to_string());
    let mut fields = inbox_fields(&away, &imap, &smtp);
    fields.retain(|(name, _)| *name != "name");
    fields.push(("name", "Away"));
    // The form looks whether the server is there, and takes what it is told all the same.
    let page = web.post("/settings/inboxes", &fields).await;
    assert!(page.status.as_u16() == 303, "{}", page.body);
    let token = Command::CreateToken {
        agent: owner.to_owned(),
        name: "Tests".to_owned(),
        scope: "*".to_owned(),
        inboxes: Vec::new(),
        expires_in_days: None,
    };
    let answer = world.command(&token, &[]).await;
    assert_eq!(answer.exit_code, 0, "{}", answer.text);
    answer.text.rsplit(' ').next().unwrap_or_default().to_owned()
}

/// Makes everything due while no server runs.
async fn brews(world: &World, due: &Due) {
    let (foundation, storing) =
        Foundation::open(&world.settings, Arc::new(SystemClock)).await.expect("it opens");
    let db = foundation.db.clone();
    let now = SystemClock.now();
    stream::iter(0..due.mails)
        .for_each_concurrent(STORED_AT_ONCE, |number| stores(&foundation, world, number))
        .await;
    let of = async |address: String| {
        let sql = "select id from inboxes where address = $1";
        number_of(&db, sql, vec![address.into()]).await
    };
    let here = InboxId(of(world.support()).await);
    let away = InboxId(of(format!("away@{}.example", world.name)).await);
    let mut tx = db.begin().await.expect("it can be written to");
    for number in 0..due.stuck {
        // They come first: whoever sends meets them before all others.
        let at = now - Span::hours(2);
        let letter = letter(world, away, "stuck", number, at);
        post(&mut tx, &letter, &Caps::default(), now).await.expect("it is posted");
    }
    for number in 0..due.letters {
        let letter = letter(world, here, "due", number, now - Span::hours(1));
        post(&mut tx, &letter, &Caps::default(), now).await.expect("it is posted");
    }
    let limit = i64::try_from(due.tickets).expect("it fits");
    let slept = tx.execute(SLEEP, vec![(now - Span::hours(1)).micros().into(), limit.into()]).await;
    assert_eq!(slept.expect("tickets can sleep"), u64::try_from(due.tickets).expect("it fits"));
    for number in 0..due.jobs {
        let ticket = TicketId(10_001 + i64::try_from(number % due.tickets).expect("it fits"));
        let job = tickets::TeachLesson { ticket, lesson: tickets::Lesson::Forget };
        queue::enqueue(&mut tx, &job, now - Span::hours(1)).await.expect("it is enqueued");
    }
    tx.commit().await.expect("it can be written to");
    drop(foundation);
    storing.await.expect("all mails are stored");
    db.close().await;
}

const SLEEP: &str = "update tickets
    set state = 'snoozed', snoozed_until = $1, due_at = $1, resolved_at = null,
        hold_reason = null, next_update_at = null
  where id in (
    select id from tickets where state in ('open', 'waiting_customer', 'resolved', 'closed')
     order by id limit $2)";

async fn stores(foundation: &Foundation, world: &World, number: usize) {
    let to = world.support().parse().expect("an address");
    let from = format!("c{number}@{}.customers.example", world.name);
    let mail = format!(
        "From: Dana <{from}>\r\nTo: {}\r\nSubject: Storm {number}\r\nMessage-ID: \
         <s{number}@{}.customers.example>\r\nDate: Sun, 22 Nov 2026 09:00:00 +0000\r\n\r\nIt \
         rains.\r\n",
        world.support(),
        world.name
    );
    let (accounts, intake) = (&foundation.accounts, &foundation.intake);
    let piped = mailroom::pipe(accounts, intake, &to, &from, mail.into_bytes()).await;
    assert!(matches!(piped, Piped::Stored), "it is stored");
}

fn letter(world: &World, inbox: InboxId, what: &str, number: usize, at: Timestamp) -> Letter {
    let to = format!("{what}{number}@{}.customers.example", world.name);
    Letter {
        kind: Kind::Reply,
        inbox: Some(inbox),
        ticket: None,
        message: None,
        mail_id: mail_id(world, what, number),
        from_name: "Northlight".to_owned(),
        reply_to: None,
        recipients: Recipients::to(Party::new("Dana", to.parse().expect("an address"))),
        subject: format!("Storm {number}"),
        text: "It rains.".to_owned(),
        html: None,
        in_reply_to: None,
        references: Vec::new(),
        send_after: at,
        useful_for: None,
        verified: true,
    }
}

fn mail_id(world: &World, what: &str, number: usize) -> String {
    format!("{what}{number}@{}.example", world.name)
}

/// Returns when nothing is due any more, but for what cannot leave.
async fn is_over(world: &World, due: &Due, begun: Instant) -> Result<(), String> {
    let sql = "select (select count(*) from mail_ledger where state = 'received')
                    + (select count(*) from deliveries where state in ('queued', 'sending'))
                    + (select count(*) from tickets where state = 'snoozed' and due_at <= $1)
                    + (select count(*) from jobs where state <> 'failed')";
    let db = Db::open_unchanged(&world.settings.database).await.expect("it opens");
    let stuck = i64::try_from(due.stuck).expect("it fits");
    let left = loop {
        let now = SystemClock.now().micros();
        let left = number_of(&db, sql, vec![now.into()]).await - stuck;
        if left <= 0 || begun.elapsed() > OVER_WITHIN * 2 {
            break left;
        }
        sleep(Duration::from_millis(500)).await;
    };
    db.close().await;
    if left <= 0 { Ok(()) } else { Err(format!("{left} are still due")) }
}

/// How long somebody waited for pages and a program for answers.
struct Looks(Vec<Duration>);

impl Looks {
    fn share(&self, share: usize) -> Duration {
        self.0.get(self.0.len() * share / 100).copied().unwrap_or_default()
    }

    fn p99(&self) -> Duration {
        self.share(99)
    }
}

impl std::fmt::Display for Looks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |share| self.share(share).as_millis();
        write!(f, "{} pages and answers p50 {} ms, p99 {} ms", self.0.len(), ms(50), ms(99))
    }
}

async fn works_meanwhile(world: &World, token: &str, storm: watch::Receiver<bool>) -> Looks {
    let web: Web = world.web();
    let mut took = Vec::new();
    let paths = ["/api/v1/tickets?limit=25", "/api/v1/tickets/RC-10001", "/login"];
    for path in paths.iter().cycle() {
        if *storm.borrow() {
            break;
        }
        let begun = Instant::now();
        let page = web.send(web.request(Method::GET, path).bearer_auth(token)).await;
        assert_eq!(page.status.as_u16(), 200, "{path}: {}", page.body);
        took.push(begun.elapsed());
        sleep(LOOKS_EVERY).await;
    }
    took.sort_unstable();
    Looks(took)
}

/// How many jobs the server began.
async fn ran(world: &World) -> usize {
    let figures = world.web().get("/metrics").await.body;
    let line = figures.lines().find(|line| {
        line.starts_with("recourse_jobs_started_total") && line.contains("teach_lesson")
    });
    let count = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    count.unwrap_or_else(|| panic!("no job ran: {figures}"))
}

const WOKE: &str = "select count(*) from events where kind = 'woke' and created_at >= $1";

async fn compares(world: &World, due: &Due, since: Timestamp, jobs: usize) -> Vec<String> {
    let mut problems = Vec::new();
    let mut expect = |what: &str, is: i64, expected: usize| {
        if usize::try_from(is) != Ok(expected) {
            problems.push(format!("{what}: {is} instead of {expected}"));
        }
    };
    let db = Db::open_unchanged(&world.settings.database).await.expect("it opens");
    let woke = number_of(&db, WOKE, vec![since.micros().into()]).await;
    expect("times that tickets woke", woke, due.tickets);
    for (what, sql, expected) in [
        (
            "mails that became tickets",
            "select count(*) from mail_ledger where state = 'ticketed'",
            due.mails,
        ),
        (
            "messages of those mails",
            "select count(distinct message_id) from mail_ledger where state = 'ticketed'",
            due.mails,
        ),
        ("jobs that failed", "select count(*) from jobs where state = 'failed'", 0),
        (
            "letters that wait for a server that is away",
            "select count(*) from deliveries where state = 'queued'",
            due.stuck,
        ),
    ] {
        expect(what, number_of(&db, sql, vec![]).await, expected);
    }
    db.close().await;
    expect("jobs that ran", i64::try_from(jobs).expect("it fits"), due.jobs);
    let mut copies = vec![0; due.letters];
    for got in of_world(world) {
        let id = got.field("message-id");
        let number = id.trim_matches(['<', '>']).strip_prefix("due");
        let number = number.and_then(|id| id.split('@').next()?.parse::<usize>().ok());
        if let Some(number) = number {
            copies[number] += 1;
        }
    }
    let wrong: Vec<_> = copies.iter().enumerate().filter(|(_, count)| **count != 1).collect();
    if !wrong.is_empty() {
        problems.push(format!("letters that did not leave once: {wrong:?}"));
    }
    problems
}

fn of_world(world: &World) -> Vec<crate::world::Got> {
    let mut got = Sink::here().everything();
    let name = format!("@{}.", world.name);
    got.retain(|one| one.field("from").contains(&name));
    got
}

/// How quickly letters left.
fn pace(world: &World) -> String {
    let got = of_world(world);
    let (first, last) = (got.first(), got.last());
    let span = last.zip(first).map_or(0, |(last, first)| last.begun_at - first.begun_at);
    let seconds = usize::try_from(span / 1_000_000).unwrap_or(0).max(1);
    format!("{} letters left, {} a second", got.len(), got.len() / seconds)
}

async fn checks(world: &World, order: &Order) -> (bool, String) {
    let mut check = command(&order.program, &world.settings, &["check"]);
    let output = check.output().await.expect("the program can be started");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

async fn number_of(db: &Db, sql: &'static str, values: Vec<Value>) -> i64 {
    let conn = db.read().await.expect("it can be read");
    conn.scalar(sql, values).await.expect("the tables are there")
}
