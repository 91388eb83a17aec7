//! A connection, inside a transaction or not, on either database.

use anyhow::{Context, Result};
use kernel::StorageFull;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{
    Arguments, AssertSqlSafe, Connection, PgConnection, Postgres, Sqlite, SqliteConnection,
    Transaction,
};

use crate::limit::Limit;
use crate::row::Row;
use crate::{Cols, Column, Engine, FromRow, Kind, Sql, Value};

/// What a statement runs on. Store functions take `&mut Conn`; a [`crate::Tx`] lends its own.
pub struct Conn {
    pub(crate) inner: Inner,
    pub(crate) _limit: Option<Limit>,
}

pub(crate) enum Inner {
    Sqlite(PoolConnection<Sqlite>),
    SqliteTx(Transaction<'static, Sqlite>),
    Postgres(PoolConnection<Postgres>),
    PostgresTx(Transaction<'static, Postgres>),
}

pub(crate) enum Driver<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Conn {
    pub(crate) fn of(inner: Inner) -> Self {
        Self { inner, _limit: None }
    }

    pub fn engine(&self) -> Engine {
        match self.inner {
            Inner::Sqlite(_) | Inner::SqliteTx(_) => Engine::Sqlite,
            Inner::Postgres(_) | Inner::PostgresTx(_) => Engine::Postgres,
        }
    }

    /// Runs a statement and says how many rows it changed.
    pub async fn execute(&mut self, text: &'static str, values: Vec<Value>) -> Result<u64> {
        self.execute_sql(Sql::of(text, values)).await
    }

    pub async fn execute_sql(&mut self, sql: Sql) -> Result<u64> {
        let (text, values) = sql.into_parts();
        let shown = first_line(&text);
        let changed = match self.driver() {
            Driver::Sqlite(conn) => {
                let arguments = sqlite_arguments(values.into_iter())?;
                sqlx::query_with(AssertSqlSafe(text), arguments)
                    .execute(conn)
                    .await
                    .map(|done| done.rows_affected())
            }
            Driver::Postgres(conn) => {
                let arguments = postgres_arguments(values)?;
                sqlx::query_with(AssertSqlSafe(text), arguments)
                    .execute(conn)
                    .await
                    .map(|done| done.rows_affected())
            }
        };
        changed.map_err(explained).with_context(|| format!("statement: {shown}"))
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
        let shown = first_line(&text);
        let rows = self.fetch(text, values).await.with_context(|| format!("statement: {shown}"))?;
        rows.iter()
            .map(|row| T::from_row(&mut Cols::new(row)))
            .collect::<Result<Vec<T>>>()
            .with_context(|| format!("reading a row of: {shown}"))
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
        let shown = first_line(sql.text());
        self.optional_sql(sql).await?.with_context(|| format!("no row from: {shown}"))
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
            Driver::Sqlite(conn) => {
                sqlx::raw_sql(AssertSqlSafe(text)).execute(conn).await.map(drop)
            }
            Driver::Postgres(conn) => {
                sqlx::raw_sql(AssertSqlSafe(text)).execute(conn).await.map(drop)
            }
        };
        done.map_err(explained)
    }

    /// Prepares a statement without running it: the test that every statement is valid uses it.
    pub async fn check(&mut self, text: &str) -> Result<()> {
        use sqlx::{Executor, SqlSafeStr};
        let text = AssertSqlSafe(text.to_owned()).into_sql_str();
        match self.driver() {
            Driver::Sqlite(conn) => {
                conn.prepare(text).await?;
            }
            Driver::Postgres(conn) => {
                conn.prepare(text).await?;
            }
        }
        Ok(())
    }

    /// Whether the other side still answers.
    pub async fn ping(&mut self) -> Result<()> {
        match self.driver() {
            Driver::Sqlite(conn) => conn.ping().await?,
            Driver::Postgres(conn) => conn.ping().await?,
        }
        Ok(())
    }

    pub(crate) async fn fetch(&mut self, text: String, values: Vec<Value>) -> Result<Vec<Row>> {
        Ok(match self.driver() {
            Driver::Sqlite(conn) => {
                let arguments = sqlite_arguments(values.into_iter())?;
                let rows = sqlx::query_with(AssertSqlSafe(text), arguments).fetch_all(conn).await;
                rows.map_err(explained)?.into_iter().map(Row::Sqlite).collect()
            }
            Driver::Postgres(conn) => {
                let arguments = postgres_arguments(values)?;
                let rows = sqlx::query_with(AssertSqlSafe(text), arguments).fetch_all(conn).await;
                rows.map_err(explained)?.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    pub(crate) fn driver(&mut self) -> Driver<'_> {
        match &mut self.inner {
            Inner::Sqlite(conn) => Driver::Sqlite(conn),
            Inner::SqliteTx(tx) => Driver::Sqlite(tx),
            Inner::Postgres(conn) => Driver::Postgres(conn),
            Inner::PostgresTx(tx) => Driver::Postgres(tx),
        }
    }
}

/// The fault, and in words what the operator has to do about it where that is known.
pub(crate) fn explained(fault: sqlx::Error) -> anyhow::Error {
    const SQLITE_FULL: &str = "13";
    const POSTGRES_DISK_FULL: &str = "53100";
    let code = fault.as_database_error().and_then(sqlx::error::DatabaseError::code);
    let is_full = code.is_some_and(|code| code == SQLITE_FULL || code == POSTGRES_DISK_FULL);
    let fault = anyhow::Error::from(fault);
    if is_full { fault.context(StorageFull) } else { fault }
}

fn first_line(text: &str) -> String {
    kernel::clip(&kernel::one_line(text), 80)
}

macro_rules! bind_all {
    ($arguments:ident, $values:ident) => {{
        for value in $values {
            let added = match value {
                Value::Int(it) => $arguments.add(it),
                Value::Float(it) => $arguments.add(it),
                Value::Bool(it) => $arguments.add(it),
                Value::Text(it) => $arguments.add(it),
                Value::Bytes(it) => $arguments.add(it),
                Value::Uuid(it) => $arguments.add(it),
                Value::Null(Kind::Int) => $arguments.add(None::<i64>),
                Value::Null(Kind::Float) => $arguments.add(None::<f64>),
                Value::Null(Kind::Bool) => $arguments.add(None::<bool>),
                Value::Null(Kind::Text) => $arguments.add(None::<String>),
                Value::Null(Kind::Bytes) => $arguments.add(None::<Vec<u8>>),
                Value::Null(Kind::Uuid) => $arguments.add(None::<uuid::Uuid>),
            };
            added.map_err(anyhow::Error::from_boxed)?;
        }
        Ok($arguments)
    }};
}

pub(crate) fn sqlite_arguments(
    values: impl ExactSizeIterator<Item = Value>,
) -> Result<SqliteArguments> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(values.len(), 0);
    bind_all!(arguments, values)
}

fn postgres_arguments(values: Vec<Value>) -> Result<PgArguments> {
    let mut arguments = PgArguments::default();
    bind_all!(arguments, values)
}
