//! The pure parts: weights of words, patterns of senders.

use crate::senders::Pattern;
use crate::spam::{Lessons, Weight, is_spam, likelihood};

fn weights(pairs: &[(i64, i64)]) -> Vec<Weight> {
    pairs.iter().map(|(spam, ham)| Weight { spam: *spam, ham: *ham }).collect()
}

#[test]
fn without_lessons_there_is_no_opinion() {
    for lessons in [
        Lessons { spam: 0, ham: 0 },
        Lessons { spam: 1_000, ham: 9 },
        Lessons { spam: 9, ham: 1_000 },
    ] {
        assert_eq!(likelihood(&weights(&[(9, 0)]), lessons), None, "{lessons:?}");
    }
    let enough = Lessons { spam: 10, ham: 10 };
    assert_eq!(likelihood(&[], enough), None, "no known word");
    assert_eq!(likelihood(&weights(&[(1, 0)]), enough), None, "one sight is no knowledge");
    assert!(!is_spam(None));
}

#[test]
fn words_decide_by_where_they_stood() {
    let lessons = Lessons { spam: 100, ham: 400 };
    for (pairs, held) in [
        (&[(50, 0), (40, 0), (30, 1)][..], true),
        (&[(0, 50), (0, 40)], false),
        (&[(50, 0), (0, 200)], false),
        (&[(10, 40), (10, 40), (10, 40)], false),
        // One word alone never decides.
        (&[(3, 0)], false),
    ] {
        let judged = likelihood(&weights(pairs), lessons);
        assert_eq!(is_spam(judged), held, "{pairs:?} {judged:?}");
    }
}

#[test]
fn patterns_are_addresses_or_whole_domains() {
    for (text, kept) in [
        (" Dana@Example.com ", Some("dana@example.com")),
        ("@Spam.Example", Some("@spam.example")),
        ("spam.example", None),
        ("@", None),
        ("@a b", None),
        ("", None),
        ("a@b@c", None),
    ] {
        assert_eq!(Pattern::read(text).ok().as_ref().map(Pattern::as_str), kept, "{text}");
    }
}
