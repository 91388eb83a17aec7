//! Everything of accounts that is stored sealed.

use anyhow::Result;
use database::Tx;
use kernel::Timestamp;
use keys::Keys;

use crate::{company, second_factor, sign_in_rules};

/// Seals all of it with the key of today, and says how much was not.
pub async fn seal_anew(tx: &mut Tx, keys: &Keys, now: Timestamp) -> Result<u64> {
    Ok(company::seal_anew(tx, keys, now).await?
        + second_factor::seal_anew(tx, keys).await?
        + sign_in_rules::seal_anew(tx, keys, now).await?)
}
