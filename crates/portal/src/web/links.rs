//! The way in without a password, and the way out.

use askama::Template;
use audit::{Deed, Entry, Who};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use kernel::EmailAddress;
use tickets::By;
use tickets::actions::revoke_links;
use ui::{Brand, Client, Fields, Problems, WebResult, Words};

use super::face::Face;
use crate::link::{self, Door};
use crate::session::Session;
use crate::{Portal, actions, session, store};

#[derive(Template)]
#[template(path = "help_link.html")]
struct AskPage {
    w: Words,
    brand: Brand,
    email: String,
    is_sent: bool,
    /// Whether a mail would leave at all; the same for everybody who asks.
    can_leave: bool,
    problems: Problems,
}

/// Where somebody asks for a link; whoever is signed in needs none.
pub(super) async fn new(State(portal): State<Portal>, headers: HeaderMap) -> WebResult<Response> {
    let face = Face::of(&portal, &headers).await?;
    if face.session.is_some() {
        return Ok(ui::see_other("/help/requests"));
    }
    let Face { w, brand, .. } = face;
    ui::page(&AskPage {
        w,
        brand,
        email: String::new(),
        is_sent: false,
        can_leave: true,
        problems: Problems::default(),
    })
}

/// Sends a link; while no mail can leave, an owner sees who asked. The answer is the same for
/// those who are known and those who are not.
pub(super) async fn create(
    State(portal): State<Portal>,
    client: Client,
    headers: HeaderMap,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&["email"])?;
    let Face { w, brand, .. } = Face::of(&portal, &headers).await?;
    let email = kernel::clip(&kernel::one_line(fields.get("email").unwrap_or_default()), 300);
    let problems = Problems::default();
    let mut page = AskPage { w, brand, email, is_sent: false, can_leave: true, problems };
    let Some(address) = page.problems.keep("email", page.email.parse::<EmailAddress>()) else {
        return ui::again(&page);
    };
    portal.may_ask_for_link(&client.network(), address.as_str()).await?;
    actions::send_link_to(&portal, &address, &page.w).await?;
    page.can_leave = portal.can_send().await?;
    page.is_sent = true;
    ui::page(&page)
}

#[derive(Template)]
#[template(path = "help_enter.html")]
struct EnterPage {
    w: Words,
    brand: Brand,
    token: String,
    state: LinkState,
}

/// What a page can say about a link.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LinkState {
    Open,
    /// A new one can be sent to whoever had this one.
    Over,
    Unknown,
    SentAgain,
    /// No mail can leave yet; an owner sees who asked.
    NotSent,
}

/// Where a link leads to.
fn target(link: &link::StoredLink) -> String {
    match link.ticket {
        Some(ticket) => format!("/help/requests/{ticket}"),
        None => "/help/requests".to_owned(),
    }
}

/// Looking at a link does not use it: programs that look into mails do that too.
pub(super) async fn show(
    State(portal): State<Portal>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> WebResult<Response> {
    let Face { w, brand, session, .. } = Face::of(&portal, &headers).await?;
    let conn = portal.db().read().await?;
    let door = link::look(&conn, portal.keys(), &token, portal.now()).await?;
    drop(conn);
    let is_own = |link: &link::StoredLink| {
        session.as_ref().is_some_and(|session| session.customer == link.customer)
    };
    let state = match &door {
        Door::Open(link) | Door::Closed(link) if is_own(link) => {
            return Ok(ui::see_other(&target(link)));
        }
        Door::Open(_) => LinkState::Open,
        Door::Closed(_) => LinkState::Over,
        Door::None => LinkState::Unknown,
    };
    let page = EnterPage { w, brand, token, state };
    let mut response = ui::page(&page)?;
    if state != LinkState::Open {
        // To a program, a link that is over looks like one that never was.
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    Ok(response)
}

pub(super) async fn enter(
    State(portal): State<Portal>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> WebResult<Response> {
    let mut tx = portal.db().begin().await?;
    let entered = link::enter(&mut tx, portal.keys(), &token, portal.now()).await?;
    let Some((session_token, link)) = entered else {
        drop(tx);
        return show(State(portal), Path(token), headers).await;
    };
    session::end(&portal, &mut tx, &headers).await?;
    tx.commit().await?;
    let mut response = ui::see_other(&target(&link));
    session::keep(&portal, &mut response, &session_token);
    Ok(response)
}

/// A new link in place of one that is over, to the same address.
pub(super) async fn again(
    State(portal): State<Portal>,
    Path(token): Path<String>,
    client: Client,
    headers: HeaderMap,
) -> WebResult<Response> {
    let Face { w, brand, .. } = Face::of(&portal, &headers).await?;
    let conn = portal.db().read().await?;
    let door = link::look(&conn, portal.keys(), &token, portal.now()).await?;
    drop(conn);
    let state = match door {
        Door::Open(link) | Door::Closed(link) => {
            portal.may_ask_for_link(&client.network(), link.address.as_str()).await?;
            actions::send_link_to(&portal, &link.address, &w).await?;
            if portal.can_send().await? { LinkState::SentAgain } else { LinkState::NotSent }
        }
        Door::None => LinkState::Unknown,
    };
    ui::page(&EnterPage { w, brand, token: String::new(), state })
}

pub(super) async fn sign_out(
    State(portal): State<Portal>,
    headers: HeaderMap,
) -> WebResult<Response> {
    let mut tx = portal.db().begin().await?;
    session::end(&portal, &mut tx, &headers).await?;
    tx.commit().await?;
    let mut response = ui::see_other("/help");
    session::forget(&portal, &mut response);
    Ok(response)
}

/// Ends every link and every session of the customer.
pub(super) async fn revoke(
    State(portal): State<Portal>,
    client: Client,
    headers: HeaderMap,
) -> WebResult<Response> {
    let Some(Session { customer, address, .. }) = session::of(&portal, &headers).await? else {
        return Ok(ui::see_other("/help/link"));
    };
    let mut tx = portal.db().begin().await?;
    let who = Who::customer(customer, address.as_str()).from(Some(client.0));
    let entry = Entry::new(Deed::CustomerLinksRevoked, who, portal.now());
    portal.accounts().note(&mut tx, entry.on("customer", customer, address.as_str()));
    revoke_links(&mut tx, customer, By::Customer, portal.now()).await?;
    store::end_sessions_of(&mut tx, customer).await?;
    tx.commit().await?;
    let mut response = ui::see_other("/help/link");
    session::forget(&portal, &mut response);
    Ok(response)
}
