//! Who works here: people, roles, teams, inboxes, sign-in, sessions, tokens, the company.
//!
//! Invariant: what somebody may do is decided by [`policy`] alone, is asked for by every route
//! ([`Routes`]), and is read anew when it changes.

mod actions;
mod actor;
mod agent;
mod api_token;
mod company;
mod damage;
mod directory;
mod frame;
mod id_token;
mod inbox;
mod jobs;
mod letters;
mod noted;
mod once;
mod pace;
mod passkeys;
mod password;
mod percent;
pub mod policy;
mod preferences;
mod provider;
mod role;
mod routes;
mod sealed;
mod second_factor;
mod service;
mod session;
mod sign_in;
mod sign_in_rules;
mod store;
pub mod testing;
mod totp;
mod trail;
mod web;

pub use actions::{
    AccountRefusal, Invitation, NewOwner, accept_invitation, add_agent, change_password,
    deactivate, invite, make_reset_link, make_set_up_link, reactivate, set_password_with_link,
    set_up, update_agent, working,
};
pub use actor::{Actor, Came, Scope, Scopes, Sees, UnknownScope};
pub use agent::{Agent, AgentState};
pub use api_token::{ApiToken, NewToken};
pub use company::{Company, SystemMail};
pub use damage::{tell_of_damage, tell_of_lost_mail};
pub use directory::{AgentCard, Directory, TeamCard};
pub use frame::{ChromeMaker, SettingsPage};
pub use inbox::{
    Inbox, InboxKind, InboxRefusal, NewInbox, add_inbox, archive_inbox, let_maker_see, update_inbox,
};
pub use jobs::{HandOver, HandOverWork};
pub use letters::{SystemLetter, can_leave, send as send_system_letter};
pub use once::{FORM_KEY, is_first};
pub use pace::{Costly, PersonPace};
pub use passkeys::PasskeyRefusal;
pub use password::{NewPassword, WeakPassword, hash as hash_password};
pub use policy::Act;
pub use preferences::{Notify, Preferences, Ways};
pub use provider::{Provider, ProviderRefusal};
pub use role::Role;
pub use routes::{Access, Route, Routes};
pub use sealed::seal_anew;
pub use second_factor::{FactorRefusal, remove_second_factors};
pub use service::Accounts;
pub use session::{SESSION_ABSOLUTE, SESSION_IDLE, SessionCard, SessionLimits};
pub use sign_in::SignInRefusal;
pub use sign_in_rules::SignInRules;
pub use store::api_tokens::{make_token, revoke_token, tokens_of};
pub use store::settings;
pub use trail::{Verified, verify_trail, vouch_for_trail};
pub use web::{SETTINGS_PAGES, routes, set_up_steps};

/// The texts of this feature.
pub const MESSAGES_EN: &str = include_str!("../messages/en.ftl");

#[cfg(test)]
mod tests;
