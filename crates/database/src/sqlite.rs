//! SQLite, in the thread that asks: a statement takes microseconds, and handing it to another
//! thread and waiting for the answer would take longer than the statement.
//!
//! What may take long, such as a commit that waits for the disk, is done while the other work of
//! the thread goes on elsewhere ([`apart`]). Which statements those are is learnt: one that took
//! long twice in a row is taken to be long the next time. Once may mean that the machine was busy
//! with something else, and a thread more for each such statement would make it busier.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rusqlite::ffi::{SQLITE_IOERR_DIR_FSYNC, SQLITE_IOERR_FSYNC};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement, ToSql};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Value;
use crate::conn::{ACQUIRE_TIMEOUT, say_if_slow};

const STATEMENTS_KEPT: usize = 400;
/// For a second process, such as a command beside a running server.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Before the next look whether another process has finished writing.
const BUSY_PAUSE: Duration = Duration::from_millis(5);
/// A statement that took longer twice in a row is done apart, until it is quick again.
const LONG: Duration = Duration::from_millis(3);
const QUICK: Duration = Duration::from_millis(1);
const IN_A_ROW: u8 = 2;
/// SQLite looks at the clock after so many steps of its machine: well under a millisecond.
const STEPS: i32 = 10_000;

/// How connections are opened.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    pub(crate) path: PathBuf,
    /// Pragmas that every connection begins with.
    pub(crate) pragmas: String,
}

/// Connections that are alike. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    opening: Opening,
    seats: Arc<Semaphore>,
    size: u32,
    idle: Mutex<Vec<Opened>>,
    /// How often in a row statements took long, by a hash of their text.
    long: Mutex<HashMap<u64, u8>>,
    hasher: RandomState,
}

/// A connection that one task has for itself. Given back when it is dropped; what it had not
/// committed never happened.
pub(crate) struct Seat {
    conn: Option<Opened>,
    /// All that is done here may take long.
    is_long: bool,
    is_limited: bool,
    pool: Pool,
    _permit: OwnedSemaphorePermit,
}

/// Nobody ever waits for the lock: it lends the connection to whoever has the seat for themselves,
/// and lets futures that look at a seat wander between threads. The box keeps those futures small.
struct Opened(Box<Mutex<Connection>>);

impl Pool {
    pub(crate) fn new(opening: Opening, size: u32) -> Self {
        let seats = usize::try_from(size).unwrap_or(1);
        Self(Arc::new(Shared {
            opening,
            seats: Arc::new(Semaphore::new(seats)),
            size,
            idle: Mutex::default(),
            long: Mutex::default(),
            hasher: RandomState::new(),
        }))
    }

    /// Connections to the same file under the same settings.
    pub(crate) fn another(&self, size: u32) -> Self {
        Self::new(self.0.opening.clone(), size)
    }

    pub(crate) async fn seat(&self) -> Result<Seat> {
        let waiting = Arc::clone(&self.0.seats).acquire_owned();
        let permit = tokio::time::timeout(ACQUIRE_TIMEOUT, waiting).await;
        let permit = permit.context("no connection to the database became free in time")?;
        let permit = permit.context("the database is closed")?;
        let idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let conn = match idle {
            Some(conn) => conn,
            None => Opened(Box::new(Mutex::new(self.0.opening.open()?))),
        };
        Ok(Seat {
            conn: Some(conn),
            is_long: false,
            is_limited: false,
            pool: self.clone(),
            _permit: permit,
        })
    }

    /// Waits until every connection is given back and closes them.
    pub(crate) async fn close(&self) {
        let _all = self.0.seats.acquire_many(self.0.size).await;
        self.0.seats.close();
        let idle = std::mem::take(&mut *self.0.idle.lock().unwrap_or_else(PoisonError::into_inner));
        // The last one brings the log into the file.
        apart(move || drop(idle));
    }

    /// How often in a row a statement took long.
    fn times_long(&self, key: u64) -> u8 {
        let long = self.0.long.lock().unwrap_or_else(PoisonError::into_inner);
        long.get(&key).copied().unwrap_or_default()
    }

    fn learn(&self, key: u64, before: u8, took: Duration) {
        let long = || self.0.long.lock().unwrap_or_else(PoisonError::into_inner);
        if took > LONG && before < IN_A_ROW {
            long().insert(key, before + 1);
        } else if took < QUICK && before > 0 || took <= LONG && (1..IN_A_ROW).contains(&before) {
            long().remove(&key);
        }
    }
}

impl Opening {
    fn open(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(&self.path, flags)?;
        conn.busy_timeout(BUSY_TIMEOUT)?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        conn.execute_batch(&self.pragmas)?;
        Ok(conn)
    }
}

impl Seat {
    fn conn(&self) -> Result<MutexGuard<'_, Connection>> {
        let opened = self.conn.as_ref().context("the connection was given back")?;
        Ok(opened.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Everything that is done here from now on may take long.
    pub(crate) fn take_time(&mut self) {
        self.is_long = true;
    }

    /// Does something with a prepared statement.
    pub(crate) fn with_statement<R>(
        &self,
        text: &str,
        values: &[Value],
        work: impl FnOnce(&mut Statement<'_>) -> Result<R>,
    ) -> Result<R> {
        let key = self.pool.0.hasher.hash_one(text);
        let times_long = self.pool.times_long(key);
        let conn = self.conn()?;
        let began = Instant::now();
        let run = || {
            let mut statement = conn.prepare_cached(text)?;
            bind(&mut statement, values)?;
            let done = work(&mut statement);
            statement.clear_bindings();
            done
        };
        let is_long = self.is_long || times_long >= IN_A_ROW;
        let done = if is_long { apart(run) } else { run() };
        if let Err(fault) = &done
            && let Some(fault) = fault.downcast_ref::<rusqlite::Error>()
        {
            end_if_lost(fault);
        }
        let took = began.elapsed();
        self.pool.learn(key, times_long, took);
        tracing::trace!("{} µs: {text}", took.as_micros());
        say_if_slow(text, took);
        done
    }

    /// Runs a statement and says how many rows it changed.
    pub(crate) fn execute(&self, text: &str, values: &[Value]) -> Result<u64> {
        let changes = self.with_statement(text, values, |statement| {
            let is_change = !statement.readonly();
            let mut rows = statement.raw_query();
            while rows.next()?.is_some() {}
            Ok(is_change)
        })?;
        Ok(if changes { self.conn()?.changes() } else { 0 })
    }

    /// Runs statements without parameters.
    pub(crate) fn script(&self, text: &str) -> Result<()> {
        let conn = self.conn()?;
        let done = apart(|| conn.execute_batch(text));
        if let Err(fault) = &done {
            end_if_lost(fault);
        }
        Ok(done?)
    }

    /// What a pragma is set to.
    pub(crate) fn setting<T: rusqlite::types::FromSql>(&self, name: &str) -> Result<T> {
        Ok(self.conn()?.pragma_query_value(None, name, |row| row.get(0))?)
    }

    /// Prepares a statement without running it.
    pub(crate) fn prepare(&self, text: &str) -> Result<()> {
        self.conn()?.prepare(text)?;
        Ok(())
    }

    /// Begins to write. Another process that is writing is waited for.
    pub(crate) async fn begin_writing(&self) -> Result<()> {
        let until = Instant::now() + BUSY_TIMEOUT;
        self.conn()?.busy_timeout(Duration::ZERO)?;
        let begun = loop {
            match self.execute("begin immediate", &[]) {
                Err(fault) if is_busy(&fault) && Instant::now() < until => {
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                begun => break begun,
            }
        };
        self.conn()?.busy_timeout(BUSY_TIMEOUT)?;
        begun.map(drop)
    }

    /// Begins to read at one moment.
    pub(crate) fn begin_reading(&self) -> Result<()> {
        self.execute("begin", &[]).map(drop)
    }

    /// Ends a transaction, and returns once it is durable.
    pub(crate) fn commit(&self) -> Result<()> {
        let conn = self.conn()?;
        let committed = apart(|| conn.prepare_cached("commit")?.raw_execute().map(drop));
        if let Err(fault) = &committed {
            end_if_lost(fault);
        }
        Ok(committed?)
    }

    /// From now on nothing is read here after `limit`.
    pub(crate) fn limit(&mut self, limit: Duration) -> Result<()> {
        let until = Instant::now() + limit;
        self.conn()?.progress_handler(STEPS, Some(move || Instant::now() >= until))?;
        self.is_limited = true;
        Ok(())
    }

    /// Leaves the connection as the next one expects it.
    fn tidy(conn: &Connection, is_limited: bool) -> rusqlite::Result<()> {
        if is_limited {
            conn.progress_handler(0, None::<fn() -> bool>)?;
        }
        // Whoever gave up while another process was writing left it at zero.
        conn.busy_timeout(BUSY_TIMEOUT)?;
        if conn.is_autocommit() { Ok(()) } else { conn.execute_batch("rollback") }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some(mut conn) = self.conn.take() else { return };
        let held = conn.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        match Self::tidy(held, self.is_limited) {
            Ok(()) => {
                self.pool.0.idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
            }
            // Closed; the next one is new.
            Err(fault) => tracing::warn!("a connection is opened anew: {fault}"),
        }
    }
}

/// Does what may take long, while the other work of this thread goes on in another one.
fn apart<R>(work: impl FnOnce() -> R) -> R {
    let has_others =
        Handle::try_current().is_ok_and(|at| at.runtime_flavor() == RuntimeFlavor::MultiThread);
    if has_others { tokio::task::block_in_place(work) } else { work() }
}

/// Whether the disk failed to make durable what it had taken.
fn is_lost(fault: &rusqlite::Error) -> bool {
    let rusqlite::Error::SqliteFailure(fault, _) = fault else { return false };
    let codes = [SQLITE_IOERR_FSYNC, SQLITE_IOERR_DIR_FSYNC];
    codes.contains(&fault.extended_code)
}

/// Every statement may sync, such as the one that begins the log anew.
fn end_if_lost(fault: &rusqlite::Error) {
    if is_lost(fault) {
        end(fault);
    }
}

/// After a sync that failed nobody knows what is on the disk, and the system does not say it twice.
/// What is written in the log is read again at the next start, and whatever was not acknowledged is
/// sent again.
fn end(fault: &rusqlite::Error) -> ! {
    // A mail server that hands mail over by a pipe keeps what ends like this, and bounces the rest.
    const EX_TEMPFAIL: i32 = 75;
    tracing::error!(
        "the disk does not keep what is written to it ({fault}); the program ends, so that nothing \
         is taken for stored that is not; look after the disk and start again"
    );
    std::process::exit(EX_TEMPFAIL);
}

fn is_busy(fault: &anyhow::Error) -> bool {
    fault.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code)
        == Some(ErrorCode::DatabaseBusy)
}

/// Binds values to `$1`, `$2`, …, in whatever order the statement names them, or to `?` one after
/// the other.
fn bind(statement: &mut Statement<'_>, values: &[Value]) -> Result<()> {
    for index in 1..=statement.parameter_count() {
        let number = match statement.parameter_name(index) {
            Some(name) => name
                .strip_prefix('$')
                .and_then(|number| number.parse::<usize>().ok())
                .with_context(|| format!("parameters are called $1, $2, …, not {name}"))?,
            None => index,
        };
        let value = number.checked_sub(1).and_then(|at| values.get(at));
        let value = value.with_context(|| format!("the value of ${number} is missing"))?;
        statement.raw_bind_parameter(index, value)?;
    }
    Ok(())
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Int(it) => ValueRef::Integer(*it),
            Self::Float(it) => ValueRef::Real(*it),
            Self::Bool(it) => ValueRef::Integer(i64::from(*it)),
            Self::Text(it) => ValueRef::Text(it.as_bytes()),
            Self::Bytes(it) => ValueRef::Blob(it),
            Self::Uuid(it) => ValueRef::Blob(it.as_bytes()),
            Self::Null(_) => ValueRef::Null,
        }))
    }
}

/// A value as SQLite gives it.
pub(crate) trait Native: Sized {
    fn of(value: ValueRef<'_>) -> Option<Self>;
}

impl Native for i64 {
    fn of(value: ValueRef<'_>) -> Option<Self> {
        if let ValueRef::Integer(it) = value { Some(it) } else { None }
    }
}

impl Native for f64 {
    fn of(value: ValueRef<'_>) -> Option<Self> {
        match value {
            ValueRef::Real(it) => Some(it),
            #[expect(
                clippy::as_conversions,
                clippy::cast_precision_loss,
                reason = "as SQLite does"
            )]
            ValueRef::Integer(it) => Some(it as f64),
            _ => None,
        }
    }
}

impl Native for bool {
    fn of(value: ValueRef<'_>) -> Option<Self> {
        if let ValueRef::Integer(it) = value { Some(it != 0) } else { None }
    }
}

impl Native for String {
    fn of(value: ValueRef<'_>) -> Option<Self> {
        if let ValueRef::Text(it) = value {
            std::str::from_utf8(it).ok().map(str::to_owned)
        } else {
            None
        }
    }
}

impl Native for Vec<u8> {
    fn of(value: ValueRef<'_>) -> Option<Self> {
        if let ValueRef::Blob(it) | ValueRef::Text(it) = value { Some(it.to_vec()) } else { None }
    }
}

impl Native for uuid::Uuid {
    fn of(value: ValueRef<'_>) -> Option<Self> {
        if let ValueRef::Blob(it) = value { Self::from_slice(it).ok() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICKLY: u64 = 500;
    const SO_SO: u64 = 2_000;
    const LONG_TIME: u64 = 4_000;

    /// Microseconds that the runs of a statement took, and how often in a row it is then held to
    /// have taken long; twice is what makes it be done apart.
    const RUNS: &[(&[u64], u8)] = &[
        (&[QUICKLY], 0),
        (&[SO_SO], 0),
        (&[LONG_TIME], 1),
        (&[LONG_TIME, LONG_TIME], 2),
        (&[LONG_TIME, LONG_TIME, LONG_TIME], 2),
        // What took long once was not in a row with what takes long later.
        (&[LONG_TIME, QUICKLY, LONG_TIME], 1),
        (&[LONG_TIME, SO_SO, LONG_TIME], 1),
        // What is done apart stays there until it is quick, and not only a little shorter.
        (&[LONG_TIME, LONG_TIME, SO_SO], 2),
        (&[LONG_TIME, LONG_TIME, SO_SO, QUICKLY], 0),
        (&[LONG_TIME, LONG_TIME, QUICKLY, LONG_TIME], 1),
        // The bounds themselves are neither long nor quick.
        (&[3_000], 0),
        (&[3_001], 1),
        (&[LONG_TIME, LONG_TIME, 1_000], 2),
        (&[LONG_TIME, LONG_TIME, 999], 0),
    ];

    #[test]
    fn what_took_long_twice_in_a_row_is_long_until_it_is_quick() {
        let opening = Opening { path: PathBuf::new(), pragmas: String::new() };
        for (runs, wanted) in RUNS {
            let pool = Pool::new(opening.clone(), 1);
            for took in *runs {
                pool.learn(7, pool.times_long(7), Duration::from_micros(*took));
            }
            assert_eq!(pool.times_long(7), *wanted, "{runs:?}");
            assert_eq!(pool.times_long(8), 0, "another statement is not concerned");
        }
    }
}
