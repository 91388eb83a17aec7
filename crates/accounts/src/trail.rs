//! Keeping watch over the audit trail: vouching for it every hour, and walking it every day.

use anyhow::Result;
use audit::{Report, verify};
use kernel::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Accounts;
use crate::letters::{ToOwners, tell_owners};
use crate::store::settings;

/// What the last walk over the trail found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    pub at: Timestamp,
    pub entries: i64,
    /// How much is wrong.
    pub broken: i64,
    /// The first of it, in words.
    pub first: String,
}

/// Under which it is stored.
const NAME: &str = "audit_verified";

impl Verified {
    pub async fn load(accounts: &Accounts) -> Result<Option<Self>> {
        let stored = settings::read(&accounts.db().read().await?, NAME).await?;
        Ok(stored.map(|json| serde_json::from_str(&json)).transpose()?)
    }

    fn of(report: &Report, at: Timestamp) -> Self {
        let first = report.broken.first().map(ToString::to_string).unwrap_or_default();
        Self { at, entries: report.entries, broken: report.broken_count, first }
    }
}

/// Vouches for everything so far. The log keeps how far, at another place than the database.
pub async fn vouch_for_trail(accounts: &Accounts) -> Result<()> {
    let mut tx = accounts.db().begin().await?;
    let vouched = accounts.trail().checkpoint(&mut tx, accounts.now()).await?;
    tx.commit().await?;
    if let Some((number, hash)) = vouched {
        tracing::info!("the audit trail stands at {number}:{hash}");
    }
    Ok(())
}

/// Walks the whole trail. The owners are told when something is wrong that they were not told yet.
pub async fn verify_trail(accounts: &Accounts) -> Result<Verified> {
    let before = Verified::load(accounts).await?;
    let mut conn = accounts.db().snapshot().await?;
    let report = verify(&mut conn, accounts.keys(), &[], &mut |_| {}).await?;
    drop(conn);
    let now = accounts.now();
    let found = Verified::of(&report, now);
    let mut tx = accounts.db().begin().await?;
    settings::write(&mut tx, NAME, &serde_json::to_string(&found)?, now).await?;
    let is_news = before.is_none_or(|before| before.broken != found.broken);
    if found.broken > 0 {
        tracing::error!(
            places = found.broken,
            "the audit trail was tampered with: {}",
            found.first
        );
        if is_news {
            tell_owners(accounts, &mut tx, |w| ToOwners {
                subject: w.t("trail-broken-subject").to_owned(),
                text: w.a2("trail-broken-text", "count", found.broken, "first", &found.first),
                page: "/settings/trail",
            })
            .await?;
        }
    }
    tx.commit().await?;
    Ok(found)
}
