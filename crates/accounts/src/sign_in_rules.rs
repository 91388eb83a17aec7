//! What the company asks of those who sign in.

use anyhow::Result;
use database::{Conn, Tx};
use kernel::Timestamp;
use keys::Keys;
use live::Change;
use serde::{Deserialize, Serialize};

use crate::provider::SECRET_PLACE;
use crate::store::settings;
use crate::{Provider, Role, SessionLimits};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SignInRules {
    /// Who must have a second factor.
    pub second_factor_for: Vec<Role>,
    /// Where else they may sign in.
    pub provider: Option<Provider>,
    pub sessions: SessionLimits,
}

impl SignInRules {
    pub fn require_second_factor(&self, role: Role) -> bool {
        self.second_factor_for.contains(&role)
    }

    pub async fn load(conn: &Conn) -> Result<Self> {
        Ok(match settings::read(conn, NAME).await? {
            Some(json) => serde_json::from_str(&json)?,
            None => Self::default(),
        })
    }

    pub async fn save(&self, tx: &mut Tx, now: Timestamp) -> Result<()> {
        settings::write(tx, NAME, &serde_json::to_string(self)?, now).await?;
        tx.announce(Change::Settings);
        Ok(())
    }
}

/// Seals the provider's secret with the key of today, and says whether it was not.
pub(crate) async fn seal_anew(tx: &mut Tx, keys: &Keys, now: Timestamp) -> Result<u64> {
    let mut rules = SignInRules::load(tx).await?;
    let Some(provider) = &mut rules.provider else { return Ok(0) };
    let Some(anew) = keys.seal_anew(SECRET_PLACE, &provider.client_secret)? else { return Ok(0) };
    provider.client_secret = anew;
    rules.save(tx, now).await?;
    Ok(1)
}

/// Under which it is stored.
const NAME: &str = "sign_in";
