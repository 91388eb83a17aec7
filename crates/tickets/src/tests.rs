//! Tests of the rules are in `rules`; `stage` sets the scene for the others.

mod arriving;
mod chance;
mod collecting;
mod customer_view;
mod filters;
mod filters_fit;
mod finding;
mod fuzzed;
mod joining;
mod leaving;
mod lists;
mod moving;
mod notes_stay;
mod racing;
mod receiving;
mod replying;
mod rules;
mod shaping;
mod spoofing;
mod stage;
mod web;
