//! Whose mail it is: read strictly, because everything that is granted hangs on it.

use kernel::EmailAddress;
use serde::{Deserialize, Serialize};

use crate::format::address::{Mailboxes, clean_name};
use crate::format::header::Header;

/// The author of a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sender {
    /// There is exactly one From field with exactly one address, and every reader agrees on it.
    One { address: EmailAddress, name: Option<String> },
    /// Two readers could see two different authors. Such a mail is never believed.
    Unclear(Doubt),
}

/// Why the author is unclear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    #[error("this mail names no sender")]
    Missing,
    #[error("this mail names several senders")]
    Several,
    #[error("the sender of this mail is written in a way that cannot be read for certain")]
    Malformed,
    #[error("this mail hides a second sender")]
    Disguised,
}

impl Sender {
    /// The address, when it is clear.
    pub fn address(&self) -> Option<&EmailAddress> {
        match self {
            Self::One { address, .. } => Some(address),
            Self::Unclear(_) => None,
        }
    }
}

pub(crate) struct Author {
    pub(crate) from: Sender,
    pub(crate) shown_name: String,
    pub(crate) shown_address: Option<EmailAddress>,
    pub(crate) name_claims_another_address: bool,
}

/// Enough to see that there are several.
const SENDERS_MAX: usize = 10;

/// Reads the From fields, all of them.
pub(crate) fn read(header: &Header<'_>) -> Author {
    let fields: Vec<_> = header.all("From").take(SENDERS_MAX).collect();
    let mut all = Vec::new();
    let mut odd = false;
    for field in &fields {
        let value = field.unfolded();
        odd |= !is_clean(field.value, &value);
        let mailboxes = Mailboxes::parse(&value, SENDERS_MAX);
        odd |= mailboxes.odd || mailboxes.cut;
        all.extend(mailboxes.list);
    }
    let count = all.len();
    let first = all.into_iter().next().unwrap_or_default();
    let address: Option<EmailAddress> = first.address.parse().ok();
    let shown_name = match &first.name {
        Some(name) => name.clone(),
        None => match &address {
            Some(address) => address.to_string(),
            // What is no address is anything at all, and is shown like any other text of theirs.
            None => clean_name(&first.address).unwrap_or_default(),
        },
    };
    let name_claims_another_address =
        first.name.as_deref().is_some_and(|name| claims_another(name, address.as_ref()));
    let from = match address.clone() {
        _ if header.disguised_from => Sender::Unclear(Doubt::Disguised),
        _ if fields.is_empty() => Sender::Unclear(Doubt::Missing),
        _ if fields.len() > 1 || count > 1 => Sender::Unclear(Doubt::Several),
        Some(address) if !odd => Sender::One { address, name: first.name },
        Some(_) | None => Sender::Unclear(Doubt::Malformed),
    };
    Author { from, shown_name, shown_address: address, name_claims_another_address }
}

/// Whether the value has nothing in it that readers treat differently: NUL, a bare CR, bytes
/// that are not text.
fn is_clean(raw: &[u8], unfolded: &str) -> bool {
    let bare_cr = memchr::memchr_iter(b'\r', raw).any(|at| raw.get(at + 1) != Some(&b'\n'));
    let controls = unfolded.chars().any(|c| c.is_control() && c != '\t');
    !bare_cr && !controls && std::str::from_utf8(raw).is_ok()
}

/// `"support@bank.example" <robber@example.net>` tries to be read without its second half.
fn claims_another(name: &str, address: Option<&EmailAddress>) -> bool {
    name.split(|c: char| c.is_whitespace() || "<>()[],;\"'".contains(c))
        .filter_map(|word| word.parse::<EmailAddress>().ok())
        .any(|claimed| Some(&claimed) != address && claimed.domain().contains('.'))
}
