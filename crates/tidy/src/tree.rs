//! The files of the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, OnceLock};

use crate::rust::{self, Parts};

/// A file, with its path from the root of the repository.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    parts: OnceLock<Parts>,
}

impl Source {
    /// Tests and what only they use: other rules hold there.
    pub(crate) fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        matches!(name, "tests.rs" | "testing.rs" | "build.rs")
            || self.path.contains("/tests/")
            || self.path.starts_with("crates/tidy/")
    }

    /// The crate that the file belongs to.
    pub(crate) fn crate_name(&self) -> &str {
        self.path.split('/').nth(1).unwrap_or_default()
    }

    /// A source in Rust, taken apart.
    pub(crate) fn parts(&self) -> &Parts {
        self.parts.get_or_init(|| rust::parts(&self.text))
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(at, line)| (at + 1, line))
    }
}

/// What is not ours, or not kept.
const ELSEWHERE: [&str; 7] = [".git", ".venv", "target", "data", "vendor", "fonts", "node_modules"];

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files below a folder whose names end like this, in a fixed order.
pub(crate) fn files(folder: &str, endings: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root().join(folder), folder, endings, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn collect(folder: &Path, path: &str, endings: &[&str], found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        if entry.path().is_dir() {
            if !ELSEWHERE.contains(&name.as_str()) {
                collect(&entry.path(), &path, endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending))
            && let Ok(text) = fs::read_to_string(entry.path())
        {
            found.push(Source { path, text, parts: OnceLock::new() });
        }
    }
}

/// Every file of the product that is written in Rust, without tests.
pub(crate) fn production() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
        let mut sources = files("crates", &[".rs"]);
        sources.retain(|source| !source.is_test() && source.path.contains("/src/"));
        assert!(sources.len() > 100, "the tree was not found");
        sources
    });
    &SOURCES
}

/// The names of all crates.
pub(crate) fn crates() -> Vec<String> {
    let manifests = files("crates", &["Cargo.toml"]);
    manifests.iter().map(|manifest| manifest.crate_name().to_owned()).collect()
}

/// Fails with everything that is wrong at once, and what to do about it.
pub(crate) fn expect_none(wrong: &[String], what_to_do: &str) {
    assert!(wrong.is_empty(), "{what_to_do}\n\n{}\n", wrong.join("\n"));
}
