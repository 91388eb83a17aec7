//! The only way out: every connection that this program opens to another host goes through here.
//!
//! Invariant: a name is resolved once, every address it gave is checked, and the connection goes
//! to a checked address. Addresses inside (loopback, private, link-local and their disguises) are
//! refused unless the operator allowed the host or network.

mod address;
mod allowed;
mod guard;
mod http;

pub use address::is_public;
pub use allowed::{Allowed, NotAllowable};
pub use guard::{DialFault, Guard};
pub use http::{Answer, Http, HttpFault, install_tls};

#[cfg(test)]
mod tests;
