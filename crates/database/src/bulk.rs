//! Filling a database: many rows by few statements, and no waiting for the disk on the way.

use std::fmt::Write;

use anyhow::{Context, Result, anyhow};
use kernel::Clock;

use crate::conn::Inner;
use crate::db::{Journal, Pools};
use crate::{Conn, Db, Engine, Location, Value, migrations, postgres, sqlite};

/// Where rows go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: &'static str,
    pub columns: &'static [&'static str],
}

/// Rows on their way into a table.
#[derive(Debug)]
pub struct Rows {
    table: Table,
    values: Vec<Value>,
}

/// Rows that only have to be written.
pub struct Ready {
    table: &'static str,
    work: Work,
}

enum Work {
    Sqlite(Vec<(String, Vec<Value>)>),
    Postgres(Rows),
}

/// The rows of one statement on SQLite, at most. It binds 32,766 values at most.
const ROWS_AT_ONCE: usize = 256;
/// How many bytes are handed to PostgreSQL at once.
const COPY_BYTES: usize = 1 << 20;

impl Rows {
    pub fn new(table: Table) -> Self {
        Self { table, values: Vec::new() }
    }

    /// Takes the rows out. About as many are expected again.
    pub fn take(&mut self) -> Self {
        let next = Vec::with_capacity(self.values.len());
        Self { table: self.table, values: std::mem::replace(&mut self.values, next) }
    }

    /// Adds a row: one value for each column, in their order.
    pub fn push(&mut self, row: Vec<Value>) {
        debug_assert_eq!(row.len(), self.table.columns.len(), "a row of {}", self.table.name);
        self.values.extend(row);
    }

    pub fn len(&self) -> usize {
        self.values.len() / self.table.columns.len().max(1)
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Writes all rows.
    pub async fn insert(self, conn: &mut Conn) -> Result<()> {
        self.ready(conn.engine())?.insert(conn).await
    }

    /// Does what can be done without the database, so that another thread can do it than the one
    /// that writes.
    pub fn ready(self, engine: Engine) -> Result<Ready> {
        let table = self.table.name;
        let work = match engine {
            Engine::Sqlite => Work::Sqlite(self.statements()),
            Engine::Postgres => Work::Postgres(self),
        };
        Ok(Ready { table, work })
    }

    /// Statements of a few sizes only, so that each is prepared once.
    fn statements(self) -> Vec<(String, Vec<Value>)> {
        let width = self.table.columns.len();
        let mut left = self.len();
        let mut values = self.values.into_iter();
        let mut statements = Vec::new();
        while left > 0 {
            let mut rows = ROWS_AT_ONCE;
            while rows > left {
                rows /= 2;
            }
            left -= rows;
            let values = values.by_ref().take(rows * width).collect();
            statements.push((insert_text(&self.table, rows), values));
        }
        statements
    }

    async fn copy(self, seat: &mut postgres::Seat) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let columns = self.table.columns.join(", ");
        let text = format!("copy {} ({columns}) from stdin", self.table.name);
        let mut rows = self.values.chunks(self.table.columns.len().max(1)).peekable();
        let parts = std::iter::from_fn(|| {
            rows.peek()?;
            let mut part = String::with_capacity(COPY_BYTES + 4_096);
            while part.len() < COPY_BYTES
                && let Some(row) = rows.next()
            {
                write_row(&mut part, row);
            }
            Some(part)
        });
        seat.copy_in(&text, parts).await
    }
}

impl Ready {
    /// Writes all rows.
    pub async fn insert(self, conn: &mut Conn) -> Result<()> {
        let table = self.table;
        let done = match (self.work, &mut conn.inner) {
            (Work::Sqlite(statements), Inner::Sqlite(seat)) => run(&statements, seat),
            (Work::Postgres(rows), Inner::Postgres(seat)) => rows.copy(seat).await,
            _ => Err(anyhow!("the rows were made ready for the other database")),
        };
        done.with_context(|| format!("filling {table}"))
    }
}

fn run(statements: &[(String, Vec<Value>)], seat: &mut sqlite::Seat) -> Result<()> {
    for (text, values) in statements {
        seat.execute(text, values)?;
    }
    Ok(())
}

/// A row that does not fit fails the whole fill, so SQLite need not remember how to take back the
/// rows of one statement, as it does unless told `or fail`.
pub(crate) fn insert_text(table: &Table, rows: usize) -> String {
    let mut one = "(".to_owned();
    for index in 0..table.columns.len() {
        one.push_str(if index == 0 { "?" } else { ",?" });
    }
    one.push(')');
    let mut text =
        format!("insert or fail into {} ({}) values ", table.name, table.columns.join(", "));
    for row in 0..rows {
        if row > 0 {
            text.push(',');
        }
        text.push_str(&one);
    }
    text
}

/// A row in the text format of COPY.
fn write_row(to: &mut String, row: &[Value]) {
    for (index, value) in row.iter().enumerate() {
        if index > 0 {
            to.push('\t');
        }
        write_copied(to, value);
    }
    to.push('\n');
}

/// A value in the text format of COPY.
fn write_copied(to: &mut String, value: &Value) {
    // Writing into a String cannot fail.
    let _ = match value {
        Value::Int(it) => write!(to, "{it}"),
        Value::Float(it) => write!(to, "{it}"),
        Value::Bool(it) => write!(to, "{it}"),
        Value::Uuid(it) => write!(to, "{it}"),
        Value::Null(_) => write!(to, "\\N"),
        Value::Bytes(it) => {
            let _ = write!(to, "\\\\x");
            it.iter().try_for_each(|byte| write!(to, "{byte:02x}"))
        }
        Value::Text(it) => {
            for c in it.chars() {
                match c {
                    '\\' => to.push_str("\\\\"),
                    '\n' => to.push_str("\\n"),
                    '\r' => to.push_str("\\r"),
                    '\t' => to.push_str("\\t"),
                    other => to.push(other),
                }
            }
            Ok(())
        }
    };
}

/// Lets ids that the database makes from now on follow the ones that were given.
pub async fn continue_ids(conn: &mut Conn, tables: &[Table]) -> Result<()> {
    if conn.engine() == Engine::Sqlite {
        return Ok(());
    }
    for table in tables.iter().filter(|table| table.columns.first() == Some(&"id")) {
        let name = table.name;
        conn.script(format!(
            "select setval(pg_get_serial_sequence('{name}', 'id'), max(id)) from {name}
              having max(id) is not null"
        ))
        .await?;
    }
    Ok(())
}

/// The index of the search while a database is being filled. Both databases are quicker to index
/// many words at once than row by row.
#[derive(Debug)]
#[must_use = "the index has to be completed"]
pub struct WordIndex {
    /// What PostgreSQL makes its index from again.
    definition: Option<String>,
}

const POSTGRES_INDEX: &str = "search_index_words";

/// Where SQLite keeps rows until they are indexed. Every statement that changes more than one row
/// makes FTS5 write out what it has collected, and the rows of one are hardly worth it.
pub(crate) const WAITING: &str = "temp.search_waiting";

impl WordIndex {
    /// Rows of the search index wait from now on.
    pub async fn hold(tx: &mut Conn) -> Result<Self> {
        if tx.engine() == Engine::Sqlite {
            tx.script(format!(
                "create table {WAITING} (rowid integer primary key, subject, words, scope);
                 insert into search_index (search_index, rank) values ('hashsize', 67108864);
                 insert into search_index (search_index, rank) values ('automerge', 0);"
            ))
            .await?;
            return Ok(Self { definition: None });
        }
        let definition = tx
            .scalar("select pg_get_indexdef($1::text::regclass)", crate::params![POSTGRES_INDEX])
            .await?;
        tx.script(format!("drop index {POSTGRES_INDEX}")).await?;
        Ok(Self { definition: Some(definition) })
    }

    /// Indexes what waits, as is needed before every commit.
    pub async fn catch_up(&self, tx: &mut Conn) -> Result<()> {
        if tx.engine() == Engine::Postgres {
            return Ok(());
        }
        tx.script(format!(
            "insert into search_index (rowid, subject, words, scope)
               select rowid, subject, words, scope from {WAITING} order by rowid;
             delete from {WAITING};"
        ))
        .await
    }

    /// Indexes what waits; rows do not wait any longer.
    pub async fn complete(self, tx: &mut Conn) -> Result<()> {
        self.catch_up(tx).await?;
        match self.definition {
            Some(definition) => tx.script(definition).await,
            None => {
                tx.script(format!(
                    "drop table {WAITING};
                     insert into search_index (search_index, rank) values ('hashsize', 1048576);
                     insert into search_index (search_index, rank) values ('automerge', 4);"
                ))
                .await
            }
        }
    }
}

impl Db {
    /// Opens the database to fill it and do nothing else meanwhile, without waiting for the disk.
    /// A crash of the program before [`Db::settle`] takes back what was not committed; one of the
    /// machine can lose everything. SQLite keeps no write-ahead log until it is opened by
    /// [`Db::open`], so that what is new is written once, not twice, and checks neither foreign
    /// keys nor conditions: whoever fills a database knows that its rows fit.
    pub async fn open_to_fill(location: &Location, clock: &dyn Clock) -> Result<Self> {
        Self::open_to_fill_at(location, i64::MAX, clock).await
    }

    /// The same, with the schema as it was at a version.
    pub async fn open_to_fill_at(
        location: &Location,
        version: i64,
        clock: &dyn Clock,
    ) -> Result<Self> {
        let db = Self::connect_with(location, Journal::Truncate).await?;
        // The schema is brought up to date as always: nothing may come of the filling.
        migrations::run_to(&db, clock.now(), version).await?;
        if let Pools::Sqlite { write, .. } = db.pools() {
            let pragmas = "pragma synchronous = off; pragma cache_size = -262144;
                           pragma foreign_keys = off; pragma ignore_check_constraints = on;";
            write.seat().await?.script(pragmas)?;
        }
        Ok(db)
    }

    /// Makes durable what was filled in.
    pub async fn settle(&self) -> Result<()> {
        let Pools::Sqlite { .. } = self.pools() else { return Ok(()) };
        let path: String =
            self.read().await?.scalar("select file from pragma_database_list", vec![]).await?;
        let file = tokio::fs::File::open(&path).await?;
        file.sync_all().await.with_context(|| format!("{path} cannot be brought to the disk"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, on_both, params};

    const FILES: Table = Table { name: "files", columns: &["hash", "size_bytes", "created_at"] };
    const JOBS: Table = Table {
        name: "jobs",
        columns: &["id", "name", "payload", "lane", "once_key", "state", "run_at", "created_at"],
    };
    const ANSWERS: Table = Table {
        name: "answered_requests",
        columns: &["actor", "key", "request_hash", "status", "created_at"],
    };

    const WAITING_ROWS: Table =
        Table { name: WAITING, columns: &["rowid", "subject", "words", "scope"] };

    on_both! {
        async fn every_row_arrives_whatever_the_number(db: Db) {
            let mut count = 0;
            for rows in [1_i64, 2, 255, 256, 257, 600] {
                let mut filled = Rows::new(FILES);
                for row in 0..rows {
                    filled.push(params![format!("{rows}-{row}"), row, 7_i64]);
                }
                let mut tx = db.begin().await.unwrap();
                assert_eq!(filled.len(), usize::try_from(rows).unwrap());
                filled.insert(&mut tx).await.unwrap();
                tx.commit().await.unwrap();
                count += rows;
            }
            let conn = db.read().await.unwrap();
            let there: (i64, i64) =
                conn.one("select count(*), max(size_bytes) from files", params![]).await.unwrap();
            assert_eq!(there, (count, 599));
        }

        async fn values_arrive_as_they_were(db: Db) {
            let texts = ["tab\there", "line\nline\r\n", "back\\slash \\N \\.", "", "日本 ‘’ 🙂", "'\""];
            let mut tx = db.begin().await.unwrap();
            for (at, text) in (1_i64..).zip(texts) {
                let mut rows = Rows::new(ANSWERS);
                let bytes = vec![0_u8, 10, 92, 255];
                rows.push(params![text, at.to_string(), bytes, Value::Null(Kind::Int), at]);
                rows.insert(&mut tx).await.unwrap();
            }
            let there: Vec<(String, Vec<u8>, Option<i64>)> = tx
                .all("select actor, request_hash, status from answered_requests order by created_at",
                    params![])
                .await
                .unwrap();
            for (row, text) in there.iter().zip(texts) {
                assert_eq!(row, &(text.to_owned(), vec![0, 10, 92, 255], None));
            }
            assert_eq!(there.len(), texts.len());
        }

        async fn ids_go_on_after_those_that_were_given(db: Db) {
            let mut tx = db.begin().await.unwrap();
            let job = |id: i64| {
                params![id, "n", "{}", "l", Value::Null(Kind::Text), "waiting", 1_i64, 1_i64]
            };
            let mut rows = Rows::new(JOBS);
            rows.push(job(41));
            rows.insert(&mut tx).await.unwrap();
            continue_ids(&mut tx, &[JOBS, FILES]).await.unwrap();
            let id: i64 = tx
                .scalar(
                    "insert into jobs (name, payload, lane, state, run_at, created_at)
                     values ('n', '{}', 'l', 'waiting', 1, 1) returning id",
                    params![],
                )
                .await
                .unwrap();
            assert_eq!(id, 42);
        }

        async fn the_index_of_the_search_is_whole_after_it_was_held(db: Db) {
            let mut tx = db.begin().await.unwrap();
            let words = WordIndex::hold(&mut tx).await.unwrap();
            let mut rows = Rows::new(WAITING_ROWS);
            rows.push(params![7_i64, "Lighthouse", "the lamp is out", "i1"]);
            if tx.engine() == Engine::Sqlite {
                rows.insert(&mut tx).await.unwrap();
            }
            words.complete(&mut tx).await.unwrap();
            tx.commit().await.unwrap();
            let conn = db.read().await.unwrap();
            let (ask, wanted) = match conn.engine() {
                Engine::Sqlite => ("select rowid from search_index where search_index match 'lamp'", 7),
                Engine::Postgres => (
                    "select count(*) from pg_indexes where indexname = 'search_index_words'",
                    1,
                ),
            };
            assert_eq!(conn.scalar::<i64>(ask, params![]).await.unwrap(), wanted);
        }
    }

    #[tokio::test]
    async fn a_filled_file_is_like_any_other_afterwards() {
        let name = format!("recourse-filled-{}.db", uuid::Uuid::now_v7().simple());
        let location = Location::File(std::env::temp_dir().join(name));
        let clock = kernel::ManualClock::at(crate::testing::TUESDAY);
        let db = Db::open_to_fill(&location, &*clock).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let mut rows = Rows::new(FILES);
        rows.push(params!["a", 1_i64, 1_i64]);
        rows.insert(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        db.settle().await.unwrap();
        db.close().await;
        let db = Db::open(&location, &*clock).await.unwrap();
        let conn = db.read().await.unwrap();
        assert_eq!(conn.scalar::<i64>("select count(*) from files", params![]).await.unwrap(), 1);
        let mode = "select journal_mode from pragma_journal_mode";
        assert_eq!(conn.scalar::<String>(mode, params![]).await.unwrap(), "wal");
        drop(conn);
        let tx = db.begin().await.unwrap();
        let synchronous = "select synchronous from pragma_synchronous";
        assert_eq!(tx.scalar::<i64>(synchronous, params![]).await.unwrap(), 2);
        drop(tx);
        db.close().await;
        if let Location::File(path) = location {
            std::fs::remove_file(path).unwrap();
        }
    }
}
