//! What goes wrong between two servers, in sentences for the owner.

use egress::DialFault;
use rustls::CertificateError;

/// The connection to a mail server failed.
#[derive(Debug, thiserror::Error)]
pub enum LinkFault {
    #[error(transparent)]
    Dial(#[from] DialFault),
    #[error("the certificate of {host} was not accepted: {why}")]
    Certificate { host: String, why: String },
    #[error(
        "{host} does not speak TLS from the first byte on port {port}; choose STARTTLS, or \
         another port"
    )]
    NotTls { host: String, port: u16 },
    #[error("no encrypted connection to {host} could be agreed on: {why}")]
    Handshake { host: String, why: String },
    #[error("the extra certificate is not a certificate in PEM form")]
    BadAuthority,
    #[error("“{0}” is not the name of a server")]
    BadHost(String),
    #[error("{host} did not answer within {seconds} seconds")]
    Silent { host: String, seconds: u64 },
    #[error("{0} closed the connection")]
    Closed(String),
    #[error("{0} sent more than it was asked for; the connection was closed")]
    TooMuch(String),
}

impl LinkFault {
    /// Whether it stays like this until somebody changes a setting.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Dial(DialFault::Inside(_))
            | Self::Certificate { .. }
            | Self::NotTls { .. }
            | Self::BadAuthority
            | Self::BadHost(_) => true,
            Self::Dial(
                DialFault::UnknownHost(_) | DialFault::Silent { .. } | DialFault::Refused { .. },
            )
            | Self::Handshake { .. }
            | Self::Silent { .. }
            | Self::Closed(_)
            | Self::TooMuch(_) => false,
        }
    }
}

/// What a failed handshake means.
pub(crate) fn handshake(fault: &std::io::Error, host: &str, port: u16) -> LinkFault {
    let host = host.to_owned();
    let inner = fault.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(why)) => {
            LinkFault::Certificate { host, why: certificate(why) }
        }
        Some(rustls::Error::InvalidMessage(_)) => LinkFault::NotTls { host, port },
        Some(fault) => LinkFault::Handshake { host, why: fault.to_string() },
        None if fault.kind() == std::io::ErrorKind::UnexpectedEof => LinkFault::Closed(host),
        None => LinkFault::Handshake { host, why: fault.to_string() },
    }
}

fn certificate(why: &CertificateError) -> String {
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet; check the clock of this machine".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it was issued for another name; use the name that is in it".to_owned()
        }
        CertificateError::UnknownIssuer => {
            "nobody we know vouches for it; if it is your own, add its authority".to_owned()
        }
        CertificateError::Revoked => "it was revoked".to_owned(),
        other => other.to_string(),
    }
}
