//! One history of the schema for both databases, run forward at start.

use anyhow::{Context, Result, bail};
use kernel::Timestamp;
use sha2::{Digest, Sha256};

use crate::{Conn, Db, Engine, Tx, params, safety_copy};

/// One numbered step. What both databases understand is in `shared`, after which the part of the
/// engine at hand follows.
#[derive(Debug)]
pub struct Migration {
    pub version: i64,
    pub name: &'static str,
    shared: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! migration {
    ($version:literal, $name:literal) => {
        Migration {
            version: $version,
            name: $name,
            shared: include_str!(concat!("../migrations/", $name, ".sql")),
            sqlite: "",
            postgres: "",
        }
    };
    ($version:literal, $name:literal, by engine) => {
        Migration {
            version: $version,
            name: $name,
            shared: include_str!(concat!("../migrations/", $name, ".sql")),
            sqlite: include_str!(concat!("../migrations/", $name, ".sqlite.sql")),
            postgres: include_str!(concat!("../migrations/", $name, ".postgres.sql")),
        }
    };
}

static HISTORY: &[Migration] = &[
    migration!(1, "0001_foundation"),
    migration!(2, "0002_accounts"),
    migration!(3, "0003_customers"),
    migration!(4, "0004_tickets", by engine),
    migration!(5, "0005_mail"),
    migration!(6, "0006_portal"),
    migration!(7, "0007_search", by engine),
    migration!(8, "0008_topics"),
    migration!(9, "0009_outgoing"),
    migration!(10, "0010_quiet"),
    migration!(11, "0011_lists"),
    migration!(12, "0012_token_inboxes"),
    migration!(13, "0013_second_factor"),
    migration!(14, "0014_trail", by engine),
    migration!(15, "0015_begun"),
    migration!(16, "0016_shares"),
    migration!(17, "0017_limits"),
    migration!(18, "0018_read_again"),
    migration!(19, "0019_fair_reading"),
];

/// The database was written by a newer program.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database has schema {found}, this program knows {known}; start the newer program, or \
     restore the backup from before the upgrade"
)]
pub struct NewerSchema {
    pub found: i64,
    pub known: i64,
}

/// Brings the schema up to date. Nodes that start together wait for one another.
pub(crate) async fn run(db: &Db, now: Timestamp) -> Result<()> {
    if db.engine() == Engine::Sqlite {
        let mut conn = db.read().await?;
        let found = if is_begun(&conn).await? { version(&mut conn).await? } else { 0 };
        drop(conn);
        if (1..latest()).contains(&found) {
            safety_copy::make(db, found).await?;
        }
    }
    run_to(db, now, i64::MAX).await
}

/// Brings the schema up to what it was at a version, in one transaction: where a step fails or the
/// program dies, everything is as it was before, as in the copy that was kept.
pub(crate) async fn run_to(db: &Db, now: Timestamp, version: i64) -> Result<()> {
    let mut tx = db.begin().await?;
    if tx.engine() == Engine::Postgres {
        tx.execute("select pg_advisory_xact_lock(7261011)", params![]).await?;
    }
    prepare(&mut tx).await?;
    let done: Vec<(i64, String)> = tx
        .all("select version, checksum from schema_migrations order by version", params![])
        .await?;
    let known = latest();
    if let Some((found, _)) = done.last().filter(|(version, _)| *version > known) {
        bail!(NewerSchema { found: *found, known });
    }
    for migration in HISTORY.iter().filter(|one| one.version <= version) {
        match done.iter().find(|(version, _)| *version == migration.version) {
            Some((_, checksum)) if *checksum == migration.checksum() => {}
            Some(_) => bail!("migration {} was changed after it had run", migration.name),
            None => step(&mut tx, migration, now).await?,
        }
    }
    tx.commit().await
}

/// The version of the schema that a database has.
pub(crate) async fn version(conn: &mut Conn) -> Result<i64> {
    conn.scalar("select coalesce(max(version), 0) from schema_migrations", params![]).await
}

/// The version of the schema that this program works with.
pub(crate) fn latest() -> i64 {
    HISTORY.last().map_or(0, |last| last.version)
}

/// Whether there is a schema of this program, of whatever version: somebody has begun with this
/// database.
pub async fn is_begun(conn: &Conn) -> Result<bool> {
    let tables = match conn.engine() {
        Engine::Sqlite => "select count(*) from sqlite_master where name = 'schema_migrations'",
        Engine::Postgres => {
            "select count(*) from pg_class where oid = to_regclass('schema_migrations')"
        }
    };
    Ok(conn.scalar::<i64>(tables, params![]).await? > 0)
}

/// Whether all that this program knows was done, and no more.
pub async fn is_current(conn: &mut Conn) -> Result<bool> {
    Ok(version(conn).await? == latest())
}

/// Fails unless all that this program knows was done, and no more.
pub(crate) async fn assert_current(db: &Db) -> Result<()> {
    let found = version(&mut db.read().await?).await;
    let found = found.context("this is no database of this program")?;
    let known = latest();
    if found > known {
        bail!(NewerSchema { found, known });
    }
    if found < known {
        bail!(
            "the database is of an older version; start the server once, it brings it up to date"
        );
    }
    Ok(())
}

async fn prepare(conn: &mut Conn) -> Result<()> {
    conn.execute(
        "create table if not exists schema_migrations (
            version bigint primary key,
            name text not null,
            checksum text not null,
            applied_at bigint not null
        )",
        params![],
    )
    .await
    .map(drop)
}

async fn step(tx: &mut Tx, migration: &Migration, now: Timestamp) -> Result<()> {
    for part in migration.scripts(tx.engine()) {
        tx.script(part).await.with_context(|| format!("migration {}", migration.name))?;
    }
    tx.execute(
        "insert into schema_migrations (version, name, checksum, applied_at)
         values ($1, $2, $3, $4)",
        params![migration.version, migration.name, migration.checksum(), now],
    )
    .await
    .map(drop)
}

impl Migration {
    fn scripts(&self, engine: Engine) -> Vec<String> {
        let own = match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        };
        [self.shared, own]
            .into_iter()
            .filter(|script| !script.trim().is_empty())
            .map(|script| spell(script, engine))
            .collect()
    }

    fn checksum(&self) -> String {
        let mut hash = Sha256::new();
        for part in [self.shared, self.sqlite, self.postgres] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        kernel::hex(&hash.finalize())
    }
}

/// Writes the words for types that the two engines spell differently.
fn spell(script: &str, engine: Engine) -> String {
    let words = match engine {
        Engine::Sqlite => [
            ("{{key}}", "integer primary key"),
            ("{{counted_key}}", "integer primary key autoincrement"),
            ("{{uuid}}", "blob"),
            ("{{bytes}}", "blob"),
        ],
        Engine::Postgres => [
            ("{{key}}", "bigint generated by default as identity primary key"),
            ("{{counted_key}}", "bigint generated by default as identity primary key"),
            ("{{uuid}}", "uuid"),
            ("{{bytes}}", "bytea"),
        ],
    };
    words.iter().fold(script.to_owned(), |script, (word, spelled)| script.replace(word, spelled))
}

/// Names this schema, so that tests can keep a template of it.
pub(crate) fn schema_name() -> String {
    let mut hash = Sha256::new();
    for migration in HISTORY {
        hash.update(migration.checksum().as_bytes());
    }
    let name = kernel::hex(&hash.finalize());
    name.get(..12).unwrap_or(&name).to_owned()
}
