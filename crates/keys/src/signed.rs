//! Tokens that carry no state: a keyed hash over what they stand for.

use subtle::ConstantTimeEq;

use crate::{Derived, Keys, mac, token};

/// 160 bits: above the 128 that every token must carry, and 32 characters without a rest.
const SIGNATURE_LEN: usize = 20;

impl Keys {
    /// A signature over `parts` for one purpose, in lower-case base 32: it survives mail systems
    /// that fold the case of addresses.
    pub fn sign(&self, purpose: &str, parts: &[&[u8]]) -> String {
        sign(&self.now, purpose, parts)
    }

    /// The signature, and those that older keys made of the same, for what is looked up by it.
    pub fn every_sign(&self, purpose: &str, parts: &[&[u8]]) -> Vec<String> {
        self.all().map(|key| sign(key, purpose, parts)).collect()
    }

    /// Whether `signature` is the one for these parts, in constant time. What an older key signed
    /// goes on being good: it stands in mails that were sent.
    pub fn verify(&self, purpose: &str, parts: &[&[u8]], signature: &str) -> bool {
        self.verify_short(purpose, parts, signature, SIGNATURE_LEN * 8 / 5)
    }

    /// The same for a signature of which only the first characters are used.
    pub fn verify_short(
        &self,
        purpose: &str,
        parts: &[&[u8]],
        signature: &str,
        length: usize,
    ) -> bool {
        let given = signature.to_ascii_lowercase();
        self.all().fold(false, |is_good, key| {
            let full = sign(key, purpose, parts);
            let expected = full.as_bytes().get(..length).unwrap_or(full.as_bytes());
            is_good | bool::from(expected.ct_eq(given.as_bytes()))
        })
    }
}

fn sign(key: &Derived, purpose: &str, parts: &[&[u8]]) -> String {
    let mut all: Vec<&[u8]> = vec![purpose.as_bytes()];
    all.extend_from_slice(parts);
    let full = mac(&key.signing, &all);
    token::base32(full.first_chunk::<SIGNATURE_LEN>().unwrap_or(&[0; SIGNATURE_LEN]))
}
