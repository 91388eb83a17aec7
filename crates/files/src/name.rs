//! File names as they are shown.

use unicode_normalization::UnicodeNormalization;

const BYTES_MAX: usize = 255;
const NAMELESS: &str = "file";

/// A name that is safe to show and to offer for saving: composed, without control characters,
/// direction tricks and invisible characters, without any path, at most 255 bytes, never empty.
pub fn clean_name(given: &str) -> String {
    // What is hidden goes first: between a letter and its accent it would keep them apart.
    let composed: String = given.chars().filter(|c| !is_hidden(*c)).nfc().collect();
    let last = composed.rsplit(['/', '\\']).next().unwrap_or_default();
    // Blanks hide no dot, nor dots a blank.
    let trimmed = last.trim_matches(|c: char| c == '.' || c.is_whitespace());
    if trimmed.is_empty() {
        return NAMELESS.to_owned();
    }
    shorten(trimmed)
}

/// Cuts the stem, so that the ending, by which people know the kind, stays.
fn shorten(name: &str) -> String {
    if name.len() <= BYTES_MAX {
        return name.to_owned();
    }
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) if ending.len() <= 16 => (stem, format!(".{ending}")),
        Some(_) | None => (name, String::new()),
    };
    let room = BYTES_MAX - ending.len();
    let cut = stem.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= room);
    let kept = cut.last().and_then(|end| stem.get(..end)).unwrap_or(NAMELESS).trim_end();
    format!("{kept}{ending}")
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}
