//! Finding tickets and customers by their words.

use ::tickets::filter::Filter;
use ::tickets::finding::{After, FoundCustomers, LIMIT, Reader, find, find_customers};
use ::tickets::reading;
use accounts::{Act, Actor, Costly};
use axum::Json;
use axum::extract::State;
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::Api;
use crate::input::{Query, cursor, limit, place};
use crate::lookup::Lookup;
use crate::problem::{ApiResult, Kind, Problem};
use crate::wire;

const TOO_BROAD: &str =
    "looking took longer than two seconds; narrow it with another word or a condition";

/// What to look for.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// Words, `"exact phrases"`, `-without`, a reference, and operators: `status:open`,
    /// `from:jane@example.com`, `tag:refund`, `assignee:me`, `inbox:support`, `team:`,
    /// `category:`, `priority:high`, `channel:email`, `has:attachment`, `before:2026-01-01`,
    /// `after:2025-01-01`.
    #[param(example = "status:open \"money back\"")]
    q: String,
    /// How many, 1 to 100; 50 if it is left out.
    #[param(example = 20)]
    limit: Option<i64>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Search
///
/// Looks through messages, notes, subjects, names, addresses and file names of any age, in the
/// inboxes that you see. The best matches of the newest come first; by conditions alone, the
/// newest. Spam is left out unless `status:spam` asks for it.
#[utoipa::path(get, path = "/api/v1/search", tag = "Search", params(SearchQuery),
    responses((status = 200, description = "What was found", body = wire::Search)))]
pub(crate) async fn index(
    State(api): State<Api>,
    actor: Actor,
    Query(query): Query<SearchQuery>,
) -> ApiResult<Json<wire::Search>> {
    let limit = limit(query.limit)?;
    let after = place(query.after.as_deref(), After::read)?;
    if query.q.trim().is_empty() {
        return Err(Problem::field("q", "says nothing"));
    }
    api.accounts.count(&actor, Costly::Search)?;
    let conn = api.db().read_within(LIMIT).await?;
    let lookup = Lookup::open(&api, &conn).await?;
    let problems = reading::problems(&conn, Reader::of(&actor)).await?;
    let zone = TimeZone::get(&actor.time_zone).unwrap_or(TimeZone::UTC);
    let (filter, unknown) = Filter::read(&query.q, &lookup.known(&actor, &problems), &zone);
    let reader = Reader::of(&actor);
    let finds = find(&conn, reader, &filter, limit, after).await?;
    let too_slow = || Problem::saying(Kind::TooSlow, TOO_BROAD);
    if finds.gave_up {
        return Err(too_slow());
    }
    let ids: Vec<_> = finds.rows.iter().map(|find| find.row.id).collect();
    let cards = reading::cards(&conn, &ids).await?;
    let names = lookup.names();
    let data = finds
        .rows
        .iter()
        .filter_map(|find| {
            let card = cards.iter().find(|card| card.ticket.id == find.row.id)?;
            Some(wire::Found::of(find, wire::Ticket::of(card, &names)))
        })
        .collect();
    let customers = if query.after.is_none() && actor.may(Act::ReadCustomers) {
        find_customers(&conn, reader, &filter.terms, limit).await?
    } else {
        FoundCustomers::default()
    };
    if customers.gave_up {
        return Err(too_slow());
    }
    Ok(Json(wire::Search {
        data,
        next: finds.next.map(|next| cursor(&next.to_string())),
        customers: customers.rows.iter().map(wire::Customer::of).collect(),
        not_understood: unknown.iter().map(ToString::to_string).collect(),
    }))
}
