//! A lifelike world to look at and to measure with: a shop, its team, its customers, and all that
//! they wrote to one another.
//!
//! Invariants: the same order gives the same world; every row is one that the program's own
//! actions would have written; nothing is queued to be sent.

mod attached;
mod batch;
mod fate;
mod fill;
mod letters;
mod people;
mod phrases;
mod plan;
mod rng;
mod shop;
mod store;
mod story;
mod world;

pub use fill::{DemoRefusal, Filled, PASSWORD, Progress, fill};
pub use world::Order;

#[cfg(test)]
mod tests;
