//! `check`: whether everything that is stored agrees.

use anyhow::Result;
use clap::Args;
use database::Db;
use database::check::Finding;
use files::{Files, Unreferenced};

use super::progress::Progress;
use super::terminal;
use crate::check::{Step, look, size};
use crate::config::Settings;
use crate::log;

#[derive(Args)]
pub(super) struct Check {
    /// Leave out reading every file and the source of every mail
    #[arg(long)]
    quick: bool,
}

/// Something does not agree (EX_DATAERR).
pub(super) const EX_DATAERR: u8 = 65;

impl Check {
    /// Only reads, so it may run beside the server.
    pub(super) async fn run(self, settings: Settings) -> Result<u8> {
        log::start(log::Kind::Command);
        super::assert_begun(&settings)?;
        let db = Db::open_unchanged(&settings.database).await?;
        let files = Files::open(&settings.storage, &settings.bucket_access)?;
        let keys = super::keys_of(&settings).await?;
        let mut conn = db.snapshot().await?;
        let mut shown = Shown::default();
        let findings =
            look(&mut conn, &files, &keys, self.quick, &mut |step| shown.step(step)).await?;
        shown.end();
        let (tickets, messages) = size(&conn).await?;
        let unreferenced = if self.quick {
            Unreferenced::default()
        } else {
            files::unreferenced(&conn, &files, tickets::FILE_REFERENCES).await?
        };
        drop(conn);
        db.close().await;
        for finding in &findings {
            terminal::complain(&told(finding));
        }
        if findings.is_empty() {
            let said = format!("{tickets} tickets with {messages} messages: everything agrees");
            terminal::say(&said);
        }
        // No fault: the server removes them in its time.
        if unreferenced.files > 0 {
            let Unreferenced { files, bytes } = unreferenced;
            terminal::say(&format!(
                "stored files that belong to nothing any more: {files} ({bytes} bytes); a running \
                 server removes them within four days"
            ));
        }
        if findings.is_empty() {
            return Ok(0);
        }
        Ok(EX_DATAERR)
    }
}

/// One bar after the other.
#[derive(Default)]
pub(super) struct Shown(Option<(&'static str, Progress)>);

impl Shown {
    pub(super) fn step(&mut self, step: Step) {
        if self.0.as_ref().is_none_or(|(what, _)| *what != step.what) {
            self.end();
            self.0 = Some((step.what, Progress::new(step.what, step.of)));
        }
        if let Some((_, progress)) = &mut self.0 {
            progress.step(step.done, "");
        }
    }

    pub(super) fn end(&self) {
        if let Some((_, progress)) = &self.0 {
            progress.end();
        }
    }
}

pub(super) fn told(finding: &Finding) -> String {
    let Finding { fault, count, examples } = finding;
    let places = examples.join(", ");
    if *count > kernel::count(examples.len()) {
        return format!("{fault}: {count} times, such as {places}");
    }
    format!("{fault}: {places}")
}
