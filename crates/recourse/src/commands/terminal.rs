//! Talking to the person at the terminal.

use std::io::{IsTerminal, Read, Write};

use anyhow::{Context, Result};

/// A line on standard output. That nobody reads it any more is no fault of ours.
pub(super) fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A sentence on standard error.
pub(super) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "recourse: {text}");
}

/// A password: asked for without showing it, or the first line of what is piped in.
pub(super) fn password(question: &str) -> Result<String> {
    if std::io::stdin().is_terminal() {
        let asked = rpassword::prompt_password(format!("{question}: "));
        return asked.context("the password cannot be read from this terminal");
    }
    let mut text = String::new();
    std::io::stdin()
        .take(4_096)
        .read_to_string(&mut text)
        .context("the password cannot be read from standard input")?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
