//! Pages of the mailroom: inboxes and how they are doing, what came in and what became of it,
//! what waits to leave, and mail as it was sent, in a frame that can do nothing.

mod body;
mod domain;
mod images;
mod inbox_form;
mod inboxes;
mod ledger;
mod oauth;
mod outgoing;
mod parts;
mod probe;
mod quarantine;
mod senders;
mod set_up;
mod standing;
mod wanted;

use accounts::{Access, Act, Route, Routes, SettingsPage};
use axum::Router;

pub(crate) use images::ImageStore;

use crate::Mailroom;

const GROUP: &str = "settings-group-channels";

/// What stands in the list of settings.
pub const SETTINGS_PAGES: &[SettingsPage] = &[
    SettingsPage {
        group: GROUP,
        href: "/settings/inboxes",
        icon: "mail",
        label: "inboxes-title",
        act: Act::ManageInboxes,
    },
    SettingsPage {
        group: GROUP,
        href: "/settings/mail",
        icon: "book",
        label: "ledger-title",
        act: Act::ReadMail,
    },
    SettingsPage {
        group: GROUP,
        href: "/settings/quarantine",
        icon: "shield-alert",
        label: "quarantine-title",
        act: Act::HandleMail,
    },
    SettingsPage {
        group: GROUP,
        href: "/settings/outgoing",
        icon: "send",
        label: "outgoing-title",
        act: Act::HandleMail,
    },
    SettingsPage {
        group: GROUP,
        href: "/settings/senders",
        icon: "user-x",
        label: "senders-title",
        act: Act::ManageInboxes,
    },
];

pub fn routes(mailroom: &Mailroom) -> (Router, Vec<Route>) {
    let inboxes = Access::May(Act::ManageInboxes);
    let secrets = Access::Confirmed(Act::ManageInboxes);
    let reads = Access::May(Act::ReadMail);
    let handles = Access::May(Act::HandleMail);
    Routes::new(&mailroom.accounts)
        .get("/settings/inboxes", inboxes, inboxes::index)
        .get("/settings/inboxes/new", secrets, inboxes::new)
        .post("/settings/inboxes", secrets, inboxes::create)
        .post("/settings/inboxes/probe", secrets, probe::of_new)
        .get("/settings/inboxes/oauth/callback", inboxes, oauth::callback)
        .get("/settings/inboxes/{id}", secrets, inboxes::show)
        .post("/settings/inboxes/{id}", secrets, inboxes::update)
        .post("/settings/inboxes/{id}/archive", inboxes, inboxes::archive)
        .post("/settings/inboxes/{id}/restore", inboxes, inboxes::restore)
        .post("/settings/inboxes/{id}/probe", secrets, probe::of_inbox)
        .get("/settings/inboxes/{id}/connect", secrets, oauth::connect)
        .get("/settings/inboxes/{id}/domain", inboxes, domain::show)
        .post("/settings/inboxes/{id}/dkim", secrets, domain::make_key)
        .post("/settings/inboxes/{id}/dkim/delete", secrets, domain::delete_key)
        .get("/setup/inbox", secrets, set_up::show)
        .post("/setup/inbox", secrets, set_up::create)
        .post("/setup/inbox/probe", secrets, set_up::probe)
        .get("/settings/mail", reads, ledger::index)
        .get("/settings/mail/{id}", reads, ledger::show)
        .get("/settings/mail/{id}/raw", reads, ledger::raw)
        .post("/settings/mail/{id}/retry", handles, ledger::retry)
        .get("/settings/quarantine", handles, quarantine::index)
        .post("/settings/quarantine/release", handles, quarantine::release)
        .post("/settings/quarantine/dismiss", handles, quarantine::dismiss)
        .post("/settings/quarantine/hold", handles, quarantine::hold)
        .post("/settings/quarantine/undo", handles, quarantine::undo)
        .get("/settings/senders", inboxes, senders::index)
        .post("/settings/senders", inboxes, senders::create)
        .post("/settings/senders/delete", inboxes, senders::delete)
        .post("/settings/senders/restore", inboxes, senders::restore)
        .get("/settings/outgoing", handles, outgoing::index)
        .post("/settings/outgoing/{id}/retry", handles, outgoing::retry)
        .post("/settings/outgoing/{id}/discard", handles, outgoing::discard)
        .post("/settings/outgoing/suppressions/delete", inboxes, outgoing::lift)
        .get("/t/{reference}/m/{message}/body", Access::May(Act::ReadTickets), body::show)
        .get("/t/{reference}/m/{message}/source", reads, body::source)
        .get("/mail/image", Access::Public, images::remote)
        .get("/mail/file/{id}", Access::Public, images::inline)
        .with_state(mailroom.clone())
}
