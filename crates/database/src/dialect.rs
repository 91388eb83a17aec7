//! Where the two databases differ and SQL cannot hide it.

use crate::{Engine, Sql};

/// The end of a sub-select that picks rows to work on: on PostgreSQL, rows that another worker
/// holds are passed over; on SQLite there is one writer, so nobody can hold any.
pub fn skip_locked(sql: &mut Sql, engine: Engine) {
    match engine {
        Engine::Sqlite => {}
        Engine::Postgres => {
            sql.push(" for update skip locked");
        }
    }
}

/// The end of a select whose row is about to be changed depending on what it says.
pub fn for_update(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "",
        Engine::Postgres => " for update",
    }
}

/// The end of a select of a row that others are about to refer to: until the transaction ends it
/// cannot be removed. None where the one writer keeps it anyway.
pub fn to_refer_to(engine: Engine) -> Option<&'static str> {
    match engine {
        Engine::Sqlite => None,
        Engine::Postgres => Some(" for key share"),
    }
}
