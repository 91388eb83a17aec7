//! Base64 and quoted-printable, read as generously as mail programs write them.

use crate::format::content_type::Encoding;

/// The bytes behind a transfer encoding, and whether some of it was not what it claimed to be.
pub(crate) fn decode(encoded: &[u8], encoding: Encoding) -> (Vec<u8>, bool) {
    match encoding {
        Encoding::Plain => (encoded.to_vec(), false),
        // Text that was never encoded, whatever its label says.
        Encoding::Base64 if has_words(encoded) => (encoded.to_vec(), true),
        Encoding::Base64 => base64(encoded),
        Encoding::QuotedPrintable => (quoted_printable(encoded), false),
    }
}

/// Encoded lines have no blanks in them, and words of people are short.
fn has_words(encoded: &[u8]) -> bool {
    const BYTES_LOOKED_AT: usize = 4096;
    let sample = encoded.get(..BYTES_LOOKED_AT).unwrap_or(encoded);
    let words = sample.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count();
    words >= 4 && sample.len() / words < 9
}

/// Base64 with whatever does not belong to it skipped. Padding in the middle starts anew: some
/// programs glue encoded pieces together.
pub(crate) fn base64(encoded: &[u8]) -> (Vec<u8>, bool) {
    let mut plain = Vec::with_capacity(encoded.len() / 4 * 3 + 3);
    let mut held: u32 = 0;
    let mut sextets = 0_u8;
    let mut junk = 0_usize;
    for byte in encoded {
        let sextet = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => {
                flush(&mut plain, held, sextets);
                (held, sextets) = (0, 0);
                continue;
            }
            b'\r' | b'\n' | b' ' | b'\t' => continue,
            _ => {
                junk += 1;
                continue;
            }
        };
        held = (held << 6) | u32::from(sextet);
        sextets += 1;
        if sextets == 4 {
            let [_, first, second, third] = held.to_be_bytes();
            plain.extend_from_slice(&[first, second, third]);
            (held, sextets) = (0, 0);
        }
    }
    flush(&mut plain, held, sextets);
    (plain, junk * 20 > encoded.len())
}

fn flush(plain: &mut Vec<u8>, held: u32, sextets: u8) {
    if sextets >= 2 {
        let shift = 24 - 6 * u32::from(sextets);
        let [_, first, second, _] = (held << shift).to_be_bytes();
        plain.push(first);
        if sextets == 3 {
            plain.push(second);
        }
    }
}

/// Quoted-printable; an `=` that starts nothing stays as it is.
pub(crate) fn quoted_printable(encoded: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some(at) = memchr::memchr(b'=', rest) {
        let (before, after) = rest.split_at(at);
        plain.extend_from_slice(before);
        let after = after.get(1..).unwrap_or_default();
        if let [high, low, tail @ ..] = after
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            plain.push(high * 16 + low);
            rest = tail;
        } else if let Some(tail) = soft_break(after) {
            rest = tail;
        } else {
            plain.push(b'=');
            rest = after;
        }
    }
    plain.extend_from_slice(rest);
    plain
}

/// What follows a line break that only the encoding put there.
fn soft_break(after: &[u8]) -> Option<&[u8]> {
    let blanks = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    match after.get(blanks..)? {
        [b'\r', b'\n', tail @ ..] | [b'\n', tail @ ..] => Some(tail),
        [] => Some(&[]),
        _ => None,
    }
}

/// The value of one hexadecimal digit.
pub(crate) fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}
