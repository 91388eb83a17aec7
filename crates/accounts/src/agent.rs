//! A person inside.

use anyhow::{Result, bail};
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
