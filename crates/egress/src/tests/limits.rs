//! How long an answer may take and how large it may be, with peers that want to see for themselves.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::rebinding::Fickle;
use crate::http::{ANSWER_BYTES_MAX, PATIENCE};
use crate::*;

/// Long enough for a peer that answers, on a machine that has other things to do.
const SHORT: Duration = Duration::from_millis(700);
const TRICKLE: Duration = Duration::from_millis(20);

/// What a peer does once it was asked.
#[derive(Clone, Copy, Debug)]
enum Peer {
    /// Says nothing.
    Silent,
    /// Sends its header a byte at a time, for ever.
    TricklesHeader,
    /// Sends its body a byte at a time, for ever.
    TricklesBody,
    /// Announces so many bytes and sends them.
    Sends(usize),
    /// Sends so many bytes in pieces, and does not say how many there will be.
    SendsInPieces(usize),
}

impl Peer {
    async fn answer(self, stream: &mut TcpStream) -> std::io::Result<()> {
        let _ = stream.read(&mut [0; 1024]).await?;
        match self {
            Self::Silent => std::future::pending().await,
            Self::TricklesHeader => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await?;
                trickle(stream, b"y").await
            }
            Self::TricklesBody => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 900000\r\n\r\n").await?;
                trickle(stream, b"y").await
            }
            Self::Sends(bytes) => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n");
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(&vec![b'y'; bytes]).await
            }
            Self::SendsInPieces(bytes) => {
                let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
                stream.write_all(head).await?;
                for _ in 0..bytes / 1024 {
                    let piece = [b"400\r\n".as_slice(), &[b'y'; 1024], b"\r\n"].concat();
                    stream.write_all(&piece).await?;
                }
                stream.write_all(b"0\r\n\r\n").await
            }
        }
    }
}

async fn trickle(stream: &mut TcpStream, byte: &[u8]) -> std::io::Result<()> {
    loop {
        stream.write_all(byte).await?;
        tokio::time::sleep(TRICKLE).await;
    }
}

/// Asks a peer, and says for how long.
async fn asks(peer: Peer, patience: Duration) -> (Result<Answer, HttpFault>, Duration) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    let http = Http::waiting(Guard::new(vec!["127.0.0.1".parse().unwrap()]), patience).unwrap();
    let answering = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        // Whoever was cut off cannot write any more.
        let _ = peer.answer(&mut stream).await;
        std::future::pending::<()>().await;
    };
    let begun = Instant::now();
    tokio::select! {
        answer = http.get(&url) => (answer, begun.elapsed()),
        () = answering => unreachable!(),
    }
}

#[tokio::test]
async fn who_answers_too_slowly_is_not_waited_for() {
    assert_eq!(PATIENCE, Duration::from_secs(10));
    for peer in [Peer::Silent, Peer::TricklesHeader, Peer::TricklesBody] {
        let (answer, after) = asks(peer, SHORT).await;
        assert!(matches!(answer, Err(HttpFault::Silent(_))), "{peer:?}: {answer:?}");
        assert!(after >= SHORT && after < SHORT * 3, "{peer:?}: {after:?}");
    }
}

#[tokio::test]
async fn a_name_that_nobody_resolves_is_part_of_the_wait() {
    let guard = Guard::asking(Fickle::new(&[]), Vec::new());
    let http = Http::waiting(guard, SHORT).unwrap();
    let begun = Instant::now();
    let answer = http.get("http://slow.example/").await;
    assert!(
        matches!(&answer, Err(HttpFault::Silent(host)) if host == "slow.example"),
        "{answer:?}"
    );
    assert!(begun.elapsed() < SHORT * 3);
}

#[tokio::test]
async fn what_is_larger_than_an_answer_may_be_is_not_read_to_its_end() {
    assert_eq!(ANSWER_BYTES_MAX, 1024 * 1024);
    let most = ANSWER_BYTES_MAX;
    for peer in [Peer::Sends(most), Peer::SendsInPieces(most)] {
        let (answer, _) = asks(peer, PATIENCE).await;
        assert_eq!(answer.unwrap().body.len(), most, "{peer:?}");
    }
    for peer in [
        Peer::Sends(most + 1),
        Peer::Sends(10 * most),
        Peer::SendsInPieces(most + 1024),
        Peer::SendsInPieces(10 * most),
    ] {
        let (answer, _) = asks(peer, PATIENCE).await;
        assert!(matches!(answer, Err(HttpFault::TooLong(..))), "{peer:?}: {answer:?}");
    }
}
