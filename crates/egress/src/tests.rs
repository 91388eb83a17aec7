mod forms;
mod limits;
mod rebinding;

use std::net::IpAddr;

use crate::*;
pub(crate) use rebinding::Fickle;

/// Sixty ways to write an address that is not outside.
const INSIDE: &[&str] = &[
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.1.2.3",
    "127.255.255.255",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2002:a9fe:a9fe::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00::1",
    "fdff::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "feff::1",
    "ff00::1",
    "ff02::1",
    "ff05::2",
    "4000::1",
];

#[test]
fn addresses_inside_are_known_in_every_form() {
    assert_eq!(INSIDE.len(), 60);
    for text in INSIDE {
        let address: IpAddr = text.parse().unwrap();
        assert!(!is_public(address), "{text}");
    }
    for text in ["8.8.8.8", "100.63.255.255", "172.32.0.1", "2606:4700::1", "2a00:1450::1"] {
        let address: IpAddr = text.parse().unwrap();
        assert!(is_public(address), "{text}");
    }
}

#[tokio::test]
async fn the_guard_refuses_what_is_inside_until_it_is_allowed() {
    let closed = Guard::default();
    for host in ["127.0.0.1", "[::1]", "localhost", "0.0.0.0", "169.254.169.254"] {
        let tried = closed.resolve(host, 80).await;
        assert!(matches!(tried, Err(DialFault::Inside(_))), "{host}: {tried:?}");
    }
    let by_network = Guard::new(vec!["127.0.0.0/8".parse().unwrap()]);
    assert!(by_network.resolve("127.0.0.1", 80).await.is_ok());
    assert!(by_network.resolve("10.0.0.1", 80).await.is_err());

    let by_name = Guard::new(vec!["localhost".parse().unwrap()]);
    assert!(by_name.resolve("LOCALHOST", 80).await.is_ok());
    assert!(by_name.resolve("127.0.0.1", 80).await.is_err());
}

#[tokio::test]
async fn requests_to_the_inside_are_refused_before_they_leave() {
    let http = Http::new(Guard::default()).unwrap();
    for url in [
        "http://127.0.0.1:1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://localhost/",
    ] {
        let tried = http.get(url).await;
        assert!(matches!(tried, Err(HttpFault::Dial(DialFault::Inside(_)))), "{url}: {tried:?}");
    }
    for url in ["file:///etc/passwd", "gopher://example.com", "nonsense"] {
        assert!(matches!(http.get(url).await, Err(HttpFault::NotAnAddress)), "{url}");
    }
}

#[tokio::test]
async fn an_allowed_host_answers_and_a_redirect_is_not_followed() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    #[expect(clippy::disallowed_methods, reason = "a peer for the test")]
    let peer = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).await.unwrap();
        let answer =
            "HTTP/1.1 302 Found\r\nlocation: http://10.0.0.1/\r\ncontent-length: 2\r\n\r\nok";
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    let http = Http::new(Guard::new(vec!["127.0.0.1".parse().unwrap()])).unwrap();
    let answer = http.get(&format!("http://127.0.0.1:{port}/")).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (302, b"ok".as_slice()));
    peer.await.unwrap();
}

#[test]
fn allowed_entries_are_hosts_or_networks() {
    assert_eq!("Mail.Lan".parse(), Ok(Allowed::Host("mail.lan".to_owned())));
    assert!(matches!("10.0.0.0/8".parse(), Ok(Allowed::Network(_))));
    assert!(matches!("::1".parse(), Ok(Allowed::Network(_))));
    assert!("not a host".parse::<Allowed>().is_err());
    assert!("".parse::<Allowed>().is_err());
}
