use std::cell::RefCell;
use std::time::Duration;

use kernel::Secret;

use super::peer::{Answer, Peer, guard};
use crate::imap::{Body, ImapFault, Mailbox, Selected, Woken};
use crate::*;

const LIMIT: usize = 1024 * 1024;

pub(super) fn password() -> Credentials {
    Credentials::Password { user: "desk".to_owned(), password: Secret::new("hunter2") }
}

/// Answers in the form of the protocol: `{t}` stands for the tag.
pub(super) fn imap(line: &str, text: &str) -> Answer {
    let tag = line.split(' ').next().unwrap_or_default();
    Answer::Say(text.replace("{t}", tag).replace('\n', "\r\n").into_bytes())
}

/// With line feeds only; on the way each becomes CRLF.
const MAIL: &str = "From: dana@customer.example\nSubject: Hi\n\nHello.\n";

/// An honest server with mails 4, 7 and 9; number 9 is too large for us.
pub(super) fn honest(line: &str) -> Answer {
    let command = line.split_once(' ').map_or("", |(_, command)| command);
    let fetched = |uid: u32| {
        format!("* 1 FETCH (UID {uid} BODY[] {{{}}}\n{MAIL} FLAGS (\\Seen))\n", MAIL.len() + 4)
    };
    match command {
        "CAPABILITY" => imap(
            line,
            "* CAPABILITY IMAP4rev1 IDLE MOVE UIDPLUS STARTTLS AUTH=PLAIN AUTH=XOAUTH2 SASL-IR\n{t} OK done\n",
        ),
        "STARTTLS" => Answer::Encrypt(
            format!(
                "{} OK go\r\n* CAPABILITY IMAP4rev1 INJECTED\r\n",
                line.split(' ').next().unwrap()
            )
            .into_bytes(),
        ),
        "LIST \"\" \"*\"" => imap(
            line,
            "* LIST (\\HasNoChildren) \"/\" INBOX\n* LIST (\\HasNoChildren \\Sent) \"/\" \"Gesendet\"\n\
             * LIST (\\Noselect) \"/\" \"Team\"\n* LIST () \"/\" \"Entw&APw-rfe &- mehr\"\n\
             * LIST () \".\" {4}\n(x)y\n{t} OK done\n",
        ),
        "SELECT \"INBOX\"" => imap(
            line,
            "* 3 EXISTS\n* 0 RECENT\n* FLAGS (\\Seen)\n* OK [UIDVALIDITY 77] valid\n* OK [UIDNEXT 10] next\n\
             {t} OK [READ-WRITE] open\n",
        ),
        "SELECT \"Missing\"" => imap(line, "{t} NO [NONEXISTENT] no such folder\n"),
        "UID SEARCH UID 5:*" => imap(line, "* SEARCH 9 7\n{t} OK done\n"),
        "UID SEARCH UID 10:*" => imap(line, "* SEARCH 9\n{t} OK done\n"),
        "UID FETCH 7,9 (UID RFC822.SIZE INTERNALDATE)" => imap(
            line,
            "* 2 FETCH (UID 7 RFC822.SIZE 52 INTERNALDATE \"17-Nov-2026 09:02:00 +0100\")\n\
             * 3 FETCH (RFC822.SIZE 99999999 INTERNALDATE \" 1-Nov-2026 09:02:00 +0100\" UID 9)\n{t} OK done\n",
        ),
        "UID FETCH 7 (UID BODY.PEEK[])" => imap(line, &(fetched(7) + "{t} OK done\n")),
        "UID FETCH 9 (UID BODY.PEEK[HEADER]<0.262144>)" => {
            imap(line, "* 3 FETCH (UID 9 BODY[HEADER]<0> {14}\nSubject: Big\n)\n{t} OK done\n")
        }
        command if command.starts_with("LOGOUT") => imap(line, "* BYE bye\n{t} OK done\n"),
        _ => imap(line, "{t} OK done\n"),
    }
}

/// A mailbox at a peer that answers like this, and what the test does with it.
async fn with_mailbox<T>(
    security: Security,
    credentials: Credentials,
    greeting: &str,
    answer: impl FnMut(&str) -> Answer,
    test: impl AsyncFnOnce(Result<Mailbox, ImapFault>) -> T,
) -> (T, Vec<String>) {
    let peer = Peer::new().await;
    let server = peer.server(security);
    let guard = guard();
    let work = async {
        let mailbox = Mailbox::connect(&server, &credentials, LIMIT, &guard).await;
        test(mailbox).await
    };
    tokio::join!(work, peer.converse(security == Security::Tls, greeting, answer))
}

async fn opened<T>(answer: impl FnMut(&str) -> Answer, test: impl AsyncFnOnce(Mailbox) -> T) -> T {
    let test = async |mailbox: Result<Mailbox, ImapFault>| test(mailbox.unwrap()).await;
    with_mailbox(Security::Plain, password(), "* OK hi\n", answer, test).await.0
}

/// Connects, selects and fetches; gives what went wrong.
async fn fault_of(
    security: Security,
    greeting: &str,
    answer: impl FnMut(&str) -> Answer,
) -> (String, Vec<String>) {
    with_mailbox(security, password(), greeting, answer, async |mailbox| {
        let work = async {
            let mut mailbox = mailbox?;
            mailbox.select("INBOX").await?;
            mailbox.fetch_since(4, 100).await
        };
        work.await.unwrap_err().to_string()
    })
    .await
}

#[tokio::test]
async fn new_mail_is_fetched_in_order_and_too_large_mail_by_its_header() {
    opened(honest, async |mut mailbox| {
        let selected = mailbox.select("INBOX").await.unwrap();
        assert_eq!(selected, Selected { uid_validity: 77, uid_next: Some(10), exists: 3 });
        let mails = mailbox.fetch_since(4, 100).await.unwrap();
        assert_eq!(mails.iter().map(|mail| mail.uid).collect::<Vec<_>>(), [7, 9]);
        assert_eq!(mails[0].body, Body::Whole(MAIL.replace('\n', "\r\n").into_bytes()));
        assert_eq!(mails[0].internal_date.unwrap().to_string(), "2026-11-17T08:02:00Z");
        assert_eq!(mails[1].body, Body::HeaderOnly(b"Subject: Big\r\n".to_vec()));
        assert_eq!(mails[1].size, 99_999_999);
        assert!(mailbox.fetch_since(9, 100).await.unwrap().is_empty());
        assert!(mailbox.fetch_since(u32::MAX, 100).await.unwrap().is_empty());
        mailbox.logout().await;
    })
    .await;
}

#[tokio::test]
async fn mails_are_fetched_together_as_far_as_memory_holds_them() {
    let mib = 1024 * 1024;
    for (sizes, together) in [
        (&[][..], 0),
        (&[99 * mib], 1),
        (&[99 * mib, 1], 1),
        (&[3 * mib, 3 * mib, 3 * mib, 1], 2),
        (&[1, 2, 3], 3),
        (&[8 * mib, 0, 1], 2),
    ] {
        let answer = |line: &str| {
            if !line.contains("RFC822.SIZE") {
                return honest(line);
            }
            let lines = sizes
                .iter()
                .zip(1..)
                .map(|(size, uid)| format!("* {uid} FETCH (UID {uid} RFC822.SIZE {size})\n"));
            imap(line, &format!("{}{{t}} OK\n", lines.collect::<String>()))
        };
        let uids: Vec<u32> = sizes.iter().zip(1..).map(|(_, uid)| uid).collect();
        let fitting =
            opened(answer, async |mut mailbox| mailbox.fitting(&uids).await.unwrap()).await;
        assert_eq!(fitting, together, "{sizes:?}");
    }
    // Where the server cannot even name the size of one, each is asked for by itself.
    let damaged = |line: &str| {
        if line.contains("RFC822.SIZE") { imap(line, "{t} NO damaged\n") } else { honest(line) }
    };
    let fitting =
        opened(damaged, async |mut mailbox| mailbox.fitting(&[1, 2, 3]).await.unwrap()).await;
    assert_eq!(fitting, 1);
}

#[tokio::test]
async fn encryption_works_and_what_came_before_it_is_thrown_away() {
    for security in [Security::StartTls, Security::Tls] {
        let (outcome, _) =
            with_mailbox(security, password(), "* OK hi\n", honest, async |mailbox| {
                let mailbox = mailbox.unwrap();
                (mailbox.can("IDLE"), mailbox.can("INJECTED"))
            })
            .await;
        assert_eq!(outcome, (true, false), "{security:?}");
    }
}

#[tokio::test]
async fn encryption_is_never_given_up() {
    let stripped = |line: &str| imap(line, "* CAPABILITY IMAP4rev1 AUTH=PLAIN\n{t} OK done\n");
    let (fault, heard) = fault_of(Security::StartTls, "* OK hi\n", stripped).await;
    assert!(fault.contains("offers no encryption"), "{fault}");
    assert!(!heard.concat().contains("AUTHENTICATE"), "{heard:?}");
    let (fault, heard) = fault_of(Security::StartTls, "* PREAUTH you are in\n", honest).await;
    assert!(fault.contains("offers no encryption"), "{fault}");
    assert!(!heard.concat().contains("SELECT"), "{heard:?}");
}

#[tokio::test]
async fn signing_in_works_in_every_way_the_server_offers() {
    let token = Credentials::Token { user: "desk".to_owned(), token: Secret::new("t0k3n") };
    for (offered, credentials, expected) in [
        ("AUTH=PLAIN SASL-IR", password(), "AUTHENTICATE PLAIN AGRlc2sAaHVudGVyMg=="),
        ("AUTH=PLAIN", password(), "AUTHENTICATE PLAIN"),
        ("", password(), "LOGIN \"desk\" \"hunter2\""),
        (
            "AUTH=XOAUTH2 SASL-IR",
            token,
            "AUTHENTICATE XOAUTH2 dXNlcj1kZXNrAWF1dGg9QmVhcmVyIHQwazNuAQE=",
        ),
    ] {
        let mut tag = String::new();
        let answer = move |line: &str| {
            if line.ends_with("AUTHENTICATE PLAIN") {
                line.split(' ').next().unwrap().clone_into(&mut tag);
                return Answer::Say(b"+ \r\n".to_vec());
            }
            if line == "AGRlc2sAaHVudGVyMg==" {
                return Answer::Say(format!("{tag} OK in\r\n").into_bytes());
            }
            if line.ends_with("CAPABILITY") {
                return imap(line, &format!("* CAPABILITY IMAP4rev1 {offered}\n{{t}} OK\n"));
            }
            honest(line)
        };
        let (outcome, heard) =
            with_mailbox(Security::Plain, credentials, "* OK hi\n", answer, async |mailbox| {
                mailbox.map(|_| ())
            })
            .await;
        assert!(outcome.is_ok(), "{offered} {outcome:?}");
        assert!(heard.iter().any(|line| line.trim_end().ends_with(expected)), "{heard:?}");
    }
}

#[tokio::test]
async fn a_refused_sign_in_says_why_and_whether_it_will_pass() {
    for (said, permanent) in [
        ("NO [AUTHENTICATIONFAILED] Invalid credentials", true),
        ("NO [UNAVAILABLE] come back later", false),
        ("BAD what", true),
    ] {
        let answer = |line: &str| {
            if line.contains("AUTHENTICATE") {
                imap(line, &format!("{{t}} {said}\n"))
            } else {
                honest(line)
            }
        };
        let (fault, _) =
            with_mailbox(Security::Plain, password(), "* OK hi\n", answer, async |mailbox| {
                mailbox.err().unwrap()
            })
            .await;
        assert!(matches!(fault, ImapFault::SignIn { .. }), "{fault}");
        assert_eq!(fault.is_permanent(), permanent, "{fault}");
    }
    let disabled = |line: &str| imap(line, "* CAPABILITY IMAP4rev1 LOGINDISABLED\n{t} OK\n");
    let (fault, heard) = fault_of(Security::Plain, "* OK hi\n", disabled).await;
    assert!(fault.contains("no way to sign in"), "{fault}");
    assert!(!heard.concat().contains("hunter2"));

    // The reason of a refused token comes as a question.
    let tag = RefCell::new(String::new());
    let answer = |line: &str| {
        if line.contains("AUTHENTICATE") {
            line.split(' ').next().unwrap().clone_into(&mut tag.borrow_mut());
            return Answer::Say(b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n".to_vec());
        }
        if line.is_empty() {
            return Answer::Say(format!("{} NO token expired\r\n", tag.borrow()).into_bytes());
        }
        honest(line)
    };
    let token = Credentials::Token { user: "desk".to_owned(), token: Secret::new("old") };
    let (fault, _) = with_mailbox(Security::Plain, token, "* OK hi\n", answer, async |mailbox| {
        mailbox.err().unwrap().to_string()
    })
    .await;
    assert!(fault.contains("token expired"), "{fault}");
}

#[tokio::test]
async fn folders_are_listed_with_their_names_and_purposes() {
    let folders = opened(honest, async |mut mailbox| mailbox.folders().await.unwrap()).await;
    let seen: Vec<(&str, Option<&str>, bool)> = folders
        .iter()
        .map(|folder| (folder.name.as_str(), folder.special.as_deref(), folder.selectable))
        .collect();
    assert_eq!(
        seen,
        [
            ("INBOX", None, true),
            ("Gesendet", Some("\\Sent"), true),
            ("Team", None, false),
            ("Entwürfe & mehr", None, true),
            ("(x)y", None, true),
        ]
    );
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let fault =
        opened(honest, async |mut mailbox| mailbox.select("Missing").await.unwrap_err()).await;
    assert!(fault.is_permanent());
    assert!(fault.to_string().contains("“Missing”"), "{fault}");
}

#[tokio::test]
async fn mails_are_marked_and_moved_as_the_server_can() {
    for (abilities, expected) in [
        ("MOVE UIDPLUS", "UID MOVE 1:3,7 \"Gel&APY-scht\""),
        ("UIDPLUS", "UID EXPUNGE 1:3,7"),
        ("", "UID STORE 1:3,7 +FLAGS.SILENT (\\Deleted)"),
    ] {
        let answer = |line: &str| {
            if line.ends_with("CAPABILITY") {
                return imap(
                    line,
                    &format!("* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR {abilities}\n{{t}} OK\n"),
                );
            }
            honest(line)
        };
        let ((), heard) =
            with_mailbox(Security::Plain, password(), "* OK hi\n", answer, async |mailbox| {
                let mut mailbox = mailbox.unwrap();
                mailbox.select("INBOX").await.unwrap();
                mailbox.mark_seen(&[7, 3, 2, 1]).await.unwrap();
                mailbox.move_to(&[7, 3, 2, 1], "Gelöscht").await.unwrap();
            })
            .await;
        let heard = heard.concat();
        assert!(heard.contains("UID STORE 1:3,7 +FLAGS.SILENT (\\Seen)"), "{heard}");
        assert!(heard.contains(expected), "{heard}");
        assert!(!heard.contains(" EXPUNGE\r\n"), "{heard}");
    }
}

#[tokio::test]
async fn mails_since_a_day_are_found_whatever_the_zone_of_the_server() {
    let answer = |line: &str| {
        if line.contains("SEARCH") {
            imap(line, "* SEARCH 3 1 2 3\n{t} OK\n")
        } else {
            honest(line)
        }
    };
    let (found, heard) =
        with_mailbox(Security::Plain, password(), "* OK hi\n", answer, async |mailbox| {
            mailbox.unwrap().uids_since("2026-11-17T00:30:00Z".parse().unwrap()).await.unwrap()
        })
        .await;
    assert_eq!(found, [1, 2, 3]);
    assert!(heard.concat().contains("UID SEARCH SINCE 16-Nov-2026"), "{heard:?}");
}

#[tokio::test]
async fn waiting_ends_when_mail_comes() {
    let tag = RefCell::new(String::new());
    let answer = |line: &str| {
        if line.ends_with("IDLE") {
            line.split(' ').next().unwrap().clone_into(&mut tag.borrow_mut());
            return Answer::Say(
                b"+ idling\r\n* OK still here\r\n* 3 EXISTS\r\n* 4 EXISTS\r\n".to_vec(),
            );
        }
        if line == "DONE" {
            return Answer::Say(format!("* 5 EXISTS\r\n{} OK done\r\n", tag.borrow()).into_bytes());
        }
        honest(line)
    };
    let woken = opened(answer, async |mut mailbox| {
        mailbox.select("INBOX").await.unwrap();
        let woken = mailbox.idle(Duration::from_mins(20)).await.unwrap();
        mailbox.fetch_since(4, 1).await.unwrap();
        woken
    })
    .await;
    assert_eq!(woken, Woken::Change);
}

#[tokio::test]
async fn waiting_ends_when_its_time_is_over() {
    let tag = RefCell::new(String::new());
    let answer = |line: &str| {
        if line.ends_with("IDLE") {
            line.split(' ').next().unwrap().clone_into(&mut tag.borrow_mut());
            return Answer::Say(b"+ idling\r\n".to_vec());
        }
        if line == "DONE" {
            return Answer::Say(format!("{} OK done\r\n", tag.borrow()).into_bytes());
        }
        honest(line)
    };
    let woken = opened(answer, async |mut mailbox| {
        mailbox.select("INBOX").await.unwrap();
        let woken = mailbox.idle(Duration::from_millis(20)).await.unwrap();
        mailbox.select("INBOX").await.unwrap();
        woken
    })
    .await;
    assert_eq!(woken, Woken::Time);
}

#[tokio::test]
async fn a_server_that_cannot_tell_is_asked() {
    let answer = |line: &str| {
        if line.ends_with("CAPABILITY") {
            return imap(line, "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\n{t} OK\n");
        }
        if line.ends_with("NOOP") { imap(line, "* 4 EXISTS\n{t} OK\n") } else { honest(line) }
    };
    let woken = opened(answer, async |mut mailbox| {
        mailbox.select("INBOX").await.unwrap();
        let woken = mailbox.idle(Duration::from_mins(20)).await.unwrap();
        let again = mailbox.idle(Duration::from_millis(10)).await.unwrap();
        (woken, again)
    })
    .await;
    assert_eq!(woken, (Woken::Change, Woken::Time));
}

#[tokio::test]
async fn a_hostile_server_gets_no_further_than_a_fault() {
    let deep = format!("* 1 FETCH (UID 7 BODYSTRUCTURE {}\n{{t}} OK\n", "(".repeat(300_000));
    let many = format!("* 1 FETCH ({}\n{{t}} OK\n", "(".repeat(2_100_000));
    let long = "x".repeat(17 * 1024 * 1024);
    for (name, at, bytes) in [
        ("endless literal", "SELECT", "* OK {4000000000}\nabc".to_owned()),
        (
            "literal above all numbers",
            "SELECT",
            "* 1 FETCH (UID 7 BODY[] {99999999999999999999}\n".to_owned(),
        ),
        ("wrong tag", "SELECT", "zz OK done\n".to_owned()),
        ("no tag", "SELECT", "\n".to_owned()),
        ("bye", "SELECT", "* BYE shutting down\n".to_owned()),
        (
            "bye within a literal",
            "BODY.PEEK[]",
            "* 1 FETCH (UID 7 BODY[] {100}\n* BYE\n".to_owned(),
        ),
        ("no validity", "SELECT", "* 3 EXISTS\n{t} OK\n".to_owned()),
        ("nonsense", "SELECT", "HTTP/1.1 400 Bad Request\n\n".to_owned()),
        ("too many tokens", "RFC822.SIZE", many),
        ("long line", "SELECT", long),
    ] {
        let (fault, _) = fault_of(Security::Plain, "* OK hi\n", |line| {
            if line.contains(at) {
                let tag = line.split(' ').next().unwrap_or_default();
                Answer::Last(bytes.replace("{t}", tag).replace('\n', "\r\n").into_bytes())
            } else {
                honest(line)
            }
        })
        .await;
        assert!(fault.contains("localhost"), "{name}: {fault}");
    }
    // What nobody asked for is skipped, however deep it is.
    opened(
        |line| if line.contains("RFC822.SIZE") { imap(line, &deep) } else { honest(line) },
        async |mut mailbox| {
            mailbox.select("INBOX").await.unwrap();
            assert!(mailbox.fetch_since(4, 100).await.unwrap().is_empty());
        },
    )
    .await;
}

#[tokio::test]
async fn greetings_that_are_none_are_refused() {
    for greeting in ["220 smtp here\n", "* BYE too busy\n", "* NO\n", "+\n", "* OK {999999999}\n"] {
        let (fault, heard) =
            fault_of(Security::Plain, greeting, |_| Answer::Last(Vec::new())).await;
        assert!(fault.contains("localhost"), "{greeting} {fault}");
        assert!(heard.is_empty());
    }
}

#[tokio::test]
async fn only_mails_that_were_asked_for_are_taken_and_each_once() {
    let answer = |line: &str| {
        if line.contains("BODY.PEEK[]") {
            return imap(
                line,
                "* 1 FETCH (UID 8 BODY[] {1}\nx)\n* 2 FETCH (UID 7 BODY[] {1}\na)\n* 2 FETCH (UID 7 BODY[] {1}\nb)\n\
                 * 3 FETCH (BODY[] {1}\nc)\n* 4 FETCH (UID 7 FLAGS ())\n{t} OK\n",
            );
        }
        if line.contains("SEARCH") {
            return imap(line, "* SEARCH 1 2 7 7 nonsense 99999999999 -4\n{t} OK\n");
        }
        if line.contains("RFC822.SIZE") {
            return imap(
                line,
                "* 1 FETCH (UID 3 RFC822.SIZE 1)\n* 1 FETCH (UID 7 RFC822.SIZE 1)\n* 2 FETCH ()\n* 3 FETCH\n{t} OK\n",
            );
        }
        honest(line)
    };
    let mails = opened(answer, async |mut mailbox| {
        mailbox.select("INBOX").await.unwrap();
        mailbox.fetch_since(4, 100).await.unwrap()
    })
    .await;
    assert_eq!(mails.len(), 1);
    assert_eq!((mails[0].uid, &mails[0].body), (7, &Body::Whole(b"a".to_vec())));
}

/// Fetches from a server that names these mails, and gives what came with why it did not.
async fn came(answer: impl FnMut(&str) -> Answer) -> Vec<(u32, Option<String>)> {
    let mails = opened(answer, async |mut mailbox| {
        mailbox.select("INBOX").await.unwrap();
        mailbox.fetch_since(4, 100).await.unwrap()
    })
    .await;
    let why = |body| match body {
        Body::Refused(why) => Some(why),
        Body::Whole(_) | Body::HeaderOnly(_) => None,
    };
    mails.into_iter().map(|mail| (mail.uid, why(mail.body))).collect()
}

#[tokio::test]
async fn a_mail_that_is_gone_is_left_out() {
    let came = came(|line: &str| {
        if line.contains("BODY.PEEK") {
            imap(line, "* 1 FETCH (UID 7 BODY[] NIL)\n{t} OK\n")
        } else {
            honest(line)
        }
    })
    .await;
    assert!(came.is_empty());
}

#[tokio::test]
async fn a_mail_that_is_named_and_not_given_is_told() {
    let came = came(|line: &str| {
        if line.contains("BODY.PEEK[]") {
            imap(line, "* 1 FETCH (UID 7 BODY[] NIL)\n{t} OK\n")
        } else if line.ends_with("UID SEARCH UID 7") {
            imap(line, "* SEARCH 7\n{t} OK\n")
        } else {
            honest(line)
        }
    })
    .await;
    assert_eq!(came.len(), 2);
    assert!(came[0].0 == 7 && came[0].1.as_ref().unwrap().contains("nothing"), "{came:?}");
    assert_eq!(came[1], (9, None));
}

#[tokio::test]
async fn a_mail_that_the_server_cannot_read_holds_up_no_other() {
    let came = came(|line: &str| {
        let command = line.split_once(' ').map_or("", |(_, command)| command);
        match command {
            "UID SEARCH UID 5:*" => imap(line, "* SEARCH 7 8\n{t} OK\n"),
            "UID FETCH 7:8 (UID RFC822.SIZE INTERNALDATE)" => imap(
                line,
                "* 1 FETCH (UID 7 RFC822.SIZE 52)\n* 2 FETCH (UID 8 RFC822.SIZE 52)\n{t} OK\n",
            ),
            "UID FETCH 7 (UID RFC822.SIZE INTERNALDATE)" => {
                imap(line, "* 1 FETCH (UID 7 RFC822.SIZE 52)\n{t} OK\n")
            }
            "UID FETCH 7:8 (UID BODY.PEEK[])" | "UID FETCH 8 (UID RFC822.SIZE INTERNALDATE)" => {
                imap(line, "{t} NO [SERVERBUG] the file is damaged\n")
            }
            _ => honest(line),
        }
    })
    .await;
    assert_eq!(came[0], (7, None));
    assert!(came[1].0 == 8 && came[1].1.as_ref().unwrap().contains("damaged"), "{came:?}");
}
