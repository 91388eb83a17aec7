//! The signatures that the RFCs print, and every case that their rules name: each is found as the
//! RFC says. Keys and signatures are theirs; what is done to the mails is ours.

use mail_auth::arc::ArcSealer;
use mail_auth::common::crypto::{RsaKey, Sha256};
use mail_auth::common::headers::HeaderWriter;
use mail_auth::{ArcOutput, AuthenticatedMessage, AuthenticationResults, DmarcOutput, DmarcResult};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use super::authentication::key;
use super::composing::{draft, now};
use crate::*;

/// RFC 6376, A.2 and A.3: RSA, simple canonicalisation.
const SIMPLE: [&str; 17] = [
    "DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;",
    "      c=simple/simple; q=dns/txt; i=joe@football.example.com;",
    "      h=Received : From : To : Subject : Date : Message-ID;",
    "      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;",
    "      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB",
    "      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut",
    "      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV",
    "      4bmp/YzhwvcubU4=;",
    "Received: from client1.football.example.com  [192.0.2.1]",
    "      by submitserver.example.com with SUBMISSION;",
    "      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)",
    "From: Joe SixPack <joe@football.example.com>",
    "To: Suzie Q <suzie@shopping.example.net>",
    "Subject: Is dinner ready?",
    "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)",
    "Message-ID: <20030712040037.46341.5F8J@football.example.com>",
    "",
];
const SIMPLE_KEY: (&str, &str) = (
    "brisbane._domainkey.example.com",
    "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt\
     IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhi\
     tdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB",
);

/// RFC 8463, A.3: Ed25519 and RSA beside each other, relaxed canonicalisation.
const ED25519: [&str; 6] = [
    "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;",
    " d=football.example.com; i=@football.example.com;",
    " q=dns/txt; s=brisbane; t=1528637909; h=from : to :",
    " subject : date : message-id : from : subject : date;",
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;",
    " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==",
];
const RSA: [&str; 8] = [
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;",
    " d=football.example.com; i=@football.example.com;",
    " q=dns/txt; s=test; t=1528637909; h=from : to : subject :",
    " date : message-id : from : subject : date;",
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;",
    " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3",
    " DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz",
    " dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=",
];
const ED25519_KEY: (&str, &str) = (
    "brisbane._domainkey.football.example.com",
    "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
);
const RSA_KEY: (&str, &str) = (
    "test._domainkey.football.example.com",
    "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhd\
     R6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5Q\
     jvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB",
);

/// What both RFCs sign: the header from `From` on, and the text.
fn dinner(before: &[&str], space: &str) -> String {
    let header = &SIMPLE[11..];
    let hungry = format!("We lost the game.{space}Are you hungry yet?");
    let text = ["Hi.", "", &hungry, "", "Joe.", ""];
    [before, header, &text].concat().join("\r\n")
}

fn simple() -> String {
    dinner(&SIMPLE[..11], " ")
}

fn relaxed() -> String {
    dinner(&[ED25519.as_slice(), RSA.as_slice()].concat(), "  ")
}

async fn check(mail: &[u8], records: &[(&str, &str)]) -> SenderCheck {
    let trust = Trust {
        hosts: vec!["mx.shop.example".to_owned()],
        sealers: vec!["lists.example".to_owned()],
    };
    let dns = Dns::fixed(records.iter().copied()).unwrap();
    authenticate(mail, &read(mail, &Limits::default()), &trust, &dns).await
}

/// A change to a mail, by what it does, and whether the signatures still hold.
type Case = (&'static str, &'static str, &'static str, bool);

async fn holds(mail: &str, keys: &[(&str, &str)], cases: &[Case]) {
    for (name, from, to, holds) in cases {
        let changed = if from.is_empty() {
            format!("{mail}{to}")
        } else {
            assert!(mail.contains(from), "{name}");
            mail.replacen(from, to, 1)
        };
        let found = check(changed.as_bytes(), keys).await;
        assert_eq!(found.dkim.starts_with("pass"), *holds, "{name}: {found:?}");
        let expected = if *holds { Verdict::Pass } else { Verdict::Unknown };
        assert_eq!(found.verdict, expected, "{name}: {found:?}");
    }
}

#[tokio::test]
async fn the_mail_that_rfc_6376_signs_passes_as_long_as_nothing_in_it_changes() {
    let cases: [Case; 10] = [
        ("as it is", "", "", true),
        ("empty lines at the end", "", "\r\n\r\n", true),
        ("a field that is not signed", "DKIM-Signature:", "X-Passed: by\r\nDKIM-Signature:", true),
        ("a space more in the text", "the game. Are", "the game.  Are", false),
        ("a space at the end of a line", "Joe.\r\n", "Joe. \r\n", false),
        ("another word", "hungry", "thirsty", false),
        ("a line more", "", "And bring money.\r\n", false),
        ("a field in other letters", "Subject: Is", "SUBJECT: Is", false),
        ("another subject", "Is dinner", "Is supper", false),
        ("a field that is gone", "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n", "", false),
    ];
    holds(&simple(), &[SIMPLE_KEY], &cases).await;
}

#[tokio::test]
async fn the_mail_that_rfc_8463_signs_twice_passes_as_long_as_no_word_in_it_changes() {
    let cases: [Case; 11] = [
        ("as it is", "", "", true),
        ("empty lines at the end", "", "\r\n\r\n", true),
        ("a space less in the text", "the game.  Are", "the game. Are", true),
        ("spaces at the end of a line", "Joe.\r\n", "Joe. \t \r\n", true),
        ("a field in other letters", "Subject: Is", "SUBJECT:   Is", true),
        ("a field on two lines", "Is dinner ready?", "Is dinner\r\n ready?", true),
        ("a space where none was", "hungry", "hun gry", false),
        ("another word", "hungry", "thirsty", false),
        ("a line between", "Hi.\r\n", "Hi.\r\n\r\n", false),
        ("another subject", "Is dinner", "Is supper", false),
        // It is signed that there is one of them only.
        ("a second subject", "Subject:", "Subject: Money\r\nSubject:", false),
    ];
    holds(&relaxed(), &[ED25519_KEY, RSA_KEY], &cases).await;
}

#[tokio::test]
async fn each_kind_of_key_is_enough_and_a_key_that_was_taken_back_is_none() {
    let gone = |name: &'static str| (name, "v=DKIM1; p=");
    let other = (RSA_KEY.0, SIMPLE_KEY.1);
    for (name, before, keys, holds) in [
        ("both", [ED25519.as_slice(), &RSA].concat(), vec![ED25519_KEY, RSA_KEY], true),
        ("Ed25519 alone", ED25519.to_vec(), vec![ED25519_KEY], true),
        ("RSA alone", RSA.to_vec(), vec![RSA_KEY], true),
        (
            "one of two",
            [ED25519.as_slice(), &RSA].concat(),
            vec![ED25519_KEY, gone(RSA_KEY.0)],
            true,
        ),
        ("another key", RSA.to_vec(), vec![other], false),
        ("a key that was taken back", ED25519.to_vec(), vec![gone(ED25519_KEY.0)], false),
        ("no key", RSA.to_vec(), vec![], false),
        ("nothing is a record of keys", RSA.to_vec(), vec![(RSA_KEY.0, "hello")], false),
        (
            "a key for other services",
            RSA.to_vec(),
            vec![(RSA_KEY.0, "v=DKIM1; s=tlsrpt; p=AAAA")],
            false,
        ),
    ] {
        let mail = dinner(&before, "  ");
        let found = check(mail.as_bytes(), &keys).await;
        assert_eq!(found.verdict == Verdict::Pass, holds, "{name}: {found:?}");
        assert_ne!(found.verdict, Verdict::Fail, "{name}: {found:?}");
    }
}

/// RFC 7208, 2.6: every result, as a server of ours wrote it down (RFC 8601), and what it is worth
/// to a mail without a signature whose domain has a policy, and to one whose domain has none.
#[tokio::test]
async fn every_result_of_spf_counts_for_what_it_is() {
    use Verdict::{Fail, Pass, Unknown};
    let mail = compose(&draft(), now()).unwrap().bytes;
    let policy = ("_dmarc.shop.example", "v=DMARC1; p=reject");
    let strict = ("_dmarc.shop.example", "v=DMARC1; p=reject; aspf=s");
    for (found, with_policy, without) in [
        ("spf=pass smtp.mailfrom=support@shop.example", Pass, Pass),
        ("spf=pass smtp.mailfrom=shop.example", Pass, Pass),
        ("spf=PASS smtp.mailfrom=support@shop.example", Pass, Pass),
        // An empty return path: the name that the server said counts (2.4).
        ("spf=pass smtp.helo=shop.example", Pass, Pass),
        ("spf=fail smtp.mailfrom=support@shop.example", Fail, Unknown),
        ("spf=softfail smtp.mailfrom=support@shop.example", Fail, Unknown),
        ("spf=neutral smtp.mailfrom=support@shop.example", Fail, Unknown),
        ("spf=none smtp.mailfrom=support@shop.example", Fail, Unknown),
        ("spf=permerror smtp.mailfrom=support@shop.example", Fail, Unknown),
        // Later it might be found to pass.
        ("spf=temperror smtp.mailfrom=support@shop.example", Unknown, Unknown),
        ("spf=pass smtp.mailfrom=x@robber.example", Fail, Unknown),
        ("spf=pass smtp.mailfrom=x@shop.example.robber.example", Fail, Unknown),
        ("spf=pass smtp.mailfrom=x@notshop.example", Fail, Unknown),
        ("spf=pass", Unknown, Unknown),
        ("spf=policy smtp.mailfrom=shop.example", Unknown, Unknown),
        ("none", Unknown, Unknown),
    ] {
        let field = format!("Authentication-Results: mx.shop.example; {found}\r\n");
        let mail = [field.as_bytes(), &mail].concat();
        assert_eq!(check(&mail, &[policy]).await.verdict, with_policy, "{found} with a policy");
        assert_eq!(check(&mail, &[]).await.verdict, without, "{found} without one");
    }
    let below =
        "Authentication-Results: mx.shop.example; spf=pass smtp.mailfrom=x@m.shop.example\r\n";
    let mail = [below.as_bytes(), &mail].concat();
    assert_eq!(check(&mail, &[strict]).await.verdict, Fail, "a domain below is not the domain");
}

/// A mail that a list changed and sealed: its fields for ARC, and the rest.
fn sealed() -> (Vec<String>, String) {
    let signing =
        Signing { domain: "shop.example".into(), selector: "s1".into(), private_key: key() };
    let original = compose(&Draft { signing: Some(signing), ..draft() }, now()).unwrap().bytes;
    let changed = String::from_utf8(original).unwrap().replace("its way", "its way [list]");
    let message = AuthenticatedMessage::parse(changed.as_bytes()).unwrap();
    let passed = DmarcOutput::new("shop.example".to_owned()).with_dkim_result(DmarcResult::Pass);
    let results = AuthenticationResults::new("mx.lists.example").with_dmarc_result(&passed);
    let pem = PrivateKeyDer::from_pem_slice(key().reveal().as_bytes()).unwrap();
    let set = ArcSealer::from_key(RsaKey::<Sha256>::from_key_der(pem).unwrap())
        .domain("lists.example")
        .selector("s1")
        .headers(["From", "To", "Subject"])
        .seal(&message, &results, &ArcOutput::default())
        .unwrap()
        .to_header();
    let mut fields: Vec<String> = Vec::new();
    for line in set.lines() {
        match fields.last_mut() {
            // A field may go over several lines.
            Some(last) if !line.starts_with("ARC-") => last.extend(["\r\n", line]),
            Some(_) | None => fields.push(line.to_owned()),
        }
    }
    (fields, changed)
}

/// RFC 8617, 5.2: everything about a set that makes the chain fail.
#[tokio::test]
async fn a_seal_counts_as_long_as_the_whole_chain_is_as_it_was_sealed() {
    let record = signing_record(&key()).unwrap();
    let keys = [
        ("s1._domainkey.lists.example", record.as_str()),
        ("s1._domainkey.shop.example", record.as_str()),
        ("_dmarc.shop.example", "v=DMARC1; p=reject"),
    ];
    let (fields, rest) = sealed();
    assert_eq!(fields.len(), 3, "{fields:?}");
    let mail = |fields: &[String], rest: &str| format!("{}\r\n{rest}", fields.join("\r\n"));
    let whole = check(mail(&fields, &rest).as_bytes(), &keys).await;
    assert_eq!((whole.verdict, whole.arc.as_str()), (Verdict::Pass, "pass (lists.example)"));

    let all_changed = |from: &str, to: &str| {
        let changed: Vec<String> = fields.iter().map(|field| field.replace(from, to)).collect();
        assert_ne!(changed, fields, "{from}");
        changed
    };
    let mut cases = vec![
        ("another text", fields.clone(), rest.replace("[list]", "[fist]")),
        ("another subject", fields.clone(), rest.replace("Subject: ", "Subject: Money ")),
        ("another result", all_changed("dmarc=pass", "dmarc=fail"), rest.clone()),
        ("another validation", all_changed("cv=none", "cv=pass"), rest.clone()),
        ("a failed validation", all_changed("cv=none", "cv=fail"), rest.clone()),
        ("a chain that begins at two", all_changed("i=1;", "i=2;"), rest.clone()),
        ("a set twice", [fields.clone(), fields.clone()].concat(), rest.clone()),
        ("another signer", all_changed("d=lists.example", "d=shop.example"), rest.clone()),
    ];
    for gone in 0..3 {
        let mut two = fields.clone();
        two.remove(gone);
        cases.push(("a part that is gone", two, rest.clone()));
    }
    for (name, fields, rest) in cases {
        let found = check(mail(&fields, &rest).as_bytes(), &keys).await;
        assert_eq!(found.verdict, Verdict::Unknown, "{name}: {found:?}");
        assert!(!found.arc.starts_with("pass"), "{name}: {found:?}");
    }
}
