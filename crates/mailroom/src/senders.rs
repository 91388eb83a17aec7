//! What the team says about senders: let in, or hold. Pure.

use anyhow::{Result, bail};
use kernel::{AgentId, EmailAddress, Timestamp};

/// What is to happen with mail of a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Let in, whatever it looks like.
    Allow,
    /// Held, whatever it looks like.
    Block,
}

impl Rule {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Block => "block",
        }
    }

    pub(crate) fn named(text: &str) -> Result<Self> {
        Ok(match text {
            "allow" => Self::Allow,
            "block" => Self::Block,
            other => bail!("unknown rule {other}"),
        })
    }
}

/// An address, or a domain that begins with `@`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write an address like name@example.com, or a whole domain like @example.com")]
pub(crate) struct NotAPattern;

impl Pattern {
    pub(crate) fn read(text: &str) -> Result<Self, NotAPattern> {
        let text = text.trim().to_lowercase();
        let is_good = match text.strip_prefix('@') {
            Some(domain) => format!("x@{domain}").parse::<EmailAddress>().is_ok(),
            None => text.parse::<EmailAddress>().is_ok(),
        };
        if is_good { Ok(Self(text)) } else { Err(NotAPattern) }
    }

    /// The pattern that is one address.
    pub(crate) fn of(address: &EmailAddress) -> Self {
        Self(address.to_string())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A rule as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SenderRule {
    pub(crate) pattern: String,
    pub(crate) rule: Rule,
    pub(crate) by: Option<AgentId>,
    pub(crate) since: Timestamp,
}
