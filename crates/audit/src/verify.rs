//! Walking the whole trail, and finding what somebody did to it.

use std::collections::HashMap;
use std::fmt;

use anyhow::Result;
use database::Conn;
use keys::Keys;

use crate::chain::{Checkpoint, Head, Row};
use crate::store;

/// What is wrong with a place of the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It does not say what it said when it was noted, or what stands before it does not.
    Changed,
    Missing,
    /// It has a number that no entry has.
    Foreign,
    /// It cannot be read.
    Unreadable,
    /// A checkpoint that we did not make, or that says something else of its entry.
    Checkpoint,
    /// What says where the trail ends was changed, or is gone.
    End,
    /// It stands behind the end.
    BehindEnd,
    /// Another hash than the one that was written down elsewhere.
    NotAsHeld,
}

/// A flaw, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    pub flaw: Flaw,
    /// The number of the entry.
    pub number: i64,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number;
        match self.flaw {
            Flaw::Changed => write!(f, "entry {number} was changed, or what stood before it"),
            Flaw::Missing => write!(f, "entry {number} is missing"),
            Flaw::Foreign => write!(f, "entry {number} was put in"),
            Flaw::Unreadable => write!(f, "what follows entry {number} cannot be read"),
            Flaw::Checkpoint => write!(f, "the checkpoint at entry {number} does not fit"),
            Flaw::End => write!(f, "the seal at the end, entry {number}, was changed or removed"),
            Flaw::BehindEnd => write!(f, "entry {number} was put behind the end"),
            Flaw::NotAsHeld => write!(f, "entry {number} is not the one that was written down"),
        }
    }
}

/// What a walk found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many entries there are.
    pub entries: i64,
    pub checkpoints: i64,
    /// Checkpoints of keys that are no longer in the key file: their place in the chain is good.
    pub of_forgotten_keys: i64,
    /// The hash of the last entry.
    pub hash: String,
    /// The first of what is wrong.
    pub broken: Vec<Broken>,
    /// How much is wrong.
    pub broken_count: i64,
}

const BROKEN_MAX: usize = 100;
const ROWS_AT_ONCE: i64 = 1_000;

impl Report {
    pub fn is_whole(&self) -> bool {
        self.broken_count == 0
    }

    fn found(&mut self, flaw: Flaw, number: i64) {
        self.broken_count += 1;
        if self.broken.len() < BROKEN_MAX {
            self.broken.push(Broken { flaw, number });
        }
    }
}

/// Looks at every entry, through a connection that sees one moment. `held` are hashes of entries
/// that were written down elsewhere, such as in the log.
pub async fn verify(
    conn: &mut Conn,
    keys: &Keys,
    held: &[(i64, String)],
    told: &mut (dyn FnMut(u64) + Send),
) -> Result<Report> {
    let mut report = Report::default();
    let Ok(counts) = store::counts(conn).await else {
        report.found(Flaw::End, 0);
        return Ok(report);
    };
    let (checkpoints, checked) = walk_checkpoints(conn, keys, counts.1, &mut report).await;
    let mut walk = Walk::new(&checkpoints, held);
    let walked = walk.go(conn, &mut report, told).await;
    if walked.is_err() || walk.seen != counts.0 {
        report.found(Flaw::Unreadable, walk.number);
    }
    report.entries = walk.seen;
    report.hash = kernel::hex(&walk.hash);
    let (number, hash) = (walk.number, walk.hash.clone());
    for (at, _) in held.iter().filter(|(at, _)| *at > number || *at < 1) {
        report.found(Flaw::Missing, *at);
    }
    for at in checkpoints.keys().filter(|at| **at > number) {
        report.found(Flaw::Missing, *at);
    }
    let head = store::head(conn).await.ok().flatten().filter(|_| counts.2 == 1);
    let Some(head) = head else {
        report.found(Flaw::End, number);
        return Ok(report);
    };
    end(conn, keys, &head, &mut report, (number, &hash, &checked)).await?;
    Ok(report)
}

/// Compares where the walk ended with where the trail has to end.
async fn end(
    conn: &mut Conn,
    keys: &Keys,
    head: &Head,
    report: &mut Report,
    (number, hash, checked): (i64, &[u8], &[u8]),
) -> Result<()> {
    if head.is_blank() && number == 0 {
        if store::is_begun(conn).await? {
            report.found(Flaw::End, 0);
        }
        return Ok(());
    }
    if !crate::trail::is_sound(conn, head, keys).await? {
        report.found(Flaw::End, head.number);
    } else if head.number > number {
        // However many: the first and the last say it.
        report.found(Flaw::Missing, number + 1);
        if head.number > number + 1 {
            report.found(Flaw::Missing, head.number);
        }
    } else if head.number < number {
        report.found(Flaw::BehindEnd, head.number + 1);
    } else if head.hash != hash {
        report.found(Flaw::Changed, number);
    }
    if head.checkpoints != report.checkpoints || head.checked != checked {
        report.found(Flaw::Checkpoint, head.number);
    }
    Ok(())
}

/// What the checkpoints say of entries, by number, and the hash over all of them.
async fn walk_checkpoints(
    conn: &Conn,
    keys: &Keys,
    counted: i64,
    report: &mut Report,
) -> (HashMap<i64, Vec<u8>>, Vec<u8>) {
    let (mut known, mut checked, mut after) = (HashMap::new(), Vec::new(), i64::MIN);
    loop {
        let Ok(page) = store::checkpoints_after(conn, after, ROWS_AT_ONCE).await else {
            report.found(Flaw::Checkpoint, 0);
            break;
        };
        let Some(last) = page.last() else { break };
        after = last.id;
        for checkpoint in page {
            report.checkpoints += 1;
            checked = checkpoint.chained(&checked);
            look_at(&checkpoint, keys, report);
            known.insert(checkpoint.number, checkpoint.hash);
        }
    }
    if report.checkpoints != counted {
        report.found(Flaw::Checkpoint, 0);
    }
    (known, checked)
}

fn look_at(checkpoint: &Checkpoint, keys: &Keys, report: &mut Report) {
    let is_ours = checkpoint.sealed_by(keys).as_ref() == Some(&checkpoint.key);
    let is_known = checkpoint.key == keys.fingerprint() || keys.is_older(&checkpoint.key);
    if !is_known {
        report.of_forgotten_keys += 1;
    } else if !is_ours {
        report.found(Flaw::Checkpoint, checkpoint.number);
    }
    if checkpoint.id != report.checkpoints {
        report.found(Flaw::Checkpoint, checkpoint.number);
    }
}

/// Where a walk over the entries is.
struct Walk<'w> {
    checkpoints: &'w HashMap<i64, Vec<u8>>,
    held: &'w [(i64, String)],
    /// The entry before, by its number and its hash.
    number: i64,
    hash: Vec<u8>,
    /// Whether the hash of the entry before is known: behind a gap it is not.
    is_linked: bool,
    seen: i64,
}

impl<'w> Walk<'w> {
    fn new(checkpoints: &'w HashMap<i64, Vec<u8>>, held: &'w [(i64, String)]) -> Self {
        Self { checkpoints, held, number: 0, hash: Vec::new(), is_linked: true, seen: 0 }
    }

    async fn go(
        &mut self,
        conn: &Conn,
        report: &mut Report,
        told: &mut (dyn FnMut(u64) + Send),
    ) -> Result<()> {
        let mut after = i64::MIN;
        loop {
            let page = store::rows_after(conn, after, ROWS_AT_ONCE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.number;
            for row in page {
                self.seen += 1;
                self.step(row, report);
            }
            told(u64::try_from(self.seen).unwrap_or_default());
        }
    }

    fn step(&mut self, row: Row, report: &mut Report) {
        if row.number < 1 {
            report.found(Flaw::Foreign, row.number);
            return;
        }
        if row.number > self.number + 1 {
            report.found(Flaw::Missing, self.number + 1);
            if row.number > self.number + 2 {
                report.found(Flaw::Missing, row.number - 1);
            }
            self.is_linked = false;
        }
        let is_as_noted = !self.is_linked || row.hashed(&self.hash) == row.hash;
        let is_as_checked = self.checkpoints.get(&row.number).is_none_or(|hash| *hash == row.hash);
        if !is_as_noted || !is_as_checked {
            report.found(Flaw::Changed, row.number);
        }
        let held = self.held.iter().find(|(number, _)| *number == row.number);
        if held.is_some_and(|(_, hash)| !hash.eq_ignore_ascii_case(&kernel::hex(&row.hash))) {
            report.found(Flaw::NotAsHeld, row.number);
        }
        (self.number, self.hash, self.is_linked) = (row.number, row.hash, true);
    }
}
