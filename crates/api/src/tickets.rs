//! Tickets: lists, one, a new one, changes.

use ::tickets::actions::{
    Incoming, NewTicket, ReplyTokens, Sender, edit, hold, open_ticket, receive,
};
use ::tickets::filter::{Assignee, Cursor, Filter, Sort, StateSet};
use ::tickets::finding::Reader;
use ::tickets::{Channel, SenderCheck, State, Then, Ticket, reading};
use accounts::{Actor, Costly};
use axum::Json;
use axum::extract;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use database::Conn;
use jiff::tz::TimeZone;
use kernel::{InboxId, PublicId, TicketId, Timestamp};
use outbox::{Party, Recipients};

use crate::input::{Input, Query, Reference, cursor, limit, place};
use crate::lookup::{Lookup, Words, parties, party, uploads};
use crate::once::{Once, Turn};
use crate::patch::{Before, edits};
use crate::problem::{ApiResult, Problem};
use crate::version::{self, Expected};
use crate::wire::{self, Page};
use crate::{Api, PREFIX};

/// List tickets
///
/// The newest first, unless `sort` says otherwise. A ticket that gets a new message moves in
/// that order; nothing that was shown comes again because of others that come in.
#[utoipa::path(get, path = "/api/v1/tickets", tag = "Tickets", params(wire::TicketQuery),
    responses((status = 200, description = "A page of tickets", body = Page<wire::Ticket>)))]
pub(crate) async fn index(
    extract::State(api): extract::State<Api>,
    actor: Actor,
    Query(query): Query<wire::TicketQuery>,
) -> ApiResult<Json<Page<wire::Ticket>>> {
    let limit = limit(query.limit)?;
    let conn = api.db().read_list().await?;
    let lookup = Lookup::open(&api, &conn).await?;
    let (filter, sort) = filter(&conn, &lookup, &actor, &query).await?;
    // A place in one order is nowhere in another.
    let here = |text: &str| {
        let (order, place) = text.split_once(' ')?;
        Cursor::read(place).filter(|_| order == sort.as_str())
    };
    let after = place(query.after.as_deref(), here)?;
    let reader = Reader::of(&actor);
    let (cards, next) = reading::page(&conn, reader, &filter, sort, after, limit).await?;
    let names = lookup.names();
    let data = cards.iter().map(|card| wire::Ticket::of(card, &names)).collect();
    Ok(Json(Page { data, next: next.map(|next| cursor(&format!("{} {next}", sort.as_str()))) }))
}

/// The conditions that the parameters say, and the order.
async fn filter(
    conn: &Conn,
    lookup: &Lookup,
    actor: &Actor,
    query: &wire::TicketQuery,
) -> ApiResult<(Filter, Sort)> {
    let mut filter = Filter::default();
    let mut sort = Sort::Newest;
    let problems = reading::problems(conn, Reader::of(actor)).await?;
    let known = lookup.known(actor, &problems);
    if let Some(view) = &query.view {
        let views = reading::views(conn, actor).await?;
        let view = views.iter().find(|one| one.public_id.to_string() == view.to_lowercase());
        let view = view.ok_or_else(|| Problem::field("view", "is not one of your views"))?;
        let zone = TimeZone::get(&actor.time_zone).unwrap_or(TimeZone::UTC);
        filter = Filter::read(&view.query, &known, &zone).0;
        sort = view.sort;
    }
    if let Some(status) = &query.status {
        let wrong = || Problem::field("status", "is neither a status nor a group of them");
        filter.states = states(status).ok_or_else(wrong)?;
        // A view that asks for more about the status is asked for this status instead.
        filter.without_human = false;
    }
    match query.assignee.as_deref() {
        None => {}
        Some("none") => filter.assignee = Some(Assignee::Nobody),
        Some(text) => filter.assignee = Some(Assignee::Agent(lookup.agent(actor, text)?)),
    }
    if let Some(inbox) = &query.inbox {
        filter.inbox = Some(lookup.inbox(actor, inbox)?);
    }
    if let Some(customer) = &query.customer {
        let id = customer.parse::<PublicId>().ok();
        let id = id.ok_or_else(|| Problem::field("customer", "is not the id of a customer"))?;
        match customers::find_by_public_id(conn, id).await? {
            Some(customer) => filter.customer = Some(customer.id),
            None => filter.impossible = true,
        }
    }
    filter.tags.extend(query.tag.as_ref().map(|tag| tag.to_lowercase()));
    if let Some(text) = &query.sort {
        let wrong = || Problem::field("sort", "is “newest”, “oldest” or “due”");
        sort = Sort::named(text).ok_or_else(wrong)?;
    }
    Ok((filter, sort))
}

/// A status exactly, or one of the groups that the documentation names.
fn states(text: &str) -> Option<StateSet> {
    match text {
        "needs_reply" => Some(StateSet::NeedsReply),
        "active" => Some(StateSet::Active),
        "done" => Some(StateSet::Done),
        "any" => Some(StateSet::Any),
        exact => {
            let state = State::named(exact).ok().filter(|state| *state != State::Merged);
            state.map(StateSet::One)
        }
    }
}

/// Get a ticket
///
/// A ticket that was merged into another answers with 308 and the address of that one. Changes
/// and additions to it reach the other one without a redirect.
#[utoipa::path(get, path = "/api/v1/tickets/{reference}", tag = "Tickets",
    params(("reference" = String, Path, description = "Such as `RC-10482`", example = "RC-10482")),
    responses(
        (status = 200, description = "The ticket", body = wire::Ticket),
        (status = 308, description = "It was merged; `Location` says into which"),
    ))]
pub(crate) async fn show(
    extract::State(api): extract::State<Api>,
    actor: Actor,
    Reference(text): Reference,
) -> ApiResult<Response> {
    let conn = api.db().read().await?;
    let ticket = find(&conn, &actor, &text).await?;
    if let Some(moved) = moved(&ticket, &text, "") {
        return Ok(moved);
    }
    let lookup = Lookup::open(&api, &conn).await?;
    version::answer(&answer(&conn, &lookup, ticket.id).await?)
}

/// The ticket of a reference, if it may be seen.
pub(crate) async fn find(conn: &Conn, actor: &Actor, text: &str) -> ApiResult<Ticket> {
    reading::named(conn, actor, text).await?.ok_or_else(Problem::not_found)
}

/// Where to look instead, if the reference is not that of the ticket.
pub(crate) fn moved(ticket: &Ticket, asked: &str, below: &str) -> Option<Response> {
    let is_same = asked.parse::<TicketId>().is_ok_and(|id| id == ticket.id);
    let location = format!("{PREFIX}/tickets/{}{below}", ticket.id);
    let go = || (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)]).into_response();
    (!is_same).then(go)
}

/// The ticket as it is now.
async fn answer(conn: &Conn, lookup: &Lookup, id: TicketId) -> ApiResult<wire::Ticket> {
    let cards = reading::cards(conn, &[id]).await?;
    let card = cards.first().ok_or_else(Problem::not_found)?;
    Ok(wire::Ticket::of(card, &lookup.names()))
}

/// Create a ticket
///
/// From the customer, the text is theirs: the ticket is new, and they get the acknowledgement of
/// the inbox. From an agent, the text is ours: it is mailed to the customer in the name of the
/// person whose token this is.
#[utoipa::path(post, path = "/api/v1/tickets", tag = "Tickets", request_body = wire::NewTicket,
    responses((status = 201, description = "The new ticket with its message", body = wire::Ticket)))]
pub(crate) async fn create(
    extract::State(api): extract::State<Api>,
    actor: Actor,
    input: Input<wire::NewTicket>,
) -> ApiResult<Response> {
    let Input { value, sent } = input;
    let from_agent = match value.from.as_deref() {
        None | Some("customer") => false,
        Some("agent") => true,
        Some(_) => return Err(Problem::field("from", "is “customer” or “agent”")),
    };
    if from_agent {
        api.accounts.count(&actor, Costly::Send)?;
    }
    let customer = party("customer", &value.customer)?;
    let (cc, bcc) = (parties("cc", &value.cc)?, parties("bcc", &value.bcc)?);
    if kernel::one_line(&value.subject).is_empty() {
        return Err(Problem::field("subject", "says nothing"));
    }
    for (field, is_given) in [
        ("cc", !cc.is_empty()),
        ("bcc", !bcc.is_empty()),
        ("attachments", !value.attachments.is_empty()),
    ] {
        if is_given && !from_agent {
            return Err(Problem::field(field, "goes with “from”: “agent” only"));
        }
    }
    let words = Words::read(value.text, value.html, false)?;
    let mut once = match Once::begin(&api, &actor, &sent).await? {
        Turn::First(once) => once,
        Turn::Again(response) => return Ok(response),
    };
    let tx = &mut once.tx;
    let lookup = Lookup::open(&api, tx).await?;
    let inbox = match &value.inbox {
        Some(inbox) => lookup.inbox(&actor, inbox)?,
        None => lookup.first_inbox(&actor)?,
    };
    let office = api.office().await?;
    let ticket = if from_agent {
        let uploads = uploads(tx, &actor, &value.attachments).await?;
        let html = words.html.as_deref().map(ui::written_html);
        let (subject, text) = (value.subject, words.text);
        let then = Then::Wait;
        let new = NewTicket { inbox, customer, subject, text, html, cc, bcc, then, uploads };
        open_ticket(tx, &office, &actor, &new).await?.ticket
    } else {
        let incoming = said(inbox, customer, value.subject, words, office.now);
        receive(tx, &office, &incoming).await?.ticket
    };
    let mut made = answer(tx, &lookup, ticket).await?;
    let first = reading::first_message(tx, ticket).await?;
    made.message = first.map(|written| wire::Message::of(&written, &lookup.directory));
    once.created(&made).await
}

/// The customer's words, as if they had come by a channel.
fn said(
    inbox: InboxId,
    customer: Party,
    subject: String,
    words: Words,
    received_at: Timestamp,
) -> Incoming {
    Incoming {
        inbox,
        channel: Channel::Api,
        sender: Sender {
            name: customer.name,
            address: Some(customer.address),
            // A program says whose words these are; the person proved nothing.
            check: SenderCheck::Unknown,
            check_detail: "{}".to_owned(),
        },
        recipients: Recipients::default(),
        subject,
        text: words.text,
        quoted: String::new(),
        html: words.html,
        files: Vec::new(),
        mail_id: None,
        references: Vec::new(),
        tokens: ReplyTokens::default(),
        is_automatic: false,
        must_not_be_answered: false,
        is_history: false,
        language: None,
        ledger: None,
        category: None,
        fields: Vec::new(),
        received_at,
    }
}

/// Change a ticket
///
/// All changes are made, or none. With `If-Match` they are made only to the ticket that was seen.
#[utoipa::path(patch, path = "/api/v1/tickets/{reference}", tag = "Tickets",
    params(("reference" = String, Path, description = "Such as `RC-10482`", example = "RC-10482")),
    request_body = wire::TicketPatch,
    responses((status = 200, description = "The ticket as it is now", body = wire::Ticket)))]
pub(crate) async fn update(
    extract::State(api): extract::State<Api>,
    actor: Actor,
    Reference(text): Reference,
    expected: Expected,
    input: Input<wire::TicketPatch>,
) -> ApiResult<Response> {
    let mut tx = api.db().begin().await?;
    let id = find(&tx, &actor, &text).await?.id;
    hold(&mut tx, id).await?;
    let ticket = find(&tx, &actor, &text).await?;
    let lookup = Lookup::open(&api, &tx).await?;
    expected.meets(&answer(&tx, &lookup, ticket.id).await?)?;
    let cards = reading::cards(&tx, &[ticket.id]).await?;
    let tags = cards.first().map(|card| card.tags.as_slice()).unwrap_or_default();
    let before = Before { ticket: &ticket, tags };
    let edits = edits(&input.value, &before, &lookup, &actor)?;
    let office = api.office().await?;
    for change in &edits {
        edit(&mut tx, &office, &actor, ticket.id, change).await?;
    }
    let changed = answer(&tx, &lookup, ticket.id).await?;
    tx.commit().await?;
    version::answer(&changed)
}
