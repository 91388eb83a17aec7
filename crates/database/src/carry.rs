//! Carrying everything from one database to another, whatever engine each of them is: which tables
//! there are, their rows one after the other, and putting them into a database that has none.
//!
//! Not carried are the history of the schema, which the other side makes by itself, and the index of
//! the search, which each engine keeps in its own way and which is made anew from the documents.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::bulk::{Rows, Table};
use crate::conn::Inner;
use crate::postgres::{Opening, Pool};
use crate::row::Row;
use crate::{Cols, Column, Conn, Db, Engine, Kind, Location, Tx, Value, params};

/// A table and what its columns hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    pub table: Table,
    kinds: Vec<Kind>,
}

/// What a table held, so that two can be compared. The order of rows does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    pub rows: u64,
    /// Of a digest of each row.
    sum: u64,
}

impl Sum {
    /// Counts a row as [`Shape::rows`] gave it.
    pub fn add(&mut self, row: &[Value]) {
        let mut hash = Sha256::new();
        for value in row {
            write_value(&mut hash, value);
        }
        let digest = hash.finalize();
        let part = digest.first_chunk::<8>().copied().unwrap_or_default();
        self.rows += 1;
        self.sum = self.sum.wrapping_add(u64::from_be_bytes(part));
    }
}

fn write_value(hash: &mut Sha256, value: &Value) {
    let bytes: (u8, &[u8]) = match value {
        Value::Int(it) => return hash.update([&[1_u8][..], &it.to_be_bytes()].concat()),
        Value::Float(it) => return hash.update([&[2_u8][..], &it.to_be_bytes()].concat()),
        Value::Bool(it) => return hash.update([3, u8::from(*it)]),
        Value::Null(_) => return hash.update([0]),
        Value::Text(it) => (4, it.as_bytes()),
        Value::Bytes(it) => (5, it),
        Value::Uuid(it) => (5, it.as_bytes()),
    };
    hash.update([bytes.0]);
    hash.update(kernel::count(bytes.1.len()).to_be_bytes());
    hash.update(bytes.1);
}

impl Shape {
    fn new(name: &str, columns: Vec<(String, Kind)>) -> Self {
        // There are some fifty, and they live as long as the program that carries them.
        let leaked = |text: String| -> &'static str { text.leak() };
        let kinds = columns.iter().map(|(_, kind)| *kind).collect();
        let columns: Vec<&'static str> =
            columns.into_iter().map(|(name, _)| leaked(name)).collect();
        Self { table: Table { name: leaked(name.to_owned()), columns: columns.leak() }, kinds }
    }

    /// Puts the values of a row, given in the order of `columns`, into the order and the kinds of
    /// this table. Fails where the two do not fit.
    pub fn fit(&self, columns: &[String], row: Vec<Value>) -> Result<Vec<Value>> {
        let mut given: Vec<Option<Value>> = row.into_iter().map(Some).collect();
        let mut fitted = Vec::with_capacity(self.kinds.len());
        for (name, kind) in self.table.columns.iter().zip(&self.kinds) {
            let at = columns.iter().position(|column| column == name);
            let value = at.and_then(|at| given.get_mut(at)).and_then(Option::take);
            let value = value.with_context(|| format!("{}.{name} is missing", self.table.name))?;
            fitted.push(
                of_kind(value, *kind).with_context(|| format!("{}.{name}", self.table.name))?,
            );
        }
        if given.iter().any(Option::is_some) {
            bail!("{} has a column that is not known here", self.table.name);
        }
        Ok(fitted)
    }

    /// The columns by their names.
    pub fn columns(&self) -> Vec<String> {
        self.table.columns.iter().map(|&column| column.to_owned()).collect()
    }

    /// Rows to be put into this table.
    pub fn empty(&self) -> Rows {
        Rows::new(self.table)
    }

    fn read(&self, row: Row<'_>) -> Result<Vec<Value>> {
        let mut cols = Cols::new(row);
        self.kinds.iter().map(|kind| read(&mut cols, *kind)).collect()
    }
}

fn read(cols: &mut Cols<'_>, kind: Kind) -> Result<Value> {
    Ok(match kind {
        Kind::Int => Value::from(cols.next::<Option<i64>>()?),
        Kind::Float => Value::from(cols.next::<Option<f64>>()?),
        Kind::Bool => Value::from(cols.next::<Option<bool>>()?),
        Kind::Text => Value::from(cols.next::<Option<String>>()?),
        Kind::Bytes => Value::from(cols.next::<Option<Vec<u8>>>()?),
        Kind::Uuid => Value::from(cols.next::<Option<uuid::Uuid>>()?),
    })
}

/// The same value for a column of this kind. SQLite keeps ids of sixteen bytes as bytes.
fn of_kind(value: Value, kind: Kind) -> Result<Value> {
    Ok(match (value, kind) {
        (Value::Null(_), kind) => Value::Null(kind),
        (Value::Bytes(it), Kind::Uuid) => Value::Uuid(uuid::Uuid::from_slice(&it)?),
        (Value::Uuid(it), Kind::Bytes) => Value::Bytes(it.as_bytes().to_vec()),
        (value @ Value::Int(_), Kind::Int)
        | (value @ Value::Float(_), Kind::Float)
        | (value @ Value::Bool(_), Kind::Bool)
        | (value @ Value::Text(_), Kind::Text)
        | (value @ Value::Bytes(_), Kind::Bytes)
        | (value @ Value::Uuid(_), Kind::Uuid) => value,
        (value, kind) => bail!("{value:?} is no {kind:?}"),
    })
}

/// The tables that are carried, by name.
pub async fn shapes(conn: &mut Conn) -> Result<Vec<Shape>> {
    let columns: Vec<(String, String, String)> = match conn.engine() {
        Engine::Sqlite => {
            conn.all(
                "select m.name, c.name, lower(c.type)
                   from sqlite_master m join pragma_table_info(m.name) c
                  where m.type = 'table' and m.name not like 'sqlite\\_%' escape '\\'
                  order by m.name, c.cid",
                params![],
            )
            .await?
        }
        Engine::Postgres => {
            conn.all(
                "select table_name::text, column_name::text, data_type::text
                   from information_schema.columns where table_schema = current_schema()
                  order by table_name, ordinal_position",
                params![],
            )
            .await?
        }
    };
    let mut shapes: Vec<(String, Vec<(String, Kind)>)> = Vec::new();
    for (table, column, kind) in columns {
        // What FTS5 keeps beside its table begins with its name.
        if table == "schema_migrations" || table.starts_with("search_index") {
            continue;
        }
        let kind = match kind.as_str() {
            "bigint" | "integer" => Kind::Int,
            "boolean" => Kind::Bool,
            "text" => Kind::Text,
            "blob" | "bytea" => Kind::Bytes,
            "uuid" => Kind::Uuid,
            other => bail!("{table}.{column} holds {other}, which cannot be carried"),
        };
        match shapes.last_mut().filter(|(name, _)| *name == table) {
            Some((_, columns)) => columns.push((column, kind)),
            None => shapes.push((table, vec![(column, kind)])),
        }
    }
    shapes.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(shapes.into_iter().map(|(name, columns)| Shape::new(&name, columns)).collect())
}

/// The rows of a table, a few thousand at a time.
pub struct Walk<'w> {
    shape: &'w Shape,
    /// The row after which the next ones come, on SQLite.
    after: i64,
    is_open: bool,
}

const ROWS_AT_ONCE: i64 = 2_000;

impl<'w> Walk<'w> {
    pub fn new(shape: &'w Shape) -> Self {
        Self::after(shape, i64::MIN)
    }

    /// On SQLite only the rows after this one.
    pub(crate) fn after(shape: &'w Shape, row: i64) -> Self {
        Self { shape, after: row, is_open: false }
    }

    /// The next rows; none at the end. The connection has to be one of [`Db::snapshot`] or a
    /// transaction.
    pub async fn next(&mut self, conn: &mut Conn) -> Result<Vec<Vec<Value>>> {
        let Shape { table, .. } = self.shape;
        let columns = quoted(table.columns);
        if conn.engine() == Engine::Sqlite {
            let text = format!(
                "select {columns}, rowid from {} where rowid > $1 order by rowid limit $2",
                table.name
            );
            let mut after = self.after;
            let rows = conn
                .fetch(text.into(), params![self.after, ROWS_AT_ONCE], |row| {
                    after = i64::read(row, table.columns.len())?;
                    self.shape.read(row)
                })
                .await;
            self.after = after;
            return rows;
        }
        // Under a name of its own: a statement that was prepared for one table fits no other.
        let cursor = format!("carried_{}", table.name);
        if !self.is_open {
            conn.script(format!(
                "declare {cursor} no scroll cursor for select {columns} from {}",
                table.name
            ))
            .await?;
            self.is_open = true;
        }
        let text = format!("fetch {ROWS_AT_ONCE} from {cursor}");
        let rows = conn.fetch(text.into(), params![], |row| self.shape.read(row)).await?;
        if rows.is_empty() {
            conn.script(format!("close {cursor}")).await?;
        }
        Ok(rows)
    }
}

fn quoted(columns: &[&str]) -> String {
    columns.iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(", ")
}

/// The highest id that each table ever gave, where it gives none twice.
pub async fn counters(conn: &mut Conn) -> Result<Vec<(String, i64)>> {
    match conn.engine() {
        Engine::Sqlite => {
            let known: i64 = conn
                .scalar(
                    "select count(*) from sqlite_master where name = 'sqlite_sequence'",
                    params![],
                )
                .await?;
            if known == 0 {
                return Ok(Vec::new());
            }
            conn.all("select name, seq from sqlite_sequence order by name", params![]).await
        }
        Engine::Postgres => {
            conn.all(
                "select replace(sequencename::text, '_id_seq', ''), last_value
                   from pg_sequences
                  where schemaname = current_schema() and last_value is not null order by 1",
                params![],
            )
            .await
        }
    }
}

/// A database that is being filled with what another one held. Nothing of it is there before
/// [`Load::commit`].
pub struct Load {
    tx: Tx,
    shapes: Vec<Shape>,
}

impl Load {
    /// Begins with a database in which nothing was done yet; what the schema put there is removed.
    pub async fn begin(db: &Db) -> Result<Self> {
        let mut tx = db.begin().await?;
        let people: i64 = tx.scalar("select count(*) from agents", params![]).await?;
        if people > 0 {
            bail!("there is an installation in this database already; take an empty one");
        }
        match tx.engine() {
            Engine::Sqlite => tx.script("pragma defer_foreign_keys = on".to_owned()).await?,
            Engine::Postgres => {
                of_all_references(&mut tx, "deferrable initially deferred").await?;
            }
        }
        let shapes = shapes(&mut tx).await?;
        for shape in &shapes {
            // What was noted there is never removed.
            if shape.table.name == "audit_entries" && has_rows(&mut tx, shape).await? {
                bail!("something was done in this database already; take an empty one");
            }
            tx.script(format!("delete from {}", shape.table.name)).await?;
        }
        Ok(Self { tx, shapes })
    }

    /// The table of this name.
    pub fn shape(&self, name: &str) -> Result<Shape> {
        let shape = self.shapes.iter().find(|shape| shape.table.name == name);
        shape.cloned().with_context(|| format!("the table {name} is not known here"))
    }

    pub fn tx(&mut self) -> &mut Tx {
        &mut self.tx
    }

    /// Lets ids go on where the other database was, and keeps all.
    pub async fn commit(mut self, counters: &[(String, i64)]) -> Result<()> {
        let tables: Vec<Table> = self.shapes.iter().map(|shape| shape.table).collect();
        crate::bulk::continue_ids(&mut self.tx, &tables).await?;
        for (table, last) in counters {
            let shape = self.shapes.iter().find(|shape| shape.table.name == table);
            if shape.is_some_and(|shape| shape.table.columns.contains(&"id")) {
                raise(&mut self.tx, table, *last).await?;
            }
        }
        if self.tx.engine() == Engine::Postgres {
            // What was put off is looked at before the constraints are as they were.
            self.tx.script("set constraints all immediate".to_owned()).await?;
            of_all_references(&mut self.tx, "not deferrable").await?;
        }
        self.tx.commit().await
    }
}

async fn has_rows(tx: &mut Tx, shape: &Shape) -> Result<bool> {
    let text = format!("select 1 from {} limit 1", shape.table.name);
    let rows = tx.fetch(text.into(), params![], |_| Ok(())).await?;
    Ok(!rows.is_empty())
}

async fn raise(tx: &mut Tx, table: &str, last: i64) -> Result<()> {
    if tx.engine() == Engine::Sqlite {
        return tx
            .execute(
                "update sqlite_sequence set seq = $2 where name = $1 and seq < $2",
                params![table, last],
            )
            .await
            .map(drop);
    }
    tx.script(format!(
        "select setval(pg_get_serial_sequence('{table}', 'id'),
                       greatest({last}, (select coalesce(max(id), 1) from {table})))
          where pg_get_serial_sequence('{table}', 'id') is not null"
    ))
    .await
}

/// Changes when PostgreSQL looks whether rows refer to what is there.
async fn of_all_references(tx: &mut Tx, when: &str) -> Result<()> {
    let references: Vec<(String, String)> = tx
        .all(
            "select conrelid::regclass::text, quote_ident(conname) from pg_constraint
              where contype = 'f' and connamespace = current_schema()::regnamespace order by 1, 2",
            params![],
        )
        .await?;
    for (table, name) in references {
        tx.script(format!("alter table {table} alter constraint {name} {when}")).await?;
    }
    Ok(())
}

/// How many connections servers hold to a PostgreSQL database at this moment, on whatever node. A
/// file is locked by its server in another way.
pub async fn connections_of_servers(location: &Location) -> Result<i64> {
    let Location::Postgres(url) = location else { return Ok(0) };
    let pool = Pool::new(Opening::of(url, "recourse looks around")?, 1);
    let conn = Conn::of(Inner::Postgres(pool.seat().await?));
    let count = conn
        .scalar(
            "select count(*) from pg_stat_activity
              where datname = current_database() and application_name = 'recourse'",
            params![],
        )
        .await?;
    drop(conn);
    pool.close().await;
    Ok(count)
}

/// The version of the schema that this program works with.
pub fn latest_version() -> i64 {
    crate::migrations::latest()
}

/// The version of the schema that a database has.
pub async fn version(conn: &mut Conn) -> Result<i64> {
    crate::migrations::version(conn).await
}
