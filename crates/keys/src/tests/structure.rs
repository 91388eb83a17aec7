//! Whoever has seen as many tokens as they like knows nothing of the next one.

use super::*;

/// How many are looked at; the long proof sets it.
#[expect(clippy::disallowed_methods, reason = "a test that is made longer is told so there")]
fn count() -> u32 {
    std::env::var("RECOURSE_TOKENS").map_or(20_000, |text| text.parse().unwrap())
}

/// So many standard deviations from what chance gives: it is more than that once in millions of
/// runs.
const DEVIATIONS_MAX: f64 = 8.0;

/// Counts over texts in base 32 as they come.
#[derive(Default)]
struct Seen {
    count: u32,
    /// Each letter at each place.
    letters: Vec<[u32; 32]>,
    /// Each letter at each place after each letter before it.
    pairs: Vec<Vec<u32>>,
    /// How often a place holds the same letter as in the text before.
    repeated: Vec<u32>,
    before: Vec<usize>,
    /// Sixty bits of each, to find two that are alike.
    starts: Vec<u64>,
}

fn value(letter: u8) -> usize {
    b"abcdefghijklmnopqrstuvwxyz234567".iter().position(|known| *known == letter).unwrap()
}

impl Seen {
    fn look_at(&mut self, text: &str) {
        let places: Vec<usize> = text.bytes().map(value).collect();
        if self.count == 0 {
            self.letters = vec![[0; 32]; places.len()];
            self.pairs = vec![vec![0; 1_024]; places.len() - 1];
            self.repeated = vec![0; places.len()];
            self.before = vec![32; places.len()];
        }
        for (at, letter) in places.iter().enumerate() {
            self.letters[at][*letter] += 1;
            self.repeated[at] += u32::from(self.before[at] == *letter);
            if let Some(next) = places.get(at + 1) {
                self.pairs[at][letter * 32 + next] += 1;
            }
        }
        let start = places[..12].iter().fold(0, |start, letter| (start << 5) | *letter);
        self.starts.push(u64::try_from(start).unwrap());
        self.before = places;
        self.count += 1;
    }

    /// By how many standard deviations the worst of all counts is from what chance gives.
    fn worst(&self) -> f64 {
        let all = f64::from(self.count);
        let letters = self.letters.iter().map(|counts| deviation(counts, all));
        let pairs = self.pairs.iter().map(|counts| deviation(counts, all));
        let (mean, width) = (all / 32.0, (all * 31.0).sqrt() / 32.0);
        let repeated = self.repeated.iter().map(|count| (f64::from(*count) - mean).abs() / width);
        letters.chain(pairs).chain(repeated).fold(0.0, f64::max)
    }

    fn twins(&mut self) -> usize {
        self.starts.sort_unstable();
        self.starts.windows(2).filter(|two| two[0] == two[1]).count()
    }
}

/// How far counts of what should be equally frequent are apart: chi squared, by its standard
/// deviation.
fn deviation(counts: &[u32], all: f64) -> f64 {
    let cells = f64::from(u32::try_from(counts.len()).unwrap());
    let expected = all / cells;
    let squares = counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected);
    let freedom = cells - 1.0;
    (squares.sum::<f64>() - freedom) / (2.0 * freedom).sqrt()
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures of the long proof")]
fn tokens_and_signatures_have_no_structure_to_guess_by() {
    let (keys, count) = (keys(), count());
    let (mut random, mut signed, mut opened) = (Seen::default(), Seen::default(), 0);
    let sign = |number: u32| keys.sign("portal link v1", &[b"a1", b"b2", &number.to_be_bytes()]);
    for number in 0..count {
        let token = Token::new("rcp");
        // The last letter of 52 holds one bit.
        let body = &token.reveal()[4..55];
        random.look_at(body);
        // Links of one customer, one after the other, of which each might tell of the next one.
        let signature = sign(number);
        signed.look_at(&signature);
        let next = (number + 1).to_be_bytes();
        for guess in [signature.as_str(), &body[..32]] {
            let parts: [&[u8]; 3] = [b"a1", b"b2", &next];
            opened += u32::from(keys.verify("portal link v1", &parts, guess));
        }
    }
    let (worst, twins) = (random.worst().max(signed.worst()), random.twins() + signed.twins());
    println!(
        "token guesses: {count} tokens and signatures each, {twins} alike, at most {worst:.1} \
         standard deviations from chance, {opened} of {} guesses opened something",
        u64::from(count) * 2
    );
    assert_eq!((opened, twins), (0, 0));
    assert!(worst < DEVIATIONS_MAX, "{worst}");
}

#[test]
fn structure_would_be_seen() {
    let mut counting = Seen::default();
    for number in 0..5_000_u32 {
        counting.look_at(&token::base32(&[number.to_be_bytes(); 5].concat()));
    }
    assert!(counting.worst() > DEVIATIONS_MAX);
    let mut repeating = Seen::default();
    let text = Token::new("rcp");
    repeating.look_at(&text.reveal()[4..]);
    repeating.look_at(&text.reveal()[4..]);
    assert_eq!(repeating.twins(), 1);
}
