//! The pages in a real browser, with real mail servers around the program.

#[path = "../world/mod.rs"]
#[expect(dead_code, reason = "the other tests use the rest of it")]
mod world;

mod access;
mod desk;
mod driver;
mod pages;
mod tab;
mod walk;
