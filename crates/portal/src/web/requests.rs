//! One's own requests: what they are about, how far they are, and what can be added.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use kernel::{Failure, MessageId, PublicId, TicketId, Timestamp};
use serde::Deserialize;
use tickets::actions::{
    customer_reopens, customer_solves, looked_at, request_of, requests_of, seen_by_customer, viewer,
};
use tickets::customer_view::{
    Phase, Progress, Step, Viewer, Ways, first_name, promised_at, steps, ways,
};
use tickets::reading::html_of;
use tickets::{Attachment, Author, Direction, Message, State as TicketState, Ticket};
use ui::{Badge, Brand, Markup, Problems, Upload, WebResult, When, Words, found};

use super::face::{Face, size};
use crate::Portal;
use crate::actions::{self, PortalAnswer};
use crate::asked::{self, FILES_MAX};
use crate::session::Session;

/// Where somebody who is not signed in is sent.
const WAY_IN: &str = "/help/link";

#[derive(Template)]
#[template(path = "requests.html")]
struct Index {
    w: Words,
    brand: Brand,
    when: When,
    address: String,
    requests: Vec<Ticket>,
}

impl Index {
    fn phase(&self, ticket: &Ticket) -> &str {
        self.w.t(phase_key(Phase::of(ticket.state)))
    }

    fn tone(ticket: &Ticket) -> &'static str {
        match Phase::of(ticket.state) {
            Phase::Received => "info",
            Phase::Looking => "brand",
            Phase::WaitingForYou => "warn",
            Phase::Solved => "ok",
        }
    }

    fn last_change(&self, ticket: &Ticket) -> String {
        ui::day(ticket.last_message_at, &self.when)
    }
}

fn phase_key(phase: Phase) -> &'static str {
    match phase {
        Phase::Received => "phase-received",
        Phase::Looking => "phase-looking",
        Phase::WaitingForYou => "phase-waiting",
        Phase::Solved => "phase-solved",
    }
}

pub(super) async fn index(State(portal): State<Portal>, headers: HeaderMap) -> WebResult<Response> {
    let face = Face::of(&portal, &headers).await?;
    let Some(session) = face.session else { return Ok(ui::see_other(WAY_IN)) };
    let conn = portal.db().read_list().await?;
    let viewer = viewer(&conn, session.customer).await?;
    let requests = requests_of(&conn, &viewer).await?;
    drop(conn);
    let address = session.address.to_string();
    let (w, brand, when) = (face.w, face.brand, face.when);
    ui::page(&Index { w, brand, when, address, requests })
}

#[derive(Template)]
#[template(path = "request.html")]
struct Show {
    w: Words,
    brand: Brand,
    when: When,
    ticket: Ticket,
    steps: [Step; 3],
    entries: Vec<Entry>,
    ways: Ways,
    /// Whom an answer is for, where somebody is known by name.
    reply_label: String,
    text: String,
    /// Names one filled-in form, so that sending it twice has one effect.
    key: PublicId,
    notice: Option<String>,
    problems: Problems,
}

/// A message as its customer reads it.
struct Entry {
    from: String,
    via: String,
    badge: Badge,
    is_ours: bool,
    at: Timestamp,
    body: Option<Markup>,
    files: Vec<Attachment>,
}

impl Show {
    fn step_name(&self, step: &Step) -> &str {
        self.w.t(phase_key(step.phase))
    }

    fn is_done(step: &Step) -> bool {
        step.progress == Progress::Done
    }

    /// The step that a narrow page names; at the end it is the last one.
    fn is_now(step: &Step) -> bool {
        step.progress == Progress::Now
            || (step.phase == Phase::Solved && step.progress == Progress::Done)
    }

    /// When a step was reached, for people and for programs.
    fn reached(&self, step: &Step) -> Option<(String, String)> {
        step.at.map(|at| (ui::day(at, &self.when), at.jiff().to_string()))
    }

    fn sent_at(&self, entry: &Entry) -> String {
        self.moment(entry.at)
    }

    fn moment(&self, at: Timestamp) -> String {
        format!("{}, {}", ui::day(at, &self.when), ui::clock_time(at, &self.when))
    }

    /// Where it is and what comes next, in one or two sentences.
    fn status(&self) -> String {
        let promised = promised_at(&self.ticket).filter(|at| *at > self.when.now);
        let by = promised.map(|at| self.moment(at));
        match (Phase::of(self.ticket.state), by) {
            (Phase::Received, Some(by)) => self.w.a("status-received-by", "by", by),
            (Phase::Received, None) => self.w.t("status-received").to_owned(),
            (Phase::Looking, Some(by)) => self.w.a("status-looking-by", "by", by),
            (Phase::Looking, None) => self.w.t("status-looking").to_owned(),
            (Phase::WaitingForYou, _) => self.w.t("status-waiting").to_owned(),
            (Phase::Solved, _) if self.ticket.state == TicketState::Closed => {
                self.w.t("status-closed").to_owned()
            }
            (Phase::Solved, _) => self.w.t("status-solved").to_owned(),
        }
    }

    fn tone(&self) -> &'static str {
        Index::tone(&self.ticket)
    }

    fn reply_hint(&self) -> &str {
        match self.ways {
            Ways { follow_up: true, .. } => self.w.t("request-follow-up-hint"),
            Ways { reopen: true, .. } => self.w.t("request-reopen-hint"),
            Ways { .. } => "",
        }
    }

    fn size(file: &Attachment) -> String {
        size(file.size_bytes)
    }
}

/// What may be said after something was done; anything else in the address is not.
const NOTICES: [&str; 4] = ["sent", "solved", "reopened", "followed"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    notice: String,
}

/// Somebody signed in, and one of their tickets.
struct Own {
    face: Face,
    session: Session,
    viewer: Viewer,
    ticket: Ticket,
}

/// The ticket behind a reference, if it is this customer's. One that is not theirs and one that
/// does not exist look the same.
async fn own(portal: &Portal, headers: &HeaderMap, reference: &str) -> WebResult<Option<Own>> {
    let face = Face::of(portal, headers).await?;
    let Some(session) = face.session.clone() else { return Ok(None) };
    let reference: TicketId = found(reference.parse().ok())?;
    let conn = portal.db().read().await?;
    let viewer = viewer(&conn, session.customer).await?;
    let ticket = found(request_of(&conn, &viewer, reference).await?)?;
    Ok(Some(Own { face, session, viewer, ticket }))
}

impl Show {
    async fn new(portal: &Portal, own: Own) -> WebResult<Self> {
        let Own { face, session, viewer, ticket } = own;
        let office = portal.office().await?;
        let now = portal.now();
        let conn = portal.db().read().await?;
        let messages = seen_by_customer(&conn, &viewer, &ticket, now).await?;
        let looked_at = looked_at(&conn, ticket.id).await?;
        let drawn = messages.iter().map(|(message, _)| message);
        let drawn = drawn.filter(|message| message.has_html && is_ours(message));
        let drawn: Vec<MessageId> = drawn.map(|message| message.id).collect();
        let drawn: HashMap<_, _> = html_of(&conn, &drawn).await?.into_iter().collect();
        drop(conn);
        let inbox = office.inbox_of(ticket.inbox);
        let company = inbox.map_or(face.brand.company.as_str(), |inbox| &inbox.sender_name);
        let you = face.w.t("request-you").to_owned();
        let entries: Vec<Entry> = messages
            .into_iter()
            .map(|(message, files)| {
                let html = drawn.get(&message.id).map(|html| ui::written_html(html));
                let body = body(&message, html);
                Entry { body, ..entry(message, files, &session, company, &you) }
            })
            .collect();
        let ways = ways(ticket.state);
        let last_agent = entries.iter().rev().find(|entry| entry.is_ours);
        let reply_label = match last_agent {
            _ if ways.follow_up => face.w.t("request-follow-up").to_owned(),
            Some(entry) => face.w.a("request-reply-to", "who", &entry.from),
            None => face.w.t("request-add").to_owned(),
        };
        Ok(Self {
            reply_label,
            steps: steps(&ticket, looked_at),
            ways,
            w: face.w,
            brand: face.brand,
            when: face.when,
            ticket,
            entries,
            text: String::new(),
            key: PublicId::new(now),
            notice: None,
            problems: Problems::default(),
        })
    }
}

fn is_ours(message: &Message) -> bool {
    message.direction == Direction::Out
}

/// What we write is Markdown, or HTML of a program of ours; what comes in is text and nothing
/// else.
fn body(message: &Message, html: Option<Markup>) -> Option<Markup> {
    if message.redacted.is_some() {
        return None;
    }
    Some(match html {
        Some(html) => html,
        None if is_ours(message) => ui::markdown(&message.text),
        None => ui::prose(&message.text),
    })
}

fn entry(
    message: Message,
    files: Vec<Attachment>,
    session: &Session,
    company: &str,
    you: &str,
) -> Entry {
    let is_ours = is_ours(&message);
    let is_own = matches!(message.author, Author::Customer(id) if id == session.customer);
    let name = message.shown_from();
    let from = match (is_own, is_ours) {
        (true, _) => you.to_owned(),
        (false, true) => first_name(&name).to_owned(),
        (false, false) => name.clone(),
    };
    let seed = match message.author {
        Author::Agent(agent) => agent.0,
        Author::Customer(id) | Author::Stranger(id) => id.0,
        Author::System => 0,
    };
    Entry {
        badge: Badge::of(if is_ours { &from } else { &name }, seed),
        via: if is_ours { company.to_owned() } else { String::new() },
        at: message.created_at,
        from,
        is_ours,
        body: None,
        files,
    }
}

pub(super) async fn show(
    State(portal): State<Portal>,
    Path(reference): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> WebResult<Response> {
    let Some(own) = own(&portal, &headers, &reference).await? else {
        return Ok(ui::see_other(WAY_IN));
    };
    let mut page = Show::new(&portal, own).await?;
    if NOTICES.contains(&asked.notice.as_str()) {
        page.notice = Some(page.w.t(&format!("notice-{}", asked.notice)).to_owned());
    }
    ui::page(&page)
}

/// An answer, with files or without. On a closed request it begins a new one that follows it.
pub(super) async fn create_message(
    State(portal): State<Portal>,
    Path(reference): Path<String>,
    headers: HeaderMap,
    upload: Upload,
) -> WebResult<Response> {
    upload.only(&["text"])?;
    let Some(own) = own(&portal, &headers, &reference).await? else {
        return Ok(ui::see_other(WAY_IN));
    };
    let Upload { fields, files, too_large } = upload;
    let get = |name: &str| fields.get(name).unwrap_or_default();
    let mut problems = Problems::default();
    let w = &own.face.w;
    for name in too_large {
        let name = files::clean_name(&name);
        problems.add("files", w.a("contact-file-large", "name", name));
    }
    if files.len() > FILES_MAX {
        problems.add("files", w.a("contact-files-many", "max", FILES_MAX));
    }
    let text = asked::check_text(get("text"), !files.is_empty(), w, &mut problems);
    let (true, Some(text)) = (problems.is_empty(), text) else {
        let typed = get("text").to_owned();
        let mut page = Show::new(&portal, own).await?;
        (page.problems, page.text) = (problems, typed);
        return ui::again(&page);
    };
    portal.may_act(own.session.customer)?;
    let office = portal.office().await?;
    let files = actions::store_files(&portal, files).await?;
    let answer = PortalAnswer { key: get("key"), text: &text, files };
    let ticket =
        actions::answer(&portal, &office, &own.session, &own.viewer, &own.ticket, answer).await?;
    let notice = if ticket == own.ticket.id { "sent" } else { "followed" };
    Ok(ui::see_other(&format!("/help/requests/{ticket}?notice={notice}")))
}

pub(super) async fn solve(
    State(portal): State<Portal>,
    Path(reference): Path<String>,
    headers: HeaderMap,
) -> WebResult<Response> {
    say(&portal, &headers, &reference, Said::Solved).await
}

pub(super) async fn reopen(
    State(portal): State<Portal>,
    Path(reference): Path<String>,
    headers: HeaderMap,
) -> WebResult<Response> {
    say(&portal, &headers, &reference, Said::NotSolved).await
}

#[derive(Clone, Copy)]
enum Said {
    Solved,
    NotSolved,
}

/// Says whether it is solved. Saying it twice is no mistake.
async fn say(
    portal: &Portal,
    headers: &HeaderMap,
    reference: &str,
    said: Said,
) -> WebResult<Response> {
    let Some(own) = own(portal, headers, reference).await? else {
        return Ok(ui::see_other(WAY_IN));
    };
    let customer = own.session.customer;
    portal.may_act(customer)?;
    let office = portal.office().await?;
    let mut tx = portal.db().begin().await?;
    let done = match said {
        Said::Solved => customer_solves(&mut tx, &office, customer, own.ticket.id).await,
        Said::NotSolved => customer_reopens(&mut tx, &office, customer, own.ticket.id).await,
    };
    let page = format!("/help/requests/{}", own.ticket.id);
    match done {
        Ok(_) => {
            tx.commit().await?;
            let notice = match said {
                Said::Solved => "solved",
                Said::NotSolved => "reopened",
            };
            Ok(ui::see_other(&format!("{page}?notice={notice}")))
        }
        // It moved on meanwhile: the page shows where it is.
        Err(Failure::Refused(_)) => Ok(ui::see_other(&page)),
        Err(Failure::Broken(fault)) => Err(fault.into()),
    }
}
