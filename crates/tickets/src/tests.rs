//! Tests of the rules are in `rules`; `stage` sets the scene for the others.

mod customer_view;
mod filters;
mod finding;
mod lists;
mod receiving;
mod replying;
mod rules;
mod shaping;
mod stage;
mod web;
