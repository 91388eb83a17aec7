//! One door to two databases: SQLite in the data folder, PostgreSQL for those who outgrow it.
//!
//! Every other crate writes its SQL once, in the dialect that both share (`docs/decisions/0002`),
//! and hands it to a [`Conn`] or a [`Tx`]. What cannot be shared is in [`dialect`] and
//! [`search`]. Invariant: this is the only crate that names a driver.

pub mod bare;
pub mod bulk;
pub mod carry;
pub mod check;
mod column;
mod conn;
mod db;
pub mod dialect;
mod durability;
mod limit;
mod migrations;
mod network;
mod notices;
mod postgres;
mod quick_check;
mod room;
mod row;
mod safety_copy;
pub mod search;
mod sql;
mod sqlite;
pub mod testing;
mod tx;
mod value;

pub use column::Column;
pub use conn::{Conn, may_pass};
pub use db::{Db, Engine, Location, NotALocation};
pub use durability::careless_settings;
pub use limit::{LIST_LIMIT, took_too_long};
pub use migrations::{Migration, NewerSchema, is_begun, is_current};
pub use notices::Notices;
pub use quick_check::quick_check;
pub use room::Room;
pub use row::{Cols, FromRow};
pub use sql::Sql;
pub use tx::{Closing, Overtaken, Tx};
pub use value::{Kind, Value};

#[cfg(test)]
mod tests;
