//! What a hostile server makes one connection hold, measured on a process of its own.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

use egress::Guard;
use email::imap::{ImapFault, Mailbox};
use email::{Credentials, Security, Server};
use kernel::Secret;

const MIB: usize = 1024 * 1024;
/// For one connection.
const HELD_BYTES_MAX: usize = 64 * MIB;
/// What the runtime and the pieces that the server sends take.
const BESIDE_BYTES: usize = 8 * MIB;

/// What a server answers to the command that is attacked: a beginning, a piece so and so often,
/// and an end. `{t}` stands for the tag.
struct Attack {
    name: &'static str,
    at: &'static str,
    first: String,
    piece: String,
    count: usize,
    last: &'static str,
}

fn attacks() -> Vec<Attack> {
    let mut words = String::new();
    for number in 0..10_000 {
        write!(words, " A{number:04}").unwrap();
    }
    let search = |name, piece: &str, count| Attack {
        name,
        at: "UID SEARCH",
        first: "* SEARCH".to_owned(),
        piece: piece.to_owned(),
        count,
        last: "\r\n{t} OK\r\n",
    };
    let mail = |name, sent: usize| Attack {
        name,
        at: "BODY.PEEK[]",
        first: format!("* 1 FETCH (UID 7 BODY[] {{{}}}\r\n", sent * MIB),
        piece: "x".repeat(MIB),
        count: sent,
        last: ")\r\n{t} OK\r\n",
    };
    vec![
        search("short numbers on one line", &" 7".repeat(10_000), 600),
        search("long numbers on one line", &" 4294967295".repeat(1_000), 1_100),
        search("numbers on many lines", &"\r\n* SEARCH 1 2 3 4 5 6 7 8 9".repeat(1_000), 1_000),
        search("lists in lists", &"(".repeat(100_000), 120),
        Attack { at: "CAPABILITY", ..search("abilities", &words, 1_000) },
        Attack {
            first: "* LIST (".to_owned(),
            at: "LIST",
            ..search("a folder with many flags", &" \\x".repeat(10_000), 300)
        },
        Attack {
            first: String::new(),
            at: "LIST",
            ..search("many folders", &"* LIST () \"/\" \"folder\"\r\n".repeat(1_000), 1_000)
        },
        mail("a mail as large as may be", 25),
        mail("a mail that is larger than it said", 31),
        mail("a mail that is much larger than it said", 200),
        Attack {
            name: "the same mail again and again",
            first: String::new(),
            piece: format!("* 1 FETCH (UID 7 BODY[] {{{MIB}}}\r\n{})\r\n", "y".repeat(MIB)),
            count: 200,
            ..mail("", 1)
        },
    ]
}

/// Serves one connection.
fn serve(listener: &TcpListener, attack: &Attack) -> Option<()> {
    let (stream, _) = listener.accept().ok()?;
    let mut answers: TcpStream = stream.try_clone().ok()?;
    answers.write_all(b"* OK hi\r\n").ok()?;
    let mut is_signed_in = false;
    for line in BufReader::new(stream).lines() {
        let line = line.ok()?;
        let (tag, command) = line.split_once(' ')?;
        is_signed_in |= command.starts_with("AUTHENTICATE");
        if command.contains(attack.at) && is_signed_in {
            answers.write_all(attack.first.replace("{t}", tag).as_bytes()).ok()?;
            for _ in 0..attack.count {
                answers.write_all(attack.piece.as_bytes()).ok()?;
            }
            answers.write_all(attack.last.replace("{t}", tag).as_bytes()).ok()?;
            continue;
        }
        let said = match command {
            "CAPABILITY" => "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n",
            "SELECT \"INBOX\"" => "* 1 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n* OK [UIDNEXT 9] x\r\n",
            _ if command.starts_with("UID SEARCH") => "* SEARCH 7\r\n",
            _ if command.contains("RFC822.SIZE") => "* 1 FETCH (UID 7 RFC822.SIZE 100)\r\n",
            _ => "",
        };
        answers.write_all(format!("{said}{tag} OK done\r\n").as_bytes()).ok()?;
    }
    Some(())
}

async fn visit(port: u16) -> Result<usize, ImapFault> {
    let server = Server {
        host: "127.0.0.1".to_owned(),
        port,
        security: Security::Plain,
        extra_ca: None,
        hello_name: "desk.shop.example".to_owned(),
    };
    let credentials =
        Credentials::Password { user: "desk".to_owned(), password: Secret::new("hunter2") };
    let guard = Guard::new(vec!["127.0.0.1".parse().unwrap()]);
    let mut mailbox = Mailbox::connect(&server, &credentials, 25 * MIB, &guard).await?;
    mailbox.folders().await?;
    mailbox.select("INBOX").await?;
    let mails = mailbox.fetch_since(4, 50).await?;
    Ok(mails.len())
}

/// The most that the process has held since this was asked last, and what it holds now.
fn memory_bytes() -> (usize, usize) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let kib: usize = line.trim().trim_end_matches(" kB").parse().unwrap();
        kib * 1024
    };
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    (field("VmHWM:"), field("VmRSS:"))
}

#[test]
fn a_hostile_server_makes_no_connection_hold_more_than_64_mib() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for attack in attacks() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (_, before) = memory_bytes();
        std::thread::scope(|scope| {
            scope.spawn(|| serve(&listener, &attack));
            let outcome = runtime.block_on(visit(port));
            if attack.name == "a mail as large as may be" {
                assert!(matches!(outcome, Ok(1)), "{outcome:?}");
            }
        });
        let (most, _) = memory_bytes();
        let held = most.saturating_sub(before);
        assert!(held <= HELD_BYTES_MAX + BESIDE_BYTES, "{}: {} MiB", attack.name, held / MIB);
    }
}
