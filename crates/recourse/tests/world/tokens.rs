//! The provider's side of OAuth, as mail servers ask it: whose is this token?
//!
//! A token names its owner (`at.NUMBER.ADDRESS`), so that every test can hand out its own.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::OnceLock;

/// Where it is asked.
pub(crate) fn port() -> u16 {
    static PORT: OnceLock<u16> = OnceLock::new();
    *PORT.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream);
                let mut asked = String::new();
                let _ = reader.read_line(&mut asked);
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                    line.clear();
                }
                let body = answer(&asked);
                let _ = write!(
                    reader.get_mut(),
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                     Connection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        port
    })
}

fn answer(asked: &str) -> String {
    let token = asked.split_once("token=").map_or("", |(_, rest)| rest);
    let token = token.split(' ').next().unwrap_or_default().replace("%40", "@");
    match token.strip_prefix("at.").and_then(|rest| rest.split_once('.')) {
        Some((_, email)) => format!("{{\"active\":\"true\",\"email\":\"{email}\"}}"),
        None => "{\"active\":\"false\"}".to_owned(),
    }
}
