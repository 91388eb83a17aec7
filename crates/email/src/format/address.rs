//! Lists of mailboxes in header fields.
//!
//! One reader for both uses. It reads generously, and says when it had to: what is shown may be a
//! guess, what is believed may not.

use kernel::{EmailAddress, one_line};
use serde::{Deserialize, Serialize};

use crate::format::words;

/// Somebody a mail names: an address that can be written to, and the name beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    pub name: Option<String>,
    pub address: EmailAddress,
}

/// One entry of a list, as written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Mailbox {
    pub(crate) name: Option<String>,
    pub(crate) address: String,
}

/// What a list says.
#[derive(Debug, Default)]
pub(crate) struct Mailboxes {
    pub(crate) list: Vec<Mailbox>,
    /// The value is not what RFC 5322 allows a program to write; another reader may find other
    /// mailboxes in it.
    pub(crate) odd: bool,
    /// There were more than allowed.
    pub(crate) cut: bool,
}

const NAME_CHARS_MAX: usize = 200;

impl Mailboxes {
    pub(crate) fn parse(value: &str, count_max: usize) -> Self {
        let mut reader = Reader::default();
        let mut chars = value.chars();
        while let Some(c) = chars.next() {
            if reader.found.list.len() >= count_max {
                reader.found.cut = true;
                return reader.found;
            }
            match c {
                '"' => reader.quoted(&mut chars),
                '(' => reader.comment(&mut chars),
                '<' => reader.angle(&mut chars),
                ',' => reader.finish(),
                // The end of a group, or Outlook's comma.
                ';' => {
                    reader.found.odd = true;
                    reader.finish();
                }
                ':' => reader.group(),
                _ => reader.plain(c),
            }
        }
        reader.finish();
        reader.found
    }

    /// The entries that can be written to.
    pub(crate) fn parties(self) -> impl Iterator<Item = Party> {
        self.list.into_iter().filter_map(Mailbox::party)
    }
}

impl Mailbox {
    pub(crate) fn party(self) -> Option<Party> {
        let address: EmailAddress = self.address.parse().ok()?;
        Some(Party { name: self.name, address })
    }
}

#[derive(Default)]
struct Reader {
    found: Mailboxes,
    phrase: String,
    comment: String,
    angle: Option<String>,
    has_quoted: bool,
}

impl Reader {
    fn plain(&mut self, c: char) {
        if self.angle.is_some() && !c.is_whitespace() {
            self.found.odd = true;
        }
        if c.is_control() && c != '\t' || c == '>' {
            self.found.odd = true;
        }
        self.phrase.push(c);
    }

    fn quoted(&mut self, chars: &mut std::str::Chars<'_>) {
        if self.angle.is_some() {
            self.found.odd = true;
        }
        self.has_quoted = true;
        let mut escaped = false;
        for c in chars {
            match c {
                '\\' if !escaped => escaped = true,
                '"' if !escaped => return,
                _ => {
                    self.phrase.push(c);
                    escaped = false;
                }
            }
        }
        self.found.odd = true;
    }

    fn comment(&mut self, chars: &mut std::str::Chars<'_>) {
        let (mut depth, mut escaped) = (1_usize, false);
        for c in chars {
            match c {
                _ if escaped => escaped = false,
                '\\' => {
                    escaped = true;
                    continue;
                }
                '(' => depth += 1,
                ')' => {
                    depth -= 1;
                    if depth == 0 {
                        self.comment.push(' ');
                        return;
                    }
                }
                _ => {}
            }
            self.comment.push(c);
        }
        self.found.odd = true;
    }

    fn angle(&mut self, chars: &mut std::str::Chars<'_>) {
        let mut inside = String::new();
        for c in chars {
            match c {
                '>' => {
                    // A second address in the same entry: the first one counts, nobody is sure.
                    self.found.odd |= self.angle.is_some();
                    self.angle.get_or_insert(inside);
                    return;
                }
                '<' | '(' | '"' | ',' | ';' | ':' => self.found.odd = true,
                c if c.is_whitespace() || c.is_control() => self.found.odd = true,
                _ => {}
            }
            inside.push(c);
        }
        self.found.odd = true;
        self.angle.get_or_insert(inside);
    }

    /// `Friends: a@example.com, b@example.com;` names its members; the group's name is dropped.
    fn group(&mut self) {
        self.found.odd = true;
        self.phrase.clear();
        self.comment.clear();
    }

    fn finish(&mut self) {
        let phrase = std::mem::take(&mut self.phrase);
        let comment = std::mem::take(&mut self.comment);
        let has_quoted = std::mem::take(&mut self.has_quoted);
        if let Some(angle) = self.angle.take() {
            let name = clean_name(&phrase).or_else(|| clean_name(&comment));
            let address = self.without_route(angle.trim());
            self.push(name, address);
            return;
        }
        let phrase = phrase.trim();
        if phrase.is_empty() {
            // An empty entry is what a trailing comma leaves.
            self.found.odd |= has_quoted || !comment.is_empty();
            return;
        }
        let mut words = phrase.split_whitespace();
        let only = words.next().filter(|_| words.next().is_none());
        if let Some(word) = only.filter(|word| word.contains('@') && !has_quoted) {
            self.push(clean_name(&comment), word.to_owned());
        } else {
            self.found.odd = true;
            let (address, name) = pick_address(phrase);
            self.push(clean_name(&name).or_else(|| clean_name(&comment)), address);
        }
    }

    fn push(&mut self, name: Option<String>, address: String) {
        let name = name.filter(|name| !name.eq_ignore_ascii_case(&address));
        self.found.list.push(Mailbox { name, address });
    }

    /// Source routes (`<@relay:dana@example.com>`) are long dead.
    fn without_route(&mut self, angle: &str) -> String {
        if angle.starts_with('@')
            && let Some((_, address)) = angle.rsplit_once(':')
        {
            self.found.odd = true;
            return address.to_owned();
        }
        let bare = angle.strip_prefix("mailto:").unwrap_or(angle);
        bare.to_owned()
    }
}

/// The word that looks like an address, and the others as its name.
fn pick_address(phrase: &str) -> (String, String) {
    let is_address = |word: &&str| word.contains('@');
    let address = phrase.split_whitespace().find(is_address).unwrap_or_default();
    let others: Vec<&str> = phrase.split_whitespace().filter(|word| *word != address).collect();
    let address = address.trim_matches(['[', ']', '\'', '"']);
    (address.to_owned(), others.join(" "))
}

/// A name as it may be shown: decoded, one line, no characters that rearrange what is around it.
pub(crate) fn clean_name(raw: &str) -> Option<String> {
    let name: String =
        words::decode(raw).chars().filter(|c| !is_invisible(*c) || is_joiner(*c)).collect();
    let name = one_line(&name);
    let name = name.trim_matches(['"', '\'', ' ']);
    (!name.is_empty()).then(|| kernel::clip(name, NAME_CHARS_MAX))
}

/// Many scripts and emoji are written with these.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Characters that cannot be seen but change what can: direction marks, zero-width blanks and
/// joiners, byte order marks, tags.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}
