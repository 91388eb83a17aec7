//! Pages of accounts: the way in, one's own things, people, teams, the company, the system.

mod company;
mod confirm;
mod cookie;
mod links;
mod me;
mod passkeys;
mod people;
mod provider;
mod qr;
mod second_factor;
mod second_step;
mod set_up;
mod sign_in;
mod sign_in_rules;
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
        href: "/me/second-factor",
        icon: "shield-check",
        label: "factor-title",
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
        href: "/settings/sign-in",
        icon: "lock",
        label: "rules-title",
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
    let routes = at_the_door(Routes::new(accounts));
    of_the_company(of_oneself(routes)).with_state(accounts.clone())
}

/// The ways in, and out.
fn at_the_door(routes: Routes<Accounts>) -> Routes<Accounts> {
    routes
        .get("/", Access::Public, sign_in::home)
        .get("/login", Access::Public, sign_in::new)
        .post("/login", Access::Public, sign_in::create)
        .get("/login/code", Access::Public, second_step::show)
        .post("/login/code", Access::Public, second_step::create)
        .post("/login/passkey/begin", Access::Public, passkeys::ask_to_sign_in)
        .post("/login/passkey", Access::Public, passkeys::sign_in_with)
        .post("/login/code/passkey/begin", Access::Public, passkeys::ask_for_second_factor)
        .post("/login/code/passkey", Access::Public, passkeys::give_second_factor)
        .get("/login/provider", Access::Public, provider::begin)
        .get("/login/provider/callback", Access::Public, provider::callback)
        .post("/logout", Access::Public, sign_in::delete)
        .get("/forgot", Access::Public, links::forgot)
        .post("/forgot", Access::Public, links::create_reset)
        .get("/reset/{token}", Access::Public, links::reset)
        .post("/reset/{token}", Access::Public, links::update_password)
        .get("/invite/{token}", Access::Public, links::invitation)
        .post("/invite/{token}", Access::Public, links::accept)
        .get("/setup/{token}", Access::Public, set_up::show)
        .post("/setup/{token}", Access::Public, set_up::create)
}

/// One's own things.
fn of_oneself(routes: Routes<Accounts>) -> Routes<Accounts> {
    let own = Access::May(Act::ManageSelf);
    let own_secrets = Access::Confirmed(Act::ManageSelf);
    routes
        .get("/confirm", own, confirm::show)
        .post("/confirm", own, confirm::create)
        .get("/settings", own, me::settings)
        .get("/me", own, me::show)
        .post("/me", own, me::update)
        .post("/me/password", own, me::update_password)
        .post("/me/preferences", own, me::update_appearance)
        .get("/me/notifications", own, me::notifications)
        .post("/me/notifications", own, me::update_notifications)
        .post("/me/sessions/{id}/delete", own, me::delete_session)
        .post("/me/sessions/delete", own, me::delete_sessions)
        .get("/me/second-factor", own_secrets, second_factor::show)
        .post("/me/second-factor/app", own_secrets, second_factor::begin)
        .post("/me/second-factor/app/confirm", own_secrets, second_factor::confirm)
        .post("/me/second-factor/app/delete", own_secrets, second_factor::delete)
        .post("/me/second-factor/passkeys/begin", own_secrets, passkeys::ask_to_register)
        .post("/me/second-factor/passkeys", own_secrets, passkeys::create)
        .post("/me/second-factor/passkeys/{id}/delete", own_secrets, passkeys::delete)
        .post("/me/second-factor/codes", own_secrets, second_factor::renew_codes)
        .get("/me/provider/connect", own_secrets, provider::connect)
        .post("/me/provider/delete", own_secrets, provider::delete)
        .get("/me/tokens", own_secrets, tokens::index)
        .post("/me/tokens", own_secrets, tokens::create)
        .post("/me/tokens/{id}/delete", own, tokens::delete)
}

/// People, teams, the company, the system.
fn of_the_company(routes: Routes<Accounts>) -> Routes<Accounts> {
    let people = Access::May(Act::ManagePeople);
    let rights = Access::Confirmed(Act::ManagePeople);
    let company = Access::May(Act::ManageCompany);
    let company_secrets = Access::Confirmed(Act::ManageCompany);
    routes
        .get("/setup/team", rights, set_up::team)
        .post("/setup/team", rights, set_up::invite_team)
        .get("/settings/people", rights, people::index)
        .post("/settings/people", rights, people::create)
        .get("/settings/people/{id}", rights, people::show)
        .post("/settings/people/{id}", rights, people::update)
        .post("/settings/people/{id}/link", rights, people::create_link)
        .post("/settings/people/{id}/second-factor/delete", rights, people::delete_second_factor)
        .post("/settings/people/{id}/deactivate", rights, people::deactivate)
        .post("/settings/people/{id}/reactivate", rights, people::reactivate_person)
        .get("/settings/teams", people, teams::index)
        .post("/settings/teams", people, teams::create)
        .post("/settings/teams/{id}", people, teams::update)
        .post("/settings/teams/{id}/delete", people, teams::delete)
        .get("/settings/company", company_secrets, company::show)
        .post("/settings/company", company_secrets, company::update)
        .get("/settings/sign-in", company_secrets, sign_in_rules::show)
        .post("/settings/sign-in", company_secrets, sign_in_rules::update)
        .post("/settings/sign-in/sessions", company_secrets, sign_in_rules::update_sessions)
        .post("/settings/sign-in/provider", company_secrets, sign_in_rules::update_provider)
        .post("/settings/sign-in/provider/delete", company_secrets, sign_in_rules::delete_provider)
        .get("/settings/trail", company, trail::index)
        .post("/settings/trail/export", company_secrets, trail::export)
        .get("/settings/trail/{number}", company, trail::show)
        .get("/settings/system", company, system::show)
        .post("/settings/system/jobs/{id}/retry", company, system::retry_job)
        .post("/settings/system/jobs/{id}/delete", company, system::delete_job)
}
