//! A change by somebody who may not have seen the latest: what others did to the same field since
//! is never overwritten unseen, and different fields can be changed at once.

use accounts::Actor;
use anyhow::Result;
use database::{Conn, Tx};
use kernel::{Failure, TicketId};

use super::edit::{Edit, EditRefusal, Edited, edit};
use super::{Office, take};
use crate::event::By;
use crate::message::MessageKind;
use crate::seen::{Slot, Verdict, is_so, judge, wanted_value};
use crate::store::{entries, taxonomy};
use crate::ticket::{Direction, Ticket};

/// Makes one change by a person to whom a page showed `was` in the place that it changes, in the
/// words of [`Slot::value`]. Without that it is made over whatever is there.
///
/// Refused with [`EditRefusal::Meanwhile`] if somebody else changed the same place since; nothing
/// is changed if the person left it as it was shown.
pub(crate) async fn edit_seen(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    id: TicketId,
    wanted: &Edit,
    was: Option<&str>,
) -> Result<Edited, Failure<EditRefusal>> {
    if let (Some(slot), Some(was)) = (Slot::of(wanted), was) {
        let ticket = take(tx, id).await?.ok_or(EditRefusal::NoTicket)?;
        let present = present(tx, &ticket, slot).await?;
        let value = wanted_value(wanted);
        match judge(was, &present, value.as_deref()) {
            Verdict::Go => {}
            Verdict::Refuse if !is_so(wanted, &ticket, &present) => {
                let sentence = told(tx, office, actor, &ticket, slot, &present).await?;
                return Err(EditRefusal::Meanwhile(sentence).into());
            }
            // Nobody is contradicted.
            Verdict::Keep | Verdict::Refuse => {
                return Ok(Edited { ticket, changed: false, reversal: None });
            }
        }
    }
    edit(tx, office, actor, id, wanted).await
}

/// Whether the problem of a ticket may be set by somebody to whom it was shown as `was`.
pub(crate) async fn problem_seen(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    id: TicketId,
    wanted: &str,
    was: &str,
) -> Result<Verdict, Failure<EditRefusal>> {
    let ticket = take(tx, id).await?.ok_or(EditRefusal::NoTicket)?;
    let present = present(tx, &ticket, Slot::Problem).await?;
    if wanted == present {
        return Ok(Verdict::Keep);
    }
    let verdict = judge(was, &present, Some(wanted));
    if verdict == Verdict::Refuse {
        let sentence = told(tx, office, actor, &ticket, Slot::Problem, &present).await?;
        return Err(EditRefusal::Meanwhile(sentence).into());
    }
    Ok(verdict)
}

/// What stands in a place now.
async fn present(conn: &Conn, ticket: &Ticket, slot: Slot) -> Result<String> {
    let Slot::Field(field) = slot else { return Ok(slot.value(ticket)) };
    let values = taxonomy::field_values(conn, ticket.id).await?;
    let value = values.into_iter().find(|(id, _)| *id == field);
    Ok(value.map_or(String::new(), |(_, value)| value))
}

/// The sentence that says who changed what to what.
async fn told(
    conn: &Conn,
    office: &Office,
    actor: &Actor,
    ticket: &Ticket,
    slot: Slot,
    present: &str,
) -> Result<String> {
    let w = office.site.words(&actor.language);
    let (what, value) = named(conn, office, actor, ticket, slot, present).await?;
    let by = latest_by(conn, ticket, slot, &what).await?;
    if by == Some(By::Customer) && slot == Slot::State {
        return Ok(w.a("meanwhile-customer", "value", value));
    }
    let who = match by {
        Some(By::Agent(id)) if id == actor.id => w.t("you-did").to_owned(),
        Some(By::Agent(id)) => office.directory.name_of(id).to_owned(),
        Some(By::Customer) => w.t("customer-did").to_owned(),
        Some(By::System) => w.t("system-did").to_owned(),
        None => w.t("meanwhile-somebody").to_owned(),
    };
    let args: [(&str, &dyn std::fmt::Display); 3] =
        [("who", &who), ("what", &what), ("value", &value)];
    Ok(w.all("meanwhile", &args))
}

/// What a place is called, and what stands in it, for a person.
async fn named(
    conn: &Conn,
    office: &Office,
    actor: &Actor,
    ticket: &Ticket,
    slot: Slot,
    present: &str,
) -> Result<(String, String)> {
    let w = office.site.words(&actor.language);
    let directory = &office.directory;
    let name = |name: Option<String>, none: &str| name.unwrap_or_else(|| w.t(none).to_owned());
    let value = match slot {
        Slot::State => w.t(ticket.state.key()).to_owned(),
        Slot::Assignee => {
            name(ticket.assignee.map(|id| directory.name_of(id).to_owned()), "row-unassigned")
        }
        Slot::Priority => w.t(ticket.priority.key()).to_owned(),
        Slot::Team => {
            let team = ticket.team.and_then(|id| directory.team(id));
            name(team.map(|team| team.name.clone()), "panel-no-team")
        }
        Slot::Category => {
            let all = taxonomy::categories(conn).await?;
            let one = all.into_iter().find(|one| Some(one.id) == ticket.category);
            name(one.map(|one| one.name), "panel-no-category")
        }
        Slot::Subject => ticket.subject.clone(),
        Slot::Inbox => name(directory.inbox(ticket.inbox).map(|one| one.name.clone()), "?"),
        Slot::Problem => {
            let problem = match ticket.problem {
                Some(id) => taxonomy::find_problem(conn, id).await?,
                None => None,
            };
            name(problem.map(|problem| problem.title), "problem-none")
        }
        Slot::Field(field) => {
            let all = taxonomy::fields(conn).await?;
            let label = all.into_iter().find(|one| one.id == field).map(|one| one.label);
            let value = Some(present.to_owned()).filter(|value| !value.is_empty());
            return Ok((name(label, "panel-ticket"), name(value, "panel-no-value")));
        }
    };
    Ok((w.t(slot.label()).to_owned(), value))
}

/// More facts of the same kinds are not looked at.
const FACTS_LOOKED_AT: i64 = 20;

/// Who changed a place last, if that is known.
async fn latest_by(conn: &Conn, ticket: &Ticket, slot: Slot, label: &str) -> Result<Option<By>> {
    let facts = entries::latest_events(conn, ticket.id, slot.facts(), FACTS_LOOKED_AT).await?;
    let fact = facts.into_iter().find(|event| slot.is_told_by(&event.fact, label));
    if slot != Slot::State {
        return Ok(fact.map(|event| event.by));
    }
    // An answer of ours moves the state without a fact of its own.
    let messages = entries::messages_before(conn, ticket.id, None, FACTS_LOOKED_AT).await?;
    let ours = messages
        .into_iter()
        .find(|one| one.direction == Direction::Out && matches!(one.kind, MessageKind::Message));
    Ok(match (fact, ours) {
        (Some(fact), Some(ours)) if fact.created_at >= ours.created_at => Some(fact.by),
        (_, Some(ours)) => Some(ours.author.agent().map_or(By::System, By::Agent)),
        (fact, None) => fact.map(|event| event.by),
    })
}
