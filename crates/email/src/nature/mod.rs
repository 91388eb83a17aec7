//! What kind of mail it is: from a person, from a robot, a report about our own mail.
//!
//! Invariant: a mail that may come from a robot is never answered automatically. In doubt it is
//! one; a person is still answered by a person. What changes more than that (that a mail is a
//! report, or automatic and therefore moves nothing) needs a certain sign.

mod auto_reply;
mod bounce;
mod bounce_text;
mod names;

use kernel::EmailAddress;
use serde::{Deserialize, Serialize};

use crate::format::header::Header;
use crate::format::parts::Leaf;
use crate::reading::{Reading, Sender};

pub(crate) use names::is_robot_name;

/// What kind of mail it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nature {
    /// Written by a person, as far as anybody can tell.
    Personal,
    /// Sent by a machine in answer to a mail, or on its own.
    AutoReply { why: String },
    /// Perhaps from a person, with a mark that asks machines for silence.
    NoAnswerWanted { why: String },
    /// A report that a mail of ours did not arrive, or not yet.
    Bounce(Bounce),
    /// A report that somebody marked a mail of ours as spam.
    Complaint(Complaint),
    /// Sent through a mailing list or as a newsletter.
    List { id: String },
    /// From a sender who says that nobody reads answers.
    NoReply,
}

/// A mail of ours that did not arrive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounce {
    /// It has the form of a report. Otherwise its words sound like one, and it is one only if it
    /// is about a mail of ours.
    pub is_formal: bool,
    /// Who it did not reach.
    pub recipient: Option<EmailAddress>,
    /// Trying again is useless. A full mailbox is not permanent, whatever the server says.
    pub permanent: bool,
    /// The enhanced status code, such as `5.1.1`.
    pub status: Option<String>,
    /// Why, in words for a person.
    pub reason: String,
    /// The Message-ID of the mail that did not arrive.
    pub original_mail_id: Option<String>,
}

/// A mail of ours that somebody called spam.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    pub recipient: Option<EmailAddress>,
    pub original_mail_id: Option<String>,
}

impl Nature {
    /// Whether a machine wrote it, beyond doubt: it tells nothing that somebody waits for.
    pub fn is_automatic(&self) -> bool {
        match self {
            Self::AutoReply { .. } | Self::Complaint(_) => true,
            Self::Bounce(bounce) => bounce.is_formal,
            Self::Personal | Self::NoAnswerWanted { .. } | Self::List { .. } | Self::NoReply => {
                false
            }
        }
    }

    /// Whether this mail must never be answered automatically.
    pub fn must_not_be_answered(&self) -> bool {
        match self {
            Self::Personal => false,
            Self::AutoReply { .. }
            | Self::NoAnswerWanted { .. }
            | Self::Bounce(_)
            | Self::Complaint(_)
            | Self::List { .. }
            | Self::NoReply => true,
        }
    }
}

impl Bounce {
    /// Whether the address itself is no good, rather than this one mail to it.
    pub fn address_is_dead(&self) -> bool {
        self.permanent && self.status.as_deref().is_none_or(is_about_address)
    }
}

/// Whether an enhanced status says that the address is no good.
pub(crate) fn is_about_address(status: &str) -> bool {
    ["5.1.", "5.2.1", "5.4.4", "5.0."].iter().any(|kind| status.starts_with(kind))
}

/// What the judges look at.
pub(crate) struct Evidence<'e, 'x> {
    pub(crate) header: &'e Header<'x>,
    pub(crate) leaves: &'e [Leaf<'x>],
    pub(crate) reading: &'e Reading,
    /// The text, not yet cut into new and old.
    pub(crate) text: &'e str,
    /// The beginning of the text in lower case.
    pub(crate) lower: String,
}

/// Enough for every report; the rest is the returned mail.
const TEXT_CHARS_LOOKED_AT: usize = 8_000;

pub(crate) fn judge(
    header: &Header<'_>,
    leaves: &[Leaf<'_>],
    reading: &Reading,
    text: &str,
) -> Nature {
    let end = text.floor_char_boundary(TEXT_CHARS_LOOKED_AT);
    let text = text.get(..end).unwrap_or(text);
    let evidence = Evidence { header, leaves, reading, text, lower: String::new() };
    if let Some(nature) = bounce::report(&evidence) {
        return nature;
    }
    if bounce::is_suspect(&evidence) {
        let evidence = Evidence { lower: text.to_lowercase(), ..evidence };
        if let Some(bounce) = bounce_text::read(&evidence) {
            return Nature::Bounce(bounce);
        }
    }
    if let Some(why) = auto_reply::why(&evidence) {
        return Nature::AutoReply { why: why.to_owned() };
    }
    if let Some(id) = list_id(header) {
        return Nature::List { id };
    }
    if sender_of(reading).is_some_and(|address| is_robot_name(address.local())) {
        return Nature::NoReply;
    }
    if let Some(why) = auto_reply::why_not_answered(&evidence) {
        return Nature::NoAnswerWanted { why: why.to_owned() };
    }
    Nature::Personal
}

/// The return path of mail that nobody may answer: servers write it, and good robots.
pub(crate) fn has_no_return_path(header: &Header<'_>) -> bool {
    header.find("Return-Path").is_some_and(|path| path.unfolded().trim() == "<>")
}

pub(crate) fn sender_of(reading: &Reading) -> Option<&EmailAddress> {
    match &reading.from {
        Sender::One { address, .. } => Some(address),
        Sender::Unclear(_) => reading.shown_address.as_ref(),
    }
}

/// The name of the list that a mail came through.
fn list_id(header: &Header<'_>) -> Option<String> {
    if let Some(id) = header.text("List-Id") {
        let inner = id.rsplit_once('<').map_or(id.as_str(), |(_, inner)| inner);
        return Some(kernel::clip(inner.trim_matches(['<', '>', ' ']), 200));
    }
    let fields = ["List-Unsubscribe", "List-Post", "List-Help", "Mailing-List", "X-Mailing-List"];
    let is_list = fields.iter().any(|name| header.has(name))
        || header.text("Precedence").is_some_and(|value| value.eq_ignore_ascii_case("list"));
    is_list.then(|| "unnamed list".to_owned())
}
