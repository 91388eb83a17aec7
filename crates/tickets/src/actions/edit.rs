//! Changing what a ticket is: state, people, words.

use accounts::{Actor, Directory};
use anyhow::Result;
use database::{Conn, Tx};
use kernel::{
    AgentId, CategoryId, Failure, FieldId, InboxId, Refusal, Span, TeamId, TicketId, Timestamp,
};
use live::{Change, Touch};

use super::{Office, Reversal, findable, record, save, take};
use crate::event::{By, Fact};
use crate::lessons;
use crate::notify::{self, Told};
use crate::state::{CannotMove, Happening, State, next};
use crate::store::people::Reason;
use crate::store::taxonomy::{self, Field, FieldKind};
use crate::ticket::{Direction, Priority, Resolution, Ticket};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    Assign(Option<AgentId>),
    Team(Option<TeamId>),
    Priority(Priority),
    Category(Option<CategoryId>),
    Tag(String),
    Untag(String),
    Field { field: FieldId, value: String },
    Subject(String),
    Inbox(InboxId),
    Open,
    Wait,
    Hold { reason: String, next_update_at: Timestamp },
    Snooze { until: Timestamp },
    Resolve { resolution: Option<Resolution>, cause: Option<String> },
    Spam,
    NotSpam,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditRefusal {
    #[error("there is no such ticket")]
    NoTicket,
    #[error("{0} cannot see the inbox of this ticket; choose somebody who can")]
    CannotSee(String),
    #[error("choose somebody who works here")]
    NobodyHere,
    #[error("choose an inbox that you see")]
    NoInbox,
    #[error("say what it waits for")]
    NoReason,
    #[error("choose a time in the future")]
    Past,
    #[error("fill in “{0}” before you resolve the ticket")]
    FieldMissing(String),
    #[error("“{value}” is not a value of “{label}”; {hint}")]
    FieldValue { label: String, value: String, hint: &'static str },
    #[error("there is no such field")]
    NoField,
    #[error("there is no such category; choose one of the list")]
    NoCategory,
    #[error("a tag has one to fifty characters")]
    TagName,
    #[error("a subject cannot be empty")]
    NoSubject,
    /// Somebody changed the same meanwhile; the sentence says who, and to what.
    #[error("{0}")]
    Meanwhile(String),
    #[error(transparent)]
    CannotMove(#[from] CannotMove),
}

impl Refusal for EditRefusal {}

type Done<T> = Result<T, Failure<EditRefusal>>;

/// What an edit did. Nothing, if it was so before.
#[derive(Clone, Debug)]
pub struct Edited {
    pub ticket: Ticket,
    pub changed: bool,
    pub reversal: Option<Reversal>,
}

/// Makes one change by a person.
pub async fn edit(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    id: TicketId,
    edit: &Edit,
) -> Done<Edited> {
    let mut ticket = take(tx, id).await?.ok_or(EditRefusal::NoTicket)?;
    match edit {
        Edit::Tag(tag) => return tagged(tx, office, actor, ticket, tag, true).await,
        Edit::Untag(tag) => return tagged(tx, office, actor, ticket, tag, false).await,
        Edit::Field { field, value } => {
            return field_set(tx, office, actor, ticket, *field, value).await;
        }
        Edit::Resolve { .. } => {
            if let Some(label) = missing_field(tx, Some(ticket.id)).await? {
                return Err(EditRefusal::FieldMissing(label).into());
            }
        }
        _ => {}
    }
    let before = ticket.clone();
    let names = Names { office, categories: &taxonomy::categories(tx).await? };
    let facts = apply(&mut ticket, edit, actor, &names, office.now)?;
    if ticket == before {
        return Ok(Edited { ticket, changed: false, reversal: None });
    }
    let events = record(tx, ticket.id, By::Agent(actor.id), &facts, office.now).await?;
    let touch = if facts.is_empty() { Touch::Row } else { Touch::Entry };
    save(tx, &mut ticket, touch, office.now).await?;
    if before.inbox != ticket.inbox {
        // Who saw it in the old inbox looks again, too.
        tx.announce(Change::Ticket { id: ticket.id, inbox: before.inbox, touch: Touch::Row });
        findable::rescope(tx, &ticket).await?;
    }
    if before.subject != ticket.subject {
        findable::head_again(tx, &ticket).await?;
    }
    lessons::teach(tx, ticket.id, (before.state, ticket.state), false, office.now).await?;
    if let Edit::Assign(Some(assignee)) = edit
        && *assignee != actor.id
    {
        let told = Told { reason: Reason::Assigned, ticket: &ticket, by: &actor.name };
        notify::tell(tx, office, &told, Some(actor.id)).await?;
    }
    let reversal = Reversal::Ticket { before: Box::new(before), version: ticket.version, events };
    Ok(Edited { ticket, changed: true, reversal: Some(reversal) })
}

struct Names<'n> {
    office: &'n Office,
    categories: &'n [taxonomy::Category],
}

impl Names<'_> {
    fn directory(&self) -> &Directory {
        &self.office.directory
    }

    fn category(&self, id: CategoryId) -> Option<String> {
        self.categories.iter().find(|one| one.id == id).map(|one| one.name.clone())
    }
}

/// The pure part: the ticket after the change, and what to say of it.
fn apply(
    ticket: &mut Ticket,
    edit: &Edit,
    actor: &Actor,
    names: &Names<'_>,
    now: Timestamp,
) -> Result<Vec<Fact>, EditRefusal> {
    Ok(match edit {
        Edit::Assign(to) => assign(ticket, *to, actor, names)?,
        Edit::Team(to) => {
            let name = match to {
                Some(id) => {
                    let team = names.directory().team(*id);
                    Some(team.ok_or(EditRefusal::NobodyHere)?.name.clone())
                }
                None => None,
            };
            changed(&mut ticket.team, *to, || Fact::TeamChanged { to: name })
        }
        Edit::Priority(to) => {
            let from = ticket.priority.as_str().to_owned();
            changed(&mut ticket.priority, *to, || Fact::PriorityChanged {
                from,
                to: to.as_str().to_owned(),
            })
        }
        Edit::Category(to) => {
            let name = match to {
                Some(id) => Some(names.category(*id).ok_or(EditRefusal::NoCategory)?),
                None => None,
            };
            changed(&mut ticket.category, *to, || Fact::CategoryChanged { to: name })
        }
        Edit::Subject(subject) => {
            let subject = kernel::clip(&kernel::one_line(subject), 250);
            if subject.is_empty() {
                return Err(EditRefusal::NoSubject);
            }
            let from = ticket.subject.clone();
            changed(&mut ticket.subject, subject, || Fact::SubjectChanged { from })
        }
        Edit::Inbox(to) => {
            let inbox = names.directory().inbox(*to).filter(|_| actor.may_see(*to));
            let name = inbox.ok_or(EditRefusal::NoInbox)?.name.clone();
            let mut facts = changed(&mut ticket.inbox, *to, || Fact::MovedTo { inbox: name });
            // Nobody is left with a ticket that they cannot open.
            let can_see = |id| names.directory().agent(id).is_some_and(|card| card.may_see(*to));
            if !facts.is_empty() && ticket.assignee.is_some_and(|id| !can_see(id)) {
                facts.extend(changed(&mut ticket.assignee, None, || Fact::Assigned { to: None }));
            }
            facts
        }
        Edit::Open
        | Edit::Wait
        | Edit::Hold { .. }
        | Edit::Snooze { .. }
        | Edit::Resolve { .. }
        | Edit::Spam
        | Edit::NotSpam => {
            let facts = move_state(ticket, edit, now)?;
            if facts.contains(&Fact::Reopened) {
                wait_again(ticket, names, now);
            }
            facts
        }
        Edit::Tag(_) | Edit::Untag(_) | Edit::Field { .. } => Vec::new(),
    })
}

fn changed<T: PartialEq>(slot: &mut T, to: T, fact: impl FnOnce() -> Fact) -> Vec<Fact> {
    if *slot == to {
        return Vec::new();
    }
    *slot = to;
    vec![fact()]
}

fn assign(
    ticket: &mut Ticket,
    to: Option<AgentId>,
    actor: &Actor,
    names: &Names<'_>,
) -> Result<Vec<Fact>, EditRefusal> {
    if let Some(id) = to {
        let card = names.directory().agent(id).ok_or(EditRefusal::NobodyHere)?;
        if card.state != accounts::AgentState::Active {
            return Err(EditRefusal::NobodyHere);
        }
        if !card.may_see(ticket.inbox) {
            return Err(EditRefusal::CannotSee(card.name.clone()));
        }
    }
    let mut facts = changed(&mut ticket.assignee, to, || Fact::Assigned { to });
    // Who takes a ticket has looked at it.
    if to == Some(actor.id) && ticket.state == State::New {
        ticket.state = next(ticket.state, Happening::Taken)?;
        if facts.is_empty() {
            facts.push(Fact::Taken);
        }
    }
    Ok(facts)
}

fn move_state(ticket: &mut Ticket, edit: &Edit, now: Timestamp) -> Result<Vec<Fact>, EditRefusal> {
    let from = ticket.state;
    let fact = match edit {
        Edit::Open if from == State::New => {
            ticket.state = next(from, Happening::Taken)?;
            Fact::Taken
        }
        Edit::Open => {
            ticket.state = next(from, Happening::Reopened)?;
            ticket.reopen_count += i64::from(from == State::Resolved);
            Fact::Reopened
        }
        Edit::Wait => {
            ticket.state = next(from, Happening::Replied(crate::Then::Wait))?;
            Fact::state(from, ticket.state)
        }
        Edit::Hold { reason, next_update_at } => {
            let reason = kernel::one_line(reason);
            if reason.is_empty() {
                return Err(EditRefusal::NoReason);
            }
            in_future(*next_update_at, now)?;
            ticket.state = next(from, Happening::Held)?;
            ticket.hold_reason = Some(reason.clone());
            ticket.waiting.next_update_at = Some(*next_update_at);
            Fact::Held { reason, next_update_at: Some(*next_update_at) }
        }
        Edit::Snooze { until } => {
            in_future(*until, now)?;
            ticket.state = next(from, Happening::Snoozed)?;
            ticket.waiting.snoozed_until = Some(*until);
            Fact::Snoozed { until: *until }
        }
        Edit::Resolve { resolution, cause } => {
            ticket.state = next(from, Happening::Resolved)?;
            ticket.resolution = resolution.or(ticket.resolution);
            ticket.cause = cause.clone().or(ticket.cause.take());
            Fact::Resolved {
                resolution: ticket.resolution.map(|one| one.as_str().to_owned()),
                cause: ticket.cause.clone(),
            }
        }
        Edit::Spam => {
            ticket.state = next(from, Happening::MarkedSpam)?;
            if from != State::Spam {
                ticket.state_before_spam = Some(from);
            }
            Fact::MarkedSpam
        }
        Edit::NotSpam => {
            let before = ticket.state_before_spam.unwrap_or(State::Open);
            ticket.state = next(from, Happening::NotSpam(before))?;
            ticket.state_before_spam = None;
            Fact::NotSpam
        }
        _ => return Ok(Vec::new()),
    };
    settle(ticket, now);
    Ok(if from == ticket.state && matches!(edit, Edit::Open | Edit::Wait | Edit::Spam) {
        Vec::new()
    } else {
        vec![fact]
    })
}

/// Whoever is taken up again by hand waits from then on, unless we had the last word.
fn wait_again(ticket: &mut Ticket, names: &Names<'_>, now: Timestamp) {
    let inbox = names.directory().inbox(ticket.inbox);
    if let (Some(inbox), Direction::In) = (inbox, ticket.last_direction) {
        let within = Span::minutes(inbox.reply_within_minutes);
        ticket.waiting = ticket.waiting.customer_wrote(now, within);
    }
}

/// What no longer applies in the new state goes.
pub(super) fn settle(ticket: &mut Ticket, now: Timestamp) {
    if ticket.state != State::Snoozed {
        ticket.waiting.snoozed_until = None;
    }
    if ticket.state != State::OnHold {
        ticket.hold_reason = None;
        if ticket.state != State::Open {
            ticket.waiting.next_update_at = None;
        }
    }
    match ticket.state {
        State::Resolved => {
            ticket.resolved_at = ticket.resolved_at.or(Some(now));
            ticket.waiting = ticket.waiting.answered();
        }
        State::Closed | State::Spam | State::Merged => {}
        State::New
        | State::Bot
        | State::Open
        | State::WaitingCustomer
        | State::OnHold
        | State::Snoozed => ticket.resolved_at = None,
    }
}

fn in_future(at: Timestamp, now: Timestamp) -> Result<(), EditRefusal> {
    if at > now { Ok(()) } else { Err(EditRefusal::Past) }
}

/// Longer tags say too much.
pub(crate) const TAG_CHARS_MAX: usize = 50;

async fn tagged(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    ticket: Ticket,
    tag: &str,
    on: bool,
) -> Done<Edited> {
    let tag = kernel::one_line(tag).to_lowercase();
    if tag.is_empty() || tag.chars().count() > TAG_CHARS_MAX {
        return Err(EditRefusal::TagName.into());
    }
    let changed = if on {
        taxonomy::tag(tx, ticket.id, &tag).await?
    } else {
        taxonomy::untag(tx, ticket.id, &tag).await?
    };
    if !changed {
        return Ok(Edited { ticket, changed, reversal: None });
    }
    let fact =
        if on { Fact::Tagged { tag: tag.clone() } } else { Fact::Untagged { tag: tag.clone() } };
    let events = record(tx, ticket.id, By::Agent(actor.id), &[fact], office.now).await?;
    tx.announce(Change::Ticket { id: ticket.id, inbox: ticket.inbox, touch: Touch::Entry });
    let reversal = Reversal::Tag { ticket: ticket.id, tag, was_on: !on, events };
    Ok(Edited { ticket, changed, reversal: Some(reversal) })
}

async fn field_set(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    ticket: Ticket,
    field: FieldId,
    value: &str,
) -> Done<Edited> {
    let fields = taxonomy::fields(tx).await?;
    let field = fields.iter().find(|one| one.id == field).ok_or(EditRefusal::NoField)?;
    let value = read_field(field, value)?;
    let before = taxonomy::set_field_value(tx, ticket.id, field.id, &value).await?;
    let before = before.unwrap_or_default();
    if before == value {
        return Ok(Edited { ticket, changed: false, reversal: None });
    }
    findable::head_again(tx, &ticket).await?;
    let fact = Fact::FieldChanged { label: field.label.clone(), value: value.clone() };
    let events = record(tx, ticket.id, By::Agent(actor.id), &[fact], office.now).await?;
    tx.announce(Change::Ticket { id: ticket.id, inbox: ticket.inbox, touch: Touch::Entry });
    let reversal =
        Reversal::Field { ticket: ticket.id, field: field.id, before, after: value, events };
    Ok(Edited { ticket, changed: true, reversal: Some(reversal) })
}

/// A value that fits its field, in the form in which it is kept. Empty removes it.
pub(crate) fn read_field(field: &Field, value: &str) -> Result<String, EditRefusal> {
    let value = kernel::clip(&kernel::one_line(value), 1_000);
    if value.is_empty() {
        return Ok(value);
    }
    let wrong =
        |hint| EditRefusal::FieldValue { label: field.label.clone(), value: value.clone(), hint };
    match field.kind {
        FieldKind::Text => Ok(value),
        FieldKind::Number => {
            let plain = value.replace(',', ".");
            let is_number = plain.trim_start_matches('-').split('.').count() <= 2
                && plain.chars().any(|c| c.is_ascii_digit())
                && plain
                    .chars()
                    .enumerate()
                    .all(|(at, c)| c.is_ascii_digit() || c == '.' || (c == '-' && at == 0));
            if is_number { Ok(plain) } else { Err(wrong("enter a number such as 12 or 12.5")) }
        }
        FieldKind::Choice => {
            let known = field.choices.iter().find(|choice| choice.eq_ignore_ascii_case(&value));
            known.cloned().ok_or_else(|| wrong("choose one of the list"))
        }
        FieldKind::Date => match value.parse::<jiff::civil::Date>() {
            Ok(date) => Ok(date.to_string()),
            Err(_) => Err(wrong("enter a date such as 2026-11-24")),
        },
    }
}

/// The first field that has to be filled in before a ticket can be resolved, and is not. A ticket
/// that does not exist yet has no values.
pub(super) async fn missing_field(conn: &Conn, ticket: Option<TicketId>) -> Result<Option<String>> {
    let fields = taxonomy::fields(conn).await?;
    let needed: Vec<&Field> =
        fields.iter().filter(|field| field.required_to_resolve && !field.is_archived).collect();
    if needed.is_empty() {
        return Ok(None);
    }
    let values = match ticket {
        Some(ticket) => taxonomy::field_values(conn, ticket).await?,
        None => Vec::new(),
    };
    let is_empty = |field: &&&Field| !values.iter().any(|(id, _)| *id == field.id);
    Ok(needed.iter().find(is_empty).map(|field| field.label.clone()))
}
