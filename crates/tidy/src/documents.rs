//! The documents speak of what is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::tree::{Source, expect_none, files, production, root};

fn documents() -> Vec<Source> {
    let mut all = files("", &[".md"]);
    all.retain(|page| !page.path.starts_with("crates/"));
    assert!(all.len() > 5, "the documents were not found");
    all
}

#[test]
fn paths_in_documents_exist() {
    let mut wrong = Vec::new();
    for page in documents() {
        for (line, text) in page.lines() {
            for path in text.split('`').skip(1).step_by(2) {
                let is_path =
                    ["crates/", "docs/", "bin/", ".ci/"].iter().any(|f| path.starts_with(f));
                let is_plain = !path.contains(['*', '<', ' ', '{', '…']);
                if is_path && is_plain && !root().join(path).exists() {
                    wrong.push(format!("{}:{line}: {path}", page.path));
                }
            }
        }
    }
    expect_none(&wrong, "Correct the path, or write the document that it points to.");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut wrong = Vec::new();
    for page in documents() {
        let folder = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, text) in page.lines() {
            for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let file = target.split('#').next().unwrap_or_default();
                let is_local = !file.is_empty() && !file.contains("://");
                let is_page = Path::new(file).extension().is_some_and(|kind| kind == "md");
                if is_local && is_page && !root().join(folder).join(file).exists() {
                    wrong.push(format!("{}:{line}: {target}", page.path));
                }
            }
        }
    }
    expect_none(&wrong, "Correct the link.");
}

#[test]
fn the_readme_knows_every_setting() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let mut names = BTreeSet::new();
    for source in production().iter().filter(|source| source.crate_name() == "recourse") {
        for literal in &source.parts().literals {
            if literal.text.starts_with("RECOURSE_") && !literal.text.contains('{') {
                names.insert(literal.text.clone());
            }
        }
    }
    assert!(names.len() > 8, "the settings were not found");
    let unknown: Vec<_> = names.into_iter().filter(|name| !readme.contains(name)).collect();
    expect_none(&unknown, "Write these settings into the table of README.md.");
}
