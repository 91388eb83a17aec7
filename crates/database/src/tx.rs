//! A transaction: everything or nothing, and word of it only after it is durable.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::conn::{Inner, explained};
use crate::notices::Hub;
use crate::{Conn, params};

/// A write transaction. Dropped without [`Tx::commit`], it never happened.
///
/// Keep it short and never wait for the network while it is open: on SQLite every other writer
/// waits for it.
pub struct Tx {
    conn: Conn,
    notices: Vec<String>,
    hub: Arc<Hub>,
}

impl Tx {
    pub(crate) fn new(conn: Conn, hub: Arc<Hub>) -> Self {
        Self { conn, notices: Vec::new(), hub }
    }

    /// Tells every node, once this is committed, that something changed. Say what, not how it
    /// looks: `ticket:10482`. Saying it twice in one transaction says it once.
    pub fn announce(&mut self, notice: impl Into<String>) {
        let notice = notice.into();
        if !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
    }

    pub async fn commit(mut self) -> Result<()> {
        let notices = std::mem::take(&mut self.notices);
        match self.conn.inner {
            Inner::SqliteTx(tx) => {
                tx.commit().await.map_err(explained).context("commit")?;
                self.hub.publish(&notices);
                Ok(())
            }
            Inner::PostgresTx(_) => {
                for payload in self.hub.payloads(&notices) {
                    self.conn.execute("select pg_notify('recourse', $1)", params![payload]).await?;
                }
                if let Inner::PostgresTx(tx) = self.conn.inner {
                    tx.commit().await.map_err(explained).context("commit")?;
                }
                self.hub.publish(&notices);
                Ok(())
            }
            // A Tx is only ever made around a transaction.
            Inner::Sqlite(_) | Inner::Postgres(_) => Ok(()),
        }
    }

    /// Marks a point to which [`Tx::undo_to_mark`] can go back while the rest stays.
    pub async fn mark(&mut self) -> Result<()> {
        self.conn.execute("savepoint mark", params![]).await.map(drop)
    }

    pub async fn keep_since_mark(&mut self) -> Result<()> {
        self.conn.execute("release savepoint mark", params![]).await.map(drop)
    }

    pub async fn undo_to_mark(&mut self) -> Result<()> {
        self.conn.execute("rollback to savepoint mark", params![]).await?;
        self.keep_since_mark().await
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
