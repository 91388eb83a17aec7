//! The program: settings, commands, and the one place where all features are put together.

pub mod carry;
pub mod check;
mod commands;
pub mod config;
mod foundation;
pub mod local;
mod log;
mod program;
mod reserve;
mod server;
mod soundness;
mod stop;
mod tasks;
pub mod turning;
mod wiring;

pub use commands::run;
pub use foundation::Foundation;
pub use program::Program;
