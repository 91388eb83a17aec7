//! A connection, inside a transaction or not, on either database.

use std::borrow::Cow;
use std::time::Duration;

use anyhow::{Context, Result};
use kernel::{StorageFull, TooSlow};

use crate::row::Row;
use crate::{Cols, Column, Engine, FromRow, Overtaken, Sql, Value, postgres, sqlite};

/// What a statement runs on. Store functions take `&Conn`; a [`crate::Tx`] lends its own.
pub struct Conn {
    pub(crate) inner: Inner,
}

pub(crate) enum Inner {
    Sqlite(sqlite::Seat),
    Postgres(postgres::Seat),
}

impl Conn {
    pub(crate) fn of(inner: Inner) -> Self {
        Self { inner }
    }

    pub fn engine(&self) -> Engine {
        match self.inner {
            Inner::Sqlite(_) => Engine::Sqlite,
            Inner::Postgres(_) => Engine::Postgres,
        }
    }

    /// Runs a statement and says how many rows it changed.
    pub async fn execute(&mut self, text: &'static str, values: Vec<Value>) -> Result<u64> {
        self.execute_sql(Sql::of(text, values)).await
    }

    pub async fn execute_sql(&mut self, sql: Sql) -> Result<u64> {
        let (text, values) = sql.into_parts();
        let changed = match &self.inner {
            Inner::Sqlite(seat) => seat.execute(&text, &values),
            Inner::Postgres(seat) => {
                seat.ask(text.clone(), values).await.map(|answer| answer.changed)
            }
        };
        changed.map_err(explained).with_context(|| format!("statement: {}", short(&text)))
    }

    /// Runs a statement of which nobody needs to know how many rows it changed. In a transaction
    /// on PostgreSQL it goes out with the next one that is waited for, or with the commit, and what
    /// goes wrong with it is said there.
    pub async fn send(&mut self, text: &'static str, values: Vec<Value>) -> Result<()> {
        self.send_sql(Sql::of(text, values)).await
    }

    pub async fn send_sql(&mut self, sql: Sql) -> Result<()> {
        let (text, values) = sql.into_parts();
        let sent = match &self.inner {
            Inner::Sqlite(seat) => seat.execute(&text, &values).map(drop),
            Inner::Postgres(seat) => seat.later(text.clone(), values).await,
        };
        sent.map_err(explained).with_context(|| format!("statement: {}", short(&text)))
    }

    /// All rows of a statement that names its own limit.
    pub async fn all<T: FromRow>(&self, text: &'static str, values: Vec<Value>) -> Result<Vec<T>> {
        self.all_sql(Sql::of(text, values)).await
    }

    pub async fn all_sql<T: FromRow>(&self, sql: Sql) -> Result<Vec<T>> {
        let (text, values) = sql.into_parts();
        self.fetch(text, values, |row| T::from_row(&mut Cols::new(row))).await
    }

    /// The first row, if there is one.
    pub async fn optional<T: FromRow>(
        &self,
        text: &'static str,
        values: Vec<Value>,
    ) -> Result<Option<T>> {
        self.optional_sql(Sql::of(text, values)).await
    }

    pub async fn optional_sql<T: FromRow>(&self, sql: Sql) -> Result<Option<T>> {
        Ok(self.all_sql(sql).await?.into_iter().next())
    }

    /// The first row of a statement that always has one.
    pub async fn one<T: FromRow>(&self, text: &'static str, values: Vec<Value>) -> Result<T> {
        self.one_sql(Sql::of(text, values)).await
    }

    pub async fn one_sql<T: FromRow>(&self, sql: Sql) -> Result<T> {
        let (text, values) = sql.into_parts();
        let rows = self.fetch(text.clone(), values, |row| T::from_row(&mut Cols::new(row))).await?;
        rows.into_iter().next().with_context(|| format!("no row from: {}", short(&text)))
    }

    /// The one column of the one row.
    pub async fn scalar<T: Column>(&self, text: &'static str, values: Vec<Value>) -> Result<T> {
        Ok(self.one::<(T,)>(text, values).await?.0)
    }

    pub async fn scalar_sql<T: Column>(&self, sql: Sql) -> Result<T> {
        Ok(self.one_sql::<(T,)>(sql).await?.0)
    }

    /// The first column of every row.
    pub async fn column<T: Column>(
        &self,
        text: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<T>> {
        let rows = self.all::<(T,)>(text, values).await?;
        Ok(rows.into_iter().map(|(value,)| value).collect())
    }

    /// Runs a script of several statements without parameters.
    pub(crate) async fn script(&mut self, text: String) -> Result<()> {
        let done = match &self.inner {
            Inner::Sqlite(seat) => seat.script(&text),
            Inner::Postgres(seat) => seat.script(&text).await,
        };
        done.map_err(explained)
    }

    /// Prepares a statement without running it: the test that every statement is valid uses it.
    pub async fn check(&mut self, text: &str) -> Result<()> {
        match &self.inner {
            Inner::Sqlite(seat) => seat.prepare(text),
            Inner::Postgres(seat) => seat.prepare(text).await,
        }
    }

    /// Whether the other side still answers.
    pub async fn ping(&mut self) -> Result<()> {
        match &self.inner {
            Inner::Sqlite(seat) => seat.execute("select 1", &[]).map(drop),
            Inner::Postgres(seat) => seat.ping().await,
        }
    }

    /// What `read` makes of each row.
    pub(crate) async fn fetch<T>(
        &self,
        text: Cow<'static, str>,
        values: Vec<Value>,
        mut read: impl FnMut(Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let reading = || format!("reading a row of: {}", short(&text));
        let fetched = match &self.inner {
            Inner::Sqlite(seat) => seat.with_statement(&text, &values, |statement| {
                let mut rows = statement.raw_query();
                let mut fetched = Vec::new();
                while let Some(row) = rows.next()? {
                    fetched.push(read(Row::Sqlite(row)).with_context(reading)?);
                }
                Ok(fetched)
            }),
            Inner::Postgres(seat) => seat.ask(text.clone(), values).await.and_then(|answer| {
                let read = |row| read(Row::Postgres(row)).with_context(reading);
                answer.rows.iter().map(read).collect()
            }),
        };
        fetched.map_err(explained).with_context(|| format!("statement: {}", short(&text)))
    }
}

/// The fault, and in words what the operator has to do about it where that is known.
pub(crate) fn explained(fault: anyhow::Error) -> anyhow::Error {
    match code_of(&fault) {
        Some(Code::Full) => fault.context(StorageFull),
        Some(Code::Interrupted) => fault.context(TooSlow),
        Some(Code::InTheWay) | None => fault,
    }
}

/// Faults that mean the same on both databases.
pub(crate) enum Code {
    /// There is no room on the disk.
    Full,
    /// A limit of time was reached.
    Interrupted,
    /// Another transaction was in the way.
    InTheWay,
}

pub(crate) fn code_of(fault: &anyhow::Error) -> Option<Code> {
    const DISK_FULL: &str = "53100";
    const QUERY_CANCELED: &str = "57014";
    const DEADLOCK: &str = "40P01";
    const NOT_SERIAL: &str = "40001";
    fault.chain().find_map(|cause| {
        if cause.is::<Overtaken>() {
            return Some(Code::InTheWay);
        }
        if let Some(fault) = cause.downcast_ref::<rusqlite::Error>() {
            return match fault.sqlite_error_code()? {
                rusqlite::ErrorCode::DiskFull => Some(Code::Full),
                rusqlite::ErrorCode::OperationInterrupted => Some(Code::Interrupted),
                _ => None,
            };
        }
        match cause.downcast_ref::<postgres::Fault>()?.code.as_str() {
            DISK_FULL => Some(Code::Full),
            QUERY_CANCELED => Some(Code::Interrupted),
            DEADLOCK | NOT_SERIAL => Some(Code::InTheWay),
            _ => None,
        }
    })
}

/// Whether a transaction failed only because another one was in its way: done again, it may work.
pub fn may_pass(fault: &anyhow::Error) -> bool {
    matches!(code_of(fault), Some(Code::InTheWay))
}

/// How long anybody waits for a connection, or for the server when the program starts.
pub(crate) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(20);
/// A statement that took longer is said in the log.
const SLOW: Duration = Duration::from_secs(1);

pub(crate) fn say_if_slow(text: &str, took: Duration) {
    if took > SLOW {
        tracing::warn!("{} ms for the statement: {}", took.as_millis(), short(text));
    }
}

/// The beginning of a statement, for the log.
pub(crate) fn short(text: &str) -> String {
    kernel::clip(&kernel::one_line(text), 80)
}
