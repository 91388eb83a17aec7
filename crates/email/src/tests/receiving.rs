use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kernel::EmailAddress;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::lmtp::{Door, Envelope, Known, Limits, MailFrom, Manners, Verdict, serve};

/// Keeps what it is given and answers by the name of the recipient.
#[derive(Default)]
struct Shelf {
    mails: Mutex<Vec<(Envelope, Vec<u8>)>>,
}

impl Door for Shelf {
    async fn knows(&self, recipient: EmailAddress) -> Known {
        match recipient.local() {
            "nobody" => Known::No,
            "later" => Known::TryAgain,
            _ => Known::Yes,
        }
    }

    async fn deliver(&self, envelope: Envelope, mail: Vec<u8>) -> Vec<Verdict> {
        let verdicts = envelope.recipients.iter().map(|recipient| match recipient.local() {
            "refuse" => Verdict::Refused("not\r\nwanted, größer".to_owned()),
            "busy" => Verdict::TryAgain("disk full".to_owned()),
            "panic" => panic!("a poisoned mail"),
            _ => Verdict::Stored,
        });
        let verdicts = verdicts.filter(|_| !mail.starts_with(b"Forget")).collect();
        self.mails.lock().unwrap().push((envelope, mail));
        verdicts
    }
}

pub(super) fn manners() -> Manners {
    Manners {
        hello_name: "desk.shop.example".to_owned(),
        limits: Limits { message_bytes_max: 10_000, ..Limits::default() },
    }
}

pub(super) struct Running {
    pub(super) port: u16,
    shelf: Arc<Shelf>,
}

/// Runs a listener while the test talks to it.
pub(super) async fn with_listener<T>(manners: Manners, test: impl AsyncFnOnce(&Running) -> T) -> T {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let shelf = Arc::new(Shelf::default());
    let running = Running { port, shelf: Arc::clone(&shelf) };
    let (stop, stopped) = oneshot::channel::<()>();
    let listening = serve(listener, manners, shelf, async {
        let _ = stopped.await;
    });
    let work = async {
        let outcome = test(&running).await;
        stop.send(()).unwrap();
        outcome
    };
    tokio::join!(work, listening).0
}

impl Running {
    /// Sends everything at once and gives all that is answered until the connection ends.
    pub(super) async fn say(&self, text: &str) -> String {
        self.say_bytes(text.replace('\n', "\r\n").as_bytes()).await
    }

    pub(super) async fn say_bytes(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        // A peer that is sent away in the middle is answered all the same.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    pub(super) fn taken(&self) -> Vec<(Envelope, Vec<u8>)> {
        self.shelf.mails.lock().unwrap().clone()
    }
}

/// The codes that were answered, one for each line that ends an answer.
fn codes(answers: &str) -> Vec<&str> {
    answers
        .lines()
        .filter(|line| line.as_bytes().get(3) == Some(&b' '))
        .map(|line| &line[..3])
        .collect()
}

pub(super) const MAIL: &str =
    "LHLO mx\nMAIL FROM:<dana@customer.example>\nRCPT TO:<support@shop.example>\nDATA\n";

#[tokio::test]
async fn a_mail_is_taken_as_it_was_written() {
    with_listener(manners(), async |running| {
        let answers =
            running.say(&format!("{MAIL}Subject: Hi\n\n..\n...two\nend\n.\nQUIT\n")).await;
        assert_eq!(codes(&answers), ["220", "250", "250", "250", "354", "250", "221"]);
        assert!(answers.contains("250-PIPELINING\r\n") && answers.contains("250 SIZE 10000\r\n"));
        assert!(answers.contains("250 2.1.5 <support@shop.example> stored\r\n"));
        let taken = running.taken();
        assert_eq!(taken.len(), 1);
        assert_eq!(
            taken[0].0.mail_from,
            MailFrom::Address("dana@customer.example".parse().unwrap())
        );
        assert_eq!(
            taken[0].0.recipients,
            ["support@shop.example".parse::<EmailAddress>().unwrap()]
        );
        assert_eq!(taken[0].1, b"Subject: Hi\r\n\r\n.\r\n..two\r\nend\r\n");
    })
    .await;
}

#[tokio::test]
async fn each_recipient_has_an_answer_of_its_own() {
    with_listener(manners(), async |running| {
        let answers = running
            .say(
                "LHLO mx\nMAIL FROM:<>\nRCPT TO:<a@shop.example>\nRCPT TO:<nobody@shop.example>\n\
                 RCPT TO:<later@shop.example>\nRCPT TO:<refuse@shop.example>\nRCPT TO:<busy@shop.example>\n\
                 RCPT TO:<not an address>\nRCPT TO:<\"quoted local\"@shop.example>\nDATA\nHello\n.\nQUIT\n",
            )
            .await;
        assert_eq!(
            codes(&answers),
            ["220", "250", "250", "250", "550", "451", "250", "250", "550", "550", "354", "250", "550", "451", "221"],
            "{answers}"
        );
        assert!(answers.contains("550 5.7.1 <refuse@shop.example> not wanted, gr??er\r\n"), "{answers}");
        assert_eq!(running.taken()[0].0.mail_from, MailFrom::Nobody);
    })
    .await;
}

#[tokio::test]
async fn nothing_but_crlf_dot_crlf_ends_a_mail() {
    for hidden in [
        "\n.\n",
        "\n.\r\n",
        "\r\n.\n",
        "\r.\r",
        "\r.\n",
        "\r\n.\r",
        "\n.\r",
        "\r.\r\n",
        "\n\n.\n\n",
        "\r\n.\r\r\n",
        "\r\r\n.\r\r\n",
        "\r\n\0.\r\n",
        "\r\n.\0\r\n",
        "\r\n.\r\0\n",
        "\u{85}.\u{85}",
        "\u{2028}.\u{2028}",
    ] {
        with_listener(manners(), async |running| {
            let begin = MAIL.replace('\n', "\r\n");
            let second = "MAIL FROM:<evil@robber.example>\r\nRCPT TO:<support@shop.example>\r\nDATA\r\nForged\r\n.\r\n";
            let bytes = format!("{begin}Hello{hidden}{second}QUIT\r\n");
            let answers = running.say_bytes(bytes.as_bytes()).await;
            let taken = running.taken();
            assert!(taken.len() <= 1, "{hidden:?}");
            assert!(!taken.iter().any(|(_, mail)| mail.starts_with(b"Forged")), "{hidden:?}");
            // Without a line end by itself, it is text like any other.
            let is_odd = !hidden.replace("\r\n", "").contains(['\r', '\n']);
            if !is_odd {
                assert!(taken.is_empty(), "{hidden:?}");
                assert!(answers.contains("550 5.6.0"), "{hidden:?} {answers}");
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_mail_arrives_whole_however_it_is_cut_on_the_way() {
    with_listener(manners(), async |running| {
        let bytes = format!("{MAIL}Hello\n..\nend\n.\nQUIT\n").replace('\n', "\r\n");
        for cut in 1..bytes.len() {
            let mut stream = TcpStream::connect(("127.0.0.1", running.port)).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (first, second) = bytes.as_bytes().split_at(cut);
            stream.write_all(first).await.unwrap();
            tokio::task::yield_now().await;
            stream.write_all(second).await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            assert!(
                String::from_utf8(answer).unwrap().ends_with("stored\r\n221 2.0.0 Goodbye\r\n"),
                "{cut}"
            );
        }
        let taken = running.taken();
        assert_eq!(taken.len(), bytes.len() - 1);
        assert!(taken.iter().all(|(_, mail)| mail == b"Hello\r\n.\r\nend\r\n"));
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_nothing() {
    with_listener(manners(), async |running| {
        let bytes = format!("{MAIL}Hello\nend\n.\n").replace('\n', "\r\n");
        for cut in 1..bytes.len() {
            let mut stream = TcpStream::connect(("127.0.0.1", running.port)).await.unwrap();
            stream.write_all(&bytes.as_bytes()[..cut]).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
        }
        assert!(running.taken().is_empty());
    })
    .await;
}

#[tokio::test]
async fn mails_that_are_too_large_are_refused_at_the_first_chance() {
    with_listener(manners(), async |running| {
        let announced = running.say("LHLO mx\nMAIL FROM:<a@b.example> SIZE=10001\nQUIT\n").await;
        assert!(announced.contains("552 5.3.4"));
        let body = "0123456789\n".repeat(5_000);
        let arrived = running.say(&format!("{MAIL}{body}.\nNOOP\nQUIT\n")).await;
        assert_eq!(codes(&arrived), ["220", "250", "250", "250", "354", "552", "250", "221"]);
        let just = "0".repeat(9_998);
        let fits = running.say(&format!("{MAIL}{just}\n.\nQUIT\n")).await;
        assert!(fits.contains("stored"), "{fits}");
        let over = running.say(&format!("{MAIL}0{just}\n.\nQUIT\n")).await;
        assert!(over.contains("552"), "{over}");
        assert_eq!(running.taken().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn commands_out_of_order_and_nonsense_do_no_harm() {
    with_listener(manners(), async |running| {
        for (said, expected) in [
            ("EHLO mx", "500"),
            ("HELO mx", "500"),
            ("MAIL FROM:<a@b.example>", "503"),
            ("RCPT TO:<a@b.example>", "503"),
            ("DATA", "503"),
            ("LHLO mx\nDATA", "503"),
            ("LHLO mx\nMAIL FROM:<a@b.example>\nMAIL FROM:<a@b.example>", "503"),
            ("LHLO mx\nMAIL FROM:<a@b.example>\nDATA", "503"),
            ("LHLO mx\nMAIL FROM:a@b.example", "500"),
            ("LHLO mx\nMAIL FROM:<a@b.example> NONSENSE=1", "555"),
            ("NOOP", "250"),
            ("RSET", "250"),
            ("VRFY dana", "252"),
            ("STARTTLS", "502"),
            ("AUTH PLAIN AA==", "502"),
            ("GET / HTTP/1.1", "500"),
            ("\u{0}\u{1}", "500"),
            ("", "500"),
        ] {
            let answers = running.say(&format!("{said}\nQUIT\n")).await;
            let codes = codes(&answers);
            assert_eq!(codes[codes.len() - 2], expected, "{said:?} {answers}");
        }
        let lf = running.say_bytes(b"LHLO mx\nQUIT\r\n").await;
        assert!(lf.contains("500 5.5.2"), "{lf}");
        let long = running.say(&format!("LHLO {}\nQUIT\n", "x".repeat(10_000))).await;
        assert!(long.contains("too long"), "{long}");
        let endless = running.say(&"nonsense\n".repeat(100)).await;
        assert!(endless.contains("421 4.7.0"), "{endless}");
        let reset = running.say(&format!("{}RSET\nDATA\nQUIT\n", MAIL.replace("DATA\n", ""))).await;
        assert!(reset.contains("503"), "{reset}");
    })
    .await;
}

#[tokio::test]
async fn there_are_not_more_recipients_and_connections_than_allowed() {
    let few = Manners {
        limits: Limits { recipients_max: 2, connections_per_peer_max: 3, ..Limits::default() },
        ..manners()
    };
    with_listener(few, async |running| {
        let many = running
            .say("LHLO mx\nMAIL FROM:<>\nRCPT TO:<a@b.example>\nRCPT TO:<c@b.example>\nRCPT TO:<d@b.example>\nQUIT\n")
            .await;
        assert!(many.contains("452 4.5.3"), "{many}");
        let mut held = Vec::new();
        for _ in 0..3 {
            let mut stream = TcpStream::connect(("127.0.0.1", running.port)).await.unwrap();
            let mut greeting = [0; 3];
            stream.read_exact(&mut greeting).await.unwrap();
            assert_eq!(&greeting, b"220");
            held.push(stream);
        }
        assert!(running.say("LHLO mx\nQUIT\n").await.starts_with("421 4.3.2"));
        let mut leaving = held.pop().unwrap();
        leaving.write_all(b"QUIT\r\n").await.unwrap();
        let mut rest = Vec::new();
        leaving.read_to_end(&mut rest).await.unwrap();
        // The place is free once the connection has ended, which is a moment after its last word.
        let mut answers = running.say("LHLO mx\nQUIT\n").await;
        while answers.starts_with("421") {
            answers = running.say("LHLO mx\nQUIT\n").await;
        }
        assert!(answers.starts_with("220"));
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_says_nothing_is_sent_away() {
    let impatient = Manners {
        limits: Limits { idle: Duration::from_millis(30), ..Limits::default() },
        ..manners()
    };
    with_listener(impatient, async |running| {
        assert!(running.say("LHLO mx\n").await.contains("421 4.4.2"));
        let mut stream = TcpStream::connect(("127.0.0.1", running.port)).await.unwrap();
        stream
            .write_all(format!("{MAIL}never ends").replace('\n', "\r\n").as_bytes())
            .await
            .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(String::from_utf8(answer).unwrap().contains("421 4.4.2"));
    })
    .await;
}

/// Sends something again and again until the connection is over; how long that took.
async fn drips(port: u16, first: &str, drop: &str) -> (Duration, String) {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    let begun = Instant::now();
    to.write_all(first.as_bytes()).await.unwrap();
    let dripping = async {
        while to.write_all(drop.as_bytes()).await.is_ok() {
            assert!(begun.elapsed() < Duration::from_secs(20), "it keeps its seat for ever");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let mut heard = Vec::new();
    tokio::select! {
        () = dripping => {}
        _ = from.read_to_end(&mut heard) => {}
    }
    (begun.elapsed(), String::from_utf8_lossy(&heard).into_owned())
}

#[tokio::test]
async fn nobody_keeps_a_seat_by_saying_a_little_now_and_then() {
    let (idle, errand) = (Duration::from_millis(300), Duration::from_millis(900));
    let impatient =
        Manners { limits: Limits { idle, errand, data: errand, ..Limits::default() }, ..manners() };
    with_listener(impatient, async |running| {
        for (first, drop, at_least) in [
            // A line that has no end, commands that lead nowhere, a mail that has no end.
            ("", "x", idle),
            ("LHLO mx\r\n", "NOOP\r\n", errand),
            ("LHLO mx\r\n", "MAIL FROM:<a@b.example>\r\nRSET\r\n", errand),
            (MAIL, "a line\r\n", errand),
        ] {
            let (lasted, _) = drips(running.port, &first.replace('\n', "\r\n"), drop).await;
            let expected = at_least..at_least + Duration::from_secs(3);
            assert!(expected.contains(&lasted), "{drop:?}: {lasted:?}");
        }
        // Whoever hands mails over stays as long as it has some.
        let begun = Instant::now();
        let mut stream = TcpStream::connect(("127.0.0.1", running.port)).await.unwrap();
        let mut heard = String::new();
        while begun.elapsed() < errand * 2 {
            stream
                .write_all(format!("{MAIL}Hi\n.\n").replace('\n', "\r\n").as_bytes())
                .await
                .unwrap();
            let mut part = [0; 4_096];
            let count = stream.read(&mut part).await.unwrap();
            heard.push_str(std::str::from_utf8(&part[..count]).unwrap());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(heard.contains("stored") && !heard.contains("421"), "{heard}");
    })
    .await;
}

#[tokio::test]
async fn a_mail_that_makes_us_stumble_takes_only_its_connection_along() {
    with_listener(manners(), async |running| {
        let stumbled =
            running.say(&format!("{}Hi\n.\nQUIT\n", MAIL.replace("support@", "panic@"))).await;
        assert!(!stumbled.contains("stored"), "{stumbled}");
        let next = running.say(&format!("{MAIL}Hi\n.\nQUIT\n")).await;
        assert!(next.contains("stored"), "{next}");
        let forgotten = running.say(&format!("{MAIL}Forget me\n.\nQUIT\n")).await;
        assert!(forgotten.contains("451 4.3.0"), "{forgotten}");
    })
    .await;
}

#[tokio::test]
async fn the_listener_ends_and_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (stop, stopped) = oneshot::channel::<()>();
    let listening = serve(listener, manners(), Arc::new(Shelf::default()), async {
        let _ = stopped.await;
    });
    let work = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let mut greeting = [0; 3];
        stream.read_exact(&mut greeting).await.unwrap();
        stop.send(()).unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        assert!(rest.contains("421 4.3.2"), "{rest}");
    };
    tokio::join!(listening, work);
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[tokio::test]
async fn many_mails_go_through_one_connection() {
    with_listener(manners(), async |running| {
        let one =
            "MAIL FROM:<dana@customer.example>\nRCPT TO:<support@shop.example>\nDATA\nHello\n.\n";
        let answers = running.say(&format!("LHLO mx\n{}QUIT\n", one.repeat(200))).await;
        assert_eq!(answers.matches("stored").count(), 200);
        assert_eq!(running.taken().len(), 200);
    })
    .await;
}
