//! Changes to a ticket from its menus and its panel, and taking them back.

use accounts::{Act, Actor};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;
use kernel::{
    AgentId, CategoryId, Failure, FieldId, InboxId, PublicId, TeamId, TicketId, Timestamp,
};
use serde_json::json;
use ui::{Fields, Problems, Toast, View, WebError, WebResult, Words, found};

use super::compose::composer_again;
use super::reference::Reference;
use super::ticket::{From, Opened, list_url, url};
use super::{seen, times};
use crate::actions::{
    Edit, EditRefusal, Edited, Many, Reversal, Undone, edit_seen, follow, keep, problem_seen,
    set_problem, undo as take_back, unfollow,
};
use crate::desk::{Desk, reader};
use crate::seen::{Slot, Verdict};
use crate::store::taxonomy;
use crate::ticket::{Priority, Resolution};

/// What a form with one change may hold.
const ONE_CHANGE: [&str; 14] = [
    "assignee",
    "state",
    "resolution",
    "cause",
    "until",
    "until_other",
    "reason",
    "priority",
    "tag",
    "untag",
    "subject",
    "inbox",
    "category",
    "team",
];

/// Reads one change out of a form. Only what is listed here can be changed.
pub(crate) fn read(fields: &Fields, zone: &TimeZone, w: &Words) -> WebResult<Edit> {
    let get = |name: &str| fields.get(name).map(str::trim);
    let id = |text: &str| text.parse::<i64>().ok().filter(|id| *id > 0);
    let bad = || WebError::BadInput(w.t("change-unknown").to_owned());
    let moment = |name: &str| {
        let chosen = get(name).filter(|text| !text.is_empty());
        let other = get(&format!("{name}_other")).filter(|text| !text.is_empty());
        let text = other.or(chosen).unwrap_or_default();
        times::read(text, zone).ok_or_else(|| WebError::Refused(w.t("moment-missing").to_owned()))
    };
    if let Some(to) = get("assignee") {
        return Ok(Edit::Assign(id(to).map(AgentId)));
    }
    if let Some(state) = get("state") {
        return Ok(match state {
            "resolve" => Edit::Resolve {
                resolution: get("resolution").and_then(|one| Resolution::named(one).ok()),
                cause: get("cause").filter(|cause| !cause.is_empty()).map(clip_cause),
            },
            "open" => Edit::Open,
            "wait" => Edit::Wait,
            "snooze" => Edit::Snooze { until: moment("until")? },
            "hold" => Edit::Hold {
                reason: get("reason").unwrap_or_default().to_owned(),
                next_update_at: moment("until")?,
            },
            "spam" => Edit::Spam,
            "not_spam" => Edit::NotSpam,
            _ => return Err(bad()),
        });
    }
    if let Some(priority) = get("priority") {
        return Ok(Edit::Priority(Priority::named(priority).ok().ok_or_else(bad)?));
    }
    if let Some(tag) = get("tag") {
        return Ok(Edit::Tag(tag.to_owned()));
    }
    if let Some(tag) = get("untag") {
        return Ok(Edit::Untag(tag.to_owned()));
    }
    if let Some(subject) = get("subject") {
        return Ok(Edit::Subject(subject.to_owned()));
    }
    if let Some(inbox) = get("inbox") {
        return Ok(Edit::Inbox(id(inbox).map(InboxId).ok_or_else(bad)?));
    }
    if let Some(category) = get("category") {
        return Ok(Edit::Category(id(category).map(CategoryId)));
    }
    if let Some(team) = get("team") {
        return Ok(Edit::Team(id(team).map(TeamId)));
    }
    Err(bad())
}

const CAUSE_CHARS_MAX: usize = 500;

fn clip_cause(cause: &str) -> String {
    kernel::clip(&kernel::one_line(cause), CAUSE_CHARS_MAX)
}

/// The sentence for what was just done.
pub(crate) fn done(edit: &Edit, id: TicketId, w: &Words) -> String {
    match edit {
        Edit::Resolve { .. } => w.a("done-resolved", "ticket", id),
        Edit::Snooze { .. } => w.a("done-snoozed", "ticket", id),
        Edit::Hold { .. } => w.a("done-held", "ticket", id),
        Edit::Spam => w.a("done-spam", "ticket", id),
        Edit::NotSpam => w.a("done-not-spam", "ticket", id),
        Edit::Open => w.a("done-opened", "ticket", id),
        Edit::Wait => w.a("done-waiting", "ticket", id),
        Edit::Assign(Some(_)) => w.a("done-assigned", "ticket", id),
        Edit::Assign(None) => w.a("done-unassigned", "ticket", id),
        Edit::Team(_)
        | Edit::Priority(_)
        | Edit::Category(_)
        | Edit::Tag(_)
        | Edit::Untag(_)
        | Edit::Field { .. }
        | Edit::Subject(_)
        | Edit::Inbox(_) => w.a("done-changed", "ticket", id),
    }
}

/// After which changes there is nothing more to do here.
fn leaves(edit: &Edit) -> bool {
    matches!(edit, Edit::Resolve { .. } | Edit::Snooze { .. } | Edit::Spam | Edit::Hold { .. })
}

/// Makes one change.
pub(super) async fn change(
    State(desk): State<Desk>,
    actor: Actor,
    view: View,
    Reference(id): Reference,
    from: From,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&ONE_CHANGE)?;
    let w = desk.accounts.site().words(&actor.language);
    let opened = Opened::open(&desk, &actor, id, &from.list).await?;
    let wanted = read(&fields, &actor.when(desk.now()).zone, &w)?;
    let office = desk.office().await?;
    let was = Slot::of(&wanted).map(Slot::was);
    let was = was.as_deref().and_then(|name| fields.get(name));
    let mut tx = desk.db().begin().await?;
    let edited = match edit_seen(&mut tx, &office, &actor, opened.ticket.id, &wanted, was).await {
        Ok(edited) => edited,
        Err(Failure::Refused(EditRefusal::Meanwhile(sentence))) => {
            drop(tx);
            return seen::refused(&opened, &fields, &sentence, view).await;
        }
        Err(other) => return Err(other.into()),
    };
    let undo = match &edited.reversal {
        Some(reversal) => Some(keep(&mut tx, &actor, reversal, office.now).await?),
        None => None,
    };
    tx.commit().await?;
    let toast = Toast::new(done(&wanted, opened.ticket.id, &w));
    answer(&opened, &edited, &wanted, office.now, with_undo(toast, undo, &w), view).await
}

pub(crate) fn with_undo(toast: Toast, undo: Option<PublicId>, w: &Words) -> Toast {
    match undo {
        Some(id) => toast.with_undo(format!("/undo/{id}"), w.t("undo")),
        None => toast,
    }
}

async fn answer(
    opened: &Opened<'_>,
    edited: &Edited,
    wanted: &Edit,
    since: Timestamp,
    toast: Toast,
    view: View,
) -> WebResult<Response> {
    let Opened { desk, actor, ticket, list } = opened;
    if !view.is_htmx {
        let may_see = actor.may_see(edited.ticket.inbox);
        return Ok(ui::see_other(&if may_see { url(ticket.id, list) } else { list_url(list) }));
    }
    if !actor.may_see(edited.ticket.inbox) {
        return Ok(ui::Answer::new().redirect(&list_url(list)).into_response());
    }
    let now = Opened::open(desk, actor, ticket.id, list).await?;
    let mut answer = now.pieces(since).await?.event("dialog:close", &json!({}));
    if edited.changed {
        answer = answer.toast(&toast);
    }
    if now.ticket.state != ticket.state {
        // What can be written depends on the state; what is typed stays where it can.
        let was_writable = !matches!(ticket.state, crate::State::Spam | crate::State::Closed);
        let is_writable = !matches!(now.ticket.state, crate::State::Spam | crate::State::Closed);
        if was_writable != is_writable {
            answer = answer.piece("#composer", "outerHTML", &composer_again(&now).await?)?;
        }
    }
    if edited.changed && leaves(wanted) {
        let detail = json!({ "ref": ticket.id.to_string(), "next": true });
        answer = answer.event("ticket:leave", &detail);
    }
    Ok(answer.into_response())
}

/// The form of the panel: everything that differs is changed, under one undo.
pub(super) async fn details(
    State(desk): State<Desk>,
    actor: Actor,
    view: View,
    Reference(id): Reference,
    from: From,
    fields: Fields,
) -> WebResult<Response> {
    let w = desk.accounts.site().words(&actor.language);
    let opened = Opened::open(&desk, &actor, id, &from.list).await?;
    let zone = actor.when(desk.now()).zone;
    let office = desk.office().await?;
    let mut tx = desk.db().begin().await?;
    let mut reversals = Vec::new();
    let (mut edited, mut problems) = (None, Problems::default());
    for (name, value) in fields.own() {
        let one = Fields(vec![(name.clone(), value.clone())]);
        let wanted = match name.strip_prefix("field-") {
            Some(field) => {
                let field = field.parse().ok().map(FieldId);
                let field =
                    field.ok_or_else(|| WebError::BadInput(w.t("change-unknown").to_owned()))?;
                Edit::Field { field, value: value.clone() }
            }
            None if ["priority", "category", "team", "inbox"].contains(&name.as_str()) => {
                read(&one, &zone, &w)?
            }
            None => return Err(WebError::BadInput(w.t("change-unknown").to_owned())),
        };
        let was = fields.get(&format!("was-{name}"));
        let done = edit_seen(&mut tx, &office, &actor, opened.ticket.id, &wanted, was).await;
        let done = match done {
            Ok(done) => done,
            Err(Failure::Refused(EditRefusal::Meanwhile(sentence))) => {
                problems.add(name.clone(), sentence);
                continue;
            }
            Err(other) => return Err(other.into()),
        };
        reversals.extend(done.reversal.clone());
        if done.changed {
            edited = Some((done, wanted));
        }
    }
    if !problems.is_empty() {
        drop(tx);
        return seen::details_refused(&opened, &fields, problems, view).await;
    }
    let undo = if reversals.is_empty() {
        None
    } else {
        let all = Reversal::Many(Many::new(reversals));
        Some(keep(&mut tx, &actor, &all, office.now).await?)
    };
    tx.commit().await?;
    let Some((edited, wanted)) = edited else {
        return Ok(if view.is_htmx {
            axum::http::StatusCode::NO_CONTENT.into_response()
        } else {
            ui::see_other(&opened.url())
        });
    };
    let toast = with_undo(Toast::new(done(&wanted, opened.ticket.id, &w)), undo, &w);
    answer(&opened, &edited, &wanted, office.now, toast, view).await
}

/// Says which problem the ticket belongs to. A new title makes a new problem.
pub(super) async fn problem(
    State(desk): State<Desk>,
    actor: Actor,
    view: View,
    Reference(id): Reference,
    from: From,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&["title", "problem"])?;
    let w = desk.accounts.site().words(&actor.language);
    let opened = Opened::open(&desk, &actor, id, &from.list).await?;
    let title = kernel::clip(&kernel::one_line(fields.get("title").unwrap_or_default()), 200);
    let chosen = fields.get("problem").unwrap_or_default();
    let office = desk.office().await?;
    let mut tx = desk.db().begin().await?;
    let problem = if title.is_empty() {
        match chosen.parse().ok() {
            Some(public_id) => {
                let problem = taxonomy::problem_for(&tx, reader(&actor), public_id).await?;
                Some(found(problem)?.id)
            }
            None if chosen.is_empty() => None,
            None => return Err(WebError::NotFound),
        }
    } else {
        actor.must(Act::ManageTaxonomy)?;
        Some(taxonomy::add_problem(&mut tx, &title, actor.id, office.now).await?)
    };
    let id = opened.ticket.id;
    let wanted = problem.map_or(String::new(), |problem| problem.to_string());
    let verdict = match fields.get(&Slot::Problem.was()) {
        Some(was) => problem_seen(&mut tx, &office, &actor, id, &wanted, was).await,
        None => Ok(Verdict::Go),
    };
    match verdict {
        Ok(Verdict::Go) => {
            set_problem(&mut tx, &office, &actor, id, problem).await?;
        }
        Ok(Verdict::Keep | Verdict::Refuse) => {}
        Err(Failure::Refused(EditRefusal::Meanwhile(sentence))) => {
            drop(tx);
            return seen::refused(&opened, &fields, &sentence, view).await;
        }
        Err(other) => return Err(other.into()),
    }
    tx.commit().await?;
    finish(&opened, office.now, &w, view).await
}

/// Follows a ticket, or stops following it.
pub(super) async fn following(
    State(desk): State<Desk>,
    actor: Actor,
    view: View,
    Reference(id): Reference,
    from: From,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&["follow"])?;
    let w = desk.accounts.site().words(&actor.language);
    let opened = Opened::open(&desk, &actor, id, &from.list).await?;
    let now = desk.now();
    let mut tx = desk.db().begin().await?;
    if fields.get("follow") == Some("yes") {
        follow(&mut tx, &actor, opened.ticket.id).await?;
    } else {
        unfollow(&mut tx, &actor, opened.ticket.id).await?;
    }
    tx.commit().await?;
    finish(&opened, now, &w, view).await
}

/// The page as it is after a change that has no undo.
pub(super) async fn finish(
    opened: &Opened<'_>,
    since: Timestamp,
    w: &Words,
    view: View,
) -> WebResult<Response> {
    let Opened { desk, actor, ticket, list } = opened;
    if !view.is_htmx {
        return Ok(ui::see_other(&opened.url()));
    }
    let now = Opened::open(desk, actor, ticket.id, list).await?;
    let toast = Toast::new(w.a("done-changed", "ticket", ticket.id));
    let answer = now.pieces(since).await?.toast(&toast).event("dialog:close", &json!({}));
    Ok(answer.into_response())
}

/// Takes back what the person did last.
pub(super) async fn undo(
    State(desk): State<Desk>,
    actor: Actor,
    view: View,
    from: From,
    Path(id): Path<PublicId>,
) -> WebResult<Response> {
    let w = desk.accounts.site().words(&actor.language);
    let office = desk.office().await?;
    let mut tx = desk.db().begin().await?;
    let undone = take_back(&mut tx, &office, &actor, id).await?;
    tx.commit().await?;
    let toast = Toast::new(w.t("done-undone"));
    let ticket = match undone {
        Undone::Ticket(ticket) => ticket,
        Undone::Several => return Ok(view.done(&list_url(&from.list), &toast)),
        Undone::NewTicket if view.is_htmx => {
            return Ok(ui::Answer::new().toast(&toast).redirect("/t/new").into_response());
        }
        Undone::NewTicket => return Ok(ui::see_other("/t/new")),
    };
    if !view.is_htmx {
        return Ok(ui::see_other(&url(ticket, &from.list)));
    }
    let opened = Opened::open(&desk, &actor, ticket, &from.list).await?;
    if !from.is_at(ticket) {
        // Another page is open, and the text is back in the draft of this one.
        return Ok(ui::Answer::new().toast(&toast).redirect(&opened.url()).into_response());
    }
    let answer = opened
        .whole()
        .await?
        .piece("#composer", "outerHTML", &composer_again(&opened).await?)?
        .toast(&toast);
    Ok(answer.into_response())
}

#[cfg(test)]
mod tests {
    use kernel::AgentId;

    use super::*;

    #[test]
    fn only_listed_changes_are_read() {
        let catalog = ui::Catalog::new(&[("en", &[ui::MESSAGES_EN, crate::MESSAGES_EN])]).unwrap();
        let w = catalog.words("en");
        let zone = TimeZone::UTC;
        let one = |name: &str, value: &str| Fields(vec![(name.to_owned(), value.to_owned())]);
        for (name, value, expected) in [
            ("assignee", "7", Some(Edit::Assign(Some(AgentId(7))))),
            ("assignee", "", Some(Edit::Assign(None))),
            ("state", "open", Some(Edit::Open)),
            ("state", "resolve", Some(Edit::Resolve { resolution: None, cause: None })),
            ("state", "merged", None),
            ("priority", "urgent", Some(Edit::Priority(Priority::Urgent))),
            ("priority", "extreme", None),
            ("tag", "refund", Some(Edit::Tag("refund".to_owned()))),
            ("inbox", "0", None),
            ("customer", "3", None),
        ] {
            assert_eq!(read(&one(name, value), &zone, &w).ok(), expected, "{name}={value}");
        }
        let snooze = Fields(vec![
            ("state".to_owned(), "snooze".to_owned()),
            ("until".to_owned(), "@5".to_owned()),
        ]);
        let until = Timestamp::from_seconds(5);
        assert_eq!(read(&snooze, &zone, &w).unwrap(), Edit::Snooze { until });
        assert!(matches!(read(&one("state", "snooze"), &zone, &w), Err(WebError::Refused(_))));
    }
}
