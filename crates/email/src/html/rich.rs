//! Whether a document is more than its text.

use std::cell::Cell;

use html5ever::tokenizer::Tag;

use crate::html::budget;
use crate::html::tokens::{Listener, attribute, listen};

/// Whether the text alone would lose something: pictures, tables, headings, words in bold or marked
/// by colour.
pub fn is_rich(html: &str) -> bool {
    html.len() > budget::SIZE_BYTES_MAX
        || budget::has_monstrous_tag(html)
        || listen(html, Look::default()).is_rich.get()
}

/// Looks for what text cannot show.
#[derive(Default)]
struct Look {
    is_rich: Cell<bool>,
    cells: Cell<usize>,
    cell_has_text: Cell<bool>,
    in_link: Cell<bool>,
    in_bold: Cell<bool>,
}

impl Listener for Look {
    fn open(&self, tag: &Tag) {
        let name: &str = &tag.name;
        match name {
            "img" => {
                let is_dot = ["width", "height"].iter().any(|side| {
                    attribute(tag, side).is_some_and(|size| matches!(size, "0" | "1" | "1px"))
                });
                if !is_dot && attribute(tag, "src").is_some() {
                    self.is_rich.set(true);
                }
            }
            "tr" => self.cells.set(0),
            "td" | "th" => self.cell_has_text.set(false),
            "s" | "strike" | "del" | "mark" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.is_rich.set(true);
            }
            "a" => self.in_link.set(true),
            "b" | "strong" => self.in_bold.set(true),
            _ => {}
        }
        // Links are blue everywhere, which says nothing.
        if !self.in_link.get() && is_marked(tag) {
            self.is_rich.set(true);
        }
    }

    fn close(&self, tag: &Tag) {
        match &*tag.name {
            "a" => self.in_link.set(false),
            "b" | "strong" => self.in_bold.set(false),
            _ => {}
        }
    }

    fn characters(&self, text: &str) {
        // The labels above a quoted mail are in bold: “From:”.
        if self.in_bold.get() && !text.trim().is_empty() && !text.trim().ends_with(':') {
            self.is_rich.set(true);
        }
        if !text.trim().is_empty() && !self.cell_has_text.replace(true) {
            self.cells.set(self.cells.get() + 1);
            if self.cells.get() > 1 {
                self.is_rich.set(true);
            }
        }
    }
}

/// Whether a tag marks its words, as in “my answers in blue”.
fn is_marked(tag: &Tag) -> bool {
    let lower = |name| attribute(tag, name).map(str::to_ascii_lowercase);
    let by_attribute = ["color", "bgcolor"].into_iter().filter_map(lower);
    let style = lower("style").unwrap_or_default();
    let by_style = style.split(';').filter_map(|declaration| {
        let (property, value) = declaration.split_once(':')?;
        match property.trim() {
            "color" | "background" | "background-color" => Some(value.to_owned()),
            _ => None,
        }
    });
    style.contains("line-through") || by_attribute.chain(by_style).any(|value| is_coloured(&value))
}

/// Names of colours that people mark words with.
const NAMES: &[&str] = &[
    "aqua", "blue", "brown", "cyan", "fuchsia", "gold", "green", "lime", "magenta", "maroon",
    "navy", "olive", "orange", "pink", "purple", "red", "teal", "violet", "yellow",
];

/// Whether a value has a colour in it that is neither black, white nor grey.
fn is_coloured(value: &str) -> bool {
    let value: String = value.replace(", ", ",").replace("( ", "(");
    value.split_whitespace().any(|word| {
        // `darkred` and `lightblue`, too.
        let is_named = word.chars().all(|c| c.is_ascii_alphabetic())
            && NAMES.iter().any(|name| word.ends_with(name));
        is_named || channels(word).is_some_and(|channels| !is_grey(channels))
    })
}

/// What looks like grey to people: programs write their black with a tinge.
fn is_grey([red, green, blue]: [u8; 3]) -> bool {
    const TINGE: u8 = 32;
    red.max(green).max(blue) - red.min(green).min(blue) <= TINGE
}

/// `#f00`, `#ff0000`, `rgb(255,0,0)`
fn channels(word: &str) -> Option<[u8; 3]> {
    if let Some(digits) = word.strip_prefix('#') {
        let digit = |at: usize| {
            let digit = digits.get(at..at + 1)?;
            u8::from_str_radix(digit, 16).ok()
        };
        return Some(match digits.len() {
            3 | 4 => [digit(0)? * 17, digit(1)? * 17, digit(2)? * 17],
            6 | 8 => {
                [digit(0)? * 16 + digit(1)?, digit(2)? * 16 + digit(3)?, digit(4)? * 16 + digit(5)?]
            }
            _ => return None,
        });
    }
    let inner = word.strip_prefix("rgba(").or_else(|| word.strip_prefix("rgb("))?;
    let mut numbers = inner.trim_end_matches(')').split(',').map(|number| number.trim().parse());
    let mut next = || numbers.next()?.ok();
    Some([next()?, next()?, next()?])
}
