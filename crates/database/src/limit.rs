//! A limit on how long reading may take.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use sqlx::SqliteConnection;

use crate::conn::Inner;
use crate::db::Pools;
use crate::{Conn, Db};

/// SQLite looks at the clock after so many steps of its machine: well under a millisecond.
const STEPS: i32 = 10_000;

/// Ends with the connection that it belongs to. SQLite keeps its watcher for the life of a
/// connection in the pool, so a watcher knows when it is no longer meant.
pub(crate) struct Limit(Arc<AtomicBool>);

impl Limit {
    async fn watch(conn: &mut SqliteConnection, limit: Duration) -> Result<Self> {
        let is_on = Arc::new(AtomicBool::new(true));
        let until = Instant::now() + limit;
        let goes_on = {
            let is_on = is_on.clone();
            move || !is_on.load(Ordering::Relaxed) || Instant::now() < until
        };
        conn.lock_handle().await?.set_progress_handler(STEPS, goes_on);
        Ok(Self(is_on))
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Db {
    /// A connection for reading what may turn out to be too much. On SQLite all that is read
    /// through it takes no longer than `limit`, on PostgreSQL each statement; what would take
    /// longer fails, as [`took_too_long`] tells, and nothing more can be read through it.
    pub async fn read_within(&self, limit: Duration) -> Result<Conn> {
        Ok(match self.pools() {
            Pools::Sqlite { read, .. } => {
                let mut conn = read.acquire().await?;
                let limit = Limit::watch(&mut conn, limit).await?;
                Conn { inner: Inner::Sqlite(conn), _limit: Some(limit) }
            }
            Pools::Postgres(pool) => {
                let mut conn = Conn::of(Inner::PostgresTx(pool.begin().await?));
                let limit = limit.as_millis();
                conn.script(format!("set local statement_timeout = {limit}")).await?;
                conn
            }
        })
    }
}

/// Whether reading failed for the limit of [`Db::read_within`] alone.
pub fn took_too_long(error: &anyhow::Error) -> bool {
    const SQLITE_INTERRUPT: &str = "9";
    const QUERY_CANCELED: &str = "57014";
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<sqlx::Error>())
        .filter_map(sqlx::Error::as_database_error)
        .filter_map(sqlx::error::DatabaseError::code)
        .any(|code| code == SQLITE_INTERRUPT || code == QUERY_CANCELED)
}
