//! Files stay small enough to be read. Functions are counted by the linter.

use crate::tree::{Source, expect_none, files, production};

fn too_long(sources: &[Source], lines_max: usize) -> Vec<String> {
    let long = sources.iter().filter(|source| source.text.lines().count() > lines_max);
    long.map(|source| format!("{}: {} lines", source.path, source.text.lines().count())).collect()
}

#[test]
fn files_are_short() {
    let mut wrong = too_long(production(), 500);
    wrong.extend(too_long(&files("crates", &[".html"]), 150));
    wrong.extend(too_long(&files("crates", &[".css"]), 400));
    wrong.extend(too_long(&files("crates", &[".js"]), 200));
    expect_none(&wrong, "Split these where the name of a part helps: a folder of the same name.");
}

#[test]
fn files_say_what_they_are_for() {
    let mut wrong = Vec::new();
    for source in production() {
        let first = source.text.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
        if !first.starts_with("//!") {
            wrong.push(source.path.clone());
        }
    }
    expect_none(&wrong, "Begin the file with a sentence about what it is for (`//! …`).");
}
