use axum::http::HeaderMap;
use ipnet::IpNet;
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};

use super::{bind, client, disclosure};

fn resolved(peer: &str, forwarded: &[&str], trusted: &str) -> String {
    let trusted: Vec<IpNet> = trusted.split(' ').filter_map(|text| text.parse().ok()).collect();
    let mut headers = HeaderMap::new();
    for value in forwarded {
        headers.append("x-forwarded-for", value.parse().unwrap());
    }
    client::resolve(peer.parse().unwrap(), &headers, &trusted).to_string()
}

#[test]
fn nobody_but_a_trusted_proxy_may_say_who_asks() {
    for (peer, forwarded, trusted, expected) in [
        ("203.0.113.7", &["1.2.3.4"][..], "", "203.0.113.7"),
        ("203.0.113.7", &["1.2.3.4"], "10.0.0.0/8", "203.0.113.7"),
        ("10.0.0.1", &["1.2.3.4"], "10.0.0.0/8", "1.2.3.4"),
        // What the client itself wrote stands before what the proxy wrote.
        ("10.0.0.1", &["9.9.9.9, 1.2.3.4"], "10.0.0.0/8", "1.2.3.4"),
        ("10.0.0.1", &["9.9.9.9", "1.2.3.4, 10.0.0.2"], "10.0.0.0/8", "1.2.3.4"),
        ("10.0.0.1", &["nonsense"], "10.0.0.0/8", "10.0.0.1"),
        ("10.0.0.1", &[], "10.0.0.0/8", "10.0.0.1"),
        ("::ffff:10.0.0.1", &["2001:db8::7"], "10.0.0.0/8", "2001:db8::7"),
    ] {
        assert_eq!(resolved(peer, forwarded, trusted), expected, "{peer} {forwarded:?}");
    }
}

#[test]
fn whoever_found_a_weakness_reads_whom_to_tell_and_until_when_that_is_true() {
    let now = "2026-11-17T09:02:00.5Z".parse().unwrap();
    let text = disclosure::written("mailto:safe@example.com", "https://desk.example.com", now);
    assert_eq!(
        text,
        "Contact: mailto:safe@example.com\nExpires: 2027-02-15T09:02:00Z\n\
         Canonical: https://desk.example.com/.well-known/security.txt\n"
    );
}

#[tokio::test]
async fn a_crowd_that_comes_at_once_is_let_into_the_queue() {
    let listener = bind("127.0.0.1:0".parse().unwrap(), "--listen").unwrap();
    let address = listener.local_addr().unwrap();
    let mut crowd = Vec::new();
    // Nobody takes them yet.
    for _ in 0..300 {
        let come = timeout(Duration::from_secs(10), TcpStream::connect(address));
        crowd.push(come.await.expect("the kernel drops nobody").unwrap());
    }
}
