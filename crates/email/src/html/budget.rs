//! Whether a document can be cleaned at a bearable price.
//!
//! Building the tree of a document costs more than its length when elements are nested, when a
//! tag has many attributes, or when formatting is left open across paragraphs: each paragraph
//! then opens all of it again.

use std::cell::{Cell, RefCell};

use html5ever::tokenizer::Tag;

use crate::html::tokens::{Listener, listen};

pub(crate) const SIZE_BYTES_MAX: usize = 4 * 1024 * 1024;
const DEPTH_MAX: usize = 512;
const LINKS_MAX: usize = 5_000;
const NODES_MAX: usize = 400_000;
const COPIED_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Separators in one tag, quoted values included; each may begin an attribute, and every
/// attribute is compared with all before it.
const SEPARATORS_MAX: usize = 10_000;

/// Whether the document is within every budget.
pub(crate) fn allows(html: &str) -> bool {
    if html.len() > SIZE_BYTES_MAX || has_monstrous_tag(html) {
        return false;
    }
    let price = listen(html, Price::default());
    price.depth_max.get() <= DEPTH_MAX
        && price.links.get() <= LINKS_MAX
        && price.nodes.get() <= NODES_MAX
        && price.copied_bytes.get() <= COPIED_BYTES_MAX
}

/// Looks for a tag with too many attributes, without reading attributes.
pub(crate) fn has_monstrous_tag(html: &str) -> bool {
    let bytes = html.as_bytes();
    let mut rest = bytes;
    while let Some(at) = memchr::memchr(b'<', rest) {
        rest = rest.get(at + 1..).unwrap_or_default();
        if !rest.first().is_some_and(u8::is_ascii_alphabetic) {
            continue;
        }
        let Some(length) = tag_length(rest) else { return true };
        rest = rest.get(length..).unwrap_or_default();
    }
    false
}

/// How far the tag goes; nothing when it has too many separators.
fn tag_length(tag: &[u8]) -> Option<usize> {
    let mut separators = 0_usize;
    let mut quote = None;
    let mut after_equals = false;
    for (at, byte) in tag.iter().enumerate() {
        let is_blank = byte.is_ascii_whitespace();
        if is_blank || matches!(byte, b'/' | b'"' | b'\'') {
            separators += 1;
            if separators > SEPARATORS_MAX {
                return None;
            }
        }
        match (quote, byte) {
            (Some(open), byte) if open == *byte => quote = None,
            (None, b'"' | b'\'') if after_equals => quote = Some(*byte),
            (None, b'>') => return Some(at),
            (Some(_) | None, _) => {}
        }
        after_equals = *byte == b'=' || after_equals && is_blank;
    }
    Some(tag.len())
}

#[derive(Default)]
struct Price {
    depth: Cell<usize>,
    depth_max: Cell<usize>,
    links: Cell<usize>,
    nodes: Cell<usize>,
    /// Attributes that are written again with formatting that is opened again.
    copied_bytes: Cell<usize>,
    formatting: RefCell<Formatting>,
}

impl Price {
    /// Whether it is known to be too much: nothing more has to be looked at then, and the lists
    /// of what is open stay short.
    fn is_spent(&self) -> bool {
        self.nodes.get() > NODES_MAX
    }

    fn pay(&self) {
        let formatting = self.formatting.borrow();
        self.nodes.set(self.nodes.get().saturating_add(1 + formatting.open.len()));
        let copied_bytes = self.copied_bytes.get().saturating_add(formatting.bytes);
        self.copied_bytes.set(copied_bytes);
    }
}

impl Listener for Price {
    fn open(&self, tag: &Tag) {
        if self.is_spent() {
            return;
        }
        self.pay();
        let name: &str = &tag.name;
        if name == "a" || name == "area" {
            self.links.set(self.links.get() + 1);
        }
        self.formatting.borrow_mut().open(name, tag);
        if !is_void(name) && !may_stay_open(name) {
            self.depth.set(self.depth.get() + 1);
            self.depth_max.set(self.depth_max.get().max(self.depth.get()));
        }
    }

    fn close(&self, tag: &Tag) {
        if self.is_spent() {
            return;
        }
        let name: &str = &tag.name;
        self.formatting.borrow_mut().close(name);
        if !is_void(name) && !may_stay_open(name) {
            self.depth.set(self.depth.get().saturating_sub(1));
        }
    }

    fn characters(&self, _text: &str) {
        self.pay();
    }
}

/// Formatting that a tree would open again in the next paragraph.
///
/// A parser ignores an end tag when a table, a cell or the like was opened after what it would
/// end. Believing such a tag would make a document look cheap that is not, so formatting counts
/// as open until its end stands where it began.
#[derive(Default)]
struct Formatting {
    open: Vec<Open>,
    bytes: usize,
    fences: Vec<Fence>,
    has_lasting: bool,
}

struct Open {
    name: String,
    bytes: usize,
    fences: usize,
}

/// What end tags do not reach across.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fence {
    Table,
    Cell(CellKind),
    /// There are many ways out of these, and a parser may not take the one that it seems to.
    Lasting,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CellKind {
    Td,
    Th,
    Caption,
}

impl CellKind {
    fn named(name: &str) -> Option<Self> {
        match name {
            "td" => Some(Self::Td),
            "th" => Some(Self::Th),
            "caption" => Some(Self::Caption),
            _ => None,
        }
    }
}

impl Formatting {
    fn open(&mut self, name: &str, tag: &Tag) {
        if let Some(cell) = CellKind::named(name) {
            // The next cell ends the one before it.
            self.end_cell();
            self.fences.push(Fence::Cell(cell));
        } else if name == "table" {
            self.fences.push(Fence::Table);
        } else if is_lasting(name) {
            self.has_lasting = true;
            self.fences.push(Fence::Lasting);
        } else if is_formatting(name) {
            let lengths = tag.attrs.iter().map(|one| one.name.local.len() + one.value.len());
            let bytes = lengths.sum();
            self.bytes = self.bytes.saturating_add(bytes);
            self.open.push(Open { name: name.to_owned(), bytes, fences: self.fences.len() });
        }
    }

    fn close(&mut self, name: &str) {
        if let Some(cell) = CellKind::named(name) {
            if self.fences.last() == Some(&Fence::Cell(cell)) {
                self.end_cell();
            }
        } else if name == "table" {
            self.end_cell();
            if self.fences.last() == Some(&Fence::Table) {
                self.fences.pop();
            }
        } else if is_formatting(name) {
            self.close_formatting(name);
        }
    }

    /// The end of a cell ends all formatting in it, if it is certain that it is a cell.
    fn end_cell(&mut self) {
        let [before @ .., Fence::Cell(_)] = self.fences.as_slice() else { return };
        let is_certain = before.last() == Some(&Fence::Table) && !self.has_lasting;
        let fences = self.fences.len();
        while is_certain && self.open.last().is_some_and(|one| one.fences >= fences) {
            self.bytes -= self.open.pop().map_or(0, |one| one.bytes);
        }
        self.fences.pop();
    }

    fn close_formatting(&mut self, name: &str) {
        let fences = self.fences.len();
        let last = self.open.iter().rposition(|one| one.name == name);
        if let Some(at) = last
            && self.open.get(at).is_some_and(|one| one.fences == fences)
        {
            self.bytes -= self.open.remove(at).bytes;
        }
    }
}

fn is_lasting(name: &str) -> bool {
    matches!(name, "applet" | "marquee" | "math" | "object" | "select" | "svg" | "template")
}

fn is_formatting(name: &str) -> bool {
    matches!(
        name,
        "a" | "b"
            | "big"
            | "code"
            | "em"
            | "font"
            | "i"
            | "nobr"
            | "s"
            | "small"
            | "strike"
            | "strong"
            | "tt"
            | "u"
    )
}

fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "source"
            | "track"
            | "wbr"
    )
}

/// Elements that the next one of their kind closes, so that leaving them open nests nothing.
fn may_stay_open(name: &str) -> bool {
    matches!(
        name,
        "p" | "li" | "dt" | "dd" | "tr" | "td" | "th" | "thead" | "tbody" | "tfoot" | "option"
    )
}
