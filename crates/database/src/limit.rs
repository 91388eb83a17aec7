//! A limit on how long reading may take.

use std::time::Duration;

use anyhow::Result;

use crate::conn::{Code, Inner, code_of};
use crate::db::Pools;
use crate::{Conn, Db};

/// How long putting a list together may take, or counting what is in it.
pub const LIST_LIMIT: Duration = Duration::from_secs(2);

impl Db {
    /// A connection for lists, and for counting what is in them: for what is quick as a rule and
    /// must not go on for ever where it is not. What takes longer than [`LIST_LIMIT`] fails as with
    /// [`Db::read_within`].
    pub async fn read_list(&self) -> Result<Conn> {
        self.limited(self.list_limit()).await
    }

    /// A connection for reading what may turn out to be too much. On SQLite all that is read
    /// through it takes no longer than `limit`, on PostgreSQL each statement; what would take
    /// longer fails, as [`took_too_long`] tells, and nothing more can be read through it.
    pub async fn read_within(&self, limit: Duration) -> Result<Conn> {
        let mut conn = self.limited(limit).await?;
        if let Inner::Sqlite(seat) = &mut conn.inner {
            seat.take_time();
        }
        Ok(conn)
    }

    async fn limited(&self, limit: Duration) -> Result<Conn> {
        Ok(match self.pools() {
            Pools::Sqlite { read, .. } => {
                let mut seat = read.seat().await?;
                seat.limit(limit)?;
                Conn::of(Inner::Sqlite(seat))
            }
            Pools::Postgres(pool) => {
                let seat = pool.begin().await?;
                let limit = limit.as_millis();
                let text = format!("set local statement_timeout = {limit}");
                seat.later(text.into(), Vec::new()).await?;
                Conn::of(Inner::Postgres(seat))
            }
        })
    }
}

/// Whether reading failed for the limit of [`Db::read_within`] alone.
pub fn took_too_long(error: &anyhow::Error) -> bool {
    matches!(code_of(error), Some(Code::Interrupted))
}
