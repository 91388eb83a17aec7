//! Bytes to text when the label may be missing, unknown or wrong.

use std::borrow::Cow;

use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, WINDOWS_1252};
use mail_parser::decoders::charsets::map::charset_decoder;

/// How much the label helped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    /// The text is in the character set that the label named, or that plain mail has.
    Right,
    /// The label named a character set that nobody knows.
    Unknown,
    /// The bytes are not in the character set that the label named; the text is a guess.
    Wrong,
}

/// The text of `bytes` as labelled, or the best guess.
pub(crate) fn decode(bytes: &[u8], label: Option<&str>) -> (String, Label) {
    let label = label.map(|label| label.trim().trim_matches(['"', '\'']).trim());
    let Some(label) = label.filter(|label| !label.is_empty()) else {
        return (guess(bytes).into_owned(), Label::Right);
    };
    match Encoding::for_label(label.as_bytes()) {
        Some(encoding) if encoding == UTF_8 => decode_utf8(bytes),
        // Everybody labels as Latin-1 whatever they have; UTF-8 in disguise gives itself away.
        Some(encoding) if encoding == WINDOWS_1252 => match std::str::from_utf8(bytes) {
            Ok(text) if text.is_ascii() => (text.to_owned(), Label::Right),
            Ok(text) => (text.to_owned(), Label::Wrong),
            Err(_) => (encoding.decode(bytes).0.into_owned(), Label::Right),
        },
        // "replacement" is what browsers make of sets that they refuse; HZ and ISO-2022-KR among
        // them hold text all the same, mostly ASCII.
        Some(encoding) if encoding != encoding_rs::REPLACEMENT => {
            let (text, _, had_errors) = encoding.decode(bytes);
            (text.into_owned(), if had_errors { Label::Wrong } else { Label::Right })
        }
        Some(_) | None => match charset_decoder(label.as_bytes()) {
            // Its own "replacement" decoder shows nothing at all.
            Some(decoder) if !is_refused_by_browsers(label) => (decoder(bytes), Label::Right),
            Some(_) | None => (guess(bytes).into_owned(), Label::Unknown),
        },
    }
}

/// The text of bytes that nobody labelled.
pub(crate) fn guess(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !has_shifts(bytes) => Cow::Borrowed(text),
        Ok(_) => ISO_2022_JP.decode(bytes).0,
        Err(_) => WINDOWS_1252.decode(bytes).0,
    }
}

/// Text cut in the middle of a character stays UTF-8; text that has more broken characters than
/// whole ones never was.
fn decode_utf8(bytes: &[u8]) -> (String, Label) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        return (text.to_owned(), Label::Right);
    }
    let lossy = String::from_utf8_lossy(bytes);
    let broken = lossy.chars().filter(|c| *c == '\u{fffd}').count();
    let whole = lossy.chars().filter(|c| !c.is_ascii() && *c != '\u{fffd}').count();
    if whole >= broken {
        (lossy.into_owned(), Label::Wrong)
    } else {
        (WINDOWS_1252.decode(bytes).0.into_owned(), Label::Wrong)
    }
}

fn has_shifts(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, b"\x1b$").is_some()
}

fn is_refused_by_browsers(label: &str) -> bool {
    Encoding::for_label(label.as_bytes()) == Some(encoding_rs::REPLACEMENT)
}
