//! The line that says whose words follow: “On Tuesday, Dana wrote:” in the languages people use.

use kernel::EmailAddress;

use crate::format::address::is_invisible;
use crate::quote::history::is_quoted;
use crate::words::Words;

/// Programs wrap the line up to twice.
const LINES_MAX: usize = 3;
const LENGTH_MAX: usize = 500;

/// How many lines the attribution has that begins at `at`; nothing when there is none.
pub(crate) fn length_at(lines: &[&str], at: usize) -> Option<usize> {
    length(lines, at, is_one)
}

/// The same above a line of ours, where saying “wrote” is enough.
pub(crate) fn length_above(lines: &[&str], at: usize) -> Option<usize> {
    length(lines, at, |joined, _| VERBS.occur_in(&joined.to_lowercase()))
}

fn length(lines: &[&str], at: usize, judge: impl Fn(&str, bool) -> bool) -> Option<usize> {
    let first = lines.get(at)?.trim();
    if first.is_empty() || is_quoted(first) {
        return None;
    }
    let mut joined = String::new();
    for count in 1..=LINES_MAX {
        let line = lines.get(at + count - 1)?.trim();
        if line.is_empty() || is_quoted(line) {
            return None;
        }
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(line);
        if joined.len() > LENGTH_MAX {
            return None;
        }
        if ends_like_one(line) {
            let next = lines.iter().skip(at + count).find(|line| !line.trim().is_empty());
            return judge(&joined, next.is_some_and(|line| is_quoted(line))).then_some(count);
        }
        // Only a line that begins like one may go on.
        if count == 1 && !begins_like_one(&joined) && !joined.contains('<') {
            return None;
        }
    }
    None
}

fn ends_like_one(line: &str) -> bool {
    let line = line.trim_end_matches(|c: char| {
        is_invisible(c) || c.is_whitespace() || matches!(c, '*' | '-' | '_')
    });
    line.ends_with([':', '：'])
}

/// Adds up what speaks for an attribution. Three points are enough, if it also begins like one.
fn is_one(joined: &str, is_followed_by_quote: bool) -> bool {
    let plain: String = joined.chars().filter(|c| !is_invisible(*c)).collect();
    let lower = plain.to_lowercase();
    let says_wrote = VERBS.occur_in(&lower);
    let has_address = plain
        .split(|c: char| c.is_whitespace() || "<>()[],;:\"".contains(c))
        .any(|word| word.contains('@') && word.parse::<EmailAddress>().is_ok());
    let points = 2 * u8::from(says_wrote)
        + u8::from(has_address)
        + u8::from(has_time(&plain))
        + u8::from(has_year(&plain))
        + u8::from(is_followed_by_quote);
    let begins = begins_like_one(&plain) || plain.contains('<') && has_address;
    let is_short = plain.chars().count() < 60;
    points >= 3 && (begins || is_followed_by_quote && (is_short || says_wrote))
}

/// How such lines begin. Folded to lower case, a blank behind.
static OPENERS: Words = Words::new(
    "\
    on |at |am |le |el |il |il giorno |in data |op |den |em |a |în |pe |dne |dňa |w dniu |\
    dnia |στις |vào |pada |dana |dne. |na |kuupäeval |в |на |quoting |citat |zitat von |\
    am: |von: |fra |ter info |בתאריך |ב-|في |בתאריך|เมื่อ|于|在|tanggal |date: |el día |\
    no dia |ven |-----|på ",
);

static WEEKDAYS: Words = Words::new(
    "\
    mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|lun|mar|mer|jeu|ven|sam|dim|mié|jue|\
    vie|sáb|dom|gio|ma|wo|vr|za|zo|mån|tis|ons|tors|fre|lör|sön|man|tir|tor|lør|søn|ke|to|\
    pe|la|su|ti|pon|wt|śr|czw|pt|sob|niedz|po|út|st|čt|pá|ne|пн|вт|ср|чт|пт|сб|вс|нд|seg|\
    ter|qua|qui|sex|pzt|sal|çar|per|cum|cmt|paz|h|k|sze|cs|p|szo|v",
);

fn begins_like_one(joined: &str) -> bool {
    let lower: String = joined
        .chars()
        .filter(|c| !is_invisible(*c))
        .take(40)
        .flat_map(char::to_lowercase)
        .collect();
    let lower = lower.trim_start();
    if OPENERS.begin(lower) {
        return true;
    }
    if lower.starts_with(|c: char| c.is_ascii_digit()) {
        return true;
    }
    let day = lower.split([',', '.', ' ']).next().unwrap_or_default();
    day.len() < lower.len() && WEEKDAYS.has(day)
}

/// “Wrote”, wherever the language puts it. Folded to lower case.
static VERBS: Words = Words::new(
    "\
    wrote|writes|schrieb|geschrieben|a écrit|ecrit|escribió|escribio|escrit|ha scritto|\
    scrive|schreef|geschreven|skrev|kirjoitti|napisał|pisze|napsal|napísal|napisao|napisala|\
    napisal|escreveu|a scris|ezt írta|írta|yazdı|yazmış|έγραψε|написал|пишет|пише|написав|\
    написа|va escriure|rašė|rakstīja|kirjutas|写道|寫道|写到|のメール|が書きました|\
    書きました|作成|wrote|작성|님이 쓴|님의 말|كتب|כתב|כתבה|đã viết|เขียน|menulis|نوشت|\
    schreev|scribbled|said",
);

/// `9:02` or `09.02`.
fn has_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.windows(4).any(|window| {
        matches!(window, [hour, b':' | b'.' | b'h', tens @ b'0'..=b'5', ones]
            if hour.is_ascii_digit() && tens.is_ascii_digit() && ones.is_ascii_digit())
    })
}

/// A year of our time, or a date in digits.
fn has_year(text: &str) -> bool {
    let is_year = |digits: &str| {
        digits.parse::<u16>().is_ok_and(|year| digits.len() == 4 && (1990..2100).contains(&year))
    };
    text.split(|c: char| !c.is_ascii_digit()).any(is_year)
        || text.split_whitespace().any(|word| {
            let parts: Vec<&str> =
                word.trim_end_matches([',', ':']).split(['.', '/', '-']).collect();
            parts.len() >= 3
                && parts.iter().take(3).all(|part| {
                    !part.is_empty() && part.len() <= 2 && part.bytes().all(|b| b.is_ascii_digit())
                })
        })
}
