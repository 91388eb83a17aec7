use kernel::{EmailAddress, Secret, Timestamp};
use proptest::prelude::*;

use crate::*;

fn address(text: &str) -> EmailAddress {
    text.parse().unwrap()
}

fn party(name: Option<&str>, text: &str) -> Party {
    Party { name: name.map(str::to_owned), address: address(text) }
}

pub(super) fn now() -> Timestamp {
    "2026-11-17T09:02:00Z".parse().unwrap()
}

pub(super) fn draft() -> Draft {
    Draft {
        from: party(Some("Shop Support"), "support@shop.example"),
        reply_to: None,
        to: vec![party(Some("Dana Meyer"), "dana@customer.example")],
        cc: Vec::new(),
        bcc: Vec::new(),
        subject: "Your order".to_owned(),
        mail_id: "m1.k3j4@shop.example".to_owned(),
        in_reply_to: None,
        references: Vec::new(),
        text: "Dear Dana,\n\nit is on its way.\n".to_owned(),
        html: None,
        attachments: Vec::new(),
        automatic: None,
        signing: None,
    }
}

fn composed(draft: &Draft) -> Composed {
    compose(draft, now()).unwrap()
}

fn text_of(composed: &Composed) -> String {
    String::from_utf8(composed.bytes.clone()).unwrap()
}

#[test]
fn a_plain_mail_is_as_plain_as_can_be() {
    assert_eq!(
        text_of(&composed(&draft())),
        "Date: Tue, 17 Nov 2026 09:02:00 +0000\r\n\
         From: Shop Support <support@shop.example>\r\n\
         To: Dana Meyer <dana@customer.example>\r\n\
         Subject: Your order\r\n\
         Message-ID: <m1.k3j4@shop.example>\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 7bit\r\n\
         \r\n\
         Dear Dana,\r\n\
         \r\n\
         it is on its way.\r\n"
    );
}

#[test]
fn nothing_given_can_add_a_header_or_a_recipient() {
    let evil = "x\r\nBcc: evil@robber.example\r\n\r\nbody\0<script>";
    let draft = Draft {
        from: party(Some(evil), "support@shop.example"),
        to: vec![party(Some(evil), "dana@customer.example")],
        subject: evil.to_owned(),
        in_reply_to: Some(evil.to_owned()),
        references: vec![evil.to_owned(), "good@shop.example".to_owned()],
        attachments: vec![Attached {
            name: evil.to_owned(),
            content_type: format!("text/plain\r\nX: {evil}"),
            bytes: b"x".to_vec(),
            content_id: Some(evil.to_owned()),
        }],
        html: Some("<p>x</p>".to_owned()),
        ..draft()
    };
    let mail = composed(&draft);
    assert_eq!(mail.recipients, [address("dana@customer.example")]);
    for line in text_of(&mail).lines() {
        let lower = line.to_lowercase();
        assert!(!lower.starts_with("bcc:") && !lower.starts_with("x:"), "{line}");
    }
    let reading = read(&mail.bytes, &Limits::default());
    assert_eq!(reading.subject, "x Bcc: evil@robber.example body <script>");
    assert_eq!(reading.references, ["good@shop.example"]);
    assert_eq!((reading.to.len(), reading.cc.len()), (1, 0));
    assert_eq!(
        compose(&Draft { mail_id: evil.to_owned(), ..self::draft() }, now()),
        Err(ComposeFault::BadMailId)
    );
}

#[test]
fn blind_recipients_are_in_the_envelope_only() {
    let mail = composed(&Draft { bcc: vec![address("blind@customer.example")], ..draft() });
    assert!(mail.recipients.contains(&address("blind@customer.example")));
    assert!(!text_of(&mail).to_lowercase().contains("blind"));
    let only_blind = composed(&Draft {
        to: Vec::new(),
        bcc: vec![address("blind@customer.example")],
        ..draft()
    });
    assert!(!text_of(&only_blind).contains("blind@"));
    assert_eq!(only_blind.recipients.len(), 1);
}

#[test]
fn automatic_mail_says_so_and_goes_to_one_person() {
    let automatic = Draft { automatic: Some(AutomaticKind::Reply), ..draft() };
    let mail = composed(&automatic);
    assert!(mail.is_machine_reply && mail.return_path == automatic.from.address);
    assert!(
        text_of(&mail)
            .contains("\r\nAuto-Submitted: auto-replied\r\nX-Auto-Response-Suppress: All\r\n")
    );
    assert!(read(&mail.bytes, &Limits::default()).nature.must_not_be_answered());
    let notice = composed(&Draft { automatic: Some(AutomaticKind::Notice), ..draft() });
    assert!(!notice.is_machine_reply && !composed(&draft()).is_machine_reply);
    assert!(text_of(&notice).contains("Auto-Submitted: auto-generated"));
    let to_two = Draft { cc: vec![party(None, "kim@customer.example")], ..automatic };
    assert_eq!(compose(&to_two, now()), Err(ComposeFault::AutomaticToSeveral));
}

#[test]
fn what_cannot_be_sent_is_refused_with_a_sentence() {
    let nobody = Draft { to: Vec::new(), ..draft() };
    assert_eq!(compose(&nobody, now()), Err(ComposeFault::NoRecipient));
    let crowd = (0..101).map(|n| party(None, &format!("p{n}@customer.example"))).collect();
    assert_eq!(
        compose(&Draft { to: crowd, ..draft() }, now()),
        Err(ComposeFault::TooManyRecipients)
    );
    let long = Draft { text: "x".repeat(TEXT_BYTES_MAX + 1), ..draft() };
    assert_eq!(compose(&long, now()), Err(ComposeFault::TextTooLong));
    for fault in [ComposeFault::NoRecipient, ComposeFault::TextTooLong] {
        assert!(fault.to_string().len() > 20);
    }
    let twice = Draft { cc: vec![party(None, "Dana@Customer.example")], ..draft() };
    assert_eq!(composed(&twice).recipients.len(), 1);
}

#[test]
fn references_keep_the_first_mail_and_the_latest() {
    let references: Vec<String> = (0..50).map(|n| format!("r{n}@shop.example")).collect();
    let mail = composed(&Draft {
        in_reply_to: Some("last@customer.example".to_owned()),
        references,
        ..draft()
    });
    let reading = read(&mail.bytes, &Limits::default());
    assert_eq!(reading.references.len(), 20);
    assert_eq!(reading.references.first().unwrap(), "last@customer.example");
    assert_eq!(reading.references[1], "r49@shop.example");
    assert_eq!(reading.references.last().unwrap(), "r0@shop.example");
    for line in text_of(&mail).lines() {
        assert!(line.len() <= 78, "{line}");
    }
}

#[test]
fn pictures_belong_to_the_html_and_files_to_the_mail() {
    let file = |name: &str, kind: &str, id: Option<&str>| Attached {
        name: name.to_owned(),
        content_type: kind.to_owned(),
        bytes: vec![0, 1, 2, 255, b'\r', b'\n'],
        content_id: id.map(str::to_owned),
    };
    let mail = composed(&Draft {
        html: Some("<p>Größe <img src=\"cid:logo@shop.example\"></p>".to_owned()),
        attachments: vec![
            file("logo.png", "image/png", Some("logo@shop.example")),
            file(
                "Überlänge und noch viel mehr Text im Namen der Rechnung März 2026.pdf",
                "application/pdf",
                None,
            ),
            file("forwarded.eml", "message/rfc822", None),
            file("no type", "nonsense", None),
        ],
        ..draft()
    });
    let reading = read(&mail.bytes, &Limits::default());
    assert_eq!(
        reading.html.as_deref().map(str::trim_end),
        Some("<p>Größe <img src=\"cid:logo@shop.example\"></p>")
    );
    let seen: Vec<(&str, &str, bool)> = reading
        .attachments
        .iter()
        .map(|file| (file.name.as_str(), file.declared_type.as_str(), file.inline))
        .collect();
    assert_eq!(
        seen,
        [
            ("logo.png", "image/png", true),
            (
                "Überlänge und noch viel mehr Text im Namen der Rechnung März 2026.pdf",
                "application/pdf",
                false
            ),
            ("forwarded.eml", "application/octet-stream", false),
            ("no type", "application/octet-stream", false),
        ]
    );
    assert!(reading.attachments.iter().all(|file| file.bytes == [0, 1, 2, 255, b'\r', b'\n']));
    let text = text_of(&mail);
    for kind in ["multipart/mixed", "multipart/related", "multipart/alternative"] {
        assert!(text.contains(kind), "{kind}");
    }
    assert!(mail.bytes.is_ascii());
}

#[test]
fn lines_that_servers_would_change_are_encoded() {
    for text in [
        "From here on\nit is fine".to_owned(),
        "x".repeat(2_000),
        "--=_rc_boundary".to_owned(),
        "trailing blank \nand tab\t\nGröße".to_owned(),
        ".\n..\n.leading dots".to_owned(),
    ] {
        let mail = composed(&Draft { text: text.clone(), ..draft() });
        assert!(text_of(&mail).lines().all(|line| line.len() < 998 && !line.starts_with("From h")));
        assert_eq!(read(&mail.bytes, &Limits::default()).text, text);
    }
}

#[test]
fn domains_beyond_ascii_travel_in_the_form_that_servers_know() {
    let mail = composed(&Draft { to: vec![party(None, "dana@bücher.example")], ..draft() });
    assert!(text_of(&mail).contains("To: dana@xn--bcher-kva.example\r\n"));
}

#[test]
fn the_same_draft_gives_the_same_mail() {
    let draft = Draft { html: Some("<p>x</p>".to_owned()), ..draft() };
    assert_eq!(composed(&draft).bytes, composed(&draft).bytes);
}

#[test]
fn keys_that_are_none_are_refused() {
    let with = |key: &str| {
        let signing = Signing {
            domain: "shop.example".to_owned(),
            selector: "s1".to_owned(),
            private_key: Secret::new(key),
        };
        compose(&Draft { signing: Some(signing), ..draft() }, now())
    };
    for key in ["", "nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"] {
        let fault = with(key).unwrap_err();
        assert!(
            matches!(&fault, ComposeFault::BadSigningKey(domain, _) if domain == "shop.example")
        );
        assert!(signing_record(&Secret::new(key)).is_err());
    }
}

fn names() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[ -~äöü漢字🙂éА-я\r\n\t\u{202e}\u{0}]{0,60}")
}

fn addresses() -> impl Strategy<Value = EmailAddress> {
    "[a-z0-9äé]{1,12}([.+_-][a-z0-9]{1,8}){0,2}@[a-z0-9]{1,12}(\\.[a-z]{2,6}){1,3}"
        .prop_map(|text| text.parse().unwrap())
}

fn parties() -> impl Strategy<Value = Party> {
    (names(), addresses()).prop_map(|(name, address)| Party { name, address })
}

/// Text without what a reader would take for history or a signature.
fn texts() -> impl Strategy<Value = String> {
    prop::collection::vec("[A-Za-z0-9 .,!?äöü漢字🙂éА-я=&<@]{0,120}", 1..8)
        .prop_map(|lines| format!("Text:{}", lines.join("\n").replace('>', "")))
}

proptest! {

    #[test]
    fn what_is_written_is_read_back(
        from in parties(),
        to in prop::collection::vec(parties(), 1..5),
        cc in prop::collection::vec(parties(), 0..4),
        bcc in prop::collection::vec(addresses(), 0..3),
        subject in "[ -~äöü漢字🙂éА-я\r\n\t\u{0}]{0,200}",
        text in texts(),
        html in prop::option::of("<p>[A-Za-z0-9 äö漢🙂=.&;]{0,200}</p>"),
        files in prop::collection::vec(
            ("[ -~äöü漢🙂\r\n/\\\\]{0,40}", prop::collection::vec(any::<u8>(), 0..300)), 0..3
        ),
    ) {
        let attachments = files
            .iter()
            .map(|(name, bytes)| Attached {
                name: name.clone(),
                content_type: "application/pdf".to_owned(),
                bytes: bytes.clone(),
                content_id: None,
            })
            .collect();
        let draft = Draft { from, to, cc, bcc, subject, text, html, attachments, ..draft() };
        let mail = composed(&draft);
        let reading = read(&mail.bytes, &Limits::default());

        prop_assert_eq!(reading.from.address(), Some(&draft.from.address));
        let each_once = |parties: &[Party]| {
            let mut all: Vec<EmailAddress> = Vec::new();
            for party in parties {
                if !all.contains(&party.address) {
                    all.push(party.address.clone());
                }
            }
            all
        };
        prop_assert_eq!(each_once(&reading.to), each_once(&draft.to));
        prop_assert_eq!(each_once(&reading.cc), each_once(&draft.cc));
        prop_assert_eq!(&reading.subject, &kernel::one_line(&draft.subject));
        prop_assert_eq!(squeezed(&reading.text), squeezed(&draft.text));
        prop_assert_eq!(
            reading.html.as_deref().map(str::trim_end),
            draft.html.as_deref().map(str::trim_end)
        );
        prop_assert_eq!(reading.attachments.len(), files.len());
        for (read, (name, bytes)) in reading.attachments.iter().zip(&files) {
            prop_assert_eq!(&read.bytes, bytes);
            prop_assert_eq!(&read.name, &clean_file_name(name));
        }
        for line in mail.bytes.split(|byte| *byte == b'\n') {
            prop_assert!(line.len() <= 999);
            prop_assert!(line.is_empty() || line.ends_with(b"\r"));
        }
        let header = text_of(&mail);
        let header = header.split("\r\n\r\n").next().unwrap();
        for blind in &draft.bcc {
            let is_named = draft.to.iter().chain(&draft.cc).chain([&draft.from])
                .any(|party| header_may_show(party, blind));
            prop_assert!(is_named || !header.contains(blind.as_str()));
        }
    }
}

fn header_may_show(party: &Party, blind: &EmailAddress) -> bool {
    party.address.as_str().contains(blind.as_str())
}

/// The words of a text with its line breaks; blanks at the ends of lines may go on the way.
fn squeezed(text: &str) -> Vec<String> {
    text.trim_end().lines().map(|line| line.trim_end().to_owned()).collect()
}
