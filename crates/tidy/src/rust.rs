//! Just enough of Rust's grammar to tell strings and comments from code.

/// A string in a source, with the line where it begins.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Literal {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// A source, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) literals: Vec<Literal>,
    /// The source with the content of strings and all comments taken out, line for line.
    pub(crate) code: String,
}

pub(crate) fn parts(source: &str) -> Parts {
    let mut reader = Reader { rest: source, line: 1, parts: Parts::default() };
    while reader.step() {}
    reader.parts
}

struct Reader<'s> {
    rest: &'s str,
    line: usize,
    parts: Parts,
}

impl<'s> Reader<'s> {
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else { return false };
        if self.rest.starts_with("//") {
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            self.skip(end);
        } else if self.rest.starts_with("/*") {
            let end = self.rest.find("*/").map_or(self.rest.len(), |end| end + 2);
            self.skip(end);
        } else if first == '"' {
            self.string();
        } else if let Some(hashes) = raw_string(self.rest) {
            self.raw_string(hashes);
        } else if first == '\'' {
            self.character();
        } else if first.is_alphanumeric() || first == '_' {
            // A whole word, so that the end of a name is not taken for the start of a string.
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            self.keep(self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len()));
        } else {
            self.keep(first.len_utf8());
        }
        true
    }

    fn take(&mut self, length: usize) -> &'s str {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    fn keep(&mut self, length: usize) {
        let taken = self.take(length);
        self.parts.code.push_str(taken);
    }

    fn skip(&mut self, length: usize) {
        let taken = self.take(length);
        self.parts.code.extend(taken.matches('\n'));
    }

    fn literal(&mut self, line: usize, text: String) {
        self.parts.literals.push(Literal { line, text });
        self.parts.code.push_str("\"\"");
    }

    fn string(&mut self) {
        let (line, mut text, mut is_escaped, mut end) = (self.line, String::new(), false, 0);
        for (at, c) in self.rest.char_indices().skip(1) {
            end = at + c.len_utf8();
            match (is_escaped, c) {
                (false, '"') => break,
                (false, '\\') => is_escaped = true,
                (_, c) => {
                    text.push(c);
                    is_escaped = false;
                }
            }
        }
        self.literal(line, text);
        self.skip(end);
    }

    fn raw_string(&mut self, hashes: usize) {
        let (line, start) = (self.line, hashes + 2);
        let close = format!("\"{}", "#".repeat(hashes));
        let end = self.rest[start..].find(&close).map_or(self.rest.len(), |end| start + end);
        let text = self.rest[start..end].to_owned();
        self.literal(line, text);
        self.skip((end + close.len()).min(self.rest.len()));
    }

    /// A character such as `'"'`, or the start of a lifetime.
    fn character(&mut self) {
        let mut chars = self.rest.char_indices().skip(1);
        let length = match (chars.next(), chars.next(), chars.next()) {
            (Some((_, '\\')), _, _) => {
                let after = self.rest.get(3..).unwrap_or_default();
                after.find('\'').map_or(1, |end| end + 4)
            }
            (Some(_), Some((at, '\'')), _) => at + 1,
            _ => 1,
        };
        let taken = self.take(length);
        self.parts.code.push_str(if taken.len() > 1 { "' '" } else { taken });
    }
}

/// The number of hashes, if a raw string begins here.
fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

/// What in a text stands between `start` and the next double quote.
pub(crate) fn quoted_after<'t>(text: &'t str, start: &str) -> Vec<(usize, &'t str)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(start) {
        let rest = &text[at + start.len()..];
        if let Some(end) = rest.find('"') {
            let line = text[..at].matches('\n').count() + 1;
            found.push((line, &rest[..end]));
        }
    }
    found
}

#[test]
fn strings_and_comments_are_told_from_code() {
    let source = "let a = \"one \\\" two\"; // \"three\"\nlet b = r#\"fo\"ur\"#;\n/* \"five\"\n*/ \
                  fn f<'a>(c: &'a str) -> char { let r = '\"'; let s = '\\''; for_(\"six\") }";
    let parts = parts(source);
    let texts: Vec<_> = parts.literals.iter().map(|one| (one.line, one.text.as_str())).collect();
    assert_eq!(texts, [(1, "one \" two"), (2, "fo\"ur"), (4, "six")]);
    assert!(parts.code.contains("fn f<'a>(c: &'a str)"));
    assert!(!parts.code.contains("three") && !parts.code.contains("five"));
    assert_eq!(parts.code.lines().count(), source.lines().count());
}
