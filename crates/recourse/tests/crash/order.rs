//! What is to happen: how many mails through which doors, and when the server is killed. All of it
//! follows from the seed.

use std::io::Write;
use std::path::PathBuf;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

pub(crate) struct Order {
    pub(crate) mails: usize,
    pub(crate) kills: usize,
    pub(crate) seed: u64,
    /// How much is due when the server comes back.
    pub(crate) jobs: usize,
    /// How many backups are made of a busy server.
    pub(crate) backups: usize,
    /// How large the installation is that is restored against the clock.
    pub(crate) restore_mib: usize,
    /// The program that is killed.
    pub(crate) program: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Lmtp,
    /// Into the mailbox of a real mail server, from where the program fetches it.
    Imap,
    Pipe,
    /// `POST /api/v1/tickets`.
    Ticket,
    /// An answer of ours, `POST /api/v1/tickets/…/messages`.
    Reply,
}

/// One mail, or what a program sends like one.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) number: usize,
    pub(crate) door: Door,
    pub(crate) customer: usize,
    /// An earlier mail of the same customer that this one answers to.
    pub(crate) follows: Option<usize>,
    /// How much it holds besides its mark.
    pub(crate) lines: usize,
    pub(crate) has_file: bool,
    /// The sender did not hear that it was taken, and sends it once more.
    pub(crate) is_repeated: bool,
}

/// When the server is killed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// So long after it was started, whether it answers yet or not.
    Starting { after_ms: u64 },
    /// When so many mails of all were taken, and so long after that.
    Working { taken: usize, then_ms: u64 },
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Kill {
    pub(crate) moment: Moment,
    /// The mails that may be sent until then.
    pub(crate) released: usize,
    /// For how long nothing runs.
    pub(crate) away_ms: u64,
}

impl Order {
    pub(crate) fn given() -> Self {
        let program = variable("PROGRAM").map(PathBuf::from);
        Self {
            mails: number("MAILS").unwrap_or(300),
            kills: number("KILLS").unwrap_or(6),
            seed: number("SEED").unwrap_or_else(|| rand::rng().random_range(1..1_000_000)),
            jobs: number("JOBS").unwrap_or(2_000),
            backups: number("BACKUPS").unwrap_or(2),
            restore_mib: number("RESTORE_MIB").unwrap_or(3),
            program: program.unwrap_or_else(|| env!("CARGO_BIN_EXE_recourse").into()),
        }
    }

    pub(crate) fn is_long(&self) -> bool {
        self.mails > 1_000
    }

    pub(crate) fn mails(&self) -> Vec<Mail> {
        let mut chance = StdRng::seed_from_u64(self.seed);
        let customers = self.mails.div_ceil(3);
        let mut mails: Vec<Mail> = Vec::with_capacity(self.mails);
        for number in 0..self.mails {
            let door = match chance.random_range(0..100) {
                // An answer needs a ticket.
                _ if number == 0 => Door::Ticket,
                0..35 => Door::Lmtp,
                35..60 => Door::Imap,
                60..70 => Door::Pipe,
                70..90 => Door::Ticket,
                _ => Door::Reply,
            };
            let customer = chance.random_range(0..customers);
            let mut earlier = mails.iter().filter(|mail| mail.customer == customer);
            let follows = chance.random_bool(0.5).then(|| earlier.next_back()).flatten();
            let follows = follows.filter(|mail| mail.is_mail()).map(|mail| mail.number);
            let lines = if chance.random_bool(0.02) { 4_000 } else { chance.random_range(1..60) };
            let has_file = chance.random_bool(0.1);
            let is_repeated = chance.random_bool(0.05);
            mails.push(Mail { number, door, customer, follows, lines, has_file, is_repeated });
        }
        mails
    }

    pub(crate) fn kills(&self) -> Vec<Kill> {
        let mut chance = StdRng::seed_from_u64(self.seed ^ 0x6b69_6c6c);
        let share = self.mails / self.kills.max(1);
        let kill = |number: usize| {
            let moment = if chance.random_bool(0.15) {
                Moment::Starting { after_ms: chance.random_range(0..600) }
            } else {
                let taken = number * share + chance.random_range(0..=share);
                Moment::Working { taken, then_ms: chance.random_range(0..1_500) }
            };
            let away_ms = if chance.random_bool(0.3) { chance.random_range(0..700) } else { 0 };
            Kill { moment, released: (number + 1) * share, away_ms }
        };
        (0..self.kills).map(kill).collect()
    }
}

impl Mail {
    pub(crate) fn is_mail(&self) -> bool {
        matches!(self.door, Door::Lmtp | Door::Imap | Door::Pipe)
    }

    /// Stands in the mail and in no other.
    pub(crate) fn mark(&self) -> String {
        format!("{MARK}{:07}", self.number)
    }
}

const MARK: &str = "canary";

/// The numbers of the mails whose marks stand in a text.
pub(crate) fn marks(text: &str) -> Vec<usize> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter_map(|word| word.strip_prefix(MARK)?.parse().ok()).collect()
}

fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = variable(name)?;
    Some(text.parse().unwrap_or_else(|_| panic!("RECOURSE_CRASH_{name} is {text:?}, not a number")))
}

#[expect(clippy::disallowed_methods, reason = "tests have no other settings")]
fn variable(name: &str) -> Option<String> {
    std::env::var(format!("RECOURSE_CRASH_{name}")).ok().filter(|text| !text.is_empty())
}

/// A line that is seen while the test runs.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
