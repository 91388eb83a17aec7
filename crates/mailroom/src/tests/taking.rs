//! Mail is stored before anybody is told so, once, and byte for byte.

use std::ffi::OsStr;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use database::on_both;
use email::lmtp::{Door as _, Envelope, Known, Limits, MailFrom, Manners, Verdict, serve};
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::stage::{Stage, mail, mail_from};
use crate::doors::{envelope_sender, pipe};
use crate::ledger::Fate;
use crate::{Doorway, Piped, Reader};

fn doorway(stage: &Stage) -> Doorway {
    Doorway { accounts: stage.cast.accounts.clone(), intake: stage.intake.clone() }
}

fn envelope(from: MailFrom, recipients: &[&str]) -> Envelope {
    let recipients = recipients.iter().map(|one| one.parse().unwrap()).collect();
    Envelope { mail_from: from, recipients }
}

/// How many connections are dropped: as many as are quick, or what `RECOURSE_DROPS` says.
fn drops() -> usize {
    let asked = std::env::var_os("RECOURSE_DROPS");
    asked.and_then(|drops| drops.to_str()?.parse().ok()).unwrap_or(200)
}

on_both! {
    async fn a_stored_mail_has_a_line_and_its_bytes(db: Db) {
        let stage = Stage::new(db).await;
        let bytes: Vec<u8> = mail("a1", "Zwölf", "ä\u{0}\u{1b}\r\n.\r\n").into_bytes();
        stage.piped(bytes.clone()).await;
        let lines = stage.lines().await;
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].fate, Fate::Received);
        assert_eq!(lines[0].raw_hash, email::raw_hash(&bytes));
        assert_eq!(lines[0].mail_id, "a1@example.com");
        assert_eq!(stage.source(lines[0].id).await, bytes);
    }

    async fn the_same_mail_twice_is_one_and_other_content_is_another(db: Db) {
        let stage = Stage::new(db).await;
        for _ in 0..3 {
            stage.piped(mail("a1", "Hello", "First")).await;
        }
        // The same again, by another route.
        stage.piped(format!("Received: from mx2.example by us\r\n{}", mail("a1", "Hello", "First"))).await;
        assert_eq!(stage.lines().await.len(), 1);
        for number in 0..10 {
            stage.piped(mail("a1", "Hello", &format!("Content {number}"))).await;
        }
        assert_eq!(stage.lines().await.len(), 11);
        stage.reads().await;
        assert_eq!(stage.count("select count(*) from messages").await, 11);
    }

    async fn mail_without_a_return_path_is_not_answered(db: Db) {
        let stage = Stage::new(db).await;
        let to = "support@northlight.example".parse().unwrap();
        for (number, (given, answers)) in [
            (Some(""), 0),
            (Some("<>"), 0),
            (Some("MAILER-DAEMON"), 0),
            (None, 1),
            (Some("-x@b.example"), 2),
        ]
        .into_iter()
        .enumerate()
        {
            let from = envelope_sender(given.map(OsStr::new));
            let dana = format!("dana{number}@example.com");
            let bytes = mail_from(&dana, &format!("p{number}"), "Hello", "A question");
            pipe(&stage.cast.accounts, &stage.intake, &to, &from, bytes.into_bytes()).await;
            stage.reads().await;
            assert_eq!(stage.count("select count(*) from deliveries").await, answers, "{given:?}");
        }
    }

    async fn many_at_once_are_all_there(db: Db) {
        let stage = Stage::new(db).await;
        let all = (0..150).map(|n| stage.piped(mail(&format!("m{}", n % 100), "Hello", "Text")));
        join_all(all).await;
        assert_eq!(stage.lines().await.len(), 100);
        assert!(stage.reader.read_some().await.unwrap() > 0);
        stage.reads().await;
        assert_eq!(stage.count("select count(*) from tickets").await, 100);
    }

    async fn a_mail_that_waits_for_the_dns_keeps_no_other_waiting(db: Db) {
        let stage = Stage::new(db).await;
        // Nobody answers there.
        let silence = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let dns = email::Dns::at(silence.local_addr().unwrap()).unwrap();
        let reader = Reader { dns, ..stage.reader.clone() };
        let stop = CancellationToken::new();
        let waiting = "select count(*) from mail_ledger where state = 'received'";
        let see = async {
            stage.piped(mail("slow", "Hello", "Ask about me")).await;
            while silence.recv(&mut [0; 1_500]).await.is_err() {}
            // Whose sender is unclear is not asked about.
            for number in 0..100 {
                let unclear = mail(&format!("m{number}"), "Hello", "Text").replacen("From:", "X:", 1);
                stage.piped(unclear).await;
            }
            while stage.count(waiting).await > 1 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let first = stage.lines().await.pop().unwrap();
            assert_eq!((first.mail_id.as_str(), first.fate), ("slow@example.com", Fate::Received));
            while stage.count(waiting).await > 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            stop.cancel();
        };
        tokio::join!(see, reader.run(stage.intake.arrived(), stop.clone()));
        assert_eq!(stage.count("select count(*) from tickets").await, 101);
    }

    async fn a_mail_that_is_being_read_at_a_stop_is_read_by_the_next_at_once(db: Db) {
        let stage = Stage::new(db).await;
        let silence = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let dns = email::Dns::at(silence.local_addr().unwrap()).unwrap();
        let reader = Reader { dns, ..stage.reader.clone() };
        let stop = CancellationToken::new();
        let see = async {
            stage.piped(mail("slow", "Hello", "Ask about me")).await;
            while silence.recv(&mut [0; 1_500]).await.is_err() {}
            stop.cancel();
        };
        tokio::join!(see, reader.run(stage.intake.arrived(), stop.clone()));
        let free = "select count(*) from mail_ledger
            where state = 'received' and leased_until is null and begun = 0";
        assert_eq!(stage.count(free).await, 1, "as if reading it had not begun");
        assert_eq!(stage.reader.read_some().await.unwrap(), 1);
        assert_eq!(stage.count("select count(*) from tickets").await, 1);
    }

    async fn the_listener_knows_our_addresses_and_stores_for_each(db: Db) {
        let stage = Stage::new(db).await;
        let door = doorway(&stage);
        for (address, known) in [
            ("support@northlight.example", Known::Yes),
            ("Support+tag-1@northlight.example", Known::Yes),
            ("nobody@northlight.example", Known::No),
            ("support@elsewhere.example", Known::No),
        ] {
            assert_eq!(door.knows(address.parse().unwrap()).await, known, "{address}");
        }
        let to = ["support@northlight.example", "gone@northlight.example", "billing@northlight.example"];
        let verdicts = door
            .deliver(envelope(MailFrom::Nobody, &to), mail("n1", "To both", "Hi").into_bytes())
            .await;
        assert_eq!(verdicts[0], Verdict::Stored);
        assert!(matches!(&verdicts[1], Verdict::Refused(why) if why.contains("no such inbox")));
        assert_eq!(verdicts[2], Verdict::Stored);
        assert_eq!(stage.lines().await.len(), 2);
    }

    async fn whatever_breaks_on_the_way_a_mail_that_is_sent_again_is_here_once(db: Db) {
        let stage = Stage::new(db).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let manners = Manners { hello_name: "desk.example".to_owned(), limits: Limits::default() };
        let (stop, stopped) = oneshot::channel::<()>();
        let door = Arc::new(doorway(&stage));
        let listening = serve(listener, manners, door, async { drop(stopped.await) });
        let sends = async |number: usize, cut: Option<usize>| {
            let text = format!(
                "LHLO mx\r\nMAIL FROM:<dana@example.com>\r\n\
                 RCPT TO:<support@northlight.example>\r\nDATA\r\n{}\r\n.\r\nQUIT\r\n",
                mail(&format!("d{number}"), "Hello", &format!("Number {number}"))
            );
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let cut = cut.map_or(text.len(), |cut| cut % text.len());
            stream.write_all(&text.as_bytes()[..cut]).await.unwrap();
            if cut < text.len() {
                return false;
            }
            let mut heard = String::new();
            stream.read_to_string(&mut heard).await.unwrap();
            heard.contains("stored")
        };
        let work = async {
            for number in 0..drops() {
                // At any byte: most break within the mail, some before it, and some after its end,
                // when nobody hears the answer.
                sends(number, Some(number * 89)).await;
            }
            for number in 0..drops() {
                assert!(sends(number, None).await, "{number}");
            }
            stop.send(()).unwrap();
        };
        tokio::join!(work, listening);
        let count = stage.count("select count(*) from mail_ledger").await;
        assert_eq!(count, kernel::count(drops()));
        let said = format!("dropped connections: {count} drops, {count} mails, each once");
        let _ = writeln!(std::io::stderr(), "{said}");
    }

    async fn a_bomb_of_any_kind_is_a_ticket_with_its_source(db: Db) {
        let stage = Stage::new(db).await;
        let head = "From: Dana <dana@example.com>\r\nTo: support@northlight.example\r\nSubject: Bomb\r\n";
        let html = |html: String| format!("{head}Content-Type: text/html\r\n\r\nWords first. {html}");
        let parts = "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n".repeat(1_500);
        let people: Vec<String> = (0..1_500).map(|number| format!("p{number}@b.example")).collect();
        let nested = (0..60).fold("Subject: core\r\n\r\ntext".to_owned(), |inner, _| {
            format!("{head}Content-Type: message/rfc822\r\n\r\n{inner}")
        });
        let bombs = [
            ("parts", format!("{head}Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--\r\n")),
            ("nesting", nested),
            ("header", format!("{head}X: {}\r\n\r\nWords.", "y".repeat(300 * 1024))),
            ("addresses", format!("{head}Cc: {}\r\n\r\nWords.", people.join(", "))),
            ("depth", html(format!("{}x", "<div>".repeat(600)))),
            ("links", html("<a href=\"https://x.example/\">x</a> ".repeat(5_500))),
            ("formatting", html("<b><i><u><p>x".repeat(20_000))),
            ("attributes", html(format!("<p {}>x", "a=b ".repeat(20_000)))),
            ("size", format!("{head}\r\n{}", "A line of a long mail.\r\n".repeat(1_000_000))),
        ];
        for (name, bomb) in &bombs {
            let line = stage.comes(bomb.clone()).await;
            assert_eq!(line.fate, Fate::Ticketed, "{name}");
            assert_eq!(stage.source(line.id).await, bomb.as_bytes(), "{name}");
        }
        // A mail in a mail is a file, and the others have words.
        let silent = stage.count("select count(*) from messages where text = ''").await;
        let files = stage.count("select count(*) from attachments where name like '%.eml'").await;
        assert_eq!((silent, files), (1, 1));
    }

    async fn the_null_path_gets_no_acknowledgement(db: Db) {
        let stage = Stage::new(db).await;
        let door = doorway(&stage);
        let to = ["support@northlight.example"];
        let bytes = mail("n1", "Out of office", "I am away").into_bytes();
        door.deliver(envelope(MailFrom::Nobody, &to), bytes).await;
        stage.reads().await;
        assert_eq!(stage.lines().await[0].fate, Fate::Ticketed);
        assert_eq!(stage.count("select count(*) from deliveries").await, 0);
        let bytes = mail("n2", "A question", "Where is it?").into_bytes();
        let from = MailFrom::Address("dana@example.com".parse().unwrap());
        door.deliver(envelope(from, &to), bytes).await;
        stage.reads().await;
        assert_eq!(stage.count("select count(*) from deliveries").await, 1);
    }

    async fn the_pipe_says_no_in_words(db: Db) {
        let stage = Stage::new(db).await;
        let take = async |to: &str, bytes: Vec<u8>| {
            let to = to.parse().unwrap();
            pipe(&stage.cast.accounts, &stage.intake, &to, "", bytes).await
        };
        for (to, bytes, said) in [
            ("support@northlight.example", Vec::new(), "empty"),
            ("support@northlight.example", vec![b'x'; 25 * 1024 * 1024 + 1], "25 MiB"),
            ("other@northlight.example", b"x".to_vec(), "no inbox with the address other@"),
        ] {
            let Piped::Refused(why) = take(to, bytes).await else { panic!("{said}") };
            assert!(why.contains(said), "{why}");
        }
        assert!(stage.lines().await.is_empty());
    }
}
