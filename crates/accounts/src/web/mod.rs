//! Pages of accounts: the way in, one's own things, people, teams, the company, the system.

mod company;
mod cookie;
mod links;
mod me;
mod people;
mod set_up;
mod sign_in;
mod system;
mod teams;
mod tokens;
mod trail;

use axum::Router;

pub use set_up::steps as set_up_steps;

use crate::{Access, Accounts, Act, Route, Routes, SettingsPage};

/// What stands in the list of settings.
pub const SETTINGS_PAGES: &[SettingsPage] = &[
    SettingsPage {
        group: "settings-group-you",
        href: "/me",
        icon: "circle-user",
        label: "me-title",
        act: Act::ManageSelf,
    },
    SettingsPage {
        group: "settings-group-you",
        href: "/me/notifications",
        icon: "bell",
        label: "notify-title",
        act: Act::ManageSelf,
    },
    SettingsPage {
        group: "settings-group-you",
        href: "/me/tokens",
        icon: "key-round",
        label: "tokens-title",
        act: Act::ManageSelf,
    },
    SettingsPage {
        group: "settings-group-company",
        href: "/settings/people",
        icon: "users",
        label: "people-title",
        act: Act::ManagePeople,
    },
    SettingsPage {
        group: "settings-group-company",
        href: "/settings/teams",
        icon: "handshake",
        label: "teams-title",
        act: Act::ManagePeople,
    },
    SettingsPage {
        group: "settings-group-company",
        href: "/settings/company",
        icon: "palette",
        label: "company-title",
        act: Act::ManageCompany,
    },
    SettingsPage {
        group: "settings-group-company",
        href: "/settings/trail",
        icon: "history",
        label: "trail-title",
        act: Act::ManageCompany,
    },
    SettingsPage {
        group: "settings-group-company",
        href: "/settings/system",
        icon: "server",
        label: "system-title",
        act: Act::ManageCompany,
    },
];

pub fn routes(accounts: &Accounts) -> (Router, Vec<Route>) {
    let own = Access::May(Act::ManageSelf);
    let people = Access::May(Act::ManagePeople);
    let company = Access::May(Act::ManageCompany);
    Routes::new(accounts)
        .get("/", Access::Public, sign_in::home)
        .get("/login", Access::Public, sign_in::new)
        .post("/login", Access::Public, sign_in::create)
        .post("/logout", Access::Public, sign_in::delete)
        .get("/forgot", Access::Public, links::forgot)
        .post("/forgot", Access::Public, links::create_reset)
        .get("/reset/{token}", Access::Public, links::reset)
        .post("/reset/{token}", Access::Public, links::update_password)
        .get("/invite/{token}", Access::Public, links::invitation)
        .post("/invite/{token}", Access::Public, links::accept)
        .get("/setup/{token}", Access::Public, set_up::show)
        .post("/setup/{token}", Access::Public, set_up::create)
        .get("/setup/team", people, set_up::team)
        .post("/setup/team", people, set_up::invite_team)
        .get("/settings", own, me::settings)
        .get("/me", own, me::show)
        .post("/me", own, me::update)
        .post("/me/password", own, me::update_password)
        .post("/me/preferences", own, me::update_appearance)
        .get("/me/notifications", own, me::notifications)
        .post("/me/notifications", own, me::update_notifications)
        .post("/me/sessions/{id}/delete", own, me::delete_session)
        .post("/me/sessions/delete", own, me::delete_sessions)
        .get("/me/tokens", own, tokens::index)
        .post("/me/tokens", own, tokens::create)
        .post("/me/tokens/{id}/delete", own, tokens::delete)
        .get("/settings/people", people, people::index)
        .post("/settings/people", people, people::create)
        .get("/settings/people/{id}", people, people::show)
        .post("/settings/people/{id}", people, people::update)
        .post("/settings/people/{id}/link", people, people::create_link)
        .post("/settings/people/{id}/deactivate", people, people::deactivate)
        .post("/settings/people/{id}/reactivate", people, people::reactivate_person)
        .get("/settings/teams", people, teams::index)
        .post("/settings/teams", people, teams::create)
        .post("/settings/teams/{id}", people, teams::update)
        .post("/settings/teams/{id}/delete", people, teams::delete)
        .get("/settings/company", company, company::show)
        .post("/settings/company", company, company::update)
        .get("/settings/trail", company, trail::index)
        .post("/settings/trail/export", company, trail::export)
        .get("/settings/trail/{number}", company, trail::show)
        .get("/settings/system", company, system::show)
        .post("/settings/system/jobs/{id}/retry", company, system::retry_job)
        .post("/settings/system/jobs/{id}/delete", company, system::delete_job)
        .with_state(accounts.clone())
}
