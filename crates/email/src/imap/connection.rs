//! Commands and their answers.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use egress::Guard;
use tokio::time::Instant;

use crate::imap::ImapFault;
use crate::imap::names::quoted;
use crate::imap::response::Response;
use crate::link::{Credentials, LinkFault, Patience, Security, Server, Wire, xoauth2};

/// All that a server may send in answer to one command, if that is not a lot of mail.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What a search in a very large folder may bring, on one line. No other line is as long.
pub(crate) const SEARCH_BYTES_MAX: usize = 12 * 1024 * 1024;

pub(crate) struct Connection {
    wire: Wire,
    pub(crate) patience: Patience,
    tag: u32,
    abilities: Vec<String>,
    /// What the server may still send until the command at hand is done.
    bytes_left: usize,
    /// When the command at hand has to be done.
    deadline: Instant,
}

impl Connection {
    /// Connects, and encrypts if that is how the server is set up.
    pub(crate) async fn open(
        server: &Server,
        guard: &Guard,
        patience: Patience,
    ) -> Result<Self, ImapFault> {
        let wire = Wire::dial(server, guard, patience).await?;
        Self::greet(wire, server, patience).await
    }

    /// The same over a connection that is open already.
    pub(crate) async fn greet(
        wire: Wire,
        server: &Server,
        patience: Patience,
    ) -> Result<Self, ImapFault> {
        let mut connection = Self {
            wire,
            patience,
            tag: 0,
            abilities: Vec::new(),
            bytes_left: ANSWER_BYTES_MAX,
            deadline: Instant::now() + patience.hello,
        };
        let greeting = connection.response(patience.hello).await?;
        if greeting.tag() != b"*" {
            return Err(ImapFault::NotImap(connection.host()));
        }
        if greeting.has_status("BYE") {
            return Err(ImapFault::Bye { host: connection.host(), said: greeting.said() });
        }
        let is_signed_in = greeting.has_status("PREAUTH");
        if !greeting.has_status("OK") && !is_signed_in {
            return Err(ImapFault::NotImap(connection.host()));
        }
        connection.ask_abilities().await?;
        if server.security == Security::StartTls {
            // A server that signs us in before anything is encrypted is not ours.
            if is_signed_in || !connection.can("STARTTLS") {
                return Err(ImapFault::NoEncryption(connection.host()));
            }
            connection.run("STARTTLS", |_| {}).await?;
            connection.wire = connection.wire.encrypted(server, patience).await?;
            connection.ask_abilities().await?;
        }
        Ok(connection)
    }

    pub(crate) async fn sign_in(&mut self, credentials: &Credentials) -> Result<(), ImapFault> {
        match credentials {
            Credentials::None => return Err(ImapFault::NoSignIn(self.host())),
            Credentials::Password { user, password } if self.can("AUTH=PLAIN") => {
                let plain = format!("\0{user}\0{}", password.reveal());
                self.authenticate("PLAIN", &STANDARD.encode(plain)).await?;
            }
            Credentials::Password { user, password } if !self.can("LOGINDISABLED") => {
                let command = format!("LOGIN {} {}", quoted(user), quoted(password.reveal()));
                let outcome = self.run(&command, |_| {}).await;
                outcome.map_err(sign_in_fault)?;
            }
            Credentials::Token { user, token } if self.can("AUTH=XOAUTH2") => {
                let string = STANDARD.encode(xoauth2(user, token));
                self.authenticate("XOAUTH2", &string).await?;
            }
            Credentials::Password { .. } | Credentials::Token { .. } => {
                return Err(ImapFault::NoSignIn(self.host()));
            }
        }
        self.ask_abilities().await
    }

    async fn authenticate(&mut self, method: &str, secret: &str) -> Result<(), ImapFault> {
        let tag = if self.can("SASL-IR") {
            self.begin(&format!("AUTHENTICATE {method} {secret}")).await?
        } else {
            let tag = self.begin(&format!("AUTHENTICATE {method}")).await?;
            self.wait_for_go_ahead(&tag).await.map_err(sign_in_fault)?;
            self.send(secret).await?;
            tag
        };
        loop {
            let response = self.response(self.patience.answer).await?;
            if response.tag() == b"+" {
                // The reason of a refusal, as a question; the answer to it is an empty line.
                self.send("").await?;
            } else if let Some(outcome) = self.outcome(&tag, &response) {
                return outcome.map_err(sign_in_fault);
            }
        }
    }

    pub(crate) fn can(&self, ability: &str) -> bool {
        self.abilities.iter().any(|known| known == ability)
    }

    pub(crate) fn host(&self) -> String {
        self.wire.host.clone()
    }

    async fn ask_abilities(&mut self) -> Result<(), ImapFault> {
        let mut abilities = Vec::new();
        self.run("CAPABILITY", |response| {
            if let Some(found) = response.abilities() {
                abilities = found;
            }
        })
        .await?;
        self.abilities = abilities;
        Ok(())
    }

    /// Runs a command; `hear` gets every untagged response until it is done.
    pub(crate) async fn run(
        &mut self,
        command: &str,
        hear: impl FnMut(Response),
    ) -> Result<(), ImapFault> {
        self.run_within(ANSWER_BYTES_MAX, command, hear).await
    }

    /// The same for a command with a long answer.
    pub(crate) async fn run_within(
        &mut self,
        bytes_max: usize,
        command: &str,
        mut hear: impl FnMut(Response),
    ) -> Result<(), ImapFault> {
        let tag = self.begin(command).await?;
        self.bytes_left = bytes_max;
        loop {
            let response = self.response_until(self.deadline, self.patience.command).await?;
            if let Some(outcome) = self.outcome(&tag, &response) {
                return outcome;
            }
            hear(response);
        }
    }

    /// Sends a command and gives its tag.
    pub(crate) async fn begin(&mut self, command: &str) -> Result<String, ImapFault> {
        self.tag += 1;
        self.bytes_left = ANSWER_BYTES_MAX;
        self.deadline = Instant::now() + self.patience.command;
        let tag = format!("r{}", self.tag);
        self.send(&format!("{tag} {command}")).await?;
        Ok(tag)
    }

    pub(crate) async fn send(&mut self, line: &str) -> Result<(), ImapFault> {
        // Nothing that is put into a command has a line break in it; this is the last guard.
        let line: String = line.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        self.wire.send(format!("{line}\r\n").as_bytes(), self.patience.answer).await?;
        Ok(())
    }

    /// Waits for the `+` that lets us go on with a command.
    pub(crate) async fn wait_for_go_ahead(&mut self, tag: &str) -> Result<(), ImapFault> {
        loop {
            let response = self.response(self.patience.answer).await?;
            if response.tag() == b"+" {
                return Ok(());
            }
            if let Some(outcome) = self.outcome(tag, &response) {
                outcome?;
                return Err(ImapFault::NotImap(self.host()));
            }
        }
    }

    /// How a command ended; nothing when the response is not about its end.
    pub(crate) fn outcome(&self, tag: &str, response: &Response) -> Option<Result<(), ImapFault>> {
        let host = self.host();
        if response.tag() == tag.as_bytes() {
            return Some(if response.has_status("OK") {
                Ok(())
            } else {
                Err(ImapFault::Refused { host, said: response.said() })
            });
        }
        if response.tag() == b"*" {
            let is_end = response.has_status("BYE");
            return is_end.then(|| Err(ImapFault::Bye { host, said: response.said() }));
        }
        if response.tag() == b"+" {
            return None;
        }
        // An answer to a command that nobody gave.
        Some(Err(ImapFault::NotImap(host)))
    }

    /// Lets the command at hand take until then: waiting for new mail is no answer to wait for.
    pub(crate) fn done_by(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// The next response, literals included, before the command has to be done.
    pub(crate) async fn response(&mut self, wait: Duration) -> Result<Response, ImapFault> {
        self.response_until(self.deadline.min(Instant::now() + wait), wait).await
    }

    async fn response_until(
        &mut self,
        deadline: Instant,
        wait: Duration,
    ) -> Result<Response, ImapFault> {
        let host = self.host();
        match tokio::time::timeout_at(deadline, self.read_response(self.patience.answer)).await {
            Ok(response) => response,
            Err(_) => Err(LinkFault::Silent { host, seconds: wait.as_secs() }.into()),
        }
    }

    async fn read_response(&mut self, wait: Duration) -> Result<Response, ImapFault> {
        let host = self.host();
        let too_much = || LinkFault::TooMuch(host.clone());
        let mut response = Response::default();
        loop {
            let line_max = SEARCH_BYTES_MAX.min(self.bytes_left);
            let line = self.wire.line(line_max, wait).await?;
            self.bytes_left = self.bytes_left.saturating_sub(line.len() + 2);
            let literal = response.add_line(line).ok().ok_or_else(too_much)?;
            let Some(length) = literal else { return Ok(response) };
            if length > self.bytes_left {
                return Err(too_much().into());
            }
            self.bytes_left -= length;
            let start = response.room_for(length);
            self.wire.exactly(length, &mut response.bytes, wait).await?;
            response.literal_read(start).ok().ok_or_else(too_much)?;
        }
    }
}

/// A refusal in the words for signing in.
fn sign_in_fault(fault: ImapFault) -> ImapFault {
    match fault {
        ImapFault::Refused { host, said } => {
            let passing = ["[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]"];
            let permanent = !passing.iter().any(|code| said.starts_with(code));
            ImapFault::SignIn { host, said, permanent }
        }
        other => other,
    }
}
