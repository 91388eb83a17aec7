use kernel::Secret;
use mail_auth::arc::ArcSealer;
use mail_auth::common::crypto::{RsaKey, Sha256};
use mail_auth::common::headers::HeaderWriter;
use mail_auth::{ArcOutput, AuthenticatedMessage, AuthenticationResults, DmarcOutput, DmarcResult};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use super::composing::{draft, now};
use crate::*;

const RSA: &str = include_str!("../../tests/keys/for-tests-only-rsa.pem");
const DMARC: (&str, &str) = ("_dmarc.shop.example", "v=DMARC1; p=reject");

pub(super) fn key() -> Secret {
    Secret::new(RSA)
}

fn signed_by(domain: &str) -> Vec<u8> {
    let signing =
        Signing { domain: domain.to_owned(), selector: "s1".to_owned(), private_key: key() };
    compose(&Draft { signing: Some(signing), ..draft() }, now()).unwrap().bytes
}

fn unsigned() -> Vec<u8> {
    compose(&draft(), now()).unwrap().bytes
}

/// The DNS with the key of a domain, and these records.
fn dns(signer: &str, others: &[(&str, &str)]) -> Dns {
    let name = format!("s1._domainkey.{signer}");
    let record = signing_record(&key()).unwrap();
    let all = std::iter::once((name.as_str(), record.as_str())).chain(others.iter().copied());
    Dns::fixed(all).unwrap()
}

fn with_top(mail: &[u8], fields: &str) -> Vec<u8> {
    [fields.replace('\n', "\r\n").as_bytes(), mail].concat()
}

async fn check(mail: &[u8], dns: &Dns) -> SenderCheck {
    let trust = Trust {
        hosts: vec!["mx.shop.example".to_owned()],
        sealers: vec!["lists.example".to_owned()],
    };
    authenticate(mail, &read(mail, &Limits::default()), &trust, dns).await
}

#[tokio::test]
async fn our_own_signature_passes_with_both_kinds_of_key() {
    let check = check(&signed_by("shop.example"), &dns("shop.example", &[DMARC])).await;
    assert_eq!(check.verdict, Verdict::Pass, "{check:?}");
    assert_eq!(check.dkim, "pass (shop.example)");
    assert_eq!(check.dmarc, "pass (policy reject)");
    assert_eq!(check.domain.as_deref(), Some("shop.example"));

    let pkcs8 = mail_auth::common::crypto::Ed25519Key::generate_pkcs8().unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pkcs8)
    );
    let private_key = Secret::new(pem);
    let record = signing_record(&private_key).unwrap();
    assert!(record.starts_with("v=DKIM1; k=ed25519; p="));
    let signing = Signing { domain: "shop.example".into(), selector: "e1".into(), private_key };
    let mail = compose(&Draft { signing: Some(signing), ..draft() }, now()).unwrap().bytes;
    let dns = Dns::fixed([("e1._domainkey.shop.example", record.as_str())]).unwrap();
    assert_eq!(self::check(&mail, &dns).await.verdict, Verdict::Pass);
}

#[tokio::test]
async fn a_signature_of_the_domain_is_enough_when_there_is_no_policy() {
    let check = check(&signed_by("shop.example"), &dns("shop.example", &[])).await;
    assert_eq!((check.verdict, check.dmarc.as_str()), (Verdict::Pass, "the domain has no policy"));
}

#[tokio::test]
async fn the_domain_above_speaks_for_those_below_it_and_nobody_else_does() {
    for (signer, verdict) in [
        ("shop.example", Verdict::Pass),
        ("robber.example", Verdict::Unknown),
        ("example", Verdict::Unknown),
        ("op.example", Verdict::Unknown),
        ("mail.shop.example", Verdict::Unknown),
    ] {
        let found = check(&signed_by(signer), &dns(signer, &[])).await;
        assert_eq!(found.verdict, verdict, "{signer} {found:?}");
    }
}

#[tokio::test]
async fn a_changed_mail_does_not_pass() {
    let mail = String::from_utf8(signed_by("shop.example")).unwrap();
    let dns = dns("shop.example", &[DMARC]);
    for (from, to) in [
        ("on its way", "cancelled"),
        ("Subject: Your order", "Subject: Your money"),
        ("From: Shop Support", "From: Shop Boss"),
        ("To: Dana", "Cc: evil@robber.example\r\nTo: Dana"),
    ] {
        let changed = mail.replacen(from, to, 1);
        assert_ne!(changed, mail);
        let found = check(changed.as_bytes(), &dns).await;
        assert_eq!(found.verdict, Verdict::Unknown, "{from} {found:?}");
        assert!(found.dkim.starts_with("fail (shop.example)"), "{found:?}");
    }
}

#[tokio::test]
async fn spf_is_believed_of_a_trusted_server_and_only_on_top() {
    let dns = dns("shop.example", &[DMARC]);
    let mail = unsigned();
    let mx = "Authentication-Results: mx.shop.example; spf=";
    for (name, fields, verdict) in [
        ("nothing known", String::new(), Verdict::Unknown),
        ("pass", format!("{mx}pass smtp.mailfrom=support@shop.example\n"), Verdict::Pass),
        ("fail", format!("{mx}fail smtp.mailfrom=support@shop.example\n"), Verdict::Fail),
        ("softfail", format!("{mx}softfail smtp.mailfrom=support@shop.example\n"), Verdict::Fail),
        ("another domain", format!("{mx}pass smtp.mailfrom=x@robber.example\n"), Verdict::Fail),
        (
            "a server nobody trusts",
            "Authentication-Results: mx.robber.example; spf=pass smtp.mailfrom=shop.example\n".into(),
            Verdict::Unknown,
        ),
        (
            "forged below the real one",
            format!("{mx}fail smtp.mailfrom=x@shop.example\n{mx}pass smtp.mailfrom=x@shop.example\n"),
            Verdict::Fail,
        ),
        (
            "trusted but not on top",
            format!("Authentication-Results: other.example; dkim=none\n{mx}pass smtp.mailfrom=shop.example\n"),
            Verdict::Unknown,
        ),
        (
            "in the other field",
            "Received-SPF: pass (ok) envelope-from=support@shop.example; receiver=mx.shop.example\n".into(),
            Verdict::Pass,
        ),
        (
            "hidden in a comment",
            "Authentication-Results: mx.shop.example; none (spf=pass smtp.mailfrom=shop.example)\n".into(),
            Verdict::Unknown,
        ),
        ("nonsense", format!("{mx}maybe smtp.mailfrom=shop.example\n"), Verdict::Unknown),
    ] {
        let found = check(&with_top(&mail, &fields), &dns).await;
        assert_eq!(found.verdict, verdict, "{name} {found:?}");
    }
}

#[tokio::test]
async fn an_unclear_sender_is_never_believed() {
    let signed = signed_by("shop.example");
    let dns = dns("shop.example", &[DMARC]);
    for second in [
        "From: evil@robber.example\n",
        "From : evil@robber.example\n",
        "From\t: evil@robber.example\n",
        "From evil: evil@robber.example\n",
        "Fr\u{1}om: evil@robber.example\n",
        "X: a\rFrom: evil@robber.example\n",
    ] {
        let found = check(&with_top(&signed, second), &dns).await;
        assert_eq!(found.verdict, Verdict::Unknown, "{second:?} {found:?}");
    }
}

#[tokio::test]
async fn no_mail_of_the_corpus_with_a_tricky_sender_passes() {
    let dns = dns("shop.example", &[]);
    for (name, bytes) in super::corpus::mails() {
        let reading = read(&bytes, &Limits::default());
        let found = authenticate(&bytes, &reading, &Trust::default(), &dns).await;
        assert_eq!(found.verdict, Verdict::Unknown, "{name}");
    }
}

#[tokio::test]
async fn a_dns_that_does_not_answer_makes_everything_unknown() {
    let found = check(&signed_by("shop.example"), &Dns::broken().unwrap()).await;
    assert_eq!(found.verdict, Verdict::Unknown);
    assert!(found.dkim.contains("did not answer"), "{found:?}");
    let json = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<SenderCheck>(&json).unwrap(), found);
}

/// A mailing list took a mail that passed, changed it and sealed what it had seen.
fn through_a_list(sealer: &str) -> Vec<u8> {
    let original = signed_by("shop.example");
    let changed = String::from_utf8(original).unwrap().replace("its way", "its way [list]");
    let message = AuthenticatedMessage::parse(changed.as_bytes()).unwrap();
    let passed = DmarcOutput::new("shop.example".to_owned()).with_dkim_result(DmarcResult::Pass);
    let results = AuthenticationResults::new("mx.lists.example").with_dmarc_result(&passed);
    let pem = PrivateKeyDer::from_pem_slice(RSA.as_bytes()).unwrap();
    let set = ArcSealer::from_key(RsaKey::<Sha256>::from_key_der(pem).unwrap())
        .domain(sealer)
        .selector("s1")
        .headers(["From", "To", "Subject"])
        .seal(&message, &results, &ArcOutput::default())
        .unwrap();
    format!("{}{changed}", set.to_header()).into_bytes()
}

#[tokio::test]
async fn a_forwarder_is_believed_only_when_the_owner_trusts_it() {
    let record = signing_record(&key()).unwrap();
    let records = [
        ("s1._domainkey.lists.example", record.as_str()),
        ("s1._domainkey.strange.example", record.as_str()),
        ("s1._domainkey.shop.example", record.as_str()),
        DMARC,
    ];
    let dns = Dns::fixed(records).unwrap();
    let trusted = check(&through_a_list("lists.example"), &dns).await;
    assert_eq!(
        (trusted.verdict, trusted.arc.as_str()),
        (Verdict::Pass, "pass (lists.example)"),
        "{trusted:?}"
    );
    let strange = check(&through_a_list("strange.example"), &dns).await;
    assert_eq!(
        (strange.verdict, strange.arc.as_str()),
        (Verdict::Unknown, "pass (strange.example)")
    );

    let mut tampered = String::from_utf8(through_a_list("lists.example")).unwrap();
    tampered = tampered.replace("[list]", "[fist]");
    let tampered = check(tampered.as_bytes(), &dns).await;
    assert_eq!(tampered.verdict, Verdict::Unknown);
    assert!(tampered.arc.starts_with("fail"), "{tampered:?}");
}

#[tokio::test]
async fn the_report_on_a_domain_says_what_to_publish() {
    let ours = signing_record(&key()).unwrap();
    let dkim = DkimRecord { selector: "s1".to_owned(), value: Some(ours.clone()) };
    let report = domain_report(
        "shop.example",
        Some(&dkim),
        Some("mail.shop.example"),
        &Dns::fixed([]).unwrap(),
    )
    .await;
    assert_eq!(
        (report.spf.state, report.dkim.state, report.dmarc.state),
        (State::Missing, State::Missing, State::Missing)
    );
    assert_eq!(report.spf.add.unwrap().value, "v=spf1 a:mail.shop.example ~all");
    let add = report.dkim.add.unwrap();
    assert_eq!((add.name.as_str(), &add.value), ("s1._domainkey.shop.example", &ours));
    assert_eq!(report.dmarc.add.unwrap().name, "_dmarc.shop.example");

    let good = dns(
        "shop.example",
        &[DMARC, ("shop.example", "v=spf1 mx ~all"), ("shop.example", "other=1")],
    );
    let report = domain_report("Shop.Example.", Some(&dkim), None, &good).await;
    assert_eq!(
        (report.spf.state, report.dkim.state, report.dmarc.state),
        (State::Ok, State::Ok, State::Ok),
        "{report:?}"
    );
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<DomainReport>(&json).unwrap(), report);

    let silent = domain_report("shop.example", Some(&dkim), None, &Dns::broken().unwrap()).await;
    assert_eq!(silent.spf.state, State::Unknown);
}

#[tokio::test]
async fn wrong_records_are_named() {
    let dkim = DkimRecord { selector: "s1".to_owned(), value: signing_record(&key()).ok() };
    for (records, host, what, state, value) in [
        (vec![("shop.example", "v=spf1 +all")], None, "spf", State::Wrong, Some("v=spf1 ~all")),
        (
            vec![("shop.example", "v=spf1 -all"), ("shop.example", "v=spf1 mx -all")],
            None,
            "spf",
            State::Wrong,
            None,
        ),
        (
            vec![("shop.example", "v=spf1 mx -all")],
            Some("smtp.gmail.com"),
            "spf",
            State::Wrong,
            Some("v=spf1 include:_spf.google.com mx -all"),
        ),
        (
            vec![("shop.example", "v=spf1 include:spf.protection.outlook.com -all")],
            Some("smtp.office365.com"),
            "spf",
            State::Ok,
            None,
        ),
        (vec![("s1._domainkey.shop.example", "v=DKIM1; p=")], None, "dkim", State::Wrong, None),
        (
            vec![("s1._domainkey.shop.example", "v=DKIM1; k=rsa; p=AAAA")],
            None,
            "dkim",
            State::Wrong,
            None,
        ),
        (vec![("_dmarc.shop.example", "v=DMARC1; p=none")], None, "dmarc", State::Ok, None),
        (
            vec![("_dmarc.shop.example", "v=DMARC1; rua=mailto:x@y.example")],
            None,
            "dmarc",
            State::Wrong,
            None,
        ),
        (vec![("_dmarc.shop.example", "hello")], None, "dmarc", State::Missing, None),
    ] {
        let report =
            domain_report("shop.example", Some(&dkim), host, &Dns::fixed(records.clone()).unwrap())
                .await;
        let finding = match what {
            "spf" => report.spf,
            "dkim" => report.dkim,
            _ => report.dmarc,
        };
        assert_eq!(finding.state, state, "{records:?} {finding:?}");
        assert!(
            finding.sentence.ends_with('.') || finding.sentence.contains("“quarantine”"),
            "{finding:?}"
        );
        if let Some(value) = value {
            assert_eq!(finding.add.unwrap().value, value, "{records:?}");
        }
    }
    let below = domain_report("mail.shop.example", None, None, &Dns::fixed([DMARC]).unwrap()).await;
    assert_eq!(below.dmarc.state, State::Ok);
}
