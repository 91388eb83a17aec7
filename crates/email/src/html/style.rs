//! CSS in style attributes: known properties with plain values, nothing else.

/// Properties that change how text looks where it stands.
const PROPERTIES: &[&str] = &[
    "background",
    "background-color",
    "border",
    "border-bottom",
    "border-bottom-color",
    "border-bottom-style",
    "border-bottom-width",
    "border-collapse",
    "border-color",
    "border-left",
    "border-left-color",
    "border-left-style",
    "border-left-width",
    "border-radius",
    "border-right",
    "border-right-color",
    "border-right-style",
    "border-right-width",
    "border-spacing",
    "border-style",
    "border-top",
    "border-top-color",
    "border-top-style",
    "border-top-width",
    "border-width",
    "color",
    "direction",
    "display",
    "font",
    "font-family",
    "font-size",
    "font-style",
    "font-variant",
    "font-weight",
    "height",
    "letter-spacing",
    "line-height",
    "list-style-type",
    "margin",
    "margin-bottom",
    "margin-left",
    "margin-right",
    "margin-top",
    "max-height",
    "max-width",
    "min-height",
    "min-width",
    "padding",
    "padding-bottom",
    "padding-left",
    "padding-right",
    "padding-top",
    "table-layout",
    "text-align",
    "text-decoration",
    "text-indent",
    "text-transform",
    "unicode-bidi",
    "vertical-align",
    "white-space",
    "width",
    "word-break",
    "word-spacing",
    "word-wrap",
    "overflow-wrap",
];

/// Functions that name a colour. Every other one computes, fetches or runs something.
const FUNCTIONS: &[&str] = &["rgb", "rgba", "hsl", "hsla"];

const VALUE_BYTES_MAX: usize = 300;
const DECLARATIONS_MAX: usize = 60;

/// The declarations that may stay; nothing when none may.
pub(crate) fn clean(style: &str) -> Option<String> {
    let mut kept = String::new();
    for declaration in style.split(';').take(DECLARATIONS_MAX) {
        let Some((property, value)) = declaration.split_once(':') else { continue };
        let property = property.trim().to_ascii_lowercase();
        let value = value.trim();
        if PROPERTIES.contains(&property.as_str()) && is_plain(value) {
            if !kept.is_empty() {
                kept.push_str("; ");
            }
            kept.push_str(&property);
            kept.push_str(": ");
            kept.push_str(value);
        }
    }
    (!kept.is_empty()).then_some(kept)
}

fn is_plain(value: &str) -> bool {
    let allowed = |c: char| {
        c.is_ascii_alphanumeric()
            || " #%.,()-\"'+".contains(c)
            || (!c.is_ascii() && c.is_alphabetic())
    };
    let quotes_match = value.matches('"').count().is_multiple_of(2)
        && value.matches('\'').count().is_multiple_of(2);
    !value.is_empty()
        && value.len() <= VALUE_BYTES_MAX
        && value.chars().all(allowed)
        && quotes_match
        && value.split('(').rev().skip(1).all(|before| {
            let name = before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '-').next();
            name.is_some_and(|name| FUNCTIONS.contains(&name.to_ascii_lowercase().as_str()))
        })
}
