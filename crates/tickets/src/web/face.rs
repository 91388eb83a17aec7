//! How a clock looks: what is promised next, and how much of the time is used. Pure.

use kernel::{Span, Timestamp};
use ui::{When, Words};

use crate::State;
use crate::clock::{Left, Waiting};

/// A clock as the page draws it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Face {
    /// `ok`, `soon`, `over`, `paused` or `met`.
    pub(crate) state: &'static str,
    /// Twentieths of the time that are used.
    pub(crate) used: u8,
    pub(crate) label: String,
    pub(crate) text: String,
    /// So that the browser can go on counting.
    pub(crate) counts: Option<Counts>,
}

/// Instants as HTML writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) from: String,
    pub(crate) due: String,
    pub(crate) soon: String,
}

/// What a clock is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'f> {
    pub(crate) state: State,
    pub(crate) waiting: &'f Waiting,
    pub(crate) is_answered: bool,
    pub(crate) hold_reason: Option<&'f str>,
    pub(crate) created_at: Timestamp,
    pub(crate) last_message_at: Timestamp,
}

/// From this share of the time on, it is soon.
const SOON_FROM: f32 = 0.75;
const STEPS: f32 = 20.0;

pub(crate) fn face(facts: Facts<'_>, when: &When, w: &Words) -> Option<Face> {
    let waiting = facts.waiting;
    match facts.state {
        State::New | State::Open => {
            let reply = waiting.reply_due_at.map(|due| (due, true));
            let update = waiting.next_update_at.map(|due| (due, false));
            let (due, is_reply) = reply.into_iter().chain(update).min()?;
            let label = match (is_reply, facts.is_answered) {
                (true, false) => "clock-first-reply",
                (true, true) => "clock-next-reply",
                (false, _) => "clock-update",
            };
            let from = waiting.since.unwrap_or(facts.created_at);
            Some(running(from, due, label, when, w))
        }
        State::OnHold => {
            let reason = facts.hold_reason.unwrap_or_default();
            match waiting.next_update_at {
                Some(due) if due <= when.now => {
                    Some(running(facts.last_message_at, due, "clock-update", when, w))
                }
                _ => Some(paused("clock-on-hold", kernel::clip(reason, 40), w)),
            }
        }
        State::Snoozed => {
            let until = waiting.snoozed_until?;
            Some(paused("clock-snoozed", ui::moment_ahead(until, when, w), w))
        }
        State::WaitingCustomer => {
            let since = ui::duration(when.now.since(facts.last_message_at));
            Some(paused("clock-waiting", since, w))
        }
        State::Resolved | State::Closed => Some(Face {
            state: "met",
            used: 0,
            label: w.t("clock-state").to_owned(),
            text: w.t(facts.state.key()).to_owned(),
            counts: None,
        }),
        State::Bot | State::Spam | State::Merged => None,
    }
}

fn paused(label: &'static str, text: String, w: &Words) -> Face {
    Face { state: "paused", used: 8, label: w.t(label).to_owned(), text, counts: None }
}

fn running(from: Timestamp, due: Timestamp, label: &'static str, when: &When, w: &Words) -> Face {
    let (state, used, text) = match Left::at(from, due, when.now) {
        Left::Over(by) => ("over", 20, w.a("clock-over", "span", ui::duration(by))),
        Left::Time { left, share_used } => {
            let state = if share_used >= SOON_FROM { "soon" } else { "ok" };
            (state, steps(share_used), ui::duration(left))
        }
    };
    let whole = due.since(from).as_micros().max(0);
    let soon = from + Span::micros(whole / 4 * 3);
    let counts = Counts { from: from.to_string(), due: due.to_string(), soon: soon.to_string() };
    Face { state, used, label: w.t(label).to_owned(), text, counts: Some(counts) }
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 20"
)]
fn steps(share: f32) -> u8 {
    (share * STEPS).round().clamp(0.0, STEPS) as u8
}
