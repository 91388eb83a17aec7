use kernel::Timestamp;

use crate::format::date;
use crate::status::Status;
use crate::*;

fn read_text(text: &str) -> Reading {
    read(text.replace('\n', "\r\n").as_bytes(), &Limits::default())
}

#[test]
fn dates_are_read_as_people_and_programs_write_them() {
    for (written, read) in [
        ("Tue, 17 Nov 2026 09:02:00 +0100", Some("2026-11-17T08:02:00Z")),
        ("17 Nov 2026 09:02 GMT", Some("2026-11-17T09:02:00Z")),
        ("17 Nov 26 09:02:00 EST", Some("2026-11-17T14:02:00Z")),
        ("Tue, 17 Nov 2026 09:02:00 -0330 (NST)", Some("2026-11-17T12:32:00Z")),
        ("Tue Nov 17 09:02:00 2026", Some("2026-11-17T09:02:00Z")),
        ("Tue, 17 Nov 2026 9:2:0 +0000", Some("2026-11-17T09:02:00Z")),
        ("Tuesday, 17-Nov-26 09:02:00 PST", Some("2026-11-17T17:02:00Z")),
        ("2026-11-17T09:02:00Z", Some("2026-11-17T09:02:00Z")),
        ("2026-11-17 09:02:00 +0200", Some("2026-11-17T07:02:00Z")),
        ("17-Nov-2026 09:02:00 +0100", Some("2026-11-17T08:02:00Z")),
        ("Sat, 31 Dec 2016 23:59:60 +0000", Some("2016-12-31T23:59:59Z")),
        ("Thu, 29 Feb 2024 12:00:00 +0000", Some("2024-02-29T12:00:00Z")),
        ("Wed, 29 Feb 2023 12:00:00 +0000", None),
        ("Tue, 17 Nov 2026", None),
        ("Thu, 1 Jan 1970 00:00:00 +0000", None),
        ("Fri, 17 Nov 2199 00:00:00 +0000", None),
        ("yesterday at 9:02", None),
        ("", None),
        ("99 Nov 2026 99:99:99 +9999", None),
    ] {
        let expected: Option<Timestamp> = read.map(|text| text.parse().unwrap());
        assert_eq!(date::parse(written), expected, "{written}");
    }
}

#[test]
fn what_a_spam_filter_said_is_read() {
    for (header, is_marked) in [
        ("X-Spam-Flag: YES", true),
        ("X-Spam-Status: Yes, score=15.2 required=5.0", true),
        ("X-Spam: yes", true),
        ("X-Spam-Flag: NO\nX-Spam-Status: No, score=1.0", false),
        ("X-Spam-Score: 9", false),
        ("X-Spam-Status: yesterday", false),
        ("X-Spam:", false),
    ] {
        let reading = read_text(&format!("From: a@b.example\n{header}\n\nText\n"));
        assert_eq!(reading.is_marked_as_spam, is_marked, "{header}");
    }
}

#[test]
fn a_sender_that_is_no_address_is_shown_as_one_plain_line() {
    for (from, shown) in [
        ("post\0master@gone.example", "post master@gone.example"),
        ("<\u{202e}dana@customer@example>", "dana@customer@example"),
        ("nobody", "nobody"),
        ("", ""),
    ] {
        let reading = read_text(&format!("From: {from}\n\nText\n"));
        assert!(matches!(reading.from, Sender::Unclear(_)), "{from:?}");
        assert_eq!(reading.shown_name, shown, "{from:?}");
    }
}

#[test]
fn file_names_are_harmless_whatever_they_were() {
    for (raw, clean) in [
        ("invoice.pdf", "invoice.pdf"),
        ("../../../etc/passwd", "passwd"),
        ("C:\\temp\\a.txt", "a.txt"),
        ("..", "attachment"),
        ("...", "attachment"),
        (" / ", "attachment"),
        ("", "attachment"),
        (".htaccess", "htaccess"),
        ("\u{200b}.htaccess", "htaccess"),
        ("..\u{200b}/..\u{200b}/x", "x"),
        ("photo\u{202e}gpj.exe", "photogpj.exe"),
        ("a\0b\r\nc.txt", "abc.txt"),
        ("Ma\u{308}rz.pdf", "März.pdf"),
        ("e\u{200b}\u{301}.txt", "\u{e9}.txt"),
        ("e\u{0}\u{301}.txt", "\u{e9}.txt"),
        ("report.txt.", "report.txt"),
        ("a<b>c:d|e?.txt", "a_b_c_d_e_.txt"),
        ("-rf", "rf"),
    ] {
        assert_eq!(clean_file_name(raw), clean, "{raw:?}");
    }
    let long = clean_file_name(&format!("{}.pdf", "ä".repeat(300)));
    assert!(long.len() <= 255 && long.strip_suffix(".pdf").is_some(), "{long}");
}

#[test]
fn a_thousand_hostile_file_names_become_plain_ones() {
    let pieces = [
        "..",
        "/",
        "\\",
        "\u{202e}",
        "\u{200b}",
        "\0",
        "\n",
        "CON",
        ".htaccess",
        "a",
        "é",
        "%00",
        " ",
        "\u{feff}",
        "x.php",
        ";",
        "'",
        "\"",
        "🙂",
        "\u{7f}",
        "e\u{200b}\u{301}",
    ];
    for number in 0..1_000_usize {
        let raw: String = (0..5)
            .map(|place| pieces[(number * 7 + place * (number + 3) + place * place) % pieces.len()])
            .collect();
        let name = clean_file_name(&raw);
        assert!(!name.is_empty() && name.len() <= 255, "{raw:?}");
        assert!(
            !name.contains(['/', '\\', '\0', '\n', '\u{202e}', '\u{200b}']),
            "{raw:?} {name:?}"
        );
        assert!(!name.starts_with('.'), "{raw:?} {name:?}");
        assert_eq!(clean_file_name(&name), name, "{raw:?}");
    }
}

#[test]
fn a_mail_above_the_limit_is_still_shown() {
    let limits = Limits { message_bytes_max: 1_000, ..Limits::default() };
    let mail =
        format!("From: dana@customer.example\r\nSubject: Big\r\n\r\n{}", "text ".repeat(900));
    let reading = read(mail.as_bytes(), &limits);
    assert_eq!(reading.remarks, [Remark::TooLarge]);
    assert_eq!(reading.subject, "Big");
    assert!(reading.text.starts_with("text text"));
}

#[test]
fn bombs_of_every_kind_are_cut_and_remarked_on() {
    let parts = "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n".repeat(2_000);
    let many = format!(
        "From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--"
    );
    let reading = read(many.as_bytes(), &Limits::default());
    assert!(reading.remarks.contains(&Remark::TooManyParts));
    assert!(reading.text.lines().filter(|line| *line == "x").count() < 1_000);

    let header = format!("From: a@b.example\r\nX: {}\r\n\r\nThe text.", "y".repeat(300 * 1024));
    let reading = read(header.as_bytes(), &Limits::default());
    assert_eq!(reading.remarks, [Remark::HeaderTooLong]);
    assert_eq!(reading.text, "The text.");

    let people: Vec<String> = (0..2_000).map(|number| format!("p{number}@b.example")).collect();
    let people = people.join(", ");
    let crowd = format!("From: a@b.example\r\nTo: {people}\r\n\r\nHello.");
    let reading = read(crowd.as_bytes(), &Limits::default());
    assert_eq!((reading.to.len(), &reading.remarks[..]), (1_000, &[Remark::TooManyAddresses][..]));

    let nested =
        format!("From: {}a@b.example{}\r\n\r\nHello.", "(".repeat(50_000), ")".repeat(50_000));
    assert_eq!(read(nested.as_bytes(), &Limits::default()).from, Sender::Unclear(Doubt::Malformed));

    let quotes = format!("From: a@b.example\r\n\r\n{}", "> ".repeat(100_000));
    assert!(read(quotes.as_bytes(), &Limits::default()).text.len() > 1_000);
}

/// What costs more than its length when a reader is careless: each of these would keep it busy
/// for hours.
#[test]
fn no_mail_costs_more_than_its_length() {
    let filled = |piece: &str| piece.repeat(250_000 / piece.len());
    let headers = |name: &str, piece: &str| format!("{name}: {}\r\n\r\nx", filled(piece));
    for mail in [
        headers("Subject", "=?a?Q?"),
        headers("Subject", "=?utf-8?B?"),
        headers("From", "<"),
        headers("From", "(\\"),
        headers("To", "a@b.example,"),
        headers("References", "<a@b> "),
        headers("Content-Type", "\";"),
        headers("Content-Type", "; a*0*=%"),
        headers("Authentication-Results", "(a;b="),
        filled("a:\r\n"),
        format!(
            "From: a@b.example\r\n\r\n{}",
            filled("On 17/11/2026 09:02, Dana wrote:\r\n> a\r\n")
        ),
        format!("From: a@b.example\r\n\r\n{}", filled("On 17/11/2026 x < 09:02\r\n")),
        format!("From: a@b.example\r\n\r\n{}", filled("--\r\n")),
        format!("From: a@b.example\r\n\r\n{}", filled("von: a\r\n")),
        format!(
            "From: mailer-daemon@b.example\r\nSubject: failure notice\r\n\r\n{}",
            filled("5 55 550 ")
        ),
        format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", filled("--b\r\n\r\n")),
        format!("Content-Type: text/html\r\n\r\n{}", filled("<a ")),
        format!("Content-Type: text/html\r\n\r\n<p {}", filled("a=b ")),
        format!("Content-Type: text/html\r\n\r\n{}", filled("<blockquote><ul>")),
    ] {
        let reading = read(mail.as_bytes(), &Limits::default());
        assert!(reading.text.len() <= mail.len() * 50);
    }
}

#[test]
fn a_mail_inside_of_itself_does_not_go_round() {
    let mut mail = "From: a@b.example\r\nSubject: core\r\n\r\ntext".to_owned();
    for depth in 0..60 {
        mail = format!(
            "From: a@b.example\r\nSubject: {depth}\r\nContent-Type: message/rfc822\r\n\r\n{mail}"
        );
    }
    let reading = read(mail.as_bytes(), &Limits::default());
    assert_eq!(reading.attachments.len(), 1);
    assert_eq!(reading.attachments[0].name, "58.eml");
}

#[test]
fn a_subject_cannot_hide_or_turn_what_is_around_it() {
    let subject = "=?utf-8?Q?a=0D=0ABcc:_x@y.example=00=E2=80=AE?= b";
    let reading = read_text(&format!("From: a@b.example\nSubject: {subject}\n\nHello."));
    assert_eq!(reading.subject, "a Bcc: x@y.example b");
}

#[test]
fn enhanced_status_codes_are_told_from_addresses_of_hosts() {
    for (text, code) in [
        ("550 5.1.1 no such user", Some("5.1.1")),
        ("550-5.7.26 not authenticated", Some("5.7.26")),
        ("(#5.1.1)", Some("5.1.1")),
        ("host 203.0.113.5 said 4.2.2: full", Some("4.2.2")),
        ("[203.0.113.5] refused", None),
        ("version 5.10 of mail 1.2.3", None),
        ("5.1.1.1", None),
        ("5.1234.1", None),
    ] {
        assert_eq!(Status::find(text).map(Status::text).as_deref(), code, "{text}");
    }
}

#[test]
fn what_servers_answer_is_put_into_words() {
    for (code, text, permanent, words) in [
        (550, "5.1.1 user unknown", true, "the address does not exist"),
        (552, "5.2.2 over quota", false, "the mailbox is full"),
        (452, "4.2.2 mailbox full", false, "the mailbox is full"),
        (550, "mailbox full", false, "the mailbox is full"),
        (550, "5.7.1 blocked by policy", true, "the other side does not accept mail from us"),
        (
            550,
            "5.4.1 Recipient address rejected: Access denied",
            true,
            "the address does not exist",
        ),
        (
            451,
            "4.7.1 greylisted, try again later",
            false,
            "the other side does not accept mail from us",
        ),
        (421, "too many connections", false, "the other mail server takes no mail at the moment"),
        (552, "5.3.4 message too large", true, "the mail is too large for the other side"),
        (554, "no", true, "the other mail server refused it"),
    ] {
        let (_, is_permanent, said) = status::explain(code, text);
        assert_eq!((is_permanent, said.as_str()), (permanent, words), "{code} {text}");
    }
}

#[test]
fn a_bad_address_is_told_from_a_mail_that_was_not_liked() {
    let bounce = |permanent, status: &str| Bounce {
        permanent,
        status: Some(status.to_owned()),
        ..Bounce::default()
    };
    assert!(bounce(true, "5.1.1").address_is_dead());
    assert!(bounce(true, "5.2.1").address_is_dead());
    assert!(!bounce(true, "5.7.1").address_is_dead());
    assert!(!bounce(true, "5.3.4").address_is_dead());
    assert!(!bounce(false, "4.1.1").address_is_dead());
    assert!(Bounce { permanent: true, ..Bounce::default() }.address_is_dead());
}

#[test]
fn the_same_mail_delivered_twice_has_one_content_hash() {
    let mail = corpus::mail("plain");
    let delivered = [
        b"Return-Path: <dana@customer.example>\r\nDelivered-To: support@shop.example\r\n\
          Received: from a by b; Tue, 17 Nov 2026 09:02:01 +0100\r\nX-Spam: 0\r\n",
        mail.as_slice(),
    ]
    .concat();
    assert_eq!(content_hash(&mail), content_hash(&delivered));
    assert_ne!(raw_hash(&mail), raw_hash(&delivered));

    let with_line_feeds: Vec<u8> = mail.iter().filter(|byte| **byte != b'\r').copied().collect();
    assert_eq!(content_hash(&mail), content_hash(&with_line_feeds));
    let refolded = String::from_utf8(mail.clone())
        .unwrap()
        .replace("Subject: Where is my parcel?", "Subject: Where is\r\n my parcel?");
    assert_eq!(content_hash(&mail), content_hash(refolded.as_bytes()));

    for (from, to) in
        [("4711", "4712"), ("parcel?", "parcel!"), ("p1@", "p2@"), ("Dana Meyer", "D M")]
    {
        let other = String::from_utf8(mail.clone()).unwrap().replace(from, to);
        assert_ne!(content_hash(&mail), content_hash(other.as_bytes()), "{from}");
    }
}

#[test]
fn what_is_stored_as_json_reads_back() {
    let nature = read(&corpus::mail("bounce-hard-postfix"), &Limits::default()).nature;
    let json = serde_json::to_string(&nature).unwrap();
    assert_eq!(serde_json::from_str::<Nature>(&json).unwrap(), nature);
    let remarks = vec![Remark::TooDeep, Remark::CharsetUnknown("x".to_owned())];
    let json = serde_json::to_string(&remarks).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Remark>>(&json).unwrap(), remarks);
}

use super::corpus;

#[test]
fn a_mail_that_takes_too_long_is_shown_as_it_came() {
    let part = |number| format!("--b\r\nContent-Type: text/html\r\n\r\n<p>Part {number}</p>\r\n");
    let parts = (0..20).map(part).collect::<Vec<String>>().concat();
    let mail = format!(
        "From: Dana <dana@example.com>\r\nSubject: Slow\r\nMessage-ID: <s1@example.com>\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--\r\n"
    );
    // However far it came by then.
    for looks in [0, 1, 5, 21, 22, 30, 41] {
        let limits = Limits { deadline: Deadline::after_looks(looks), ..Limits::default() };
        let reading = read(mail.as_bytes(), &limits);
        assert_eq!(reading.remarks, [Remark::TooSlow], "{looks}");
        assert!(reading.text.contains("--b") && reading.text.contains("Part 19"), "{looks}");
        assert!(reading.html.is_none() && reading.attachments.is_empty());
        assert_eq!(
            (reading.subject.as_str(), reading.mail_id.as_deref()),
            ("Slow", Some("s1@example.com"))
        );
    }
    let limits = Limits { deadline: Deadline::after_looks(200), ..Limits::default() };
    let reading = read(mail.as_bytes(), &limits);
    assert!(reading.remarks.is_empty() && reading.text.starts_with("Part 0"), "{}", reading.text);
}
