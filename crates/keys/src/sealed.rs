//! Stored credentials: XChaCha20-Poly1305 with the place they belong to bound in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use kernel::Secret;

use crate::{Derived, Keys};

const VERSION: &str = "v1";
const NONCE_LEN: usize = 24;

/// The sealed text was made with another key, for another place, or was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a stored credential cannot be opened with this key file; enter it again")]
pub struct CannotOpen;

impl Keys {
    /// Seals `plain` for one place, such as `inbox 3 smtp password`. Moved to any other place it
    /// will not open.
    pub fn seal(&self, place: &str, plain: &Secret) -> String {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let payload = Payload { msg: plain.reveal().as_bytes(), aad: &bound(place) };
        #[expect(clippy::expect_used, reason = "fails only for texts of many gigabytes")]
        let sealed = cipher(&self.now)
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a credential fits into memory");
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&sealed);
        format!("{VERSION}.{}", STANDARD_NO_PAD.encode(bytes))
    }

    /// Opens what [`Keys::seal`] made for the same place, with this key or an older one.
    pub fn open(&self, place: &str, sealed: &str) -> Result<Secret, CannotOpen> {
        self.all().find_map(|key| open(key, place, sealed)).ok_or(CannotOpen)
    }

    /// The same credential sealed with the key of today; none when it is already.
    pub fn seal_anew(&self, place: &str, sealed: &str) -> Result<Option<String>, CannotOpen> {
        if open(&self.now, place, sealed).is_some() {
            return Ok(None);
        }
        let plain = self.open(place, sealed)?;
        Ok(Some(self.seal(place, &plain)))
    }
}

fn open(key: &Derived, place: &str, sealed: &str) -> Option<Secret> {
    let text = sealed.strip_prefix(VERSION).and_then(|rest| rest.strip_prefix('.'))?;
    let bytes = STANDARD_NO_PAD.decode(text).ok()?;
    let (nonce, body) = bytes.split_first_chunk::<NONCE_LEN>()?;
    let payload = Payload { msg: body, aad: &bound(place) };
    let plain = cipher(key).decrypt(&XNonce::from(*nonce), payload).ok()?;
    String::from_utf8(plain).ok().map(Secret::new)
}

fn cipher(key: &Derived) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&key.sealing.into())
}

fn bound(place: &str) -> Vec<u8> {
    format!("{VERSION}|{place}").into_bytes()
}
