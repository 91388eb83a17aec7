//! What goes wrong with an IMAP server, in sentences for the owner.

use crate::link::LinkFault;

/// A mailbox could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ImapFault {
    #[error(transparent)]
    Link(#[from] LinkFault),
    #[error("{0} offers no encryption on this port; the password was not sent")]
    NoEncryption(String),
    #[error("{0} offers no way to sign in that we know")]
    NoSignIn(String),
    #[error("{host} refused the sign-in: {said}")]
    SignIn { host: String, said: String, permanent: bool },
    #[error("the folder “{folder}” cannot be used: {said}")]
    Folder { folder: String, said: String },
    #[error("{host} refused a command: {said}")]
    Refused { host: String, said: String },
    #[error("{host} ended the connection: {said}")]
    Bye { host: String, said: String },
    #[error("{0} answered in a way that is not IMAP")]
    NotImap(String),
}

impl ImapFault {
    /// Whether it stays like this until somebody changes a setting.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Link(fault) => fault.is_permanent(),
            Self::NoEncryption(_) | Self::NoSignIn(_) | Self::Folder { .. } => true,
            Self::SignIn { permanent, .. } => *permanent,
            Self::Refused { .. } | Self::Bye { .. } | Self::NotImap(_) => false,
        }
    }

    /// A refusal in the words for a folder.
    pub(crate) fn about_folder(self, folder: &str) -> Self {
        match self {
            Self::Refused { said, .. } => Self::Folder { folder: folder.to_owned(), said },
            other => other,
        }
    }
}
