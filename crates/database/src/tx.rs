//! A transaction: everything or nothing, and word of it only after it is durable.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::conn::{Inner, explained};
use crate::notices::Hub;
use crate::{Conn, Engine, Sql, params};

/// Tells the other nodes what changed.
pub(crate) const NOTIFY: &str = "select pg_notify('recourse', $1)";

/// Names that share a hash wait for one another, which costs time and nothing else.
const TURN: &str = "select pg_advisory_xact_lock(hashtextextended($1, 7261013))";

/// A write transaction. Dropped without [`Tx::commit`], it never happened.
///
/// Keep it short and never wait for the network while it is open: on SQLite every other writer
/// waits for it.
pub struct Tx {
    conn: Conn,
    notices: Vec<String>,
    /// Statements that are kept for the end, and how many of them were there at the mark.
    last: Vec<Last>,
    closing: Vec<Box<dyn Closing>>,
    marked: (usize, usize),
    hub: Arc<Hub>,
}

/// A statement that is kept for the end, and whether it has to change a row.
struct Last {
    statement: Sql,
    must_change: bool,
}

/// Somebody else was first, which shows only at the end of a transaction. Nothing of it is kept;
/// done again, it sees what is so now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("somebody else was faster; try it again")]
pub struct Overtaken;

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
        self.last.push(Last { statement, must_change: false });
    }

    /// The same for a statement that has to change a row. If it changes none, the commit fails with
    /// [`Overtaken`], and [`crate::may_pass`] says that the whole may be done again.
    pub fn must_change_at_the_end(&mut self, statement: Sql) {
        self.last.push(Last { statement, must_change: true });
    }

    /// Waits until no other transaction has the turn of this name, and has it until the end. What
    /// is read from then on cannot change between reading it and acting on it, if all who change it
    /// take their turn. On SQLite whoever writes has every turn.
    pub async fn take_turn(&mut self, name: &str) -> Result<()> {
        match self.conn.engine() {
            Engine::Sqlite => Ok(()),
            Engine::Postgres => self.conn.send(TURN, params![name]).await,
        }
    }

    /// Does something after all of that, right before the commit. Whoever waits for a row there
    /// holds everything else already, so nobody waits in a circle.
    pub fn at_the_close(&mut self, closing: Box<dyn Closing>) {
        self.closing.push(closing);
    }

    pub async fn commit(mut self) -> Result<()> {
        for Last { statement, must_change } in std::mem::take(&mut self.last) {
            if !must_change {
                self.conn.send_sql(statement).await?;
            } else if self.conn.execute_sql(statement).await? == 0 {
                return Err(Overtaken.into());
            }
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
