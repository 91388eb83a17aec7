//! What has to hold for every reader, tried with the corpus, with damage, and with chance.

use super::corpus::mails;
use super::dice::{Dice, cases};
use super::mutations::damage;
use crate::fuzzing::{addresses, encoded_words, mime, reply_folding, sanitising};
use crate::html::escape;
use crate::{Limits, read};

/// Pieces that mean something to one reader or another.
const PIECES: &[&str] = &[
    "=?utf-8?Q?",
    "=?utf-8?B?w6k=?=",
    "=?iso-2022-jp?B?",
    "?=",
    "=?",
    "_",
    "=C3",
    "=",
    "Dana <dana@example.com>",
    "<",
    ">",
    "@",
    "(",
    ")",
    "\\",
    "\"",
    ",",
    ";",
    ":",
    "a:b@c.example",
    "> ",
    ">> ",
    "On Tuesday Dana wrote:",
    "-----Original Message-----",
    "-- ",
    "____________",
    "From: x\nSent: y\nTo: z\n",
    "Begin forwarded message:",
    "Please write your reply above this line",
    "<b>",
    "</b>",
    "<p>",
    "</p>",
    "<table><tr><td>",
    "</table>",
    "<a href=\"https://x.example\">",
    "</a>",
    "<svg>",
    "</svg>",
    "<math><mi>",
    "<style>",
    "</style>",
    "<script>",
    "<!--",
    "-->",
    "<![CDATA[",
    "<select>",
    "<template>",
    "<noscript>",
    "<title>",
    "</title>",
    "<form>",
    "<img src=cid:a>",
    "<img src=//x.example/y onerror=x>",
    "<p style=\"color:red;position:fixed\">",
    "&lt;",
    "&#x3c;",
    "&",
    "javascript:",
    "\r\n",
    "\n",
    "\n\n",
    "\t",
    " ",
    "\0",
    "é",
    "漢",
    "\u{feff}",
    "\u{202e}",
    "Content-Type: multipart/mixed; boundary=a\r\n\r\n",
    "--a\r\n",
    "--a--\r\n",
    "name*0*=utf-8''",
];

/// Bytes by chance, most of them made of pieces that mean something.
fn bytes(dice: &mut Dice) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..dice.roll(40) {
        match dice.roll(6) {
            0 => bytes.push(u8::try_from(dice.roll(256)).unwrap()),
            1 => bytes.extend((0..dice.roll(12)).map(|n| b'a' + u8::try_from(n).unwrap())),
            _ => bytes.extend_from_slice(PIECES[dice.roll(PIECES.len())].as_bytes()),
        }
    }
    bytes
}

fn try_by_chance(seed: u64, quick: usize, target: fn(&[u8])) {
    let mut dice = Dice::new(seed);
    for _ in 0..cases(quick) {
        target(&bytes(&mut dice));
    }
}

#[test]
fn mails_are_read_within_their_bounds() {
    let mails = mails();
    let mut dice = Dice::new(1);
    for (_, mail) in &mails {
        mime(mail);
        mime(&damage(mail, &mails[dice.roll(mails.len())].1, &mut dice));
    }
    try_by_chance(2, 1_000, mime);
}

#[test]
fn addresses_are_read_within_their_bounds() {
    for (_, mail) in mails() {
        let header = mail.split(|byte| *byte == b'\n').take(40);
        header.for_each(addresses);
    }
    try_by_chance(3, 3_000, addresses);
}

#[test]
fn encoded_words_are_read_within_their_bounds() {
    for (_, mail) in mails() {
        let header = mail.split(|byte| *byte == b'\n').take(40);
        header.for_each(encoded_words);
    }
    try_by_chance(4, 3_000, encoded_words);
}

#[test]
fn folding_loses_no_line() {
    for (_, mail) in mails() {
        let reading = read(&mail, &Limits::default());
        reply_folding(&mail);
        reply_folding(format!("{}\n{}", reading.text, reading.quoted).as_bytes());
    }
    try_by_chance(5, 3_000, reply_folding);
}

#[test]
fn cleaning_leaves_nothing_that_acts() {
    for (_, mail) in mails() {
        let reading = read(&mail, &Limits::default());
        sanitising(reading.html.unwrap_or_else(|| escape(&reading.text)).as_bytes());
    }
    try_by_chance(6, 1_000, sanitising);
}
