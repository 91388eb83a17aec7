use egress::Guard;
use kernel::Secret;

use super::composing::{draft, now};
use super::peer::{Answer, Peer, guard, last, say};
use crate::smtp::{self, Accepted, SendFault, Standing};
use crate::*;

const HELLO: &str = "250-localhost\n250-SIZE 1000000\n250-8BITMIME\n250-SMTPUTF8\n250-STARTTLS\n\
                     250 AUTH PLAIN LOGIN XOAUTH2\n";

pub(super) fn mail() -> Composed {
    compose(&draft(), now()).unwrap()
}

/// Nobody stops it.
async fn send(
    server: &Server,
    credentials: &Credentials,
    mail: &Composed,
    guard: &Guard,
) -> Result<Accepted, SendFault> {
    smtp::send(server, credentials, mail, guard, std::future::pending()).await
}

fn password() -> Credentials {
    Credentials::Password { user: "desk".to_owned(), password: Secret::new("hünter2") }
}

/// An honest server: answers every command, takes every mail.
pub(super) fn honest() -> impl FnMut(&str) -> Answer {
    let mut in_data = false;
    move |line| {
        if in_data {
            if line == "." {
                in_data = false;
                return say("250 2.0.0 queued as 4711\n");
            }
            return say("");
        }
        let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match word.as_str() {
            "EHLO" => say(HELLO),
            "STARTTLS" => Answer::Encrypt(b"220 go\r\n250 injected\r\n250 injected\r\n".to_vec()),
            "AUTH" => say("235 2.7.0 welcome\n"),
            "DATA" => {
                in_data = true;
                say("354 go on\n")
            }
            "QUIT" => last("221 bye\n"),
            _ => say("250 2.0.0 ok\n"),
        }
    }
}

/// Sends to a peer that answers like this.
async fn sent(
    security: Security,
    credentials: Credentials,
    mail: &Composed,
    greeting: &str,
    answer: impl FnMut(&str) -> Answer,
) -> (Result<Accepted, SendFault>, Vec<String>) {
    let peer = Peer::new().await;
    let server = peer.server(security);
    let guard = guard();
    let sending = async { send(&server, &credentials, mail, &guard).await };
    tokio::join!(sending, peer.converse(security == Security::Tls, greeting, answer))
}

async fn sent_plainly(
    greeting: &str,
    answer: impl FnMut(&str) -> Answer,
) -> (Result<Accepted, SendFault>, Vec<String>) {
    sent(Security::Plain, Credentials::None, &mail(), greeting, answer).await
}

#[tokio::test]
async fn a_mail_is_handed_over_line_by_line() {
    let text = "Hello\n.\n..two dots\n.one dot\nend".to_owned();
    let mail = compose(&Draft { text, ..draft() }, now()).unwrap();
    let (outcome, heard) =
        sent(Security::Plain, Credentials::None, &mail, "220 hi\n", honest()).await;
    assert_eq!(outcome.unwrap().reply, "2.0.0 queued as 4711");
    let heard = heard.concat();
    let size = mail.bytes.len();
    assert!(heard.starts_with(&format!(
        "EHLO desk.shop.example\r\nMAIL FROM:<support@shop.example> SIZE={size}\r\n\
         RCPT TO:<dana@customer.example>\r\nDATA\r\n"
    )));
    assert!(heard.contains("\r\nHello\r\n..\r\n...two dots\r\n..one dot\r\nend\r\n.\r\nQUIT\r\n"));
    assert!(!heard.replace("\r\n", "").contains(['\r', '\n']));
}

/// The commands that name sender and recipient, and those that begin anew.
fn envelopes(heard: &[String]) -> Vec<&str> {
    let names = ["MAIL", "RCPT", "RSET", "DATA"];
    let lines = heard.iter().map(|line| line.trim_end());
    lines.filter(|line| line.get(..4).is_some_and(|name| names.contains(&name))).collect()
}

#[tokio::test]
async fn what_a_machine_answers_has_no_return_path() {
    let automatic = |kind| compose(&Draft { automatic: kind, ..draft() }, now()).unwrap();
    let size = |mail: &Composed| mail.bytes.len();
    for (kind, from) in [
        (Some(AutomaticKind::Reply), ""),
        (Some(AutomaticKind::Notice), "support@shop.example"),
        (None, "support@shop.example"),
    ] {
        let mail = automatic(kind);
        let (outcome, heard) =
            sent(Security::Plain, Credentials::None, &mail, "220 hi\n", honest()).await;
        assert!(outcome.is_ok(), "{kind:?} {outcome:?}");
        let begun = format!("MAIL FROM:<{from}> SIZE={}", size(&mail));
        assert_eq!(envelopes(&heard), [begun.as_str(), "RCPT TO:<dana@customer.example>", "DATA"]);
    }
}

/// An honest server, which says this to one command as long as the return path is empty.
fn insisting(at: &'static str, said: &'static str) -> impl FnMut(&str) -> Answer {
    let (mut honest, mut is_empty) = (honest(), false);
    move |line| {
        if line.starts_with("MAIL FROM:") {
            is_empty = line.starts_with("MAIL FROM:<>");
        }
        if is_empty && line.starts_with(at) { say(said) } else { honest(line) }
    }
}

#[tokio::test]
async fn a_server_that_insists_on_a_return_path_gets_one() {
    let draft = Draft { automatic: Some(AutomaticKind::Reply), ..draft() };
    let mail = compose(&draft, now()).unwrap();
    for (at, said) in [
        ("MAIL", "501 5.1.7 Invalid address\n"),
        ("RCPT", "553 5.7.1 <>: Sender address rejected: not owned by user desk\n"),
        ("DATA", "550 5.7.60 Client does not have permissions to send as this sender\n"),
    ] {
        let answer = insisting(at, said);
        let (outcome, heard) =
            sent(Security::Plain, Credentials::None, &mail, "220 hi\n", answer).await;
        assert!(outcome.is_ok(), "{at} {outcome:?}");
        let said = envelopes(&heard);
        let anew = said.iter().position(|line| *line == "RSET").unwrap();
        assert!(said[0].starts_with("MAIL FROM:<> "), "{said:?}");
        assert!(said[anew + 1].starts_with("MAIL FROM:<support@shop.example> "), "{said:?}");
    }
    // Whose address is no good, and what may work later, is not asked again.
    for said in ["550 5.1.1 no such user\n", "451 4.7.1 later\n"] {
        let answer = insisting("RCPT", said);
        let (outcome, heard) =
            sent(Security::Plain, Credentials::None, &mail, "220 hi\n", answer).await;
        assert!(matches!(outcome, Err(SendFault::Recipients(_))), "{said} {outcome:?}");
        assert_eq!(envelopes(&heard).len(), 2, "{said}");
    }
}

/// Every end of a mail that some server has believed in.
const ENDS: [&str; 14] = [
    "\n.\n",
    "\n.\r\n",
    "\r\n.\n",
    "\r.\r",
    "\r.\r\n",
    "\r\n.\r",
    "\n.\r",
    "\r.\n",
    "\r\n.\r\n",
    "\r\n\0.\r\n",
    "\r\n.\0\r\n",
    "\r\r\n.\r\r\n",
    "\n\n.\n\n",
    "\u{2028}.\u{2028}",
];

#[tokio::test]
async fn nothing_that_is_written_ends_a_mail_early() {
    for end in ENDS {
        let trick = format!(
            "Hello{end}MAIL FROM:<evil@robber.example>{end}RCPT TO:<x@y.example>{end}DATA{end}Bcc: z"
        );
        let draft = Draft {
            subject: trick.clone(),
            text: trick.clone(),
            html: Some(format!("<p>{trick}</p>")),
            from: Party { name: Some(trick.clone()), ..draft().from },
            attachments: vec![Attached {
                name: trick.clone(),
                content_type: "text/plain".to_owned(),
                bytes: trick.clone().into_bytes(),
                content_id: None,
            }],
            ..draft()
        };
        let mail = compose(&draft, now()).unwrap();
        let (outcome, heard) =
            sent(Security::Plain, Credentials::None, &mail, "220 hi\n", honest()).await;
        assert!(outcome.is_ok(), "{end:?} {outcome:?}");
        let heard = heard.concat();
        assert!(!heard.replace("\r\n", "").contains(['\r', '\n', '\0']), "{end:?} {heard:?}");
        let ends: Vec<_> = heard.match_indices("\r\n.\r\n").collect();
        assert!(ends.len() == 1 && heard.ends_with("\r\n.\r\nQUIT\r\n"), "{end:?} {heard:?}");
        let fields = heard.split("\r\n\r\n").next().unwrap();
        assert!(!fields.lines().any(|line| line.starts_with("Bcc")), "{end:?} {fields}");
    }
}

#[tokio::test]
async fn encryption_is_used_as_set_and_what_came_before_it_is_thrown_away() {
    for security in [Security::StartTls, Security::Tls] {
        let (outcome, heard) = sent(security, password(), &mail(), "220 hi\n", honest()).await;
        assert!(outcome.is_ok(), "{security:?} {outcome:?}");
        let hellos = heard.iter().filter(|line| line.starts_with("EHLO")).count();
        assert_eq!(hellos, if security == Security::StartTls { 2 } else { 1 });
    }
}

#[tokio::test]
async fn signing_in_works_in_every_way_the_server_offers() {
    let token = Credentials::Token { user: "desk".to_owned(), token: Secret::new("t0k3n") };
    for (offered, credentials, expected) in [
        ("PLAIN LOGIN", password(), "AUTH PLAIN AGRlc2sAaMO8bnRlcjI="),
        ("LOGIN", password(), "AUTH LOGIN"),
        ("XOAUTH2", token, "AUTH XOAUTH2 dXNlcj1kZXNrAWF1dGg9QmVhcmVyIHQwazNuAQE="),
    ] {
        let mut rest = honest();
        let mut questions = 0;
        let answer = move |line: &str| {
            if line.starts_with("EHLO") {
                return say(&format!("250-hi\n250 AUTH {offered}\n"));
            }
            if line == "AUTH LOGIN" || line == "ZGVzaw==" {
                questions += 1;
                return say("334 VXNlcm5hbWU6\n");
            }
            if line == "aMO8bnRlcjI=" && questions == 2 {
                return say("235 welcome\n");
            }
            rest(line)
        };
        let (outcome, heard) =
            sent(Security::Plain, credentials, &mail(), "220 hi\n", answer).await;
        assert!(outcome.is_ok(), "{offered} {outcome:?}");
        assert!(heard.iter().any(|line| line.trim_end() == expected), "{heard:?}");
    }
}

#[tokio::test]
async fn a_refused_sign_in_says_why() {
    for (answer, permanent) in [
        ("535 5.7.8 Username and Password not accepted\n", true),
        ("454 4.7.0 Temporary authentication failure\n", false),
    ] {
        let mut rest = honest();
        let (outcome, heard) = sent(Security::Plain, password(), &mail(), "220 hi\n", |line| {
            if line.starts_with("AUTH") { say(answer) } else { rest(line) }
        })
        .await;
        let fault = outcome.unwrap_err();
        assert_eq!(fault.standing() == Standing::Permanent, permanent, "{fault}");
        assert!(fault.to_string().contains("localhost refused the sign-in"), "{fault}");
        assert!(!heard.iter().any(|line| line.starts_with("MAIL")), "{heard:?}");
    }
    let mut rest = honest();
    let token = Credentials::Token { user: "desk".to_owned(), token: Secret::new("old") };
    let (outcome, _) = sent(Security::Plain, token, &mail(), "220 hi\n", |line| match line {
        "" => say("535 5.7.3 the token has expired\n"),
        line if line.starts_with("AUTH") => say("334 eyJzdGF0dXMiOiI0MDAifQ==\n"),
        line => rest(line),
    })
    .await;
    assert!(outcome.unwrap_err().to_string().contains("the token has expired"));
    let (outcome, _) = sent(Security::Plain, password(), &mail(), "220 hi\n", |_| {
        say("250-hi\n250 AUTH CRAM-MD5\n")
    })
    .await;
    assert!(matches!(outcome, Err(SendFault::NoSignIn(_))));
}

#[tokio::test]
async fn encryption_is_never_given_up() {
    let stripped = |line: &str| match line.split(' ').next() {
        Some("EHLO") => say("250-hi\n250 AUTH PLAIN\n"),
        _ => say("250 ok\n"),
    };
    let refused = |line: &str| match line.split(' ').next() {
        Some("EHLO") => say(HELLO),
        _ => say("454 not now\n"),
    };
    let answers: [&dyn Fn(&str) -> Answer; 2] = [&stripped, &refused];
    for answer in answers {
        let (outcome, heard) =
            sent(Security::StartTls, password(), &mail(), "220 hi\n", answer).await;
        assert!(matches!(outcome, Err(SendFault::NoEncryption(_))), "{outcome:?}");
        assert!(!heard.iter().any(|line| line.starts_with("AUTH") || line.starts_with("MAIL")));
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_good_is_refused_with_its_reason() {
    let peer = Peer::called("other.example").await;
    let server = peer.server(Security::Tls);
    let guard = guard();
    let mail = mail();
    let (outcome, _) = tokio::join!(
        send(&server, &Credentials::None, &mail, &guard),
        peer.converse(true, "220 hi\n", honest())
    );
    assert!(outcome.unwrap_err().to_string().contains("issued for another name"));

    let peer = Peer::new().await;
    let server = Server { extra_ca: None, ..peer.server(Security::Tls) };
    let (outcome, _) = tokio::join!(
        send(&server, &Credentials::None, &mail, &guard),
        peer.converse(true, "220 hi\n", honest())
    );
    let fault = outcome.unwrap_err();
    assert!(fault.to_string().contains("nobody we know vouches for it"), "{fault}");
    assert_eq!(fault.standing(), Standing::Permanent);

    let server = Server { extra_ca: Some("nonsense".to_owned()), ..peer.server(Security::Tls) };
    let (outcome, _) = tokio::join!(
        send(&server, &Credentials::None, &mail, &guard),
        peer.converse(true, "220 hi\n", honest())
    );
    assert!(matches!(outcome, Err(SendFault::Link(LinkFault::BadAuthority))));

    let (outcome, _) = {
        let peer = Peer::new().await;
        let server = peer.server(Security::Tls);
        tokio::join!(
            send(&server, &Credentials::None, &mail, &guard),
            peer.converse(false, "220 plain\n", honest())
        )
    };
    let fault = outcome.unwrap_err();
    assert!(fault.to_string().contains("does not speak TLS from the first byte"), "{fault}");
}

#[tokio::test]
async fn a_no_at_any_point_is_permanent_or_not_as_the_server_says() {
    for (code, standing) in [("451 4.3.0", Standing::Temporary), ("550 5.7.1", Standing::Permanent)]
    {
        for stage in ["", "EHLO|HELO", "MAIL", "RCPT", "DATA", "."] {
            let greeting =
                if stage.is_empty() { format!("{code} no\n") } else { "220 hi\n".into() };
            let mut rest = honest();
            let (outcome, _) = sent_plainly(&greeting, |line| {
                if !stage.is_empty() && stage.split('|').any(|word| line.starts_with(word)) {
                    say(&format!("{code} no\n"))
                } else {
                    rest(line)
                }
            })
            .await;
            let fault = outcome.unwrap_err();
            assert_eq!(fault.standing(), standing, "{code} {stage}: {fault}");
            assert!(fault.to_string().len() > 20, "{fault}");
        }
    }
}

#[tokio::test]
async fn recipients_are_refused_one_by_one() {
    let party = |address: &str| Party { name: None, address: address.parse().unwrap() };
    let draft = Draft {
        to: vec![
            party("gone@customer.example"),
            party("dana@customer.example"),
            party("full@customer.example"),
        ],
        ..draft()
    };
    let mail = compose(&draft, now()).unwrap();
    let mut rest = honest();
    let (outcome, heard) =
        sent(Security::Plain, Credentials::None, &mail, "220 hi\n", |line| match line {
            "RCPT TO:<gone@customer.example>" => say("550 5.1.1 no such user\n"),
            "RCPT TO:<full@customer.example>" => say("452 4.2.2 over quota\n"),
            line => rest(line),
        })
        .await;
    let refused = outcome.unwrap().refused;
    assert_eq!(refused.len(), 2);
    assert_eq!(
        (refused[0].permanent, refused[0].status.as_deref(), refused[0].reason.as_str()),
        (true, Some("5.1.1"), "the address does not exist (550 5.1.1 no such user)")
    );
    assert_eq!(
        (refused[1].permanent, refused[1].reason.starts_with("the mailbox is full")),
        (false, true)
    );
    assert!(heard.iter().any(|line| line == "DATA\r\n"));

    let mut rest = honest();
    let (outcome, heard) = sent(Security::Plain, Credentials::None, &mail, "220 hi\n", |line| {
        if line.starts_with("RCPT") { say("550 5.1.1 no such user\n") } else { rest(line) }
    })
    .await;
    let fault = outcome.unwrap_err();
    assert!(matches!(&fault, SendFault::Recipients(refused) if refused.len() == 3));
    assert_eq!(fault.standing(), Standing::Permanent);
    assert!(!heard.iter().any(|line| line == "DATA\r\n"));
}

#[tokio::test]
async fn a_mail_that_may_have_been_taken_is_never_called_failed() {
    for ending in ["", "250-queued\n", "nonsense\n", "199 odd\n", "354 again\n"] {
        let mut rest = honest();
        let (outcome, _) =
            sent_plainly("220 hi\n", |line| if line == "." { last(ending) } else { rest(line) })
                .await;
        let fault = outcome.unwrap_err();
        assert_eq!(fault.standing(), Standing::Unknown, "{ending:?} {fault}");
    }
}

#[tokio::test]
async fn hanging_up_before_that_is_a_failure_to_be_tried_again() {
    for stage in ["EHLO", "MAIL", "RCPT", "DATA"] {
        let mut rest = honest();
        let (outcome, _) =
            sent_plainly(
                "220 hi\n",
                |line| {
                    if line.starts_with(stage) { last("") } else { rest(line) }
                },
            )
            .await;
        let fault = outcome.unwrap_err();
        assert_eq!(fault.standing(), Standing::Temporary, "{stage} {fault}");
    }
}

#[tokio::test]
async fn a_server_that_talks_without_end_is_cut_off() {
    let long_line = format!("220 {}", "x".repeat(1_000_000));
    let many_lines = "220-again\n".repeat(100_000);
    for greeting in
        [long_line.as_str(), many_lines.as_str(), "hello there\n", "220x\n", "999 hi\n", "\n"]
    {
        let (outcome, heard) = sent_plainly(greeting, honest()).await;
        assert!(outcome.is_err());
        assert!(heard.is_empty(), "{heard:?}");
    }
    let mut rest = honest();
    let big = format!("250-{}\n", "y".repeat(100)).repeat(100_000);
    let (outcome, _) =
        sent_plainly(
            "220 hi\n",
            |line| {
                if line.starts_with("MAIL") { say(&big) } else { rest(line) }
            },
        )
        .await;
    assert!(matches!(outcome, Err(SendFault::Link(LinkFault::TooMuch(_)))), "{outcome:?}");
}

#[tokio::test]
async fn what_the_server_cannot_take_is_not_sent_to_it() {
    let (outcome, heard) = sent_plainly("220 hi\n", |line| match line.split(' ').next() {
        Some("EHLO") => say("250-hi\n250 SIZE 100\n"),
        _ => say("250 ok\n"),
    })
    .await;
    assert!(matches!(outcome, Err(SendFault::TooLarge { .. })));
    assert!(!heard.iter().any(|line| line.starts_with("MAIL")));

    let unicode = Party { name: None, address: "jörg@customer.example".parse().unwrap() };
    let mail = compose(&Draft { to: vec![unicode], ..draft() }, now()).unwrap();
    let ascii_only = |line: &str| match line.split(' ').next() {
        Some("EHLO") => say("250 hi\n"),
        _ => say("250 ok\n"),
    };
    let (outcome, _) =
        sent(Security::Plain, Credentials::None, &mail, "220 hi\n", ascii_only).await;
    assert!(matches!(outcome, Err(SendFault::NoUtf8(_))));
    let (outcome, heard) =
        sent(Security::Plain, Credentials::None, &mail, "220 hi\n", honest()).await;
    assert!(outcome.is_ok());
    assert!(heard.iter().any(|line| line.starts_with("MAIL") && line.contains(" SMTPUTF8")));
}

#[tokio::test]
async fn an_old_server_that_knows_no_extensions_gets_the_mail_too() {
    let mut rest = honest();
    let (outcome, heard) = sent_plainly("220 hi\n", |line| {
        if line.starts_with("EHLO") { say("500 what?\n") } else { rest(line) }
    })
    .await;
    assert!(outcome.is_ok());
    assert!(heard.contains(&"HELO desk.shop.example\r\n".to_owned()));
    assert!(heard.contains(&"MAIL FROM:<support@shop.example>\r\n".to_owned()));
}

#[tokio::test]
async fn servers_inside_are_not_dialled_and_missing_ones_are_named() {
    let peer = Peer::new().await;
    let server = peer.server(Security::Plain);
    let fault = send(&server, &Credentials::None, &mail(), &Guard::default()).await.unwrap_err();
    assert_eq!(fault.standing(), Standing::Permanent);
    let nowhere = Server { host: "no-such-host.invalid".to_owned(), ..server };
    let fault = send(&nowhere, &Credentials::None, &mail(), &guard()).await.unwrap_err();
    assert!(fault.to_string().contains("not known"), "{fault}");
}

#[tokio::test]
async fn a_stop_counts_until_the_server_could_have_the_mail() {
    for (stops_at, is_stopped) in [("EHLO", true), ("RCPT", true), ("DATA", true), (".", false)] {
        let peer = Peer::new().await;
        let (server, guard) = (peer.server(Security::Plain), guard());
        let stop = std::sync::Arc::new(tokio::sync::Notify::new());
        let (mut rest, stopping) = (honest(), stop.clone());
        let talk = peer.converse(false, "220 hi\n", move |line| {
            if !line.starts_with(stops_at) {
                return rest(line);
            }
            stopping.notify_one();
            // What stops has to be noticed before there is an answer.
            if is_stopped { say("") } else { rest(line) }
        });
        let mail = mail();
        let sending = smtp::send(&server, &Credentials::None, &mail, &guard, stop.notified());
        let (outcome, _) = tokio::join!(sending, talk);
        match outcome {
            Err(SendFault::Stopped) => assert!(is_stopped, "{stops_at}"),
            Ok(_) => assert!(!is_stopped, "{stops_at}"),
            Err(other) => panic!("{stops_at}: {other}"),
        }
    }
}
