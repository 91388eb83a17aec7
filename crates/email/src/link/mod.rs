//! One connection to a mail server: guarded, encrypted, bounded in bytes and in time.
//!
//! Invariant: what came before the encryption began is thrown away, and nothing a server sends
//! makes a connection hold more than it was asked for.

mod fault;
mod tls;
mod wire;

use kernel::Secret;

pub use fault::LinkFault;
pub(crate) use wire::{Patience, Wire};

/// A mail server, as the owner set it up.
#[derive(Clone, Debug)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub security: Security,
    /// Certificates in PEM form of an authority that is believed beside the public ones.
    pub extra_ca: Option<String>,
    /// The name under which we introduce ourselves to SMTP servers.
    pub hello_name: String,
}

/// How the connection is encrypted. What is set here is never given up for less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Not at all. For servers on the same machine.
    Plain,
    /// After a command: ports 587 and 143.
    StartTls,
    /// From the first byte: ports 465 and 993.
    Tls,
}

/// How we sign in.
#[derive(Clone, Debug)]
pub enum Credentials {
    None,
    Password {
        user: String,
        password: Secret,
    },
    /// An OAuth access token.
    Token {
        user: String,
        token: Secret,
    },
}

/// The SASL string for signing in with an access token, not encoded.
pub fn xoauth2(user: &str, token: &Secret) -> String {
    format!("user={user}\u{1}auth=Bearer {}\u{1}\u{1}", token.reveal())
}
