//! The pages, through their router; `browser` is what everybody of the cast looks through.

mod browser;
mod changing;
mod composing;
mod guards;
mod listing;
mod live;
mod opening;
mod seen;
mod settings;
mod shaping;
mod unseen;
