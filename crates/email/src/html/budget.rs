//! Whether a document can be cleaned at a bearable price.
//!
//! Building the tree of a document costs more than its length when elements are nested, when a
//! tag has many attributes, or when formatting is left open across paragraphs: each paragraph
//! then opens all of it again.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use html5ever::tokenizer::Tag;

use crate::html::tokens::{Listener, listen};

pub(crate) const SIZE_BYTES_MAX: usize = 4 * 1024 * 1024;
const DEPTH_MAX: usize = 512;
const LINKS_MAX: usize = 5_000;
const NODES_MAX: usize = 400_000;
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
    formatting: Cell<usize>,
    open_formatting: RefCell<HashMap<String, usize>>,
}

impl Price {
    fn pay(&self) {
        self.nodes.set(self.nodes.get() + 1 + self.formatting.get());
    }
}

impl Listener for Price {
    fn open(&self, tag: &Tag) {
        self.pay();
        let name: &str = &tag.name;
        if name == "a" || name == "area" {
            self.links.set(self.links.get() + 1);
        }
        if is_formatting(name) {
            *self.open_formatting.borrow_mut().entry(name.to_owned()).or_default() += 1;
            self.formatting.set(self.formatting.get() + 1);
        }
        if !is_void(name) && !may_stay_open(name) {
            self.depth.set(self.depth.get() + 1);
            self.depth_max.set(self.depth_max.get().max(self.depth.get()));
        }
    }

    fn close(&self, tag: &Tag) {
        let name: &str = &tag.name;
        if is_formatting(name)
            && let Some(open) = self.open_formatting.borrow_mut().get_mut(name)
            && *open > 0
        {
            *open -= 1;
            self.formatting.set(self.formatting.get() - 1);
        }
        if !is_void(name) && !may_stay_open(name) {
            self.depth.set(self.depth.get().saturating_sub(1));
        }
    }

    fn characters(&self, _text: &str) {
        self.pay();
    }
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
