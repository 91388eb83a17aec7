//! Secrets of this installation: the key file, sealed credentials, signed tokens, random tokens.
//!
//! Invariant: what the database holds is useless without the key file. Credentials are sealed,
//! tokens are kept as hashes, and the key never leaves this crate.

mod key_file;
mod sealed;
mod signed;
mod stream;
mod token;
mod trail;

use std::sync::Arc;

use sha2::Sha256;

pub use key_file::KeyFault;
pub use sealed::CannotOpen;
pub use stream::{Opener, Sealer};
pub use token::{Token, TokenHash, base32};

type HmacSha256 = hmac::Hmac<Sha256>;

/// The installation's keys, all derived from what the key file holds: the one that seals and signs,
/// and older ones, which only open and verify what they once made.
#[derive(Clone)]
pub struct Keys {
    now: Derived,
    older: Arc<[Derived]>,
}

/// What one master key gives.
#[derive(Clone)]
struct Derived {
    sealing: [u8; 32],
    signing: [u8; 32],
    files: [u8; 32],
    trail: [u8; 32],
    fingerprint: [u8; 8],
}

impl Derived {
    fn new(master: &[u8; 32]) -> Self {
        let fingerprint = derive(master, "recourse fingerprint v1");
        let mut short = [0; 8];
        short.copy_from_slice(fingerprint.first_chunk::<8>().unwrap_or(&[0; 8]));
        Self {
            sealing: derive(master, "recourse sealing v1"),
            signing: derive(master, "recourse signing v1"),
            files: derive(master, "recourse files v1"),
            trail: derive(master, "recourse trail v1"),
            fingerprint: short,
        }
    }

    fn fingerprint(&self) -> String {
        kernel::hex(&self.fingerprint)
    }
}

impl Keys {
    /// Keys from 32 random bytes. The same bytes give the same keys on every node.
    pub fn from_master(master: &[u8; 32]) -> Self {
        Self::from_masters(master, &[])
    }

    /// Keys of which the first makes what is new, and the others still open what they made.
    pub fn from_masters(now: &[u8; 32], older: &[[u8; 32]]) -> Self {
        Self { now: Derived::new(now), older: older.iter().map(Derived::new).collect() }
    }

    /// Names the key without giving it away, so that a database can tell which key sealed it.
    pub fn fingerprint(&self) -> String {
        self.now.fingerprint()
    }

    /// Whether a fingerprint names one of the older keys.
    pub fn is_older(&self, fingerprint: &str) -> bool {
        self.older.iter().any(|one| one.fingerprint() == fingerprint)
    }

    /// How many older keys there are.
    pub fn older_count(&self) -> usize {
        self.older.len()
    }

    /// All of them, the one of today first.
    fn all(&self) -> impl Iterator<Item = &Derived> {
        std::iter::once(&self.now).chain(self.older.iter())
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.fingerprint())
    }
}

fn derive(master: &[u8; 32], purpose: &str) -> [u8; 32] {
    mac(master, &[purpose.as_bytes()])
}

/// HMAC-SHA256 over the parts, each with its length in front so that parts cannot flow together.
fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    use hmac::{KeyInit, Mac};

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = HmacSha256::new_from_slice(key).expect("a key of 32 bytes");
    for part in parts {
        mac.update(&kernel::count(part.len()).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests;
