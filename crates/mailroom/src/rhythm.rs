//! How often mail comes to an inbox, and whether it stays away for an unusual time. A mailbox
//! whose forwarding broke looks like one to which nobody writes; what came before tells them apart.
//! Pure.

use kernel::{InboxId, Span, Timestamp};

/// What came to an inbox of late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rhythm {
    pub(crate) mails: i64,
    pub(crate) first_at: Timestamp,
    pub(crate) last_at: Timestamp,
    /// The longest time between two mails.
    pub(crate) longest_pause: Span,
}

/// An inbox to which no mail has come for an unusual time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quiet {
    pub(crate) inbox: InboxId,
    pub(crate) last_at: Timestamp,
    pub(crate) longest_pause: Span,
}

/// What is looked at. Four weeks hold every weekend habit, and a holiday or a month's end.
pub(crate) const LOOKED_BACK: Span = Span::days(28);
/// No pause shorter than this is worth a word.
pub(crate) const NEVER_BEFORE: Span = Span::hours(6);
/// Fewer mails, or a shorter time, make no habit.
const MAILS_MIN: i64 = 20;
const KNOWN_FOR: Span = Span::days(7);

impl Rhythm {
    /// Whether the pause that goes on is unusual: half as long again as the longest before.
    pub(crate) fn is_broken(&self, now: Timestamp) -> bool {
        let pause = now.since(self.last_at);
        let usual = Span::micros(self.longest_pause.as_micros().saturating_mul(3) / 2);
        self.mails >= MAILS_MIN
            && self.last_at.since(self.first_at) >= KNOWN_FOR
            && pause >= NEVER_BEFORE
            && pause > usual
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_unusual_only_beside_what_came_before() {
        let monday = Timestamp::from_seconds(1_795_424_400);
        let weekend = Span::hours(60);
        for (mails, known, longest_pause, pause, is_broken) in [
            (200, Span::days(28), weekend, weekend, false),
            (200, Span::days(28), weekend, Span::hours(90), false),
            (200, Span::days(28), weekend, Span::hours(91), true),
            // Busy by the minute: six hours are enough, and less never is.
            (5_000, Span::days(14), Span::minutes(40), Span::minutes(359), false),
            (5_000, Span::days(14), Span::minutes(40), Span::hours(6), true),
            // Too little is known.
            (19, Span::days(28), Span::hours(30), Span::days(20), false),
            (200, Span::days(6), Span::hours(2), Span::days(3), false),
            // A clock that was set back.
            (200, Span::days(28), weekend, Span::hours(-5), false),
        ] {
            let rhythm = Rhythm { mails, first_at: monday - known, last_at: monday, longest_pause };
            assert_eq!(rhythm.is_broken(monday + pause), is_broken, "{rhythm:?}, {pause:?}");
        }
    }
}
