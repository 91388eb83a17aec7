//! A copy of the database file from before its schema changes, so that the older program can go on
//! with it if the newer one disappoints.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{Db, params};

/// Copies the file as it is at this version. What earlier versions left is removed once the copy is
/// on the disk: one way back is enough, and each is as large as the database.
pub(crate) async fn make(db: &Db, version: i64) -> Result<()> {
    let conn = db.read().await?;
    let file: String = conn.scalar("select file from pragma_database_list", params![]).await?;
    drop(conn);
    let file = PathBuf::from(file);
    let copy = beside(&file, &version.to_string());
    // One that is there is of an upgrade that did not come to its end, and so of this very schema.
    let _ = fs::remove_file(&copy);
    let written = write(db, &copy).await;
    if written.is_err() {
        let _ = fs::remove_file(&copy);
    }
    written.with_context(|| {
        format!(
            "the new version changes the database, and no copy of it can be kept first in {}; make \
             room for one and start again",
            copy.display()
        )
    })?;
    tracing::info!("the database as it was before the new version is kept in {}", copy.display());
    remove_others(&file, &copy)
}

async fn write(db: &Db, copy: &Path) -> Result<()> {
    let mut conn = db.begin_outside().await?;
    conn.script(format!("vacuum into '{}'", copy.display().to_string().replace('\'', "''")))
        .await?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(copy, fs::Permissions::from_mode(0o600))?;
    }
    Ok(fs::File::open(copy)?.sync_all()?)
}

fn beside(file: &Path, version: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".version-{version}"));
    PathBuf::from(name)
}

fn remove_others(file: &Path, kept: &Path) -> Result<()> {
    let begins = beside(file, "");
    let begins = begins.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some(folder) = file.parent() else { return Ok(()) };
    for entry in fs::read_dir(folder)?.flatten() {
        let is_ours = entry
            .file_name()
            .to_string_lossy()
            .strip_prefix(&begins)
            .is_some_and(|version| version.parse::<i64>().is_ok());
        if is_ours && entry.path() != kept {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
