//! What a provider says of somebody, and whether it was the provider that said it. Pure.
//!
//! The signature is checked by a list of algorithms with public keys: neither "none" nor anything
//! that is keyed with what everybody knows is on it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::{Span, Timestamp};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Clocks differ.
const LEEWAY: Span = Span::seconds(60);
const SUBJECT_MAX: usize = 255;

/// Why a token is not believed. For the log: people are told that signing in did not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenFault {
    #[error("the token cannot be read")]
    Unreadable,
    #[error("the token is signed in a way that is not taken: {0}")]
    Algorithm(String),
    #[error("the signature is of none of the provider's keys")]
    Signature,
    #[error("the token is of another issuer")]
    Issuer,
    #[error("the token is for somebody else")]
    Audience,
    #[error("the token answers another question")]
    Nonce,
    #[error("the token is over, or not valid yet")]
    Time,
    #[error("the token does not say of whom it speaks")]
    Subject,
}

/// The keys that a provider publishes.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct KeySet {
    keys: Vec<serde_json::Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Key {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: String,
    n: String,
    e: String,
    x: String,
    y: String,
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that have to be understood. None is.
    crit: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
    email: Option<String>,
    email_verified: Option<bool>,
}

/// What a token has to say to be believed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'e> {
    pub(crate) issuer: &'e str,
    pub(crate) client_id: &'e str,
    pub(crate) nonce: &'e str,
    pub(crate) now: Timestamp,
}

/// Who somebody is at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) subject: String,
    /// Only if the provider says that it is theirs.
    pub(crate) verified_email: Option<String>,
}

/// Whom a token speaks of, if all about it is as it should be.
pub(crate) fn verify(
    token: &str,
    keys: &KeySet,
    expected: Expected<'_>,
) -> Result<Identity, TokenFault> {
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Unreadable)?;
    let (header, claims) = signed.split_once('.').ok_or(TokenFault::Unreadable)?;
    let header: Header = json(header)?;
    if header.crit.is_some() {
        return Err(TokenFault::Unreadable);
    }
    let algorithm = Algorithm::named(&header.alg)?;
    let signature = bytes(signature)?;
    let is_signed = keys
        .keys
        .iter()
        .filter_map(|key| serde_json::from_value::<Key>(key.clone()).ok())
        .filter(|key| key.is_for(algorithm, &header))
        .any(|key| algorithm.is_signed(&key, signed.as_bytes(), &signature));
    if !is_signed {
        return Err(TokenFault::Signature);
    }
    json::<Claims>(claims)?.check(expected)
}

fn bytes(part: &str) -> Result<Vec<u8>, TokenFault> {
    URL_SAFE_NO_PAD.decode(part).ok().ok_or(TokenFault::Unreadable)
}

fn json<T: DeserializeOwned>(part: &str) -> Result<T, TokenFault> {
    serde_json::from_slice(&bytes(part)?).ok().ok_or(TokenFault::Unreadable)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Rs256,
    Ps256,
    Es256,
}

impl Algorithm {
    fn named(name: &str) -> Result<Self, TokenFault> {
        match name {
            "RS256" => Ok(Self::Rs256),
            "PS256" => Ok(Self::Ps256),
            "ES256" => Ok(Self::Es256),
            other => Err(TokenFault::Algorithm(kernel::clip(&kernel::one_line(other), 20))),
        }
    }

    fn is_signed(self, key: &Key, signed: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rs256 => {
                let Some(key) = key.rsa() else { return false };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature).is_ok()
            }
            Self::Ps256 => {
                let Some(key) = key.rsa() else { return false };
                key.verify(&RSA_PSS_2048_8192_SHA256, signed, signature).is_ok()
            }
            Self::Es256 => {
                let Some(point) = key.point() else { return false };
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                key.verify(signed, signature).is_ok()
            }
        }
    }
}

impl Key {
    fn is_for(&self, algorithm: Algorithm, header: &Header) -> bool {
        let kty = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => "RSA",
            Algorithm::Es256 => "EC",
        };
        self.kty == kty
            && (header.kid.is_none() || self.kid == header.kid)
            && self.alg.as_ref().is_none_or(|alg| *alg == header.alg)
            && self.purpose.as_ref().is_none_or(|purpose| purpose == "sig")
    }

    fn rsa(&self) -> Option<RsaPublicKeyComponents<Vec<u8>>> {
        let number = |text: &str| {
            let bytes = bytes(text).ok()?;
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            Some(bytes.into_iter().skip(zeros).collect::<Vec<u8>>())
        };
        Some(RsaPublicKeyComponents { n: number(&self.n)?, e: number(&self.e)? })
    }

    /// The point of a P-256 key, uncompressed.
    fn point(&self) -> Option<Vec<u8>> {
        let (x, y) = (bytes(&self.x).ok()?, bytes(&self.y).ok()?);
        let fits = self.crv == "P-256" && x.len() == 32 && y.len() == 32;
        fits.then(|| [&[4], x.as_slice(), y.as_slice()].concat())
    }
}

impl Claims {
    fn check(self, expected: Expected<'_>) -> Result<Identity, TokenFault> {
        if self.iss != expected.issuer {
            return Err(TokenFault::Issuer);
        }
        let (is_ours, is_ours_alone) = match &self.aud {
            Audience::One(one) => (one == expected.client_id, true),
            Audience::Many(all) => {
                (all.iter().any(|one| one == expected.client_id), all.len() == 1)
            }
        };
        let party = self.azp.as_deref();
        let is_for_us = if is_ours_alone {
            party.is_none_or(|azp| azp == expected.client_id)
        } else {
            party == Some(expected.client_id)
        };
        if !is_ours || !is_for_us {
            return Err(TokenFault::Audience);
        }
        let (exp, iat) = (at(self.exp)?, at(self.iat)?);
        let begins = self.nbf.map(at).transpose()?.unwrap_or(iat).max(iat);
        if expected.now >= exp + LEEWAY || expected.now + LEEWAY < begins {
            return Err(TokenFault::Time);
        }
        if self.nonce.as_deref() != Some(expected.nonce) {
            return Err(TokenFault::Nonce);
        }
        if self.sub.is_empty() || self.sub.len() > SUBJECT_MAX {
            return Err(TokenFault::Subject);
        }
        let is_verified = self.email_verified == Some(true);
        Ok(Identity { subject: self.sub, verified_email: self.email.filter(|_| is_verified) })
    }
}

/// A moment in seconds, as JSON has it.
fn at(seconds: f64) -> Result<Timestamp, TokenFault> {
    let text = format!("{:.0}", seconds.floor());
    text.parse().ok().map(Timestamp::from_seconds).ok_or(TokenFault::Time)
}

#[cfg(test)]
#[path = "tests/id_token.rs"]
mod tests;
