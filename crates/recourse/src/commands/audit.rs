//! `audit`: whether the trail is as it was written.

use anyhow::{Context, Result, bail};
use audit::verify;
use clap::Subcommand;
use database::Db;
use database::check::count;

use super::check::Shown;
use super::terminal;
use crate::check::Step;
use crate::config::Settings;
use crate::log;

#[derive(Subcommand)]
pub(super) enum Audit {
    /// Walk the whole trail and say what was changed, removed, put in, exchanged or cut off
    Verify {
        /// An entry that was written down elsewhere, as the log says it: its number and hash; again
        /// for more
        #[arg(long, value_name = "NUMBER:HASH")]
        holds: Vec<String>,
    },
}

/// The trail was tampered with.
const BROKEN: u8 = 1;

impl Audit {
    /// Only reads, so it may run beside the server.
    pub(super) async fn run(self, settings: Settings) -> Result<u8> {
        log::start(log::Kind::Command);
        super::assert_begun(&settings)?;
        let Self::Verify { holds } = self;
        let held: Vec<(i64, String)> =
            holds.iter().map(|text| held(text)).collect::<Result<_>>()?;
        let keys = super::keys_of(&settings).await?;
        let db = Db::open_unchanged(&settings.database).await?;
        let mut conn = db.snapshot().await?;
        let of = count(&conn, "audit_entries").await?;
        let mut shown = Shown::default();
        let report = verify(&mut conn, &keys, &held, &mut |done| {
            shown.step(Step { what: "entries", done, of });
        })
        .await?;
        shown.end();
        drop(conn);
        db.close().await;
        for broken in &report.broken {
            terminal::complain(&broken.to_string());
        }
        let (entries, checkpoints) = (report.entries, report.checkpoints);
        if !report.is_whole() {
            let count = report.broken_count;
            terminal::complain(&format!("{entries} entries: {count} places are not as written"));
            return Ok(BROKEN);
        }
        terminal::say(&format!(
            "{entries} entries and {checkpoints} checkpoints: everything is as it was written"
        ));
        if report.of_forgotten_keys > 0 {
            let count = report.of_forgotten_keys;
            terminal::say(&format!("{count} checkpoints were sealed with keys since forgotten"));
        }
        terminal::say(&format!("The trail stands at {entries}:{}", report.hash));
        Ok(0)
    }
}

fn held(text: &str) -> Result<(i64, String)> {
    let (number, hash) = text.split_once(':').with_context(|| wrong(text))?;
    let number = number.parse().ok().with_context(|| wrong(text))?;
    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        bail!(wrong(text));
    }
    Ok((number, hash.to_owned()))
}

fn wrong(text: &str) -> String {
    format!("“{text}” is not what the log says of the trail, such as 1042:9f86d0…")
}
