//! What has to hold for whatever a list is asked for. Called by the ordinary tests and by the
//! programs in `fuzz/`; panics where something does not hold.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use kernel::{AgentId, CategoryId, InboxId, ProblemId, TeamId};
use search::Term;

use crate::filter::{Cursor, Filter, Names};
use crate::finding::After;

/// Everybody and everything whose name is a short one.
struct Anybody;

fn numbered(name: &str) -> Option<i64> {
    (name.len() <= 6).then_some(7)
}

impl Names for Anybody {
    fn me(&self) -> Option<AgentId> {
        Some(AgentId(3))
    }

    fn agent(&self, name: &str) -> Option<AgentId> {
        numbered(name).map(AgentId)
    }

    fn team(&self, name: &str) -> Option<TeamId> {
        numbered(name).map(TeamId)
    }

    fn inbox(&self, name: &str) -> Option<InboxId> {
        numbered(name).map(InboxId)
    }

    fn category(&self, name: &str) -> Option<CategoryId> {
        numbered(name).map(CategoryId)
    }

    fn problem(&self, name: &str) -> Option<ProblemId> {
        numbered(name).map(ProblemId)
    }
}

/// The words that narrow a list, and the places in one.
pub fn filter(bytes: &[u8]) {
    let query = String::from_utf8_lossy(bytes);
    let (filter, unknown) = Filter::read(&query, &Anybody, &TimeZone::UTC);
    let said = filter.terms.len() + filter.tags.len() + filter.not_tags.len() + filter.from.len();
    assert!(said + unknown.len() <= 40, "{said} and {} words of {query:?}", unknown.len());

    // What is looked for, written down again, is looked for again. A quote inside of a text cannot
    // be written within quotes.
    let mut written = String::new();
    for term in &filter.terms {
        let (mark, term) = match term {
            Term::Not(term) => ("-", term.as_ref()),
            Term::Word(_) | Term::Phrase(_) => ("", term),
        };
        let (Term::Word(text) | Term::Phrase(text)) = term else { panic!("not not: {term:?}") };
        if text.contains(['"', '“', '”']) {
            return;
        }
        let _ = write!(written, " {mark}\"{text}\"");
    }
    if written.len() <= 1_000 {
        let (again, unknown) = Filter::read(&written, &Anybody, &TimeZone::UTC);
        assert!(unknown.is_empty(), "{written:?}: {unknown:?}");
        let terms: Vec<Term> = filter.terms.iter().map(as_phrase).collect();
        assert_eq!(again, Filter { terms, ..Filter::default() }, "{written:?}");
    }

    if let Some(cursor) = Cursor::read(&query) {
        assert_eq!(Cursor::read(&cursor.to_string()), Some(cursor));
    }
    if let Some(after) = After::read(&query) {
        assert_eq!(After::read(&after.to_string()), Some(after));
    }
}

fn as_phrase(term: &Term) -> Term {
    match term {
        Term::Word(text) | Term::Phrase(text) => Term::Phrase(text.clone()),
        Term::Not(term) => Term::Not(Box::new(as_phrase(term))),
    }
}
