//! What a page showed of a ticket to whoever changes it. Pure.

use kernel::FieldId;

use crate::actions::Edit;
use crate::clock::Waiting;
use crate::event::Fact;
use crate::state::State;
use crate::ticket::Ticket;

/// A place of a ticket that holds one value, which a change replaces. Tags, participants and
/// links are none: they are added and taken away one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    State,
    Assignee,
    Priority,
    Category,
    Team,
    Subject,
    Inbox,
    Problem,
    Field(FieldId),
}

impl Slot {
    /// The place that a change replaces.
    pub(crate) fn of(edit: &Edit) -> Option<Self> {
        Some(match edit {
            Edit::Assign(_) => Self::Assignee,
            Edit::Team(_) => Self::Team,
            Edit::Priority(_) => Self::Priority,
            Edit::Category(_) => Self::Category,
            Edit::Field { field, .. } => Self::Field(*field),
            Edit::Subject(_) => Self::Subject,
            Edit::Inbox(_) => Self::Inbox,
            Edit::Open
            | Edit::Wait
            | Edit::Hold { .. }
            | Edit::Snooze { .. }
            | Edit::Resolve { .. }
            | Edit::Spam
            | Edit::NotSpam => Self::State,
            Edit::Tag(_) | Edit::Untag(_) => return None,
        })
    }

    /// The name of the field of a form that says what was shown.
    pub(crate) fn was(self) -> String {
        match self {
            Self::State => "was-state".to_owned(),
            Self::Assignee => "was-assignee".to_owned(),
            Self::Priority => "was-priority".to_owned(),
            Self::Category => "was-category".to_owned(),
            Self::Team => "was-team".to_owned(),
            Self::Subject => "was-subject".to_owned(),
            Self::Inbox => "was-inbox".to_owned(),
            Self::Problem => "was-problem".to_owned(),
            Self::Field(field) => format!("was-field-{field}"),
        }
    }

    /// What stands in this place, in the form in which a page carries it. The values of fields
    /// are not in the ticket.
    pub(crate) fn value(self, ticket: &Ticket) -> String {
        let id = |id: Option<i64>| id.map_or(String::new(), |id| id.to_string());
        match self {
            Self::State => state_whole(ticket),
            Self::Assignee => id(ticket.assignee.map(i64::from)),
            Self::Priority => ticket.priority.as_str().to_owned(),
            Self::Category => id(ticket.category.map(i64::from)),
            Self::Team => id(ticket.team.map(i64::from)),
            Self::Subject => ticket.subject.clone(),
            Self::Inbox => ticket.inbox.to_string(),
            Self::Problem => id(ticket.problem.map(i64::from)),
            Self::Field(_) => String::new(),
        }
    }

    /// The key of what people call it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::State => "panel-state",
            Self::Assignee => "assigned-to",
            Self::Priority => "panel-priority",
            Self::Category => "panel-category",
            Self::Team => "panel-team",
            Self::Subject => "subject",
            Self::Inbox => "panel-inbox",
            Self::Problem => "panel-problem",
            Self::Field(_) => "panel-ticket",
        }
    }

    /// The kinds of facts that say that it changed.
    pub(crate) fn facts(self) -> &'static [&'static str] {
        match self {
            // Who takes a new ticket opens it.
            Self::State => &[
                "state_changed",
                "taken",
                "assigned",
                "snoozed",
                "woke",
                "held",
                "resolved",
                "reopened",
                "closed",
                "marked_spam",
                "not_spam",
            ],
            Self::Assignee => &["assigned"],
            Self::Priority => &["priority_changed"],
            Self::Category => &["category_changed"],
            Self::Team => &["team_changed"],
            Self::Subject => &["subject_changed"],
            Self::Inbox => &["moved_to"],
            Self::Problem => &["problem_linked", "problem_unlinked"],
            Self::Field(_) => &["field_changed"],
        }
    }

    /// Whether a fact of these kinds is about this place; fields are told apart by their label.
    pub(crate) fn is_told_by(self, fact: &Fact, label: &str) -> bool {
        match (self, fact) {
            (Self::Field(_), Fact::FieldChanged { label: other, .. }) => label == other,
            _ => true,
        }
    }
}

/// A state and until when, as a row of a list shows it.
pub(crate) fn state_shown(state: State, waiting: &Waiting) -> String {
    let until = match state {
        State::Snoozed => waiting.snoozed_until,
        State::OnHold => waiting.next_update_at,
        _ => None,
    };
    until.map_or(state.as_str().to_owned(), |at| format!("{}@{}", state.as_str(), at.micros()))
}

/// The state with what was said about it.
fn state_whole(ticket: &Ticket) -> String {
    let shown = state_shown(ticket.state, &ticket.waiting);
    let said = match ticket.state {
        State::OnHold => ticket.hold_reason.clone(),
        State::Resolved => {
            let resolution = ticket.resolution.map_or("", crate::Resolution::as_str);
            Some(format!("{resolution} {}", ticket.cause.as_deref().unwrap_or_default()))
        }
        _ => None,
    };
    match said {
        Some(said) => format!("{shown}|{said}"),
        None => format!("{shown}|"),
    }
}

/// The value that a change puts in its place, where a page can show the same. States are told
/// apart by more than that.
pub(crate) fn wanted_value(edit: &Edit) -> Option<String> {
    let id = |id: Option<i64>| id.map_or(String::new(), |id| id.to_string());
    match edit {
        Edit::Assign(to) => Some(id(to.map(i64::from))),
        Edit::Team(to) => Some(id(to.map(i64::from))),
        Edit::Category(to) => Some(id(to.map(i64::from))),
        Edit::Priority(to) => Some(to.as_str().to_owned()),
        Edit::Subject(to) => Some(kernel::one_line(to)),
        Edit::Field { value, .. } => Some(kernel::one_line(value)),
        Edit::Inbox(to) => Some(to.to_string()),
        _ => None,
    }
}

/// Whether it is already as the change wants it, so that nobody is contradicted.
pub(crate) fn is_so(edit: &Edit, ticket: &Ticket, present: &str) -> bool {
    match edit {
        Edit::Open => ticket.state == State::Open,
        Edit::Wait => ticket.state == State::WaitingCustomer,
        Edit::Spam => ticket.state == State::Spam,
        Edit::NotSpam => ticket.state != State::Spam,
        Edit::Resolve { resolution, cause } => {
            ticket.state == State::Resolved
                && (resolution.is_none() || *resolution == ticket.resolution)
                && (cause.is_none() || *cause == ticket.cause)
        }
        Edit::Hold { reason, next_update_at } => {
            ticket.state == State::OnHold
                && ticket.hold_reason.as_ref() == Some(reason)
                && ticket.waiting.next_update_at == Some(*next_update_at)
        }
        Edit::Snooze { until } => {
            ticket.state == State::Snoozed && ticket.waiting.snoozed_until == Some(*until)
        }
        _ => wanted_value(edit).is_some_and(|wanted| wanted == present),
    }
}

/// What becomes of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// What is replaced is what was shown.
    Go,
    /// The person left it as it was shown, so what is there stays.
    Keep,
    /// Somebody put something else there since.
    Refuse,
}

/// Compares what was shown, what is there, and what is wanted. A row of a list shows less of a
/// state than the ticket itself does.
pub(crate) fn judge(was: &str, present: &str, wanted: Option<&str>) -> Verdict {
    let is_short =
        || !was.contains('|') && present.split_once('|').map(|(head, _)| head) == Some(was);
    if was == present || is_short() {
        Verdict::Go
    } else if wanted == Some(was) {
        Verdict::Keep
    } else {
        Verdict::Refuse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_somebody_else_replaced_is_refused() {
        for (was, present, wanted, expected) in [
            ("normal", "normal", Some("high"), Verdict::Go),
            ("normal", "urgent", Some("normal"), Verdict::Keep),
            ("normal", "urgent", Some("high"), Verdict::Refuse),
            ("", "7", Some("3"), Verdict::Refuse),
            ("open|", "open|", None, Verdict::Go),
            ("open|", "resolved|solved ", None, Verdict::Refuse),
            ("resolved", "resolved|solved a bug", None, Verdict::Go),
            ("resolved|answered ", "resolved|solved a bug", None, Verdict::Refuse),
            ("snoozed@5", "snoozed@6|", None, Verdict::Refuse),
        ] {
            assert_eq!(judge(was, present, wanted), expected, "{was} {present} {wanted:?}");
        }
    }
}
