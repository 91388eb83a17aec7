//! Every place that vouches for a piece of HTML, with the reason: in Rust, where text would
//! otherwise be escaped, and in the scripts, where it would otherwise be text. A new place is a
//! decision that somebody else looks at, and a line here.

use std::collections::BTreeMap;

use crate::tree::{expect_none, files, production};

/// A file, what stands in it, how often, and why it may.
type Place = (&'static str, &'static str, usize, &'static str);

const IN_RUST: [Place; 14] = [
    (
        "crates/mailroom/src/web/body.rs",
        "Markup::trusted(",
        1,
        "mail that the cleaner passed, for a frame that can do nothing",
    ),
    ("crates/ui/src/answer.rs", "Markup::trusted(", 1, "a template, which escapes what it prints"),
    ("crates/ui/src/chrome.rs", "Markup::trusted(", 1, "a key that the program makes itself"),
    (
        "crates/ui/src/fields.rs",
        "HtmlSafe for Field",
        1,
        "a field, which escapes its label, value and hint",
    ),
    (
        "crates/ui/src/fields.rs",
        "Markup::trusted(",
        4,
        "fields, which escape their labels, values and notes",
    ),
    ("crates/ui/src/markup.rs", "HtmlSafe for Markup", 1, "the type itself"),
    (
        "crates/ui/src/markup.rs",
        "Markup(",
        7,
        "prose and marks, which escape each piece of text, and what a cleaner passed",
    ),
    ("crates/ui/src/markup.rs", "Self(", 2, "what is escaped, and what somebody here vouches for"),
    (
        "crates/ui/src/parts.rs",
        "Markup::trusted(",
        5,
        "icons, marks and initials; the initials are escaped",
    ),
    ("crates/ui/src/respond.rs", "Markup::trusted)", 1, "a template, which escapes what it prints"),
    (
        "crates/ui/src/words.rs",
        "Markup::trusted(",
        1,
        "a text of the catalogue, escaped as a whole with what is put into it",
    ),
    // What a template may call without a name of its own.
    (
        "crates/ui/src/markup.rs",
        "CLEANER.clean(",
        2,
        "Markdown and HTML that were written here, by an allow-list",
    ),
    ("crates/email/src/html/clean.rs", "builder.clean(", 1, "mail of strangers, by an allow-list"),
    ("crates/ui/src/markup.rs", "push_html(", 1, "Markdown, which is cleaned behind it"),
];

/// What makes markup of text, or passes for it, in Rust.
const RUST_SIGNS: [&str; 7] = [
    "Markup::trusted(",
    "Markup::trusted)",
    "CLEANER.clean(",
    "builder.clean(",
    "push_html(",
    "MarkupDisplay",
    "ammonia::clean(",
];

const IN_SCRIPTS: [Place; 2] = [
    (
        "crates/ui/assets/js/elements/live.js",
        "innerHTML",
        1,
        "who else is here, rendered by the server for whoever looks",
    ),
    (
        "crates/ui/assets/js/lazy/uploads.js",
        "innerHTML",
        1,
        "the server's chip of an uploaded file, into a template that runs nothing",
    ),
];

/// What makes a script of the page take text for markup or for a program.
const SINKS: [&str; 18] = [
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "createContextualFragment",
    "parseFromString",
    "setHTML",
    "srcdoc",
    "document.write",
    "document.domain",
    "eval(",
    "Function(",
    "setTimeout(\"",
    "setInterval(\"",
    "setAttribute(\"on",
    "setAttribute('on",
    "javascript:",
    "importScripts(",
    "trustedTypes",
];

/// How often a sign stands in a text, not as the end of a longer name.
fn count(text: &str, sign: &str) -> usize {
    let is_whole = |at: &usize| {
        let before = text[..*at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    };
    text.match_indices(sign).map(|(at, _)| at).filter(is_whole).count()
}

/// What is found and not listed as often, and what is listed and not found as often.
fn compare(listed: &[Place], found: &BTreeMap<(String, &str), usize>) -> Vec<String> {
    let mut wrong = Vec::new();
    for ((path, sign), times) in found {
        let place = listed.iter().find(|(at, what, ..)| at == path && what == sign);
        if place.map_or(0, |place| place.2) != *times {
            wrong.push(format!("{path}: {times} × {sign}"));
        }
    }
    for (path, sign, times, reason) in listed {
        assert!(reason.len() > 10, "{path}: {sign} has no reason");
        if !found.contains_key(&((*path).to_owned(), *sign)) {
            wrong.push(format!("{path}: {sign} is listed {times} times and is not there"));
        }
    }
    wrong
}

#[test]
fn whoever_vouches_for_markup_is_listed() {
    let mut found = BTreeMap::new();
    for source in production() {
        let code = &source.parts().code;
        let own = IN_RUST.iter().filter(|place| place.0 == source.path).map(|place| place.1);
        let mut signs: Vec<&str> = RUST_SIGNS.into_iter().chain(own).collect();
        signs.sort_unstable();
        signs.dedup();
        for sign in signs {
            let times = count(code, sign);
            if times > 0 {
                found.insert((source.path.clone(), sign), times);
            }
        }
    }
    expect_none(
        &compare(&IN_RUST, &found),
        "This makes markup of text. Use a template or a part of `ui`; if it has to be, list it in \
         crates/tidy/src/trusted.rs with the reason.",
    );
}

#[test]
fn scripts_put_markup_only_where_it_is_listed() {
    let mut found = BTreeMap::new();
    let scripts = files("crates", &[".js", ".mjs"]);
    assert!(scripts.len() > 20, "the scripts were not found");
    for script in scripts.iter().filter(|script| !script.is_test()) {
        let lines = script.text.lines().map(str::trim_start);
        let code: Vec<&str> = lines.filter(|line| !line.starts_with(['/', '*'])).collect();
        let code = code.join("\n");
        for sign in SINKS {
            let times = count(&code, sign);
            if times > 0 {
                found.insert((script.path.clone(), sign), times);
            }
        }
    }
    expect_none(
        &compare(&IN_SCRIPTS, &found),
        "This takes text for markup or for a program. Build elements and set `textContent`; if it \
         has to be, list it in crates/tidy/src/trusted.rs with the reason.",
    );
}

/// Attributes with which a template would have a script made of text.
const IN_TEMPLATES: [&str; 6] = ["hx-on", "js:{", "javascript:", "srcdoc", "hx-vars", "eval("];

#[test]
fn templates_make_no_script_of_text() {
    let mut wrong = Vec::new();
    for page in files("crates", &[".html"]) {
        for (line, text) in page.lines() {
            for sign in IN_TEMPLATES.iter().filter(|sign| text.contains(**sign)) {
                wrong.push(format!("{}:{line}: {sign}", page.path));
            }
        }
    }
    expect_none(&wrong, "Write it in an element of ui/assets/js.");
}

#[test]
fn signs_are_counted_as_whole_words() {
    assert_eq!(count("a.innerHTML = b; x.innerHTML += 1; retrieval(1); eval(2)", "innerHTML"), 2);
    assert_eq!(count("retrieval(1); eval(2); window.eval(3)", "eval("), 2);
    let found = BTreeMap::from([(("x.js".to_owned(), "eval("), 2)]);
    assert_eq!(compare(&[], &found).len(), 1);
    assert_eq!(compare(&[("x.js", "eval(", 1, "for this test alone")], &found).len(), 1);
    assert!(compare(&[("x.js", "eval(", 2, "for this test alone")], &found).is_empty());
}
