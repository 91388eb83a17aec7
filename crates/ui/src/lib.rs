//! What every page has: the frame, the words, safe markup, forms, errors, headers, assets.
//!
//! Invariant: text becomes HTML through a type. A template escapes everything but [`Markup`], and
//! only this crate makes markup.

// Templates of this crate name its parts as those of other crates do.
extern crate self as ui;

mod answer;
mod assets;
mod chrome;
mod client;
mod color;
mod error;
mod fields;
mod form;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod headers;
mod keymap;
mod markup;
mod parts;
mod respond;
mod serve;
mod shares;
mod site;
mod upload;
mod when;
mod words;

pub use answer::Answer;
pub use chrome::{Appearance, Badge, Chrome, Count, Me, NavGroup, NavLink, SetUpStep};
pub use client::Client;
pub use color::BrandColors;
pub use error::{ErrorPages, WebError, WebResult, found, sentence};
pub use fields::{
    Choice, Field, check, error_summary, input, radios, secret, select, switch, text,
};
pub use form::{BROUGHT_ALONG, Fields, Form, Problem, Problems, WAS, WAS_OF, shown};
pub use headers::{Hosts, NotABaseUrl, guard_host, harden, make_careful};
pub use keymap::{KEYMAP, KeyGroup, KeyLine};
pub use markup::{Markup, markdown, marked, prose, prose_with_mentions, written_html};
pub use parts::{avatar, avatar_here, avatar_none, icon, icon_flip, logo, public_mark};
pub use respond::{Toast, View, again, fire, page, rendered, see_other};
pub use serve::asset_routes;
pub use shares::{Share, Shares};
pub use site::{Brand, Site};
pub use upload::{FILE_BYTES_MAX, Insider, Upload, UploadedFile};
pub use when::{
    When, clock_time, day, duration, end_of_day, moment, moment_ahead, moment_in_full, relative,
    start_of_day, zones,
};
pub use words::{Catalog, MESSAGES_EN, Number, Words};

pub use askama;
pub use assets::{PRELOAD, PRELOAD_INBOX, path as asset_path};

#[cfg(test)]
mod tests;
