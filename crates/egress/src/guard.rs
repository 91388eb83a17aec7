//! Resolving, checking and connecting, in this order and without a gap.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::{Allowed, is_public};

/// Decides which hosts may be reached. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    allowed: Arc<[Allowed]>,
    names: Names,
}

/// Who says which addresses a name has.
#[derive(Clone, Debug, Default)]
enum Names {
    #[default]
    System,
    /// Somebody who says something else each time that he is asked.
    #[cfg(test)]
    Fickle(crate::tests::Fickle),
}

impl Names {
    async fn addresses(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        match self {
            Self::System => Ok(tokio::net::lookup_host((host, port)).await?.collect()),
            #[cfg(test)]
            Self::Fickle(fickle) => fickle.next(port).await,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum DialFault {
    #[error("the host name {0} is not known; check its spelling")]
    UnknownHost(String),
    #[error(
        "{0} is an address inside this network, which is not dialled unless \
         --allow-internal names it"
    )]
    Inside(String),
    #[error("{host} did not answer on port {port} within {seconds} seconds")]
    Silent { host: String, port: u16, seconds: u64 },
    #[error("{host} refused the connection on port {port}: {fault}")]
    Refused { host: String, port: u16, fault: std::io::Error },
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(10);

impl Guard {
    pub fn new(allowed: Vec<Allowed>) -> Self {
        Self { allowed: allowed.into(), names: Names::System }
    }

    #[cfg(test)]
    pub(crate) fn asking(fickle: crate::tests::Fickle, allowed: Vec<Allowed>) -> Self {
        Self { allowed: allowed.into(), names: Names::Fickle(fickle) }
    }

    /// The addresses of a host, if every one of them may be reached. One address inside spoils
    /// the name: a name that answers with both is a trick.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, DialFault> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let addresses: Vec<SocketAddr> = match bare.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => match timeout(RESOLVE_TIMEOUT, self.names.addresses(bare, port)).await {
                Ok(Ok(found)) => found,
                Ok(Err(_)) | Err(_) => Vec::new(),
            },
        };
        if addresses.is_empty() {
            return Err(DialFault::UnknownHost(host.to_owned()));
        }
        if self.allowed.iter().any(|entry| entry.host_matches(bare)) {
            return Ok(addresses);
        }
        if addresses.iter().all(|address| self.may_reach(address.ip())) {
            Ok(addresses)
        } else {
            Err(DialFault::Inside(host.to_owned()))
        }
    }

    fn may_reach(&self, address: IpAddr) -> bool {
        is_public(address) || self.allowed.iter().any(|entry| entry.address_matches(address))
    }

    /// A connection to a checked address of the host.
    pub async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, DialFault> {
        let mut last = None;
        for address in self.resolve(host, port).await? {
            match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Small commands should not wait for one another; failing to say so is fine.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(fault)) => last = Some(fault),
                Err(_) => {}
            }
        }
        let host = host.to_owned();
        Err(match last {
            Some(fault) => DialFault::Refused { host, port, fault },
            None => DialFault::Silent { host, port, seconds: CONNECT_TIMEOUT.as_secs() },
        })
    }
}
