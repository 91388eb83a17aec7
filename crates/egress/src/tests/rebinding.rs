//! Names that lead somewhere else when they are asked for again, and answers that send us on.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::*;

/// The DNS of somebody hostile: one answer after the other, from the beginning again at the end.
#[derive(Clone, Debug)]
pub(crate) struct Fickle(Arc<Mutex<(usize, Vec<Vec<IpAddr>>)>>);

impl Fickle {
    pub(crate) fn new(answers: &[&[&str]]) -> Self {
        let answer = |one: &&[&str]| one.iter().map(|text| text.parse().unwrap()).collect();
        Self(Arc::new(Mutex::new((0, answers.iter().map(answer).collect()))))
    }

    /// One without answers never gives any.
    pub(crate) async fn next(&self, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        let answer = self.answer();
        let Some(answer) = answer else { return std::future::pending().await };
        Ok(answer.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }

    fn answer(&self) -> Option<Vec<IpAddr>> {
        let mut state = self.0.lock().unwrap();
        let (asked, answers) = &mut *state;
        let answer = answers.get(*asked % answers.len().max(1)).cloned();
        *asked += 1;
        answer
    }
}

/// Stands for the world outside; everything else on this machine is inside.
const OUTSIDE: &str = "127.0.0.2";
const INSIDE: &str = "127.0.0.1";

/// The same port outside and inside.
fn both() -> (TcpListener, TcpListener, u16) {
    loop {
        let inside = TcpListener::bind((INSIDE, 0)).unwrap();
        let port = inside.local_addr().unwrap().port();
        if let Ok(outside) = TcpListener::bind((OUTSIDE, port)) {
            inside.set_nonblocking(true).unwrap();
            outside.set_nonblocking(true).unwrap();
            return (outside, inside, port);
        }
    }
}

fn guard(answers: &[&[&str]]) -> Guard {
    Guard::asking(Fickle::new(answers), vec!["127.0.0.2/32".parse().unwrap()])
}

/// What the name answers to each question; it was looked at only once for a connection.
const ANSWERS: &[&[&[&str]]] = &[
    &[&[OUTSIDE], &[INSIDE]],
    &[&[INSIDE], &[OUTSIDE]],
    &[&[OUTSIDE], &[OUTSIDE], &[INSIDE]],
    &[&[OUTSIDE, INSIDE]],
    &[&[INSIDE, OUTSIDE]],
    &[&[OUTSIDE], &[OUTSIDE, INSIDE]],
    &[&[OUTSIDE], &["::ffff:127.0.0.1"]],
    &[&[OUTSIDE], &["0.0.0.0"]],
    &[&[OUTSIDE], &["::1"]],
    &[&[OUTSIDE], &[]],
];

#[tokio::test]
async fn a_name_that_leads_elsewhere_when_it_is_asked_again_leads_nowhere_inside() {
    for answers in ANSWERS {
        let (outside, inside, port) = both();
        let (guard, guarded) = (guard(answers), guard(answers));
        let http = Http::new(guarded).unwrap();
        let server = tokio::net::TcpListener::from_std(outside).unwrap();
        let answering = async {
            loop {
                let (mut stream, _) = server.accept().await.unwrap();
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            }
        };
        let asking = async {
            let mut reached = 0;
            for _ in 0..6 {
                let url = format!("http://rebinding.example:{port}/");
                reached += usize::from(http.get(&url).await.is_ok());
                if let Ok(stream) = guard.connect("rebinding.example", port).await {
                    assert_eq!(
                        stream.peer_addr().unwrap().ip(),
                        OUTSIDE.parse::<IpAddr>().unwrap()
                    );
                    reached += 1;
                }
            }
            reached
        };
        let reached = tokio::select! {
            reached = asking => reached,
            () = answering => unreachable!(),
        };
        assert!(inside.accept().is_err(), "{answers:?}: somebody came in");
        let is_steady = answers.iter().all(|answer| answer.contains(&INSIDE));
        assert_eq!(reached == 0, is_steady, "{answers:?}: {reached}");
    }
}

#[tokio::test]
async fn no_answer_sends_us_on() {
    let (outside, inside, port) = both();
    let server = tokio::net::TcpListener::from_std(outside).unwrap();
    let http = Http::new(guard(&[&[OUTSIDE]])).unwrap();
    let steps = [
        (301, format!("http://{INSIDE}:{port}/")),
        (302, format!("http://other.example:{port}/")),
        (303, format!("http://[::ffff:{INSIDE}]:{port}/")),
        (307, format!("//{INSIDE}:{port}/")),
        (308, "/again".to_owned()),
    ];
    for (status, to) in steps {
        let answering = async {
            let (mut stream, _) = server.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await.unwrap();
            let answer = format!(
                "HTTP/1.1 {status} Go\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        };
        let url = format!("http://other.example:{port}/");
        let (answer, ()) = tokio::join!(http.get(&url), answering);
        assert_eq!(answer.unwrap().status, status, "{to}");
    }
    assert!(inside.accept().is_err(), "somebody came in");
}
