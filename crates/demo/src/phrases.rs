//! Sentences from phrases: `{word}` stands for a word of the story or another section, `(a|b)`
//! for a choice. Pure.

use std::collections::HashMap;

use crate::rng::Rng;

/// Everything that can be said, by language and section.
pub(crate) struct Phrases(HashMap<&'static str, Sections>);

type Sections = HashMap<&'static str, Vec<&'static str>>;

const FILES: [(&str, &str); 9] = [
    ("en", include_str!("../data/en.txt")),
    ("de", include_str!("../data/de.txt")),
    ("fr", include_str!("../data/fr.txt")),
    ("es", include_str!("../data/es.txt")),
    ("pt", include_str!("../data/pt.txt")),
    ("it", include_str!("../data/it.txt")),
    ("uk", include_str!("../data/uk.txt")),
    ("ar", include_str!("../data/ar.txt")),
    ("ja", include_str!("../data/ja.txt")),
];

/// The words of one story.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) given: String,
    pub(crate) agent: String,
    pub(crate) peer: String,
    pub(crate) product: &'static str,
    pub(crate) order: String,
    pub(crate) amount: String,
    pub(crate) date: String,
    pub(crate) year: String,
    pub(crate) code: String,
    pub(crate) digits: String,
    pub(crate) lesson: String,
    pub(crate) page: String,
    pub(crate) version: String,
}

impl Facts {
    fn get(&self, word: &str) -> Option<&str> {
        Some(match word {
            "company" => crate::shop::COMPANY,
            "given" => &self.given,
            "agent" => &self.agent,
            "peer" => &self.peer,
            "product" => self.product,
            "order" => &self.order,
            "amount" => &self.amount,
            "date" => &self.date,
            "year" => &self.year,
            "code" => &self.code,
            "digits" => &self.digits,
            "lesson" => &self.lesson,
            "page" => &self.page,
            "version" => &self.version,
            _ => return None,
        })
    }
}

impl Phrases {
    pub(crate) fn load() -> Self {
        Self(FILES.iter().map(|(language, text)| (*language, sections(text))).collect())
    }

    /// Whether something can be said in a language.
    pub(crate) fn has(&self, language: &str, section: &str) -> bool {
        self.0.get(language).is_some_and(|sections| sections.contains_key(section))
    }

    /// One phrase of a section, in English where the language has none.
    pub(crate) fn say(
        &self,
        rng: &mut Rng,
        language: &str,
        section: &str,
        facts: &Facts,
    ) -> String {
        let mut text = String::with_capacity(160);
        self.add(&mut text, rng, language, section, facts);
        text
    }

    /// Adds one phrase of a section to a text.
    pub(crate) fn add(
        &self,
        to: &mut String,
        rng: &mut Rng,
        language: &str,
        section: &str,
        facts: &Facts,
    ) {
        let phrases = self.section(language, section).or_else(|| self.section("en", section));
        if let Some(phrase) = phrases.and_then(|phrases| rng.pick(phrases)) {
            self.expand(to, rng, language, phrase, facts);
        }
    }

    fn section(&self, language: &str, section: &str) -> Option<&[&'static str]> {
        self.0.get(language)?.get(section).map(Vec::as_slice)
    }

    fn expand(&self, to: &mut String, rng: &mut Rng, language: &str, phrase: &str, facts: &Facts) {
        let mut rest = phrase;
        while let Some(at) = rest.find(['{', '(']) {
            let (plain, special) = rest.split_at(at);
            to.push_str(plain);
            let closing = if special.starts_with('{') { '}' } else { ')' };
            let (Some(open), Some(end)) = (special.chars().next(), special.find(closing)) else {
                rest = special;
                break;
            };
            let inner = special.get(1..end).unwrap_or_default();
            rest = special.get(end + 1..).unwrap_or_default();
            if open == '{' {
                match facts.get(inner) {
                    Some(word) => to.push_str(word),
                    None => self.add(to, rng, language, inner, facts),
                }
            } else if inner.contains('|') {
                let choices = inner.split('|').count();
                let chosen = inner.split('|').nth(rng.below(choices)).unwrap_or_default();
                if chosen.is_empty() && to.ends_with(' ') {
                    to.pop();
                }
                self.expand(to, rng, language, chosen, facts);
            } else {
                to.push('(');
                self.expand(to, rng, language, inner, facts);
                to.push(')');
            }
        }
        to.push_str(rest);
    }
}

fn sections(text: &'static str) -> Sections {
    let mut sections = Sections::new();
    let mut current = "";
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let head = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        match head {
            Some(name) => current = name,
            None => sections.entry(current).or_default().push(line),
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_word_of_every_phrase_is_known() {
        let phrases = Phrases::load();
        let facts = Facts::default();
        for (language, sections) in &phrases.0 {
            for (section, lines) in sections {
                for line in lines {
                    for word in line.split('{').skip(1) {
                        let word = word.split('}').next().unwrap();
                        let known = facts.get(word).is_some()
                            || phrases.has(language, word)
                            || phrases.has("en", word);
                        assert!(known, "{language} {section}: {word} in {line}");
                    }
                    let opened = line.matches('(').count();
                    assert_eq!(opened, line.matches(')').count(), "{language}: {line}");
                }
            }
        }
    }

    #[test]
    fn phrases_give_thousands_of_sentences() {
        let phrases = Phrases::load();
        let mut rng = Rng::of(1, 1);
        let mut seen = HashSet::new();
        let mut facts = Facts {
            given: "Dana".to_owned(),
            product: "Lantern Forms",
            order: "NL-100200".to_owned(),
            amount: "$49.00".to_owned(),
            date: "2026-11-03".to_owned(),
            year: "2023".to_owned(),
            code: "NORTH20".to_owned(),
            digits: "4821".to_owned(),
            lesson: "7".to_owned(),
            page: "112".to_owned(),
            version: "3.2".to_owned(),
            ..Facts::default()
        };
        for issue in crate::shop::ISSUES {
            for part in ["subject", "open", "detail", "ask", "answer", "more", "note"] {
                for turn in 0..400 {
                    let shelf = &crate::shop::INBOXES[turn % 4].products;
                    facts.product = shelf[turn % shelf.len()];
                    let section = format!("{}.{part}", issue.key);
                    assert!(phrases.has("en", &section), "{section}");
                    let said = phrases.say(&mut rng, "en", &section, &facts);
                    assert!(!said.contains(['{', '}', '|']), "{said}");
                    assert!(!said.contains("  "), "{said:?}");
                    seen.insert(said);
                }
            }
        }
        for part in ["hello", "bye", "aside", "greet", "close", "asked", "told", "nudge", "later"] {
            for _ in 0..200 {
                seen.insert(phrases.say(&mut rng, "en", part, &facts));
            }
        }
        assert!(seen.len() > 2_000, "{}", seen.len());
    }
}
