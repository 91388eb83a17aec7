//! SMTP servers that never come to an end, at every step: the mail is tried again, or nobody knows
//! whether it was taken, and it takes neither memory nor time without bounds.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::composing::{draft, now};
use super::peer::{Answer, Peer, guard};
use super::sending::{honest, mail};
use super::stalling::SHORT;
use crate::smtp::{Accepted, SendFault, Standing, send_with};
use crate::*;

const FAR_TOO_LONG: Duration = Duration::from_mins(1);

/// What a server says, and says again, instead of an answer.
struct Babble {
    first: &'static str,
    again: String,
    pause: Duration,
}

fn babbles() -> Vec<Babble> {
    let trickle = Duration::from_millis(20);
    let say = |first, again: &str, pause| Babble { first, again: again.to_owned(), pause };
    vec![
        say("", "", trickle),
        say("250 ", "x", trickle),
        say("", "250-and more\r\n", trickle),
        say("", &"250-and more\r\n".repeat(1_000), Duration::ZERO),
        // A line of ten megabytes, and all that comes behind it.
        say("250 ", &"x".repeat(100_000), Duration::ZERO),
    ]
}

async fn tells(at: &str, babble: Babble) -> Result<Accepted, SendFault> {
    let Babble { first, again, pause } = babble;
    let again = again.into_bytes();
    let endless = || Answer::Endlessly(first.as_bytes().to_vec(), again.clone(), pause);
    let is_encrypting = at == "STARTTLS" || at == "the handshake";
    let peer = Peer::new().await;
    let security = if is_encrypting { Security::StartTls } else { Security::Plain };
    let server = peer.server(security);
    let guard = guard();
    let mut rest = honest();
    let greeting =
        if at == "the greeting" { endless() } else { Answer::Say(b"220 hi\r\n".to_vec()) };
    let talk = async {
        peer.converse_after(false, greeting, |line| {
            if line == "STARTTLS" && at == "the handshake" {
                let go = [b"220 go\r\n", first.as_bytes()].concat();
                return Answer::Endlessly(go, again.clone(), pause);
            }
            if line.starts_with(at) { endless() } else { rest(line) }
        })
        .await;
        std::future::pending::<()>().await;
    };
    let (credentials, mail) = (Credentials::None, mail());
    tokio::select! {
        outcome = send_with(SHORT, &server, &credentials, &mail, &guard) => outcome,
        () = talk => unreachable!(),
        () = tokio::time::sleep(FAR_TOO_LONG) => panic!("{at}: it goes on for ever"),
    }
}

#[tokio::test]
async fn a_server_that_never_comes_to_an_end_is_left_at_every_step() {
    let steps = [
        ("the greeting", Standing::Temporary),
        ("EHLO", Standing::Temporary),
        ("STARTTLS", Standing::Temporary),
        ("the handshake", Standing::Temporary),
        ("MAIL", Standing::Temporary),
        ("RCPT", Standing::Temporary),
        ("DATA", Standing::Temporary),
        (".", Standing::Unknown),
    ];
    let cases = steps.iter().flat_map(|(at, standing)| {
        babbles().into_iter().enumerate().map(move |(number, babble)| async move {
            let fault = tells(at, babble).await.unwrap_err();
            // What is no TLS at all is a setting to be put right.
            if *at != "the handshake" {
                assert_eq!(fault.standing(), *standing, "{at} {number}: {fault}");
            }
            assert!(fault.to_string().contains("localhost"), "{at} {number}: {fault}");
        })
    });
    join_all(cases).await;
}

#[tokio::test]
async fn answers_that_each_take_long_are_too_long_together() {
    let party = |number| Party {
        name: None,
        address: format!("dana{number}@customer.example").parse().unwrap(),
    };
    let crowd = compose(&Draft { to: (0..100).map(party).collect(), ..draft() }, now()).unwrap();
    let peer = Peer::new().await;
    let (server, guard) = (peer.server(Security::Plain), guard());
    let mut rest = honest();
    let slow = |line: &str| {
        if line.starts_with("RCPT") {
            std::thread::sleep(Duration::from_millis(100));
        }
        rest(line)
    };
    let begun = Instant::now();
    let (outcome, _) = tokio::join!(
        send_with(SHORT, &server, &Credentials::None, &crowd, &guard),
        peer.converse(false, "220 hi\n", slow)
    );
    let fault = outcome.unwrap_err();
    assert_eq!(fault.standing(), Standing::Temporary, "{fault}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

/// Takes the commands of one mail and then `rest` instead of the mail.
async fn up_to_the_mail<F: Future>(
    listener: TcpListener,
    rest: impl FnOnce(TcpStream) -> F,
) -> F::Output {
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.write_all(b"220 hi\r\n").await.unwrap();
    for answer in ["250 hi\r\n", "250 ok\r\n", "250 ok\r\n", "354 go on\r\n"] {
        let mut heard = Vec::new();
        while !heard.ends_with(b"\r\n") {
            heard.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
    rest(stream).await
}

/// Sends a long mail to a server that does this with it, and is told when we are done.
async fn long_mail_to<F: Future>(
    rest: impl FnOnce(TcpStream, oneshot::Receiver<()>) -> F,
) -> (Result<Accepted, SendFault>, F::Output) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = Server {
        host: "localhost".to_owned(),
        port,
        security: Security::Plain,
        extra_ca: None,
        hello_name: "desk.shop.example".to_owned(),
    };
    let picture = Attached {
        name: "picture.bin".to_owned(),
        content_type: "application/octet-stream".to_owned(),
        bytes: vec![7; 15 * 1024 * 1024],
        content_id: None,
    };
    let mail = compose(&Draft { attachments: vec![picture], ..draft() }, now()).unwrap();
    let guard = guard();
    let (done, is_done) = oneshot::channel();
    let sending = async {
        let outcome = send_with(SHORT, &server, &Credentials::None, &mail, &guard).await;
        // The server may have left.
        let _ = done.send(());
        outcome
    };
    tokio::join!(sending, up_to_the_mail(listener, |stream| rest(stream, is_done)))
}

#[tokio::test]
async fn a_mail_that_nobody_reads_is_broken_off_without_a_word() {
    let (outcome, heard) = long_mail_to(async |mut stream, is_done| {
        is_done.await.unwrap();
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).await.unwrap_or_default();
        String::from_utf8_lossy(&heard).into_owned()
    })
    .await;
    let fault = outcome.unwrap_err();
    assert_eq!(fault.standing(), Standing::Temporary, "{fault}");
    assert!(!heard.contains("\r\n.\r\n") && !heard.contains("QUIT"), "it had more to say");
}

#[tokio::test]
async fn a_server_that_says_yes_in_the_middle_of_a_mail_may_have_it() {
    for (answer, standing) in [
        ("250 2.0.0 queued", Standing::Unknown),
        ("552 5.3.4 too large", Standing::Permanent),
        ("421 4.3.2 closing", Standing::Temporary),
        ("354 hm", Standing::Temporary),
    ] {
        let (outcome, ()) = long_mail_to(async |mut stream, is_done| {
            stream.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
            is_done.await.unwrap();
        })
        .await;
        let fault = outcome.unwrap_err();
        assert_eq!(fault.standing(), standing, "{answer}: {fault}");
    }
}
