//! Passwords: Argon2id, and a rule that lets long ones through.

use std::sync::LazyLock;

use anyhow::{Result, anyhow};
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use kernel::{Refusal, Secret};
use tokio::sync::Semaphore;

pub(crate) const LENGTH_MIN: usize = 12;
const LENGTH_MAX: usize = 256;

/// Why a password is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    #[error("the password needs at least {LENGTH_MIN} characters; a few unrelated words do well")]
    TooShort,
    #[error("the password has more than {LENGTH_MAX} characters; shorten it")]
    TooLong,
    #[error("this password is among those that are guessed first; choose another")]
    Common,
    #[error("the password must not be your name, mail address or company")]
    Personal,
}

impl Refusal for WeakPassword {}

/// A password that may be used by the person with these names.
#[derive(Clone, Debug)]
pub struct NewPassword(Secret);

impl NewPassword {
    pub fn read(text: &str, personal: &[&str]) -> Result<Self, WeakPassword> {
        let length = text.chars().count();
        if length < LENGTH_MIN {
            return Err(WeakPassword::TooShort);
        }
        if length > LENGTH_MAX {
            return Err(WeakPassword::TooLong);
        }
        let folded = fold(text);
        if is_common(&folded) {
            return Err(WeakPassword::Common);
        }
        let is_personal = personal.iter().map(|name| fold(name)).any(|name| name == folded);
        if is_personal { Err(WeakPassword::Personal) } else { Ok(Self(Secret::new(text))) }
    }
}

fn fold(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether it is on the shipped list, a keyboard row, one word repeated, or one letter.
fn is_common(folded: &str) -> bool {
    static COMMON: LazyLock<Vec<&'static str>> =
        LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());
    let stem = folded.trim_end_matches(|c: char| c.is_ascii_digit());
    let repeats = (1..=folded.len() / 2).any(|length| {
        folded.get(..length).is_some_and(|part| {
            part.len() <= 6
                && folded.len().is_multiple_of(length)
                && folded == part.repeat(folded.len() / length)
        })
    });
    repeats || COMMON.iter().any(|common| *common == folded || *common == stem)
}

/// OWASP's choice for Argon2id with little memory: 19 MiB, two passes, one lane.
fn hasher() -> Argon2<'static> {
    let params = Params::new(19_456, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Two at a time: memory stays bounded when many sign in together.
static AT_WORK: Semaphore = Semaphore::const_new(2);

/// The password in the form in which it is stored.
pub async fn hash(password: NewPassword) -> Result<String> {
    in_turn(move || {
        let hash = hasher()
            .hash_password(password.0.reveal().as_bytes())
            .map_err(|fault| anyhow!("hashing a password: {fault}"))?;
        Ok(hash.to_string())
    })
    .await
}

/// Whether `password` belongs to `stored`. Without a stored one it takes as long and says no.
pub(crate) async fn verify(password: Secret, stored: Option<String>) -> Result<bool> {
    #[cfg(test)]
    EVALUATED.with(|count| count.set(count.get() + 1));
    in_turn(move || {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| DECOY.clone());
        let hash = PasswordHash::new(&stored).map_err(|fault| anyhow!("stored hash: {fault}"))?;
        let right = hasher().verify_password(password.reveal().as_bytes(), &hash).is_ok();
        Ok(right && known)
    })
    .await
}

#[cfg(test)]
thread_local! {
    /// How many passwords the test on this thread had looked at.
    pub(crate) static EVALUATED: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

static DECOY: LazyLock<String> = LazyLock::new(|| {
    hasher()
        .hash_password(b"nobody has this password")
        .map(|hash| hash.to_string())
        .unwrap_or_default()
});

async fn in_turn<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let _turn = AT_WORK.acquire().await?;
    tokio::task::spawn_blocking(work).await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobodys_password_takes_the_same_work_as_anybodys() {
        let hashed = hash(NewPassword::read("lighthouse under maps", &[]).unwrap()).await.unwrap();
        let work = |stored: &str| stored.rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(work(&hashed).unwrap(), "$argon2id$v=19$m=19456,t=2,p=1");
        assert_eq!(work(&DECOY), work(&hashed));
        assert_eq!(DECOY.len(), hashed.len());
        let right = verify(Secret::new("nobody has this password"), None).await.unwrap();
        assert!(!right);
    }
}
