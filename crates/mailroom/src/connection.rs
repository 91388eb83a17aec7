//! How an inbox reaches its mail server. Pure.

use anyhow::{Result, bail};
use email::{Credentials, Security, Server};
use kernel::{InboxId, Secret, Timestamp};
use keys::Keys;

/// The settings of one inbox. Credentials are sealed; they open only for the place they were
/// sealed for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    pub imap: Option<Endpoint>,
    pub folder: String,
    pub after_fetch: AfterFetch,
    /// Mail that the server got before this is not fetched as new.
    pub fetch_from: Option<Timestamp>,
    /// Older mail is taken in quietly from this instant on.
    pub history_from: Option<Timestamp>,
    pub smtp: Option<Endpoint>,
    pub oauth: Option<Oauth>,
    /// Whether the server delivers `support+token@` to this inbox.
    pub plus_addresses: bool,
    pub dkim_selector: Option<String>,
    pub dkim_key: Option<String>,
    pub trusted_host: Option<String>,
}

/// A mail server and how to sign in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    pub user: String,
    /// Sealed; none where no password is asked for, or OAuth is used.
    pub password: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    None,
    StartTls,
    Implicit,
}

impl Tls {
    pub const ALL: [Self; 3] = [Self::Implicit, Self::StartTls, Self::None];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::StartTls => "starttls",
            Self::Implicit => "implicit",
        }
    }

    pub fn named(text: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|tls| tls.as_str() == text) {
            Some(tls) => Ok(tls),
            None => bail!("unknown kind of encryption {text}"),
        }
    }

    fn security(self) -> Security {
        match self {
            Self::None => Security::Plain,
            Self::StartTls => Security::StartTls,
            Self::Implicit => Security::Tls,
        }
    }
}

/// What happens on the server to a mail that was fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AfterFetch {
    #[default]
    Leave,
    MarkSeen,
    MoveTo(String),
}

/// Signing in through a provider, for both directions. Secrets and tokens are sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oauth {
    pub client_id: String,
    pub client_secret: String,
    pub authorize_url: String,
    pub token_url: String,
    pub scope: String,
    pub refresh_token: Option<String>,
    pub access_token: Option<String>,
    pub expires_at: Option<Timestamp>,
    /// What the provider said when it refused the permission.
    pub refused: Option<String>,
}

impl Oauth {
    /// Whether the provider gave its permission and has not refused it since.
    pub(crate) fn is_given(&self) -> bool {
        self.refresh_token.is_some() && self.refused.is_none()
    }
}

/// What a secret of an inbox is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    ImapPassword,
    SmtpPassword,
    OauthClientSecret,
    OauthRefreshToken,
}

/// Seals a secret for the one place in the settings of the one inbox where it will open.
pub fn seal(keys: &Keys, inbox: InboxId, what: Place, secret: &Secret) -> String {
    let what = match what {
        Place::ImapPassword => "imap",
        Place::SmtpPassword => "smtp",
        Place::OauthClientSecret => "oauth client",
        Place::OauthRefreshToken => "oauth refresh",
    };
    keys.seal(&place(inbox, what), secret)
}

/// Places that credentials are sealed for.
pub(crate) fn place(inbox: InboxId, what: &str) -> String {
    format!("inbox {inbox} {what}")
}

impl Endpoint {
    pub(crate) fn server(&self, hello_name: &str) -> Server {
        Server {
            host: self.host.clone(),
            port: self.port,
            security: self.tls.security(),
            extra_ca: None,
            hello_name: hello_name.to_owned(),
        }
    }

    /// How to sign in with a password, opened for its place.
    pub(crate) fn credentials(&self, keys: &Keys, place: &str) -> Result<Credentials> {
        Ok(match &self.password {
            Some(sealed) => {
                let password = keys.open(place, sealed)?;
                Credentials::Password { user: self.user.clone(), password }
            }
            None if self.user.is_empty() => Credentials::None,
            None => Credentials::Password { user: self.user.clone(), password: Secret::new("") },
        })
    }
}
