//! Every way that we know to write an address inside, tried against the guard itself.

use std::io::ErrorKind;
use std::net::TcpListener;

use crate::*;

/// What becomes of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Becomes {
    /// Seen through, and refused because of where it leads.
    Inside,
    /// It names nothing: neither a host that exists nor a web address.
    Nothing,
    /// It leads outside, whatever it looks like.
    Outside,
}
use Becomes::{Inside, Nothing, Outside};

/// Hosts in web addresses, as `http://HOST:port/`.
const HOSTS: &[(&str, Becomes)] = &[
    // Dotted, with fewer parts, and in other bases.
    ("127.0.0.1", Inside),
    ("127.1", Inside),
    ("127.0.1", Inside),
    ("127.000.000.001", Inside),
    ("2130706433", Inside),
    ("017700000001", Inside),
    ("0177.0.0.01", Inside),
    ("0x7f000001", Inside),
    ("0x7F.1", Inside),
    ("0x7f.0x0.0x0.0x1", Inside),
    ("0177.0x0.1", Inside),
    ("127.65535", Inside),
    ("127.0.0.1.", Inside),
    ("0x7f.1.", Inside),
    ("0", Inside),
    ("0x", Inside),
    ("0.0.0.0", Inside),
    ("10.1", Inside),
    ("0xa000001", Inside),
    ("3232235521", Inside),
    ("0xc0a80001", Inside),
    ("0254.020.0.1", Inside),
    ("127.0.0.256", Nothing),
    ("4294967296", Nothing),
    ("127.0.0.0.1", Nothing),
    ("0x100000000", Nothing),
    ("127.0.0.09", Nothing),
    // Where clouds keep their secrets, and what belongs to one link, a carrier or everybody.
    ("169.254.169.254", Inside),
    ("2852039166", Inside),
    ("0xa9fea9fe", Inside),
    ("0251.0376.0251.0376", Inside),
    ("169.254.43518", Inside),
    ("100.100.100.200", Inside),
    ("100.64.0.1", Inside),
    ("192.0.0.192", Inside),
    ("168.63.129.16", Outside),
    ("[fd00:ec2::254]", Inside),
    ("198.18.0.1", Inside),
    ("224.0.0.1", Inside),
    ("239.255.255.250", Inside),
    ("240.0.0.1", Inside),
    ("255.255.255.255", Inside),
    ("037777777777", Inside),
    ("192.88.99.1", Inside),
    // IPv6, short and long, and with an IPv4 address in it.
    ("[::]", Inside),
    ("[::1]", Inside),
    ("[0:0:0:0:0:0:0:1]", Inside),
    ("[0000:0000:0000:0000:0000:0000:0000:0001]", Inside),
    ("[0::0:1]", Inside),
    ("[::127.0.0.1]", Inside),
    ("[::7f00:1]", Inside),
    ("[::ffff:127.0.0.1]", Inside),
    ("[::FFFF:7F00:1]", Inside),
    ("[0:0:0:0:0:ffff:a9fe:a9fe]", Inside),
    ("[::ffff:10.0.0.1]", Inside),
    ("[::ffff:0:127.0.0.1]", Inside),
    ("[64:ff9b::127.0.0.1]", Inside),
    ("[64:ff9b::a9fe:a9fe]", Inside),
    ("[64:ff9b:1::10.0.0.1]", Inside),
    ("[2002:7f00:1::]", Inside),
    ("[2002:a9fe:a9fe::1]", Inside),
    ("[2001:0:7f00:1::]", Inside),
    ("[fe80::1]", Inside),
    ("[fec0::1]", Inside),
    ("[fc00::1]", Inside),
    ("[fd12:3456:789a::1]", Inside),
    ("[ff02::1]", Inside),
    ("[ff0e::1]", Inside),
    ("[100::1]", Inside),
    ("[2001:db8::1]", Inside),
    ("[3fff::1]", Inside),
    ("[5f00::1]", Inside),
    ("[fe80::1%25lo]", Nothing),
    ("[::1%lo]", Nothing),
    ("[::1", Nothing),
    ("[127.0.0.1]", Nothing),
    ("::1", Nothing),
    // Other letters for the same digits and dots, and escapes.
    ("１２７.０.０.１", Inside),
    ("①②⑦.⓪.⓪.①", Inside),
    ("𝟏𝟐𝟕.𝟎.𝟎.𝟏", Inside),
    ("127。0。0。1", Inside),
    ("127．0．0．1", Inside),
    ("127｡0｡0｡1", Inside),
    ("１６９。２５４。１６９。２５４", Inside),
    ("%31%32%37.0.0.1", Inside),
    ("127%2e0%2e0%2e1", Inside),
    ("0%78%37f.1", Inside),
    ("127.0.0.1\u{ad}", Inside),
    ("127.0.\u{200b}0.1", Inside),
    ("127.0.0.1%00", Nothing),
    ("127.0.0.1%0d%0a", Nothing),
    ("127.0.0.1%20", Nothing),
    ("localhost", Inside),
    ("LOCALHOST", Inside),
    ("ｌｏｃａｌｈｏｓｔ", Inside),
    ("lo\u{ad}calhost", Inside),
    ("", Nothing),
    (".", Nothing),
    ("..", Nothing),
    // These are elsewhere, and stay so.
    ("8.8.8.8", Outside),
    ("134744072", Outside),
    ("[2606:4700::1111]", Outside),
];

/// Whole web addresses; `PORT` is where somebody listens on 127.0.0.1.
const ADDRESSES: &[(&str, Becomes)] = &[
    ("http://8.8.8.8@127.0.0.1:PORT/", Inside),
    ("http://8.8.8.8:80@127.0.0.1:PORT/", Inside),
    ("http://8.8.8.8%40127.0.0.1:PORT/", Nothing),
    ("http://user:8.8.8.8@[::1]:PORT/", Inside),
    ("http://a@b@127.0.0.1:PORT/", Inside),
    ("http://127.0.0.1:PORT\\@8.8.8.8/", Inside),
    ("http://127.0.0.1:PORT#@8.8.8.8/", Inside),
    ("http://127.0.0.1:PORT?@8.8.8.8/", Inside),
    ("http://127.0.0.1:PORT/@8.8.8.8", Inside),
    ("http://8.8.8.8\\@127.0.0.1:PORT/", Outside),
    ("http://8.8.8.8#@127.0.0.1:PORT/", Outside),
    ("http://8.8.8.8?@127.0.0.1:PORT/", Outside),
    ("http://127.0.0.1@8.8.8.8/", Outside),
    ("http:127.0.0.1:PORT/", Inside),
    ("http:/127.0.0.1:PORT/", Inside),
    ("http:////127.0.0.1:PORT/", Inside),
    ("http:\\\\127.0.0.1:PORT\\", Inside),
    ("HTTP://127.0.0.1:PORT/", Inside),
    ("https://127.0.0.1:PORT/", Inside),
    ("ht\ntp://127.\t0.0.1:PORT/", Inside),
    (" http://127.0.0.1:PORT/ ", Inside),
    ("http://127.0.0.1 :PORT/", Nothing),
    ("http://127.0.0.1:PORT\r\nHost: 8.8.8.8/", Nothing),
    ("http://127.0.0.1:99999/", Nothing),
    ("//127.0.0.1:PORT/", Nothing),
    ("ftp://127.0.0.1:PORT/", Nothing),
    ("ws://127.0.0.1:PORT/", Nothing),
    ("file://127.0.0.1/etc/passwd", Nothing),
    ("file:///etc/passwd", Nothing),
    ("gopher://127.0.0.1:PORT/_QUIT", Nothing),
    ("dict://127.0.0.1:PORT/", Nothing),
    ("jar:http://127.0.0.1:PORT/!/", Nothing),
    ("data:text/plain,x", Nothing),
    ("unix:/run/recourse.sock", Nothing),
    ("http://", Nothing),
    ("", Nothing),
];

/// Hosts as they stand in the settings of a mail server: no web address is read there, and the
/// system's resolver understands what it likes.
const MAIL_HOSTS: &[(&str, Becomes)] = &[
    ("127.0.0.1", Inside),
    ("127.1", Inside),
    ("2130706433", Inside),
    ("017700000001", Inside),
    ("0x7f.1", Inside),
    ("0xa9fea9fe", Inside),
    ("0", Inside),
    ("127.000.000.001", Inside),
    ("::1", Inside),
    ("[::1]", Inside),
    ("[[::1]]", Inside),
    ("::ffff:169.254.169.254", Inside),
    ("fe80::1", Inside),
    ("localhost", Inside),
    ("LocalHost", Inside),
    ("127.0.0.1:25", Nothing),
    ("127.0.0.1/", Nothing),
    ("user@127.0.0.1", Nothing),
    ("127.0.0.1 8.8.8.8", Nothing),
    ("127.0.0.1\0.example.com", Nothing),
    ("127.0.0.1\r\n", Nothing),
    ("", Nothing),
    ("8.8.8.8", Outside),
    ("2606:4700::1111", Outside),
];

fn of_http<T>(tried: &Result<T, HttpFault>) -> Option<Becomes> {
    match tried {
        Ok(_) => Some(Outside),
        Err(HttpFault::NotAnAddress) => Some(Nothing),
        Err(HttpFault::Dial(fault)) => of_guard(fault),
        Err(_) => None,
    }
}

fn of_guard(fault: &DialFault) -> Option<Becomes> {
    match fault {
        DialFault::Inside(_) => Some(Inside),
        DialFault::UnknownHost(_) => Some(Nothing),
        DialFault::Silent { .. } | DialFault::Refused { .. } => None,
    }
}

#[tokio::test]
async fn no_form_of_an_address_leads_inside() {
    assert!(HOSTS.len() + ADDRESSES.len() >= 130, "{}", HOSTS.len() + ADDRESSES.len());
    // Somebody listens at the places that the forms try to reach, and must hear nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let http = Http::new(Guard::default()).unwrap();
    let urls = HOSTS
        .iter()
        .map(|(host, becomes)| (format!("http://{host}:{port}/"), *becomes))
        .chain(ADDRESSES.iter().map(|(url, becomes)| (url.replace("PORT", &port), *becomes)));
    let mut wrong = Vec::new();
    for (url, becomes) in urls {
        let checked = http.checked(&url).await;
        if of_http(&checked) != Some(becomes) {
            wrong.push(format!("{url:?} is not {becomes:?}: {checked:?}"));
        }
        // What leads outside is not asked for: nobody there expects our tests.
        if becomes != Outside {
            let answer = http.get(&url).await;
            if of_http(&answer) != Some(becomes) {
                wrong.push(format!("{url:?} was asked for: {answer:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let heard = listener.accept();
    assert!(heard.is_err_and(|fault| fault.kind() == ErrorKind::WouldBlock));
}

#[tokio::test]
async fn no_mail_server_is_inside_however_it_is_written() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let guard = Guard::default();
    for (host, becomes) in MAIL_HOSTS {
        let resolved = guard.resolve(host, port).await;
        let became = resolved.as_ref().err().map_or(Some(Outside), of_guard);
        assert_eq!(became, Some(*becomes), "{host:?}: {resolved:?}");
        if *becomes != Outside {
            let dialled = guard.connect(host, port).await;
            assert_eq!(dialled.as_ref().err().and_then(of_guard), Some(*becomes), "{host:?}");
        }
    }
    let heard = listener.accept();
    assert!(heard.is_err_and(|fault| fault.kind() == ErrorKind::WouldBlock));
}

/// The same forms with the network allowed: the listener is reached, so the test above would see
/// a connection if there were one.
#[tokio::test]
async fn what_the_operator_allows_is_reached_in_every_form_of_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let guard = Guard::new(vec!["127.0.0.0/8".parse().unwrap()]);
    for host in ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "::ffff:127.0.0.1", "localhost"] {
        let stream = guard.connect(host, port).await;
        assert!(stream.is_ok(), "{host}: {stream:?}");
        listener.accept().unwrap();
    }
    for host in ["10.0.0.1", "::1", "169.254.169.254", "::ffff:10.0.0.1"] {
        let refused = guard.resolve(host, port).await;
        assert!(matches!(refused, Err(DialFault::Inside(_))), "{host}: {refused:?}");
    }
}

#[tokio::test]
async fn a_host_is_allowed_with_or_without_the_dot_at_its_end() {
    for (allowed, host) in
        [("localhost", "localhost"), ("localhost", "LOCALHOST"), ("Localhost.", "localhost")]
    {
        let guard = Guard::new(vec![allowed.parse().unwrap()]);
        assert!(guard.resolve(host, 80).await.is_ok(), "{allowed} {host}");
    }
    for nonsense in [".", "..", "[::1]", "http://localhost", "local host"] {
        assert!(nonsense.parse::<Allowed>().is_err(), "{nonsense}");
    }
}
