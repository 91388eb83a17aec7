//! The message catalogue: every text a person reads, by key and language.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

use crate::Markup;

/// The texts of this crate; every feature adds its own.
pub const MESSAGES_EN: &str = include_str!("../messages/en.ftl");

/// All languages that are spoken here.
pub struct Catalog {
    languages: HashMap<&'static str, Words>,
}

/// The texts of one language. Cheap to clone.
#[derive(Clone)]
pub struct Words(Arc<Language>);

struct Language {
    tag: &'static str,
    is_rtl: bool,
    /// Texts without arguments, ready to print.
    plain: HashMap<String, String>,
    bundle: FluentBundle<FluentResource>,
}

const FALLBACK: &str = "en";

/// A number that a text counts; templates pass references.
pub trait Number {
    fn number(self) -> i64;
}

impl Number for i64 {
    fn number(self) -> i64 {
        self
    }
}

impl Number for usize {
    fn number(self) -> i64 {
        kernel::count(self)
    }
}

impl<N: Number + Copy> Number for &N {
    fn number(self) -> i64 {
        (*self).number()
    }
}

impl Catalog {
    /// Reads the catalogues of one or more languages. A broken one is a fault of the program.
    pub fn new(languages: &[(&'static str, &[&str])]) -> Result<Self> {
        let languages = languages
            .iter()
            .map(|(tag, sources)| Ok((*tag, Words::read(tag, sources)?)))
            .collect::<Result<HashMap<_, _>>>()?;
        if !languages.contains_key(FALLBACK) {
            return Err(anyhow!("there is no catalogue for {FALLBACK}"));
        }
        Ok(Self { languages })
    }

    /// The texts for a language tag such as `de-AT`, or English.
    pub fn words(&self, tag: &str) -> Words {
        let primary = tag.split('-').next().unwrap_or_default();
        let found = self.languages.get(tag).or_else(|| self.languages.get(primary));
        #[expect(clippy::expect_used, reason = "Catalog::new asks for it")]
        let words = found.or_else(|| self.languages.get(FALLBACK)).expect("the fallback");
        words.clone()
    }

    pub fn tags(&self) -> Vec<&'static str> {
        let mut tags: Vec<_> = self.languages.keys().copied().collect();
        tags.sort_unstable();
        tags
    }
}

impl Words {
    fn read(tag: &'static str, sources: &[&str]) -> Result<Self> {
        let id: LanguageIdentifier = tag.parse()?;
        let mut bundle = FluentBundle::new_concurrent(vec![id]);
        // The pages isolate what people wrote with <bdi>; marks inside texts would show in mail.
        bundle.set_use_isolating(false);
        let mut keys = Vec::new();
        for source in sources {
            let resource = FluentResource::try_new((*source).to_owned())
                .map_err(|(_, faults)| anyhow!("catalogue {tag}: {faults:?}"))?;
            keys.extend(source.lines().filter_map(key_of));
            bundle
                .add_resource(resource)
                .map_err(|faults| anyhow!("catalogue {tag} says something twice: {faults:?}"))?;
        }
        let plain = keys.into_iter().filter_map(|key| plain_text(&bundle, key)).collect();
        let is_rtl = matches!(tag, "ar" | "fa" | "he" | "ur");
        Ok(Self(Arc::new(Language { tag, is_rtl, plain, bundle })))
    }

    /// The language tag, for `lang`.
    pub fn tag(&self) -> &'static str {
        self.0.tag
    }

    /// The direction of writing, for `dir`.
    pub fn dir(&self) -> &'static str {
        if self.0.is_rtl { "rtl" } else { "ltr" }
    }

    /// A text without arguments. A key that is missing shows itself.
    pub fn t<'w>(&'w self, key: &'w str) -> &'w str {
        self.0.plain.get(key).map_or(key, String::as_str)
    }

    /// A text with a number `$n`, in the right plural.
    pub fn n(&self, key: &str, n: impl Number) -> String {
        let n = n.number();
        let mut args = FluentArgs::new();
        args.set("n", FluentValue::from(n));
        self.format(key, &args)
    }

    /// A text with one argument.
    pub fn a(&self, key: &str, name: &str, value: impl fmt::Display) -> String {
        self.all(key, &[(name, &value)])
    }

    /// A text with two arguments.
    pub fn a2(
        &self,
        key: &str,
        first: &str,
        value: impl fmt::Display,
        second: &str,
        other: impl fmt::Display,
    ) -> String {
        self.all(key, &[(first, &value), (second, &other)])
    }

    /// A text with any arguments.
    pub fn all(&self, key: &str, args: &[(&str, &dyn fmt::Display)]) -> String {
        let mut fluent = FluentArgs::new();
        for (name, value) in args {
            fluent.set((*name).to_owned(), FluentValue::from(value.to_string()));
        }
        self.format(key, &fluent)
    }

    /// A text whose arguments stand out: each is escaped and set in bold.
    pub fn rich(&self, key: &str, args: &[(&str, &dyn fmt::Display)]) -> Markup {
        // Escaped as a whole with unprintable marks around the arguments, which become tags.
        let marked: Vec<(&str, String)> =
            args.iter().map(|(name, value)| (*name, format!("\u{1}{value}\u{2}"))).collect();
        let marked: Vec<(&str, &dyn fmt::Display)> = marked
            .iter()
            .map(|(name, value)| -> (&str, &dyn fmt::Display) { (*name, value) })
            .collect();
        let escaped = Markup::escape(&self.all(key, &marked)).to_string();
        Markup::trusted(escaped.replace('\u{1}', "<b>").replace('\u{2}', "</b>"))
    }

    fn format(&self, key: &str, args: &FluentArgs<'_>) -> String {
        let bundle = &self.0.bundle;
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            return key.to_owned();
        };
        let mut faults = Vec::new();
        let text = bundle.format_pattern(pattern, Some(args), &mut faults).into_owned();
        if !faults.is_empty() {
            tracing::warn!(key, "text {key} misses an argument");
        }
        text
    }
}

/// The key at the start of a catalogue line: `inbox-title = Inbox`.
fn key_of(line: &str) -> Option<&str> {
    let (key, _) = line.split_once('=')?;
    let key = key.trim_end();
    let is_key = line.starts_with(|c: char| c.is_ascii_lowercase())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    is_key.then_some(key)
}

/// A text that needs no arguments, or nothing.
fn plain_text(bundle: &FluentBundle<FluentResource>, key: &str) -> Option<(String, String)> {
    let pattern = bundle.get_message(key)?.value()?;
    let mut faults = Vec::new();
    let text = bundle.format_pattern(pattern, None, &mut faults).into_owned();
    faults.is_empty().then(|| (key.to_owned(), text))
}
