//! The pages in a real browser, with real mail servers around the program.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests stop at the first surprise, as the tests do"
)]

#[path = "../world/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the other tests use the rest of it")]
mod world;

mod access;
mod desk;
mod driver;
mod files;
mod frames;
mod hostile;
mod outside;
mod pages;
mod passkeys;
mod second_factor;
mod tab;
mod walk;
