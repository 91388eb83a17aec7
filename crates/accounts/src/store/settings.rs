//! Settings of the installation that live in the database, by name.

use anyhow::Result;
use database::{Conn, Tx, params};
use kernel::Timestamp;

pub async fn read(conn: &Conn, name: &str) -> Result<Option<String>> {
    let row: Option<(String,)> =
        conn.optional("select value from settings where name = $1", params![name]).await?;
    Ok(row.map(|(value,)| value))
}

pub async fn write(tx: &mut Tx, name: &str, value: &str, now: Timestamp) -> Result<()> {
    tx.send(
        "insert into settings (name, value, updated_at) values ($1, $2, $3)
         on conflict (name) do update
            set value = excluded.value, updated_at = excluded.updated_at",
        params![name, value, now],
    )
    .await
}
