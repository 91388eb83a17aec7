//! Times as a person reads them, in the zone of that person.

use std::sync::LazyLock;

use jiff::tz::TimeZone;
use kernel::{Span, Timestamp};

use crate::Words;

/// The reader's place in time.
#[derive(Clone, Debug)]
pub struct When {
    pub now: Timestamp,
    pub zone: TimeZone,
}

impl When {
    /// A zone by its name; UTC for one that is not known.
    pub fn in_zone(now: Timestamp, zone: &str) -> Self {
        Self { now, zone: TimeZone::get(zone).unwrap_or(TimeZone::UTC) }
    }
}

/// The beginning of a day that a form gives, such as `2026-11-22`, for the person.
pub fn start_of_day(date: &str, when: &When) -> Option<Timestamp> {
    let date: jiff::civil::Date = date.parse().ok()?;
    Some(Timestamp::from(date.to_zoned(when.zone.clone()).ok()?.timestamp()))
}

/// The beginning of the day after it.
pub fn end_of_day(date: &str, when: &When) -> Option<Timestamp> {
    let date: jiff::civil::Date = date.parse().ok()?;
    let next = date.tomorrow().ok()?;
    Some(Timestamp::from(next.to_zoned(when.zone.clone()).ok()?.timestamp()))
}

/// The names of all zones that a person may choose, by name.
pub fn zones() -> &'static [String] {
    static ZONES: LazyLock<Vec<String>> = LazyLock::new(|| {
        let places = ["Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe"];
        let is_place = |name: &str| {
            let area = name.split('/').next().unwrap_or_default();
            name == "UTC" || places.contains(&area) || matches!(area, "Indian" | "Pacific")
        };
        let all = jiff::tz::db().available().map(|name| name.as_str().to_owned());
        let mut zones: Vec<String> = all.filter(|name| is_place(name)).collect();
        zones.sort_unstable();
        zones
    });
    &ZONES
}

/// `09:02`.
pub fn clock_time(at: Timestamp, when: &When) -> String {
    at.in_zone(&when.zone).strftime("%H:%M").to_string()
}

/// `17 Nov`, with the year if it is not this year.
pub fn day(at: Timestamp, when: &When) -> String {
    let then = at.in_zone(&when.zone);
    let now = when.now.in_zone(&when.zone);
    let form = if then.year() == now.year() { "%-d %b" } else { "%-d %b %Y" };
    then.strftime(form).to_string()
}

/// As short as a list needs it: `now`, `09:02`, `Yesterday`, `17 Nov`.
pub fn moment(at: Timestamp, when: &When, words: &Words) -> String {
    let age = when.now.since(at);
    if age >= Span::ZERO && age < Span::minutes(1) {
        return words.t("when-now").to_owned();
    }
    let then = at.in_zone(&when.zone).date();
    let today = when.now.in_zone(&when.zone).date();
    if then == today {
        clock_time(at, when)
    } else if today.yesterday().is_ok_and(|yesterday| then == yesterday) {
        words.t("when-yesterday").to_owned()
    } else {
        day(at, when)
    }
}

/// A moment to come: `14:00`, `Tomorrow 09:00`, `Fri 09:00`, `17 Nov 09:00`.
pub fn moment_ahead(at: Timestamp, when: &When, words: &Words) -> String {
    let time = clock_time(at, when);
    let then = at.in_zone(&when.zone).date();
    let today = when.now.in_zone(&when.zone).date();
    if then == today {
        return time;
    }
    let days = today.until(then).map_or(0, |span| span.get_days());
    match days {
        1 => format!("{} {time}", words.t("when-tomorrow")),
        2..=6 => format!("{} {time}", at.in_zone(&when.zone).strftime("%a")),
        _ => format!("{} {time}", day(at, when)),
    }
}

/// For a line of its own: `17 Nov 2026, 09:02`.
pub fn moment_in_full(at: Timestamp, when: &When) -> String {
    at.in_zone(&when.zone).strftime("%-d %b %Y, %H:%M").to_string()
}

/// `42m`, `1h 50m`, `6d`; whole minutes, nothing smaller.
pub fn duration(span: Span) -> String {
    let minutes = span.as_seconds().unsigned_abs() / 60;
    let (days, hours, rest) = (minutes / 1_440, minutes / 60, minutes % 60);
    if days >= 2 {
        format!("{days}d")
    } else if hours >= 1 && rest > 0 {
        format!("{hours}h {rest}m")
    } else if hours >= 1 {
        format!("{hours}h")
    } else {
        format!("{minutes}m")
    }
}

/// `in 42m`, `42m ago`.
pub fn relative(at: Timestamp, when: &When, words: &Words) -> String {
    let distance = at.since(when.now);
    if distance.as_seconds().abs() < 60 {
        words.t("when-now").to_owned()
    } else if distance > Span::ZERO {
        words.a("when-in", "span", duration(distance))
    } else {
        words.a("when-ago", "span", duration(distance))
    }
}
