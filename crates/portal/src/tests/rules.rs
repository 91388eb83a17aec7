use database::testing::TUESDAY;
use kernel::Span;
use keys::Keys;
use ui::{Catalog, Fields, Problems};

use super::stage::MESSAGES;
use crate::asked::check_text;
use crate::form_token::{Age, age, is_receipt, make, receipt};

#[test]
fn a_form_is_neither_sent_at_once_nor_days_later() {
    let keys = Keys::from_master(&[7; 32]);
    let token = make(&keys, TUESDAY);
    let table = [
        (Span::ZERO, Age::TooQuick),
        (Span::seconds(1), Age::TooQuick),
        (Span::seconds(2), Age::Good),
        (Span::hours(23), Age::Good),
        (Span::hours(24), Age::Stale),
        (Span::days(400), Age::Stale),
    ];
    for (after, expected) in table {
        assert_eq!(age(&keys, &token, TUESDAY + after), expected, "{after:?}");
    }
    let later = TUESDAY + Span::minutes(5);
    assert_ne!(make(&keys, TUESDAY), token, "each form has its own name");
    let other = Keys::from_master(&[8; 32]);
    assert_eq!(age(&other, &token, later), Age::Stale, "signed by somebody else");
    let forged = token.replacen(&TUESDAY.micros().to_string(), "1", 1);
    for bad in ["", "x", "1-2-3", "1-2-3-4", forged.as_str(), &token[1..], &format!("{token}-")] {
        assert_eq!(age(&keys, bad, later), Age::Stale, "{bad}");
    }
}

#[test]
fn a_receipt_is_for_one_reference() {
    let keys = Keys::from_master(&[7; 32]);
    let (one, other) = (kernel::TicketId(10_482), kernel::TicketId(10_483));
    let paper = receipt(&keys, one);
    assert!(is_receipt(&keys, one, &paper));
    assert!(!is_receipt(&keys, other, &paper));
    assert!(!is_receipt(&keys, one, ""));
}

#[test]
fn a_text_is_something_and_not_endless() {
    let w = Catalog::new(&[("en", MESSAGES)]).unwrap().words("en");
    let long = "x".repeat(50_001);
    let table = [
        ("", false, None),
        (" \n\t ", false, None),
        ("", true, Some("")),
        ("  Help me\n", false, Some("Help me")),
        ("a\u{0}b\u{7}c\nd", false, Some("abc\nd")),
        (long.as_str(), false, None),
    ];
    for (text, has_files, expected) in table {
        let mut problems = Problems::default();
        let read = check_text(text, has_files, &w, &mut problems);
        assert_eq!(read.as_deref(), expected, "{text:.20}");
        assert_eq!(problems.is_empty(), expected.is_some(), "{text:.20}");
    }
    assert!(Fields::default().get("text").is_none());
}

#[test]
fn every_text_that_a_page_names_exists() {
    let known: Vec<&str> = MESSAGES
        .iter()
        .flat_map(|source| source.lines())
        .filter_map(|line| line.split_once(" =").map(|(key, _)| key))
        .collect();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let mut named = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let page = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for start in ["w.t(\"", "chrome.t(\""] {
            for rest in page.split(start).skip(1) {
                let key = rest.split('"').next().unwrap();
                assert!(known.contains(&key), "there is no text {key}");
                named += 1;
            }
        }
    }
    assert!(named > 80, "{named}");
}
