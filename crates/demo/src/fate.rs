//! How many tickets there are when, and how each of them ends. Pure.

use kernel::{Span, Timestamp};

use crate::rng::Rng;

/// How a story ends, as far as it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nobody has looked.
    New,
    /// Somebody took it and has not answered.
    Taken,
    /// We answered and the customer wrote again.
    WroteAgain,
    /// We answered last.
    Waiting,
    /// We answered, and more is to come from us.
    StaysOpen,
    OnHold,
    Snoozed,
    /// Answered and done.
    Solved,
    /// Asked back first.
    SolvedLater,
    /// It waited for somebody else for a while.
    SolvedAfterHold,
    /// It slept for a while.
    SolvedAfterSnooze,
    /// Done, opened again by the customer, done again.
    SolvedTwice,
    /// The customer never came back.
    NoAnswer,
    Declined,
    Spam,
}

impl Fate {
    pub(crate) fn is_active(self) -> bool {
        matches!(
            self,
            Self::New
                | Self::Taken
                | Self::WroteAgain
                | Self::Waiting
                | Self::StaysOpen
                | Self::OnHold
                | Self::Snoozed
        )
    }
}

/// When tickets arrive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calendar {
    count: i64,
    now: Timestamp,
    /// Since when the shop is open.
    period: Span,
    /// The latest tickets, among which the open ones are.
    latest: i64,
    latest_span: Span,
}

const YEARS: Span = Span::days(3 * 365);

impl Calendar {
    pub(crate) fn new(count: u32, now: Timestamp) -> Self {
        let count = i64::from(count);
        // A small world is young; a large one is three years old.
        let period = Span::days(50 + count / 20).min(YEARS);
        let latest = (open_count(count) * 5 / 4).min(count);
        let minutes_of_one = period.as_seconds() / 60 / count.max(1);
        let natural = Span::minutes(latest * minutes_of_one);
        let latest_span = natural.clamp(Span::hours(36), Span::days(8)).min(period);
        Self { count, now, period, latest, latest_span }
    }

    /// When the shop was set up.
    pub(crate) fn opening(&self) -> Timestamp {
        self.now - self.period - Span::days(1)
    }

    /// When a ticket arrives. Ascending.
    pub(crate) fn arrival(&self, index: i64, rng: &mut Rng) -> Timestamp {
        let (from, to) = (self.age(index), self.age(index + 1));
        let within = from.as_micros() - to.as_micros();
        let at = self.now - Span::minutes(2) - from;
        at + Span::micros(rng.between(0, (within - 1).max(0)))
    }

    /// How long before the end the slot of a ticket begins.
    fn age(&self, index: i64) -> Span {
        let left = (self.count - index).max(0);
        if left <= self.latest {
            // Most of what is open came today or yesterday.
            return share(self.latest_span, square(left), square(self.latest.max(1)));
        }
        let (left, all) = (left - self.latest, (self.count - self.latest).max(1));
        let rest = Span::micros(self.period.as_micros() - self.latest_span.as_micros());
        // The shop grows: half of the way is straight, half goes with the square.
        let straight = share(rest, i128::from(left), i128::from(all));
        let bent = share(rest, square(left), square(all));
        let mean = Span::micros(i64::midpoint(straight.as_micros(), bent.as_micros()));
        self.latest_span + mean
    }

    fn is_late(&self, index: i64) -> bool {
        self.count - index <= self.latest
    }

    pub(crate) fn fate(&self, index: i64, at: Timestamp, within: Span, rng: &mut Rng) -> Fate {
        let dice = rng.between(0, 99);
        if !self.is_late(index) || dice < 20 {
            return ended(rng);
        }
        let age = self.now.since(at);
        let dice = rng.between(0, 99);
        // Who waits for a first answer has not waited for long, but for a few.
        if age < within || (age < within + within && dice < 45) {
            return match dice {
                0..45 => Fate::New,
                45..60 => Fate::Taken,
                60..75 => Fate::WroteAgain,
                75..90 => Fate::Waiting,
                _ => Fate::StaysOpen,
            };
        }
        match dice {
            0..5 => Fate::New,
            5..9 => Fate::Taken,
            9..30 => Fate::WroteAgain,
            30..58 => Fate::Waiting,
            58..64 => Fate::StaysOpen,
            64..82 => Fate::OnHold,
            _ => Fate::Snoozed,
        }
    }
}

fn ended(rng: &mut Rng) -> Fate {
    match rng.between(0, 99) {
        0..34 => Fate::Solved,
        34..60 => Fate::SolvedLater,
        60..70 => Fate::SolvedAfterHold,
        70..77 => Fate::SolvedAfterSnooze,
        77..85 => Fate::SolvedTwice,
        85..92 => Fate::NoAnswer,
        92..97 => Fate::Declined,
        _ => Fate::Spam,
    }
}

/// How many tickets are open: what a team of twelve can have at hand.
fn open_count(count: i64) -> i64 {
    let small = (count * 35 / 100).min(80);
    let large = (count * 3 / 100).min(600);
    small.max(large)
}

fn square(number: i64) -> i128 {
    i128::from(number) * i128::from(number)
}

/// That many parts of the whole.
fn share(whole: Span, parts: i128, of: i128) -> Span {
    let micros = i128::from(whole.as_micros()) * parts / of.max(1);
    Span::micros(i64::try_from(micros).unwrap_or(0))
}

/// The next moment at which somebody works: weekdays from eight to seven.
pub(crate) fn working(at: Timestamp) -> Timestamp {
    const DAY: i64 = 24 * 3_600;
    let (mut day, mut second) = (at.seconds().div_euclid(DAY), at.seconds().rem_euclid(DAY));
    if second < 8 * 3_600 {
        second = 8 * 3_600 + second / 8;
    } else if second >= 19 * 3_600 {
        (day, second) = (day + 1, 8 * 3_600 + (second - 19 * 3_600) / 5);
    }
    // 1 January 1970 was a Thursday.
    day += match (day + 3).rem_euclid(7) {
        5 => 2,
        6 => 1,
        _ => 0,
    };
    Timestamp::from_micros((day * DAY + second) * 1_000_000 + at.micros().rem_euclid(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_510_800);

    #[test]
    fn tickets_arrive_in_order_and_before_now() {
        for count in [1, 2, 10, 200, 5_000, 100_000] {
            let calendar = Calendar::new(count, NOW);
            let mut rng = Rng::of(1, 1);
            let mut last = calendar.opening();
            for index in 0..i64::from(count) {
                let at = calendar.arrival(index, &mut rng);
                assert!(last <= at && at < NOW, "{count}: {index} at {at}, after {last}");
                last = at;
            }
        }
    }

    #[test]
    fn the_open_share_is_what_a_team_can_have_at_hand() {
        for (count, open) in [(200, 70), (1_000, 80), (10_000, 300), (1_000_000, 600)] {
            assert_eq!(open_count(count), open);
        }
    }

    #[test]
    fn nobody_works_at_night_or_on_sunday() {
        for hours in 0..24 * 14 {
            let at = working(NOW + Span::hours(hours));
            let civil = at.in_zone(&jiff::tz::TimeZone::UTC);
            assert!((8..19).contains(&civil.hour()), "{at}");
            assert!(civil.weekday().to_monday_zero_offset() < 5, "{at}");
            assert!(at >= NOW + Span::hours(hours));
        }
    }
}
