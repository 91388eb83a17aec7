//! What every page has: the frame, the words, safe markup, forms, errors, headers, assets.
//!
//! Invariant: text becomes HTML through a type. A template escapes everything but [`Markup`], and
//! only this crate makes markup.

mod assets;
mod chrome;
mod client;
mod color;
mod error;
mod form;
mod headers;
mod markup;
mod respond;
mod serve;
mod site;
mod when;
mod words;

pub use chrome::{Appearance, Badge, Chrome, ChromeMaker, Count, Me, NavGroup, NavLink};
pub use client::Client;
pub use color::BrandColors;
pub use error::{ErrorPages, WebError, WebResult, found};
pub use form::{Fields, Form, Problem, Problems};
pub use headers::{Hosts, NotABaseUrl, Public, guard_host, harden};
pub use markup::{Markup, highlight, markdown, prose};
pub use respond::{Toast, View, fire, page, see_other};
pub use serve::asset_routes;
pub use site::{Brand, Site};
pub use when::{When, clock_time, day, duration, moment, moment_in_full, relative};
pub use words::{Catalog, MESSAGES_EN, Words};

pub use askama;
pub use assets::path as asset_path;

#[cfg(test)]
mod tests;
