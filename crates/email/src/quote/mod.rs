//! What is new in a mail, and what is history.
//!
//! Invariant: every line of the text is in one of the two. A wrong guess folds something away
//! that can be unfolded; it never loses anything.

mod attribution;
mod history;
mod signature;

use crate::words::Words;

/// The line that our mails carry above quoted history, in English.
pub const REPLY_LINE: &str = "Please write your reply above this line";

/// What is known about a text before it is cut.
#[derive(Clone, Copy, Debug)]
pub struct Style<'s> {
    /// Lines that our own mails carry above quoted history.
    pub reply_lines: &'s [String],
    /// The mail forwards another one, which is then what it is about and not history.
    pub forwarded: bool,
}

/// Quoted blocks up to this many lines stay where they are when an answer follows them: the
/// answer would make no sense without.
const CONTEXT_LINES_MAX: usize = 12;

/// Longer texts were not typed; they are shown as they are.
const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// Cuts a text into what is new and what is history or signature.
pub fn split(text: &str, style: &Style<'_>) -> (String, String) {
    if text.len() > TEXT_BYTES_MAX {
        return (text.trim_end().to_owned(), String::new());
    }
    let lines: Vec<&str> = text.lines().collect();
    let found = history::find(&lines, style);
    let mut folded = vec![false; lines.len()];
    for block in &found.blocks {
        fold(&mut folded, block.start, block.end);
    }
    if let Some(start) = found.rest {
        fold(&mut folded, start, lines.len());
    }
    let is_new = |(line, is_folded): (&&str, &bool)| !is_folded && !line.trim().is_empty();
    let last_new = lines.iter().zip(&folded).rposition(is_new).unwrap_or(0);
    for block in &found.blocks {
        let is_context = last_new >= block.end && block.end - block.start <= CONTEXT_LINES_MAX;
        if is_context {
            unfold(&mut folded, block.start, block.end);
        }
    }
    signature::fold(&lines, &mut folded);
    let (visible, quoted) = take_apart(&lines, &folded);
    if visible.is_empty() && !found.certain {
        // Nothing but a signature or a quote: better to show it than an empty mail.
        return (text.trim().to_owned(), String::new());
    }
    (visible, quoted)
}

/// Whether a subject says that the mail forwards another.
pub fn is_forward(subject: &str) -> bool {
    static PREFIXES: Words = Words::new(
        "\
        fw|fwd|wg|tr|rv|enc|doorst|vs|vb|pd|továbbítás|i|fs|transf|ilt|yml|转发|轉寄|転送|\
        전달|przekazana|přeposláno|переслано",
    );
    let Some((prefix, _)) = subject.trim_start().split_once([':', '：']) else { return false };
    let prefix = prefix.trim().to_lowercase();
    PREFIXES.has(&prefix)
}

fn fold(folded: &mut [bool], start: usize, end: usize) {
    for flag in folded.iter_mut().take(end).skip(start) {
        *flag = true;
    }
}

fn unfold(folded: &mut [bool], start: usize, end: usize) {
    for flag in folded.iter_mut().take(end).skip(start) {
        *flag = false;
    }
}

fn take_apart(lines: &[&str], folded: &[bool]) -> (String, String) {
    let (mut visible, mut quoted) = (String::new(), String::new());
    for (line, is_folded) in lines.iter().zip(folded) {
        let side = if *is_folded { &mut quoted } else { &mut visible };
        side.push_str(line);
        side.push('\n');
    }
    (trimmed(&visible), trimmed(&quoted))
}

/// Without empty lines around, but with the blanks that begin the first line.
fn trimmed(text: &str) -> String {
    let text = text.trim_end();
    let mut rest = text;
    while let Some((line, after)) = rest.split_once('\n') {
        if !line.trim().is_empty() {
            break;
        }
        rest = after;
    }
    rest.to_owned()
}
