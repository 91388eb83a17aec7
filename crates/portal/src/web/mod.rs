//! Pages of the portal, and the page on which its topics are set.

mod contact;
mod download;
mod face;
mod links;
mod requests;
mod topics;
mod waiting;

use accounts::{Access, Act, Route, Routes, SettingsPage};
use axum::Router;

use crate::Portal;

/// What stands in the list of settings.
pub const SETTINGS_PAGES: &[SettingsPage] = &[
    SettingsPage {
        group: "settings-group-channels",
        href: "/settings/topics",
        icon: "file-text",
        label: "topics-title",
        act: Act::ManageTaxonomy,
    },
    SettingsPage {
        group: "settings-group-channels",
        href: "/settings/links",
        icon: "key-round",
        label: "waiting-title",
        act: Act::ManageCompany,
    },
];

pub fn routes(portal: &Portal) -> (Router, Vec<Route>) {
    let taxonomy = Access::May(Act::ManageTaxonomy);
    let company = Access::May(Act::ManageCompany);
    // A link is the key to all that somebody wrote.
    let links_of_customers = Access::Confirmed(Act::ManageCompany);
    Routes::new(portal.accounts())
        .get("/help", Access::Public, contact::front)
        .get("/help/contact", Access::Public, contact::new)
        .post("/help/contact", Access::Public, contact::create)
        .get("/help/contact/sent/{reference}/{receipt}", Access::Public, contact::sent)
        .get("/help/link", Access::Public, links::new)
        .post("/help/link", Access::Public, links::create)
        .get("/help/link/{token}", Access::Public, links::show)
        .post("/help/link/{token}", Access::Public, links::enter)
        .post("/help/link/{token}/again", Access::Public, links::again)
        .get("/help/requests", Access::Customer, requests::index)
        .get("/help/requests/{reference}", Access::Customer, requests::show)
        .post("/help/requests/{reference}/messages", Access::Customer, requests::create_message)
        .post("/help/requests/{reference}/solved", Access::Customer, requests::solve)
        .post("/help/requests/{reference}/reopen", Access::Customer, requests::reopen)
        .get("/help/files/{id}", Access::Customer, download::show)
        .post("/help/sign-out", Access::Customer, links::sign_out)
        .post("/help/links/revoke", Access::Customer, links::revoke)
        .get("/settings/topics", taxonomy, topics::index)
        .post("/settings/topics", taxonomy, topics::create)
        .post("/settings/topics/{id}", taxonomy, topics::update)
        .post("/settings/topics/{id}/up", taxonomy, topics::move_up)
        .post("/settings/topics/{id}/archive", taxonomy, topics::archive)
        .post("/settings/topics/{id}/restore", taxonomy, topics::restore)
        .get("/settings/links", company, waiting::index)
        .post("/settings/links", links_of_customers, waiting::create)
        .with_state(portal.clone())
}
