//! Dates as mail programs write them, the obsolete and the wrong forms included.

use jiff::civil::{Date, DateTime, Time};
use kernel::{Span, Timestamp};

/// Years outside of this come from clocks that were never set.
const YEARS: std::ops::Range<i16> = 1980..2100;

/// Reads a date in whatever order its parts stand.
pub(crate) fn parse(value: &str) -> Option<Timestamp> {
    let value = without_comments(value);
    let mut parts = Parts::default();
    for word in value.split([' ', '\t', ',']).filter(|word| !word.is_empty()) {
        parts.take(word);
    }
    let date = Date::new(parts.year?, parts.month?, parts.day?).ok()?;
    let (hour, minute, second) = parts.time?;
    // A leap second is the last moment of its minute.
    let time = Time::new(hour, minute, second.min(59), 0).ok()?;
    let at = DateTime::from_parts(date, time).in_tz("UTC").ok()?.timestamp();
    let is_sane = YEARS.contains(&date.year());
    is_sane.then(|| Timestamp::from(at) - Span::minutes(parts.offset_minutes))
}

#[derive(Default)]
struct Parts {
    day: Option<i8>,
    month: Option<i8>,
    year: Option<i16>,
    time: Option<(i8, i8, i8)>,
    offset_minutes: i64,
}

impl Parts {
    fn take(&mut self, word: &str) {
        if word.contains(':') && self.time.is_none() {
            self.take_time(word);
        } else if let Some(minutes) = offset(word).filter(|_| self.time.is_some()) {
            self.offset_minutes = minutes;
        } else if word.matches(['-', '/', '.']).count() == 2 {
            for part in word.split(['-', '/', '.']) {
                self.take_date_part(part);
            }
        } else {
            self.take_date_part(word);
        }
    }

    fn take_time(&mut self, word: &str) {
        // `09:02:00Z` and `2026-11-17T09:02:00+01:00` are not of this format, but they happen.
        if let Some((date, time)) = word.split_once('T') {
            for part in date.split('-') {
                self.take_date_part(part);
            }
            return self.take_time(time);
        }
        let end = word.find(['+', '-', 'Z', 'z']).unwrap_or(word.len());
        let (clock, zone) = word.split_at(end);
        let mut numbers = clock.split([':', '.']).map(str::parse::<i8>);
        let hour = numbers.next().and_then(Result::ok);
        let minute = numbers.next().and_then(Result::ok);
        let second = numbers.next().and_then(Result::ok).unwrap_or(0);
        if let (Some(hour), Some(minute)) = (hour, minute) {
            self.time = Some((hour, minute, second));
            self.offset_minutes = offset(&zone.replace(':', "")).unwrap_or(0);
        }
    }

    fn take_date_part(&mut self, part: &str) {
        if let Ok(number) = part.parse::<i16>() {
            let is_day = part.len() <= 2 && self.day.is_none() && (1..=31).contains(&number);
            match i8::try_from(number) {
                Ok(day) if is_day => self.day = Some(day),
                // In `2026-11-17` the month is a number too.
                Ok(month) if part.len() <= 2 && self.month.is_none() && self.year.is_some() => {
                    self.month = self.day.replace(month);
                }
                _ if self.year.is_none() => self.year = year(number, part.len()),
                _ => {}
            }
        } else if let Some(month) = month(part) {
            self.month = Some(month);
        }
    }
}

/// Two digits are of this century until 49 (RFC 5322); three are years since 1900.
fn year(number: i16, digits: usize) -> Option<i16> {
    match digits {
        1 | 2 if number < 50 => Some(2000 + number),
        2 | 3 => Some(1900 + number),
        4 => Some(number),
        _ => None,
    }
}

fn month(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let start = word.get(..3)?.to_ascii_lowercase();
    let index = MONTHS.iter().position(|month| *month == start)?;
    i8::try_from(index + 1).ok()
}

/// Minutes east of Greenwich.
fn offset(word: &str) -> Option<i64> {
    let signed = |sign: i64, digits: &str| {
        let is_number = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number: i64 = is_number.then(|| digits.parse().ok()).flatten()?;
        (number <= 1500).then_some(sign * (number / 100 * 60 + number % 100))
    };
    if let Some(digits) = word.strip_prefix('+') {
        return signed(1, digits);
    }
    if let Some(digits) = word.strip_prefix('-') {
        return signed(-1, digits);
    }
    let hours = match word.to_ascii_uppercase().as_str() {
        "GMT" | "UT" | "UTC" | "Z" | "WET" => 0,
        "EDT" => -4,
        "EST" | "CDT" => -5,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" => -8,
        "BST" | "CET" | "MET" => 1,
        "CEST" | "EET" => 2,
        "EEST" | "MSK" => 3,
        "JST" | "KST" => 9,
        _ => return None,
    };
    Some(hours * 60)
}

fn without_comments(value: &str) -> String {
    let mut depth = 0_usize;
    value
        .chars()
        .filter(|c| {
            match c {
                '(' => depth += 1,
                ')' => {
                    depth = depth.saturating_sub(1);
                    return false;
                }
                _ => {}
            }
            depth == 0
        })
        .collect()
}
