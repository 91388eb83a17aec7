//! Telling those in charge that the database file is damaged.

use anyhow::Result;

use crate::Accounts;
use crate::letters::{ToOwners, tell_owners};

/// Tells the owners by mail what was found first. The mail leaves if the damage lets it.
pub async fn tell_of_damage(accounts: &Accounts, first: &str) -> Result<()> {
    let mut tx = accounts.db().begin().await?;
    tell_owners(accounts, &mut tx, |w| ToOwners {
        subject: w.t("damage-subject").to_owned(),
        text: w.a("damage-text", "first", first),
        page: "/settings/system",
    })
    .await?;
    tx.commit().await
}
