//! What the server of a database is set to that may lose what it confirmed.

use anyhow::Result;

use crate::{Conn, Engine, params};

/// Settings of the server that are off, and without which a loss of power can damage the database:
/// no connection can turn them on for itself. SQLite is opened with its own, and asserts them.
pub async fn careless_settings(conn: &Conn) -> Result<Vec<String>> {
    if conn.engine() == Engine::Sqlite {
        return Ok(Vec::new());
    }
    let off: Vec<(String,)> = conn
        .all(
            "select name from pg_settings
              where name in ('fsync', 'full_page_writes') and setting = 'off'
              order by name",
            params![],
        )
        .await?;
    Ok(off.into_iter().map(|(name,)| name).collect())
}
