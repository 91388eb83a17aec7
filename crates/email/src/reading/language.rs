//! The language of a text.

use whatlang::Lang;

/// More text does not make the answer better, only later.
const CHARS_LOOKED_AT: usize = 300;
const CHARS_MIN: usize = 24;

/// The ISO 639 code (two letters where there are two), when there is no doubt.
pub(crate) fn of(text: &str) -> Option<&'static str> {
    let end = text.char_indices().nth(CHARS_LOOKED_AT).map_or(text.len(), |(at, _)| at);
    let sample = text.get(..end)?.trim();
    if sample.chars().filter(|c| c.is_alphabetic()).count() < CHARS_MIN {
        return None;
    }
    let info = whatlang::detect(sample)?;
    info.is_reliable().then(|| code(info.lang()))
}

fn code(lang: Lang) -> &'static str {
    match lang {
        Lang::Eng => "en",
        Lang::Deu => "de",
        Lang::Fra => "fr",
        Lang::Spa => "es",
        Lang::Por => "pt",
        Lang::Ita => "it",
        Lang::Nld => "nl",
        Lang::Dan => "da",
        Lang::Swe => "sv",
        Lang::Nob => "nb",
        Lang::Fin => "fi",
        Lang::Pol => "pl",
        Lang::Ces => "cs",
        Lang::Slk => "sk",
        Lang::Slv => "sl",
        Lang::Hun => "hu",
        Lang::Ron => "ro",
        Lang::Bul => "bg",
        Lang::Hrv => "hr",
        Lang::Srp => "sr",
        Lang::Mkd => "mk",
        Lang::Ell => "el",
        Lang::Tur => "tr",
        Lang::Rus => "ru",
        Lang::Ukr => "uk",
        Lang::Bel => "be",
        Lang::Lit => "lt",
        Lang::Lav => "lv",
        Lang::Est => "et",
        Lang::Cat => "ca",
        Lang::Afr => "af",
        Lang::Ara => "ar",
        Lang::Heb => "he",
        Lang::Pes => "fa",
        Lang::Urd => "ur",
        Lang::Hin => "hi",
        Lang::Ben => "bn",
        Lang::Tam => "ta",
        Lang::Tel => "te",
        Lang::Tha => "th",
        Lang::Vie => "vi",
        Lang::Ind => "id",
        Lang::Jav => "jv",
        Lang::Tgl => "tl",
        Lang::Kor => "ko",
        Lang::Jpn => "ja",
        Lang::Cmn => "zh",
        other => other.code(),
    }
}
