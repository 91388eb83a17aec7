//! No transaction is open while the network is waited for.
//!
//! Crates that do not know `egress` cannot speak to anybody; the rows of the architecture hold that.
//! In the others, and where files may be in a bucket, this reads what stands between the beginning of
//! a transaction and its end, and in every function that is lent one. It sees what is called there by
//! name, and not what that calls in turn: whoever is lent a transaction is read by itself, and whoever
//! is not has no reason to be called there.

use crate::tree::{Source, expect_none, production};

/// What waits for somebody else.
const WAITS: [&str; 16] = [
    "smtp::",
    "imap::",
    "lmtp::",
    "egress::",
    "guard.",
    "http.",
    ".http()",
    "files.get(",
    "files.put(",
    "files.remove(",
    "files.probe(",
    "files().",
    "store_files(",
    "authenticate(",
    "domain_report(",
    "TcpStream",
];

/// Where the block ends that a place in a source is in: its length.
fn block(code: &str, ends_at: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return at,
            '}' => depth -= 1,
            '.' if depth == 0 && !ends_at.is_empty() && code[at..].starts_with(ends_at) => {
                return at;
            }
            _ => {}
        }
    }
    code.len()
}

/// Everything in a source during which a transaction is open, with where it begins.
fn open(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, begin) in code.match_indices(".begin().await") {
        let rest = &code[at + begin.len()..];
        found.push((at + begin.len(), &rest[..block(rest, ".commit()")]));
    }
    for (at, _) in code.match_indices(": &mut Tx") {
        let Some(body) = code[at..].find(['{', ';']).map(|to| at + to + 1) else { continue };
        if code[..body].ends_with('{') {
            found.push((body, &code[body..body + block(&code[body..], "")]));
        }
    }
    found
}

fn waiting(source: &Source) -> Vec<String> {
    let code = &source.parts().code;
    let mut wrong = Vec::new();
    for (start, part) in open(code) {
        for (at, word) in WAITS.iter().flat_map(|word| part.match_indices(word)) {
            let line = code[..start + at].matches('\n').count() + 1;
            wrong.push(format!("{}:{line}: {word}", source.path));
        }
    }
    wrong
}

#[test]
fn no_transaction_is_open_while_the_network_is_waited_for() {
    let sources = || production().iter().filter(|source| source.crate_name() != "database");
    let read: usize = sources().map(|source| open(&source.parts().code).len()).sum();
    assert!(read > 400, "only {read} transactions were found");
    let mut wrong: Vec<String> = sources().flat_map(waiting).collect();
    wrong.dedup();
    expect_none(&wrong, "Ask first and begin the transaction then, or end it before.");
}

#[test]
fn what_waits_in_a_transaction_is_seen() {
    for (code, is_seen) in [
        (
            "{ let mut tx = db.begin().await?; self.files.put(bytes).await?; tx.commit().await }",
            true,
        ),
        (
            "{ let mut tx = db.begin().await?; if a { smtp::send(x).await? } tx.commit().await }",
            true,
        ),
        // It is committed in one of two cases, and stays open in the other.
        (
            "{ let mut tx = db.begin().await?; if a { tx.commit().await? } files.probe().await }",
            true,
        ),
        (
            "{ let mut tx = db.begin().await?; tx.commit().await?; self.files.put(bytes).await }",
            false,
        ),
        ("{ { let mut tx = db.begin().await?; } files.probe().await }", false),
        ("async fn a(tx: &mut Tx, files: &Files) -> R { files.get(hash).await }", true),
        ("async fn a(tx: &mut Tx) -> R { b(tx).await } fn c() { files.get(hash) }", false),
        ("trait A { fn a(tx: &mut Tx); } fn c() { files.get(hash) }", false),
    ] {
        let waits = |part: &str| WAITS.iter().any(|word| part.contains(word));
        assert_eq!(open(code).into_iter().any(|(_, part)| waits(part)), is_seen, "{code}");
    }
}
