use kernel::Secret;

use super::peer::{Answer, Peer, guard, last, say};
use crate::probe::{Probe, Step, imap, smtp};
use crate::*;

fn password() -> Credentials {
    Credentials::Password { user: "desk".to_owned(), password: Secret::new("hunter2") }
}

fn tagged(line: &str, text: &str) -> Answer {
    let tag = line.split(' ').next().unwrap_or_default();
    say(&text.replace("{t}", tag))
}

fn imap_server(line: &str) -> Answer {
    match line.split_once(' ').map_or("", |(_, command)| command) {
        "CAPABILITY" => tagged(line, "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\n{t} OK\n"),
        "SELECT \"INBOX\"" => tagged(line, "* OK [UIDVALIDITY 1] ok\n{t} OK\n"),
        command if command.starts_with("SELECT") => tagged(line, "{t} NO no such folder\n"),
        command if command.ends_with("AGRlc2sAd3Jvbmc=") => tagged(line, "{t} NO wrong password\n"),
        _ => tagged(line, "{t} OK\n"),
    }
}

fn smtp_server(line: &str) -> Answer {
    match line.split(' ').next() {
        Some("EHLO") => say("250-hi\n250 AUTH PLAIN\n"),
        Some("QUIT") => last("221 bye\n"),
        _ => say("235 ok\n"),
    }
}

async fn imap_trial(
    security: Security,
    tls_peer: bool,
    folder: &str,
    credentials: Credentials,
) -> Probe {
    let peer = Peer::new().await;
    let server = peer.server(security);
    let guard = guard();
    let trial = imap(&server, &credentials, folder, &guard);
    tokio::select! {
        probe = trial => probe,
        () = async { loop { peer.converse(tls_peer, "* OK hi\n", imap_server).await; } } => unreachable!(),
    }
}

#[tokio::test]
async fn a_mailbox_that_works_passes_every_step() {
    let probe = imap_trial(Security::Tls, true, "INBOX", password()).await;
    assert_eq!(probe.problem, None);
    assert_eq!(
        probe.passed,
        [Step::Reached, Step::Encrypted, Step::Greeted, Step::SignedIn, Step::FolderOpened]
    );
    let json = serde_json::to_string(&probe).unwrap();
    assert_eq!(serde_json::from_str::<Probe>(&json).unwrap(), probe);
}

#[tokio::test]
async fn each_thing_that_is_wrong_has_its_own_words() {
    let wrong = Credentials::Password { user: "desk".to_owned(), password: Secret::new("wrong") };
    for (security, tls_peer, folder, credentials, steps, words) in [
        (Security::Tls, true, "INBOX", wrong, 3, "refused the sign-in: wrong password"),
        (Security::Tls, true, "Nowhere", password(), 4, "“Nowhere” cannot be used"),
        (Security::Tls, false, "INBOX", password(), 1, "does not speak TLS from the first byte"),
        (Security::StartTls, false, "INBOX", password(), 1, "offers no encryption"),
    ] {
        let probe = imap_trial(security, tls_peer, folder, credentials).await;
        let problem = probe.problem.unwrap();
        assert!(problem.contains(words), "{problem}");
        assert_eq!(probe.passed.len(), steps, "{problem}");
    }
}

#[tokio::test]
async fn the_port_for_tls_is_recognised_when_starttls_was_chosen() {
    // A server that waits for TLS hangs up on plain text, or waits without end; this one hangs up.
    let peer = Peer::new().await;
    let server = peer.server(Security::StartTls);
    let guard = guard();
    let credentials = password();
    let trial = smtp(&server, &credentials, &guard);
    let serve = async {
        peer.hang_up().await;
        peer.converse(true, "220 hi\n", smtp_server).await;
    };
    let (probe, ()) = tokio::join!(trial, serve);
    assert!(probe.problem.unwrap().contains("choose TLS instead of STARTTLS"));
}

#[tokio::test]
async fn a_sending_server_is_tried_without_sending() {
    let peer = Peer::new().await;
    let server = peer.server(Security::Plain);
    let guard = guard();
    let credentials = password();
    let (probe, heard) = tokio::join!(
        smtp(&server, &credentials, &guard),
        peer.converse(false, "220 hi\n", smtp_server)
    );
    assert_eq!((probe.problem, probe.passed.last()), (None, Some(&Step::SignedIn)));
    assert!(!heard.concat().contains("MAIL"));
}

#[tokio::test]
async fn servers_that_are_not_there_are_named() {
    let peer = Peer::new().await;
    let server = peer.server(Security::Tls);
    drop(peer);
    let probe = smtp(&server, &password(), &guard()).await;
    assert!(probe.problem.unwrap().contains("refused the connection"));
    assert!(probe.passed.is_empty());
    let nowhere = Server { host: "no-such-host.invalid".to_owned(), ..server };
    let probe = imap(&nowhere, &password(), "INBOX", &guard()).await;
    assert!(probe.problem.unwrap().contains("is not known"));
}
