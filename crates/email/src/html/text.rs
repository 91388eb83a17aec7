//! HTML as readable text, in one pass over its tags.

use std::cell::{Cell, RefCell};

use html5ever::tokenizer::Tag;

use crate::html::budget;
use crate::html::links;
use crate::html::tokens::{Listener, attribute, listen};

/// The text of a document: links with their address when the text does not show it, lists,
/// tables, quotes with `> `, descriptions of images.
///
/// Of a document that is larger than any letter, the beginning is enough: all of it is in the
/// mail itself.
pub fn to_text(html: &str) -> String {
    let html = html.get(..html.floor_char_boundary(budget::SIZE_BYTES_MAX)).unwrap_or(html);
    if budget::has_monstrous_tag(html) {
        return crude(html);
    }
    let writer = listen(html, Writer::default());
    writer.out.into_inner().finish()
}

/// What stands between `<` and `>` left out, for documents that no parser should see.
fn crude(html: &str) -> String {
    let mut text = String::new();
    for piece in html.split('<') {
        text.push_str(piece.split_once('>').map_or(piece, |(_, after)| after));
    }
    text
}

/// Quotes and lists deeper than this are shown no deeper.
const INDENT_MAX: usize = 20;
const LISTS_MAX: usize = 1_000;
const ADDRESS_CHARS_SHOWN: usize = 200;
/// Marks and indents can make the text longer than the document; nobody reads this much.
const TEXT_BYTES_MAX: usize = 8 * 1024 * 1024;

#[derive(Default)]
struct Writer {
    out: RefCell<Page>,
    /// Inside of elements whose content is not for people.
    silent: Cell<usize>,
    pre: Cell<usize>,
    lists: RefCell<Vec<List>>,
    link: RefCell<Option<Link>>,
    /// The row at hand has a cell already, on this line.
    row_has_cell: Cell<bool>,
}

enum List {
    Bullets,
    Numbers(usize),
}

struct Link {
    address: String,
    /// Where its text begins.
    start: usize,
}

impl Listener for Writer {
    fn open(&self, tag: &Tag) {
        let name: &str = &tag.name;
        if is_silent(name) && !tag.self_closing {
            self.silent.set(self.silent.get() + 1);
            return;
        }
        let mut out = self.out.borrow_mut();
        match name {
            "br" => out.line_break(),
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "table" | "dl" => out.paragraph(),
            "hr" => {
                out.block();
                out.word("----------");
                out.block();
            }
            "pre" => {
                out.paragraph();
                self.pre.set(self.pre.get() + 1);
            }
            "blockquote" => {
                out.block();
                out.depth += 1;
            }
            "ul" | "ol" => {
                if self.lists.borrow().is_empty() {
                    out.paragraph();
                } else {
                    out.block();
                }
                let mut lists = self.lists.borrow_mut();
                if lists.len() < LISTS_MAX {
                    lists.push(if name == "ol" { List::Numbers(0) } else { List::Bullets });
                }
            }
            "li" => self.item(&mut out),
            "tr" => {
                out.block();
                self.row_has_cell.set(false);
            }
            "td" | "th" => {
                if self.row_has_cell.get() && !out.at_line_start() {
                    out.word(" | ");
                }
                self.row_has_cell.set(true);
            }
            "img" => {
                if let Some(alt) =
                    attribute(tag, "alt").map(str::trim).filter(|alt| !alt.is_empty())
                {
                    out.text(&format!("[{alt}]"), false);
                }
            }
            "a" => {
                let address = attribute(tag, "href").and_then(links::followed);
                *self.link.borrow_mut() =
                    address.map(|address| Link { address, start: out.text.len() });
            }
            _ if is_block(name) => out.block(),
            _ => {}
        }
    }

    fn close(&self, tag: &Tag) {
        let name: &str = &tag.name;
        if is_silent(name) {
            self.silent.set(self.silent.get().saturating_sub(1));
            return;
        }
        let mut out = self.out.borrow_mut();
        match name {
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "table" | "dl" => out.paragraph(),
            "pre" => {
                self.pre.set(self.pre.get().saturating_sub(1));
                out.paragraph();
            }
            "blockquote" => {
                out.block();
                out.depth = out.depth.saturating_sub(1);
            }
            "ul" | "ol" => {
                self.lists.borrow_mut().pop();
                if self.lists.borrow().is_empty() { out.paragraph() } else { out.block() }
            }
            "a" => {
                if let Some(link) = self.link.borrow_mut().take() {
                    out.address(&link);
                }
            }
            "tr" => out.block(),
            _ if is_block(name) => out.block(),
            _ => {}
        }
    }

    fn characters(&self, text: &str) {
        if self.silent.get() == 0 {
            self.out.borrow_mut().text(text, self.pre.get() > 0);
        }
    }
}

impl Writer {
    fn item(&self, out: &mut Page) {
        out.block();
        let mut lists = self.lists.borrow_mut();
        let indent = "  ".repeat(lists.len().saturating_sub(1).min(INDENT_MAX));
        let mark = match lists.last_mut() {
            Some(List::Numbers(number)) => {
                *number += 1;
                format!("{indent}{number}. ")
            }
            Some(List::Bullets) | None => format!("{indent}- "),
        };
        out.word(&mark);
        out.after_mark = true;
    }
}

/// The text so far, and what is owed before the next word.
#[derive(Default)]
struct Page {
    text: String,
    /// Line breaks owed.
    breaks: usize,
    /// A blank is owed.
    blank: bool,
    /// How deep in quotes.
    depth: usize,
    /// The mark of a list item was just written: the first block inside goes behind it.
    after_mark: bool,
}

impl Page {
    fn block(&mut self) {
        if !self.after_mark {
            self.breaks = self.breaks.max(1);
        }
        self.blank = false;
    }

    fn paragraph(&mut self) {
        if !self.after_mark {
            self.breaks = self.breaks.max(2);
        }
        self.blank = false;
    }

    fn line_break(&mut self) {
        self.breaks = (self.breaks + 1).min(3);
        self.blank = false;
    }

    fn at_line_start(&self) -> bool {
        self.breaks > 0 || self.text.is_empty() || self.text.ends_with('\n')
    }

    fn text(&mut self, text: &str, is_pre: bool) {
        if is_pre {
            for (index, line) in text.split('\n').enumerate() {
                if index > 0 {
                    self.line_break();
                }
                let line = line.trim_end_matches('\r');
                if !line.is_empty() {
                    self.word(line);
                }
            }
            return;
        }
        for (index, word) in text.split(|c: char| c.is_whitespace()).enumerate() {
            if index > 0 {
                self.blank = true;
            }
            if word.is_empty() {
                continue;
            }
            if std::mem::take(&mut self.blank) && !self.at_line_start() && !self.text.ends_with(' ')
            {
                self.text.push(' ');
            }
            self.word(word);
        }
    }

    /// Writes something as it is, after what is owed.
    fn word(&mut self, word: &str) {
        if self.text.len() > TEXT_BYTES_MAX {
            return;
        }
        if self.breaks > 0 || self.text.is_empty() {
            if !self.text.is_empty() {
                for _ in 0..self.breaks {
                    self.end_line();
                }
            }
            self.breaks = 0;
            self.push_depth();
        }
        self.after_mark = false;
        self.text.push_str(word);
    }

    fn end_line(&mut self) {
        let end = self.text.trim_end_matches(' ').len();
        self.text.truncate(end);
        self.text.push('\n');
    }

    fn push_depth(&mut self) {
        for _ in 0..self.depth.min(INDENT_MAX) {
            self.text.push_str("> ");
        }
    }

    /// The address of a link behind its text, when the text is not the address itself.
    fn address(&mut self, link: &Link) {
        let shown = self.text.get(link.start..).unwrap_or_default().trim();
        let bare = |text: &str| {
            let text = text.trim_start_matches("mailto:").trim_start_matches("tel:");
            let text = text.trim_start_matches("https://").trim_start_matches("http://");
            text.trim_end_matches('/').to_lowercase()
        };
        let is_said = bare(shown) == bare(&link.address);
        if shown.is_empty() || is_said || link.address.len() < 4 {
            return;
        }
        let address = kernel::clip(&link.address, ADDRESS_CHARS_SHOWN);
        self.text.push_str(" (");
        self.text.push_str(&address);
        self.text.push(')');
    }

    fn finish(self) -> String {
        let mut out = String::with_capacity(self.text.len());
        let mut empty = 0;
        for line in self.text.lines() {
            let line = line.trim_end();
            if line.trim_matches(['>', ' ']).is_empty() {
                empty += 1;
                if empty > 1 {
                    continue;
                }
            } else {
                empty = 0;
            }
            out.push_str(line);
            out.push('\n');
        }
        out.trim().to_owned()
    }
}

/// Elements whose content is neither markup nor for people. What others hold is shown, even where
/// a browser would show something else: an element that is never closed must not swallow a letter.
fn is_silent(name: &str) -> bool {
    matches!(name, "script" | "style" | "title" | "iframe" | "noembed" | "noframes")
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "div"
            | "section"
            | "article"
            | "header"
            | "footer"
            | "main"
            | "aside"
            | "address"
            | "center"
            | "dt"
            | "dd"
            | "figure"
            | "figcaption"
            | "form"
            | "fieldset"
            | "tbody"
            | "thead"
            | "tfoot"
            | "caption"
            | "body"
            | "html"
            | "object"
            | "select"
            | "option"
            | "textarea"
    )
}
