//! Who is looking at which ticket. Kept in memory on every node: it is true for seconds.

use std::collections::HashMap;

use kernel::{AgentId, Span, TicketId, Timestamp};

use crate::Activity;

/// A browser repeats itself more often than this, or its agent has left.
pub(crate) const LASTS: Span = Span::seconds(45);

#[derive(Debug, Default)]
pub(crate) struct Presence {
    seen: HashMap<TicketId, Vec<Seen>>,
}

#[derive(Debug)]
struct Seen {
    agent: AgentId,
    activity: Activity,
    until: Timestamp,
}

impl Presence {
    pub(crate) fn note(
        &mut self,
        ticket: TicketId,
        agent: AgentId,
        activity: Activity,
        now: Timestamp,
    ) {
        let here = self.seen.entry(ticket).or_default();
        here.retain(|seen| seen.agent != agent && seen.until > now);
        if activity != Activity::Gone {
            here.push(Seen { agent, activity, until: now + LASTS });
        }
        if here.is_empty() {
            self.seen.remove(&ticket);
        }
    }

    pub(crate) fn at(&self, ticket: TicketId, now: Timestamp) -> Vec<(AgentId, Activity)> {
        let here = self.seen.get(&ticket).map(Vec::as_slice).unwrap_or_default();
        here.iter()
            .filter(|seen| seen.until > now)
            .map(|seen| (seen.agent, seen.activity))
            .collect()
    }

    pub(crate) fn sweep(&mut self, now: Timestamp) {
        self.seen.retain(|_, here| {
            here.retain(|seen| seen.until > now);
            !here.is_empty()
        });
    }
}
