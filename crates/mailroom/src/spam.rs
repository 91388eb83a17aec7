//! Telling spam from mail. Pure.
//!
//! Words are weighed by how often the team said that mails with them were spam or not. Without
//! lessons there is no opinion.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use email::Reading;

/// How often a word stood in mails of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    pub(crate) spam: i64,
    pub(crate) ham: i64,
}

/// How many mails were taught.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lessons {
    pub(crate) spam: i64,
    pub(crate) ham: i64,
}

impl Lessons {
    /// Whether there were enough to say anything.
    pub(crate) fn suffice(self) -> bool {
        self.spam >= LESSONS_MIN && self.ham >= LESSONS_MIN
    }
}

/// What a lesson says a mail was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Spam,
    Ham,
}

impl Verdict {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Spam => "spam",
            Self::Ham => "ham",
        }
    }

    pub(crate) fn named(text: &str) -> Result<Self> {
        Ok(match text {
            "spam" => Self::Spam,
            "ham" => Self::Ham,
            other => bail!("unknown lesson {other}"),
        })
    }
}

const WORDS_MAX: usize = 300;
/// Longer ones are no words.
const WORD_CHARS_MAX: usize = 60;
/// Fewer lessons than this of either kind teach nothing that can be relied on.
const LESSONS_MIN: i64 = 10;
/// The words that say most decide.
const TELLING_WORDS: usize = 15;
/// From this on a mail is held.
const SURE: f64 = 0.99;

/// The words by which a mail is judged: of the sender's domain, the subject and the
/// beginning of the text, sorted and each once.
fn features(subject: &str, text: &str, domain: &str) -> Vec<String> {
    let subject = search::folded(subject).into_iter().map(|word| format!("s:{word}"));
    let body = search::folded(text).into_iter().filter(|word| word.chars().count() >= 3);
    let domain = (!domain.is_empty()).then(|| format!("d:{domain}"));
    let short = |word: &String| word.chars().count() <= WORD_CHARS_MAX;
    let mut all = BTreeSet::new();
    for word in domain.into_iter().chain(subject).chain(body).filter(short) {
        if all.len() == WORDS_MAX {
            break;
        }
        all.insert(word);
    }
    all.into_iter().collect()
}

/// The words of a mail that was read.
pub(crate) fn features_of(reading: &Reading) -> Vec<String> {
    let domain = reading.from.address().map_or("", |address| address.domain());
    features(&reading.subject, &reading.text, domain)
}

/// How likely a mail with these words is spam, from 0 to 1; `None` without an opinion.
pub(crate) fn likelihood(weights: &[Weight], lessons: Lessons) -> Option<f64> {
    if !lessons.suffice() {
        return None;
    }
    let mut shares: Vec<f64> =
        weights.iter().filter_map(|weight| share(*weight, lessons)).collect();
    // The words that say most, whichever way.
    shares.sort_by(|a, b| (b - 0.5).abs().total_cmp(&(a - 0.5).abs()));
    shares.truncate(TELLING_WORDS);
    if shares.is_empty() {
        return None;
    }
    let logit: f64 = shares.iter().map(|share| share.ln() - (1.0 - share).ln()).sum();
    Some(1.0 / (1.0 + (-logit).exp()))
}

/// The share of spam among mails with a word, drawn towards the middle while it is rare.
fn share(weight: Weight, lessons: Lessons) -> Option<f64> {
    let seen = weight.spam + weight.ham;
    if seen < 2 {
        return None;
    }
    let in_spam = float(weight.spam) / float(lessons.spam);
    let in_ham = float(weight.ham) / float(lessons.ham);
    let raw = in_spam / (in_spam + in_ham);
    let strength = 1.0;
    let drawn = (strength * 0.5 + float(seen) * raw) / (strength + float(seen));
    Some(drawn.clamp(0.01, 0.99))
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "counts of words")]
fn float(count: i64) -> f64 {
    count as f64
}

pub(crate) fn is_spam(likelihood: Option<f64>) -> bool {
    likelihood.is_some_and(|likelihood| likelihood >= SURE)
}
