//! The whole program, tested through the doors that people, programs and mail servers use.

#[path = "../world/mod.rs"]
mod world;

mod answers;
mod coming;
mod doors;
mod house;
mod nodes;
mod permission;
mod setting_up;
mod tools;
