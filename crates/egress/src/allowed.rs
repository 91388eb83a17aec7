//! What the operator lets through although it is inside.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// One entry of `--allow-internal`: a host name, or a network such as `10.0.0.0/8`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    Host(String),
    Network(IpNet),
}

impl Allowed {
    pub fn host_matches(&self, host: &str) -> bool {
        match self {
            Self::Host(allowed) => allowed.eq_ignore_ascii_case(host.trim_end_matches('.')),
            Self::Network(_) => false,
        }
    }

    pub fn address_matches(&self, address: IpAddr) -> bool {
        match self {
            Self::Host(_) => false,
            Self::Network(network) => network.contains(&address.to_canonical()),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is neither a host name nor a network such as 10.0.0.0/8")]
pub struct NotAllowable(String);

impl FromStr for Allowed {
    type Err = NotAllowable;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address.into()));
        }
        // The dot at the end of a name says that it is whole; it is compared without.
        let name = text.trim_end_matches('.');
        let is_name = !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
        if is_name {
            Ok(Self::Host(name.to_ascii_lowercase()))
        } else {
            Err(NotAllowable(text.to_owned()))
        }
    }
}
