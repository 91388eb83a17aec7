//! What has to hold for whatever is typed, tried with pieces by chance.

use super::chance::{Dice, cases};
use crate::fuzzing::filter;

const PIECES: &[&str] = &[
    "status:",
    "is:",
    "open",
    "assignee:",
    "me",
    "team:",
    "inbox:",
    "tag:",
    "-tag:",
    "refund",
    "before:",
    "2026-02-30",
    "2026-11-24",
    "-9999-01-01",
    "9999-12-31",
    "priority:high",
    "channel:",
    "from:",
    "has:file",
    "problem:",
    "follows:me",
    "http://",
    ":",
    "\"",
    "“",
    "”",
    "-",
    "--",
    " ",
    "  ",
    "\t",
    "\u{a0}",
    "\0",
    "ü",
    "漢",
    "İ",
    "ß",
    "w.5.3.1",
    "l.-5.10482",
    ".",
    "9223372036854775807",
    "99999999999999999999",
    "'",
    "%",
    "_",
    "*",
    "NEAR",
    "AND",
    "OR",
    "(",
    ")",
    "\u{202e}",
    "word",
    "longer words than usual",
];

#[test]
fn whatever_is_typed_narrows_a_list_or_is_said_to_be_unknown() {
    let mut dice = Dice::new(7);
    for _ in 0..cases(2_000) {
        let mut typed = Vec::new();
        for _ in 0..dice.roll(120) {
            match dice.roll(8) {
                0 => typed.push(u8::try_from(dice.roll(256)).unwrap()),
                _ => typed.extend_from_slice(dice.pick(PIECES).as_bytes()),
            }
        }
        filter(&typed);
    }
    filter(&b"x".repeat(100_000));
    filter("ü\"".repeat(50_000).as_bytes());
}
