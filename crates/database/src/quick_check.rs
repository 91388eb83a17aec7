//! A look through the database file for pages that cannot be what was written, while a server
//! works with it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rusqlite::{Connection, ErrorCode, OpenFlags};

/// As long as it looks, it rests: the disk and the processor are there for the server.
const LOOKS: Duration = Duration::from_millis(10);
/// SQLite says after so many pages that it is still looking.
const PAGES: i32 = 64;
/// So many places are named.
const NAMED: usize = 20;

/// What is damaged, in the words of SQLite; nothing where nothing is. `None` when `is_over` said
/// so before the end.
///
/// It reads through a connection of its own and takes as long as it takes, so it belongs into a
/// thread of its own.
pub fn quick_check(
    path: &Path,
    is_over: impl Fn() -> bool + Send + 'static,
) -> Result<Option<Vec<String>>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)
        .with_context(|| format!("{} cannot be opened to look through it", path.display()))?;
    let mut rested = Instant::now();
    conn.progress_handler(
        PAGES,
        Some(move || {
            if rested.elapsed() > LOOKS {
                std::thread::sleep(LOOKS);
                rested = Instant::now();
            }
            is_over()
        }),
    )?;
    match said_of(&conn) {
        Ok(said) => Ok(Some(said)),
        Err(fault) if fault.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            Ok(None)
        }
        // Some damage keeps SQLite from looking any further, which says enough.
        Err(fault) if is_damage(&fault) => Ok(Some(vec![fault.to_string()])),
        Err(fault) => Err(fault).context("the database file cannot be looked through"),
    }
}

fn said_of(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    conn.execute_batch("pragma query_only = on; pragma cache_size = -2048;")?;
    let mut statement = conn.prepare(&format!("pragma quick_check({NAMED})"))?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut said = Vec::new();
    for line in lines {
        // It may name many places on one line each of one text.
        said.extend(line?.lines().filter(|line| *line != "ok").map(str::to_owned));
    }
    said.truncate(NAMED);
    Ok(said)
}

fn is_damage(fault: &rusqlite::Error) -> bool {
    matches!(
        fault.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::SystemIoFailure)
    )
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use super::*;
    use crate::testing::scratch_file;

    fn filled() -> std::path::PathBuf {
        let path = scratch_file();
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(
            "pragma journal_mode = wal;
             create table lines (id integer primary key, text text not null);
             with recursive n (i) as (select 1 union all select i + 1 from n where i < 20000)
             insert into lines select i, 'a line with some words in it ' || i from n;",
        )
        .unwrap();
        path
    }

    #[test]
    fn a_whole_file_is_whole_and_a_damaged_page_is_found() {
        let path = filled();
        assert_eq!(quick_check(&path, || false).unwrap(), Some(Vec::new()));
        let mut file = std::fs::File::options().write(true).open(&path).unwrap();
        file.seek(SeekFrom::Start(20 * 4_096)).unwrap();
        file.write_all(&[0x5a; 4_096]).unwrap();
        let said = quick_check(&path, || false).unwrap().unwrap();
        assert!(!said.is_empty() && said.len() <= NAMED, "{said:?}");
        std::fs::write(&path, vec![0x5a; 40_960]).unwrap();
        assert_ne!(quick_check(&path, || false).unwrap(), Some(Vec::new()));
    }

    #[test]
    fn it_ends_when_it_is_told_to() {
        assert_eq!(quick_check(&filled(), || true).unwrap(), None);
    }
}
