//! Tokens that carry no state: a keyed hash over what they stand for.

use subtle::ConstantTimeEq;

use crate::{Keys, mac, token};

/// 160 bits: above the 128 that every token must carry, and 32 characters without a rest.
const SIGNATURE_LEN: usize = 20;

impl Keys {
    /// A signature over `parts` for one purpose, in lower-case base 32: it survives mail systems
    /// that fold the case of addresses.
    pub fn sign(&self, purpose: &str, parts: &[&[u8]]) -> String {
        let mut all: Vec<&[u8]> = vec![purpose.as_bytes()];
        all.extend_from_slice(parts);
        let full = mac(&self.signing, &all);
        token::base32(full.first_chunk::<SIGNATURE_LEN>().unwrap_or(&[0; SIGNATURE_LEN]))
    }

    /// Whether `signature` is the one for these parts, in constant time.
    pub fn verify(&self, purpose: &str, parts: &[&[u8]], signature: &str) -> bool {
        let expected = self.sign(purpose, parts);
        expected.as_bytes().ct_eq(signature.to_ascii_lowercase().as_bytes()).into()
    }
}
