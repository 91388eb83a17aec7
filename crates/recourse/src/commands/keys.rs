//! `keys`: a new key, and the end of the old ones.

use anyhow::{Result, bail};
use clap::Subcommand;
use database::carry::connections_of_servers;
use database::{Db, Location};
use kernel::SharedClock;

use super::terminal;
use crate::config::{DataFolder, Lock, Settings};
use crate::foundation::missing_key;
use crate::{log, turning};

#[derive(Subcommand)]
pub(super) enum Keys {
    /// Make a new key and seal every stored password and token with it; the old one stays in the
    /// file for links and backups that it made
    Rotate,
    /// Take the old keys out of the file: links in old mails and old backups open no longer
    Forget,
}

impl Keys {
    pub(super) async fn run(self, settings: Settings, clock: SharedClock) -> Result<u8> {
        log::start(log::Kind::Command);
        super::assert_begun(&settings)?;
        if !settings.key_file.exists() {
            bail!(missing_key(&settings.key_file));
        }
        let _lock = alone(&settings).await?;
        let db = Db::open_unchanged(&settings.database).await?;
        let (path, now) = (&settings.key_file, clock.now());
        let shown = path.display();
        let said = match self {
            Self::Rotate => turning::rotate(&db, path, now).await.map(|turned| {
                let went_on = if turned.went_on { ", going on where it was broken off" } else { "" };
                format!(
                    "{} stored credentials were sealed with the new key{went_on}.\n\
                     Keep a copy of {shown} elsewhere, give it to every node, and start the server.",
                    turned.credentials
                )
            }),
            Self::Forget => turning::forget(&db, path, now).await.map(|count| match count {
                0 => format!("There are no older keys in {shown}."),
                _ => format!("{count} older keys were taken out of {shown}."),
            }),
        };
        db.close().await;
        terminal::say(&said?);
        Ok(0)
    }
}

/// A running server would go on to seal with the key that it has read.
async fn alone(settings: &Settings) -> Result<Option<Lock>> {
    let lock = match settings.database {
        Location::File(_) => Some(DataFolder::open(&settings.data)?.lock()?),
        Location::Postgres(_) => None,
    };
    if connections_of_servers(&settings.database).await? > 0 {
        bail!("a server uses the database; stop every node first");
    }
    Ok(lock)
}
