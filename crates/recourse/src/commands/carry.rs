//! `backup`, `restore` and `move`: the whole installation into a file, out of one, and to another
//! database.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use audit::Deed;
use clap::Args;
use database::Location;
use database::carry::connections_of_servers;
use database::check::Finding;
use files::{Files, Place};
use kernel::SharedClock;
use keys::Keys;
use serde_json::json;

use super::check::{EX_DATAERR, Shown, told};
use super::terminal;
use crate::carry::{self, Carried, House};
use crate::config::{DataFolder, Settings};
use crate::log;

#[derive(Args)]
pub(super) struct Backup {
    /// The file to write; it must not be there
    file: PathBuf,
    /// Leave out restoring it beside the file, which proves that it can be
    #[arg(long)]
    no_verify: bool,
}

#[derive(Args)]
pub(super) struct Restore {
    /// The file that `backup` wrote
    file: PathBuf,
}

#[derive(Args)]
pub(super) struct Move {
    /// Where to: the URL of an empty PostgreSQL database, or the name of a new SQLite file
    #[arg(long, value_name = "URL")]
    to: String,
}

impl Backup {
    /// Only reads the installation, so it may run beside the server.
    pub(super) async fn run(self, settings: Settings, clock: SharedClock) -> Result<u8> {
        log::start(log::Kind::Command);
        super::assert_begun(&settings)?;
        let keys = super::keys_of(&settings).await?;
        let files = Files::open(&settings.storage, &settings.bucket_access)?;
        let house =
            House { database: &settings.database, files: &files, keys: &keys, clock: &clock };
        let to = self.file.display().to_string();
        carry::note(&house, house.database, Deed::BackedUp, json!({ "file": to })).await?;
        let mut shown = Shown::default();
        let carried = carry::back_up(&house, &self.file, &mut |step| shown.step(step)).await?;
        shown.end();
        let size = fs::metadata(&self.file)?.len();
        terminal::say(&format!("{} in {} KB", counted(&carried), size.div_ceil(1_024)));
        let key = settings.key_file.display();
        terminal::say(&format!("It opens only with the key file {key}: keep a copy elsewhere."));
        if self.no_verify {
            return Ok(0);
        }
        let findings = self.verify(&settings, &keys, &clock).await?;
        Ok(conclude(&findings, "It was restored beside itself for proof: everything is there."))
    }

    /// Restores the backup into a folder beside it, which is removed again.
    async fn verify(
        &self,
        settings: &Settings,
        keys: &Keys,
        clock: &SharedClock,
    ) -> Result<Vec<Finding>> {
        let mut name = self.file.as_os_str().to_owned();
        name.push(".verified");
        let folder = PathBuf::from(name);
        let _ = fs::remove_dir_all(&folder);
        DataFolder::open(&folder)?;
        let files = Files::open(&Place::Folder(folder.join("files")), &settings.bucket_access)?;
        let database = Location::File(folder.join("recourse.db"));
        let house = House { database: &database, files: &files, keys, clock };
        let mut shown = Shown::default();
        let restored = carry::restore(&house, &self.file, &mut |step| shown.step(step)).await;
        shown.end();
        fs::remove_dir_all(&folder)?;
        Ok(restored.context("the backup cannot be restored; make another")?.1)
    }
}

impl Restore {
    pub(super) async fn run(self, settings: Settings, clock: SharedClock) -> Result<u8> {
        log::start(log::Kind::Command);
        if !settings.key_file.exists() {
            bail!(
                "the key file {} is not there; put the one of the installation that was backed up \
                 there first, or say with --key-file where it is",
                settings.key_file.display()
            );
        }
        let keys = Keys::load(&settings.key_file)?;
        let folder = DataFolder::open(&settings.data)?;
        let _lock = folder.lock()?;
        let mut made = Made::of(&settings.database)?;
        let files = Files::open(&settings.storage, &settings.bucket_access)?;
        files.probe().await?;
        let house =
            House { database: &settings.database, files: &files, keys: &keys, clock: &clock };
        let mut shown = Shown::default();
        let restored = carry::restore(&house, &self.file, &mut |step| shown.step(step)).await;
        shown.end();
        let (carried, findings) = restored?;
        made.keep();
        let from = self.file.display().to_string();
        carry::note(&house, house.database, Deed::Restored, json!({ "file": from })).await?;
        terminal::say(&format!("{} restored", counted(&carried)));
        Ok(conclude(&findings, "Everything is there and agrees."))
    }
}

impl Move {
    pub(super) async fn run(self, settings: Settings, clock: SharedClock) -> Result<u8> {
        log::start(log::Kind::Command);
        super::assert_begun(&settings)?;
        let to = match self.to.parse::<Location>() {
            Ok(url) => url,
            Err(_) if self.to.contains("://") => bail!(
                "--to has to be the URL of a PostgreSQL database, postgres://…, or a file name"
            ),
            Err(_) => Location::File(PathBuf::from(&self.to)),
        };
        let keys = super::keys_of(&settings).await?;
        // What a running server wrote meanwhile would be left behind.
        let folder = DataFolder::open(&settings.data)?;
        let _lock = folder.lock()?;
        if connections_of_servers(&settings.database).await? > 0 {
            bail!("another server uses the database; stop every node first");
        }
        let mut made = Made::of(&to)?;
        let files = Files::open(&settings.storage, &settings.bucket_access)?;
        let house =
            House { database: &settings.database, files: &files, keys: &keys, clock: &clock };
        let mut shown = Shown::default();
        let moved = carry::move_to(&house, &to, &mut |step| shown.step(step)).await;
        shown.end();
        let (carried, findings) = moved?;
        made.keep();
        carry::note(&house, &to, Deed::Moved, json!({ "to": format!("{to:?}") })).await?;
        terminal::say(&format!("{} carried over", counted(&carried)));
        let next = match to {
            Location::Postgres(_) => {
                "Everything is there and agrees. Start the server with that URL as --database-url; \
                 what was left behind is no longer needed."
            }
            Location::File(_) => "Everything is there and agrees.",
        };
        Ok(conclude(&findings, next))
    }
}

/// A new database file, which goes away again if it is not finished.
struct Made(Option<PathBuf>);

impl Made {
    fn of(database: &Location) -> Result<Self> {
        let Location::File(path) = database else { return Ok(Self(None)) };
        if path.exists() {
            bail!("there is a database in {} already; take another place", path.display());
        }
        Ok(Self(Some(path.clone())))
    }

    fn keep(&mut self) {
        self.0 = None;
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let Some(path) = &self.0 else { return };
        for ending in ["", "-wal", "-shm", "-journal"] {
            let _ = fs::remove_file(with_ending(path, ending));
        }
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn counted(carried: &Carried) -> String {
    let Carried { tickets, messages, files } = carried;
    format!("{tickets} tickets with {messages} messages and {files} files")
}

fn conclude(findings: &[Finding], good: &str) -> u8 {
    for finding in findings {
        terminal::complain(&told(finding));
    }
    if findings.is_empty() {
        terminal::say(good);
        return 0;
    }
    EX_DATAERR
}
