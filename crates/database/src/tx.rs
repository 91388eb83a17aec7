//! A transaction: everything or nothing, and word of it only after it is durable.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::conn::{Inner, explained};
use crate::notices::Hub;
use crate::{Conn, Sql, params};

/// Tells the other nodes what changed.
pub(crate) const NOTIFY: &str = "select pg_notify('recourse', $1)";

/// A write transaction. Dropped without [`Tx::commit`], it never happened.
///
/// Keep it short and never wait for the network while it is open: on SQLite every other writer
/// waits for it.
pub struct Tx {
    conn: Conn,
    notices: Vec<String>,
    /// Statements that are kept for the end, and how many of them were there at the mark.
    last: Vec<Sql>,
    closing: Vec<Box<dyn Closing>>,
    marked: (usize, usize),
    hub: Arc<Hub>,
}

/// The very last that is done in a transaction, after everything else, where one statement is not
/// enough.
pub trait Closing: Send {
    fn close<'c>(
        self: Box<Self>,
        conn: &'c mut Conn,
    ) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'c>>;
}

impl Tx {
    pub(crate) fn new(conn: Conn, hub: Arc<Hub>) -> Self {
        Self {
            conn,
            notices: Vec::new(),
            last: Vec::new(),
            closing: Vec::new(),
            marked: (0, 0),
            hub,
        }
    }

    /// Tells every node, once this is committed, that something changed. Say what, not how it
    /// looks: `ticket:10482`. Saying it twice in one transaction says it once.
    pub fn announce(&mut self, notice: impl Into<String>) {
        let notice = notice.into();
        if !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
    }

    /// Runs a statement right before the commit. For a row that every transaction changes, such as
    /// a count of all: held for longer, it lets them wait for one another, in a circle in the end.
    /// And for what costs less done once for all, such as the words of SQLite's search.
    pub fn at_the_end(&mut self, statement: Sql) {
        self.last.push(statement);
    }

    /// Does something after all of that, right before the commit. Whoever waits for a row there
    /// holds everything else already, so nobody waits in a circle.
    pub fn at_the_close(&mut self, closing: Box<dyn Closing>) {
        self.closing.push(closing);
    }

    pub async fn commit(mut self) -> Result<()> {
        for statement in std::mem::take(&mut self.last) {
            self.conn.send_sql(statement).await?;
        }
        for closing in std::mem::take(&mut self.closing) {
            closing.close(&mut self.conn).await?;
        }
        let notices = std::mem::take(&mut self.notices);
        metrics::counter!("recourse_commits_total").increment(1);
        let committed = match &self.conn.inner {
            Inner::Sqlite(seat) => seat.commit(),
            Inner::Postgres(seat) => {
                for payload in self.hub.payloads(&notices) {
                    seat.later(NOTIFY.into(), params![payload]).await.map_err(explained)?;
                }
                seat.commit().await
            }
        };
        committed.map_err(explained).context("commit")?;
        self.hub.publish(&notices);
        Ok(())
    }

    /// Marks a point to which [`Tx::undo_to_mark`] can go back while the rest stays.
    pub async fn mark(&mut self) -> Result<()> {
        self.marked = (self.last.len(), self.closing.len());
        match &self.conn.inner {
            Inner::Sqlite(seat) => seat.execute("savepoint mark", &[]).map(drop),
            Inner::Postgres(seat) => seat.mark().await,
        }
    }

    pub async fn keep_since_mark(&mut self) -> Result<()> {
        match &self.conn.inner {
            Inner::Sqlite(seat) => seat.execute("release savepoint mark", &[]).map(drop),
            Inner::Postgres(seat) => seat.keep_since_mark().await.map_err(explained),
        }
    }

    pub async fn undo_to_mark(&mut self) -> Result<()> {
        self.last.truncate(self.marked.0);
        self.closing.truncate(self.marked.1);
        match &self.conn.inner {
            Inner::Sqlite(seat) => {
                seat.execute("rollback to savepoint mark", &[])?;
                seat.execute("release savepoint mark", &[]).map(drop)
            }
            Inner::Postgres(seat) => seat.undo_to_mark().await,
        }
    }
}

impl Deref for Tx {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}
