//! Carrying a whole installation: into the file of a backup, out of one, and from one database to
//! another. All three are the same walk over tables and files, so that what a backup holds can be
//! put into either engine.

mod archive;
mod index;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use audit::{Deed, Entry, Trail, Who};
use database::bulk::Rows;
use database::carry::{self, Load, Shape, Sum, Walk};
use database::check::{Finding, count};
use database::{Conn, Db, Location};
use files::Files;
use kernel::SharedClock;
use keys::Keys;

use archive::{End, Head, Reader, Record, TableHead, Writer};

use crate::check::{self, Step};

/// Who hears how far it is.
type Told<'t> = &'t mut (dyn FnMut(Step) + Send);

/// Rows that are put into a table at once.
const ROWS_AT_ONCE: usize = 2_000;

/// What was carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    pub tickets: u64,
    pub messages: u64,
    pub files: u64,
}

/// What a whole installation stands on.
pub struct House<'h> {
    pub database: &'h Location,
    pub files: &'h Files,
    pub keys: &'h Keys,
    pub clock: &'h SharedClock,
}

/// Writes everything that is there at this moment into a new file, beside a running server too.
/// Until it is whole it has another name.
pub async fn back_up(house: &House<'_>, to: &Path, told: Told<'_>) -> Result<Carried> {
    if to.exists() {
        bail!("{} is there already; give another name", to.display());
    }
    let unfinished = unfinished(to);
    // What a broken run left.
    let _ = fs::remove_file(&unfinished);
    let db = Db::open_unchanged(house.database).await?;
    let mut conn = db.snapshot().await?;
    let mut writer = Writer::create(&unfinished, house.keys)?;
    let written = write_all(&mut conn, house, &mut writer, told).await;
    drop(conn);
    db.close().await;
    let done = match written {
        Ok(carried) => writer.finish().map(|()| carried),
        Err(fault) => Err(fault),
    };
    if done.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    let carried = done?;
    fs::rename(&unfinished, to).with_context(|| format!("{} cannot be written", to.display()))?;
    if let Some(folder) = to.parent().filter(|folder| folder.is_dir()) {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(carried)
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".unfinished");
    PathBuf::from(name)
}

async fn write_all(
    conn: &mut Conn,
    house: &House<'_>,
    writer: &mut Writer,
    told: Told<'_>,
) -> Result<Carried> {
    let shapes = carry::shapes(conn).await?;
    let mut rows = 0;
    for shape in &shapes {
        rows += count(conn, shape.table.name).await?;
    }
    let head = Head {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        schema: carry::version(conn).await?,
        made_at: house.clock.now(),
        rows,
        files: count(conn, "files").await?,
    };
    writer.write(&Record::Head(head.clone()))?;
    let mut end = End { counters: carry::counters(conn).await?, ..End::default() };
    let mut done = 0;
    for shape in &shapes {
        let name = shape.table.name.to_owned();
        writer.write(&Record::Table(TableHead { name: name.clone(), columns: shape.columns() }))?;
        let mut sum = Sum::default();
        let mut walk = Walk::new(shape);
        loop {
            let rows = walk.next(conn).await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                sum.add(&row);
                writer.write(&Record::Row(row))?;
            }
            told(Step { what: "rows", done: done + sum.rows, of: head.rows });
        }
        done += sum.rows;
        end.tables.push((name, sum));
    }
    let mut after = String::new();
    loop {
        let hashes = files::hashes(conn, &after).await?;
        for hash in &hashes {
            writer.write(&Record::File(house.files.get(hash).await?))?;
            end.files += 1;
        }
        told(Step { what: "files", done: end.files, of: head.files });
        match hashes.last() {
            Some(hash) => hash.as_str().clone_into(&mut after),
            None => break,
        }
    }
    let (tickets, messages) = check::size(conn).await?;
    let carried = Carried { tickets, messages, files: end.files };
    writer.write(&Record::End(end))?;
    Ok(carried)
}

/// Puts what a backup holds into a database and a storage in which nothing was done yet, and looks
/// whether all of it arrived and agrees. What it finds is wrong.
pub async fn restore(
    house: &House<'_>,
    from: &Path,
    told: Told<'_>,
) -> Result<(Carried, Vec<Finding>)> {
    let mut reader = Reader::open(from, house.keys)?;
    let head = reader.head.clone();
    if head.schema > carry::latest_version() {
        bail!("the backup was made by a newer program ({}); restore it with that", head.program);
    }
    let db = Db::open_to_fill_at(house.database, head.schema, house.clock.as_ref()).await?;
    let loaded = load(&db, house.files, &mut reader, told).await;
    if loaded.is_ok() {
        db.settle().await?;
    }
    db.close().await;
    let end = loaded?;
    finish(house, &end, head.schema, told).await
}

async fn load(db: &Db, files: &Files, reader: &mut Reader, told: Told<'_>) -> Result<End> {
    let mut load = Load::begin(db).await?;
    let head = reader.head.clone();
    let mut table: Option<(Shape, TableHead, Rows)> = None;
    let (mut sums, mut rows, mut stored) = (Vec::new(), 0, 0);
    loop {
        match reader.next()? {
            Record::Head(_) => bail!("the backup begins twice"),
            Record::Table(next) => {
                put(&mut load, &mut table).await?;
                let shape = load.shape(&next.name)?;
                let waiting = shape.empty();
                sums.push((next.name.clone(), Sum::default()));
                table = Some((shape, next, waiting));
            }
            Record::Row(row) => {
                let (Some((shape, head_of, waiting)), Some((_, sum))) =
                    (table.as_mut(), sums.last_mut())
                else {
                    bail!("the backup holds a row of no table");
                };
                sum.add(&row);
                waiting.push(shape.fit(&head_of.columns, row)?);
                rows += 1;
                if waiting.len() >= ROWS_AT_ONCE {
                    put(&mut load, &mut table).await?;
                    told(Step { what: "rows", done: rows, of: head.rows });
                }
            }
            Record::File(bytes) => {
                put(&mut load, &mut table).await?;
                files.put(bytes).await?;
                stored += 1;
                told(Step { what: "files", done: stored, of: head.files });
            }
            Record::End(end) => {
                put(&mut load, &mut table).await?;
                if end.tables != sums || end.files != stored {
                    bail!("the backup does not hold what it says");
                }
                load.commit(&end.counters).await?;
                return Ok(end);
            }
        }
    }
}

/// Puts the rows that wait into their table.
async fn put(load: &mut Load, table: &mut Option<(Shape, TableHead, Rows)>) -> Result<()> {
    match table {
        Some((_, _, waiting)) if !waiting.is_empty() => waiting.take().insert(load.tx()).await,
        _ => Ok(()),
    }
}

/// Brings the schema up to date, makes the index of the search, and looks at everything.
async fn finish(
    house: &House<'_>,
    end: &End,
    schema: i64,
    told: Told<'_>,
) -> Result<(Carried, Vec<Finding>)> {
    let db = Db::open_to_fill(house.database, house.clock.as_ref()).await?;
    let indexed = index::make_again(&db, told).await;
    if indexed.is_ok() {
        db.settle().await?;
    }
    db.close().await;
    indexed?;
    let db = Db::open(house.database, house.clock.as_ref()).await?;
    if schema != carry::latest_version() {
        // What is older may come from before there was a trail.
        let mut tx = db.begin().await?;
        Trail::new(house.keys).begin(&mut tx, house.clock.now()).await?;
        tx.commit().await?;
    }
    let mut conn = db.snapshot().await?;
    let mut findings = Vec::new();
    if schema == carry::latest_version() {
        findings.extend(differences(&mut conn, &end.tables).await?);
    }
    findings.extend(check::look(&mut conn, house.files, house.keys, false, told).await?);
    let (tickets, messages) = check::size(&conn).await?;
    drop(conn);
    db.close().await;
    Ok((Carried { tickets, messages, files: end.files }, findings))
}

/// The tables that hold something else than they should.
async fn differences(conn: &mut Conn, wanted: &[(String, Sum)]) -> Result<Option<Finding>> {
    let there = sums(conn).await?;
    let other: Vec<String> =
        wanted.iter().filter(|one| !there.contains(one)).map(|(name, _)| name.clone()).collect();
    Ok(Finding::of("a table does not hold what was carried", &other))
}

/// What every table holds.
pub async fn sums(conn: &mut Conn) -> Result<Vec<(String, Sum)>> {
    let mut sums = Vec::new();
    for shape in carry::shapes(conn).await? {
        let (mut sum, mut walk) = (Sum::default(), Walk::new(&shape));
        loop {
            let rows = walk.next(conn).await?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                sum.add(row);
            }
        }
        sums.push((shape.table.name.to_owned(), sum));
    }
    Ok(sums)
}

/// Notes in the audit trail of a database what a command did to all of it.
pub async fn note(
    house: &House<'_>,
    database: &Location,
    deed: Deed,
    after: serde_json::Value,
) -> Result<()> {
    let db = Db::open_unchanged(database).await?;
    let mut tx = db.begin().await?;
    let entry = Entry::new(deed, Who::command(), house.clock.now());
    Trail::new(house.keys).note(&mut tx, entry.with(after));
    tx.commit().await?;
    db.close().await;
    Ok(())
}

/// Carries everything to another database. The files stay where they are.
pub async fn move_to(
    house: &House<'_>,
    to: &Location,
    told: Told<'_>,
) -> Result<(Carried, Vec<Finding>)> {
    let from = Db::open_unchanged(house.database).await?;
    let mut conn = from.snapshot().await?;
    let target = Db::open_to_fill(to, house.clock.as_ref()).await?;
    let carried = pour(&mut conn, &target, told).await;
    if carried.is_ok() {
        target.settle().await?;
    }
    target.close().await;
    drop(conn);
    from.close().await;
    let there = House { database: to, ..*house };
    finish(&there, &carried?, carry::latest_version(), told).await
}

async fn pour(conn: &mut Conn, target: &Db, told: Told<'_>) -> Result<End> {
    let mut load = Load::begin(target).await?;
    let shapes = carry::shapes(conn).await?;
    let (mut of, mut done) = (0, 0);
    for shape in &shapes {
        of += count(conn, shape.table.name).await?;
    }
    let mut end = End {
        counters: carry::counters(conn).await?,
        files: count(conn, "files").await?,
        ..End::default()
    };
    for shape in &shapes {
        let (there, columns) = (load.shape(shape.table.name)?, shape.columns());
        let (mut sum, mut walk) = (Sum::default(), Walk::new(shape));
        loop {
            let rows = walk.next(conn).await?;
            if rows.is_empty() {
                break;
            }
            let mut waiting = there.empty();
            for row in rows {
                sum.add(&row);
                waiting.push(there.fit(&columns, row)?);
            }
            waiting.insert(load.tx()).await?;
            told(Step { what: "rows", done: done + sum.rows, of });
        }
        done += sum.rows;
        end.tables.push((shape.table.name.to_owned(), sum));
    }
    load.commit(&end.counters).await?;
    Ok(end)
}
