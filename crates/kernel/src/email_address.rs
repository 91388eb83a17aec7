//! A mail address that was read strictly once and is trusted from then on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// `local@domain`, lower case, without name, comment, quotes or control characters.
///
/// Local parts are folded to lower case although RFC 5321 allows them to differ: no provider a
/// customer uses tells them apart, and telling them apart would split one person in two.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailAddress(String);

/// RFC 5321, 4.5.3.1.3: a path has at most 256 octets, its angle brackets included.
const LENGTH_MAX: usize = 254;
const LOCAL_MAX: usize = 64;

impl EmailAddress {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`.
    pub fn local(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }

    /// What stands after the `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// `support+token@shop.example` for `support@shop.example`.
    pub fn with_tag(&self, tag: &str) -> Self {
        Self(format!("{}+{}@{}", self.local(), tag.to_ascii_lowercase(), self.domain()))
    }

    /// The tag of a plus address and the address without it.
    pub fn split_tag(&self) -> Option<(Self, &str)> {
        let (base, tag) = self.local().split_once('+')?;
        Some((Self(format!("{base}@{}", self.domain())), tag))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not a mail address; write it like name@example.com")]
pub struct NotAnAddress;

impl FromStr for EmailAddress {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(NotAnAddress)?;
        if text.len() > LENGTH_MAX || local.len() > LOCAL_MAX {
            return Err(NotAnAddress);
        }
        if !is_local(local) || !is_domain(domain) {
            return Err(NotAnAddress);
        }
        Ok(Self(text.to_lowercase()))
    }
}

/// A dot-atom (RFC 5322, 3.2.3), letters beyond ASCII allowed (RFC 6531). Quoted local parts
/// are refused: they exist only to confuse parsers.
fn is_local(local: &str) -> bool {
    !local.is_empty()
        && local.split('.').all(|atom| {
            !atom.is_empty()
                && atom.chars().all(|c| {
                    c.is_ascii_alphanumeric()
                        || "!#$%&'*+/=?^_`{|}~-".contains(c)
                        || (!c.is_ascii() && c.is_alphanumeric())
                })
        })
}

fn is_domain(domain: &str) -> bool {
    let label_is_good = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    !domain.is_empty() && domain.split('.').all(label_is_good)
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for EmailAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EmailAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
