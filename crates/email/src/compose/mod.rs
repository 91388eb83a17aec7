//! Writing a mail.
//!
//! Invariant: nothing that was given can add a header or a recipient; blind recipients are in the
//! envelope only; the same draft at the same time gives the same bytes, signature aside.

mod body;
mod fields;
mod sign;

use kernel::{EmailAddress, Timestamp};

use crate::format::address::Party;
use crate::words::Words;

pub(crate) use fields::written;
pub use sign::{Signing, new_signing_key, signing_record};

/// A mail to be written.
#[derive(Clone, Debug)]
pub struct Draft {
    pub from: Party,
    pub reply_to: Option<Party>,
    pub to: Vec<Party>,
    pub cc: Vec<Party>,
    pub bcc: Vec<EmailAddress>,
    pub subject: String,
    /// The Message-ID without brackets. It stays the same however often the mail is sent.
    pub mail_id: String,
    pub in_reply_to: Option<String>,
    /// Earlier mails, the oldest first.
    pub references: Vec<String>,
    pub text: String,
    pub html: Option<String>,
    pub attachments: Vec<Attached>,
    /// Set on every mail that no person has sent.
    pub automatic: Option<AutomaticKind>,
    pub signing: Option<Signing>,
}

/// A file to go with a mail.
#[derive(Clone, Debug)]
pub struct Attached {
    pub name: String,
    pub content_type: String,
    pub bytes: Vec<u8>,
    /// Set when the HTML shows it as `cid:…`.
    pub content_id: Option<String>,
}

/// Why a machine writes (RFC 3834).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutomaticKind {
    /// In answer to a mail.
    Reply,
    /// On its own, such as a notification.
    Notice,
}

/// A mail ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Composed {
    pub mail_id: String,
    /// Where bounces go: to the inbox, which knows them and tells the ticket. Notices have one, too:
    /// nobody else learns that an invitation did not arrive.
    pub return_path: EmailAddress,
    /// What a machine answers leaves without a return path (RFC 3834, 3.3), so that no robot answers
    /// it; the return path is for servers that insist on one.
    pub is_machine_reply: bool,
    pub recipients: Vec<EmailAddress>,
    /// All lines end with CRLF.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Composed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Composed({}, {} bytes)", self.mail_id, self.bytes.len())
    }
}

/// Why a mail cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeFault {
    #[error("this mail has no recipient; add one")]
    NoRecipient,
    #[error("this mail has more than {RECIPIENTS_MAX} recipients; send it to fewer")]
    TooManyRecipients,
    #[error("an automatic mail goes to one person only")]
    AutomaticToSeveral,
    #[error("the Message-ID of this mail cannot be used")]
    BadMailId,
    #[error("the text of this mail is longer than {} KiB; attach it as a file", TEXT_BYTES_MAX / 1024)]
    TextTooLong,
    #[error("the DKIM key of {0} cannot be used: {1}")]
    BadSigningKey(String, String),
}

/// A help desk writes to a few people; this many is a mailing.
pub const RECIPIENTS_MAX: usize = 100;
/// What a mail may say in its text, and once more in its HTML.
pub const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// Writes the mail as bytes.
pub fn compose(draft: &Draft, now: Timestamp) -> Result<Composed, ComposeFault> {
    let recipients = recipients(draft)?;
    let mail_id = fields::sound_id(&draft.mail_id).ok_or(ComposeFault::BadMailId)?;
    let html_len = draft.html.as_ref().map_or(0, String::len);
    if draft.text.len() > TEXT_BYTES_MAX || html_len > TEXT_BYTES_MAX {
        return Err(ComposeFault::TextTooLong);
    }
    let mut out = Vec::with_capacity(draft.text.len() * 2 + html_len * 2 + 2048);
    fields::write(&mut out, draft, mail_id, now);
    body::write(&mut out, draft, mail_id);
    if let Some(signing) = &draft.signing {
        let signature = signing.sign(&out)?;
        out.splice(0..0, signature.into_bytes());
    }
    Ok(Composed {
        mail_id: mail_id.to_owned(),
        return_path: draft.from.address.clone(),
        is_machine_reply: draft.automatic == Some(AutomaticKind::Reply),
        recipients,
        bytes: out,
    })
}

/// Everybody the mail goes to, each once.
fn recipients(draft: &Draft) -> Result<Vec<EmailAddress>, ComposeFault> {
    let named = draft.to.iter().chain(&draft.cc).map(|party| &party.address);
    let mut all: Vec<EmailAddress> = Vec::new();
    for address in named.chain(&draft.bcc) {
        if !all.contains(address) {
            all.push(address.clone());
        }
        if all.len() > RECIPIENTS_MAX {
            return Err(ComposeFault::TooManyRecipients);
        }
    }
    match all.len() {
        0 => Err(ComposeFault::NoRecipient),
        1 => Ok(all),
        _ if draft.automatic.is_some() => Err(ComposeFault::AutomaticToSeveral),
        _ => Ok(all),
    }
}

/// Whether a type is one that may be attached under its own name. Mail inside mail must not be
/// encoded, and what is not a type at all could say anything.
fn sound_type(kind: &str) -> &str {
    static TOKENS: Words = Words::new("text|image|audio|video|application|font|model");
    let is_token = |token: &str| {
        !token.is_empty()
            && token.len() <= 100
            && token.chars().all(|c| c.is_ascii_alphanumeric() || "!#$&^_.+-".contains(c))
    };
    match kind.split_once('/') {
        Some((main, sub)) if TOKENS.has(main) && is_token(sub) => kind,
        _ => "application/octet-stream",
    }
}
