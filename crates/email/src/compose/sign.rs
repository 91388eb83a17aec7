//! DKIM: a signature over what is sent, and the record that lets others check it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::Secret;
use mail_auth::common::crypto::{Ed25519Key, RsaKey, Sha256};
use mail_auth::common::headers::HeaderWriter;
use mail_auth::dkim::{Canonicalization, DkimSigner};
use rsa::pkcs8::EncodePrivateKey;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use crate::compose::ComposeFault;

/// Who signs, and with what.
#[derive(Clone, Debug)]
pub struct Signing {
    pub domain: String,
    pub selector: String,
    /// The private key as PEM: RSA (PKCS#1 or PKCS#8) or Ed25519 (PKCS#8).
    pub private_key: Secret,
}

/// What is signed. A field that is named but absent is signed as absent, so that nobody can add
/// it later; From stands twice for the same reason.
const SIGNED: &[&str] = &[
    "From",
    "From",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Auto-Submitted",
];

impl Signing {
    /// The signature as a header field with its line end.
    pub(crate) fn sign(&self, mail: &[u8]) -> Result<String, ComposeFault> {
        let refused = |why: String| ComposeFault::BadSigningKey(self.domain.clone(), why);
        let signature = match Key::read(&self.private_key).map_err(refused)? {
            Key::Rsa(key) => self.signer(DkimSigner::from_key(*key)).sign(mail),
            Key::Ed25519(key) => self.signer(DkimSigner::from_key(*key)).sign(mail),
        };
        signature.map(|signature| signature.to_header()).map_err(|fault| refused(fault.to_string()))
    }

    fn signer<T: mail_auth::common::crypto::SigningKey>(
        &self,
        signer: DkimSigner<T, mail_auth::dkim::NeedDomain>,
    ) -> DkimSigner<T, mail_auth::dkim::Done> {
        signer
            .domain(self.domain.clone())
            .selector(self.selector.clone())
            .headers(SIGNED.iter().copied())
            .header_canonicalization(Canonicalization::Relaxed)
            .body_canonicalization(Canonicalization::Relaxed)
    }
}

/// The TXT record to publish for a private key, at `selector._domainkey.domain`. The error says
/// why the key cannot be used.
pub fn signing_record(private_key: &Secret) -> Result<String, String> {
    let (kind, public) = match Key::read(private_key)? {
        Key::Rsa(key) => ("rsa", subject_public_key_info(&key.public_key())),
        Key::Ed25519(key) => ("ed25519", key.public_key()),
    };
    Ok(format!("v=DKIM1; k={kind}; p={}", STANDARD.encode(public)))
}

/// A new RSA key of 2048 bits in PEM form: what every receiver can check, and short enough for a
/// DNS record. Takes a while.
pub fn new_signing_key() -> Result<Secret, String> {
    let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, KEY_BITS);
    let key = key.map_err(|fault| fault.to_string())?;
    let pem = key.to_pkcs8_pem(rsa::pkcs8::LineEnding::LF).map_err(|fault| fault.to_string())?;
    Ok(Secret::new(pem.to_string()))
}

const KEY_BITS: usize = 2048;

enum Key {
    Rsa(Box<RsaKey<Sha256>>),
    Ed25519(Box<Ed25519Key>),
}

impl Key {
    fn read(pem: &Secret) -> Result<Self, String> {
        let der = PrivateKeyDer::from_pem_slice(pem.reveal().trim().as_bytes())
            .ok()
            .ok_or("it is not a private key in PEM form")?;
        if let PrivateKeyDer::Pkcs8(pkcs8) = &der
            && let Ok(key) = Ed25519Key::from_pkcs8_maybe_unchecked_der(pkcs8.secret_pkcs8_der())
        {
            return Ok(Self::Ed25519(Box::new(key)));
        }
        let key = RsaKey::<Sha256>::from_key_der(der)
            .ok()
            .ok_or("it is neither an RSA key of 2048 bits or more nor an Ed25519 key")?;
        Ok(Self::Rsa(Box::new(key)))
    }
}

/// Wraps an RSA public key in the structure that DNS records carry (RFC 5280, 4.1).
fn subject_public_key_info(public_key: &[u8]) -> Vec<u8> {
    const RSA_ENCRYPTION: [u8; 15] =
        [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let mut bits = vec![0];
    bits.extend_from_slice(public_key);
    let mut content = RSA_ENCRYPTION.to_vec();
    content.extend(tagged(0x03, &bits));
    tagged(0x30, &content)
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len().to_be_bytes();
    match u8::try_from(content.len()) {
        Ok(short) if short < 128 => out.push(short),
        _ => {
            let digits: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or(0));
            out.extend(digits);
        }
    }
    out.extend_from_slice(content);
    out
}
