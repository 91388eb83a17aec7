//! Long lists of words, written as one text with bars between them so that they stay readable.

use std::collections::HashMap;
use std::sync::OnceLock;

/// A list of words or phrases.
pub(crate) struct Words {
    text: &'static str,
    /// The entries by their first letter, made when they are first looked for.
    index: OnceLock<HashMap<char, Vec<&'static str>>>,
}

impl Words {
    pub(crate) const fn new(text: &'static str) -> Self {
        Self { text, index: OnceLock::new() }
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.text.split('|')
    }

    /// Whether the list has exactly this entry.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.alike(word).contains(&word)
    }

    /// Whether the text begins with an entry.
    pub(crate) fn begin(&self, text: &str) -> bool {
        self.alike(text).iter().any(|entry| text.starts_with(entry))
    }

    /// Whether an entry stands somewhere in the text.
    pub(crate) fn occur_in(&self, text: &str) -> bool {
        self.entries().any(|entry| text.contains(entry))
    }

    fn alike(&self, text: &str) -> &[&'static str] {
        let index = self.index.get_or_init(|| {
            let mut index: HashMap<char, Vec<&'static str>> = HashMap::new();
            for entry in self.entries() {
                if let Some(first) = entry.chars().next() {
                    index.entry(first).or_default().push(entry);
                }
            }
            index
        });
        let first = text.chars().next();
        first.and_then(|first| index.get(&first)).map_or(&[], Vec::as_slice)
    }
}
