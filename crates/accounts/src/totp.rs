//! Codes of authenticator apps (RFC 6238): HMAC-SHA-1, six digits, thirty seconds. Pure.

use hmac::{Hmac, KeyInit, Mac};
use kernel::{Secret, Timestamp};
use sha1::Sha1;
use subtle::ConstantTimeEq;

use crate::percent::encoded;

const STEP_SECONDS: i64 = 30;
/// Clocks differ, and people type slowly: the code before and the code after are taken, too.
const STEPS_AROUND: i64 = 1;
pub(crate) const DIGITS: usize = 6;
const SECRET_LEN: usize = 20;

/// What an app and this installation share, in base 32 as apps want it.
#[derive(Clone, Debug)]
pub(crate) struct TotpSecret(Secret);

impl TotpSecret {
    pub(crate) fn random() -> Self {
        let bytes: [u8; SECRET_LEN] = rand::random();
        Self::stored(Secret::new(keys::base32(&bytes)))
    }

    /// One that was made before.
    pub(crate) fn stored(text: Secret) -> Self {
        Self(Secret::new(text.reveal().to_ascii_uppercase()))
    }

    /// The text to be sealed.
    pub(crate) fn text(&self) -> &Secret {
        &self.0
    }

    /// For typing: in groups of four.
    pub(crate) fn grouped(&self) -> String {
        in_fours(self.0.reveal(), " ")
    }

    /// What the picture says to the app.
    pub(crate) fn address(&self, company: &str, email: &str) -> String {
        let [company, email] = [company, email].map(|text| encoded(text, b"-._@"));
        let secret = self.0.reveal();
        format!("otpauth://totp/{company}:{email}?secret={secret}&issuer={company}")
    }

    /// The code of a time step.
    fn code(&self, step: i64) -> String {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha1>::new_from_slice(&bytes_of(self.0.reveal()))
            .expect("a key of twenty bytes");
        mac.update(&step.to_be_bytes());
        let digest: [u8; 20] = mac.finalize().into_bytes().into();
        let offset = usize::from(digest[19] & 15);
        let part = digest.get(offset..offset + 4).and_then(|part| part.first_chunk::<4>());
        let number = u32::from_be_bytes(part.copied().unwrap_or_default()) & 0x7fff_ffff;
        format!("{:0DIGITS$}", number % 1_000_000)
    }

    /// The time step near `now` whose code this is, if it is later than the last one that was
    /// accepted.
    pub(crate) fn step_of(&self, code: &str, now: Timestamp, last_step: i64) -> Option<i64> {
        let here = now.seconds().div_euclid(STEP_SECONDS);
        (here - STEPS_AROUND..=here + STEPS_AROUND)
            .filter(|step| *step > last_step)
            .find(|step| self.code(*step).as_bytes().ct_eq(code.as_bytes()).into())
    }

    /// The code at an instant, as an app would show it.
    pub(crate) fn code_at(&self, now: Timestamp) -> String {
        self.code(now.seconds().div_euclid(STEP_SECONDS))
    }
}

/// A text in groups of four.
pub(crate) fn in_fours(text: &str, between: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let groups: Vec<String> = chars.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join(between)
}

/// Base 32 read back; what is not of its alphabet is skipped.
fn bytes_of(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SECRET_LEN);
    let (mut held, mut bits) = (0_u32, 0);
    for c in text.bytes() {
        let value = match c.to_ascii_lowercase() {
            c @ b'a'..=b'z' => c - b'a',
            c @ b'2'..=b'7' => c - b'2' + 26,
            _ => continue,
        };
        held = (held << 5) | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 255).unwrap_or(0));
            held &= (1 << bits) - 1;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B: `12345678901234567890`.
    fn of_the_rfc() -> TotpSecret {
        TotpSecret::stored(Secret::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"))
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        assert_eq!(bytes_of(of_the_rfc().text().reveal()), b"12345678901234567890");
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(of_the_rfc().code_at(Timestamp::from_seconds(seconds)), code, "{seconds}");
        }
    }

    #[test]
    fn a_code_is_taken_near_its_time_and_once() {
        let (secret, step) = (of_the_rfc(), 41_152_263);
        let now = Timestamp::from_seconds(step * 30 + 3);
        let code = |step| secret.code(step);
        for (typed, last_step, accepted) in [
            (code(step), 0, Some(step)),
            (code(step - 1), 0, Some(step - 1)),
            (code(step + 1), 0, Some(step + 1)),
            (code(step - 2), 0, None),
            (code(step + 2), 0, None),
            (code(step), step, None),
            (code(step), step + 1, None),
            (code(step - 1), step - 1, None),
            (code(step + 1), step, Some(step + 1)),
            (String::new(), 0, None),
            (code(step)[..5].to_owned(), 0, None),
            (format!("{}0", code(step)), 0, None),
        ] {
            assert_eq!(secret.step_of(&typed, now, last_step), accepted, "{typed} {last_step}");
        }
    }

    #[test]
    fn secrets_are_long_and_differ() {
        let (one, other) = (TotpSecret::random(), TotpSecret::random());
        assert_eq!(bytes_of(one.text().reveal()).len(), SECRET_LEN);
        assert_ne!(one.text().reveal(), other.text().reveal());
        assert_eq!(one.grouped().replace(' ', ""), one.text().reveal());
    }

    #[test]
    fn the_picture_says_whose_it_is() {
        assert_eq!(
            of_the_rfc().address("North & Light", "maya@northlight.example"),
            "otpauth://totp/North%20%26%20Light:maya@northlight.example\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=North%20%26%20Light"
        );
    }
}
