//! A connection, inside a transaction or not, on either database.

use std::borrow::Cow;

use anyhow::{Context, Result};
use kernel::StorageFull;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgArguments;
use sqlx::{Arguments, AssertSqlSafe, Connection, PgConnection, Postgres, Transaction};

use crate::row::Row;
use crate::sqlite::Seat;
use crate::{Cols, Column, Engine, FromRow, Kind, Sql, Value};

/// What a statement runs on. Store functions take `&mut Conn`; a [`crate::Tx`] lends its own.
pub struct Conn {
    pub(crate) inner: Inner,
}

pub(crate) enum Inner {
    Sqlite(Seat),
    Postgres(PoolConnection<Postgres>),
    PostgresTx(Transaction<'static, Postgres>),
}

pub(crate) enum Driver<'c> {
    Sqlite(&'c mut Seat),
    Postgres(&'c mut PgConnection),
}

impl Conn {
    pub(crate) fn of(inner: Inner) -> Self {
        Self { inner }
    }

    pub fn engine(&self) -> Engine {
        match self.inner {
            Inner::Sqlite(_) => Engine::Sqlite,
            Inner::Postgres(_) | Inner::PostgresTx(_) => Engine::Postgres,
        }
    }

    /// Runs a statement and says how many rows it changed.
    pub async fn execute(&mut self, text: &'static str, values: Vec<Value>) -> Result<u64> {
        self.execute_sql(Sql::of(text, values)).await
    }

    pub async fn execute_sql(&mut self, sql: Sql) -> Result<u64> {
        let (text, values) = sql.into_parts();
        let changed = match self.driver() {
            Driver::Sqlite(seat) => seat.execute(&text, &values),
            Driver::Postgres(conn) => change(conn, text.clone(), values).await,
        };
        changed.map_err(explained).with_context(|| format!("statement: {}", short(&text)))
    }

    /// All rows of a statement that names its own limit.
    pub async fn all<T: FromRow>(
        &mut self,
        text: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<T>> {
        self.all_sql(Sql::of(text, values)).await
    }

    pub async fn all_sql<T: FromRow>(&mut self, sql: Sql) -> Result<Vec<T>> {
        let (text, values) = sql.into_parts();
        self.fetch(&text, values, |row| T::from_row(&mut Cols::new(row))).await
    }

    /// The first row, if there is one.
    pub async fn optional<T: FromRow>(
        &mut self,
        text: &'static str,
        values: Vec<Value>,
    ) -> Result<Option<T>> {
        self.optional_sql(Sql::of(text, values)).await
    }

    pub async fn optional_sql<T: FromRow>(&mut self, sql: Sql) -> Result<Option<T>> {
        Ok(self.all_sql(sql).await?.into_iter().next())
    }

    /// The first row of a statement that always has one.
    pub async fn one<T: FromRow>(&mut self, text: &'static str, values: Vec<Value>) -> Result<T> {
        self.one_sql(Sql::of(text, values)).await
    }

    pub async fn one_sql<T: FromRow>(&mut self, sql: Sql) -> Result<T> {
        let (text, values) = sql.into_parts();
        let rows = self.fetch(&text, values, |row| T::from_row(&mut Cols::new(row))).await?;
        rows.into_iter().next().with_context(|| format!("no row from: {}", short(&text)))
    }

    /// The one column of the one row.
    pub async fn scalar<T: Column>(&mut self, text: &'static str, values: Vec<Value>) -> Result<T> {
        Ok(self.one::<(T,)>(text, values).await?.0)
    }

    pub async fn scalar_sql<T: Column>(&mut self, sql: Sql) -> Result<T> {
        Ok(self.one_sql::<(T,)>(sql).await?.0)
    }

    /// The first column of every row.
    pub async fn column<T: Column>(
        &mut self,
        text: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<T>> {
        let rows = self.all::<(T,)>(text, values).await?;
        Ok(rows.into_iter().map(|(value,)| value).collect())
    }

    /// Runs a script of several statements without parameters.
    pub(crate) async fn script(&mut self, text: String) -> Result<()> {
        let done = match self.driver() {
            Driver::Sqlite(seat) => seat.script(&text),
            Driver::Postgres(conn) => {
                let done = sqlx::raw_sql(AssertSqlSafe(text)).execute(conn).await;
                done.map(drop).map_err(anyhow::Error::from)
            }
        };
        done.map_err(explained)
    }

    /// Prepares a statement without running it: the test that every statement is valid uses it.
    pub async fn check(&mut self, text: &str) -> Result<()> {
        use sqlx::{Executor, SqlSafeStr};
        match self.driver() {
            Driver::Sqlite(seat) => seat.prepare(text),
            Driver::Postgres(conn) => {
                conn.prepare(AssertSqlSafe(text.to_owned()).into_sql_str()).await?;
                Ok(())
            }
        }
    }

    /// Whether the other side still answers.
    pub async fn ping(&mut self) -> Result<()> {
        match self.driver() {
            Driver::Sqlite(seat) => seat.execute("select 1", &[]).map(drop),
            Driver::Postgres(conn) => Ok(conn.ping().await?),
        }
    }

    /// What `read` makes of each row.
    pub(crate) async fn fetch<T>(
        &mut self,
        text: &str,
        values: Vec<Value>,
        mut read: impl FnMut(Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let reading = || format!("reading a row of: {}", short(text));
        let fetched = match self.driver() {
            Driver::Sqlite(seat) => seat.with_statement(text, &values, |statement| {
                let mut rows = statement.raw_query();
                let mut fetched = Vec::new();
                while let Some(row) = rows.next()? {
                    fetched.push(read(Row::Sqlite(row)).with_context(reading)?);
                }
                Ok(fetched)
            }),
            Driver::Postgres(conn) => {
                let rows = ask(conn, text.to_owned(), values).await;
                rows.and_then(|rows| {
                    let read = |row| read(Row::Postgres(row)).with_context(reading);
                    rows.iter().map(read).collect()
                })
            }
        };
        fetched.map_err(explained).with_context(|| format!("statement: {}", short(text)))
    }

    pub(crate) fn driver(&mut self) -> Driver<'_> {
        match &mut self.inner {
            Inner::Sqlite(seat) => Driver::Sqlite(seat),
            Inner::Postgres(conn) => Driver::Postgres(conn),
            Inner::PostgresTx(tx) => Driver::Postgres(tx),
        }
    }
}

async fn change(
    conn: &mut PgConnection,
    text: Cow<'static, str>,
    values: Vec<Value>,
) -> Result<u64> {
    let arguments = postgres_arguments(values)?;
    Ok(sqlx::query_with(AssertSqlSafe(text), arguments).execute(conn).await?.rows_affected())
}

async fn ask(
    conn: &mut PgConnection,
    text: String,
    values: Vec<Value>,
) -> Result<Vec<sqlx::postgres::PgRow>> {
    let arguments = postgres_arguments(values)?;
    Ok(sqlx::query_with(AssertSqlSafe(text), arguments).fetch_all(conn).await?)
}

/// The fault, and in words what the operator has to do about it where that is known.
pub(crate) fn explained(fault: anyhow::Error) -> anyhow::Error {
    let is_full = code_of(&fault).is_some_and(|code| matches!(code, Code::Full));
    if is_full { fault.context(StorageFull) } else { fault }
}

/// Faults that mean the same on both databases.
pub(crate) enum Code {
    /// There is no room on the disk.
    Full,
    /// A limit of time was reached.
    Interrupted,
}

pub(crate) fn code_of(fault: &anyhow::Error) -> Option<Code> {
    const DISK_FULL: &str = "53100";
    const QUERY_CANCELED: &str = "57014";
    fault.chain().find_map(|cause| {
        if let Some(fault) = cause.downcast_ref::<rusqlite::Error>() {
            return match fault.sqlite_error_code()? {
                rusqlite::ErrorCode::DiskFull => Some(Code::Full),
                rusqlite::ErrorCode::OperationInterrupted => Some(Code::Interrupted),
                _ => None,
            };
        }
        let code = cause.downcast_ref::<sqlx::Error>()?.as_database_error()?.code()?;
        match &*code {
            DISK_FULL => Some(Code::Full),
            QUERY_CANCELED => Some(Code::Interrupted),
            _ => None,
        }
    })
}

/// The beginning of a statement, for the log.
pub(crate) fn short(text: &str) -> String {
    kernel::clip(&kernel::one_line(text), 80)
}

fn postgres_arguments(values: Vec<Value>) -> Result<PgArguments> {
    let mut arguments = PgArguments::default();
    for value in values {
        let added = match value {
            Value::Int(it) => arguments.add(it),
            Value::Float(it) => arguments.add(it),
            Value::Bool(it) => arguments.add(it),
            Value::Text(it) => arguments.add(it),
            Value::Bytes(it) => arguments.add(it),
            Value::Uuid(it) => arguments.add(it),
            Value::Null(Kind::Int) => arguments.add(None::<i64>),
            Value::Null(Kind::Float) => arguments.add(None::<f64>),
            Value::Null(Kind::Bool) => arguments.add(None::<bool>),
            Value::Null(Kind::Text) => arguments.add(None::<String>),
            Value::Null(Kind::Bytes) => arguments.add(None::<Vec<u8>>),
            Value::Null(Kind::Uuid) => arguments.add(None::<uuid::Uuid>),
        };
        added.map_err(anyhow::Error::from_boxed)?;
    }
    Ok(arguments)
}
