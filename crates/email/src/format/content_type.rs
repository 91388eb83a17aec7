//! What a part says it is: `Content-Type`, `Content-Disposition`, `Content-Transfer-Encoding`.

use std::collections::BTreeMap;

use crate::format::header::Header;
use crate::format::{charset, transfer, words};

/// How the bytes of a part were made fit for transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Plain,
    Base64,
    QuotedPrintable,
}

/// A structured value: `type/subtype; name=value`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Value {
    /// Lower case, without blanks.
    pub(crate) kind: String,
    parameters: BTreeMap<String, String>,
}

/// Parameters beyond this are ignored; real mail has five.
const PARAMETERS_MAX: usize = 64;

impl Value {
    pub(crate) fn of(header: &Header<'_>, name: &str) -> Option<Self> {
        header.find(name).map(|field| Self::parse(&field.unfolded()))
    }

    pub(crate) fn parse(value: &str) -> Self {
        let mut pieces = Pieces(value);
        let kind = pieces.next().map(|piece| piece.raw).unwrap_or_default();
        let kind: String = kind
            .chars()
            .filter(|c| !c.is_whitespace() && !c.is_control())
            .flat_map(char::to_lowercase)
            .collect();
        let mut found: BTreeMap<String, Vec<(u32, bool, String)>> = BTreeMap::new();
        for piece in pieces.take(PARAMETERS_MAX) {
            let Some((name, value)) = piece.raw.split_once('=') else { continue };
            let name = name.trim().to_lowercase();
            let value = unquote(value.trim());
            let (base, place, is_encoded) = extended_name(&name);
            found.entry(base.to_owned()).or_default().push((place, is_encoded, value));
        }
        let parameters =
            found.into_iter().map(|(name, pieces)| (name, join_pieces(pieces))).collect();
        Self { kind, parameters }
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// What stands before the slash.
    pub(crate) fn main(&self) -> &str {
        self.kind.split_once('/').map_or(self.kind.as_str(), |(main, _)| main)
    }

    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }
}

pub(crate) fn encoding_of(header: &Header<'_>) -> Encoding {
    let Some(field) = header.find("Content-Transfer-Encoding") else { return Encoding::Plain };
    let value = field.unfolded().to_ascii_lowercase();
    if value.contains("base64") {
        Encoding::Base64
    } else if value.contains("quoted-printable") {
        Encoding::QuotedPrintable
    } else {
        Encoding::Plain
    }
}

struct Piece<'x> {
    raw: &'x str,
}

/// Cuts at semicolons outside quotes.
struct Pieces<'x>(&'x str);

impl<'x> Iterator for Pieces<'x> {
    type Item = Piece<'x>;

    fn next(&mut self) -> Option<Piece<'x>> {
        if self.0.is_empty() {
            return None;
        }
        let (mut quoted, mut escaped) = (false, false);
        let end = self.0.find(|c| {
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = quoted;
            } else if c == '"' {
                quoted = !quoted;
            } else {
                return c == ';' && !quoted;
            }
            false
        });
        // A quote that never ends swallows the rest; cut without quotes then.
        let end = end.or_else(|| if quoted { self.0.find(';') } else { None });
        let (raw, rest) = end.map_or((self.0, ""), |end| self.0.split_at(end));
        self.0 = rest.get(1..).unwrap_or_default();
        Some(Piece { raw })
    }
}

fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else {
        // A comment may follow a bare value.
        let bare = value.split_once(" (").map_or(value, |(bare, _)| bare);
        return bare.trim_end_matches('"').to_owned();
    };
    let mut text = String::with_capacity(inner.len());
    let mut escaped = false;
    for c in inner.chars() {
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => break,
            _ => {
                // Windows paths are quoted wrongly more often than anything else is quoted rightly.
                if escaped && c != '"' && c != '\\' {
                    text.push('\\');
                }
                text.push(c);
                escaped = false;
            }
        }
    }
    text
}

/// `filename*1*` is the second piece of `filename`, percent-encoded (RFC 2231).
fn extended_name(name: &str) -> (&str, u32, bool) {
    let Some((base, rest)) = name.split_once('*') else { return (name, 0, false) };
    let is_encoded = rest.is_empty() || rest.ends_with('*');
    // The extended form goes before a plain one of the same name.
    let place =
        rest.trim_end_matches('*').parse::<u32>().map_or(1, |place| place.saturating_add(1));
    (base, place, is_encoded)
}

/// The whole value: the pieces in order, their bytes joined before they are read as text, because
/// programs cut in the middle of a character.
fn join_pieces(mut pieces: Vec<(u32, bool, String)>) -> String {
    let has_extended = pieces.iter().any(|(place, ..)| *place > 0);
    if !has_extended {
        let plain = pieces.into_iter().next().map(|(_, _, value)| value).unwrap_or_default();
        return words::decode(&plain);
    }
    pieces.retain(|(place, ..)| *place > 0);
    pieces.sort_by_key(|(place, ..)| *place);
    let mut label = None;
    let mut bytes = Vec::new();
    for (index, (_, is_encoded, value)) in pieces.iter().enumerate() {
        let mut value = value.as_str();
        if index == 0
            && *is_encoded
            && let Some((charset, rest)) = value.split_once('\'')
            && let Some((_, rest)) = rest.split_once('\'')
        {
            label = Some(charset);
            value = rest;
        }
        if *is_encoded {
            percent_decode(value, &mut bytes);
        } else {
            bytes.extend_from_slice(value.as_bytes());
        }
    }
    charset::decode(&bytes, label).0
}

fn percent_decode(value: &str, bytes: &mut Vec<u8>) {
    let mut rest = value.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        if let (b'%', [high, low, after @ ..]) = (first, tail)
            && let (Some(high), Some(low)) = (transfer::hex(*high), transfer::hex(*low))
        {
            bytes.push(high * 16 + low);
            rest = after;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
}
