//! What has to hold for whatever becomes markup. Called by the ordinary tests and by the programs
//! in `fuzz/`; panics where something does not hold.

use crate::{Markup, markdown, marked, prose, prose_with_mentions, written_html};

/// What the maker of each kind of markup may write, tags and attributes. Not the makers' own lists:
/// what is added to those by mistake has to be noticed here.
const PLAIN: &[&str] = &["p", "br", "a", "span", "mark"];
const RICH: &[&str] = &[
    "p",
    "br",
    "a",
    "strong",
    "em",
    "del",
    "code",
    "pre",
    "blockquote",
    "ul",
    "ol",
    "li",
    "hr",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "b",
    "i",
    "u",
    "s",
    "sub",
    "sup",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "div",
    "span",
    "tfoot",
    "caption",
    "kbd",
];
const ATTRIBUTES: &[&str] = &[
    "href", "rel", "target", "class", "title", "align", "char", "charoff", "start", "colspan",
    "rowspan", "headers", "scope", "summary", "cite", "datetime", "hreflang", "size", "width",
];

/// A text of anybody: an article, a note, a name, a message.
pub fn text_to_html(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    check(&Markup::escape(&text), &[]);
    check(&prose(&text), PLAIN);
    check(&prose_with_mentions(&text, &["Dana Meyer", "<b>", "x\" onclick=\"y", ""]), PLAIN);
    let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    check(&marked([(&text[..middle], true), (&text[middle..], false)]), PLAIN);
    check(&markdown(&text), RICH);
    let written = written_html(&text);
    check(&written, RICH);
    assert_eq!(shown(&prose(&text)), shown(&prose(&text.replace("\r\n", "\n"))));
}

/// The words, without the tags.
fn shown(markup: &Markup) -> String {
    let pieces = markup.as_str().split('<');
    pieces.map(|piece| piece.split_once('>').map_or(piece, |(_, words)| words)).collect()
}

/// Reads the markup in the one way in which it is written: tags that may be there, attributes in
/// double quotes, and nothing that acts.
fn check(markup: &Markup, tags: &[&str]) {
    let html = markup.as_str();
    let mut rest = html;
    while let Some((words, tag)) = rest.split_once('<') {
        assert!(!words.contains('>') || !tags.is_empty(), "{html}");
        let tag = tag.strip_prefix('/').unwrap_or(tag);
        let end = tag.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(tag.len());
        let (name, mut after) = tag.split_at(end);
        assert!(tags.contains(&name), "<{name}> in {html}");
        while let Some(attribute) = after.strip_prefix(' ') {
            let Some((key, value)) = attribute.split_once("=\"") else {
                panic!("an attribute of {name} in {html}")
            };
            let Some((value, behind)) = value.split_once('"') else { panic!("no end in {html}") };
            assert!(ATTRIBUTES.contains(&key), "{key} in {html}");
            let schemes = ["http://", "https://", "mailto:", "tel:"];
            let leads_out = schemes.iter().any(|scheme| value.to_lowercase().starts_with(scheme));
            assert!(key != "href" || leads_out, "{value} in {html}");
            after = behind;
        }
        let after = after.strip_prefix(" /").unwrap_or(after);
        let Some(behind) = after.strip_prefix('>') else { panic!("<{name} has no end: {html}") };
        rest = behind;
    }
}
