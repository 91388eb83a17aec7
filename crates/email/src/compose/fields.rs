//! The header of a mail.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use kernel::{EmailAddress, Timestamp, clip, one_line};

use crate::compose::{AutomaticKind, Draft};
use crate::format::address::Party;

/// Lines are broken before this (RFC 5322 allows 998, asks for 78).
const LINE_MAX: usize = 76;
const NAME_CHARS_MAX: usize = 200;
const SUBJECT_CHARS_MAX: usize = 900;
const ID_BYTES_MAX: usize = 400;
const REFERENCES_MAX: usize = 20;

pub(crate) fn write(out: &mut Vec<u8>, draft: &Draft, mail_id: &str, now: Timestamp) {
    field(out, "Date", &[date(now)]);
    field(out, "From", &mailboxes(std::slice::from_ref(&draft.from)));
    if let Some(reply_to) = &draft.reply_to {
        field(out, "Reply-To", &mailboxes(std::slice::from_ref(reply_to)));
    }
    if draft.to.is_empty() {
        field(out, "To", &["undisclosed-recipients:;".to_owned()]);
    } else {
        field(out, "To", &mailboxes(&draft.to));
    }
    if !draft.cc.is_empty() {
        field(out, "Cc", &mailboxes(&draft.cc));
    }
    field(out, "Subject", &unstructured(&clip(&one_line(&draft.subject), SUBJECT_CHARS_MAX)));
    field(out, "Message-ID", &[format!("<{mail_id}>")]);
    let answered = draft.in_reply_to.as_deref().and_then(sound_id);
    if let Some(id) = answered {
        field(out, "In-Reply-To", &[format!("<{id}>")]);
    }
    let references = references(draft, answered);
    if !references.is_empty() {
        field(out, "References", &references);
    }
    if let Some(kind) = draft.automatic {
        let submitted = match kind {
            AutomaticKind::Reply => "auto-replied",
            AutomaticKind::Notice => "auto-generated",
        };
        field(out, "Auto-Submitted", &[submitted.to_owned()]);
        field(out, "X-Auto-Response-Suppress", &["All".to_owned()]);
    }
    field(out, "MIME-Version", &["1.0".to_owned()]);
}

/// Writes a field, breaking lines between the pieces of its value.
pub(crate) fn field(out: &mut Vec<u8>, name: &str, pieces: &[String]) {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    let mut length = name.len() + 1;
    for piece in pieces {
        if length + 1 + piece.len() > LINE_MAX && length > name.len() + 1 {
            out.extend_from_slice(b"\r\n");
            length = 0;
        }
        out.push(b' ');
        out.extend_from_slice(piece.as_bytes());
        length += 1 + piece.len();
    }
    out.extend_from_slice(b"\r\n");
}

/// An id that can stand in a header.
pub(crate) fn sound_id(id: &str) -> Option<&str> {
    let is_sound = !id.is_empty()
        && id.len() <= ID_BYTES_MAX
        && id.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>'));
    is_sound.then_some(id)
}

/// An address as it is written to other servers: the domain in the form that every one of them
/// understands.
pub(crate) fn written(address: &EmailAddress) -> String {
    if address.domain().is_ascii() {
        return address.to_string();
    }
    let domain = idna::domain_to_ascii(address.domain());
    format!("{}@{}", address.local(), domain.unwrap_or_else(|_| address.domain().to_owned()))
}

fn date(now: Timestamp) -> String {
    now.in_zone(&TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// The first mail of the conversation and the latest ones: programs need the ends, not the middle.
fn references(draft: &Draft, answered: Option<&str>) -> Vec<String> {
    let mut ids: Vec<&str> = draft.references.iter().filter_map(|id| sound_id(id)).collect();
    if let Some(answered) = answered {
        ids.retain(|id| *id != answered);
        ids.push(answered);
    }
    if ids.len() > REFERENCES_MAX {
        ids.drain(1..=ids.len() - REFERENCES_MAX);
    }
    ids.into_iter().map(|id| format!("<{id}>")).collect()
}

fn mailboxes(parties: &[Party]) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    for party in parties {
        if let Some(last) = pieces.last_mut() {
            last.push(',');
        }
        let address = written(&party.address);
        let name = party.name.as_deref().map(one_line).filter(|name| !name.is_empty());
        match name {
            Some(name) => {
                pieces.extend(phrase(&clip(&name, NAME_CHARS_MAX)));
                pieces.push(format!("<{address}>"));
            }
            None => pieces.push(address),
        }
    }
    pieces
}

/// A name: bare when it is only words, quoted when it is ASCII, encoded otherwise.
fn phrase(name: &str) -> Vec<String> {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_' | '\'');
    if name.chars().all(is_bare) && name.len() <= LINE_MAX {
        return vec![name.to_owned()];
    }
    let is_quotable = name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if is_quotable && name.len() <= 60 && !name.contains("=?") {
        return vec![quoted(name)];
    }
    encoded_words(name)
}

/// A quoted string.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A subject: its words when they are ASCII and short, encoded otherwise.
fn unstructured(text: &str) -> Vec<String> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
        && !text.contains("=?")
        && text.split(' ').all(|word| word.len() < LINE_MAX - 12);
    if is_plain {
        text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    } else {
        encoded_words(text)
    }
}

/// Text in encoded words, cut between characters. A line with encoded words has at most 76
/// characters, the name of its field included.
pub(crate) fn encoded_words(text: &str) -> Vec<String> {
    const BYTES_MAX: usize = 39;
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(rest.floor_char_boundary(BYTES_MAX));
        pieces.push(format!("=?utf-8?B?{}?=", STANDARD.encode(chunk)));
        rest = after;
    }
    pieces
}
