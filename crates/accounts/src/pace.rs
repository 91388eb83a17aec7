//! How often one person may do what costs much or reaches many, by whatever way they come: pages
//! and all of their tokens count together.

use kernel::{Span, Timestamp};
use requests::{Limiter, Rate};
use ui::{WebError, WebResult};

use crate::{Accounts, Actor};

/// What is counted for each person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Costly {
    /// Looking for words.
    Search,
    /// Taking out a whole table.
    Export,
    /// Writing to customers and other people outside.
    Send,
}

/// Who did what how often. Kept in memory of each node.
#[derive(Debug)]
pub struct PersonPace {
    searches: Limiter,
    exports: Limiter,
    sent: Limiter,
}

/// So many requests of a program a minute are usual; the other rates follow it.
const USUAL: u32 = 1_200;

impl Default for PersonPace {
    fn default() -> Self {
        Self::new(USUAL)
    }
}

impl PersonPace {
    /// Where a token may ask `requests_a_minute` times. With the usual 1,200 a person may search
    /// 240 times a minute, take out 10 tables at once and one more each minute, and send 200
    /// letters at once and 20 more each minute: nobody who types comes near.
    pub fn new(requests_a_minute: u32) -> Self {
        let limiter = |at_once: u32, a_minute: u32| {
            let refill = Span::seconds(60).as_micros() / i64::from(a_minute.max(1));
            Limiter::new(Rate::new(at_once.max(1), Span::micros(refill)))
        };
        Self {
            searches: limiter(requests_a_minute / 5, requests_a_minute / 5),
            exports: limiter(requests_a_minute / 120, requests_a_minute / 1_200),
            sent: limiter(requests_a_minute / 6, requests_a_minute / 60),
        }
    }

    fn take(&self, actor: &Actor, what: Costly, now: Timestamp) -> WebResult<()> {
        let limiter = match what {
            Costly::Search => &self.searches,
            Costly::Export => &self.exports,
            Costly::Send => &self.sent,
        };
        limiter
            .take(&actor.id.to_string(), now)
            .map_err(|wait| WebError::TooMany { retry_after_seconds: wait.retry_after_seconds })
    }
}

impl Accounts {
    /// Counts what somebody is about to do. Refused with the seconds to wait where it was too often.
    pub fn count(&self, actor: &Actor, what: Costly) -> WebResult<()> {
        self.pace().take(actor, what, self.now())
    }
}

#[cfg(test)]
mod tests {
    use database::testing::TUESDAY;

    use super::*;

    #[test]
    fn a_person_who_works_is_never_refused() {
        let pace = PersonPace::default();
        let sent = |second: i64| pace.sent.take("1", TUESDAY + Span::seconds(second));
        // Eighty tickets in an hour, and a notice to everybody whom a problem concerns.
        for ticket in 0..80 {
            sent(ticket * 45).unwrap();
        }
        for _ in 0..199 {
            sent(3_600).unwrap();
        }
        for _ in 0..5 {
            let _ = sent(3_600);
        }
        assert_eq!(sent(3_600).unwrap_err().retry_after_seconds, 4);
        pace.sent.take("2", TUESDAY + Span::seconds(3_600)).unwrap();
        // Whoever types fast looks for something with each letter.
        for letter in 0..600 {
            pace.searches.take("1", TUESDAY + Span::millis(letter * 200)).unwrap_or_else(|wait| {
                panic!("letter {letter} waits for {} seconds", wait.retry_after_seconds)
            });
        }
    }

    #[test]
    fn the_smallest_pace_lets_everything_through_once() {
        let pace = PersonPace::new(1);
        for limiter in [&pace.searches, &pace.exports, &pace.sent] {
            limiter.take("1", TUESDAY).unwrap();
            limiter.take("1", TUESDAY).unwrap_err();
            limiter.take("1", TUESDAY + Span::seconds(60)).unwrap();
        }
    }
}
