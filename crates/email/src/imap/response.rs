//! One response of a server: a line, with the literals in it.

use std::ops::Range;

/// A response, cut into tokens. Lists are kept as they are written: nothing here recurses.
#[derive(Debug, Default)]
pub(crate) struct Response {
    pub(crate) bytes: Vec<u8>,
    tokens: Vec<Token>,
}

/// Small, for there may be a million.
#[derive(Clone, Copy, Debug)]
struct Token {
    kind: Kind,
    start: u32,
    end: u32,
}

impl Token {
    /// Nothing when no response may be that long.
    fn new(kind: Kind, start: usize, end: usize) -> Option<Self> {
        Some(Self { kind, start: u32::try_from(start).ok()?, end: u32::try_from(end).ok()? })
    }

    fn range(self) -> Range<usize> {
        let at = |place| usize::try_from(place).unwrap_or(usize::MAX);
        at(self.start)..at(self.end)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Atom,
    Quoted,
    Literal,
    Open,
    Close,
}

/// A value in a response: text, or a list of texts.
pub(crate) enum Value<'r> {
    Text(&'r [u8]),
    List(Vec<&'r [u8]>),
}

/// A folder with a million mails answers a search with this many.
const TOKENS_MAX: usize = 1 << 20;
const ABILITIES_MAX: usize = 200;
/// Literals from this size on get their room at once, and none beside it.
const LARGE_BYTES: usize = 64 * 1024;

impl Response {
    /// Adds a piece of a line. Gives the length of the literal that follows it, if there is one,
    /// and an error when the response has too many parts.
    pub(crate) fn add_line(&mut self, mut line: Vec<u8>) -> Result<Option<usize>, TooManyTokens> {
        let (length, literal) = split_literal(&line);
        line.truncate(length);
        let mut at = self.bytes.len();
        if self.bytes.is_empty() {
            self.bytes = line;
        } else {
            self.bytes.extend_from_slice(&line);
        }
        while let Some(token) = next_token(&self.bytes, at) {
            // A quoted text ends behind its closing quote.
            at = token.range().end + usize::from(token.kind == Kind::Quoted);
            self.add(token)?;
        }
        Ok(literal)
    }

    fn add(&mut self, token: Token) -> Result<(), TooManyTokens> {
        if self.tokens.len() >= TOKENS_MAX {
            return Err(TooManyTokens);
        }
        self.tokens.push(token);
        Ok(())
    }

    /// Where the bytes of a literal go. There is room for them, and for the rest of a line.
    pub(crate) fn room_for(&mut self, length: usize) -> usize {
        if length >= LARGE_BYTES {
            self.bytes.reserve_exact(length + 1024);
        }
        self.bytes.len()
    }

    pub(crate) fn literal_read(&mut self, start: usize) -> Result<(), TooManyTokens> {
        let token = Token::new(Kind::Literal, start, self.bytes.len()).ok_or(TooManyTokens)?;
        self.add(token)
    }

    fn text(&self, index: usize) -> Option<&[u8]> {
        let token = self.tokens.get(index)?;
        match token.kind {
            Kind::Atom | Kind::Quoted | Kind::Literal => self.bytes.get(token.range()),
            Kind::Open | Kind::Close => None,
        }
    }

    fn is_word(&self, index: usize, word: &str) -> bool {
        self.text(index).is_some_and(|text| text.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// The tag: `*`, `+`, or that of a command.
    pub(crate) fn tag(&self) -> &[u8] {
        self.text(0).unwrap_or_default()
    }

    /// `OK`, `NO`, `BAD`, `BYE`, `PREAUTH` or what it is about.
    pub(crate) fn has_status(&self, status: &str) -> bool {
        self.is_word(1, status)
    }

    /// What the server says to people.
    pub(crate) fn said(&self) -> String {
        let from = self.tokens.get(2).map_or(self.bytes.len(), |token| token.range().start);
        let said = String::from_utf8_lossy(self.bytes.get(from..).unwrap_or_default());
        kernel::clip(&kernel::one_line(&said), 300)
    }

    /// The number of `* 12 EXISTS`.
    pub(crate) fn count(&self, what: &str) -> Option<u32> {
        if self.is_word(2, what) { number(self.text(1)?) } else { None }
    }

    /// The number of `* OK [UIDNEXT 12] …`.
    pub(crate) fn code(&self, name: &str) -> Option<u32> {
        let code = self.text(2)?.strip_prefix(b"[")?.strip_suffix(b"]")?;
        let mut words = code.split(|byte| *byte == b' ');
        let is_it = words.next()?.eq_ignore_ascii_case(name.as_bytes());
        if is_it { number(words.next()?) } else { None }
    }

    /// The words of `* CAPABILITY …`, or of the code in a status.
    pub(crate) fn abilities(&self) -> Option<Vec<String>> {
        let upper = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_ascii_uppercase();
        if self.is_word(1, "CAPABILITY") {
            let words = (2..self.tokens.len()).filter_map(|at| self.text(at));
            return Some(words.take(ABILITIES_MAX).map(upper).collect());
        }
        let code = self.text(2)?.strip_prefix(b"[")?.strip_suffix(b"]")?;
        let mut words = code.split(|byte| *byte == b' ');
        let is_it = words.next()?.eq_ignore_ascii_case(b"CAPABILITY");
        is_it.then(|| words.take(ABILITIES_MAX).map(upper).collect())
    }

    /// The numbers of `* SEARCH …`.
    pub(crate) fn search(&self) -> impl Iterator<Item = u32> + '_ {
        let is_search = self.tag() == b"*" && self.is_word(1, "SEARCH");
        let end = if is_search { self.tokens.len() } else { 2 };
        (2..end).filter_map(|at| self.text(at)).filter_map(number)
    }

    /// The values behind `* WORD`.
    pub(crate) fn values_after(&self, word: &str) -> Option<impl Iterator<Item = Value<'_>> + '_> {
        (self.tag() == b"*" && self.is_word(1, word)).then_some(Values { response: self, at: 2 })
    }

    /// The items of `* 12 FETCH (…)`.
    pub(crate) fn fetched(&self) -> Option<Items<'_>> {
        let is_fetch = self.tag() == b"*" && self.is_word(2, "FETCH");
        let opens = self.tokens.get(3).is_some_and(|token| token.kind == Kind::Open);
        (is_fetch && opens).then_some(Items { response: self })
    }

    /// The bytes of the fetched item whose name begins like this: servers repeat the name as they
    /// like. They are not copied: a mail may be large.
    pub(crate) fn into_bytes_of(mut self, name: &str) -> Option<Vec<u8>> {
        let begins = |found: &[u8]| {
            found.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
        };
        let at = self.fetched()?.place_of(begins)?;
        let is_nothing = self.tokens.get(at)?.kind == Kind::Atom && self.is_word(at, "NIL");
        if is_nothing || self.text(at).is_none() {
            return None;
        }
        let range = self.tokens.get(at)?.range();
        self.bytes.truncate(range.end);
        self.bytes.drain(..range.start);
        Some(self.bytes)
    }
}

/// The response has more parts than any honest one.
#[derive(Debug)]
pub(crate) struct TooManyTokens;

struct Values<'r> {
    response: &'r Response,
    at: usize,
}

impl<'r> Iterator for Values<'r> {
    type Item = Value<'r>;

    fn next(&mut self) -> Option<Value<'r>> {
        let token = self.response.tokens.get(self.at)?;
        self.at += 1;
        match token.kind {
            Kind::Close => None,
            Kind::Open => {
                let mut list = Vec::new();
                let mut depth = 1_usize;
                while let Some(token) = self.response.tokens.get(self.at) {
                    match token.kind {
                        Kind::Open => depth += 1,
                        Kind::Close => depth -= 1,
                        Kind::Atom | Kind::Quoted | Kind::Literal => {
                            list.extend(self.response.text(self.at));
                        }
                    }
                    self.at += 1;
                    if depth == 0 {
                        break;
                    }
                }
                Some(Value::List(list))
            }
            // The protocol's word for nothing.
            Kind::Atom if self.response.is_word(self.at - 1, "NIL") => {
                Some(Value::List(Vec::new()))
            }
            Kind::Atom | Kind::Quoted | Kind::Literal => {
                self.response.text(self.at - 1).map(Value::Text)
            }
        }
    }
}

/// Names and values of a fetched mail.
pub(crate) struct Items<'r> {
    response: &'r Response,
}

impl<'r> Items<'r> {
    /// The token with which the value begins.
    fn place_of(&self, is_it: impl Fn(&[u8]) -> bool) -> Option<usize> {
        let mut values = Values { response: self.response, at: 4 };
        loop {
            let Value::Text(name) = values.next()? else { return None };
            let at = values.at;
            values.next()?;
            if is_it(name) {
                return Some(at);
            }
        }
    }

    fn find(&self, is_it: impl Fn(&[u8]) -> bool) -> Option<Value<'r>> {
        Values { response: self.response, at: self.place_of(is_it)? }.next()
    }

    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        match self.find(|found| found.eq_ignore_ascii_case(name.as_bytes()))? {
            Value::Text(text) => number(text),
            Value::List(_) => None,
        }
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.find(|found| found.eq_ignore_ascii_case(name.as_bytes()))? {
            Value::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
            Value::List(_) => None,
        }
    }
}

fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// How much of a line is its own; `… {123}` announces a literal.
fn split_literal(line: &[u8]) -> (usize, Option<usize>) {
    let announced = || {
        let inner = line.strip_suffix(b"}")?;
        let open = memchr::memrchr(b'{', inner)?;
        let digits = inner.get(open + 1..)?;
        let digits = digits.strip_suffix(b"+").unwrap_or(digits);
        let length: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
        let before = line.get(..open)?;
        Some((before.strip_suffix(b"~").unwrap_or(before).len(), length))
    };
    match announced() {
        Some((before, length)) => (before, Some(length)),
        None => (line.len(), None),
    }
}

fn next_token(bytes: &[u8], from: usize) -> Option<Token> {
    let rest = bytes.get(from..)?;
    let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let start = from + blanks;
    let rest = bytes.get(start..)?;
    let token = Token::new;
    match rest.first()? {
        b'(' => token(Kind::Open, start, start + 1),
        b')' => token(Kind::Close, start, start + 1),
        b'"' => {
            let mut escaped = false;
            let inner = rest.get(1..)?;
            let end = inner.iter().position(|byte| {
                let ends = *byte == b'"' && !escaped;
                escaped = *byte == b'\\' && !escaped;
                ends
            });
            token(Kind::Quoted, start + 1, start + 1 + end.unwrap_or(inner.len()))
        }
        _ => {
            // `BODY[HEADER.FIELDS (TO)]` and `[UIDNEXT 12]` are one word.
            let mut in_brackets = false;
            let end = rest.iter().position(|byte| {
                match byte {
                    b'[' => in_brackets = true,
                    b']' => in_brackets = false,
                    _ => {}
                }
                !in_brackets && matches!(byte, b' ' | b'\t' | b'(' | b')')
            });
            token(Kind::Atom, start, start + end.unwrap_or(rest.len()))
        }
    }
}
