//! Single rows, value by value.

use database::{Value, params};
use kernel::{AgentId, CustomerId};
use tickets::{Direction, SenderCheck, State, Ticket};

/// What the checks of a sender said in detail.
pub(crate) fn check_detail(check: SenderCheck) -> &'static str {
    match check {
        SenderCheck::Pass => r#"{"verdict":"pass","spf":"pass","dkim":"pass","dmarc":"pass"}"#,
        SenderCheck::Fail => r#"{"verdict":"fail","spf":"fail","dkim":"none","dmarc":"fail"}"#,
        SenderCheck::Unknown => "{}",
    }
}

pub(super) struct Author<'a> {
    pub(super) direction: Direction,
    pub(super) word: &'static str,
    pub(super) customer: Option<CustomerId>,
    pub(super) agent: Option<AgentId>,
    pub(super) name: &'a str,
}

pub(super) struct MessageText<'t> {
    pub(super) subject: String,
    pub(super) text: &'t str,
    pub(super) quoted: &'t str,
}

pub(super) fn ticket_row(ticket: &Ticket) -> Vec<Value> {
    params![
        ticket.id,
        ticket.inbox,
        ticket.customer,
        &ticket.subject,
        ticket.channel.as_str(),
        ticket.state.as_str(),
        ticket.state_before_spam.map(State::as_str),
        ticket.priority.as_str(),
        ticket.category,
        ticket.assignee,
        ticket.team,
        ticket.problem,
        ticket.merged_into,
        ticket.hold_reason.clone(),
        ticket.waiting.next_update_at,
        ticket.waiting.snoozed_until,
        ticket.resolution.map(tickets::Resolution::as_str),
        ticket.cause.clone(),
        ticket.waiting.since,
        ticket.waiting.reply_due_at,
        ticket.first_replied_at,
        ticket.acknowledged_at,
        ticket.acknowledgement_withheld.clone(),
        ticket.resolved_at,
        ticket.reopen_count,
        ticket.message_count,
        ticket.last_message_at,
        ticket.last_direction.as_str(),
        &ticket.snippet,
        ticket.waiting.due_at(ticket.state),
        ticket.created_at,
        ticket.updated_at,
        ticket.version
    ]
}
