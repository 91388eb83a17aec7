//! Who knows whom is what ARCHITECTURE.md says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::tree::{crates, expect_none, files, root};

type Edges = BTreeMap<String, BTreeSet<String>>;

/// The rows of the table: a crate, and the crates that it may know.
fn documented() -> Edges {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut edges = Edges::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let [_, name, _, knows, _] = cells[..] {
            let knows = knows.split_whitespace().map(|word| word.trim_matches('`').to_owned());
            edges.insert(name.trim_matches('`').to_owned(), knows.collect());
        }
    }
    assert!(edges.len() > 10, "the table of ARCHITECTURE.md was not found");
    edges
}

/// A crate and everything that its manifest names.
fn manifests() -> Edges {
    files("crates", &["Cargo.toml"])
        .into_iter()
        .map(|manifest| {
            let name = manifest.crate_name().to_owned();
            let table: toml::Table = manifest.text.parse().unwrap();
            let needs = table.get("dependencies").and_then(toml::Value::as_table);
            (name, needs.into_iter().flatten().map(|(name, _)| name.clone()).collect())
        })
        .collect()
}

#[test]
fn crates_know_exactly_whom_the_architecture_lets_them_know() {
    let (all, documented) = (crates(), documented());
    let mut wrong = Vec::new();
    for (name, needs) in manifests() {
        let Some(allowed) = documented.get(&name) else {
            wrong.push(format!("{name} has no row"));
            continue;
        };
        let needs: BTreeSet<_> = needs.into_iter().filter(|need| all.contains(need)).collect();
        for need in needs.difference(allowed) {
            wrong.push(format!("{name} depends on {need}, and its row does not say so"));
        }
        for need in allowed.difference(&needs).filter(|need| all.contains(need)) {
            wrong.push(format!("the row of {name} allows {need}, which it does not depend on"));
        }
    }
    expect_none(&wrong, "Is the edge right? Then change the table in ARCHITECTURE.md with it.");
}

#[test]
fn the_table_names_no_crate_that_is_gone() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let all = crates();
    let is_known = |name: &String| {
        all.contains(name) || manifest.contains(&format!("{name} = {{ path = \"crates/{name}\" }}"))
    };
    let gone: Vec<_> = documented().into_keys().filter(|name| !is_known(name)).collect();
    expect_none(&gone, "Take the rows of these crates out of ARCHITECTURE.md.");
}

/// Who may depend on what shapes a crate: a driver, a server, a client, a runtime.
const SHAPING: [(&str, &[&str]); 5] = [
    ("tokio-postgres", &["database"]),
    ("rusqlite", &["database"]),
    ("reqwest", &["egress", "files"]),
    ("argon2", &["accounts"]),
    ("clap", &["recourse"]),
];

#[test]
fn drivers_and_clients_stay_where_they_belong() {
    let mut wrong = Vec::new();
    for (name, needs) in manifests() {
        for (need, homes) in SHAPING {
            if needs.contains(need) && !homes.contains(&name.as_str()) {
                wrong.push(format!("{name} depends on {need}; that is for {}", homes.join(", ")));
            }
        }
        let is_pure = name == "kernel";
        if is_pure && ["tokio", "axum", "askama"].iter().any(|need| needs.contains(*need)) {
            wrong.push("kernel waits for nothing and knows no browser".to_owned());
        }
    }
    expect_none(&wrong, "Ask the crate that owns it instead.");
}

/// Named in a manifest for what it switches on elsewhere.
const SWITCHES: [(&str, &str); 1] = [("files", "reqwest")];

#[test]
fn every_dependency_is_used() {
    let sources = files("crates", &[".rs"]);
    let mut unused = Vec::new();
    for (name, needs) in manifests() {
        let own: Vec<_> = sources.iter().filter(|source| source.crate_name() == name).collect();
        for need in needs.iter().filter(|need| !SWITCHES.contains(&(name.as_str(), need.as_str())))
        {
            let ident = need.replace('-', "_");
            let is_used = own.iter().any(|source| names(&source.text, &ident));
            if !is_used {
                unused.push(format!("crates/{name}/Cargo.toml: {need}"));
            }
        }
    }
    expect_none(&unused, "Take what is not used out of the manifest.");
}

/// Whether a source has `ident::`, `ident as` or `ident;` as a path of its own.
fn names(text: &str, ident: &str) -> bool {
    text.match_indices(ident).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = &text[at + ident.len()..];
        let begins = before.is_none_or(|c| !c.is_alphanumeric() && c != '_');
        begins && ["::", ";", " as "].iter().any(|end| after.starts_with(end))
    })
}
