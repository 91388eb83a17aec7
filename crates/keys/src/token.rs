//! Random tokens: handed out once, kept as a hash.

use std::fmt;

use sha2::{Digest, Sha256};

/// 256 random bits, as 52 lower-case characters after a prefix that says what it opens.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// What is stored of a token. SHA-256 without salt is enough: there is nothing to guess.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenHash(pub Vec<u8>);

impl Token {
    /// A new token such as `rcs_…`. The prefix lets secret scanners recognise a leaked one.
    pub fn new(prefix: &str) -> Self {
        let bytes: [u8; 32] = rand::random();
        Self(format!("{prefix}_{}", base32(&bytes)))
    }

    /// The token in a request, if it has the exact form; anything else is absent.
    pub fn read(prefix: &str, text: &str) -> Option<Self> {
        let body = text.strip_prefix(prefix)?.strip_prefix('_')?;
        let well_formed = body.len() == SECRET_CHARS
            && body.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        well_formed.then(|| Self(text.to_owned()))
    }

    /// A new token whose end is a checksum of all before it: a scanner tells it from other text,
    /// and a slip of the hand is noticed, without asking anybody.
    pub fn with_checksum(prefix: &str) -> Self {
        let Self(text) = Self::new(prefix);
        let sum = checksum(&text);
        Self(text + &sum)
    }

    /// The token in a request, if its checksum is right. Those that were made before there were
    /// checksums have none.
    pub fn read_checked(prefix: &str, text: &str) -> Option<Self> {
        let end = (prefix.len() + 1).checked_add(SECRET_CHARS)?;
        let (secret, sum) = text.split_at_checked(end)?;
        let is_right = sum.is_empty() || sum == checksum(secret);
        Self::read(prefix, secret).filter(|_| is_right).map(|_| Self(text.to_owned()))
    }

    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.as_bytes()).to_vec())
    }

    /// The token itself, to be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// 256 bits in base 32.
const SECRET_CHARS: usize = 52;
const CHECKSUM_CHARS: usize = 6;

/// The first characters of the hash of what stands before it.
fn checksum(text: &str) -> String {
    let digest = base32(&Sha256::digest(text.as_bytes()));
    digest.chars().take(CHECKSUM_CHARS).collect()
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// RFC 4648 base 32 in lower case, without padding.
pub fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let mut held: u32 = 0;
    let mut bits = 0;
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(letter(ALPHABET, held >> bits));
        }
    }
    if bits > 0 {
        text.push(letter(ALPHABET, held << (5 - bits)));
    }
    text
}

fn letter(alphabet: &[u8; 32], value: u32) -> char {
    let index = usize::try_from(value & 31).unwrap_or(0);
    alphabet.get(index).map_or('a', |byte| char::from(*byte))
}
