//! Moments that people choose: "tomorrow morning", or a day and time in their own zone. Pure.

use jiff::civil::{DateTime, Weekday, time};
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use kernel::Timestamp;

/// A moment to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The key of its name in the catalogue.
    pub(crate) name: &'static str,
    pub(crate) at: Timestamp,
}

const MORNING: jiff::civil::Time = time(9, 0, 0, 0);

/// What people choose most, as far as it lies ahead.
pub(crate) fn moments(now: Timestamp, zone: &TimeZone) -> Vec<Moment> {
    let here = now.in_zone(zone);
    let on = |days: i64, hour: i8| -> Option<Zoned> {
        let date = here.date().checked_add(days.days()).ok()?;
        date.to_datetime(time(hour, 0, 0, 0)).to_zoned(zone.clone()).ok()
    };
    let days_to = |weekday: Weekday| -> i64 {
        match i64::from(here.date().weekday().until(weekday)) {
            0 => 7,
            days => days,
        }
    };
    let in_hours = here.checked_add(3.hours()).ok();
    let all = [
        ("moment-hours", in_hours),
        ("moment-evening", on(0, 18).filter(|evening| *evening > here)),
        ("moment-tomorrow", on(1, 9)),
        ("moment-weekend", on(days_to(Weekday::Saturday), 9)),
        ("moment-monday", on(days_to(Weekday::Monday), 9)),
        ("moment-weeks", on(14, 9)),
    ];
    let mut moments: Vec<Moment> = all
        .into_iter()
        .filter_map(|(name, at)| Some(Moment { name, at: at?.timestamp().into() }))
        .collect();
    // On a Sunday, tomorrow is Monday: it is named once.
    let mut named: Vec<Timestamp> = Vec::new();
    moments.retain(|moment| {
        let is_new = !named.contains(&moment.at);
        named.push(moment.at);
        is_new
    });
    moments
}

/// A moment as a form sends it: `2026-11-24T09:00` of the person's clock, a day alone (then in the
/// morning), or seconds since 1970 behind an `@`.
pub(crate) fn read(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    if let Some(seconds) = text.strip_prefix('@') {
        return seconds.parse().ok().map(Timestamp::from_seconds);
    }
    let local: DateTime = match text.parse() {
        Ok(local) => local,
        Err(_) => text.parse::<jiff::civil::Date>().ok()?.to_datetime(MORNING),
    };
    // A day without a time comes as midnight.
    let local = if text.len() <= 10 { local.date().to_datetime(MORNING) } else { local };
    Some(local.to_zoned(zone.clone()).ok()?.timestamp().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse::<jiff::Timestamp>().unwrap().into()
    }

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    #[test]
    fn moments_lie_ahead_and_on_the_persons_clock() {
        // A Wednesday, 16:30 in Berlin.
        let moments = moments(at("2026-11-25T15:30:00Z"), &berlin());
        let shown: Vec<(&str, String)> =
            moments.iter().map(|one| (one.name, one.at.to_string())).collect();
        assert_eq!(
            shown,
            [
                ("moment-hours", "2026-11-25T18:30:00Z".to_owned()),
                ("moment-evening", "2026-11-25T17:00:00Z".to_owned()),
                ("moment-tomorrow", "2026-11-26T08:00:00Z".to_owned()),
                ("moment-weekend", "2026-11-28T08:00:00Z".to_owned()),
                ("moment-monday", "2026-11-30T08:00:00Z".to_owned()),
                ("moment-weeks", "2026-12-09T08:00:00Z".to_owned()),
            ]
        );
    }

    #[test]
    fn in_the_evening_there_is_no_evening_and_saturdays_weekend_is_the_next() {
        let names: Vec<&str> = super::moments(at("2026-11-28T19:00:00Z"), &berlin())
            .iter()
            .map(|one| one.name)
            .collect();
        assert!(!names.contains(&"moment-evening"));
        let weekend = super::moments(at("2026-11-28T19:00:00Z"), &berlin());
        let weekend = weekend.iter().find(|one| one.name == "moment-weekend").unwrap();
        assert_eq!(weekend.at.to_string(), "2026-12-05T08:00:00Z");
    }

    #[test]
    fn tomorrow_is_at_nine_whatever_the_clocks_do_at_night() {
        for (zone, now, expected) in [
            ("Europe/Berlin", "2027-03-27T10:00:00Z", "2027-03-28T07:00:00Z"),
            ("Europe/Berlin", "2026-10-24T10:00:00Z", "2026-10-25T08:00:00Z"),
            ("America/New_York", "2026-10-31T15:00:00Z", "2026-11-01T14:00:00Z"),
            ("America/New_York", "2027-03-13T15:00:00Z", "2027-03-14T13:00:00Z"),
            // By half an hour.
            ("Australia/Lord_Howe", "2027-04-03T02:00:00Z", "2027-04-03T22:30:00Z"),
            ("Europe/Berlin", "2028-02-28T10:00:00Z", "2028-02-29T08:00:00Z"),
            ("Europe/Berlin", "2028-02-29T10:00:00Z", "2028-03-01T08:00:00Z"),
            ("Europe/Berlin", "2038-01-18T10:00:00Z", "2038-01-19T08:00:00Z"),
        ] {
            let moments = moments(at(now), &TimeZone::get(zone).unwrap());
            let tomorrow = moments.iter().find(|one| one.name == "moment-tomorrow").unwrap();
            assert_eq!(tomorrow.at.to_string(), expected, "{zone} {now}");
        }
    }

    #[test]
    fn moments_are_read_in_the_persons_zone() {
        for (text, expected) in [
            ("2026-11-24T09:00", Some("2026-11-24T08:00:00Z")),
            ("2026-07-24T09:00", Some("2026-07-24T07:00:00Z")),
            ("2026-11-24", Some("2026-11-24T08:00:00Z")),
            ("@1795507200", Some("2026-11-24T08:00:00Z")),
            // An hour that summer time leaves out, and one that there is twice.
            ("2027-03-28T02:30", Some("2027-03-28T01:30:00Z")),
            ("2026-10-25T02:30", Some("2026-10-25T00:30:00Z")),
            ("2028-02-29T09:00", Some("2028-02-29T08:00:00Z")),
            ("2027-02-29T09:00", None),
            ("2038-01-19T04:14:08", Some("2038-01-19T03:14:08Z")),
            ("2106-02-07T09:00", Some("2106-02-07T08:00:00Z")),
            ("tomorrow", None),
            ("", None),
        ] {
            let read = read(text, &berlin()).map(|at| at.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }
}
