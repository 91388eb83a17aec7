//! What is asked of the DNS, and how often: a name server of the tests counts.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use mail_auth::AuthenticatedMessage;
use tokio::net::UdpSocket;

use super::authentication::key;
use super::composing::{draft, now};
use crate::*;

/// A name server that knows nothing and does not say for how long, and about some names does not
/// say a word.
struct NameServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl NameServer {
    async fn silent_about(silent: &'static str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        #[expect(clippy::disallowed_methods, reason = "ends with the test")]
        tokio::spawn(async move {
            let mut packet = [0; 1_500];
            while let Ok((size, from)) = socket.recv_from(&mut packet).await {
                let question = &mut packet[..size];
                let name = name_in(&question[12..]);
                heard.lock().unwrap().push(name.clone());
                if silent.is_empty() || !name.ends_with(silent) {
                    // An answer with the code for "no such name", without anything else.
                    question[2] |= 0x80;
                    question[3] = 0x83;
                    socket.send_to(question, from).await.unwrap();
                }
            }
        });
        Self { address, asked }
    }

    fn asked(&self, end: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|name| name.ends_with(end)).count()
    }
}

fn name_in(mut question: &[u8]) -> String {
    let mut name = String::new();
    while let [length @ 1..=63, rest @ ..] = question {
        let (label, after) = rest.split_at(usize::from(*length));
        name.extend([&String::from_utf8_lossy(label).to_lowercase(), "."]);
        question = after;
    }
    name
}

fn written(from: &str, signer: Option<&str>) -> Vec<u8> {
    let mut written = draft();
    written.from.address = from.parse().unwrap();
    written.signing = signer.map(|domain| Signing {
        domain: domain.to_owned(),
        selector: "s1".to_owned(),
        private_key: key(),
    });
    compose(&written, now()).unwrap().bytes
}

async fn ask(mail: &[u8], dns: &Dns) -> SenderCheck {
    authenticate(mail, &read(mail, &Limits::default()), &Trust::default(), dns).await
}

async fn check(from: &str, signer: Option<&str>, dns: &Dns) -> SenderCheck {
    ask(&written(from, signer), dns).await
}

#[tokio::test]
async fn a_policy_that_is_not_there_is_asked_for_once() {
    let server = NameServer::silent_about("").await;
    let dns = Dns::at(server.address).unwrap();
    let first = check("dana@shop.example", None, &dns).await;
    assert_eq!(first.dmarc, "the domain has no policy");
    let questions = server.asked("");
    assert!(server.asked("_dmarc.shop.example.") > 0);
    for _ in 0..20 {
        assert_eq!(check("dana@shop.example", None, &dns).await, first);
    }
    assert_eq!(server.asked(""), questions);
    check("dana@other.example", None, &dns).await;
    assert!(server.asked("_dmarc.other.example.") > 0);
}

/// Otherwise anybody with a slow name server could keep us from checking the mail of others.
#[tokio::test]
async fn who_signs_with_a_domain_that_is_silent_makes_nobody_else_silent() {
    let server = NameServer::silent_about("slow.example.").await;
    let dns = Dns::at(server.address).unwrap();
    let slow = check("dana@shop.example", Some("slow.example"), &dns).await;
    assert_eq!(slow.verdict, Verdict::Unknown);
    assert!(slow.dkim.contains("did not answer"), "{slow:?}");
    assert_eq!(slow.dmarc, "the domain has no policy", "the sender's own domain was asked");
    let questions = server.asked("slow.example.");
    let again = check("dana@shop.example", Some("slow.example"), &dns).await;
    assert_eq!((again.verdict, again.dkim.contains("did not answer")), (Verdict::Unknown, true));
    assert_eq!(server.asked("slow.example."), questions, "silence is remembered");
    check("dana@shop.example", Some("good.example"), &dns).await;
    assert!(server.asked("s1._domainkey.good.example.") > 0);
}

#[tokio::test]
async fn a_signature_of_somebody_else_beside_slow_ones_does_not_silence_them() {
    let server = NameServer::silent_about("slow.example.").await;
    let dns = Dns::at(server.address).unwrap();
    let from = "mallory@shop.example";
    let plain = written(from, None).len();
    let mut mail = written(from, Some("good.example"));
    for slow in ["a.slow.example", "b.slow.example", "c.slow.example"] {
        let signed = written(from, Some(slow));
        mail.splice(..0, signed[..signed.len() - plain].iter().copied());
    }
    let reading = AuthenticatedMessage::parse(&mail).unwrap();
    assert_eq!(reading.dkim_headers.len(), 4);
    assert_eq!(ask(&mail, &dns).await.verdict, Verdict::Unknown);
    let questions = server.asked("s1._domainkey.good.example.");
    check("dana@good.example", Some("good.example"), &dns).await;
    assert!(server.asked("s1._domainkey.good.example.") > questions);
}
