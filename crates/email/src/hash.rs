//! Fingerprints of a mail.

use kernel::hex;
use sha2::{Digest, Sha256};

use crate::format::header::Header;

/// What the sender wrote. What servers add on the way is not among it.
const WRITTEN: [&str; 7] = ["From", "To", "Cc", "Subject", "Date", "Message-ID", "Content-Type"];

const HEADER_BYTES_MAX: usize = 1024 * 1024;

/// A hash over what the sender wrote: the same for every delivery of the same mail, whatever way
/// it came and however the lines were broken on it.
pub fn content_hash(bytes: &[u8]) -> String {
    let (header, body) = Header::split(bytes, HEADER_BYTES_MAX);
    let mut hash = Sha256::new();
    for name in WRITTEN {
        for field in header.all(name) {
            hash.update(name.as_bytes());
            hash.update(b":");
            for word in field.value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
                hash.update(b" ");
                hash.update(word);
            }
            hash.update(b"\n");
        }
    }
    hash.update(b"\n");
    for line in body.trim_ascii_end().split(|byte| *byte == b'\n') {
        hash.update(line.strip_suffix(b"\r").unwrap_or(line));
        hash.update(b"\n");
    }
    hex(&hash.finalize())
}

/// A hash over the bytes as they came.
pub fn raw_hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
