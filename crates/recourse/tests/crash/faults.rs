//! A disk that is full, and one that does not take what is written: nothing that was acknowledged
//! is lost, and nothing has to be repaired by hand.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use tokio::time::{sleep, timeout};

use crate::disk::Fault;
use crate::driver::Driver;
use crate::ledger::Said;
use crate::order::{Mail, Order, say};
use crate::server::Server;
use crate::world::World;

const MAILS_A_ROUND: usize = 3;
/// How long a mail may take until it is taken, once the disk is well again.
const RECOVERS_WITHIN: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(100);
/// What a program ends with when the disk failed: mail servers keep what they hand over then.
const EX_TEMPFAIL: i32 = 75;

/// The disk is full, again and again: mails are put off, pages can be read, and as soon as there is
/// room the same server goes on.
pub(crate) async fn full_disk(world: World) {
    let (driver, rounds) = driver(world).await;
    let mut server = driver.starts_server();
    server.is_ready().await;
    // Answers need a ticket.
    driver.hands_over(0).await;
    let mut put_off = 0;
    for round in 1..=rounds {
        driver.has(Fault::Full);
        for mail in driver.of_round(round) {
            let said = driver.tries(mail).await;
            put_off += usize::from(said != Said::Taken);
            driver.ledger.write(mail.number, said);
        }
        let page = driver.web.request(Method::GET, "/login").send().await;
        assert_eq!(page.expect("it answers").status(), StatusCode::OK, "pages can be read");
        driver.has(Fault::None);
        driver.hands_over(round).await;
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
