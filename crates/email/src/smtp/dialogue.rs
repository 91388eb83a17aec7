//! The conversation with an SMTP server, step by step.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use egress::Guard;
use kernel::{EmailAddress, clip, one_line};
use tokio::time::Instant;

use crate::compose::Composed;
use crate::link::{Credentials, LinkFault, Patience, Security, Server, Wire, xoauth2};
use crate::smtp::{RefusedRecipient, SendFault};
use crate::status;

const LINE_BYTES_MAX: usize = 4 * 1024;
const LINES_MAX: usize = 100;
const SAID_CHARS_MAX: usize = 300;
const LAST_WORDS: Duration = Duration::from_secs(5);

pub(crate) struct Dialogue {
    wire: Wire,
    patience: Patience,
    hello_name: String,
    abilities: Abilities,
    /// When the mail has to be handed over, the wait for its answer aside.
    deadline: Instant,
}

/// What the server says it can do.
#[derive(Debug, Default)]
pub(crate) struct Abilities {
    start_tls: bool,
    utf8: bool,
    eight_bit: bool,
    size_max: Option<usize>,
    sign_in: Vec<String>,
}

/// An answer of the server.
#[derive(Debug)]
pub(crate) struct Reply {
    code: u16,
    lines: Vec<String>,
}

/// An answer that says no.
pub(crate) struct Refusal {
    permanent: bool,
    status: Option<String>,
    reason: String,
}

impl Refusal {
    pub(crate) fn for_recipient(self, address: EmailAddress) -> RefusedRecipient {
        let Self { permanent, status, reason } = self;
        RefusedRecipient { address, permanent, status, reason }
    }
}

impl Reply {
    fn is_good(&self) -> bool {
        (200..300).contains(&self.code)
    }

    fn text(&self) -> String {
        one_line(&self.lines.join(" "))
    }

    fn refusal(&self) -> Refusal {
        let text = self.text();
        let (status, permanent, words) = status::explain(self.code, &text);
        let said = clip(&text, SAID_CHARS_MAX);
        Refusal {
            permanent,
            status: status.map(status::Status::text),
            reason: format!("{words} ({} {said})", self.code),
        }
    }
}

impl Dialogue {
    /// Connects, greets, and encrypts if that is how the server is set up.
    pub(crate) async fn open(
        server: &Server,
        guard: &Guard,
        patience: Patience,
    ) -> Result<Self, SendFault> {
        let wire = Wire::dial(server, guard, patience).await?;
        Self::greet(wire, server, patience).await
    }

    /// The same over a connection that is open already.
    pub(crate) async fn greet(
        wire: Wire,
        server: &Server,
        patience: Patience,
    ) -> Result<Self, SendFault> {
        let hello_name = hello_name(&server.hello_name);
        let deadline = Instant::now() + patience.command;
        let abilities = Abilities::default();
        let mut dialogue = Self { wire, patience, hello_name, abilities, deadline };
        let greeting = dialogue.reply(patience.hello).await?;
        if !greeting.is_good() {
            return Err(dialogue.refused(&greeting));
        }
        dialogue.hello().await?;
        if server.security == Security::StartTls {
            if !dialogue.abilities.start_tls {
                return Err(SendFault::NoEncryption(dialogue.host()));
            }
            let answer = dialogue.ask("STARTTLS").await?;
            if answer.code != 220 {
                return Err(SendFault::NoEncryption(dialogue.host()));
            }
            dialogue.wire = dialogue.wire.encrypted(server, patience).await?;
            dialogue.hello().await?;
        }
        Ok(dialogue)
    }

    pub(crate) async fn sign_in(&mut self, credentials: &Credentials) -> Result<(), SendFault> {
        let offers = |name: &str| self.abilities.sign_in.iter().any(|offered| offered == name);
        let answer = match credentials {
            Credentials::None => return Ok(()),
            Credentials::Password { user, password } if offers("PLAIN") => {
                let plain = format!("\0{user}\0{}", password.reveal());
                self.ask(&format!("AUTH PLAIN {}", STANDARD.encode(plain))).await?
            }
            Credentials::Password { user, password } if offers("LOGIN") => {
                self.sign_in_by_questions(user, password.reveal()).await?
            }
            Credentials::Token { user, token } if offers("XOAUTH2") => {
                let string = STANDARD.encode(xoauth2(user, token));
                let answer = self.ask(&format!("AUTH XOAUTH2 {string}")).await?;
                // A refusal comes as a question; the answer to it is an empty line.
                if answer.code == 334 { self.ask("").await? } else { answer }
            }
            Credentials::Password { .. } | Credentials::Token { .. } => {
                return Err(SendFault::NoSignIn(self.host()));
            }
        };
        if answer.is_good() {
            return Ok(());
        }
        let said = clip(&answer.text(), SAID_CHARS_MAX);
        Err(SendFault::SignIn { host: self.host(), said, permanent: answer.code >= 500 })
    }

    async fn sign_in_by_questions(
        &mut self,
        user: &str,
        password: &str,
    ) -> Result<Reply, SendFault> {
        let mut answer = self.ask("AUTH LOGIN").await?;
        for secret in [user, password] {
            if answer.code != 334 {
                break;
            }
            answer = self.ask(&STANDARD.encode(secret)).await?;
        }
        Ok(answer)
    }

    /// Announces a mail.
    pub(crate) async fn begin(&mut self, from: &str, mail: &Composed) -> Result<(), SendFault> {
        let size = mail.bytes.len();
        if let Some(bytes_max) = self.abilities.size_max.filter(|max| *max > 0 && size > *max) {
            return Err(SendFault::TooLarge { host: self.host(), bytes_max });
        }
        let is_ascii = mail.recipients.iter().all(|address| address.local().is_ascii())
            && from.is_ascii()
            && header_of(&mail.bytes).is_ascii();
        if !is_ascii && !self.abilities.utf8 {
            return Err(SendFault::NoUtf8(self.host()));
        }
        let mut command = format!("MAIL FROM:<{from}>");
        if self.abilities.size_max.is_some() {
            command.push_str(" SIZE=");
            command.push_str(&size.to_string());
        }
        if self.abilities.eight_bit && !mail.bytes.is_ascii() {
            command.push_str(" BODY=8BITMIME");
        }
        if !is_ascii {
            command.push_str(" SMTPUTF8");
        }
        let answer = self.ask(&command).await?;
        if answer.is_good() { Ok(()) } else { Err(self.refused(&answer)) }
    }

    /// Names a recipient; gives the refusal if there is one.
    pub(crate) async fn recipient(&mut self, address: &str) -> Result<Option<Refusal>, SendFault> {
        let answer = self.ask(&format!("RCPT TO:<{address}>")).await?;
        Ok((!answer.is_good()).then(|| answer.refusal()))
    }

    /// Asks whether the mail may come.
    pub(crate) async fn ask_to_send(&mut self) -> Result<(), SendFault> {
        let answer = self.ask("DATA").await?;
        if answer.code == 354 { Ok(()) } else { Err(self.refused(&answer)) }
    }

    /// Hands the mail over.
    pub(crate) async fn hand_over(&mut self, bytes: &[u8]) -> Result<String, SendFault> {
        if let Err(fault) = self.wire.send(&stuffed(bytes), self.patience.delivery).await {
            // It may have said no before it hung up.
            return match self.reply(LAST_WORDS.min(self.patience.hello)).await {
                Ok(answer) if answer.code >= 400 => Err(self.refused(&answer)),
                // It says that it has the mail, although it has not seen the end of it.
                Ok(answer) if answer.is_good() => Err(SendFault::Unknown(self.host())),
                Ok(_) | Err(_) => Err(fault.into()),
            };
        }
        // From here on the server may have the mail, whatever happens to the answer.
        match self.reply(self.patience.delivery).await {
            Ok(answer) if answer.is_good() => Ok(clip(&answer.text(), SAID_CHARS_MAX)),
            Ok(answer) if answer.code >= 400 => Err(self.refused(&answer)),
            Ok(_) | Err(_) => Err(SendFault::Unknown(self.host())),
        }
    }

    /// Begins anew after a mail was refused. `false`: the server does not go along.
    pub(crate) async fn reset(&mut self) -> bool {
        self.ask("RSET").await.is_ok_and(|answer| answer.is_good())
    }

    /// Takes leave. Nobody minds if that fails.
    pub(crate) async fn quit(&mut self) {
        let _ = self.wire.send(b"QUIT\r\n", self.patience.hello).await;
    }

    async fn hello(&mut self) -> Result<(), SendFault> {
        let mut answer = self.ask(&format!("EHLO {}", self.hello_name)).await?;
        if !answer.is_good() {
            answer = self.ask(&format!("HELO {}", self.hello_name)).await?;
        }
        if !answer.is_good() {
            return Err(self.refused(&answer));
        }
        self.abilities = Abilities::parse(&answer);
        Ok(())
    }

    async fn ask(&mut self, command: &str) -> Result<Reply, SendFault> {
        // Nothing that is put into a command has a line break in it; this is the last guard.
        let command: String = command.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        // Many answers that each take long are too long together.
        let left = self.deadline.saturating_duration_since(Instant::now());
        let wait = self.patience.answer.min(left);
        self.wire.send(format!("{command}\r\n").as_bytes(), wait).await?;
        self.reply(wait).await
    }

    async fn reply(&mut self, wait: Duration) -> Result<Reply, SendFault> {
        let work = async {
            let mut lines = Vec::new();
            loop {
                let line = self.wire.line(LINE_BYTES_MAX, wait).await?;
                let Some((code, is_last, text)) = parse_line(&line) else {
                    return Err(SendFault::NotSmtp(self.wire.host.clone()));
                };
                lines.push(text);
                if is_last {
                    return Ok(Reply { code, lines });
                }
                if lines.len() >= LINES_MAX {
                    return Err(SendFault::Link(LinkFault::TooMuch(self.wire.host.clone())));
                }
            }
        };
        if let Ok(reply) = tokio::time::timeout(wait, work).await {
            reply
        } else {
            let host = self.wire.host.clone();
            Err(SendFault::Link(LinkFault::Silent { host, seconds: wait.as_secs() }))
        }
    }

    fn refused(&self, answer: &Reply) -> SendFault {
        let Refusal { permanent, status, reason } = answer.refusal();
        SendFault::Refused { host: self.host(), permanent, status, reason }
    }

    fn host(&self) -> String {
        self.wire.host.clone()
    }
}

impl Abilities {
    fn parse(hello: &Reply) -> Self {
        let mut abilities = Self::default();
        for line in hello.lines.iter().skip(1) {
            // Old servers write `AUTH=LOGIN PLAIN`.
            let line = line.replacen("AUTH=", "AUTH ", 1).to_ascii_uppercase();
            let mut words = line.split_whitespace();
            match words.next() {
                Some("STARTTLS") => abilities.start_tls = true,
                Some("SMTPUTF8") => abilities.utf8 = true,
                Some("8BITMIME") => abilities.eight_bit = true,
                Some("SIZE") => {
                    let size = words.next().and_then(|size| size.parse().ok());
                    abilities.size_max = Some(size.unwrap_or(0));
                }
                Some("AUTH") => abilities.sign_in.extend(words.map(str::to_owned)),
                _ => {}
            }
        }
        abilities
    }
}

/// `250-text` goes on, `250 text` ends.
fn parse_line(line: &[u8]) -> Option<(u16, bool, String)> {
    let text = String::from_utf8_lossy(line);
    let code = text.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()))?;
    let code: u16 = code.parse().ok()?;
    let rest = text.get(3..).unwrap_or_default();
    let is_last = match rest.chars().next() {
        None | Some(' ') => true,
        Some('-') => false,
        Some(_) => return None,
    };
    let is_code = (200..600).contains(&code);
    is_code.then(|| (code, is_last, rest.get(1..).unwrap_or_default().to_owned()))
}

fn hello_name(name: &str) -> String {
    let is_good = !name.is_empty()
        && name.len() <= 255
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-[]:".contains(&byte));
    if is_good { name.to_owned() } else { "localhost".to_owned() }
}

fn header_of(bytes: &[u8]) -> &[u8] {
    let end = memchr::memmem::find(bytes, b"\r\n\r\n").unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or(bytes)
}

/// The mail as it travels: CRLF everywhere, no line that ends it early, the dot at the end.
fn stuffed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 50 + 8);
    let mut lines = bytes.split(|byte| *byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        if lines.peek().is_none() && line.is_empty() {
            break;
        }
        if line.starts_with(b".") {
            out.push(b'.');
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // A bare CR could be taken for the end of a line.
        out.extend(line.iter().filter(|byte| **byte != b'\r'));
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}
