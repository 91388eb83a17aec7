//! Nothing is left lying around.

use crate::tree::{expect_none, files, production};

#[test]
fn the_program_prints_through_its_terminal_or_its_log() {
    let mut wrong = Vec::new();
    for source in production() {
        for (at, line) in source.parts().code.lines().enumerate() {
            let prints =
                ["println!", "eprintln!", "print!(", "eprint!(", "dbg!", "todo!", "unimplemented!"];
            if prints.iter().any(|word| line.contains(word)) {
                wrong.push(format!("{}:{}", source.path, at + 1));
            }
        }
    }
    expect_none(&wrong, "Log it, or say it with recourse/src/commands/terminal.rs.");
}

/// Notes to oneself, and paths of somebody's machine. Put together here, so that this file does
/// not find itself.
fn banned() -> Vec<String> {
    let mut words: Vec<String> = [("TO", "DO"), ("FIX", "ME"), ("XX", "X:"), ("HA", "CK:")]
        .map(|(a, b)| format!("{a}{b}"))
        .into();
    words.extend(["work", "root", "home", "Users"].map(|folder| format!("/{folder}/")));
    words.push(format!("{}/wt/", "/tmp"));
    words
}

#[test]
fn no_notes_to_oneself_and_no_paths_of_a_machine() {
    let endings =
        [".rs", ".html", ".ftl", ".sql", ".css", ".js", ".md", ".toml", ".yml", "/run", "/test"];
    let mut wrong = Vec::new();
    let banned = banned();
    for source in files("", &endings) {
        // Mails that real programs wrote hold whatever they hold.
        if source.path.contains("/mail/") || source.path.ends_with("Cargo.lock") {
            continue;
        }
        for (line, text) in source.lines() {
            for word in banned.iter().filter(|word| text.contains(word.as_str())) {
                wrong.push(format!("{}:{line}: {word}", source.path));
            }
        }
    }
    expect_none(&wrong, "Do it now, or open an issue; take machine paths out.");
}
