//! Cutting text into words that can be compared. Pure.

use std::cell::RefCell;
use std::collections::HashMap;

use database::search::Expr;
use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longer words say nothing; more of them make no text easier to find.
const WORD_BYTES_MAX: usize = 64;
const WORDS_MAX: usize = 20_000;

/// The words of a text in their order, folded and stemmed.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    cut(text, &mut |piece| {
        if words.len() < WORDS_MAX {
            piece.words_into(&mut words);
        }
    });
    words
}

/// The words of a text as they are compared when a hit is shown: folded, not stemmed.
pub fn folded(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    cut(text, &mut |piece| {
        if words.len() < WORDS_MAX {
            words.push(piece.text.to_owned());
        }
    });
    words
}

/// One thing that a person looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Term {
    /// A word; the last one typed may be a beginning.
    Word(String),
    /// Words in quotes: in this order.
    Phrase(String),
    /// Not this.
    Not(Box<Term>),
}

/// What to ask the database for, if anything can be asked for.
pub fn expr(terms: &[Term]) -> Option<Expr> {
    let mut wanted = Vec::new();
    let mut unwanted = Vec::new();
    let last_word = terms.iter().rposition(|term| matches!(term, Term::Word(_)));
    for (index, term) in terms.iter().enumerate() {
        match term {
            Term::Not(term) => unwanted.extend(one(term, false)),
            Term::Word(_) | Term::Phrase(_) => wanted.extend(one(term, last_word == Some(index))),
        }
    }
    let wanted = match wanted.len() {
        0 => return None,
        1 => wanted.pop()?,
        _ => Expr::All(wanted),
    };
    Some(match unwanted.len() {
        0 => wanted,
        _ => Expr::Without(Box::new(wanted), Box::new(Expr::Any(unwanted))),
    })
}

fn one(term: &Term, may_go_on: bool) -> Option<Expr> {
    let text = match term {
        Term::Word(text) | Term::Phrase(text) => text,
        Term::Not(_) => return None,
    };
    let mut found = words(text);
    // An address or a number with dashes is several words that belong together.
    let first = match found.len() {
        0 => return None,
        1 => found.pop()?,
        _ => return Some(Expr::Phrase(found)),
    };
    let is_short_ascii = first.is_ascii() && first.len() < 3;
    let begins = matches!(term, Term::Word(_)) && may_go_on && !is_short_ascii;
    Some(if begins || is_single_pictograph(&first) {
        Expr::Prefix(first)
    } else {
        Expr::Word(first)
    })
}

/// A single character of a script that is kept in pairs stands at the beginning of pairs.
pub(crate) fn is_single_pictograph(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(is_paired) && chars.next().is_none()
}

/// A run of letters and digits of one kind of script.
struct Piece<'p> {
    text: &'p str,
    paired: bool,
}

impl Piece<'_> {
    fn words_into(&self, words: &mut Vec<String>) {
        if !self.paired {
            words.push(stem(self.text));
            return;
        }
        let chars: Vec<char> = self.text.chars().collect();
        if chars.len() == 1 {
            words.push(self.text.to_owned());
        }
        for pair in chars.windows(2) {
            words.push(pair.iter().collect());
        }
    }
}

/// Folds the text and hands out its pieces.
fn cut(text: &str, take: &mut dyn FnMut(Piece<'_>)) {
    let folded = fold(text);
    let mut start = 0;
    let mut state: Option<bool> = None;
    for (at, c) in folded.char_indices() {
        let kind = kind_of(c, state);
        if kind != state {
            give(&folded, start, at, state, take);
            start = at;
            state = kind;
        }
    }
    give(&folded, start, folded.len(), state, take);
}

/// Small letters without accents. Most text is ASCII, which needs none of the tables.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(other) = rest.bytes().position(|byte| !byte.is_ascii()) {
        // An accent may follow that belongs to the letter before it.
        let (plain, tail) = rest.split_at(other.saturating_sub(1));
        let end = tail.char_indices().skip(1).find(|(_, c)| c.is_ascii());
        let (special, tail) = tail.split_at(end.map_or(tail.len(), |(at, _)| at));
        folded.extend(plain.chars().map(|c| c.to_ascii_lowercase()));
        folded.extend(
            special
                .nfkd()
                .filter(|c| !is_accent(*c))
                .flat_map(char::to_lowercase)
                .map(|c| if c == 'ß' { 's' } else { c })
                .nfc(),
        );
        rest = tail;
    }
    folded.extend(rest.chars().map(|c| c.to_ascii_lowercase()));
    folded
}

fn give(text: &str, from: usize, to: usize, state: Option<bool>, take: &mut dyn FnMut(Piece<'_>)) {
    let (Some(paired), Some(piece)) = (state, text.get(from..to)) else { return };
    if piece.len() <= WORD_BYTES_MAX || paired {
        take(Piece { text: piece, paired });
    }
}

/// `Some(true)` in scripts that are cut into pairs, `Some(false)` in words, `None` between.
pub(crate) fn kind_of(c: char, before: Option<bool>) -> Option<bool> {
    if c.is_ascii() {
        c.is_ascii_alphanumeric().then_some(false)
    } else if is_combining_mark(c) {
        before
    } else if !c.is_alphanumeric() {
        None
    } else {
        Some(is_paired(c))
    }
}

/// Accents over Latin, Greek and Cyrillic letters; marks of other scripts are part of the word.
fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// Scripts written without blanks between words.
fn is_paired(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0eff}'     // Thai, Lao
        | '\u{1000}'..='\u{109f}'   // Burmese
        | '\u{1780}'..='\u{17ff}'   // Khmer
        | '\u{1100}'..='\u{11ff}'   // Hangul, decomposed
        | '\u{3040}'..='\u{30ff}'   // Hiragana, Katakana
        | '\u{3400}'..='\u{9fff}'   // Han
        | '\u{ac00}'..='\u{d7af}'   // Hangul
        | '\u{20000}'..='\u{3134f}')
}

/// So many stems are remembered.
const STEMS_MAX: usize = 4_096;

/// Finds stems, and remembers them: a few words make up most of what people write.
struct Stems {
    english: Stemmer,
    known: HashMap<Box<str>, Box<str>>,
}

impl Stems {
    fn of(&mut self, word: &str) -> String {
        if let Some(stem) = self.known.get(word) {
            return stem.as_ref().to_owned();
        }
        let stem = self.english.stem(word).into_owned();
        if self.known.len() == STEMS_MAX {
            self.known.clear();
        }
        self.known.insert(word.into(), stem.as_str().into());
        stem
    }
}

thread_local! {
    static STEMS: RefCell<Stems> = RefCell::new(Stems {
        english: Stemmer::create(Algorithm::English),
        known: HashMap::new(),
    });
}

/// English endings are cut off whatever the language: the same word always gives the same stem,
/// so nothing that would be found without it is lost.
fn stem(word: &str) -> String {
    let has_ending = word.len() > 3 && word.bytes().all(|byte| byte.is_ascii_lowercase());
    if has_ending { STEMS.with_borrow_mut(|stems| stems.of(word)) } else { word.to_owned() }
}
