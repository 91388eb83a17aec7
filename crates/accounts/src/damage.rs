//! Telling those in charge that the database file is damaged, or that mail is missing.

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

/// Tells the owners by mail that what was taken in is neither stored nor given back.
pub async fn tell_of_lost_mail(accounts: &Accounts, count: usize) -> Result<()> {
    let mut tx = accounts.db().begin().await?;
    tell_owners(accounts, &mut tx, |w| ToOwners {
        subject: w.t("lost-mail-subject").to_owned(),
        text: w.a("lost-mail-text", "count", kernel::count(count)),
        page: "/settings/system",
    })
    .await?;
    tx.commit().await
}
