//! Opening a database and handing out connections.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use kernel::Clock;

use crate::conn::{Inner, explained};
use crate::limit::LIST_LIMIT;
use crate::network::assert_local;
use crate::notices::{Hub, relay};
use crate::sqlite::{BUSY_TIMEOUT, Seat};
use crate::tx::NOTIFY;
use crate::{Conn, Notices, Room, Tx, migrations, params, postgres, sqlite};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Where the database is.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    File(PathBuf),
    Postgres(String),
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the database URL must begin with postgres:// or postgresql://, or be left out for SQLite")]
pub struct NotALocation;

impl FromStr for Location {
    type Err = NotALocation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
        if known { Ok(Self::Postgres(text.to_owned())) } else { Err(NotALocation) }
    }
}

/// An open database. Cheap to clone.
#[derive(Clone)]
pub struct Db(Arc<Shared>);

struct Shared {
    pools: Pools,
    aside: Aside,
    hub: Arc<Hub>,
    /// How long a list may take; tests have less patience.
    list_limit_ms: AtomicU64,
    room: Room,
}

pub(crate) enum Pools {
    /// SQLite has one writer; readers never wait for it.
    Sqlite {
        write: sqlite::Pool,
        read: sqlite::Pool,
    },
    Postgres(postgres::Pool),
}

/// A connection of its own for what is read once for all.
enum Aside {
    Sqlite(sqlite::Pool),
    Postgres(postgres::Pool),
}

const SQLITE_READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 16;

impl Db {
    /// Opens the database, makes it if it is a file that does not exist, and brings its schema
    /// up to date.
    pub async fn open(location: &Location, clock: &dyn Clock) -> Result<Self> {
        let db = Self::connect(location).await?;
        migrations::run(&db, clock.now()).await?;
        Ok(db)
    }

    /// Opens the database for a look at it: its schema must be the one of this program.
    pub async fn open_unchanged(location: &Location) -> Result<Self> {
        let db = Self::connect(location).await?;
        migrations::assert_current(&db).await?;
        Ok(db)
    }

    /// Opens the database as it is.
    pub async fn connect(location: &Location) -> Result<Self> {
        Self::connect_with(location, Journal::Wal).await
    }

    pub(crate) async fn connect_with(location: &Location, journal: Journal) -> Result<Self> {
        let hub = Hub::new();
        let pools = match location {
            Location::File(path) => open_sqlite(path, journal).await?,
            Location::Postgres(url) => {
                let pool = open_postgres(url).await?;
                #[expect(clippy::disallowed_methods, reason = "lives as long as the database")]
                tokio::spawn(relay(pool.opening().clone(), pool.closed(), Arc::downgrade(&hub)));
                Pools::Postgres(pool)
            }
        };
        let aside = aside(&pools);
        let list_limit_ms = AtomicU64::new(milliseconds(LIST_LIMIT));
        let room = Room::default();
        Ok(Self(Arc::new(Shared { pools, aside, hub, list_limit_ms, room })))
    }

    pub(crate) fn list_limit(&self) -> Duration {
        Duration::from_millis(self.0.list_limit_ms.load(Ordering::Relaxed))
    }

    /// From now on lists give up after `limit`.
    pub(crate) fn limit_lists(&self, limit: Duration) {
        self.0.list_limit_ms.store(milliseconds(limit), Ordering::Relaxed);
    }

    pub(crate) fn pools(&self) -> &Pools {
        &self.0.pools
    }

    pub fn engine(&self) -> Engine {
        match self.0.pools {
            Pools::Sqlite { .. } => Engine::Sqlite,
            Pools::Postgres(_) => Engine::Postgres,
        }
    }

    /// Whether there is room on the disk for what comes in.
    pub fn room(&self) -> &Room {
        &self.0.room
    }

    /// A connection for reading. Writing through it fails.
    pub async fn read(&self) -> Result<Conn> {
        let inner = match &self.0.pools {
            Pools::Sqlite { read, .. } => Inner::Sqlite(read.seat().await?),
            Pools::Postgres(pool) => Inner::Postgres(pool.seat().await?),
        };
        Ok(Conn::of(inner))
    }

    /// A connection for reading what everybody needs and keeps, such as who works here. Whoever
    /// asks for it may hold one of the others: if all who hold one waited for another one, nobody
    /// would ever get it.
    pub async fn read_for_all(&self) -> Result<Conn> {
        let inner = match &self.0.aside {
            Aside::Sqlite(pool) => Inner::Sqlite(pool.seat().await?),
            Aside::Postgres(pool) => Inner::Postgres(pool.seat().await?),
        };
        Ok(Conn::of(inner))
    }

    /// A transaction for writing. On SQLite it takes its turn at once, so that it can never find
    /// out halfway that somebody else was writing.
    pub async fn begin(&self) -> Result<Tx> {
        let inner = match &self.0.pools {
            Pools::Sqlite { write, .. } => {
                let seat = write.seat().await?;
                seat.begin_writing().await.map_err(explained)?;
                Inner::Sqlite(seat)
            }
            Pools::Postgres(pool) => Inner::Postgres(pool.begin().await?),
        };
        Ok(Tx::new(Conn::of(inner), self.0.hub.clone()))
    }

    /// The connection that writes, without a transaction. SQLite alone has one.
    pub(crate) async fn begin_outside(&self) -> Result<Conn> {
        match &self.0.pools {
            Pools::Sqlite { write, .. } => Ok(Conn::of(Inner::Sqlite(write.seat().await?))),
            Pools::Postgres(pool) => Ok(Conn::of(Inner::Postgres(pool.seat().await?))),
        }
    }

    /// Writes something and waits until it is durable: whether that works can be known in no other
    /// way.
    pub async fn try_to_write(&self, clock: &dyn Clock) -> Result<()> {
        let mut tx = self.begin().await?;
        tx.execute(
            "insert into settings (name, value, updated_at) values ('written_at', '', $1)
             on conflict (name) do update set updated_at = excluded.updated_at",
            params![clock.now()],
        )
        .await?;
        tx.commit().await
    }

    /// What will have changed from now on, on any node.
    pub fn notices(&self) -> Notices {
        self.0.hub.subscribe()
    }

    /// Calls `watcher` with each notice, before anybody who committed it goes on. It must not
    /// wait for anything.
    pub fn watch(&self, watcher: impl Fn(&str) + Send + Sync + 'static) {
        self.0.hub.watch(Box::new(watcher));
    }

    /// Tells the nodes something that no transaction goes with, such as who is typing.
    pub async fn announce(&self, notice: String) -> Result<()> {
        let notices = [notice];
        if let Pools::Postgres(pool) = &self.0.pools {
            for payload in self.0.hub.payloads(&notices) {
                pool.seat().await?.ask(NOTIFY.into(), params![payload]).await?;
            }
        }
        self.0.hub.publish(&notices);
        Ok(())
    }

    /// Waits until every connection is given back and closes them.
    pub async fn close(&self) {
        match &self.0.aside {
            Aside::Sqlite(pool) => pool.close().await,
            Aside::Postgres(pool) => pool.close().await,
        }
        match &self.0.pools {
            Pools::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Where SQLite writes first what is not to be lost halfway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Journal {
    Wal,
    Truncate,
}

/// The database file is for nobody else, in whatever folder it lies. What SQLite puts beside it
/// takes the same mode.
fn make_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        let mut options = std::fs::OpenOptions::new();
        let file = options.append(true).create(true).mode(0o600).open(path)?;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(())
}

async fn open_sqlite(path: &Path, journal: Journal) -> Result<Pools> {
    let cannot = || format!("the database file {} cannot be opened", path.display());
    assert_local(path)?;
    make_private(path).with_context(cannot)?;
    let settings = "pragma synchronous = full; pragma foreign_keys = on;
                    pragma temp_store = memory; pragma journal_size_limit = 67108864;";
    let opening =
        |own: &str| sqlite::Opening { path: path.to_owned(), pragmas: format!("{settings} {own}") };
    let mode = match journal {
        Journal::Wal => "wal",
        Journal::Truncate => "truncate",
    };
    let own = format!("pragma journal_mode = {mode}; pragma cache_size = -8192;");
    let write = sqlite::Pool::new(opening(&own), 1);
    let mut first = write.seat().await.with_context(cannot)?;
    if journal == Journal::Wal {
        assert_settings(&mut first)?;
    }
    let own = "pragma cache_size = -2048; pragma query_only = on;";
    Ok(Pools::Sqlite { write, read: sqlite::Pool::new(opening(own), SQLITE_READERS) })
}

/// Opened when it is first needed: commands often do without.
fn aside(pools: &Pools) -> Aside {
    match pools {
        Pools::Sqlite { read, .. } => Aside::Sqlite(read.another(1)),
        Pools::Postgres(pool) => Aside::Postgres(pool.another(1)),
    }
}

/// A file system that silently ignores WAL or syncing would lose mail that we said we have.
fn assert_settings(seat: &mut Seat) -> Result<()> {
    let mode: String = seat.setting("journal_mode")?;
    let synchronous: i64 = seat.setting("synchronous")?;
    let foreign_keys: i64 = seat.setting("foreign_keys")?;
    let busy_ms: u32 = seat.setting("busy_timeout")?;
    if mode != "wal" || synchronous != 2 {
        bail!(
            "the data folder's file system does not support what the database needs \
             (write-ahead log, syncing); use a local disk"
        );
    }
    if foreign_keys != 1 || u128::from(busy_ms) != BUSY_TIMEOUT.as_millis() {
        bail!("SQLite does not keep to its settings; this build of the program cannot be used");
    }
    Ok(())
}

async fn open_postgres(url: &str) -> Result<postgres::Pool> {
    let opening = postgres::Opening::of(url, "recourse")?;
    let pool = postgres::Pool::new(opening, POSTGRES_CONNECTIONS);
    // Whether it is there, and lets us in, is known at once.
    drop(pool.seat().await?);
    Ok(pool)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::scratch_file;

    fn of<T: rusqlite::types::FromSql>(seat: &Seat, name: &str) -> T {
        seat.setting(name).unwrap()
    }

    #[tokio::test]
    async fn every_connection_to_a_file_keeps_what_it_confirms() {
        let db = Db::connect(&Location::File(scratch_file())).await.unwrap();
        let Pools::Sqlite { write, read } = db.pools() else { panic!("a file is SQLite's") };
        for (pool, is_writer) in [(write, true), (read, false), (&read.another(1), false)] {
            let seat = pool.seat().await.unwrap();
            assert_eq!(of::<String>(&seat, "journal_mode"), "wal");
            assert_eq!(of::<i64>(&seat, "synchronous"), 2, "full");
            assert_eq!(of::<i64>(&seat, "foreign_keys"), 1);
            let busy_ms = of::<i64>(&seat, "busy_timeout");
            assert_eq!(u128::try_from(busy_ms).unwrap(), BUSY_TIMEOUT.as_millis());
            assert_eq!(of::<i64>(&seat, "query_only"), i64::from(!is_writer), "one writer");
        }
    }

    #[tokio::test]
    async fn a_file_whose_settings_do_not_hold_is_refused() {
        for (pragma, said) in [
            ("journal_mode = truncate", "does not support what the database needs"),
            ("synchronous = normal", "does not support what the database needs"),
            ("foreign_keys = off", "does not keep to its settings"),
            ("busy_timeout = 1", "does not keep to its settings"),
        ] {
            let db = Db::connect(&Location::File(scratch_file())).await.unwrap();
            let Pools::Sqlite { write, .. } = db.pools() else { panic!("a file is SQLite's") };
            let mut seat = write.seat().await.unwrap();
            assert_settings(&mut seat).unwrap();
            seat.script(&format!("pragma {pragma}")).unwrap();
            let fault = assert_settings(&mut seat).unwrap_err().to_string();
            assert!(fault.contains(said), "{pragma}: {fault}");
        }
    }
}
