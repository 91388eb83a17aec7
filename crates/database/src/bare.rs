//! The least that SQLite needs to take in rows: what everything around it is measured against.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use kernel::SystemClock;

use crate::bulk::Table;
use crate::carry::{Walk, shapes};
use crate::db::Pools;
use crate::{Conn, Db, Engine, Location, Value, params};

/// The last row of each table at a moment.
pub struct Marks(Vec<(String, i64)>);

/// Rows that came after a moment.
pub struct Added(Vec<(Table, Vec<Vec<Value>>)>);

/// Where each table ends now.
pub async fn marks(conn: &mut Conn) -> Result<Marks> {
    let mut marks = Vec::new();
    if conn.engine() == Engine::Sqlite {
        for shape in shapes(conn).await? {
            let name = shape.table.name;
            let text = format!("select coalesce(max(rowid), 0) from {name}");
            let last =
                conn.fetch(text.into(), params![], |row| crate::Column::read(row, 0)).await?;
            marks.push((name.to_owned(), last.first().copied().unwrap_or_default()));
        }
    }
    Ok(Marks(marks))
}

/// The rows after the marks, as they are now.
pub async fn added(conn: &mut Conn, marks: &Marks) -> Result<Added> {
    let mut added = Vec::new();
    for shape in shapes(conn).await? {
        let after = marks.0.iter().find(|(name, _)| name == shape.table.name);
        let mut walk = Walk::after(&shape, after.map_or(i64::MIN, |(_, last)| *last));
        let mut rows = Vec::new();
        loop {
            let next = walk.next(conn).await?;
            if next.is_empty() {
                break;
            }
            rows.extend(next);
        }
        if !rows.is_empty() {
            added.push((shape.table, rows));
        }
    }
    Ok(Added(added))
}

/// Writes the rows into a new database with the same schema and the same settings, in so many
/// durable commits of equal size, and says how long that took. Nothing is read, nothing is
/// decided, no reference is checked and nothing is indexed for the search.
pub async fn write(added: &Added, file: &Path, commits: usize) -> Result<Duration> {
    let db = Db::open(&Location::File(file.to_owned()), &SystemClock).await?;
    let Pools::Sqlite { write, .. } = db.pools() else { bail!("a file is SQLite's") };
    let seat = write.seat().await?;
    seat.script("pragma foreign_keys = off")?;
    let tables: Vec<(String, &Vec<Vec<Value>>)> =
        added.0.iter().map(|(table, rows)| (crate::bulk::insert_text(table, 1), rows)).collect();
    let commits = commits.max(1);
    let began = Instant::now();
    for commit in 0..commits {
        seat.begin_writing().await?;
        for (text, rows) in &tables {
            let (from, to) = (rows.len() * commit / commits, rows.len() * (commit + 1) / commits);
            for row in rows.get(from..to).unwrap_or_default() {
                seat.execute(text, row)?;
            }
        }
        seat.commit()?;
    }
    let took = began.elapsed();
    drop(seat);
    db.close().await;
    Ok(took)
}
