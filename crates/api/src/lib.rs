//! The door for programs: JSON under `/api/v1`, with tokens, and its description.
//!
//! Invariants: every route names what its token must allow; what the person behind a token may
//! not see is not there; every field that comes in is a documented one; and every refusal is a
//! problem that says what to do. Decisions are made by the features; here they are only put
//! into words of the wire.

mod customers;
mod docs;
mod entries;
mod events;
mod files;
mod inboxes;
mod input;
mod json;
mod lookup;
mod mail;
mod once;
mod openapi;
mod pace;
mod patch;
mod problem;
mod search;
mod shared;
mod tickets;
mod version;
mod wire;

use std::sync::Arc;

use ::files::Files;
use ::tickets::actions::Office;
use accounts::{Access, Accounts, Act, Route, Routes, Scope};
use anyhow::Result;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::any;
use database::Db;
use kernel::Timestamp;
use keys::Keys;
use tokio_util::sync::CancellationToken;

pub use pace::Pace;
pub use problem::problems;

use crate::pace::Turnstile;
use crate::problem::{Kind, Problem};

/// Where all of it is.
const PREFIX: &str = "/api/v1";

/// What the handlers stand on. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    accounts: Accounts,
    keys: Keys,
    files: Files,
    stop: CancellationToken,
    description: Arc<openapi::Description>,
}

impl Api {
    fn db(&self) -> &Db {
        self.accounts.db()
    }

    fn now(&self) -> Timestamp {
        self.accounts.now()
    }

    async fn office(&self) -> Result<Office> {
        Office::open(&self.accounts, &self.keys).await
    }
}

/// What each route asks of a token.
#[derive(Clone)]
struct Guards(Arc<[Route]>);

impl Guards {
    fn scope(&self, method: &str, path: &str) -> Option<Scope> {
        let here = |route: &&Route| route.method == method && route.path == path;
        match self.0.iter().find(here)?.access {
            Access::Token(act) => Some(act.scope()),
            Access::Public | Access::Customer | Access::May(_) | Access::Confirmed(_) => None,
        }
    }
}

/// The routes for programs and their description. Streams of events end with `stop`.
pub fn routes(
    accounts: &Accounts,
    keys: &Keys,
    files: &Files,
    stop: &CancellationToken,
    pace: Pace,
) -> (Router, Vec<Route>) {
    let read = Access::Token(Act::ReadTickets);
    let mail = Access::Token(Act::ReadMail);
    let inboxes = Access::Token(Act::ReadInboxes);
    let customers = Access::Token(Act::ReadCustomers);
    let notes = Access::Token(Act::WriteNotes);
    let writes = Access::Token(Act::WriteToCustomers);
    let routes = Routes::new(accounts)
        .get("/api/v1/tickets", read, tickets::index)
        .post("/api/v1/tickets", writes, tickets::create)
        .get("/api/v1/tickets/{reference}", read, tickets::show)
        .patch("/api/v1/tickets/{reference}", Access::Token(Act::ChangeTickets), tickets::update)
        .get("/api/v1/tickets/{reference}/messages", read, entries::messages)
        .post("/api/v1/tickets/{reference}/messages", writes, entries::create_message)
        .get("/api/v1/tickets/{reference}/notes", read, entries::notes)
        .post("/api/v1/tickets/{reference}/notes", notes, entries::create_note)
        .get("/api/v1/search", read, search::index)
        .get("/api/v1/customers", customers, customers::index)
        .get("/api/v1/customers/{id}", customers, customers::show)
        .patch("/api/v1/customers/{id}", Access::Token(Act::ChangeCustomers), customers::update)
        .get("/api/v1/inboxes", inboxes, inboxes::index)
        .post("/api/v1/inboxes", Access::Token(Act::ManageInboxes), inboxes::create)
        .get("/api/v1/inboxes/{id}", inboxes, inboxes::show)
        .get("/api/v1/tags", read, shared::tags)
        .get("/api/v1/views", read, shared::views)
        .post("/api/v1/attachments", notes, files::create)
        .get("/api/v1/attachments/{id}", read, files::show)
        .get("/api/v1/mail/ledger", mail, mail::index)
        .get("/api/v1/mail/ledger/{id}", mail, mail::show)
        .get("/api/v1/mail/ledger/{id}/raw", mail, mail::raw)
        .get("/api/v1/events", read, events::stream)
        .get("/api/v1/openapi.json", Access::Public, docs::document)
        .get("/api/docs", Access::Public, docs::page);
    let list: Arc<[Route]> = routes.list().into();
    let description = Arc::new(openapi::describe(&list));
    let parametered = Arc::new(description.parametered());
    let api = Api {
        accounts: accounts.clone(),
        keys: keys.clone(),
        files: files.clone(),
        stop: stop.clone(),
        description,
    };
    let (router, guards) = routes.with_state(api);
    let router = router
        .method_not_allowed_fallback(wrong_method)
        .route(PREFIX, any(nothing))
        .route("/api/v1/", any(nothing))
        .route("/api/v1/{*rest}", any(nothing))
        .layer(from_fn_with_state(parametered, input::refuse_parameters))
        .layer(from_fn_with_state(Turnstile::new(accounts, pace), pace::pass))
        .layer(from_fn_with_state(Guards(list), problem::explain));
    (router, guards)
}

/// The texts of this feature.
pub const MESSAGES_EN: &str = include_str!("../messages/en.ftl");

async fn nothing() -> Problem {
    Problem::not_found()
}

async fn wrong_method() -> Problem {
    Problem::new(Kind::WrongMethod)
}

#[cfg(test)]
mod tests;
