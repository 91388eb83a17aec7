//! Servers that never come to an end: whatever they do, they get so much time and no more.

use std::time::{Duration, Instant};

use super::fetching::{honest, imap, password};
use super::peer::{Answer, Peer, guard};
use crate::Security;
use crate::imap::{Connection, ImapFault, Mailbox, Woken};
use crate::link::Patience;

pub(super) const SHORT: Patience = Patience {
    hello: Duration::from_secs(1),
    answer: Duration::from_secs(1),
    command: Duration::from_secs(2),
    delivery: Duration::from_secs(2),
};
/// Many times what is allowed: what never ends is told from a slow machine.
const FAR_TOO_LONG: Duration = Duration::from_mins(1);

/// A server that, from this command on, says something again and again, as fast or slow as it
/// likes. `{t}` stands for the tag.
struct Stalling {
    at: &'static str,
    first: &'static str,
    again: &'static str,
    pause: Duration,
    abilities: &'static str,
}

const FLOOD: Duration = Duration::ZERO;
const TRICKLE: Duration = Duration::from_millis(20);
const USUAL: Stalling = Stalling {
    at: "",
    first: "",
    again: "",
    pause: TRICKLE,
    abilities: "IDLE MOVE UIDPLUS STARTTLS AUTH=PLAIN SASL-IR",
};

impl Stalling {
    fn answer(&self, line: &str) -> Answer {
        if line.contains(self.at) {
            let tag = line.split(' ').next().unwrap_or_default();
            let bytes = |text: &str| text.replace("{t}", tag).into_bytes();
            let times = if self.pause == FLOOD { 1_000 } else { 1 };
            let again = bytes(self.again).repeat(times);
            return Answer::Endlessly(bytes(self.first), again, self.pause);
        }
        if line.ends_with("CAPABILITY") {
            return imap(line, &format!("* CAPABILITY IMAP4rev1 {}\n{{t}} OK\n", self.abilities));
        }
        honest(line)
    }

    /// Signs in, opens the folder, fetches and waits for more.
    async fn is_visited(&self, security: Security) -> Result<Woken, ImapFault> {
        let peer = Peer::new().await;
        let (server, guard) = (peer.server(security), guard());
        let visit = async {
            let mut connection = Connection::open(&server, &guard, SHORT).await?;
            connection.sign_in(&password()).await?;
            let mut mailbox = Mailbox::over(connection, 1024 * 1024);
            mailbox.select("INBOX").await?;
            mailbox.fetch_since(4, 100).await?;
            mailbox.idle(Duration::from_secs(1)).await
        };
        let greeting = if self.at == "the greeting" { self.answer(self.at) } else { hello() };
        let talk = async {
            peer.converse_after(false, greeting, |line| self.answer(line)).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            outcome = visit => outcome,
            () = talk => unreachable!(),
            () = tokio::time::sleep(FAR_TOO_LONG) => panic!("{}: it goes on for ever", self.at),
        }
    }
}

fn hello() -> Answer {
    Answer::Say(b"* OK hi\r\n".to_vec())
}

async fn is_left(stalling: Stalling) {
    let begun = Instant::now();
    let outcome = stalling.is_visited(Security::Plain).await;
    let Err(ImapFault::Link(fault)) = outcome else { panic!("{}: {outcome:?}", stalling.at) };
    assert!(!fault.is_permanent(), "{} {fault}", stalling.at);
    assert!(begun.elapsed() < FAR_TOO_LONG / 2, "{}: {:?}", stalling.at, begun.elapsed());
}

#[tokio::test]
async fn a_greeting_that_does_not_end_is_left() {
    is_left(Stalling { at: "the greeting", first: "* OK ", again: "x", ..USUAL }).await;
    let flood = Stalling { at: "the greeting", first: "* OK ", again: "xxxx", ..USUAL };
    is_left(Stalling { pause: FLOOD, ..flood }).await;
}

#[tokio::test]
async fn a_sign_in_that_asks_again_and_again_is_left() {
    for pause in [TRICKLE, FLOOD] {
        is_left(Stalling { at: "AUTHENTICATE", again: "+ \r\n", pause, ..USUAL }).await;
        let unsure = Stalling { at: "AUTHENTICATE", again: "* OK wait\r\n", pause, ..USUAL };
        is_left(Stalling { abilities: "AUTH=PLAIN", ..unsure }).await;
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_to_an_end_is_left() {
    is_left(Stalling { at: "SELECT", again: "* OK wait\r\n", ..USUAL }).await;
    is_left(Stalling { at: "SELECT", again: "* 1 EXISTS\r\n", pause: FLOOD, ..USUAL }).await;
    is_left(Stalling { at: "SELECT", first: "* OK ", again: "x", ..USUAL }).await;
    is_left(Stalling { at: "SEARCH", again: "* SEARCH 7 8\r\n", pause: FLOOD, ..USUAL }).await;
    is_left(Stalling { at: "SEARCH", first: "* SEARCH", again: " 7", pause: FLOOD, ..USUAL }).await;
}

#[tokio::test]
async fn a_mail_that_trickles_is_left() {
    let mail = "* 1 FETCH (UID 7 BODY[] {300000}\r\n";
    is_left(Stalling { at: "BODY.PEEK[]", first: mail, again: "x", ..USUAL }).await;
    let other = "* 1 FETCH (UID 8 BODY[] {1}\r\nx)\r\n";
    is_left(Stalling { at: "BODY.PEEK[]", again: other, pause: FLOOD, ..USUAL }).await;
}

#[tokio::test]
async fn waiting_for_mail_takes_no_longer_than_meant_whatever_is_said() {
    let waiting = Stalling { at: "IDLE", first: "+ idling\r\n", again: "* OK here\r\n", ..USUAL };
    is_left(waiting).await;
    let chatty = Stalling { at: "IDLE", first: "+ idling\r\n", again: "* OK x\r\n", ..USUAL };
    is_left(Stalling { pause: FLOOD, ..chatty }).await;
    is_left(Stalling { at: "IDLE", again: "* OK no go-ahead\r\n", ..USUAL }).await;
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_left() {
    let silent = Stalling {
        at: "STARTTLS",
        first: "{t} OK go\r\n",
        again: "",
        pause: Duration::from_millis(100),
        ..USUAL
    };
    let outcome = silent.is_visited(Security::StartTls).await;
    assert!(matches!(outcome, Err(ImapFault::Link(_))), "{outcome:?}");
    let trickling = Stalling { again: "\u{16}", pause: TRICKLE, ..silent };
    let outcome = trickling.is_visited(Security::StartTls).await;
    assert!(matches!(outcome, Err(ImapFault::Link(_))), "{outcome:?}");
}
