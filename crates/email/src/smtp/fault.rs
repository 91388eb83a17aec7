//! Why a mail was not sent, in sentences for the owner.

use std::fmt;

use kernel::EmailAddress;
use serde::{Deserialize, Serialize};

use crate::link::LinkFault;

/// What a fault means for trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Trying again is useless until something changes.
    Permanent,
    /// Trying again later may help.
    Temporary,
    /// The mail may have been taken.
    Unknown,
}

/// Somebody the server would not take the mail for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedRecipient {
    pub address: EmailAddress,
    pub permanent: bool,
    /// The enhanced status code, such as `5.1.1`.
    pub status: Option<String>,
    /// Why, in words for a person.
    pub reason: String,
}

impl RefusedRecipient {
    /// Whether the server said that the address itself is no good. Without a status it may as
    /// well have meant us.
    pub fn is_dead(&self) -> bool {
        self.permanent && self.status.as_deref().is_some_and(crate::nature::is_about_address)
    }
}

/// A mail was not sent, or nobody knows.
#[derive(Debug, thiserror::Error)]
pub enum SendFault {
    #[error(transparent)]
    Link(#[from] LinkFault),
    #[error("{0} offers no encryption on this port; the mail was not sent in the clear")]
    NoEncryption(String),
    #[error("{0} offers no way to sign in that we know")]
    NoSignIn(String),
    #[error("{host} refused the sign-in: {said}")]
    SignIn { host: String, said: String, permanent: bool },
    #[error("{host} did not take the mail: {reason}")]
    Refused { host: String, permanent: bool, status: Option<String>, reason: String },
    #[error("the mail was taken for nobody: {}", Listed(.0))]
    Recipients(Vec<RefusedRecipient>),
    #[error("the mail is larger than {host} takes ({} MiB)", bytes_max / 1024 / 1024)]
    TooLarge { host: String, bytes_max: usize },
    #[error("{0} cannot send to addresses with letters beyond ASCII")]
    NoUtf8(String),
    #[error("{0} answered in a way that is not SMTP")]
    NotSmtp(String),
    #[error("{0} did not confirm the mail; it may have been delivered")]
    Unknown(String),
    #[error("our own server stopped before the mail was handed over")]
    Stopped,
}

impl SendFault {
    pub fn standing(&self) -> Standing {
        let permanent = match self {
            Self::Unknown(_) => return Standing::Unknown,
            Self::Link(fault) => fault.is_permanent(),
            Self::NoEncryption(_) | Self::NoSignIn(_) | Self::TooLarge { .. } | Self::NoUtf8(_) => {
                true
            }
            Self::NotSmtp(_) | Self::Stopped => false,
            Self::SignIn { permanent, .. } | Self::Refused { permanent, .. } => *permanent,
            Self::Recipients(refused) => refused.iter().all(|refused| refused.permanent),
        };
        if permanent { Standing::Permanent } else { Standing::Temporary }
    }
}

struct Listed<'r>(&'r [RefusedRecipient]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, refused) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}: {}", refused.address, refused.reason)?;
        }
        Ok(())
    }
}
