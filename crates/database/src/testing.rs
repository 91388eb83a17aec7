#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]
//! Databases for tests: each test gets its own, on SQLite always and on PostgreSQL when
//! `RECOURSE_TEST_POSTGRES` names a cluster that may be filled with throw-away databases.

use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use kernel::{SystemClock, Timestamp};

use crate::conn::Inner;
use crate::postgres::{Opening, Pool};
use crate::{Conn, Db, Location, migrations, params};

/// Writes a test once and runs it on both databases: `name::sqlite` and `name::postgres`.
#[macro_export]
macro_rules! on_both {
    ($($(#[$attr:meta])* async fn $name:ident($db:ident: Db) $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports, clippy::allow_attributes, clippy::wildcard_imports)]
            use super::*;

            $(#[$attr])*
            async fn story($db: $crate::Db) $body

            #[tokio::test]
            async fn sqlite() {
                story($crate::testing::sqlite().await).await;
            }

            #[tokio::test]
            async fn postgres() {
                if let Some(db) = $crate::testing::postgres().await {
                    story(db).await;
                }
            }
        }
    )*};
}

/// A new SQLite database with the current schema.
pub async fn sqlite() -> Db {
    let template = sqlite_template().await;
    let path = scratch().join(format!("{}.db", unique()));
    std::fs::copy(template, &path).expect("copy the template database");
    Db::connect(&Location::File(path)).await.expect("open a test database")
}

/// Where a SQLite file of a test may lie.
#[cfg(test)]
pub(crate) fn scratch_file() -> PathBuf {
    scratch().join(format!("{}.db", unique()))
}

/// A new PostgreSQL database with the current schema, if a cluster was named.
pub async fn postgres() -> Option<Db> {
    let url = postgres_url().await?;
    Some(Db::connect(&Location::Postgres(url)).await.expect("open a test database"))
}

/// Lets every search that finds something go on for ever.
pub async fn let_searches_never_end(db: &Db) {
    let script = "
        alter table search_documents rename to search_documents_kept;
        create view search_documents as select * from search_documents_kept where 0 < (
            with recursive n (i) as (select id union all select i + 1 from n where i > 0)
            select count(*) from n)";
    let mut tx = db.begin().await.expect("begin");
    tx.script(script.to_owned()).await.expect("put a view before the documents");
    tx.commit().await.expect("commit");
}

/// Lets every list of tickets go on for ever, and gives lists up soon.
pub async fn let_lists_never_end(db: &Db) {
    let script = "
        alter table tickets rename to tickets_kept;
        create view tickets as select * from tickets_kept where 0 < (
            with recursive n (i) as (select id union all select i + 1 from n where i > 0)
            select count(*) from n)";
    let mut tx = db.begin().await.expect("begin");
    tx.script(script.to_owned()).await.expect("put a view before the tickets");
    tx.commit().await.expect("commit");
    db.limit_lists(Duration::from_millis(50));
}

/// The URL of a new PostgreSQL database with the current schema, if a cluster was named.
pub async fn postgres_url() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "tests have no other settings")]
    let base = std::env::var("RECOURSE_TEST_POSTGRES").ok()?;
    let template = format!("template_{}", migrations::schema_name());
    let opening = Opening::of(&base, "recourse tests").expect("read the URL of the test cluster");
    let seat = Pool::new(opening, 1).seat().await.expect("reach the test cluster");
    let mut admin = Conn::of(Inner::Postgres(seat));
    make(&mut admin, "select pg_advisory_lock(7261012)").await;
    drop_abandoned(&mut admin).await;
    let known: i64 = admin
        .scalar("select count(*) from pg_database where datname = $1", params![&template])
        .await
        .expect("look for the template");
    if known == 0 {
        make(&mut admin, &format!("create database {template}_new")).await;
        let location = Location::Postgres(with_name(&base, &format!("{template}_new")));
        let db = Db::open(&location, &SystemClock).await.expect("migrate the template");
        db.close().await;
        make(&mut admin, &format!("alter database {template}_new rename to {template}")).await;
    }
    make(&mut admin, "select pg_advisory_unlock(7261012)").await;
    let name = format!("t_{}", unique());
    make(&mut admin, &format!("create database {name} template {template} strategy wal_log")).await;
    Some(with_name(&base, &name))
}

/// Drops, once in each process, the databases of test processes that have ended: a whole run would
/// otherwise keep every one of them until its end, often in memory.
async fn drop_abandoned(admin: &mut Conn) {
    static SWEPT: AtomicBool = AtomicBool::new(false);
    if SWEPT.swap(true, Ordering::Relaxed) {
        return;
    }
    let names: Vec<String> = admin
        .column("select datname::text from pg_database where datname like 't\\_%'", params![])
        .await
        .expect("list the test databases");
    for name in names.iter().filter(|name| name.strip_prefix("t_").is_some_and(is_abandoned)) {
        make(admin, &format!("drop database if exists {name} with (force)")).await;
    }
}

/// Whether the process that gave this name, as [`unique`] makes them, has ended.
fn is_abandoned(name: &str) -> bool {
    let process = name.split('_').next().unwrap_or_default();
    let processes = Path::new("/proc");
    process.parse::<u32>().is_ok()
        && processes.join("self").exists()
        && !processes.join(process).exists()
}

async fn make(admin: &mut Conn, sql: &str) {
    admin.script(sql.to_owned()).await.expect(sql);
}

fn with_name(base: &str, name: &str) -> String {
    let (server, query) = base.split_once('?').unwrap_or((base, ""));
    let server = server.rsplit_once('/').map_or(server, |(server, _)| server);
    if query.is_empty() { format!("{server}/{name}") } else { format!("{server}/{name}?{query}") }
}

async fn sqlite_template() -> PathBuf {
    let template = scratch().join(format!("template-{}.db", migrations::schema_name()));
    if !template.exists() {
        let path = scratch().join(format!("{}.db", unique()));
        let db = Db::open(&Location::File(path.clone()), &SystemClock).await.expect("migrate");
        db.close().await;
        // Whoever is second replaces it by the same thing.
        std::fs::rename(path, &template).expect("name the template database");
    }
    template
}

/// The folder of the test databases. What processes that have ended left there is removed.
fn scratch() -> PathBuf {
    static SWEPT: Once = Once::new();
    let folder = std::env::temp_dir().join("recourse-tests");
    std::fs::create_dir_all(&folder).expect("make the folder for test databases");
    SWEPT.call_once(|| {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_some_and(is_abandoned) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    });
    folder
}

fn unique() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{}_{}_{count}", std::process::id(), uuid::Uuid::now_v7().simple())
}

/// The moment at which stories begin: a Tuesday morning.
pub const TUESDAY: Timestamp = Timestamp::from_seconds(1_795_510_800);
