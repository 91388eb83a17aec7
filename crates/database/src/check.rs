//! Rules that a sound database keeps, and the search for the rows that break them.

use anyhow::{Context, Result};

use crate::conn::Inner;
use crate::db::Pools;
use crate::{Conn, Db, Engine, Sql, params};

/// What is always so. Each crate states it of its own tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What is wrong where it is not so, such as `a ticket counts other messages than it has`.
    pub fault: &'static str,
    /// Selects a `name` for each row that breaks it.
    pub broken_by: &'static str,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub fault: String,
    /// How often it was found.
    pub count: i64,
    /// Where, of a few.
    pub examples: Vec<String>,
}

/// So many places are named.
const EXAMPLES: i64 = 5;

impl Finding {
    /// One kind of fault in some places; none in none.
    pub fn of(fault: &str, places: &[String]) -> Option<Self> {
        (!places.is_empty()).then(|| Self {
            fault: fault.to_owned(),
            count: kernel::count(places.len()),
            examples: places.iter().take(kernel::length(EXAMPLES)).cloned().collect(),
        })
    }
}

impl Rule {
    /// Looks for what breaks it.
    pub async fn check(&self, conn: &Conn) -> Result<Option<Finding>> {
        let mut sql = Sql::new("select cast(name as text) from (");
        sql.push(self.broken_by).push(") as broken order by 1 limit ").bind(EXAMPLES);
        let rows: Vec<(String,)> =
            conn.all_sql(sql).await.with_context(|| format!("looking whether {}", self.fault))?;
        if rows.is_empty() {
            return Ok(None);
        }
        let mut count = Sql::new("select count(*) from (");
        count.push(self.broken_by).push(") as broken");
        Ok(Some(Finding {
            fault: self.fault.to_owned(),
            count: conn.scalar_sql(count).await?,
            examples: rows.into_iter().map(|(name,)| name).collect(),
        }))
    }
}

impl Db {
    /// A connection that sees the database as it was at one moment, whatever is written
    /// meanwhile. Writing through it fails.
    pub async fn snapshot(&self) -> Result<Conn> {
        Ok(match self.pools() {
            Pools::Sqlite { read, .. } => {
                let mut seat = read.seat().await?;
                seat.take_time();
                seat.begin_reading()?;
                Conn::of(Inner::Sqlite(seat))
            }
            Pools::Postgres(pool) => {
                let seat = pool.begin().await?;
                let text = "set transaction isolation level repeatable read, read only";
                seat.later(text.into(), Vec::new()).await?;
                Conn::of(Inner::Postgres(seat))
            }
        })
    }
}

/// Whether the index of the search has what the documents say, and nothing else.
pub fn of_the_search(engine: Engine) -> [Rule; 2] {
    let (lost, stray) = match engine {
        Engine::Sqlite => (
            "select d.id as name from search_documents d
              where not exists (select 1 from search_index_docsize i where i.id = d.id)",
            "select i.id as name from search_index_docsize i
              where not exists (select 1 from search_documents d where d.id = i.id)",
        ),
        Engine::Postgres => (
            "select d.id as name from search_documents d
              where not exists (select 1 from search_index i where i.id = d.id)",
            "select i.id as name from search_index i
              where not exists (select 1 from search_documents d where d.id = i.id)",
        ),
    };
    [
        Rule { fault: "a document cannot be found by the search", broken_by: lost },
        Rule { fault: "the search finds a document that is not there", broken_by: stray },
    ]
}

/// How many rows a table has.
pub async fn count(conn: &Conn, table: &'static str) -> Result<u64> {
    let mut sql = Sql::new("select count(*) from ");
    sql.push(table);
    Ok(u64::try_from(conn.scalar_sql::<i64>(sql).await?)?)
}

/// What the database says of itself. On PostgreSQL, which checks its pages as it reads them,
/// nothing.
pub async fn of_the_engine(conn: &Conn) -> Result<Vec<Finding>> {
    if conn.engine() == Engine::Postgres {
        return Ok(Vec::new());
    }
    let said: Vec<String> = conn.column("pragma integrity_check(100)", params![]).await?;
    let damaged: Vec<String> = said.into_iter().filter(|line| line != "ok").collect();
    let orphans: Vec<String> = conn
        .column(
            r#"select "table" || ' ' || coalesce(rowid, 0) || ' of ' || "parent"
                 from pragma_foreign_key_check limit 100"#,
            params![],
        )
        .await?;
    let findings = [
        Finding::of("the database file is damaged", &damaged),
        Finding::of("a row refers to one that is not there", &orphans),
    ];
    Ok(findings.into_iter().flatten().collect())
}
