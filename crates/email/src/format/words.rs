//! Encoded words: text beyond ASCII in header fields (RFC 2047).

use crate::format::{charset, transfer};

/// The text of a header value with its encoded words read.
///
/// Neighbours in the same character set are put together before they are read, because programs
/// cut them in the middle of a character.
pub(crate) fn decode(value: &str) -> String {
    if !value.contains("=?") {
        return value.to_owned();
    }
    let mut text = String::with_capacity(value.len());
    let mut held: Option<(&str, Vec<u8>)> = None;
    let mut rest = value;
    while let Some(at) = rest.find("=?") {
        let (before, from) = rest.split_at(at);
        let Some((word, after)) = Word::parse(from) else {
            release(&mut text, &mut held);
            text.push_str(before);
            text.push_str("=?");
            rest = from.get(2..).unwrap_or_default();
            continue;
        };
        if held.is_none() || !before.trim().is_empty() {
            release(&mut text, &mut held);
            text.push_str(before);
        }
        match &mut held {
            Some((charset, bytes))
                if charset.eq_ignore_ascii_case(word.charset) && !is_shifted(charset) =>
            {
                bytes.extend_from_slice(&word.bytes);
            }
            _ => {
                release(&mut text, &mut held);
                held = Some((word.charset, word.bytes));
            }
        }
        rest = after;
    }
    release(&mut text, &mut held);
    text.push_str(rest);
    text
}

/// Sets that shift between alphabets begin anew in every word.
fn is_shifted(charset: &str) -> bool {
    charset.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("iso-2022"))
}

fn release(text: &mut String, held: &mut Option<(&str, Vec<u8>)>) {
    if let Some((charset, bytes)) = held.take() {
        text.push_str(&charset::decode(&bytes, Some(charset)).0);
    }
}

/// RFC 2047 allows 75; some programs put a whole subject into one word.
const WORD_BYTES_MAX: usize = 4 * 1024;

struct Word<'x> {
    charset: &'x str,
    bytes: Vec<u8>,
}

impl<'x> Word<'x> {
    /// Reads `=?charset*language?B?text?=` from the beginning of `from`.
    fn parse(from: &'x str) -> Option<(Self, &'x str)> {
        let (charset, rest) = from.strip_prefix("=?")?.split_once('?')?;
        let (encoding, rest) = rest.split_once('?')?;
        let window = rest.get(..rest.floor_char_boundary(WORD_BYTES_MAX)).unwrap_or(rest);
        let (encoded, _) = window.split_once("?=")?;
        let after = rest.get(encoded.len() + 2..)?;
        let is_token = |text: &str| {
            !text.is_empty() && text.len() <= 60 && text.chars().all(|c| c.is_ascii_graphic())
        };
        if !is_token(charset) {
            return None;
        }
        let charset = charset.split_once('*').map_or(charset, |(charset, _)| charset);
        let bytes = match encoding {
            "B" | "b" => transfer::base64(encoded.as_bytes()).0,
            "Q" | "q" => transfer::quoted_printable(encoded.replace('_', " ").as_bytes()),
            _ => return None,
        };
        Some((Self { charset, bytes }, after))
    }
}
