//! The people who write in, as far as the person behind the token has to do with them.

use ::customers::{by_address, find, find_by_public_id, hold, identities, rename};
use ::tickets::finding::Reader;
use ::tickets::reading;
use accounts::Actor;
use audit::Deed;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use database::Conn;
use kernel::PublicId;
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use crate::Api;
use crate::entries::{id, page};
use crate::input::{Id, Input, Query, limit, place};
use crate::lookup::address;
use crate::problem::{ApiResult, Problem};
use crate::version::{self, Expected};
use crate::wire::{self, Page};

/// Which customers.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CustomerQuery {
    /// Only the one with this mail address.
    #[param(example = "dana@example.com")]
    email: Option<String>,
    /// How many, 1 to 100; 50 if it is left out.
    limit: Option<i64>,
    /// `next` of the page before.
    after: Option<String>,
}

/// List customers
///
/// The latest first. Somebody who sees only some inboxes sees only who wrote there.
#[utoipa::path(get, path = "/api/v1/customers", tag = "Customers", params(CustomerQuery),
    responses((status = 200, description = "A page of customers", body = Page<wire::Customer>)))]
pub(crate) async fn index(
    State(api): State<Api>,
    actor: Actor,
    Query(query): Query<CustomerQuery>,
) -> ApiResult<Json<Page<wire::Customer>>> {
    let (limit, after) = (limit(query.limit)?, place(query.after.as_deref(), id)?);
    let conn = api.db().read_list().await?;
    let reader = Reader::of(&actor);
    if let Some(email) = &query.email {
        let known = by_address(&conn, &address("email", email)?).await?;
        let customer = match known {
            Some(id) if reading::knows(&conn, reader, id).await? => find(&conn, id).await?,
            Some(_) | None => None,
        };
        let data = customer.iter().map(wire::Customer::of).collect();
        return Ok(Json(Page { data, next: None }));
    }
    let before = match after {
        Some(id) => match visible(&conn, &actor, id).await {
            Ok(customer) => Some(customer.id),
            Err(problem) if problem.is_not_found() => return Err(Problem::foreign_cursor()),
            Err(problem) => return Err(problem),
        },
        None => None,
    };
    let rows = reading::customers(&conn, reader, before, limit + 1).await?;
    let place_of = |row: &::customers::Customer| row.public_id.to_string();
    Ok(Json(page(rows, limit, place_of, wire::Customer::of)))
}

async fn visible(conn: &Conn, actor: &Actor, id: PublicId) -> ApiResult<::customers::Customer> {
    let customer = find_by_public_id(conn, id).await?.ok_or_else(Problem::not_found)?;
    let is_known = reading::knows(conn, Reader::of(actor), customer.id).await?;
    if is_known { Ok(customer) } else { Err(Problem::not_found()) }
}

/// Get a customer
#[utoipa::path(get, path = "/api/v1/customers/{id}", tag = "Customers",
    params(("id" = String, Path)),
    responses((status = 200, description = "The customer", body = wire::Customer)))]
pub(crate) async fn show(State(api): State<Api>, actor: Actor, Id(id): Id) -> ApiResult<Response> {
    let conn = api.db().read().await?;
    let customer = visible(&conn, &actor, id).await?;
    version::answer(&whole(&conn, &customer).await?)
}

/// The customer with all addresses.
async fn whole(conn: &Conn, customer: &::customers::Customer) -> ApiResult<wire::Customer> {
    let identities = identities(conn, customer.id).await?;
    Ok(wire::Customer::of(customer).with(&identities))
}

/// Change a customer
///
/// With `If-Match` the change is made only to the customer that was seen.
#[utoipa::path(patch, path = "/api/v1/customers/{id}", tag = "Customers",
    params(("id" = String, Path)), request_body = wire::CustomerPatch,
    responses((status = 200, description = "The customer as it is now", body = wire::Customer)))]
pub(crate) async fn update(
    State(api): State<Api>,
    actor: Actor,
    Id(id): Id,
    expected: Expected,
    input: Input<wire::CustomerPatch>,
) -> ApiResult<Response> {
    let mut tx = api.db().begin().await?;
    let held = visible(&tx, &actor, id).await?.id;
    hold(&mut tx, held).await?;
    let customer = visible(&tx, &actor, id).await?;
    expected.meets(&whole(&tx, &customer).await?)?;
    if let Some(name) = &input.value.name {
        rename(&mut tx, customer.id, name, api.now()).await?;
        let entry = actor.did(Deed::CustomerChanged, api.now()).on("customer", id, name);
        let names = (json!({ "name": customer.name }), json!({ "name": name }));
        api.accounts.note(&mut tx, entry.change(names.0, names.1));
    }
    let customer = find(&tx, customer.id).await?.ok_or_else(Problem::not_found)?;
    let changed = whole(&tx, &customer).await?;
    tx.commit().await?;
    version::answer(&changed)
}
