use database::search::Expr;
use unicode_normalization::UnicodeNormalization;

use crate::highlight;
use crate::words::{Term, expr, fold, folded, words};

#[test]
fn text_is_cut_into_comparable_words() {
    for (text, cut) in [
        ("Refunds, please!", vec!["refund", "pleas"]),
        ("REFUNDED refunding", vec!["refund", "refund"]),
        ("naïve Café über straße", vec!["naiv", "cafe", "uber", "strase"]),
        ("dana@example.com RC-10482", vec!["dana", "exampl", "com", "rc", "10482"]),
        ("Ελλάδα Москва", vec!["ελλαδα", "москва"]),
        ("ダウンロード", vec!["ダウ", "ウン", "ンロ", "ロー", "ード"]),
        ("日本語 and 本", vec!["日本", "本語", "and", "本"]),
        ("iPhoneを買う", vec!["iphon", "を買", "買う"]),
        ("हिन्दी", vec!["हिन्दी"]),
        ("مرحبا بكم", vec!["مرحبا", "بكم"]),
        ("", vec![]),
        ("--- !!", vec![]),
        ("ﬁle №5", vec!["file", "no5"]),
    ] {
        assert_eq!(words(text), cut, "{text}");
    }
    assert_eq!(folded("Refunds naïve"), ["refunds", "naive"]);
    assert!(words(&"x".repeat(100)).is_empty(), "a wall of letters is no word");
    assert_eq!(words(&"a b ".repeat(20_000)).len(), 20_000);
}

#[test]
fn text_is_folded_the_same_whatever_stands_around_it() {
    let parts = [
        "a",
        "E\u{301}",
        "\u{301}",
        "é",
        "É",
        "ß",
        "№",
        "ﬁ",
        "…",
        " ",
        "Z",
        "한",
        "\u{1112}\u{1161}",
        "が",
        "か\u{3099}",
        "हि",
        "x\u{327}\u{301}",
        "İ",
        "-",
        "\u{feff}",
        "🙂",
    ];
    for a in parts {
        for b in parts {
            for c in parts {
                let text = format!("{a}{b}{c}");
                assert_eq!(fold(&text), folded_as_a_whole(&text), "{text:?}");
            }
        }
    }
}

fn folded_as_a_whole(text: &str) -> String {
    text.nfkd()
        .filter(|c| !matches!(c, '\u{300}'..='\u{36f}'))
        .flat_map(char::to_lowercase)
        .map(|c| if c == 'ß' { 's' } else { c })
        .nfc()
        .collect()
}

#[test]
fn what_is_typed_becomes_a_question() {
    let word = |text: &str| Term::Word(text.to_owned());
    let phrase = |text: &str| Term::Phrase(text.to_owned());
    let w = |text: &str| Expr::Word(text.to_owned());
    let p = |text: &str| Expr::Prefix(text.to_owned());
    let ph = |list: &[&str]| Expr::Phrase(list.iter().map(|word| (*word).to_owned()).collect());
    for (terms, asked) in [
        (vec![word("refunds")], Some(p("refund"))),
        (vec![word("big"), word("refunds")], Some(Expr::All(vec![w("big"), p("refund")]))),
        (vec![word("no")], Some(w("no"))),
        (vec![phrase("money back")], Some(ph(&["money", "back"]))),
        (vec![word("NS-209")], Some(ph(&["ns", "209"]))),
        (vec![word("本")], Some(p("本"))),
        (
            vec![word("refund"), Term::Not(Box::new(word("course")))],
            Some(Expr::Without(Box::new(p("refund")), Box::new(Expr::Any(vec![w("cours")])))),
        ),
        (vec![Term::Not(Box::new(word("course")))], None),
        (vec![word("!!!")], None),
        (vec![], None),
    ] {
        assert_eq!(expr(&terms), asked, "{terms:?}");
    }
}

#[test]
fn what_was_looked_for_is_marked_where_it_stands() {
    let word = |text: &str| Term::Word(text.to_owned());
    let phrase = |text: &str| Term::Phrase(text.to_owned());
    for (text, terms, marked) in [
        ("I want a refund, please", vec![word("refunds")], "I want a [refund], please"),
        ("Refunding and refunded", vec![word("refund")], "[Refunding] and [refunded]"),
        ("no none nonsense", vec![word("no")], "[no] none nonsense"),
        ("my money back now", vec![phrase("money back")], "my [money back] now"),
        ("back, money is back", vec![phrase("money back")], "back, money is back"),
        ("to dana@example.com: hi", vec![word("dana@example.com")], "to [dana@example.com]: hi"),
        ("Das CAFÉ in Zürich", vec![word("cafe"), word("zür")], "Das [CAFÉ] in [Zürich]"),
        ("これはダウンロードの話", vec![word("ダウンロード")], "これは[ダウンロード]の話"),
        ("日本語の本", vec![word("本")], "日[本語]の本"),
        ("not this", vec![Term::Not(Box::new(word("this")))], "not this"),
        ("two\nlines\tof it", vec![word("lines")], "two [lines] of it"),
        ("", vec![word("lines")], ""),
        ("<b>refund</b>", vec![word("refund")], "<b>[refund]</b>"),
    ] {
        let pieces = highlight(text, &terms, 200);
        let shown: String = pieces
            .iter()
            .map(
                |piece| if piece.is_hit { format!("[{}]", piece.text) } else { piece.text.clone() },
            )
            .collect();
        assert_eq!(shown, marked, "{text}");
    }
}

#[test]
fn a_long_text_is_cut_around_the_first_hit() {
    let text = format!("{} needle {}", "hay ".repeat(500), "hay ".repeat(500));
    let pieces = highlight(&text, &[Term::Word("needle".to_owned())], 120);
    let shown: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
    assert!(pieces.iter().any(|piece| piece.is_hit && piece.text == "needle"));
    assert!(shown.starts_with("…hay") && shown.ends_with("hay…"), "{shown}");
    assert!(shown.chars().count() <= 124, "{shown}");
    for chars_max in 0..40 {
        let pieces = highlight("ééé ダウンロード ééé", &[Term::Word("ダウ".to_owned())], chars_max);
        assert!(!pieces.is_empty());
    }
}

/// Pieces that mean something to one part of searching or another, put together by a small
/// generator of numbers.
#[test]
fn whatever_is_typed_is_words_or_nothing() {
    const PIECES: &[&str] = &[
        "refund",
        "Refunding",
        " ",
        "-",
        "\"",
        "'",
        "*",
        "(",
        ")",
        ":",
        "NEAR",
        "OR",
        "%",
        "_",
        "\0",
        "\n",
        "é",
        "e\u{301}",
        "\u{301}",
        "İ",
        "ß",
        "ﷺ",
        "½",
        "﹪",
        "漢",
        "漢字",
        "한국어",
        "ไทย",
        "हिन्दी",
        "مرحبا",
        "🙂",
        "\u{200d}",
        "\u{202e}",
        "…",
        "10482",
        "a.b@c.example",
        "x",
    ];
    let mut seed = 0x5eed_cafe_f00d_1234_u64;
    let mut roll = |sides: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % u64::try_from(sides).unwrap()).unwrap()
    };
    for _ in 0..4_000 {
        let typed: String = (0..roll(20)).map(|_| PIECES[roll(PIECES.len())]).collect();
        crate::fuzzing::query(typed.as_bytes());
    }
    crate::fuzzing::query("漢".repeat(40_000).as_bytes());
    crate::fuzzing::query(b"\xff\xfe\x00word");
}
