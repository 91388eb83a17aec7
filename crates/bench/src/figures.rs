//! Figures, and how many measurements become one.

use std::time::Duration;

/// A measured figure, ready to be printed.
#[derive(Clone, Debug)]
pub struct Figure {
    pub what: String,
    pub result: String,
    /// Limits that were missed, each as a sentence with what was measured.
    pub missed: Vec<String>,
}

impl Figure {
    pub(crate) fn new(what: impl Into<String>, result: impl Into<String>) -> Self {
        Self { what: what.into(), result: result.into(), missed: Vec::new() }
    }

    /// A time that has to be kept.
    pub(crate) fn within(self, name: &str, measured: Duration, limit: Duration) -> Self {
        let said =
            format!("{name} is {}, and has to be at most {}", millis(measured), millis(limit));
        self.unless(measured <= limit, said)
    }

    /// A share of a hundred that has to be reached.
    pub(crate) fn at_least(self, name: &str, percent: f64, limit: f64) -> Self {
        let said = format!("{name} is {percent:.0} %, and has to be at least {limit:.0} %");
        self.unless(percent >= limit, said)
    }

    /// A share of a hundred that must not be passed.
    pub(crate) fn at_most(self, name: &str, percent: f64, limit: f64) -> Self {
        let said = format!("{name} is {percent:.0} %, and has to be at most {limit:.0} %");
        self.unless(percent <= limit, said)
    }

    fn unless(mut self, is_kept: bool, said: String) -> Self {
        if !is_kept {
            self.missed.push(format!("{}: {said}", self.what));
        }
        self
    }
}

/// Times of many requests.
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// The time within which this many of a hundred were done.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let at = (self.0.len() * percent).div_ceil(100).saturating_sub(1);
        self.0.get(at).copied().unwrap_or_default()
    }

    pub(crate) fn median(&self) -> Duration {
        self.percentile(50)
    }

    pub(crate) fn told(&self) -> String {
        format!(
            "p50 {}, p95 {}, p99 {}",
            millis(self.median()),
            millis(self.percentile(95)),
            millis(self.percentile(99))
        )
    }
}

pub(crate) fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1_000.0)
}

/// How many a second.
pub(crate) fn rate(count: usize, time: Duration) -> f64 {
    number(count) / time.as_secs_f64().max(1e-9)
}

/// The middle one; of two the lower.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// Of counts that are small enough to be exact.
pub(crate) fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_measured_times() {
        let times = Times::of((1..=200).rev().map(Duration::from_millis).collect());
        for (percent, expected) in [(1, 2), (50, 100), (95, 190), (99, 198), (100, 200)] {
            assert_eq!(times.percentile(percent), Duration::from_millis(expected), "{percent}");
        }
        assert_eq!(Times::of(vec![]).median(), Duration::ZERO);
    }

    #[test]
    fn a_limit_that_is_missed_is_named() {
        let millis = Duration::from_millis;
        let figure = Figure::new("Inbox page", "p99 301 ms")
            .within("p50", millis(300), millis(300))
            .at_least("goodput", 80.0, 80.0)
            .at_most("memory", 100.0, 125.0);
        assert!(figure.missed.is_empty(), "{:?}", figure.missed);
        let figure = figure
            .within("p99", millis(301), millis(300))
            .at_least("goodput", 79.0, 80.0)
            .at_most("memory", 130.0, 125.0);
        assert_eq!(
            figure.missed,
            [
                "Inbox page: p99 is 301.00 ms, and has to be at most 300.00 ms",
                "Inbox page: goodput is 79 %, and has to be at least 80 %",
                "Inbox page: memory is 130 %, and has to be at most 125 %",
            ]
        );
        let nothing = Figure::new("Nothing", "").at_least("goodput", f64::NAN, 80.0);
        assert_eq!(nothing.missed.len(), 1, "what was not measured was not kept");
    }

    #[test]
    fn the_median_does_not_care_for_one_that_is_far_off() {
        assert!((median(vec![3.0, 1.0, 900.0]) - 3.0).abs() < f64::EPSILON);
        assert!((median(vec![4.0, 2.0]) - 2.0).abs() < f64::EPSILON);
    }
}
