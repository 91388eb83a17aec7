//! How large and how slow a request may be, through a real socket.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{World, on_both};

/// What comes back until the other side closes, and how long that took.
struct Closed {
    said: String,
    after: Duration,
}

impl World {
    /// Sends bytes, then further ones every so often, and listens until the end.
    async fn sends(&self, first: &str, then: &str, every: Duration) -> Closed {
        let mut stream = TcpStream::connect(self.settings.listen).await.unwrap();
        let begun = Instant::now();
        let first = first.replace("HOST", &self.settings.listen.to_string());
        // It may be closed before all of it went.
        let _ = stream.write_all(first.as_bytes()).await;
        let (mut said, mut part) = (Vec::new(), [0; 4_096]);
        loop {
            let read = tokio::time::timeout(every, stream.read(&mut part)).await;
            match read {
                Ok(Ok(0) | Err(_)) => break,
                Ok(Ok(count)) => said.extend_from_slice(&part[..count]),
                Err(_) if stream.write_all(then.as_bytes()).await.is_err() => break,
                Err(_) => {
                    assert!(begun.elapsed() < Duration::from_secs(100), "it goes on for ever");
                }
            }
        }
        let said = String::from_utf8_lossy(&said).into_owned();
        Closed { said, after: begun.elapsed() }
    }
}

const SOON: Duration = Duration::from_secs(1);

on_both! {
    async fn headers_and_bodies_are_as_large_as_anybody_needs(world: World) {
        let get = |size: usize| {
            format!("GET /login HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\nX: {}\r\n\r\n", "x".repeat(size))
        };
        assert!(world.sends(&get(28 * 1024), "", SOON).await.said.starts_with("HTTP/1.1 200"));
        let refused = world.sends(&get(33 * 1024), "", SOON).await.said;
        assert!(refused.starts_with("HTTP/1.1 431") || refused.is_empty(), "{refused}");
        let many = format!("GET /login HTTP/1.1\r\nHost: HOST\r\n{}\r\n", "A: b\r\n".repeat(200));
        assert!(world.sends(&many, "", SOON).await.said.starts_with("HTTP/1.1 431"));
        let token = { world.furnishes().await.token };
        let json = |body: &str| {
            format!("POST /api/v1/tickets HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\
                Authorization: Bearer {token}\r\nContent-Type: application/json\r\n\
                Content-Length: {}\r\n\r\n{body}", body.len())
        };
        for (body, status) in [
            ("[".repeat(65), "400"),
            (format!("{{\"text\":\"{}\"}}", "a".repeat(1024 * 1024)), "413"),
            ("{}".to_owned(), "422"),
        ] {
            let answer = world.sends(&json(&body), "", SOON).await.said;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        }
        // More is announced than anybody may send.
        let endless = format!("POST /login HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\
            Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\na", u64::MAX / 2);
        assert!(world.sends(&endless, "", SOON).await.said.starts_with("HTTP/1.1 413"));
    }

    async fn who_sends_too_slowly_is_not_waited_for(world: World) {
        let form = "POST /login HTTP/1.1\r\nHost: HOST\r\nContent-Length: 100000\r\n\
            Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\nemail=";
        // What is small is read before it takes a place, by a clock of its own.
        let small = form.replace("100000", "10000");
        let (header, pause, drip, small) = tokio::join!(
            // A header, a little at a time.
            world.sends("GET /login HTTP/1.1\r\n", "X: y\r\n", SOON),
            // A body that stops.
            world.sends(form, "", Duration::from_secs(200)),
            // A body that never stops, a byte at a time.
            world.sends(form, "a", SOON),
            world.sends(&small, "a", SOON),
        );
        assert!((9..=14).contains(&header.after.as_secs()), "{:?}", header.after);
        assert!((9..=16).contains(&pause.after.as_secs()), "{:?} {}", pause.after, pause.said);
        assert!(!pause.said.starts_with("HTTP/1.1 2"), "{}", pause.said);
        assert!((58..=66).contains(&drip.after.as_secs()), "{:?} {}", drip.after, drip.said);
        assert!(drip.said.starts_with("HTTP/1.1 504"), "{}", drip.said);
        assert!((58..=66).contains(&small.after.as_secs()), "{:?} {}", small.after, small.said);
        assert!(small.said.starts_with("HTTP/1.1 408"), "{}", small.said);
    }
}
