//! The customer's side: the contact form, links instead of passwords, and everybody's own
//! requests.
//!
//! Invariants: what a page shows of a ticket passed [`tickets::customer_view`]; nothing that
//! somebody typed leaves by mail; an answer never tells whether an address is known.

mod actions;
mod asked;
mod form_token;
mod letters;
mod link;
mod portal;
mod session;
mod store;
mod topic;
mod web;

pub use portal::Portal;
pub use web::{SETTINGS_PAGES, routes};

/// The texts of this feature.
pub const MESSAGES_EN: &str = include_str!("../messages/en.ftl");

#[cfg(test)]
mod tests;
