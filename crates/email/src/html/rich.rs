//! Whether a document is more than its text.

use std::cell::Cell;

use html5ever::tokenizer::Tag;

use crate::html::budget;
use crate::html::tokens::{Listener, attribute, listen};

/// Whether the text alone would lose something: pictures, tables, words marked by colour.
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
            "s" | "strike" | "del" | "mark" => self.is_rich.set(true),
            _ => {}
        }
        let colours = ["style", "color", "bgcolor"].iter().filter_map(|name| attribute(tag, name));
        if colours.map(str::to_ascii_lowercase).any(|value| is_marked(&value)) {
            self.is_rich.set(true);
        }
    }

    fn close(&self, _tag: &Tag) {}

    fn characters(&self, text: &str) {
        if !text.trim().is_empty() && !self.cell_has_text.replace(true) {
            self.cells.set(self.cells.get() + 1);
            if self.cells.get() > 1 {
                self.is_rich.set(true);
            }
        }
    }
}

/// The colours in which people write “my answers in red”.
fn is_marked(value: &str) -> bool {
    let value: String = value.chars().filter(|c| *c != ' ').collect();
    let colours = [
        "red",
        "#ff0000",
        "#f00",
        "#c00000",
        "rgb(255,0,0)",
        "#00b050",
        "yellow",
        "#ffff00",
        "lime",
    ];
    let is_alone = colours.contains(&value.as_str());
    is_alone
        || colours.iter().any(|colour| {
            value.contains(&format!("color:{colour}"))
                || value.contains(&format!("background:{colour}"))
        })
        || value.contains("line-through")
}
