//! The whole program, tested through the doors that people, programs and mail servers use.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests stop at the first surprise, as the tests do"
)]

#[path = "../world/mod.rs"]
mod world;

mod agreeing;
mod answers;
mod bodies;
mod bombs;
mod canaries;
mod carrying;
mod coming;
mod crawler;
mod described;
mod doors;
mod forms;
mod furnished;
mod house;
mod inputs;
mod jumps;
mod keyless;
mod limits;
mod matrix;
mod nodes;
mod permission;
mod setting_up;
mod side_doors;
mod stopping;
mod tools;
mod trail;
mod turning;
