//! The people who write in: a list, and everything known of one of them.

use accounts::{Act, Actor, is_first};
use askama::Template;
use audit::Deed;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use customers::Customer;
use kernel::{CustomerId, PublicId};
use search::Term;
use serde::Deserialize;
use serde_json::json;
use ui::{Badge, Chrome, Fields, Toast, View, WebError, WebResult, found};

use super::entries::Maker;
use super::new_ticket::path_to;
use super::panel::{IdentityLine, NoteLine, TicketLine, line, note_line};
use crate::actions::merge_customers;
use crate::desk::{Desk, reader};
use crate::finding::{LIMIT, find_customers};
use crate::store::lists;

const PAGE: i64 = 50;
const TICKETS_SHOWN: i64 = 100;
const NOTE_CHARS_MAX: usize = 5_000;

#[derive(Template)]
#[template(path = "customers.html")]
struct Customers {
    chrome: Chrome,
    query: String,
    customers: Vec<CustomerLine>,
    gave_up: bool,
    more: Option<String>,
}

struct CustomerLine {
    id: PublicId,
    name: String,
    address: String,
    badge: Badge,
    since: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    q: String,
    before: Option<i64>,
}

pub(super) async fn index(
    State(desk): State<Desk>,
    actor: Actor,
    Query(asked): Query<Asked>,
) -> WebResult<Response> {
    let chrome = desk.accounts.chrome(&actor, "/customers").await?;
    let query = asked.q.trim().to_owned();
    let conn = desk.db().read_within(LIMIT).await?;
    let (mut more, mut gave_up) = (None, false);
    let customers = if query.is_empty() {
        let before = asked.before.map(CustomerId);
        let page = lists::customers(&conn, reader(&actor), before, PAGE).await?;
        if kernel::count(page.len()) == PAGE {
            more = page.last().map(|last| format!("/customers?before={}", last.0));
        }
        customers_in_order(customers::find_many(&conn, &page).await?)
    } else {
        let terms: Vec<Term> =
            query.split_whitespace().map(|word| Term::Word(word.to_owned())).collect();
        let known = find_customers(&conn, reader(&actor), &terms, PAGE).await?;
        gave_up = known.gave_up;
        known.rows
    };
    drop(conn);
    let customers = customers.iter().map(|one| customer_line(one, &chrome)).collect();
    ui::page(&Customers { chrome, query, customers, gave_up, more })
}

fn customers_in_order(mut customers: Vec<Customer>) -> Vec<Customer> {
    customers.sort_by_key(|customer| std::cmp::Reverse(customer.id));
    customers
}

fn customer_line(customer: &Customer, chrome: &Chrome) -> CustomerLine {
    CustomerLine {
        id: customer.public_id,
        badge: Badge::of(&customer.shown_name(), customer.id.0),
        address: customer.address.as_ref().map_or(String::new(), ToString::to_string),
        name: customer.shown_name(),
        since: ui::day(customer.created_at, &chrome.when),
    }
}

#[derive(Template)]
#[template(path = "customer.html")]
struct CustomerPage {
    chrome: Chrome,
    id: PublicId,
    name: String,
    given_name: String,
    /// The same in short.
    was: String,
    badge: Badge,
    address: String,
    since: String,
    identities: Vec<IdentityLine>,
    notes: Vec<NoteLine>,
    tickets: Vec<TicketLine>,
    write_to: Option<String>,
    may_change: bool,
}

/// The customer, if this person has to do with them: nobody else is there for them.
async fn seen(desk: &Desk, actor: &Actor, id: PublicId) -> WebResult<Customer> {
    let conn = desk.db().read_list().await?;
    let customer = found(customers::find_by_public_id(&conn, id).await?)?;
    let known = lists::known_customers(&conn, reader(actor), &[customer.id]).await?;
    found(Some(customer).filter(|_| !known.is_empty()))
}

pub(super) async fn show(
    State(desk): State<Desk>,
    actor: Actor,
    Path(id): Path<PublicId>,
) -> WebResult<Response> {
    let customer = seen(&desk, &actor, id).await?;
    let maker = Maker::new(&desk, &actor).await?;
    let conn = desk.db().read_list().await?;
    let identities = customers::identities(&conn, customer.id).await?;
    let notes = customers::notes(&conn, customer.id).await?;
    let limit = TICKETS_SHOWN;
    let rows = lists::of_customer(&conn, reader(&actor), customer.id, limit).await?;
    drop(conn);
    let identities = identities.into_iter().map(|one| IdentityLine {
        address: one.value.to_string(),
        is_verified: one.verified_at.is_some(),
    });
    let write_to = customer.address.as_ref().map(path_to);
    let name = customer.shown_name();
    ui::page(&CustomerPage {
        chrome: desk.accounts.chrome(&actor, "/customers").await?,
        id,
        badge: Badge::of(&name, customer.id.0),
        name,
        given_name: customer.name.clone(),
        was: ui::shown(&[&customer.name]),
        address: customer.address.as_ref().map_or(String::new(), ToString::to_string),
        since: ui::day(customer.created_at, &maker.when),
        identities: identities.collect(),
        notes: notes.iter().map(|note| note_line(note, &maker)).collect(),
        tickets: rows.iter().map(|row| line(row, &maker)).collect(),
        write_to: write_to.filter(|_| actor.may(Act::WriteToCustomers)),
        may_change: actor.may(Act::ChangeCustomers),
    })
}

/// Changes the name, adds a note, or ends all links that were sent out.
pub(super) async fn change(
    State(desk): State<Desk>,
    actor: Actor,
    view: View,
    Path(id): Path<PublicId>,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&["name", "note", "links"])?;
    let customer = seen(&desk, &actor, id).await?;
    let w = desk.accounts.site().words(&actor.language);
    let now = desk.now();
    let mut tx = desk.db().begin().await?;
    if let Some(name) = fields.get("name") {
        let name = kernel::clip(&kernel::one_line(name), 200);
        customers::hold(&mut tx, customer.id).await?;
        let customer = found(customers::find(&tx, customer.id).await?)?;
        if fields.is_stale(&[&customer.name]) && customer.name != name {
            let sentence = w.a2("customer-meanwhile", "name", &customer.name, "yours", &name);
            return Err(WebError::Conflict(sentence));
        }
        customers::rename(&mut tx, customer.id, &name, now).await?;
        let entry = actor.did(Deed::CustomerChanged, now).on("customer", id, &name);
        let names = (json!({ "name": customer.name }), json!({ "name": name }));
        desk.accounts.note(&mut tx, entry.change(names.0, names.1));
    } else if let Some(note) = fields.get("note") {
        let note = kernel::clip(note.trim(), NOTE_CHARS_MAX);
        if note.is_empty() {
            return Err(WebError::Refused(w.t("customer-note-missing").to_owned()));
        }
        if !is_first(&mut tx, &actor, &fields, now).await? {
            return Ok(view.done(&format!("/customers/{id}"), &Toast::new(w.t("saved"))));
        }
        customers::add_note(&mut tx, customer.id, actor.id, &note, now).await?;
        let entry = actor.did(Deed::CustomerChanged, now).on("customer", id, &customer.name);
        desk.accounts.note(&mut tx, entry.with(json!({ "note": "added" })));
    } else if fields.get("links") == Some("revoke") {
        customers::revoke_links(&mut tx, customer.id, now).await?;
        let entry = actor.did(Deed::CustomerLinksRevoked, now);
        desk.accounts.note(&mut tx, entry.on("customer", id, &customer.name));
    } else {
        return Err(WebError::BadInput(w.t("change-unknown").to_owned()));
    }
    tx.commit().await?;
    Ok(view.done(&format!("/customers/{id}"), &Toast::new(w.t("saved"))))
}

/// Makes two records of one person into one: this one goes into the one of an address.
pub(super) async fn merge(
    State(desk): State<Desk>,
    actor: Actor,
    Path(id): Path<PublicId>,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&["address"])?;
    let from = seen(&desk, &actor, id).await?;
    let w = desk.accounts.site().words(&actor.language);
    let unknown = || WebError::Refused(w.t("customer-merge-unknown").to_owned());
    let address =
        fields.get("address").unwrap_or_default().trim().parse().ok().ok_or_else(unknown)?;
    let conn = desk.db().read().await?;
    let into = customers::by_address(&conn, &address).await?.ok_or_else(unknown)?;
    let into = customers::find(&conn, into).await?.ok_or_else(unknown)?;
    drop(conn);
    // Whoever is not there for this person cannot be merged with, either.
    let into = seen(&desk, &actor, into.public_id).await.ok().ok_or_else(unknown)?;
    let office = desk.office().await?;
    let mut tx = desk.db().begin().await?;
    merge_customers(&mut tx, &office, from.id, into.id).await?;
    let entry = actor.did(Deed::CustomersMerged, desk.now()).on("customer", id, &from.name);
    let into_which = json!({ "into": into.public_id.to_string(), "name": into.name });
    desk.accounts.note(&mut tx, entry.with(into_which));
    tx.commit().await?;
    Ok(ui::see_other(&format!("/customers/{}", into.public_id)))
}
