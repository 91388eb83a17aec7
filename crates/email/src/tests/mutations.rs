//! Every mail of the corpus, damaged in thousands of ways.

use std::panic::catch_unwind;

use super::corpus::mails;
use super::dice::Dice;
use crate::fuzzing::check_reading;
use crate::html::{Images, clean, to_text};
use crate::{Limits, content_hash, read};

const MUTATIONS: usize = 10_000;

#[test]
fn no_damage_to_a_mail_ends_the_program() {
    let mails = mails();
    let mut dice = Dice::new(0);
    let limits = Limits::default();
    for round in 0..MUTATIONS {
        let (name, bytes) = &mails[round % mails.len()];
        let other = &mails[dice.roll(mails.len())].1;
        let damaged = damage(bytes, other, &mut dice);
        let outcome = catch_unwind(|| {
            let reading = read(&damaged, &limits);
            let hash = content_hash(&damaged);
            assert_eq!(hash.len(), 64);
            check_reading(&damaged, &reading, &limits);
            if let Some(html) = reading.html.filter(|_| round % 8 == 0) {
                let cleaned = clean(&html, &Images::default());
                assert!(!cleaned.html.contains("<script"));
                let bytes_max = 10 * html.len() + 16 * 1024 * 1024;
                assert!(cleaned.html.len() <= bytes_max, "{} bytes", cleaned.html.len());
                assert!(to_text(&html).len() <= bytes_max);
            }
        });
        assert!(
            outcome.is_ok(),
            "{name} in round {round}: {:?}",
            String::from_utf8_lossy(&damaged)
        );
    }
}

pub(super) fn damage(bytes: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut damaged = bytes.to_vec();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(damaged.len());
        let end = (at + dice.roll(60)).min(damaged.len());
        match dice.roll(8) {
            0 => damaged.truncate(at),
            1 => drop(damaged.drain(at..end)),
            2 => {
                let from = dice.roll(other.len());
                let to = (from + dice.roll(200)).min(other.len());
                damaged.splice(at..at, other[from..to].iter().copied());
            }
            3 => {
                let piece = damaged[at..end].to_vec();
                damaged.splice(at..at, piece.repeat(1 + dice.roll(20)));
            }
            4 => {
                const NASTY: [&[u8]; 12] = [
                    b"\0",
                    b"\r",
                    b"\n",
                    b"=?utf-8?B?",
                    b"?=",
                    b"\"",
                    b"(((((",
                    b"<<<",
                    b"--",
                    b"\xff\xfe",
                    b";;;;",
                    b"{999999}",
                ];
                damaged.splice(at..at, NASTY[dice.roll(NASTY.len())].iter().copied());
            }
            _ => {
                if let Some(byte) = damaged.get_mut(at) {
                    *byte = u8::try_from(dice.roll(256)).unwrap();
                }
            }
        }
    }
    damaged
}
