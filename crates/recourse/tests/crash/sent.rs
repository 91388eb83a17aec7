//! Whether everything that was to leave left, and what left twice.
//!
//! Between the other side's answer and the commit that remembers it lies a moment in which a kill
//! makes a letter leave twice. It is the only one, and both copies have the same Message-ID.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use database::Db;
use kernel::Timestamp;

use crate::driver::Driver;
use crate::order::{Door, marks};
use crate::world::{Got, Sink};

/// What was found. Its text is the figure.
pub(crate) struct Sent {
    letters: usize,
    replies: usize,
    acknowledgements: usize,
    lost: usize,
    doubled: usize,
    /// Copies that no kill explains, or under another Message-ID.
    elsewhere: usize,
    /// Kills that hit a letter between the other side's answer and our commit.
    kills: usize,
    pub(crate) problems: Vec<String>,
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { letters, replies, acknowledgements, lost, doubled, kills, .. } = self;
        write!(
            f,
            "{letters} letters (replies {replies}, acknowledgements {acknowledgements}), \
             {lost} lost, {doubled} copies in the window of {kills} kills, {} elsewhere",
            self.elsewhere
        )
    }
}

/// How many letters the program hands over at the same time: one kill hits no more.
const IN_THE_WINDOW_MAX: usize = 4;

impl Driver {
    pub(crate) async fn compares_what_left(&self) -> Sent {
        let mut got = Sink::here().everything();
        let name = format!("@{}.", self.world.name);
        got.retain(|one| one.field("from").contains(&name));
        let mut by_id: BTreeMap<String, Vec<&Got>> = BTreeMap::new();
        for one in &got {
            by_id.entry(one.field("message-id")).or_default().push(one);
        }
        let mut sent = Sent {
            letters: by_id.len(),
            replies: 0,
            acknowledgements: 0,
            lost: 0,
            doubled: got.len() - by_id.len(),
            elsewhere: 0,
            kills: 0,
            problems: Vec::new(),
        };
        self.compares_letters(&mut sent, &by_id).await;
        self.compares_replies(&mut sent, &got);
        self.compares_acknowledgements(&mut sent, &got);
        self.compares_windows(&mut sent, &by_id);
        sent
    }

    /// What the program calls sent is what the other side has.
    async fn compares_letters(&self, sent: &mut Sent, by_id: &BTreeMap<String, Vec<&Got>>) {
        let db = Db::open_unchanged(&self.world.settings.database).await.expect("it opens");
        let conn = db.read().await.expect("it can be read");
        let sql = "select mail_id, state from deliveries";
        let rows: Vec<(String, String)> = conn.all(sql, vec![]).await.expect("they are there");
        drop(conn);
        db.close().await;
        let mut known = BTreeSet::new();
        for (mail_id, state) in rows {
            let mail_id = format!("<{}>", mail_id.trim_matches(['<', '>']));
            if state != "sent" {
                sent.problems.push(format!("{mail_id} is {state}"));
            } else if !by_id.contains_key(&mail_id) {
                sent.lost += 1;
                sent.problems.push(format!("{mail_id} is called sent, and nobody got it"));
            }
            known.insert(mail_id);
        }
        let stray = by_id.keys().filter(|mail_id| !known.contains(*mail_id));
        sent.problems.extend(stray.map(|mail_id| format!("{mail_id} left, and nobody knows it")));
    }

    /// Every answer that was taken by the program reached the customer, under one Message-ID.
    fn compares_replies(&self, sent: &mut Sent, got: &[Got]) {
        let mut ids: HashMap<usize, BTreeSet<String>> = HashMap::new();
        for one in got.iter().filter(|one| one.field("auto-submitted").is_empty()) {
            for number in marks(&one.text()) {
                ids.entry(number).or_default().insert(one.field("message-id"));
            }
        }
        let lines = self.ledger.lines();
        for mail in self.mails.iter().filter(|mail| mail.door == Door::Reply) {
            let count = ids.get(&mail.number).map_or(0, BTreeSet::len);
            sent.replies += count.min(1);
            if count == 0 && lines[mail.number].is_taken {
                sent.lost += 1;
            }
            sent.elsewhere += count.saturating_sub(1);
            if count != 1 {
                sent.problems.push(format!("left under {count} Message-IDs: {mail:?}"));
            }
        }
    }

    /// Everybody who wrote was told so: nobody proved their address, so once a day.
    fn compares_acknowledgements(&self, sent: &mut Sent, got: &[Got]) {
        let mut ids: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for one in got.iter().filter(|one| !one.field("auto-submitted").is_empty()) {
            for to in &one.to {
                ids.entry(to).or_default().insert(one.field("message-id"));
            }
        }
        let wrote = self.mails.iter().filter(|mail| mail.door != Door::Reply);
        let customers: BTreeSet<String> = wrote.map(|mail| self.customer(mail)).collect();
        for customer in &customers {
            let count = ids.get(customer.as_str()).map_or(0, BTreeSet::len);
            sent.acknowledgements += count.min(1);
            if count == 0 {
                sent.lost += 1;
            }
            sent.elsewhere += count.saturating_sub(1);
            if count != 1 {
                sent.problems.push(format!("{customer} was acknowledged {count} times"));
            }
        }
    }

    /// Copies lie in different lives of the server, and one kill makes no more of them than there
    /// were letters on their way.
    fn compares_windows(&self, sent: &mut Sent, by_id: &BTreeMap<String, Vec<&Got>>) {
        let mut by_kill: BTreeMap<usize, usize> = BTreeMap::new();
        for (mail_id, copies) in by_id {
            let life = |one: &&Got| self.life_at(Timestamp::from_micros(one.begun_at));
            let mut lives: Vec<usize> = copies.iter().map(life).collect();
            lives.sort_unstable();
            for pair in lives.windows(2) {
                if pair[0] == pair[1] {
                    sent.elsewhere += 1;
                    sent.problems.push(format!("{mail_id} left twice without a kill between"));
                }
                *by_kill.entry(pair[0]).or_default() += 1;
            }
        }
        sent.kills = by_kill.len();
        let many = by_kill.into_iter().filter(|(_, copies)| *copies > IN_THE_WINDOW_MAX);
        sent.problems
            .extend(many.map(|(kill, copies)| format!("kill {kill} made {copies} copies")));
    }
}
