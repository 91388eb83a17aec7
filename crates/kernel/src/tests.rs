use super::*;

fn address(text: &str) -> Option<String> {
    text.parse::<EmailAddress>().ok().map(|address| address.to_string())
}

#[test]
fn addresses_are_read_strictly_and_folded() {
    for (written, read) in [
        ("Dana@Example.COM", Some("dana@example.com")),
        (" a.b+c@x-y.example ", Some("a.b+c@x-y.example")),
        ("jörg@bücher.example", Some("jörg@bücher.example")),
        ("root@localhost", Some("root@localhost")),
        ("no-at.example", None),
        ("@example.com", None),
        ("a@", None),
        ("a..b@example.com", None),
        (".a@example.com", None),
        ("a b@example.com", None),
        ("a@exa mple.com", None),
        ("a@-x.example", None),
        ("a@b@example.com", None),
        ("\"quoted\"@example.com", None),
        ("a@example.com\r\nBcc: b@example.com", None),
        ("Dana <dana@example.com>", None),
    ] {
        assert_eq!(address(written).as_deref(), read, "{written:?}");
    }
    let long = format!("{}@example.com", "x".repeat(65));
    assert_eq!(address(&long), None);
}

#[test]
fn a_plus_address_gives_back_its_tag() {
    let base: EmailAddress = "support@shop.example".parse().unwrap();
    let tagged = base.with_tag("Tok3n");
    assert_eq!(tagged.as_str(), "support+tok3n@shop.example");
    assert_eq!(tagged.split_tag(), Some((base.clone(), "tok3n")));
    assert_eq!(base.split_tag(), None);
}

#[test]
fn references_are_read_as_people_write_them() {
    for text in ["RC-10482", "rc-10482", "RC10482", "#10482", "10482", " RC-10482 "] {
        assert_eq!(text.parse::<TicketId>().unwrap(), TicketId(10482), "{text}");
    }
    for text in ["", "RC-", "RC-x", "-1", "RC--1", "99999999999"] {
        assert!(text.parse::<TicketId>().is_err(), "{text}");
    }
    assert_eq!(TicketId(10482).to_string(), "RC-10482");
}

#[test]
fn instants_print_and_read_back() {
    let at: Timestamp = "2026-11-17T09:02:00Z".parse().unwrap();
    assert_eq!(at.to_string(), "2026-11-17T09:02:00Z");
    assert_eq!((at + Span::minutes(1)).since(at), Span::seconds(60));
    let berlin = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    assert_eq!(at.in_zone(&berlin).strftime("%H:%M").to_string(), "10:02");
}

#[test]
fn public_ids_follow_the_clock() {
    let first = PublicId::new(Timestamp::from_seconds(1_700_000_000));
    let second = PublicId::new(Timestamp::from_seconds(1_700_000_001));
    assert!(first < second);
    assert_eq!(first.to_string().parse::<PublicId>().unwrap(), first);
}

#[test]
fn secrets_do_not_print() {
    assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(…)");
}

#[test]
fn text_is_cut_between_characters() {
    assert_eq!(clip("ダウンロード", 3), "ダウン…");
    assert_eq!(clip("short", 9), "short");
    assert_eq!(one_line(" a\r\n\tb\u{0} c "), "a b c");
}

#[test]
fn bytes_print_in_hexadecimal() {
    for (bytes, text) in [(&[][..], ""), (&[0x00, 0x0f, 0xa0, 0xff][..], "000fa0ff")] {
        assert_eq!(hex(bytes), text);
    }
}
