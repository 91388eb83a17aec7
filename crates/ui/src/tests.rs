use jiff::tz::TimeZone;
use kernel::{Span, Timestamp};

use crate::*;

fn words() -> Words {
    let sample = "hello = Hello\nlist = { $n ->\n    [one] One ticket\n   *[other] { $n } tickets\n }\nassigned = { $who } assigned this to { $whom }\n";
    Catalog::new(&[("en", &[MESSAGES_EN, sample])]).unwrap().words("en-GB")
}

#[test]
fn words_come_from_the_catalogue() {
    let w = words();
    assert_eq!(w.t("hello"), "Hello");
    assert_eq!(w.t("missing-key"), "missing-key");
    assert_eq!(w.n("list", 1_i64), "One ticket");
    assert_eq!(w.n("list", 12_i64), "12 tickets");
    assert_eq!(w.a("when-in", "span", "42m"), "in 42m");
    assert_eq!(
        w.rich("assigned", &[("who", &"<Mateo>"), ("whom", &"you")]).to_string(),
        "<b>&lt;Mateo&gt;</b> assigned this to <b>you</b>"
    );
}

#[test]
fn a_key_said_twice_is_a_fault() {
    assert!(Catalog::new(&[("en", &["a = 1\n", "a = 2\n"])]).is_err());
    assert!(Catalog::new(&[("de", &["a = 1\n"])]).is_err(), "English is the fallback");
}

#[test]
fn prose_keeps_paragraphs_and_follows_links() {
    for (text, html) in [
        ("", ""),
        ("Hi", "<p>Hi</p>"),
        ("a\nb\n\n\nc", "<p>a<br>b</p><p>c</p>"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        (
            "see https://x.example/a?b=1&c=2.",
            "<p>see <a href=\"https://x.example/a?b=1&amp;c=2\" rel=\"noopener noreferrer \
             nofollow\" target=\"_blank\">https://x.example/a?b=1&amp;c=2</a>.</p>",
        ),
        ("javascript:alert(1)", "<p>javascript:alert(1)</p>"),
        ("ftp://x.example", "<p>ftp://x.example</p>"),
    ] {
        assert_eq!(prose(text).as_str(), html, "{text:?}");
    }
}

#[test]
fn markdown_gives_structure_and_nothing_active() {
    for (text, html) in [
        ("**Hi** _there_", "<p><strong>Hi</strong> <em>there</em></p>\n"),
        ("one\ntwo", "<p>one<br>\ntwo</p>\n"),
        ("# Big", "<p><strong>Big</strong></p>\n"),
        ("<b onclick=x>raw</b>", "<p>&lt;b onclick=x&gt;raw&lt;/b&gt;</p>\n"),
        (
            "[x](javascript:alert(1))",
            "<p><a target=\"_blank\" rel=\"noopener noreferrer nofollow\">x</a></p>\n",
        ),
        (
            "![pic](https://x.example/p.png)",
            "<p><a href=\"https://x.example/p.png\" target=\"_blank\" \
             rel=\"noopener noreferrer nofollow\">pic</a></p>\n",
        ),
        ("`<script>`", "<p><code>&lt;script&gt;</code></p>\n"),
    ] {
        assert_eq!(markdown(text).as_str(), html, "{text:?}");
    }
    let linked = markdown("see https://x.example/a and `https://y.example`");
    assert!(linked.as_str().contains("<a href=\"https://x.example/a\""), "{linked}");
    assert!(!linked.as_str().contains("<a href=\"https://y.example\""), "{linked}");
}

#[test]
fn what_was_looked_for_is_marked_and_the_rest_is_text() {
    let pieces = [("Refunds", true), (" <b>for</b> ", false), ("Lena", true)];
    assert_eq!(
        marked(pieces).as_str(),
        "<mark>Refunds</mark> &lt;b&gt;for&lt;/b&gt; <mark>Lena</mark>"
    );
}

#[test]
fn times_are_short_and_in_the_reader_s_zone() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let when =
        When { now: at("2026-11-17T09:02:30Z"), zone: TimeZone::get("Europe/Berlin").unwrap() };
    let w = words();
    for (then, shown) in [
        ("2026-11-17T09:02:00Z", "now"),
        ("2026-11-17T07:31:00Z", "08:31"),
        ("2026-11-16T23:30:00Z", "00:30"),
        ("2026-11-16T22:30:00Z", "Yesterday"),
        ("2026-11-03T10:00:00Z", "3 Nov"),
        ("2025-11-03T10:00:00Z", "3 Nov 2025"),
        ("2026-11-17T09:32:00Z", "10:32"),
    ] {
        assert_eq!(moment(at(then), &when, &w), shown, "{then}");
    }
    assert_eq!(moment_in_full(at("2026-11-17T09:02:00Z"), &when), "17 Nov 2026, 10:02");
    assert_eq!(relative(when.now + Span::minutes(42), &when, &w), "in 42m");
    assert_eq!(relative(when.now - Span::hours(2), &when, &w), "2h ago");
    for (span, shown) in [
        (Span::minutes(42), "42m"),
        (Span::minutes(110), "1h 50m"),
        (Span::hours(2), "2h"),
        (Span::hours(47), "47h"),
        (Span::days(6), "6d"),
        (Span::seconds(-720), "12m"),
    ] {
        assert_eq!(duration(span), shown);
    }
}

#[test]
fn badges_have_initials_in_any_script() {
    for (name, initials) in [
        ("John Mercer", "JM"),
        ("山本 恵子", "山恵"),
        ("dana", "D"),
        ("", "?"),
        ("Ana de la Cruz", "AC"),
    ] {
        assert_eq!(Badge::of(name, 7).initials, initials, "{name}");
    }
    assert!(Badge::of("x", i64::MAX).hue < 36);
    assert_ne!(Badge::of("x", 1).hue, Badge::of("x", 2).hue);
}

#[test]
fn hosts_are_known_by_name() {
    let hosts = Hosts::new("https://help.shop.example", "127.0.0.1:8080".parse().unwrap());
    for host in ["help.shop.example", "HELP.shop.example", "localhost:8080", "127.0.0.1:8080"] {
        assert!(hosts.knows(host), "{host}");
    }
    for host in ["evil.example", "localhost:81", "help.shop.example.evil.example", ""] {
        assert!(!hosts.knows(host), "{host}");
    }
    assert!(
        Hosts::is_local("localhost:8080")
            && Hosts::is_local("[::1]")
            && Hosts::is_local("127.0.0.1")
    );
    assert!(!Hosts::is_local("shop.example:443"));
}

#[test]
fn redirects_stay_here() {
    let target = |path: &str| see_other(path).headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(target("/inbox?x=1"), "/inbox?x=1");
    for path in [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "",
        "x\r\ny",
    ] {
        assert_eq!(target(path), "/", "{path:?}");
    }
}

#[test]
fn toasts_travel_in_ascii_and_together_with_other_events() {
    let mut response = Toast::new("Geschlossen ✓").with_undo("/undo/1".to_owned(), "Undo").alone();
    fire(&mut response, "ticket:leave", &serde_json::json!({"ref": "RC-1"}));
    let header = response.headers()["hx-trigger"].to_str().unwrap();
    let events: serde_json::Value = serde_json::from_str(header).unwrap();
    assert_eq!(events["toast"]["text"], "Geschlossen ✓");
    assert_eq!(events["toast"]["undoLabel"], "Undo");
    assert_eq!(events["ticket:leave"]["ref"], "RC-1");
}

#[test]
fn every_hue_is_dark_enough_to_read() {
    for hue in (0..360).step_by(10) {
        let colors = BrandColors::of(hue);
        let ink = luminance(&colors.ink);
        assert!(1.05 / (ink + 0.05) > 7.0, "{hue}: {}", colors.ink);
        assert!((luminance(&colors.tint) + 0.05) / (ink + 0.05) > 6.0, "{hue}");
    }
}

fn luminance(hex: &str) -> f64 {
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

#[test]
fn mentions_stand_out_in_words_and_nowhere_else() {
    let marked = |text| prose_with_mentions(text, &["Priya", "Priya Nair", "Al"]).to_string();
    for (text, expected) in [
        ("@Priya look", "<p><span class=\"mention\">@Priya</span> look</p>"),
        (
            "ask @priya nair, please",
            "<p>ask <span class=\"mention\">@priya nair</span>, please</p>",
        ),
        ("@Priyanka @Alice", "<p>@Priyanka @Alice</p>"),
        ("<b>@Al</b>", "<p>&lt;b&gt;<span class=\"mention\">@Al</span>&lt;/b&gt;</p>"),
    ] {
        assert_eq!(marked(text), expected);
    }
    assert!(!marked("see https://x.example/@Priya and a@priya.example").contains("mention"));
}

/// Pieces that mean something to one maker of markup or another.
const PIECES: &[&str] = &[
    "<",
    ">",
    "&",
    "\"",
    "'",
    "</p>",
    "<b>",
    "</b>",
    "<i>",
    "<p>",
    "<div>",
    "<table>",
    "<td>",
    "<a href=",
    "<a href=\"javascript:x\">",
    "<a href=\"https://x.example/\" onclick=\"x\">",
    "</a>",
    "<script>",
    "</script>",
    "<style>",
    "<svg>",
    "<!--",
    "-->",
    "<![CDATA[",
    "&lt;",
    "&#60;",
    "https://x.example/",
    "http://x.example/\"onmouseover=",
    "javascript:x",
    "www.x.example",
    "dana@example.com",
    "@Dana Meyer",
    "@<b>",
    "@x\" onclick=\"y",
    "@",
    "[x](javascript:y)",
    "[x](https://x.example \"t\")",
    "![x](https://x.example/y)",
    "`",
    "```\n",
    "**",
    "_",
    "~~",
    "# ",
    "> ",
    "- ",
    "1. ",
    "|a|b|\n|-|-|\n",
    "\n",
    "\n\n",
    "\r\n",
    "\t",
    " ",
    "\0",
    "é",
    "漢",
    "\u{202e}",
    "\u{feff}",
];

#[test]
fn whatever_is_written_becomes_markup_that_does_nothing() {
    let mut state = 7_u64;
    let mut roll = |sides: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % sides
    };
    for _ in 0..1_000 {
        let pieces: Vec<&str> = (0..roll(30)).map(|_| PIECES[roll(PIECES.len())]).collect();
        fuzzing::text_to_html(pieces.concat().as_bytes());
    }
    for piece in PIECES {
        fuzzing::text_to_html(piece.repeat(300).as_bytes());
    }
}
