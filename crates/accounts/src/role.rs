//! What a person is here.

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads and writes notes; can never mail a customer.
    Collaborator,
    Agent,
    Lead,
    Owner,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Owner, Self::Lead, Self::Agent, Self::Collaborator];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Collaborator => "collaborator",
            Self::Agent => "agent",
            Self::Lead => "lead",
            Self::Owner => "owner",
        }
    }

    /// The key of its name in the catalogue.
    pub fn key(self) -> &'static str {
        match self {
            Self::Collaborator => "role-collaborator",
            Self::Agent => "role-agent",
            Self::Lead => "role-lead",
            Self::Owner => "role-owner",
        }
    }

    pub fn named(text: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|role| role.as_str() == text) {
            Some(role) => Ok(role),
            None => bail!("unknown role {text}"),
        }
    }
}
