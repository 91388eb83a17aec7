//! Names that mean harm, for the tests of whatever takes files.

const PIECES: [&str; 28] = [
    "..",
    "/",
    "\\",
    "\u{202e}",
    "\u{2066}",
    "\u{200b}",
    "\u{e0041}",
    "\0",
    "\r\n",
    "CON",
    ".htaccess",
    "a",
    "\u{e9}",
    "e\u{200b}\u{301}",
    "%00",
    "%2e%2e%2f",
    " ",
    ". ",
    "\u{a0}",
    "\u{feff}",
    "x.php",
    ";",
    "'",
    "\"",
    "<b>",
    "\u{1f642}",
    "\u{7f}",
    "C:",
];

/// So many names, every one put together from pieces that are trouble somewhere, some too long.
pub fn hostile_names(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| {
        let place = |at: usize| (number * 7 + at * (number + 3) + at * at) % PIECES.len();
        let name: String = (0..6).filter_map(|at| PIECES.get(place(at))).copied().collect();
        if number % 10 == 9 { name.repeat(40) } else { name }
    })
}
