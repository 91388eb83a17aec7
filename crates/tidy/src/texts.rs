//! Every text that is asked for is in a catalogue, and every text there is asked for.

use std::collections::BTreeMap;

use crate::rust::quoted_after;
use crate::tree::{Source, expect_none, files, production};

/// The functions that look up a text, as templates and handlers write them.
const LOOK_UPS: [&str; 5] = [".t(\"", ".a(\"", ".a2(\"", ".n(\"", ".rich(\""];
/// Keys and the places where they are.
fn catalogue() -> BTreeMap<String, String> {
    let mut keys = BTreeMap::new();
    for source in files("crates", &[".ftl"]) {
        for (line, text) in source.lines() {
            let Some((key, _)) = text.split_once('=') else { continue };
            if key.starts_with(|c: char| c.is_ascii_lowercase()) {
                keys.insert(key.trim_end().to_owned(), format!("{}:{line}", source.path));
            }
        }
    }
    assert!(keys.len() > 100, "the catalogues were not found");
    keys
}

fn templates() -> Vec<Source> {
    let templates = files("crates", &[".html", ".txt"]);
    templates.into_iter().filter(|source| source.path.contains("/templates/")).collect()
}

#[test]
fn every_text_that_is_asked_for_exists() {
    let keys = catalogue();
    let mut missing = Vec::new();
    let templates = templates();
    for source in production().iter().chain(&templates) {
        for look_up in LOOK_UPS {
            for (line, key) in quoted_after(&source.text, look_up) {
                let is_key = key.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
                if is_key && !key.is_empty() && !keys.contains_key(key) {
                    missing.push(format!("{}:{line}: {key}", source.path));
                }
            }
        }
    }
    expect_none(&missing, "Add the text to messages/en.ftl of the crate, or correct the key.");
}

#[test]
fn every_text_of_the_catalogues_is_asked_for() {
    let mut literals: Vec<String> = Vec::new();
    for source in production() {
        literals.extend(source.parts().literals.iter().map(|one| one.text.clone()));
    }
    for source in templates() {
        literals.extend(source.text.split('"').map(str::to_owned));
    }
    // A key that is put together, such as `theme-{theme}`, stands for all that fit.
    let (made, whole): (Vec<_>, Vec<_>) =
        literals.into_iter().partition(|text| text.contains('{') && text.contains('-'));
    let whole: std::collections::BTreeSet<_> = whole.into_iter().collect();
    let fits = |key: &str| {
        made.iter().any(|pattern| {
            let start = pattern.split('{').next().unwrap_or_default();
            let end = pattern.rsplit('}').next().unwrap_or_default();
            let is_key =
                start.chars().chain(end.chars()).all(|c| c.is_ascii_lowercase() || c == '-');
            let says_something = start.len() >= 3 || end.len() >= 4;
            is_key && says_something && key.starts_with(start) && key.ends_with(end)
        })
    };
    let mut unused = Vec::new();
    for (key, place) in catalogue() {
        if !whole.contains(&key) && !fits(&key) {
            unused.push(format!("{place}: {key}"));
        }
    }
    expect_none(&unused, "Nobody asks for these texts. Take them out of the catalogue.");
}

/// Words that mean one of ours under another name.
const STRANGERS: [&str; 4] = ["conversation", "thread", "helpdesk", "end user"];

#[test]
fn texts_speak_our_words() {
    let mut wrong = Vec::new();
    for source in files("crates", &[".ftl"]) {
        for (line, text) in source.lines() {
            let Some((_, text)) = text.split_once('=') else { continue };
            let text = text.to_lowercase();
            for word in STRANGERS.iter().filter(|word| text.contains(**word)) {
                wrong.push(format!("{}:{line}: {word}", source.path));
            }
        }
    }
    expect_none(&wrong, "One word has one meaning (STYLE.md, Names). Say ticket, customer, agent.");
}
