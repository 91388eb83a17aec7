//! Tests through the router, as a browser would; `stage` is the browser.

mod contact;
mod links;
mod requests;
mod rules;
mod settings;
mod stage;
