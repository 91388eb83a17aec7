//! Small forms over the page: until when, why, into which ticket. Each is a page of its own
//! without scripts.

use accounts::{Act, Actor};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use kernel::{PublicId, TicketId};
use ui::{Choice, Chrome, Fields, View, WebResult, When, Words, found};

use super::entries::Maker;
use super::ticket::{From, Opened, url};
use super::times::moments;
use crate::desk::{Desk, reader};
use crate::filter::Filter;
use crate::seen::Slot;
use crate::store::{entries, lists, reading, tickets};
use crate::ticket::{Priority, Resolution, Ticket};

/// What stands in a sheet.
pub(crate) enum Body {
    Snooze { moments: Vec<Choice>, other: String },
    Hold { moments: Vec<Choice>, other: String, reason: String },
    Resolve { resolutions: Vec<Choice>, cause: String },
    Priority { choices: Vec<Choice> },
    Tags { known: Vec<String> },
    Subject { subject: String },
    Merge { others: Vec<Choice> },
    Link { others: Vec<Choice> },
    Split { messages: Vec<Choice> },
    Problem { problems: Vec<Choice>, may_add: bool },
    People { participants: Vec<String> },
    Redact { text: String },
}

/// A form over the page.
#[derive(Template)]
#[template(path = "_sheet.html")]
pub(crate) struct Sheet {
    pub(crate) w: Words,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) action: String,
    pub(crate) submit: String,
    pub(crate) is_danger: bool,
    pub(crate) back: String,
    /// Why the same form is shown again.
    pub(crate) problem: String,
    /// What is shown of what it changes, by the name under which it says so.
    pub(crate) was: Option<(String, String)>,
    pub(crate) body: Body,
}

impl askama::filters::HtmlSafe for Sheet {}

#[derive(Template)]
#[template(path = "sheet.html")]
struct SheetPage {
    chrome: Chrome,
    sheet: Sheet,
}

/// The sheets by their names in the address.
const CHANGE: &str = "change";

pub(super) async fn show(
    State(desk): State<Desk>,
    actor: Actor,
    view: View,
    Path((reference, name)): Path<(String, String)>,
    from: From,
) -> WebResult<Response> {
    let id: TicketId = found(reference.parse().ok())?;
    let opened = Opened::open(&desk, &actor, id, &from.list).await?;
    let maker = Maker::new(&desk, &actor).await?;
    let sheet = found(make(&opened, &maker, &name).await?)?;
    answer(&opened, sheet, view).await
}

pub(super) async fn answer(opened: &Opened<'_>, sheet: Sheet, view: View) -> WebResult<Response> {
    if view.is_htmx {
        return ui::page(&sheet);
    }
    let chrome = opened.desk.accounts.chrome(opened.actor, "").await?;
    ui::page(&SheetPage { chrome, sheet })
}

async fn make(opened: &Opened<'_>, maker: &Maker<'_>, name: &str) -> WebResult<Option<Sheet>> {
    let Opened { desk, ticket, .. } = opened;
    let moments = || moment_choices(&maker.when, &maker.w);
    let (path, key, body) = match name {
        "snooze" => (CHANGE, "snooze", Body::Snooze { moments: moments(), other: String::new() }),
        "hold" => {
            let (other, reason) = (String::new(), String::new());
            (CHANGE, "hold", Body::Hold { moments: moments(), other, reason })
        }
        "resolve" => (CHANGE, "resolve", resolve(ticket, &maker.w)),
        "priority" => (CHANGE, "priority", priority(ticket, &maker.w)),
        "tags" => {
            let (conn, who) = (desk.db().read_list().await?, reader(opened.actor));
            let known = reading::tags(&conn, who, None, TAGS_OFFERED).await?;
            (CHANGE, "tags", Body::Tags { known })
        }
        "subject" => (CHANGE, "subject", Body::Subject { subject: ticket.subject.clone() }),
        "merge" => {
            let others = others(opened, |row| row.state.takes_in(ticket.state)).await?;
            ("merge", "merge", Body::Merge { others })
        }
        "link" => ("links", "link", Body::Link { others: others(opened, |_| true).await? }),
        "split" => ("split", "split", Body::Split { messages: messages(opened, maker).await? }),
        "problem" => ("problem", "problem", problem(opened).await?),
        "people" => {
            let conn = desk.db().read().await?;
            let participants = tickets::participants(&conn, ticket.id).await?;
            let participants = participants.into_iter().map(|(one, _)| one.to_string()).collect();
            ("people", "people", Body::People { participants })
        }
        _ => return Ok(None),
    };
    Ok(Some(sheet(opened, &maker.w, path, key, body)))
}

fn sheet(opened: &Opened<'_>, w: &Words, path: &str, key: &str, body: Body) -> Sheet {
    let query = super::head::query(&opened.list);
    Sheet {
        title: w.a(&format!("sheet-{key}"), "ticket", opened.ticket.id),
        text: w.t(&format!("sheet-{key}-text")).to_owned(),
        action: format!("/t/{}/{path}{query}", opened.ticket.id),
        submit: w.t(&format!("sheet-{key}-do")).to_owned(),
        problem: String::new(),
        was: slot_of(&body).map(|slot| (slot.was(), slot.value(&opened.ticket))),
        is_danger: matches!(body, Body::Redact { .. }),
        back: url(opened.ticket.id, &opened.list),
        body,
        w: w.clone(),
    }
}

/// What of the ticket a sheet replaces.
fn slot_of(body: &Body) -> Option<Slot> {
    match body {
        Body::Snooze { .. } | Body::Hold { .. } | Body::Resolve { .. } => Some(Slot::State),
        Body::Priority { .. } => Some(Slot::Priority),
        Body::Subject { .. } => Some(Slot::Subject),
        Body::Problem { .. } => Some(Slot::Problem),
        Body::Tags { .. }
        | Body::Merge { .. }
        | Body::Link { .. }
        | Body::Split { .. }
        | Body::People { .. }
        | Body::Redact { .. } => None,
    }
}

/// The sheet that a form came from, with what was typed and why it was not taken. None: the form
/// was a button.
pub(super) async fn again(
    opened: &Opened<'_>,
    maker: &Maker<'_>,
    sent: &Fields,
    problem: &str,
) -> WebResult<Option<Sheet>> {
    let typed = |name: &str| sent.get(name).unwrap_or_default().to_owned();
    let name = match sent.get("state") {
        Some(name @ ("snooze" | "hold")) => name,
        Some("resolve") if sent.get("resolution").is_some() => "resolve",
        None if sent.get("subject").is_some() => "subject",
        None if sent.get("priority").is_some() => "priority",
        None if sent.get("problem").is_some() || sent.get("title").is_some() => "problem",
        _ => return Ok(None),
    };
    let Some(mut sheet) = make(opened, maker, name).await? else { return Ok(None) };
    sheet.problem = ui::sentence(problem);
    let choose = |name: &str, choices: &mut Vec<Choice>| {
        if let Some(value) = sent.get(name) {
            for one in choices.iter_mut() {
                one.is_chosen = one.value == value;
            }
        }
    };
    match &mut sheet.body {
        Body::Snooze { moments, other } => {
            choose("until", moments);
            *other = typed("until_other");
        }
        Body::Hold { moments, other, reason } => {
            choose("until", moments);
            *other = typed("until_other");
            *reason = typed("reason");
        }
        Body::Resolve { resolutions, cause } => {
            choose("resolution", resolutions);
            *cause = typed("cause");
        }
        Body::Subject { subject } => *subject = typed("subject"),
        _ => {}
    }
    Ok(Some(sheet))
}

/// Moments to choose from, each with its day and time.
pub(super) fn moment_choices(when: &When, w: &Words) -> Vec<Choice> {
    moments(when.now, &when.zone)
        .iter()
        .enumerate()
        .map(|(at, moment)| {
            let value = format!("@{}", moment.at.micros() / 1_000_000);
            let note = ui::moment_ahead(moment.at, when, w);
            Choice::new(value, w.t(moment.name).to_owned(), at == 0).with_note(note)
        })
        .collect()
}

fn resolve(ticket: &Ticket, w: &Words) -> Body {
    let chosen = ticket.resolution.unwrap_or(Resolution::Solved);
    let resolutions = Resolution::ALL
        .iter()
        .map(|one| Choice::new(one.as_str(), w.t(one.key()).to_owned(), *one == chosen));
    Body::Resolve {
        resolutions: resolutions.collect(),
        cause: ticket.cause.clone().unwrap_or_default(),
    }
}

fn priority(ticket: &Ticket, w: &Words) -> Body {
    let choices = Priority::ALL
        .iter()
        .map(|one| Choice::new(one.as_str(), w.t(one.key()).to_owned(), *one == ticket.priority));
    Body::Priority { choices: choices.collect() }
}

/// Tags to choose from; any other can be typed.
const TAGS_OFFERED: i64 = 500;
const OTHERS_LOOKED_AT: i64 = 50;
const OTHERS_SHOWN: usize = 8;

/// Other tickets of the same customer that fit: what people mean most often.
async fn others(opened: &Opened<'_>, fits: impl Fn(&lists::Row) -> bool) -> WebResult<Vec<Choice>> {
    let Opened { desk, actor, ticket, .. } = opened;
    let conn = desk.db().read_list().await?;
    let limit = OTHERS_LOOKED_AT;
    let rows = lists::of_customer(&conn, reader(actor), ticket.customer, limit).await?;
    let others = rows.into_iter().filter(|row| row.id != ticket.id && fits(row));
    let others = others.take(OTHERS_SHOWN);
    Ok(others
        .map(|row| Choice::new(row.id, &row.subject, false).with_note(row.id.to_string()))
        .collect())
}

async fn messages(opened: &Opened<'_>, maker: &Maker<'_>) -> WebResult<Vec<Choice>> {
    let conn = opened.desk.db().read().await?;
    let messages = entries::messages(&conn, opened.ticket.id, None, 200).await?;
    let choices = messages.into_iter().map(|message| {
        let when = ui::moment(message.created_at, &maker.when, &maker.w);
        let label = kernel::clip(&kernel::one_line(&message.text), 80);
        let note = format!("{} · {when}", message.shown_from());
        Choice::new(message.public_id, label, false).with_note(note)
    });
    Ok(choices.collect())
}

async fn problem(opened: &Opened<'_>) -> WebResult<Body> {
    let now = opened.ticket.problem;
    let known = opened.desk.problems(opened.actor).await?;
    let problems = known
        .iter()
        .filter(|one| !one.is_fixed || now == Some(one.id))
        .map(|one| Choice::new(one.public_id, &one.title, now == Some(one.id)));
    Ok(Body::Problem {
        problems: problems.collect(),
        may_add: opened.actor.may(Act::ManageTaxonomy),
    })
}

/// Asks before a message is blacked out for good.
pub(super) async fn redact(
    State(desk): State<Desk>,
    actor: Actor,
    view: View,
    Path((reference, message)): Path<(String, PublicId)>,
    from: From,
) -> WebResult<Response> {
    let id: TicketId = found(reference.parse().ok())?;
    let opened = Opened::open(&desk, &actor, id, &from.list).await?;
    let conn = desk.db().read().await?;
    let shown = entries::message_by_public_id(&conn, message).await?;
    drop(conn);
    let shown = found(shown.filter(|one| one.ticket == opened.ticket.id))?;
    let w = desk.accounts.site().words(&actor.language);
    let text = kernel::clip(&kernel::one_line(&shown.text), 200);
    let path = format!("m/{message}/redact");
    answer(&opened, sheet(&opened, &w, &path, "redact", Body::Redact { text }), view).await
}

/// What a number, typed in whole or in part, may stand for.
pub(crate) async fn named(desk: &Desk, actor: &Actor, text: &str) -> WebResult<Option<TicketId>> {
    let text = text.trim().trim_start_matches('#');
    let with_prefix = if text.chars().all(|c| c.is_ascii_digit()) {
        format!("RC-{text}")
    } else {
        text.to_uppercase()
    };
    let conn = desk.db().read().await?;
    let id = match with_prefix.parse::<TicketId>() {
        Ok(id) => tickets::follow(&conn, id).await?,
        Err(_) => tickets::by_alias(&conn, text).await?,
    };
    let Some(id) = id else { return Ok(None) };
    let seen = lists::some(&conn, reader(actor), &Filter::default(), &[id]).await?;
    Ok(seen.first().map(|row| row.id))
}
