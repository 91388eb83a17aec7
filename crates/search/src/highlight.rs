//! Where in a text the words stand that somebody looked for. Pure.

use unicode_normalization::char::is_combining_mark;

use crate::Term;
use crate::words::{is_single_pictograph, kind_of, words};

/// A part of a text, and whether it is what was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub text: String,
    pub is_hit: bool,
}

/// Longer texts are only looked at up to here: a cut-out shows two lines of them.
const LOOKED_AT_CHARS: usize = 30_000;
/// What stands before the first hit in a cut-out.
const BEFORE_CHARS: usize = 50;

/// The text on one line with its hits marked: the part around the first one, at most about
/// `chars_max` characters.
pub fn highlight(text: &str, terms: &[Term], chars_max: usize) -> Vec<Piece> {
    let line = kernel::one_line(&kernel::clip(text, LOOKED_AT_CHARS));
    let hits = hits(&line, &wanted(terms));
    let first = hits.first().map_or(0, |(from, _)| *from);
    let (from, to) = window(&line, first, chars_max);
    let mut pieces = Pieces::default();
    if from > 0 {
        pieces.push("…", false);
    }
    let mut at = from;
    for (start, end) in hits {
        let (start, end) = (start.max(at), end.min(to));
        if start < end {
            pieces.push(line.get(at..start).unwrap_or_default(), false);
            pieces.push(line.get(start..end).unwrap_or_default(), true);
            at = end;
        }
    }
    pieces.push(line.get(at..to).unwrap_or_default(), false);
    if to < line.len() {
        pieces.push("…", false);
    }
    pieces.0
}

#[derive(Default)]
struct Pieces(Vec<Piece>);

impl Pieces {
    fn push(&mut self, text: &str, is_hit: bool) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(last) if last.is_hit == is_hit => last.text.push_str(text),
            _ => self.0.push(Piece { text: text.to_owned(), is_hit }),
        }
    }
}

/// One word of what is looked for.
struct Wanted {
    word: String,
    may_go_on: bool,
}

/// What is looked for as runs of words, by the same rules by which it is asked for.
fn wanted(terms: &[Term]) -> Vec<Vec<Wanted>> {
    let last_word = terms.iter().rposition(|term| matches!(term, Term::Word(_)));
    let mut runs = Vec::new();
    for (index, term) in terms.iter().enumerate() {
        let (Term::Word(text) | Term::Phrase(text)) = term else { continue };
        let found = words(text);
        let is_open = found.len() == 1 && last_word == Some(index);
        let run: Vec<Wanted> = found
            .into_iter()
            .map(|word| {
                let is_short_ascii = word.is_ascii() && word.len() < 3;
                let may_go_on = (is_open && !is_short_ascii) || is_single_pictograph(&word);
                Wanted { word, may_go_on }
            })
            .collect();
        if !run.is_empty() {
            runs.push(run);
        }
    }
    runs
}

/// A word of the text and where it stands.
struct Token {
    from: usize,
    to: usize,
    word: String,
}

/// Byte ranges of what was looked for, in order and apart from one another.
fn hits(line: &str, wanted: &[Vec<Wanted>]) -> Vec<(usize, usize)> {
    if wanted.is_empty() {
        return Vec::new();
    }
    let tokens = tokens(line);
    let mut hits: Vec<(usize, usize)> = Vec::new();
    for run in wanted {
        for here in tokens.windows(run.len()) {
            let fits = here.iter().zip(run).all(|(token, wanted)| {
                token.word == wanted.word
                    || (wanted.may_go_on && token.word.starts_with(&wanted.word))
            });
            if let (true, Some(first), Some(last)) = (fits, here.first(), here.last()) {
                hits.push((first.from, last.to));
            }
        }
    }
    hits.sort_unstable();
    let mut apart: Vec<(usize, usize)> = Vec::with_capacity(hits.len());
    for (from, to) in hits {
        match apart.last_mut() {
            Some((_, end)) if from <= *end => *end = (*end).max(to),
            _ => apart.push((from, to)),
        }
    }
    apart
}

fn tokens(line: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut state = None;
    for (at, c) in line.char_indices().chain([(line.len(), ' ')]) {
        let kind = if at == line.len() { None } else { kind_of(c, state) };
        if kind == state && at < line.len() {
            continue;
        }
        if let (Some(is_paired), Some(run)) = (state, line.get(start..at)) {
            take(run, start, is_paired, &mut tokens);
        }
        start = at;
        state = kind;
    }
    tokens
}

/// Cuts a run of one kind into the words under which it is found.
fn take(run: &str, start: usize, is_paired: bool, tokens: &mut Vec<Token>) {
    let whole = |tokens: &mut Vec<Token>| {
        let to = start + run.len();
        tokens.extend(words(run).into_iter().map(|word| Token { from: start, to, word }));
    };
    if !is_paired {
        return whole(tokens);
    }
    let mut starts: Vec<usize> =
        run.char_indices().filter(|(_, c)| !is_combining_mark(*c)).map(|(at, _)| at).collect();
    starts.push(run.len());
    if starts.len() < 3 {
        return whole(tokens);
    }
    for pair in starts.windows(3) {
        let &[from, _, to] = pair else { continue };
        let found = run.get(from..to).map(words).unwrap_or_default();
        let place = |word| Token { from: start + from, to: start + to, word };
        tokens.extend(found.into_iter().map(place));
    }
}

/// The part of a line that shows what stands at `first`, cut between words where there are any.
fn window(line: &str, first: usize, chars_max: usize) -> (usize, usize) {
    let before = line.get(..first).unwrap_or_default();
    let is_short = line.chars().count() <= chars_max;
    let from = if is_short || before.chars().count() <= BEFORE_CHARS {
        0
    } else {
        let back = before.char_indices().rev().nth(BEFORE_CHARS - 1).map_or(0, |(at, _)| at);
        let gap = line.get(back..first).and_then(|text| text.find(' '));
        gap.map_or(back, |gap| back + gap + 1)
    };
    let rest = line.get(from..).unwrap_or_default();
    let to = match rest.char_indices().nth(chars_max) {
        None => line.len(),
        Some((end, _)) => {
            let cut = rest.get(..end).unwrap_or_default();
            // Never before the hit itself.
            let gap = cut.rfind(' ').filter(|gap| from + gap > first);
            from + gap.unwrap_or(end)
        }
    };
    (from, to)
}
