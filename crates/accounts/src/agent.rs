//! A person inside, as stored.

use anyhow::{Result, bail};
use database::{Cols, FromRow};
use kernel::{AgentId, EmailAddress, PublicId, Timestamp};

use crate::{Preferences, Role};

#[derive(Clone, Debug)]
pub struct Agent {
    pub id: AgentId,
    pub public_id: PublicId,
    pub name: String,
    pub email: EmailAddress,
    pub role: Role,
    pub state: AgentState,
    pub sees_every_inbox: bool,
    pub time_zone: String,
    pub language: String,
    pub signature: String,
    pub preferences: Preferences,
    pub created_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentState {
    /// Has a link and no password yet.
    Invited,
    Active,
    /// Gone. The name stays on what they did.
    Deactivated,
}

impl AgentState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::Deactivated => "deactivated",
        }
    }

    pub(crate) fn named(text: &str) -> Result<Self> {
        Ok(match text {
            "invited" => Self::Invited,
            "active" => Self::Active,
            "deactivated" => Self::Deactivated,
            other => bail!("unknown state of agent {other}"),
        })
    }
}

pub(crate) const AGENT_COLUMNS: &str = "id, public_id, name, email, role, state,
    sees_every_inbox, time_zone, language, signature, preferences, created_at";

impl FromRow for Agent {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            public_id: cols.next()?,
            name: cols.next()?,
            email: cols.next()?,
            role: Role::named(&cols.next::<String>()?)?,
            state: AgentState::named(&cols.next::<String>()?)?,
            sees_every_inbox: cols.next()?,
            time_zone: cols.next()?,
            language: cols.next()?,
            signature: cols.next()?,
            // Preferences of an older program may lack what is new or have what is gone.
            preferences: serde_json::from_str(&cols.next::<String>()?).unwrap_or_default(),
            created_at: cols.next()?,
        })
    }
}
