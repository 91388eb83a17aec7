//! From parts to what is shown: one text, one HTML, and files.

use kernel::clip;

use crate::Deadline;
use crate::format::charset::{self, Label};
use crate::format::content_type::Value;
use crate::format::header::Header;
use crate::format::parts::Leaf;
use crate::format::{ids, transfer};
use crate::html;
use crate::reading::remark::Remark;
use crate::reading::{file_name, flowed};

/// A file that came with a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub name: String,
    /// What the mail says it is. Not to be believed when it is served.
    pub declared_type: String,
    pub bytes: Vec<u8>,
    /// Its name inside the HTML, without brackets.
    pub content_id: Option<String>,
    /// The HTML shows it, so it need not be listed.
    pub inline: bool,
}

pub(crate) struct Content {
    pub(crate) text: String,
    pub(crate) html: Option<String>,
    pub(crate) files: Vec<File>,
}

/// A stretch of the body: what stands there, in one form or two.
#[derive(Default)]
struct Segment {
    among: Option<usize>,
    plain: Option<String>,
    html: Option<String>,
}

/// Gathers what the parts hold, as far as there is time for it.
pub(crate) fn gather(
    leaves: &[Leaf<'_>],
    remarks: &mut Vec<Remark>,
    deadline: &Deadline,
) -> Content {
    let mut segments: Vec<Segment> = Vec::new();
    let mut files = Vec::new();
    let is_only = leaves.len() == 1;
    for leaf in leaves {
        if deadline.is_over() {
            break;
        }
        let disposition = Value::of(&leaf.header, "Content-Disposition").unwrap_or_default();
        if is_body(leaf, &disposition, is_only) {
            let text = text_of(leaf, remarks);
            place(&mut segments, leaf, text);
        } else if !is_other_form(leaf) {
            files.push(file(leaf, &disposition, remarks));
        }
    }
    let html = whole_html(&segments);
    if let Some(html) = &html {
        let shown = html::content_ids(html);
        for file in &mut files {
            file.inline = file.content_id.as_ref().is_some_and(|id| shown.contains(id));
        }
    }
    let in_time = segments.into_iter().take_while(|_| !deadline.is_over());
    let texts: Vec<String> = in_time.map(Segment::text).collect();
    let texts: Vec<&str> =
        texts.iter().map(|text| text.trim_end()).filter(|text| !text.is_empty()).collect();
    Content { text: texts.join("\n\n"), html, files }
}

/// The beginning of a body that is too large to be understood.
pub(crate) fn beginning(body: &[u8]) -> String {
    const BYTES_SHOWN: usize = 64 * 1024;
    tidy(&charset::guess(body.get(..BYTES_SHOWN).unwrap_or(body)))
}

fn is_body(leaf: &Leaf<'_>, disposition: &Value, is_only: bool) -> bool {
    let is_shown =
        matches!(leaf.kind.kind.as_str(), "text/plain" | "text/html" | "text" | "text/markdown");
    if !is_shown || disposition.is("attachment") {
        return false;
    }
    let has_name = disposition.parameter("filename").or(leaf.kind.parameter("name")).is_some();
    is_only || !has_name || leaf.choice.is_some()
}

/// Another form of what is shown already, for programs that we are not.
fn is_other_form(leaf: &Leaf<'_>) -> bool {
    let kind = leaf.kind.kind.as_str();
    leaf.choice.is_some()
        && matches!(kind, "text/x-amp-html" | "text/watch-html" | "text/enriched" | "text/richtext")
}

fn place(segments: &mut Vec<Segment>, leaf: &Leaf<'_>, text: String) {
    let among = leaf.choice.map(|choice| choice.among);
    let open = segments.iter().rposition(|segment| among.is_some() && segment.among == among);
    let index = open.unwrap_or_else(|| {
        segments.push(Segment { among, ..Segment::default() });
        segments.len() - 1
    });
    let Some(segment) = segments.get_mut(index) else { return };
    let form = if leaf.kind.is("text/html") { &mut segment.html } else { &mut segment.plain };
    match form {
        Some(earlier) => {
            earlier.push('\n');
            earlier.push_str(&text);
        }
        None => *form = Some(text),
    }
}

impl Segment {
    fn text(self) -> String {
        match (self.plain, self.html) {
            (Some(plain), Some(html)) if is_stub(&plain) => {
                let text = html::to_text(&html);
                if text.len() > plain.len() { text } else { plain }
            }
            (Some(plain), _) => plain,
            (None, Some(html)) => html::to_text(&html),
            (None, None) => String::new(),
        }
    }
}

/// “Your program cannot show HTML” and the like: nothing that was meant to be read.
fn is_stub(plain: &str) -> bool {
    let plain = plain.trim();
    plain.is_empty() || plain.len() < 250 && plain.to_ascii_lowercase().contains("html")
}

/// All HTML of the mail in one; text between goes in as text.
fn whole_html(segments: &[Segment]) -> Option<String> {
    let has_html = segments.iter().any(|segment| segment.html.is_some());
    has_html.then(|| {
        let mut whole = String::new();
        for segment in segments {
            if !whole.is_empty() {
                whole.push_str("<br>\n");
            }
            match (&segment.html, &segment.plain) {
                (Some(html), _) => whole.push_str(html),
                (None, Some(plain)) => whole.push_str(&html::escape(plain)),
                (None, None) => {}
            }
        }
        whole
    })
}

fn text_of(leaf: &Leaf<'_>, remarks: &mut Vec<Remark>) -> String {
    let (bytes, damaged) = transfer::decode(leaf.body, leaf.encoding());
    remark(remarks, damaged, || Remark::Damaged);
    let label = leaf.kind.parameter("charset");
    let (text, how) = charset::decode(&bytes, label);
    match how {
        Label::Right => {}
        Label::Wrong => remark(remarks, true, || Remark::CharsetWrong),
        Label::Unknown => {
            remark(remarks, true, || Remark::CharsetUnknown(clip(label.unwrap_or_default(), 40)));
        }
    }
    let text = tidy(&text);
    let is_flowed = leaf.kind.is("text/plain")
        && leaf
            .kind
            .parameter("format")
            .is_some_and(|format| format.eq_ignore_ascii_case("flowed"));
    if is_flowed {
        let delete_space =
            leaf.kind.parameter("delsp").is_some_and(|value| value.eq_ignore_ascii_case("yes"));
        flowed::unflow(&text, delete_space)
    } else {
        text
    }
}

fn remark(remarks: &mut Vec<Remark>, applies: bool, make: impl FnOnce() -> Remark) {
    if applies {
        let remark = make();
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    }
}

/// Line ends as `\n`, control characters gone.
fn tidy(text: &str) -> String {
    // What may have to go: controls, and the first bytes of the longer characters among them.
    let is_suspect =
        |byte: u8| byte < b' ' && byte != b'\t' || matches!(byte, 0x7f | 0xc2 | 0xe2 | 0xef);
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (content, end) = match line.strip_suffix('\n') {
            Some(content) => (content.strip_suffix('\r').unwrap_or(content), "\n"),
            None => (line, ""),
        };
        if content.bytes().any(is_suspect) {
            tidy_line(content, &mut out);
        } else {
            out.push_str(content);
        }
        out.push_str(end);
    }
    out
}

fn tidy_line(line: &str, out: &mut String) {
    for c in line.chars() {
        match c {
            '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            '\t' => out.push(c),
            '\u{feff}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
}

fn file(leaf: &Leaf<'_>, disposition: &Value, remarks: &mut Vec<Remark>) -> File {
    let (bytes, damaged) = transfer::decode(leaf.body, leaf.encoding());
    remark(remarks, damaged, || Remark::Damaged);
    let kind = leaf.kind.kind.clone();
    let named = disposition.parameter("filename").or(leaf.kind.parameter("name"));
    let name = match named {
        Some(name) => file_name::clean_file_name(name),
        None if matches!(kind.as_str(), "message/rfc822" | "message/global") => mail_name(&bytes),
        None => file_name::for_type(&kind),
    };
    let content_id = leaf.header.find("Content-ID").and_then(|field| {
        let value = field.unfolded();
        ids::ids(&value).into_iter().next().or_else(|| ids::clean(&value))
    });
    File { name, declared_type: kind, bytes, content_id, inline: false }
}

/// A forwarded mail is called by its subject.
fn mail_name(bytes: &[u8]) -> String {
    const HEADER_BYTES_MAX: usize = 16 * 1024;
    let (header, _) = Header::split(bytes, HEADER_BYTES_MAX);
    match header.text("Subject") {
        Some(subject) => {
            let subject = clip(&subject, 80).replace(['/', '\\'], "-");
            file_name::clean_file_name(&format!("{subject}.eml"))
        }
        None => file_name::for_type("message/rfc822"),
    }
}
