//! The tree of parts, walked without recursion and within a budget.

use crate::Deadline;
use crate::format::content_type::{Encoding, Value, encoding_of};
use crate::format::header::{Header, next_line, without_break};

/// A part that holds content. Its bytes are still encoded for transport.
#[derive(Debug)]
pub(crate) struct Leaf<'x> {
    pub(crate) header: Header<'x>,
    pub(crate) kind: Value,
    pub(crate) body: &'x [u8],
    /// The `multipart/alternative` that it is a choice of, by number, and which choice.
    pub(crate) choice: Option<Choice>,
}

/// A place among alternatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) among: usize,
    pub(crate) number: usize,
}

/// How many parts, how deep, how much header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) parts_max: usize,
    pub(crate) nesting_max: usize,
    pub(crate) header_bytes_max: usize,
}

/// The leaves in the order in which they stand, and what was wrong with the tree.
#[derive(Debug, Default)]
pub(crate) struct Parts<'x> {
    pub(crate) leaves: Vec<Leaf<'x>>,
    pub(crate) too_many: bool,
    pub(crate) too_deep: bool,
    pub(crate) unfinished: bool,
}

struct Pending<'x> {
    header: Header<'x>,
    body: &'x [u8],
    depth: usize,
    choice: Option<Choice>,
    in_digest: bool,
}

impl<'x> Parts<'x> {
    /// Walks the tree below the main header, as far as there is time for it.
    pub(crate) fn walk(
        header: Header<'x>,
        body: &'x [u8],
        budget: Budget,
        deadline: &Deadline,
    ) -> Self {
        let mut parts = Self::default();
        let mut seen = 1_usize;
        let mut alternatives = 0_usize;
        let root = Pending { header, body, depth: 0, choice: None, in_digest: false };
        let mut pending = vec![root];
        while let Some(part) = pending.pop() {
            if deadline.is_over() {
                break;
            }
            let kind = kind_of(&part);
            let room = budget.parts_max.saturating_sub(seen);
            let cut = (kind.main() == "multipart").then(|| cut(&kind, part.body, room)).flatten();
            let Some(cut) = cut else {
                // A multipart that cannot be cut is shown as it came.
                let is_uncut = kind.main() == "multipart";
                parts.push(part, if is_uncut { Value::parse("text/plain") } else { kind });
                continue;
            };
            if part.depth >= budget.nesting_max {
                parts.too_deep = true;
                parts.push(part, Value::parse("text/plain"));
                continue;
            }
            parts.unfinished |= !cut.finished;
            parts.too_many |= cut.bodies.len() > room;
            let choices = kind.is("multipart/alternative").then(|| {
                alternatives += 1;
                alternatives
            });
            let first = pending.len();
            for (number, bytes) in cut.bodies.into_iter().take(room).enumerate() {
                seen += 1;
                let (header, body) = Header::split(bytes, budget.header_bytes_max);
                pending.push(Pending {
                    header,
                    body,
                    depth: part.depth + 1,
                    choice: choices.map(|among| Choice { among, number }).or(part.choice),
                    in_digest: kind.is("multipart/digest"),
                });
            }
            if let Some(added) = pending.get_mut(first..) {
                added.reverse();
            }
        }
        parts
    }

    fn push(&mut self, part: Pending<'x>, kind: Value) {
        let Pending { header, body, choice, .. } = part;
        self.leaves.push(Leaf { header, kind, body, choice });
    }
}

impl Leaf<'_> {
    pub(crate) fn encoding(&self) -> Encoding {
        encoding_of(&self.header)
    }
}

fn kind_of(part: &Pending<'_>) -> Value {
    match Value::of(&part.header, "Content-Type") {
        Some(kind) if !kind.kind.is_empty() => kind,
        Some(_) | None if part.in_digest => Value::parse("message/rfc822"),
        Some(_) | None => Value::parse("text/plain"),
    }
}

struct Cut<'x> {
    bodies: Vec<&'x [u8]>,
    finished: bool,
}

/// Cuts a multipart body at its boundary, into one piece more than there is room for at most.
/// Nothing when the boundary never comes.
fn cut<'x>(kind: &Value, body: &'x [u8], room: usize) -> Option<Cut<'x>> {
    let boundary = match kind.parameter("boundary") {
        Some(boundary) => boundary.trim_end().as_bytes(),
        None => guess_boundary(body)?,
    };
    let mut bodies = Vec::new();
    let mut open: Option<usize> = None;
    let mut rest = body;
    while !rest.is_empty() && bodies.len() <= room {
        let at = body.len() - rest.len();
        let Some(delimiter) = delimiter_in(rest, boundary) else { break };
        let start = at + delimiter.start;
        if let Some(from) = open {
            bodies.push(without_break(body.get(from..start).unwrap_or_default()));
        }
        rest = body.get(at + delimiter.end..).unwrap_or_default();
        open = Some(at + delimiter.end);
        if delimiter.is_last {
            return Some(Cut { bodies, finished: true });
        }
    }
    if let Some(from) = open {
        bodies.push(body.get(from..).unwrap_or_default());
    }
    (!bodies.is_empty()).then_some(Cut { bodies, finished: false })
}

struct Delimiter {
    start: usize,
    end: usize,
    is_last: bool,
}

/// The next line that is the boundary, exactly: `--a` does not end a part of `--ab`.
fn delimiter_in(bytes: &[u8], boundary: &[u8]) -> Option<Delimiter> {
    for at in memchr::memmem::find_iter(bytes, boundary) {
        let Some(start) = at.checked_sub(2) else { continue };
        let (before, _) = bytes.split_at(start);
        if bytes.get(start..at) != Some(b"--") || !(before.is_empty() || before.ends_with(b"\n")) {
            continue;
        }
        let after = bytes.get(at + boundary.len()..).unwrap_or_default();
        let (line, _) = next_line(after);
        let bare = without_break(line).trim_ascii_end();
        let is_last = bare == b"--";
        if is_last || bare.is_empty() {
            let end = at + boundary.len() + line.len();
            return Some(Delimiter { start, end, is_last });
        }
    }
    None
}

/// The first line that could be a boundary, when the header forgot to name it.
fn guess_boundary(body: &[u8]) -> Option<&[u8]> {
    body.split(|byte| *byte == b'\n')
        .take(200)
        .map(without_break)
        .filter_map(|line| line.strip_prefix(b"--"))
        .map(<[u8]>::trim_ascii_end)
        .find(|boundary| boundary.len() >= 6 && !boundary.contains(&b' '))
}
