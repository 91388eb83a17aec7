//! One connection, command by command.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use kernel::{EmailAddress, clip, one_line};
use smtp_proto::{Error, MailFrom as MailCommand, RcptTo, Request};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::lmtp::data::{Flaw, Incoming, Room};
use crate::lmtp::peers::Seat;
use crate::lmtp::{Door, Envelope, Known, MailFrom, Manners, Verdict};

const LINE_BYTES_MAX: usize = 2 * 1024;
const READ_BYTES: usize = 64 * 1024;
const MISTAKES_MAX: u32 = 20;
/// Who sends this much of a mail makes use of the connection.
const GETS_ON_BYTES: usize = 64 * 1024;

pub(crate) struct Connection<S> {
    stream: S,
    manners: Arc<Manners>,
    room: Room,
    seat: Option<Seat>,
    is_ending: watch::Receiver<bool>,
    /// What arrived.
    held: Vec<u8>,
    /// How much of it was taken already.
    taken: usize,
    /// What is to be said once there is nothing more to read.
    answers: String,
    greeted: bool,
    mail_from: Option<MailFrom>,
    recipients: Vec<EmailAddress>,
    mistakes: u32,
    /// When it began, or when the last mail was over.
    idle_since: Instant,
}

/// The connection is over: the peer left, was silent, or was sent away.
struct Over;

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(crate) fn new(
        stream: S,
        manners: Arc<Manners>,
        room: Room,
        seat: Option<Seat>,
        is_ending: watch::Receiver<bool>,
    ) -> Self {
        Self {
            stream,
            manners,
            room,
            seat,
            is_ending,
            held: Vec::new(),
            taken: 0,
            answers: String::new(),
            greeted: false,
            mail_from: None,
            recipients: Vec::new(),
            mistakes: 0,
            idle_since: Instant::now(),
        }
    }

    /// Serves the connection to its end. Without a seat the peer is asked to come back.
    pub(crate) async fn run(mut self, door: &impl Door) {
        if self.seat.is_none() {
            self.say("421 4.3.2 Too many connections, come back later");
        } else {
            let greeting = format!("220 {} LMTP ready", self.manners.hello_name);
            self.say(&greeting);
            while self.step(door).await.is_ok() {}
        }
        // Whoever is still there hears the last words.
        let _ = self.flush().await;
    }

    async fn step(&mut self, door: &impl Door) -> Result<(), Over> {
        let line = self.line().await?;
        let request = Request::parse(&mut line.iter());
        if !line.ends_with(b"\r\n") {
            return self.mistake("500 5.5.2 Lines end with CRLF");
        }
        match request {
            Ok(Request::Lhlo { .. }) => self.hello(),
            Ok(Request::Ehlo { .. } | Request::Helo { .. }) => {
                return self.mistake("500 5.5.1 This is LMTP, begin with LHLO");
            }
            Ok(Request::Mail { from }) => return self.mail(&from),
            Ok(Request::Rcpt { to }) => return self.recipient(&to, door).await,
            Ok(Request::Data) => return self.data(door).await,
            Ok(Request::Rset) => {
                self.reset();
                self.say("250 2.0.0 Forgotten");
            }
            Ok(Request::Noop { .. }) => self.say("250 2.0.0 Here I am"),
            Ok(Request::Vrfy { .. }) => self.say("252 2.5.0 Try to send and see"),
            Ok(Request::Quit) => {
                self.say("221 2.0.0 Goodbye");
                return Err(Over);
            }
            Ok(_) => return self.mistake("502 5.5.1 Not known here"),
            Err(Error::InvalidRecipientAddress) => {
                return self.mistake("550 5.1.3 This is not an address");
            }
            Err(Error::InvalidSenderAddress) => {
                return self.mistake("550 5.1.7 This is not an address");
            }
            Err(Error::UnsupportedParameter { .. } | Error::InvalidParameter { .. }) => {
                return self.mistake("555 5.5.4 This parameter is not known");
            }
            Err(_) => return self.mistake("500 5.5.2 Not understood"),
        }
        Ok(())
    }

    fn hello(&mut self) {
        self.reset();
        self.greeted = true;
        let Manners { hello_name, limits } = &*self.manners;
        // Writing to a string does not fail.
        let _ = write!(
            self.answers,
            "250-{hello_name}\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
             250-ENHANCEDSTATUSCODES\r\n250 SIZE {}\r\n",
            limits.message_bytes_max
        );
    }

    fn mail(&mut self, command: &MailCommand<Cow<'_, str>>) -> Result<(), Over> {
        if !self.greeted || self.mail_from.is_some() {
            return self.mistake("503 5.5.1 Not now");
        }
        if command.size > self.manners.limits.message_bytes_max {
            self.say("552 5.3.4 The mail is too large");
            return Ok(());
        }
        let address = command.address.trim();
        self.mail_from = Some(match address.parse() {
            _ if address.is_empty() => MailFrom::Nobody,
            Ok(address) => MailFrom::Address(address),
            Err(_) => MailFrom::Other(clip(&one_line(address), 320)),
        });
        self.say("250 2.1.0 Go on");
        Ok(())
    }

    async fn recipient(
        &mut self,
        command: &RcptTo<Cow<'_, str>>,
        door: &impl Door,
    ) -> Result<(), Over> {
        if self.mail_from.is_none() {
            return self.mistake("503 5.5.1 MAIL comes first");
        }
        if self.recipients.len() >= self.manners.limits.recipients_max {
            self.say("452 4.5.3 Too many recipients");
            return Ok(());
        }
        let Ok(address) = command.address.parse::<EmailAddress>() else {
            self.say("550 5.1.3 This is not an address");
            return Ok(());
        };
        match door.knows(address.clone()).await {
            Known::Yes => {
                self.recipients.push(address);
                self.say("250 2.1.5 Known");
            }
            Known::No => self.say("550 5.1.1 There is no such mailbox here"),
            Known::TryAgain => self.say("451 4.3.0 This cannot be looked up now"),
        }
        Ok(())
    }

    async fn data(&mut self, door: &impl Door) -> Result<(), Over> {
        if self.recipients.is_empty() {
            return self.mistake("503 5.5.1 There is no recipient");
        }
        self.say("354 Go on, end with a dot");
        let limits = &self.manners.limits;
        let mut incoming = Incoming::new(limits.message_bytes_max, self.room.clone());
        let mail = self.receive(&mut incoming).await?;
        self.get_on();
        let recipients = std::mem::take(&mut self.recipients);
        let mail_from = self.mail_from.take().unwrap_or(MailFrom::Nobody);
        self.idle_since = Instant::now();
        let verdicts = match mail {
            Ok(mail) => {
                let envelope = Envelope { mail_from, recipients: recipients.clone() };
                door.deliver(envelope, mail).await
            }
            Err(flaw) => {
                let answer = match flaw {
                    Flaw::TooLarge => "552 5.3.4 The mail is too large",
                    Flaw::NoRoom => "452 4.3.1 Too much mail at once, come back later",
                    Flaw::BareLineEnd => "550 5.6.0 The mail has lines that do not end with CRLF",
                };
                for _ in &recipients {
                    self.say(answer);
                }
                return Ok(());
            }
        };
        self.get_on();
        // A door that forgets somebody has not stored anything for them.
        let verdicts = verdicts.into_iter().map(Some).chain(std::iter::repeat(None));
        for (recipient, verdict) in recipients.iter().zip(verdicts) {
            match verdict {
                Some(Verdict::Stored) => self.say_about("250 2.1.5", recipient, "stored"),
                Some(Verdict::Refused(why)) => self.say_about("550 5.7.1", recipient, &why),
                Some(Verdict::TryAgain(why)) => self.say_about("451 4.3.0", recipient, &why),
                Some(Verdict::NoRoom(why)) => self.say_about("452 4.3.1", recipient, &why),
                None => self.say_about("451 4.3.0", recipient, "nothing is known about this"),
            }
        }
        Ok(())
    }

    async fn receive(&mut self, incoming: &mut Incoming) -> Result<Result<Vec<u8>, Flaw>, Over> {
        let deadline = Instant::now() + self.manners.limits.data;
        let mut since_noted = 0;
        loop {
            if self.untaken().is_empty() {
                self.fill(deadline).await?;
            }
            let arrived = self.untaken();
            since_noted += arrived.len();
            if let Some(behind) = incoming.take(arrived) {
                self.held = behind;
                self.taken = 0;
                return Ok(incoming.finish());
            }
            self.taken = self.held.len();
            if since_noted >= GETS_ON_BYTES {
                since_noted = 0;
                self.get_on();
            }
        }
    }

    fn untaken(&self) -> &[u8] {
        self.held.get(self.taken..).unwrap_or_default()
    }

    fn get_on(&self) {
        if let Some(seat) = &self.seat {
            seat.gets_on();
        }
    }

    /// The next line with its end.
    async fn line(&mut self) -> Result<Vec<u8>, Over> {
        let mut searched = 0;
        // Who sends a byte now and then takes a seat from others as much as who sends nothing.
        let limits = &self.manners.limits;
        let (now, leaves_at) = (Instant::now(), self.idle_since + limits.errand);
        if now >= leaves_at {
            self.say("421 4.4.2 No mail came for too long");
            return Err(Over);
        }
        let deadline = (now + limits.idle).min(leaves_at);
        loop {
            let untaken = self.untaken();
            let fresh = untaken.get(searched..).unwrap_or_default();
            let end = memchr::memchr(b'\n', fresh).map(|at| searched + at + 1);
            searched = untaken.len();
            if end.unwrap_or(searched) > LINE_BYTES_MAX {
                self.say("500 5.5.2 This line is too long");
                return Err(Over);
            }
            if let Some(end) = end {
                let line = untaken.get(..end).unwrap_or_default().to_vec();
                self.taken += end;
                return Ok(line);
            }
            if searched == 0 && *self.is_ending.borrow() {
                self.say("421 4.3.2 Closing, come back later");
                return Err(Over);
            }
            self.fill_between_commands(deadline).await?;
        }
    }

    /// Waits for the peer, or for the end of the listener when nothing is under way.
    async fn fill_between_commands(&mut self, deadline: Instant) -> Result<(), Over> {
        let is_quiet = self.untaken().is_empty() && self.mail_from.is_none();
        if !is_quiet {
            return self.fill(deadline).await;
        }
        let mut is_ending = self.is_ending.clone();
        let ended = tokio::select! {
            filled = self.fill(deadline) => return filled,
            ended = is_ending.wait_for(|ending| *ending) => ended.is_ok(),
        };
        if ended {
            self.say("421 4.3.2 Closing, come back later");
        }
        Err(Over)
    }

    /// Reads what there is, after having said what is to be said.
    async fn fill(&mut self, deadline: Instant) -> Result<(), Over> {
        self.flush().await?;
        let deadline = deadline.min(Instant::now() + self.manners.limits.idle);
        self.held.drain(..self.taken);
        self.taken = 0;
        self.held.reserve(READ_BYTES);
        let has_to_leave = async {
            match &self.seat {
                Some(seat) => seat.has_to_leave().await,
                None => std::future::pending().await,
            }
        };
        let read = tokio::select! {
            read = timeout_at(deadline, self.stream.read_buf(&mut self.held)) => read,
            () = has_to_leave => {
                self.say("421 4.3.2 Others wait, come back later");
                return Err(Over);
            }
        };
        match read {
            Ok(Ok(0) | Err(_)) => Err(Over),
            Ok(Ok(_)) => Ok(()),
            Err(_) => {
                self.say("421 4.4.2 Nothing came for too long");
                Err(Over)
            }
        }
    }

    async fn flush(&mut self) -> Result<(), Over> {
        if self.answers.is_empty() {
            return Ok(());
        }
        let answers = std::mem::take(&mut self.answers);
        let deadline = Instant::now() + self.manners.limits.idle;
        let work = async {
            self.stream.write_all(answers.as_bytes()).await?;
            self.stream.flush().await
        };
        match timeout_at(deadline, work).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Over),
        }
    }

    fn reset(&mut self) {
        self.mail_from = None;
        self.recipients.clear();
    }

    fn say(&mut self, answer: &str) {
        self.answers.push_str(answer);
        self.answers.push_str("\r\n");
    }

    /// An answer about a recipient, in plain ASCII on one line.
    fn say_about(&mut self, code: &str, recipient: &EmailAddress, words: &str) {
        let words: String =
            one_line(words).chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
        let answer = format!("{code} <{recipient}> {}", clip(&words, 200).replace('…', "..."));
        self.say(&answer);
    }

    fn mistake(&mut self, answer: &str) -> Result<(), Over> {
        self.mistakes += 1;
        if self.mistakes > MISTAKES_MAX {
            self.say("421 4.7.0 Too many mistakes");
            return Err(Over);
        }
        self.say(answer);
        Ok(())
    }
}
