//! Inboxes: which there are, and new ones.

use accounts::{Actor, NewInbox, add_inbox, let_maker_see};
use audit::Deed;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use mailroom::{PlainConnection, PlainEndpoint, PlainOauth, Tls, connect};
use serde_json::json;

use crate::Api;
use crate::entries::{Paging, id, page};
use crate::input::{Id, Input, Query, limit, place};
use crate::lookup::address;
use crate::once::{Once, Turn};
use crate::problem::{ApiResult, Problem};
use crate::wire::{self, Auth, Page};

/// List inboxes
///
/// Those that you see, in the order in which they were made.
#[utoipa::path(get, path = "/api/v1/inboxes", tag = "Inboxes", params(Paging),
    responses((status = 200, description = "A page of inboxes", body = Page<wire::Inbox>)))]
pub(crate) async fn index(
    State(api): State<Api>,
    actor: Actor,
    Query(paging): Query<Paging>,
) -> ApiResult<Json<Page<wire::Inbox>>> {
    let (limit, after) = (limit(paging.limit)?, place(paging.after.as_deref(), id)?);
    let directory = api.accounts.directory().await?;
    let mut rows: Vec<accounts::Inbox> =
        directory.inboxes().filter(|inbox| actor.may_see(inbox.id)).cloned().collect();
    rows.sort_by_key(|inbox| inbox.id);
    if let Some(after) = after {
        let seen = directory.inbox_by_public_id(after);
        let seen = seen.ok_or_else(|| Problem::field("after", "is not a cursor of this list"))?;
        rows.retain(|inbox| inbox.id > seen.id);
    }
    Ok(Json(page(rows, limit, |row| row.public_id.to_string(), wire::Inbox::of)))
}

/// Get an inbox
#[utoipa::path(get, path = "/api/v1/inboxes/{id}", tag = "Inboxes",
    params(("id" = String, Path)),
    responses((status = 200, description = "The inbox", body = wire::Inbox)))]
pub(crate) async fn show(
    State(api): State<Api>,
    actor: Actor,
    Id(id): Id,
) -> ApiResult<Json<wire::Inbox>> {
    let directory = api.accounts.directory().await?;
    let inbox = directory.inbox_by_public_id(id).filter(|inbox| actor.may_see(inbox.id));
    inbox.map(|inbox| Json(wire::Inbox::of(inbox))).ok_or_else(Problem::not_found)
}

/// Create an inbox
///
/// Its servers are not asked here: whether they answer is seen on the page of the inbox and in
/// the ledger. With XOAUTH2 the access token is fetched, and renewed before it ends, from
/// `token_url`.
#[utoipa::path(post, path = "/api/v1/inboxes", tag = "Inboxes", request_body = wire::NewInbox,
    responses((status = 201, description = "The new inbox", body = wire::Inbox)))]
pub(crate) async fn create(
    State(api): State<Api>,
    actor: Actor,
    input: Input<wire::NewInbox>,
) -> ApiResult<Response> {
    let Input { value, sent } = input;
    let address = address("address", &value.address)?;
    if kernel::one_line(&value.name).is_empty() {
        return Err(Problem::field("name", "says nothing"));
    }
    let connection = connection(&value)?;
    let mut once = match Once::begin(&api, &actor, &sent).await? {
        Turn::First(once) => once,
        Turn::Again(response) => return Ok(response),
    };
    let now = api.now();
    let company = api.accounts.company().await?;
    let new = NewInbox::email(kernel::one_line(&value.name), address, &company.name);
    let id = add_inbox(&mut once.tx, &new, now).await?;
    let_maker_see(&mut once.tx, &actor, id).await?;
    if connection.imap.is_some() || connection.smtp.is_some() {
        connect(&mut once.tx, &api.keys, id, &connection, now).await?;
    }
    let entry = actor.did(Deed::InboxMade, now).on("inbox", id, &new.name);
    let described = json!({ "name": new.name, "address": value.address });
    api.accounts.note(&mut once.tx, entry.with(described));
    let inboxes = accounts::Inbox::all(&once.tx).await?;
    let made = inboxes.iter().find(|inbox| inbox.id == id).ok_or_else(Problem::not_found)?;
    once.created(&wire::Inbox::of(made)).await
}

fn connection(new: &wire::NewInbox) -> ApiResult<PlainConnection> {
    let oauth = oauth(new)?;
    let read = |field: &'static str, endpoint: &Option<wire::NewEndpoint>| {
        endpoint.as_ref().map(|one| endpoint_of(field, one, oauth.is_some())).transpose()
    };
    let (imap, smtp) = (read("imap", &new.imap)?, read("smtp", &new.smtp)?);
    if oauth.is_some() && imap.is_none() && smtp.is_none() {
        return Err(Problem::field("auth", "needs “imap” or “smtp” beside it"));
    }
    Ok(PlainConnection { imap, smtp, oauth })
}

/// The permission, wherever it was written: there is one for both directions.
fn oauth(new: &wire::NewInbox) -> ApiResult<Option<PlainOauth>> {
    let of =
        |endpoint: &Option<wire::NewEndpoint>| endpoint.as_ref().and_then(|one| one.auth.clone());
    let said: Vec<Auth> =
        [new.auth.clone(), of(&new.imap), of(&new.smtp)].into_iter().flatten().collect();
    if said.windows(2).any(|two| two.first() != two.last()) {
        return Err(Problem::field("auth", "is one and the same for both directions"));
    }
    let Some(Auth::Xoauth2(given)) = said.into_iter().next() else { return Ok(None) };
    if !given.token_url.starts_with("https://") && !given.token_url.starts_with("http://") {
        return Err(Problem::field("auth.xoauth2.token_url", "is not a web address"));
    }
    for (field, is_empty) in [
        ("auth.xoauth2.client_id", given.client_id.trim().is_empty()),
        ("auth.xoauth2.refresh_token", given.refresh_token.is_empty()),
    ] {
        if is_empty {
            return Err(Problem::field(field, "says nothing"));
        }
    }
    Ok(Some(PlainOauth {
        client_id: given.client_id,
        client_secret: given.client_secret,
        token_url: given.token_url,
        refresh_token: given.refresh_token,
    }))
}

fn endpoint_of(
    field: &str,
    given: &wire::NewEndpoint,
    has_oauth: bool,
) -> ApiResult<PlainEndpoint> {
    let wrong = |_| Problem::field(format!("{field}.tls"), "is “none”, “starttls” or “implicit”");
    let tls = Tls::named(&given.tls).map_err(wrong)?;
    let host = given.host.trim();
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    if host.is_empty() || host.len() > 253 || !host.chars().all(is_name) {
        return Err(Problem::field(format!("{field}.host"), "is not a host name"));
    }
    if given.port == 0 {
        return Err(Problem::field(format!("{field}.port"), "is not a port"));
    }
    let user = given.user.as_deref().unwrap_or_default().trim();
    if user.is_empty() && (field == "imap" || has_oauth || given.password.is_some()) {
        return Err(Problem::field(format!("{field}.user"), "is missing"));
    }
    if field == "imap" && given.password.is_none() && !has_oauth {
        return Err(Problem::field("imap.password", "is missing"));
    }
    Ok(PlainEndpoint {
        host: host.to_owned(),
        port: given.port,
        tls,
        user: user.to_owned(),
        password: given.password.clone(),
    })
}
