//! How long the server may take to stop.

use std::time::Duration;

/// The terms of a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopping {
    /// How long requests are still taken after `ready` was turned off, where somebody asks for it.
    pub grace: Duration,
    /// After this time the process is gone, whatever it has in hand.
    pub within: Duration,
}

impl Default for Stopping {
    fn default() -> Self {
        Self { grace: Duration::from_secs(5), within: Duration::from_secs(25) }
    }
}

impl Stopping {
    /// The time for requests at hand is never less than the time for new ones.
    pub(crate) fn grace(self) -> Duration {
        self.grace.min(self.within * 2 / 5)
    }
}

pub(super) fn grace(text: &str) -> Result<Duration, String> {
    seconds(text, 0, 20)
}

pub(super) fn within(text: &str) -> Result<Duration, String> {
    seconds(text, 2, 25)
}

fn seconds(text: &str, least: u64, most: u64) -> Result<Duration, String> {
    let number = text.parse::<u64>().ok().filter(|number| (least..=most).contains(number));
    let number =
        number.ok_or_else(|| format!("it must be a number of seconds from {least} to {most}"))?;
    Ok(Duration::from_secs(number))
}
