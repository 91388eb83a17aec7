//! Seals of the audit trail: whole keyed hashes, with a key of their own.

use subtle::ConstantTimeEq;

use crate::{Keys, mac};

impl Keys {
    /// The seal over `parts` with the key of today.
    pub fn seal_trail(&self, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.now.trail, parts)
    }

    /// The fingerprint of the key that made this seal over these parts, if one of ours did.
    pub fn trail_sealed_by(&self, parts: &[&[u8]], seal: &[u8]) -> Option<String> {
        let made = self.all().find(|key| bool::from(mac(&key.trail, parts).ct_eq(seal)));
        made.map(crate::Derived::fingerprint)
    }
}
