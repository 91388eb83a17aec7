//! SQL stands in the stores, and migrations are counted.

use std::collections::BTreeSet;

use crate::tree::{Source, expect_none, files, production};

const STATEMENTS: [&str; 5] =
    ["select ", "insert into ", "update ", "delete from ", "with recursive "];

fn is_store(source: &Source) -> bool {
    source.path.starts_with("crates/database/")
        || source.path.ends_with("/store.rs")
        || source.path.contains("/store/")
}

#[test]
fn sql_stands_in_stores() {
    let mut wrong = Vec::new();
    for source in production().iter().filter(|source| !is_store(source)) {
        for literal in &source.parts().literals {
            let text = literal.text.trim_start();
            // Sentences for people begin like this, too; statements go on in lower case.
            let is_sql = STATEMENTS.iter().any(|start| text.starts_with(start));
            if is_sql && (text.contains(" from ") || text.contains(" set ") || text.contains('$')) {
                wrong.push(format!("{}:{}", source.path, literal.line));
            }
        }
    }
    expect_none(
        &wrong,
        "Move the statement to the store of its crate, beside what reads its rows.",
    );
}

#[test]
fn sql_is_written_in_lower_case_and_names_its_columns() {
    let mut wrong = Vec::new();
    for source in production() {
        for literal in &source.parts().literals {
            let text = literal.text.trim_start();
            let loud = ["INSERT INTO ", "DELETE FROM "].iter().any(|start| text.starts_with(start))
                || (text.starts_with("SELECT ") && text.contains(" FROM "))
                || (text.starts_with("UPDATE ") && text.contains(" SET "));
            if loud || text.starts_with("select * ") {
                wrong.push(format!("{}:{}", source.path, literal.line));
            }
        }
    }
    expect_none(&wrong, "Write SQL in lower case, and name the columns instead of `*`.");
}

#[test]
fn migrations_are_counted_without_gaps() {
    let scripts = files("crates/database/migrations", &[".sql"]);
    let numbers: BTreeSet<u32> = scripts
        .iter()
        .filter_map(|script| script.path.rsplit('/').next()?.get(..4)?.parse().ok())
        .collect();
    let expected: BTreeSet<u32> = (1..).take(numbers.len()).collect();
    assert_eq!(numbers, expected, "each migration has a number one higher than the one before");
    assert!(!numbers.is_empty());
}
