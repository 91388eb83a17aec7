//! Cutting text without breaking it, and bytes as text.

use std::fmt::Write;

/// At most `chars_max` characters, with an ellipsis when something was left out.
pub fn clip(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some((end, _)) => {
            let kept = text.get(..end).unwrap_or_default().trim_end();
            format!("{kept}…")
        }
    }
}

/// The text on one line: control characters gone, runs of blanks folded into one.
///
/// What goes into a header, a list row or a log line passes through here first.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// The bytes in hexadecimal, two small letters or digits each.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // A string takes whatever is written to it.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
