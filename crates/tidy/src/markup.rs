//! Templates hold markup and nothing that runs; text becomes markup through a type.

use crate::tree::{Source, expect_none, files, production};

/// Pages, as opposed to mails: mail programs know no style sheets.
fn pages() -> Vec<Source> {
    let mut pages = files("crates", &[".html"]);
    pages.retain(|page| page.path.contains("/templates/") && !page.path.contains("/mail_"));
    assert!(pages.len() > 10, "the templates were not found");
    pages
}

#[test]
fn pages_hold_no_style_and_no_script() {
    let mut wrong = Vec::new();
    for page in pages() {
        for (line, text) in page.lines() {
            let inline_script = text
                .split("<script")
                .skip(1)
                .any(|tag| !tag.split('>').next().unwrap_or_default().contains("src="));
            let is_wrong = inline_script
                || text.contains("<style")
                || text.contains(" style=")
                || text.contains("javascript:")
                || has_handler(text);
            if is_wrong {
                wrong.push(format!("{}:{line}", page.path));
            }
        }
    }
    expect_none(&wrong, "The browser refuses this. Use a class, or an element of ui/assets/js.");
}

/// Whether an attribute such as `onclick` stands there.
fn has_handler(text: &str) -> bool {
    text.match_indices(" on").any(|(at, _)| {
        let name = text[at + 1..].split(['=', ' ', '>', '"']).next().unwrap_or_default();
        let is_attribute = text[at + 1 + name.len()..].starts_with("=\"");
        is_attribute && name.len() > 3 && name.chars().all(|c| c.is_ascii_lowercase())
    })
}

#[test]
fn templates_escape_everything() {
    let mut wrong = Vec::new();
    for page in files("crates", &[".html"]) {
        for (line, text) in page.lines() {
            if text.contains("|safe") || text.contains("| safe") || text.contains("autoescape") {
                wrong.push(format!("{}:{line}", page.path));
            }
        }
    }
    expect_none(
        &wrong,
        "Give the template a `Markup`; whoever makes it has escaped what is in it.",
    );
}

/// Mail as it was sent, after the allow-list of the cleaner.
const CLEANED: [&str; 1] = ["crates/mailroom/src/web/body.rs"];

#[test]
fn only_the_ui_makes_markup() {
    let mut wrong = Vec::new();
    for source in production().iter().filter(|source| source.crate_name() != "ui") {
        if CLEANED.contains(&source.path.as_str()) {
            continue;
        }
        for (at, line) in source.parts().code.lines().enumerate() {
            let is_fragment = line
                .split_once("HtmlSafe for ")
                .is_none_or(|(_, name)| is_template(&source.parts().code, name));
            if line.contains("Markup::trusted") || !is_fragment {
                wrong.push(format!("{}:{}", source.path, at + 1));
            }
        }
    }
    expect_none(&wrong, "Build it with a template or with a part of `ui`, which escape.");
}

/// Whether the type that a line names is a template of its own, which escapes what it prints.
fn is_template(code: &str, name: &str) -> bool {
    let name: String = name.chars().take_while(|c| c.is_alphanumeric()).collect();
    let lines: Vec<&str> = code.lines().collect();
    let starts = |line: &&str| {
        let after = line.split_once("struct ").map_or("", |(_, after)| after);
        let rest = after.strip_prefix(name.as_str());
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    };
    let Some(at) = lines.iter().position(starts) else { return false };
    lines[at.saturating_sub(4)..at]
        .iter()
        .any(|line| line.contains("derive") && line.contains("Template"))
}

#[test]
fn every_template_is_used() {
    let mut all: Vec<String> = Vec::new();
    for source in production() {
        all.extend(source.parts().literals.iter().map(|one| one.text.clone()));
    }
    for page in files("crates", &[".html", ".txt"]) {
        all.extend(page.text.split('"').map(str::to_owned));
    }
    let mut unused = Vec::new();
    for page in files("crates", &[".html"]) {
        let Some((_, name)) = page.path.split_once("/templates/") else { continue };
        if !all.iter().any(|text| text == name) {
            unused.push(page.path);
        }
    }
    expect_none(&unused, "No page uses these templates. Delete them.");
}

#[test]
fn colours_are_tokens() {
    let mut wrong = Vec::new();
    for sheet in files("crates", &[".css"]) {
        if sheet.path.ends_with("/tokens.css") {
            continue;
        }
        for (line, text) in sheet.lines() {
            let is_hex = text.split('#').skip(1).any(|after| {
                let digits = after.chars().take_while(char::is_ascii_hexdigit).count();
                let ends =
                    !after.chars().nth(digits).is_some_and(|c| c.is_alphanumeric() || c == '-');
                matches!(digits, 3 | 4 | 6 | 8) && ends
            });
            if is_hex && text.contains(':') {
                wrong.push(format!("{}:{line}: {}", sheet.path, text.trim()));
            }
        }
    }
    expect_none(&wrong, "Name the colour in tokens.css and use its name.");
}
