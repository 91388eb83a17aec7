//! The body of a mail: text, HTML, what the HTML shows, files.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::hex;
use sha2::{Digest, Sha256};

use crate::compose::fields::{encoded_words, field, quoted};
use crate::compose::{Attached, Draft, sound_type};
use crate::reading::clean_file_name;

/// A part with its header fields.
struct Part {
    fields: Vec<(&'static str, Vec<String>)>,
    body: Vec<u8>,
}

/// Writes the fields that describe the body, and the body.
pub(crate) fn write(out: &mut Vec<u8>, draft: &Draft, mail_id: &str) {
    let part = whole(draft, mail_id);
    part.write(out);
}

/// `mixed(related(alternative(text, html), pictures), files)`, each layer only if there is need.
fn whole(draft: &Draft, mail_id: &str) -> Part {
    let mut boundaries = Boundaries { mail_id, count: 0 };
    let (shown, files): (Vec<&Attached>, Vec<&Attached>) = draft
        .attachments
        .iter()
        .partition(|attached| draft.html.is_some() && attached.content_id.is_some());
    let text = text_part("plain", &draft.text);
    let mut part = match &draft.html {
        Some(html) => {
            let html = text_part("html", html);
            multipart("alternative", vec![text, html], &mut boundaries)
        }
        None => text,
    };
    if !shown.is_empty() {
        let pictures = shown.into_iter().map(file_part);
        let parts = std::iter::once(part).chain(pictures).collect();
        part = multipart("related", parts, &mut boundaries);
    }
    if !files.is_empty() {
        let files = files.into_iter().map(file_part);
        let parts = std::iter::once(part).chain(files).collect();
        part = multipart("mixed", parts, &mut boundaries);
    }
    part
}

impl Part {
    fn write(&self, out: &mut Vec<u8>) {
        for (name, pieces) in &self.fields {
            field(out, name, pieces);
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
    }
}

/// Boundaries nobody can guess who does not know the mail, and no encoding produces.
struct Boundaries<'x> {
    mail_id: &'x str,
    count: u8,
}

const BOUNDARY_PREFIX: &str = "=_rc_";

impl Boundaries<'_> {
    fn next(&mut self) -> String {
        self.count += 1;
        let mut hash = Sha256::new();
        hash.update([self.count]);
        hash.update(self.mail_id.as_bytes());
        let digest = hash.finalize();
        let name = digest.first_chunk::<12>().map(|start| hex(start)).unwrap_or_default();
        format!("{BOUNDARY_PREFIX}{name}")
    }
}

fn multipart(kind: &str, parts: Vec<Part>, boundaries: &mut Boundaries<'_>) -> Part {
    let boundary = boundaries.next();
    let mut body = Vec::new();
    for part in parts {
        body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        part.write(&mut body);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let pieces = vec![format!("multipart/{kind};"), format!("boundary=\"{boundary}\"")];
    Part { fields: vec![("Content-Type", pieces)], body }
}

fn text_part(kind: &str, text: &str) -> Part {
    let text = tidy(text);
    let (encoding, body) = encode(&text);
    let pieces = vec![format!("text/{kind};"), "charset=utf-8".to_owned()];
    Part {
        fields: vec![
            ("Content-Type", pieces),
            ("Content-Transfer-Encoding", vec![encoding.to_owned()]),
        ],
        body,
    }
}

/// Line ends as CRLF, no control characters, a line end at the end.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 40 + 2);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\n' => out.push_str("\r\n"),
            '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    if !out.ends_with('\n') {
        out.push_str("\r\n");
    }
    out
}

/// As it is when every server passes that on unchanged; readable when it is mostly ASCII; base64
/// otherwise.
fn encode(text: &str) -> (&'static str, Vec<u8>) {
    let is_safe = |line: &str| {
        line.len() <= 900 && !line.starts_with("From ") && !line.contains(BOUNDARY_PREFIX)
    };
    if text.is_ascii() && text.lines().all(is_safe) {
        return ("7bit", text.as_bytes().to_vec());
    }
    let beyond = text.bytes().filter(|byte| !byte.is_ascii()).count();
    if beyond * 3 < text.len() {
        ("quoted-printable", quoted_printable(text))
    } else {
        ("base64", base64_lines(text.as_bytes()))
    }
}

fn quoted_printable(text: &str) -> Vec<u8> {
    const LINE_MAX: usize = 75;
    let mut out = Vec::with_capacity(text.len() + text.len() / 4);
    for line in text.split_inclusive("\r\n") {
        let (content, end) = match line.strip_suffix("\r\n") {
            Some(content) => (content, true),
            None => (line, false),
        };
        let mut length = 0;
        let last = content.len().saturating_sub(1);
        for (at, byte) in content.bytes().enumerate() {
            let is_blank_at_end = at == last && matches!(byte, b' ' | b'\t');
            // Some servers put `>` before a line that begins with “From ”.
            let is_from = at == 0 && content.starts_with("From ");
            let is_plain = matches!(byte, b' ' | b'\t' | b'!'..=b'<' | b'>'..=b'~');
            let width = if is_plain && !is_blank_at_end && !is_from { 1 } else { 3 };
            if length + width > LINE_MAX {
                out.extend_from_slice(b"=\r\n");
                length = 0;
            }
            if width == 1 {
                out.push(byte);
            } else {
                out.extend_from_slice(format!("={byte:02X}").as_bytes());
            }
            length += width;
        }
        if end {
            out.extend_from_slice(b"\r\n");
        }
    }
    out
}

fn base64_lines(bytes: &[u8]) -> Vec<u8> {
    const BYTES_A_LINE: usize = 57;
    let mut out = Vec::with_capacity(bytes.len() / 3 * 4 + bytes.len() / BYTES_A_LINE * 2 + 8);
    for line in bytes.chunks(BYTES_A_LINE) {
        out.extend_from_slice(STANDARD.encode(line).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn file_part(attached: &Attached) -> Part {
    let name = clean_file_name(&attached.name);
    let mut content_type = vec![format!("{};", sound_type(&attached.content_type))];
    content_type.extend(name_for_old_programs(&name));
    let content_id = attached.content_id.as_deref().and_then(crate::compose::fields::sound_id);
    let disposition = if content_id.is_some() { "inline;" } else { "attachment;" };
    let mut pieces = vec![disposition.to_owned()];
    pieces.extend(file_name_parameter(&name));
    let mut fields = vec![
        ("Content-Type", content_type),
        ("Content-Disposition", pieces),
        ("Content-Transfer-Encoding", vec!["base64".to_owned()]),
    ];
    if let Some(id) = content_id {
        fields.push(("Content-ID", vec![format!("<{id}>")]));
    }
    Part { fields, body: base64_lines(&attached.bytes) }
}

fn is_simple(name: &str) -> bool {
    name.len() <= 60 && name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

/// `name=` is where programs looked before there was a standard for letters beyond ASCII.
fn name_for_old_programs(name: &str) -> Vec<String> {
    if is_simple(name) {
        return vec![format!("name={}", quoted(name))];
    }
    let words = encoded_words(name);
    let last = words.len().saturating_sub(1);
    let opened = words.into_iter().enumerate().map(|(at, word)| {
        let open = if at == 0 { "name=\"" } else { "" };
        let close = if at == last { "\"" } else { "" };
        format!("{open}{word}{close}")
    });
    opened.collect()
}

/// `filename=`, in pieces when it is long or not ASCII (RFC 2231).
fn file_name_parameter(name: &str) -> Vec<String> {
    const PIECE_MAX: usize = 50;
    if is_simple(name) {
        return vec![format!("filename={}", quoted(name))];
    }
    let mut pieces: Vec<String> = vec![String::new()];
    for byte in name.bytes() {
        let encoded = if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        };
        if pieces.last().is_some_and(|piece| piece.len() + encoded.len() > PIECE_MAX) {
            pieces.push(String::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push_str(&encoded);
        }
    }
    if let [only] = pieces.as_slice() {
        return vec![format!("filename*=utf-8''{only}")];
    }
    let last = pieces.len() - 1;
    let numbered = pieces.into_iter().enumerate().map(|(at, piece)| {
        let charset = if at == 0 { "utf-8''" } else { "" };
        let end = if at == last { "" } else { ";" };
        format!("filename*{at}*={charset}{piece}{end}")
    });
    numbered.collect()
}
