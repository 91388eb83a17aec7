//! Clients of the LMTP door that want all of it for themselves.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::dice::Dice;
use super::receiving::{MAIL, Running, manners, with_listener};
use crate::lmtp::{Limits, Manners};

const FAR_TOO_LONG: Duration = Duration::from_secs(30);

fn with(limits: Limits) -> Manners {
    Manners { limits, ..manners() }
}

/// A connection from another machine, as far as the door can see.
async fn from_elsewhere(running: &Running, number: usize) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("127.0.1.{number}:0").parse().unwrap()).unwrap();
    socket.connect(format!("127.0.0.1:{}", running.port).parse().unwrap()).await.unwrap()
}

async fn hands_over(running: &Running) -> Duration {
    let begun = Instant::now();
    let answers = running.say(&format!("{MAIL}Hi\n.\nQUIT\n")).await;
    assert!(answers.contains("stored"), "{answers}");
    begun.elapsed()
}

#[tokio::test]
async fn a_thousand_idle_connections_keep_nobody_out() {
    // An honest client is quicker than the grace, and the idle ones are not.
    let limits = Limits { grace: Duration::from_millis(20), ..Limits::default() };
    with_listener(with(limits), async |running| {
        let mut idle = Vec::new();
        for number in 0..1_000 {
            idle.push(from_elsewhere(running, 1 + number % 10).await);
            if number % 100 == 99 {
                let took = hands_over(running).await;
                assert!(took < FAR_TOO_LONG, "{took:?}");
            }
        }
        // Some of them say a little now and then.
        for stream in idle.iter_mut().step_by(3) {
            let _ = stream.write_all(b"N").await;
        }
        for _ in 0..20 {
            let took = hands_over(running).await;
            assert!(took < FAR_TOO_LONG, "{took:?}");
        }
        assert_eq!(running.taken().len(), 30);
    })
    .await;
}

#[tokio::test]
async fn a_seat_is_taken_from_whoever_makes_no_use_of_it() {
    let limits = Limits {
        connections_max: 3,
        grace: Duration::from_millis(300),
        message_bytes_max: 10_000_000,
        ..Limits::default()
    };
    with_listener(with(limits), async |running| {
        let mut busy = from_elsewhere(running, 1).await;
        busy.write_all(MAIL.replace('\n', "\r\n").as_bytes()).await.unwrap();
        let mut idle = from_elsewhere(running, 1).await;
        let mut other = from_elsewhere(running, 2).await;
        for _ in 0..8 {
            busy.write_all(&b"A line of a long mail.\r\n".repeat(5_000)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        hands_over(running).await;
        let mut heard = String::new();
        idle.read_to_string(&mut heard).await.unwrap();
        assert!(heard.contains("421 4.3.2 Others wait"), "{heard}");
        busy.write_all(b".\r\nQUIT\r\n").await.unwrap();
        let mut heard = String::new();
        busy.read_to_string(&mut heard).await.unwrap();
        assert!(heard.contains("stored"), "{heard}");
        // Who has no more than the newcomer keeps what there is.
        other.write_all(b"QUIT\r\n").await.unwrap();
        let mut heard = String::new();
        other.read_to_string(&mut heard).await.unwrap();
        assert!(heard.contains("221"), "{heard}");
    })
    .await;
}

#[tokio::test]
async fn mails_on_their_way_in_take_no_more_memory_than_there_is() {
    let limits = Limits { transit_bytes_max: 512 * 1024, ..Limits::default() };
    with_listener(with(limits), async |running| {
        let half = "A line of a long mail.\n".repeat(16_000).replace('\n', "\r\n");
        let mut first = TcpStream::connect(("127.0.0.1", running.port)).await.unwrap();
        first.write_all(MAIL.replace('\n', "\r\n").as_bytes()).await.unwrap();
        first.write_all(half.as_bytes()).await.unwrap();
        // Whoever comes now has no room, and is asked to come back, once all of it is here.
        let second = format!("{}{half}.\r\nNOOP\r\nQUIT\r\n", MAIL.replace('\n', "\r\n"));
        let mut answers = running.say_bytes(second.as_bytes()).await;
        let begun = Instant::now();
        while !answers.contains("452 4.3.1") {
            // The first mail was not looked at yet.
            assert!(begun.elapsed() < FAR_TOO_LONG, "{answers}");
            answers = running.say_bytes(second.as_bytes()).await;
        }
        assert!(answers.ends_with("250 2.0.0 Here I am\r\n221 2.0.0 Goodbye\r\n"), "{answers}");
        let before = running.taken().len();
        first.write_all(b".\r\nQUIT\r\n").await.unwrap();
        let mut heard = String::new();
        first.read_to_string(&mut heard).await.unwrap();
        assert!(heard.contains("stored"), "{heard}");
        let answers = running.say_bytes(second.as_bytes()).await;
        assert!(answers.contains("stored"), "{answers}");
        assert_eq!(running.taken().len(), before + 2);
    })
    .await;
}

#[tokio::test]
async fn twenty_five_mebibytes_are_taken_and_not_one_byte_more() {
    let most = Limits::default().message_bytes_max;
    assert_eq!(most, 25 * 1024 * 1024);
    with_listener(with(Limits::default()), async |running| {
        for (size, answer) in [
            (most.to_string(), "250 2.1.0"),
            ((most + 1).to_string(), "552 5.3.4"),
            ("99999999999".to_owned(), "552 5.3.4"),
        ] {
            let said = format!("LHLO mx\nMAIL FROM:<a@b.example> SIZE={size}\nQUIT\n");
            let answers = running.say(&said).await;
            assert!(answers.contains(answer), "{size}: {answers}");
        }
        for size in ["18446744073709551616", "-1", "1e9", ""] {
            let said = format!("LHLO mx\nMAIL FROM:<a@b.example> SIZE={size}\nQUIT\n");
            let answers = running.say(&said).await;
            assert!(!answers.contains("250 2.1.0"), "{size}: {answers}");
        }
        // One line, as long as a mail may be, and longer.
        let mut mail = MAIL.replace('\n', "\r\n").into_bytes();
        mail.extend(std::iter::repeat_n(b'x', most - 2));
        let end = b"\r\n.\r\nQUIT\r\n";
        let fits = running.say_bytes(&[mail.as_slice(), end].concat()).await;
        assert!(fits.contains("stored"), "{fits}");
        let over = running.say_bytes(&[mail.as_slice(), b"x", end].concat()).await;
        assert!(over.contains("552 5.3.4") && over.contains("221"), "{over}");
        let sizes: Vec<usize> = running.taken().iter().map(|(_, mail)| mail.len()).collect();
        assert_eq!(sizes, [most]);
    })
    .await;
}

#[tokio::test]
async fn garbage_in_any_amount_is_answered_or_cut_off() {
    // What does not end is cut off by its time, which is tried elsewhere.
    let limits = Limits { idle: Duration::from_secs(1), ..Limits::default() };
    with_listener(with(limits), async |running| {
        // Ten megabytes without a line end, before anybody has said hello.
        running.say_bytes(&b"x".repeat(10_000_000)).await;
        let mut dice = Dice::new(9);
        for _ in 0..50 {
            let bytes: Vec<u8> =
                (0..20_000).map(|_| u8::try_from(dice.roll(256)).unwrap()).collect();
            running.say_bytes(&bytes).await;
            running.say_bytes(&[b"LHLO mx\r\n", bytes.as_slice()].concat()).await;
        }
        for hidden in ["\r", "\n", "\0", "\n\r", "\u{85}", "\u{2028}"] {
            let said = format!(
                "LHLO mx{hidden}MAIL FROM:<a@b.example>{hidden}RCPT TO:<support@shop.example>{hidden}\
                 DATA{hidden}Forged{hidden}.{hidden}\r\nQUIT\r\n"
            );
            let answers = running.say_bytes(said.as_bytes()).await;
            assert!(!answers.contains("354"), "{hidden:?} {answers}");
        }
        assert!(running.taken().is_empty());
        let polite = running.say(&format!("LHLO mx\n{}QUIT\n", "NOOP\n".repeat(50_000))).await;
        assert_eq!(polite.matches("Here I am").count(), 50_000);
        hands_over(running).await;
    })
    .await;
}
