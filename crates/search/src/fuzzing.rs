//! What has to hold for whatever is looked for. Called by the ordinary tests and by the programs
//! in `fuzz/`; panics where something does not hold.

use database::search::Expr;

use crate::words::fold;
use crate::{Term, expr, folded, highlight, words};

/// What is typed into the search field, and the same as a text to be found.
pub fn query(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let found = words(&text);
    assert!(found.len() <= 20_000 + text.len(), "{} words", found.len());
    for word in found.iter().chain(&folded(&text)) {
        // A word reaches the database as it is: nothing in it may mean something there.
        assert!(!word.is_empty() && word.chars().all(is_part_of_word), "{word:?}");
    }
    assert!(fold(&text).len() <= 24 * text.len() + 24, "folding grows {text:?}");

    let terms: Vec<Term> = text
        .split(' ')
        .map(|piece| match piece.strip_prefix('-') {
            Some(piece) => Term::Not(Box::new(Term::Phrase(piece.to_owned()))),
            None if piece.contains('.') => Term::Phrase(piece.to_owned()),
            None => Term::Word(piece.to_owned()),
        })
        .collect();
    if let Some(asked) = expr(&terms) {
        check_expr(&asked);
    }
    assert_eq!(expr(&[Term::Not(Box::new(Term::Word(text.to_string())))]), None);

    // What is shown stands in the text, hits included.
    let line = kernel::one_line(&text);
    for chars_max in [1, 60, usize::MAX / 2] {
        let pieces = highlight(&text, &terms, chars_max);
        let shown: String = pieces.into_iter().map(|piece| piece.text).collect();
        assert!(line.contains(shown.trim_matches('…')), "{text:?} became {shown:?}");
    }
}

fn is_part_of_word(c: char) -> bool {
    !c.is_ascii() || c.is_ascii_alphanumeric()
}

fn check_expr(asked: &Expr) {
    match asked {
        Expr::Word(word) | Expr::Prefix(word) => assert!(!word.is_empty()),
        Expr::Phrase(words) => assert!(!words.is_empty()),
        Expr::All(all) | Expr::Any(all) => {
            assert!(!all.is_empty());
            all.iter().for_each(check_expr);
        }
        Expr::Without(wanted, unwanted) => {
            check_expr(wanted);
            check_expr(unwanted);
        }
    }
}
