//! What a change of several fields means, as changes one after another. Pure.

use ::tickets::actions::Edit;
use ::tickets::{Priority, Resolution, State, Ticket};
use accounts::Actor;
use kernel::Timestamp;

use crate::lookup::Lookup;
use crate::problem::{ApiResult, Problem};
use crate::wire::{Given, TicketPatch};

/// The ticket as it was.
pub(crate) struct Before<'b> {
    pub(crate) ticket: &'b Ticket,
    pub(crate) tags: &'b [String],
}

/// The changes that a patch asks for. Whoever it is given to comes before the status, so that
/// what is resolved is resolved by its owner; where it moves comes first of all, because it
/// decides who may own it.
pub(crate) fn edits(
    patch: &TicketPatch,
    before: &Before<'_>,
    lookup: &Lookup,
    actor: &Actor,
) -> ApiResult<Vec<Edit>> {
    let mut edits = Vec::new();
    if let Some(inbox) = &patch.inbox {
        edits.push(Edit::Inbox(lookup.inbox(actor, inbox)?));
    }
    if let Some(subject) = &patch.subject {
        edits.push(Edit::Subject(subject.clone()));
    }
    if let Some(priority) = &patch.priority {
        let wrong = |_| Problem::field("priority", "is “low”, “normal”, “high” or “urgent”");
        edits.push(Edit::Priority(Priority::named(priority).map_err(wrong)?));
    }
    let category = |text: &str| lookup.category(text);
    edits.extend(given(&patch.category, category, Edit::Category)?);
    edits.extend(given(&patch.team, |text| lookup.team(text), Edit::Team)?);
    edits.extend(given(&patch.assignee, |text| lookup.agent(actor, text), Edit::Assign)?);
    if let Some(tags) = &patch.tags {
        edits.extend(retagged(tags, before.tags));
    }
    edits.extend(moved(patch, before.ticket)?);
    Ok(edits)
}

/// The change of a field that null takes away.
fn given<T>(
    given: &Given,
    read: impl FnOnce(&str) -> ApiResult<T>,
    edit: fn(Option<T>) -> Edit,
) -> ApiResult<Option<Edit>> {
    Ok(match given {
        Given::Absent => None,
        Given::Null => Some(edit(None)),
        Given::This(text) => Some(edit(Some(read(text)?))),
    })
}

fn retagged(wanted: &[String], before: &[String]) -> Vec<Edit> {
    let wanted: Vec<String> =
        wanted.iter().map(|tag| kernel::one_line(tag).to_lowercase()).collect();
    let gone = before.iter().filter(|tag| !wanted.contains(tag)).cloned().map(Edit::Untag);
    let new = wanted.iter().filter(|tag| !before.contains(tag)).cloned().map(Edit::Tag);
    gone.chain(new).collect()
}

/// The change of status, if there is one. What a status needs stands beside it, and says it
/// where the status itself is left out.
fn moved(patch: &TicketPatch, ticket: &Ticket) -> ApiResult<Option<Edit>> {
    let now = ticket.state;
    let asked = match patch.status.as_deref() {
        Some(status) => Some(status),
        None if patch.snoozed_until.is_some() => Some("snoozed"),
        None if patch.hold_reason.is_some() || patch.next_update_at.is_some() => Some("on_hold"),
        None => None,
    };
    check_company(patch, asked)?;
    let is_already = |state: State| now == state;
    Ok(match asked {
        None => None,
        Some("new") if is_already(State::New) => None,
        Some("open") if is_already(State::Open) => None,
        Some("open") if is_already(State::Spam) => Some(Edit::NotSpam),
        Some("open") => Some(Edit::Open),
        Some("waiting_customer") if is_already(State::WaitingCustomer) => None,
        Some("waiting_customer") => Some(Edit::Wait),
        Some("on_hold") => {
            let held = ticket.hold_reason.clone().filter(|_| now == State::OnHold);
            let until = ticket.waiting.next_update_at.filter(|_| now == State::OnHold);
            let reason = patch.hold_reason.clone().or(held);
            let next = time("next_update_at", patch.next_update_at.as_deref())?.or(until);
            let missing = |field| Problem::field(field, "is needed to put a ticket on hold");
            Some(Edit::Hold {
                reason: reason.ok_or_else(|| missing("hold_reason"))?,
                next_update_at: next.ok_or_else(|| missing("next_update_at"))?,
            })
        }
        Some("snoozed") => {
            let until = time("snoozed_until", patch.snoozed_until.as_deref())?;
            let missing = || Problem::field("snoozed_until", "is needed to snooze a ticket");
            Some(Edit::Snooze { until: until.ok_or_else(missing)? })
        }
        Some("resolved") => resolved(patch, ticket)?,
        Some("closed") if is_already(State::Closed) => None,
        Some("spam") if is_already(State::Spam) => None,
        Some("spam") => Some(Edit::Spam),
        Some("new" | "closed") => {
            return Err(Problem::field("status", "comes by itself and cannot be set"));
        }
        Some(_) => {
            let known = "is “open”, “waiting_customer”, “on_hold”, “snoozed”, “resolved” or “spam”";
            return Err(Problem::field("status", known));
        }
    })
}

fn resolved(patch: &TicketPatch, ticket: &Ticket) -> ApiResult<Option<Edit>> {
    let wrong = |_| {
        let known = Resolution::ALL.iter().map(|one| format!("“{}”", one.as_str()));
        Problem::field("resolution", format!("is one of {}", known.collect::<Vec<_>>().join(", ")))
    };
    let resolution =
        patch.resolution.as_deref().map(Resolution::named).transpose().map_err(wrong)?;
    let says_nothing_new = resolution.is_none_or(|one| ticket.resolution == Some(one))
        && patch.cause.is_none_or_same(ticket.cause.as_ref());
    if ticket.state == State::Resolved && says_nothing_new {
        return Ok(None);
    }
    Ok(Some(Edit::Resolve { resolution, cause: patch.cause.clone() }))
}

trait OrSame {
    fn is_none_or_same(&self, other: Option<&String>) -> bool;
}

impl OrSame for Option<String> {
    fn is_none_or_same(&self, other: Option<&String>) -> bool {
        self.is_none() || self.as_ref() == other
    }
}

/// Fields that only mean something beside a certain status.
fn check_company(patch: &TicketPatch, status: Option<&str>) -> ApiResult<()> {
    for (field, is_given, goes_with) in [
        ("resolution", patch.resolution.is_some(), "resolved"),
        ("cause", patch.cause.is_some(), "resolved"),
        ("hold_reason", patch.hold_reason.is_some(), "on_hold"),
        ("next_update_at", patch.next_update_at.is_some(), "on_hold"),
        ("snoozed_until", patch.snoozed_until.is_some(), "snoozed"),
    ] {
        if is_given && status != Some(goes_with) {
            return Err(Problem::field(field, format!("goes with the status “{goes_with}”")));
        }
    }
    Ok(())
}

fn time(field: &str, text: Option<&str>) -> ApiResult<Option<Timestamp>> {
    let wrong = |_| Problem::field(field, "is not a time such as 2026-11-24T09:00:00Z");
    text.map(|text| text.parse::<Timestamp>().map_err(wrong)).transpose()
}
