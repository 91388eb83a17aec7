//! The header block, cut into its fields.

use std::borrow::Cow;

use kernel::one_line;

use crate::format::{charset, words};

/// One header field as it was received: the value still folded and encoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'x> {
    pub(crate) name: &'x [u8],
    pub(crate) value: &'x [u8],
}

/// All fields of a header block, in the order in which they stand.
#[derive(Debug, Default)]
pub(crate) struct Header<'x> {
    pub(crate) fields: Vec<Field<'x>>,
    /// Something in the block could be taken for a From field by another reader.
    pub(crate) disguised_from: bool,
    /// The block was longer than allowed; only its beginning was read.
    pub(crate) cut: bool,
}

impl<'x> Header<'x> {
    /// Cuts the block off the front of `bytes`; what is left is the body.
    pub(crate) fn split(bytes: &'x [u8], bytes_max: usize) -> (Self, &'x [u8]) {
        let mut header = Self::default();
        let mut rest = bytes;
        let mut open: Option<(usize, usize)> = None;
        loop {
            let at = bytes.len() - rest.len();
            let (line, after) = next_line(rest);
            let bare = without_break(line);
            let is_first = at == 0;
            if bare.is_empty() || starts_body(bare, is_first, open.is_some()) {
                header.close(bytes, open, at);
                if !bare.is_empty() {
                    header.disguised_from |= hides_from(rest);
                }
                let body = if bare.is_empty() { after } else { rest };
                return (header, body);
            }
            let continues = matches!(bare.first(), Some(b' ' | b'\t')) && open.is_some();
            if !continues {
                header.close(bytes, open, at);
                // An mbox separator is not a field.
                open = (!is_separator(bare, is_first))
                    .then(|| (at, at + memchr::memchr(b':', bare).unwrap_or(bare.len())));
            }
            rest = after;
            if bytes.len() - rest.len() > bytes_max {
                header.cut = true;
                header.close(bytes, open, at + line.len());
                // The blank line may follow at once.
                let before = (at + line.len()).saturating_sub(2);
                return (header, body_after(bytes.get(before..).unwrap_or_default()));
            }
        }
    }

    fn close(&mut self, bytes: &'x [u8], open: Option<(usize, usize)>, end: usize) {
        let Some((start, colon)) = open else { return };
        let name = bytes.get(start..colon).unwrap_or_default();
        let value = bytes.get(colon + 1..end).unwrap_or_default();
        self.disguised_from |= is_disguised_from(name) || hides_behind_bare_cr(value);
        self.fields.push(Field { name: name.trim_ascii_end(), value: without_break(value) });
    }

    /// Every field of this name, from the top.
    pub(crate) fn all<'h>(&'h self, name: &'h str) -> impl Iterator<Item = Field<'x>> + 'h {
        let name = name.as_bytes();
        self.fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).copied()
    }

    /// The topmost field of this name.
    pub(crate) fn find(&self, name: &str) -> Option<Field<'x>> {
        self.all(name).next()
    }

    /// The topmost field of this name as one line of readable text; nothing when it is empty.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.find(name).map(Field::text).filter(|text| !text.is_empty())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }
}

impl<'x> Field<'x> {
    /// The value on one line, not decoded.
    pub(crate) fn unfolded(self) -> Cow<'x, str> {
        if memchr::memchr2(b'\r', b'\n', self.value).is_none() {
            return charset::guess(self.value);
        }
        let joined: Vec<u8> =
            self.value.iter().filter(|byte| !matches!(byte, b'\r' | b'\n')).copied().collect();
        Cow::Owned(charset::guess(&joined).into_owned())
    }

    /// The value as a person reads it: encoded words decoded, on one line.
    pub(crate) fn text(self) -> String {
        one_line(&words::decode(&self.unfolded()))
    }
}

/// The first line with its break, and the rest.
pub(crate) fn next_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\n', bytes) {
        Some(at) => bytes.split_at(at + 1),
        None => (bytes, &[]),
    }
}

/// A line without the break at its end.
pub(crate) fn without_break(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether a line cannot belong to a header block: it names no field and continues none. Mail
/// without a blank line under its header is like that, and mail without any header.
fn starts_body(bare: &[u8], is_first: bool, has_open: bool) -> bool {
    if matches!(bare.first(), Some(b' ' | b'\t')) {
        return !has_open;
    }
    if is_separator(bare, is_first) {
        return false;
    }
    let Some(colon) = memchr::memchr(b':', bare) else { return true };
    let name = bare.get(..colon).unwrap_or_default().trim_ascii_end();
    name.is_empty() || name.contains(&b' ') && !is_disguised_from(name)
}

/// `From dana@customer.example Tue Nov 17 09:02:00 2026`, as mbox files begin a mail. What only
/// resembles it is a field in disguise.
fn is_separator(bare: &[u8], is_first: bool) -> bool {
    let rest = bare.strip_prefix(b"From ").or_else(|| bare.strip_prefix(b">From "));
    let Some(rest) = rest.filter(|_| is_first) else { return false };
    let mut words = rest.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let sender = words.next().unwrap_or_default();
    let day = words.next().unwrap_or_default();
    let days: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
    !sender.ends_with(b":") && days.contains(&day)
}

/// Whether a name is not `From`, but could be taken for it by a reader who skips blanks, control
/// characters or what it cannot decode, or who stops at a blank.
fn is_disguised_from(name: &[u8]) -> bool {
    if name.eq_ignore_ascii_case(b"from") {
        return false;
    }
    let is_from = |bytes: &[u8]| {
        let letters = bytes.iter().filter(|byte| byte.is_ascii_graphic()).take(5);
        letters.map(u8::to_ascii_lowercase).eq(*b"from")
    };
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let first_word = name.split(is_blank).find(|word| !word.is_empty());
    is_from(name) || first_word.is_some_and(is_from)
}

/// Some readers take a bare CR for a line break and find a field behind it.
fn hides_behind_bare_cr(value: &[u8]) -> bool {
    memchr::memchr_iter(b'\r', value).any(|at| {
        let after = value.get(at + 1..).unwrap_or_default();
        !after.starts_with(b"\n") && names_from(after)
    })
}

/// Whether a From field follows after the line at which this reader stopped.
fn hides_from(rest: &[u8]) -> bool {
    rest.split(|byte| *byte == b'\n')
        .map(without_break)
        .take_while(|line| !line.is_empty())
        .take(200)
        .any(names_from)
}

fn names_from(line: &[u8]) -> bool {
    let name = memchr::memchr(b':', line).and_then(|colon| line.get(..colon));
    name.is_some_and(|name| name.eq_ignore_ascii_case(b"from") || is_disguised_from(name))
}

/// Where the body begins when the header was too long to be read.
fn body_after(rest: &[u8]) -> &[u8] {
    let crlf = memchr::memmem::find(rest, b"\r\n\r\n").map(|at| at + 4);
    let lf = memchr::memmem::find(rest, b"\n\n").map(|at| at + 2);
    let at = match (crlf, lf) {
        (Some(crlf), Some(lf)) => crlf.min(lf),
        (one, other) => one.or(other).unwrap_or(rest.len()),
    };
    rest.get(at..).unwrap_or_default()
}
