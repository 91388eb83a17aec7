//! Folder names: the protocol's own form of UTF-7 (RFC 3501, 5.1.3), and quoting.

use base64::Engine;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

const BASE64: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);

/// A name as the protocol writes it.
pub(crate) fn encode(name: &str) -> String {
    let mut out = String::new();
    let mut held: Vec<u8> = Vec::new();
    let release = |out: &mut String, held: &mut Vec<u8>| {
        if !held.is_empty() {
            out.push('&');
            out.push_str(&BASE64.encode(std::mem::take(held)));
            out.push('-');
        }
    };
    for c in name.chars() {
        if matches!(c, ' '..='~') {
            release(&mut out, &mut held);
            out.push(c);
            if c == '&' {
                out.push('-');
            }
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                held.extend_from_slice(&unit.to_be_bytes());
            }
        }
    }
    release(&mut out, &mut held);
    out
}

/// A name as people read it. What is not in the form stays as it is.
pub(crate) fn decode(name: &str) -> String {
    let mut out = String::new();
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let Some((inner, tail)) = after.split_once('-') else {
            rest = after;
            out.push('&');
            continue;
        };
        if let Some(text) = decoded(inner) {
            out.push_str(&text);
        } else {
            out.push('&');
            out.push_str(inner);
            out.push('-');
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

fn decoded(inner: &str) -> Option<String> {
    if inner.is_empty() {
        return Some("&".to_owned());
    }
    let bytes = BASE64.decode(inner).ok()?;
    let units: Vec<u16> = bytes
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        })
        .collect::<Option<_>>()?;
    String::from_utf16(&units).ok()
}

/// A quoted string. Line breaks and NUL cannot be quoted and are left out.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars().filter(|c| !matches!(c, '\r' | '\n' | '\0')) {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}
