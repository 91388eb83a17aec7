//! Telling "thanks!" from a message that asks for something. Pure.

/// Whether the visible text of a message is courtesy and nothing else, so that a resolved ticket
/// may stay resolved. In doubt it is not.
pub fn is_courtesy(text: &str) -> bool {
    let folded: String = text
        .to_lowercase()
        .chars()
        .map(|c| if c.is_alphanumeric() || c == '\'' { c } else { ' ' })
        .collect();
    if text.contains('?') {
        return false;
    }
    let words: Vec<&str> = folded.split_whitespace().collect();
    if words.is_empty() || words.len() > 20 {
        return false;
    }
    let thanked = words.iter().any(|word| THANKS.contains(word));
    let only_kind = words.iter().all(|word| THANKS.contains(word) || FILLERS.contains(word));
    thanked && (only_kind || (words.len() <= 6 && !words.iter().any(|word| DOUBTS.contains(word))))
}

const THANKS: &[&str] = &[
    "thanks",
    "thank",
    "thx",
    "ty",
    "cheers",
    "danke",
    "dankeschön",
    "merci",
    "gracias",
    "grazie",
    "obrigado",
    "obrigada",
    "bedankt",
    "dank",
    "tack",
    "takk",
    "tak",
    "kiitos",
    "dziękuję",
    "спасибо",
    "شكرا",
    "ありがとうございます",
    "ありがとう",
    "谢谢",
    "감사합니다",
    "solved",
    "perfect",
];

const FILLERS: &[&str] = &[
    "you",
    "so",
    "very",
    "much",
    "a",
    "lot",
    "again",
    "all",
    "for",
    "the",
    "your",
    "help",
    "quick",
    "fast",
    "great",
    "awesome",
    "kind",
    "support",
    "reply",
    "answer",
    "response",
    "it",
    "works",
    "now",
    "that",
    "worked",
    "is",
    "fine",
    "good",
    "ok",
    "okay",
    "have",
    "nice",
    "day",
    "weekend",
    "best",
    "regards",
    "kindly",
    "appreciate",
    "appreciated",
    "really",
    "everything",
    "hi",
    "hello",
    "dear",
    "team",
    "vielen",
    "sehr",
    "für",
    "die",
    "hilfe",
    "schnelle",
    "beaucoup",
    "muchas",
    "mille",
    "super",
    "und",
    "and",
    "to",
    "bye",
    "got",
    "this",
    "was",
    "helpful",
];

const DOUBTS: &[&str] = &[
    "but", "not", "no", "still", "however", "again", "when", "why", "how", "what", "where", "can",
    "could", "please", "aber", "nicht", "noch", "mais", "pas", "pero", "sin", "ma", "non",
    "refund", "cancel", "problem", "issue", "error", "wrong", "anything", "nothing",
];
