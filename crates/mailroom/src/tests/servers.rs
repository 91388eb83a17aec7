//! Mail servers and a provider in the same process, as good as real ones where it matters.

use std::sync::{Arc, Mutex, MutexGuard};

use kernel::{Span, Timestamp};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Serves every connection in a task of its own, until the test ends.
fn serve<F>(listener: TcpListener, talk: impl Fn(TcpStream) -> F + Send + Sync + 'static)
where
    F: Future<Output = Option<()>> + Send + 'static,
{
    #[expect(clippy::disallowed_methods, reason = "ends with the runtime of the test")]
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            #[expect(clippy::disallowed_methods, reason = "ends with the runtime of the test")]
            tokio::spawn(talk(stream));
        }
    });
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

async fn line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await.ok()?;
    (read > 0).then(|| line.trim_end().to_owned())
}

async fn say(stream: &mut BufReader<TcpStream>, text: impl AsRef<[u8]>) -> Option<()> {
    stream.write_all(text.as_ref()).await.ok()?;
    stream.flush().await.ok()
}

/// A mail as the sink got it.
#[derive(Clone, Debug)]
pub(super) struct Got {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) sign_in: Option<String>,
    pub(super) mail: String,
}

impl Got {
    /// A field of the header, unfolded.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        let head = self.mail.split("\r\n\r\n").next().unwrap_or_default();
        let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let mut fields = unfolded.split("\r\n").filter_map(|field| field.split_once(": "));
        fields.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    }
}

/// An SMTP server that takes mail, or says what it was told to say to recipients.
#[derive(Clone, Default)]
pub(super) struct Sink(Arc<Mutex<SinkState>>);

#[derive(Default)]
struct SinkState {
    got: Vec<Got>,
    /// The answer to RCPT TO for an address that contains this.
    refuses: Vec<(String, String)>,
    /// A mail is answered only after this.
    thinks: Option<Arc<Notify>>,
    /// It takes mails and leaves without a word.
    is_rude: bool,
    port: u16,
}

impl Sink {
    pub(super) async fn new() -> Self {
        let (listener, port) = listen().await;
        let sink = Self::default();
        sink.state().port = port;
        let state = sink.clone();
        serve(listener, move |stream| state.clone().talk(BufReader::new(stream)));
        sink
    }

    fn state(&self) -> MutexGuard<'_, SinkState> {
        self.0.lock().unwrap()
    }

    pub(super) fn port(&self) -> u16 {
        self.state().port
    }

    pub(super) fn got(&self) -> Vec<Got> {
        self.state().got.clone()
    }

    pub(super) fn refuses(&self, address: &str, answer: &str) {
        self.state().refuses = vec![(address.to_owned(), answer.to_owned())];
    }

    /// Lets it say nothing to a mail that it has, until it is told to.
    pub(super) fn thinks(&self) -> Arc<Notify> {
        Arc::clone(self.state().thinks.insert(Arc::default()))
    }

    /// Lets it hang up when it has a mail, without having said so.
    pub(super) fn is_rude(&self, is_rude: bool) {
        self.state().is_rude = is_rude;
    }

    pub(super) fn takes_everything(&self) {
        self.state().refuses.clear();
    }

    async fn talk(self, mut stream: BufReader<TcpStream>) -> Option<()> {
        say(&mut stream, "220 sink.example ESMTP\r\n").await?;
        let nothing =
            || Got { from: String::new(), to: Vec::new(), sign_in: None, mail: String::new() };
        let mut got = nothing();
        loop {
            let heard = line(&mut stream).await?;
            let (verb, rest) = heard.split_at(heard.find([' ', ':']).unwrap_or(heard.len()));
            let answer = match verb.to_ascii_uppercase().as_str() {
                "EHLO" => "250-sink.example\r\n250-SIZE 30000000\r\n250 AUTH PLAIN XOAUTH2".into(),
                "AUTH" => {
                    got.sign_in = Some(rest.trim().to_owned());
                    "235 2.7.0 welcome".into()
                }
                "MAIL" => {
                    heard.clone_into(&mut got.from);
                    "250 2.1.0 ok".into()
                }
                "RCPT" => {
                    let refusal = self
                        .state()
                        .refuses
                        .iter()
                        .find(|(address, _)| heard.contains(address.as_str()))
                        .map(|(_, answer)| answer.clone());
                    if refusal.is_none() {
                        got.to.push(heard.clone());
                    }
                    refusal.unwrap_or("250 2.1.5 ok".to_owned())
                }
                "DATA" => {
                    say(&mut stream, "354 go on\r\n").await?;
                    loop {
                        let text = line(&mut stream).await?;
                        if text == "." {
                            break;
                        }
                        got.mail.push_str(text.strip_prefix('.').unwrap_or(&text));
                        got.mail.push_str("\r\n");
                    }
                    let whole = std::mem::replace(&mut got, nothing());
                    self.state().got.push(whole);
                    if self.state().is_rude {
                        return None;
                    }
                    let thinks = self.state().thinks.clone();
                    if let Some(thinks) = thinks {
                        thinks.notified().await;
                    }
                    "250 2.0.0 queued".into()
                }
                "QUIT" => {
                    say(&mut stream, "221 bye\r\n").await?;
                    return None;
                }
                _ => String::from("250 ok"),
            };
            say(&mut stream, format!("{answer}\r\n")).await?;
        }
    }
}

/// A mailbox over IMAP with one folder.
#[derive(Clone)]
pub(super) struct Post(Arc<Mutex<PostState>>, Arc<Notify>);

struct PostState {
    port: u16,
    uid_validity: u32,
    next: u32,
    mails: Vec<(u32, Timestamp, Vec<u8>)>,
    seen: Vec<String>,
    moved: Vec<String>,
    sign_in: Vec<String>,
    refuses_sign_in: bool,
    /// The connection breaks after this many answers.
    breaks_after: Option<usize>,
    /// A mail that is named and not given, and how.
    withholds: Option<(u32, Withheld)>,
    /// What it calls the next number, if that is wrong.
    miscounts: Option<u32>,
    heard: Vec<String>,
}

/// How a server does not give a mail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Withheld {
    Silently,
    WithNo,
    /// The connection breaks while it is sent.
    Breaking,
}

impl Post {
    pub(super) async fn new() -> Self {
        let (listener, port) = listen().await;
        let state = PostState {
            port,
            uid_validity: 1,
            next: 1,
            mails: Vec::new(),
            seen: Vec::new(),
            moved: Vec::new(),
            sign_in: Vec::new(),
            refuses_sign_in: false,
            breaks_after: None,
            withholds: None,
            miscounts: None,
            heard: Vec::new(),
        };
        let post = Self(Arc::new(Mutex::new(state)), Arc::default());
        let own = post.clone();
        serve(listener, move |stream| own.clone().talk(BufReader::new(stream)));
        post
    }

    fn state(&self) -> MutexGuard<'_, PostState> {
        self.0.lock().unwrap()
    }

    pub(super) fn port(&self) -> u16 {
        self.state().port
    }

    pub(super) fn arrives(&self, mail: impl Into<Vec<u8>>, at: Timestamp) {
        let mut state = self.state();
        let uid = state.next;
        state.next += 1;
        state.mails.push((uid, at, mail.into()));
        drop(state);
        self.1.notify_waiters();
    }

    /// The folder is made anew: every mail gets another number.
    pub(super) fn renumbers(&self) {
        let mut state = self.state();
        state.uid_validity += 1;
        for mail in &mut state.mails {
            mail.0 += 100;
        }
        state.next += 100;
    }

    /// The folder is put back from a copy that has these mails, and says nothing about it.
    pub(super) fn goes_back_to(&self, count: u32) {
        let mut state = self.state();
        state.mails.retain(|mail| mail.0 <= count);
        state.next = count + 1;
    }

    pub(super) fn miscounts(&self, next: u32) {
        self.state().miscounts = Some(next);
    }

    /// The commands that it got.
    pub(super) fn heard(&self) -> Vec<String> {
        self.state().heard.clone()
    }

    pub(super) fn breaks_after(&self, answers: usize) {
        self.state().breaks_after = Some(answers);
    }

    pub(super) fn withholds(&self, uid: u32, how: Withheld) {
        self.state().withholds = Some((uid, how));
    }

    pub(super) fn gives_all(&self) {
        self.state().withholds = None;
    }

    pub(super) fn refuses_sign_in(&self, refuses: bool) {
        self.state().refuses_sign_in = refuses;
    }

    pub(super) fn moved(&self) -> Vec<String> {
        self.state().moved.clone()
    }

    pub(super) fn seen(&self) -> Vec<String> {
        self.state().seen.clone()
    }

    pub(super) fn sign_ins(&self) -> Vec<String> {
        self.state().sign_in.clone()
    }

    async fn talk(self, mut stream: BufReader<TcpStream>) -> Option<()> {
        say(&mut stream, "* OK hello\r\n").await?;
        let mut told = 0;
        loop {
            let heard = line(&mut stream).await?;
            let (tag, command) = heard.split_once(' ')?;
            if command == "IDLE" {
                let news = self.1.notified();
                say(&mut stream, "+ waiting\r\n").await?;
                let is_news = self.state().mails.len() != told;
                tokio::select! {
                    () = async { if !is_news { news.await } } => {
                        told = self.state().mails.len();
                        say(&mut stream, format!("* {told} EXISTS\r\n")).await?;
                        line(&mut stream).await?;
                    }
                    done = line(&mut stream) => drop(done?),
                }
                say(&mut stream, format!("{tag} OK done\r\n")).await?;
                continue;
            }
            if command.starts_with("SELECT") {
                told = self.state().mails.len();
            }
            let (untagged, outcome) = self.answer(command);
            if let Some(left) = &mut self.state().breaks_after {
                if *left == 0 {
                    return None;
                }
                *left -= 1;
            }
            say(&mut stream, untagged).await?;
            if outcome == BREAKS {
                return None;
            }
            say(&mut stream, format!("{tag} {outcome}\r\n")).await?;
        }
    }

    fn answer(&self, command: &str) -> (Vec<u8>, &'static str) {
        let mut state = self.state();
        state.heard.push(command.to_owned());
        let mut words = command.split(' ');
        let verb = words.next().unwrap_or_default();
        let rest: Vec<&str> = words.collect();
        let text = match (verb, rest.as_slice()) {
            ("CAPABILITY", _) => {
                "* CAPABILITY IMAP4rev1 IDLE MOVE UIDPLUS AUTH=PLAIN AUTH=XOAUTH2 SASL-IR\r\n"
                    .into()
            }
            ("AUTHENTICATE", [_, secret, ..]) => {
                state.sign_in.push((*secret).to_owned());
                if state.refuses_sign_in {
                    return (Vec::new(), "NO [AUTHENTICATIONFAILED] wrong password");
                }
                String::new()
            }
            ("LIST", _) => "* LIST () \"/\" INBOX\r\n".into(),
            ("SELECT", _) => format!(
                "* {} EXISTS\r\n* OK [UIDVALIDITY {}] ok\r\n* OK [UIDNEXT {}] ok\r\n",
                state.mails.len(),
                state.uid_validity,
                state.miscounts.unwrap_or(state.next)
            ),
            ("UID", ["SEARCH", "UID", set]) if !set.ends_with('*') => {
                let wanted = uids(set);
                found(state.mails.iter().map(|mail| mail.0).filter(|uid| wanted.contains(uid)))
            }
            ("UID", ["SEARCH", "UID", range]) => {
                let first: u32 = range.split(':').next().unwrap_or_default().parse().unwrap();
                let last = state.mails.iter().map(|mail| mail.0).max();
                let named = |uid: u32| uid >= first || Some(uid) == last;
                found(state.mails.iter().map(|mail| mail.0).filter(|uid| named(*uid)))
            }
            ("UID", ["SEARCH", "SINCE", day]) => {
                let since = day_of(day);
                let late = state.mails.iter().filter(|mail| mail.1 >= since);
                found(late.map(|mail| mail.0))
            }
            ("UID", ["FETCH", set, ..]) => {
                let is_asked = |uid: u32| command.contains("BODY") && uids(set).contains(&uid);
                let outcome = match state.withholds {
                    Some((uid, Withheld::WithNo)) if is_asked(uid) => "NO [SERVERBUG] damaged",
                    Some((uid, Withheld::Breaking)) if is_asked(uid) => BREAKS,
                    _ => "OK done",
                };
                return (fetched(&state, set, command), outcome);
            }
            ("UID", ["STORE", set, ..]) => {
                state.seen.push((*set).to_owned());
                String::new()
            }
            ("UID", ["MOVE", set, folder]) => {
                state.moved.push(format!("{set} {folder}"));
                let gone = uids(set);
                state.mails.retain(|mail| !gone.contains(&mail.0));
                String::new()
            }
            _ => String::new(),
        };
        (text.into_bytes(), "OK done")
    }
}

/// Instead of an outcome: the connection breaks.
const BREAKS: &str = "";

fn found(uids: impl Iterator<Item = u32>) -> String {
    let uids: Vec<String> = uids.map(|uid| format!(" {uid}")).collect();
    format!("* SEARCH{}\r\n", uids.concat())
}

/// `1,4:6`
fn uids(set: &str) -> Vec<u32> {
    set.split(',')
        .flat_map(|part| {
            let (first, last) = part.split_once(':').unwrap_or((part, part));
            first.parse::<u32>().unwrap()..=last.parse::<u32>().unwrap()
        })
        .collect()
}

fn day_of(text: &str) -> Timestamp {
    let date = jiff::civil::Date::strptime("%d-%b-%Y", text).unwrap();
    let at = date.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    Timestamp::from_seconds(at.as_second())
}

fn fetched(state: &PostState, set: &str, command: &str) -> Vec<u8> {
    let mut said = Vec::new();
    let wanted = uids(set);
    for (uid, at, bytes) in state.mails.iter().filter(|mail| wanted.contains(&mail.0)) {
        if command.contains("RFC822.SIZE") {
            let date = at.in_zone(&jiff::tz::TimeZone::UTC).strftime("%d-%b-%Y %H:%M:%S +0000");
            let size = bytes.len();
            said.extend_from_slice(
                format!("* 1 FETCH (UID {uid} RFC822.SIZE {size} INTERNALDATE \"{date}\")\r\n")
                    .as_bytes(),
            );
        } else if let Some((withheld, how)) = state.withholds
            && withheld == *uid
        {
            let beginning = match how {
                Withheld::Silently | Withheld::WithNo => {
                    format!("* 1 FETCH (UID {uid} BODY[] NIL)\r\n")
                }
                Withheld::Breaking => format!("* 1 FETCH (UID {uid} BODY[] {{100}}\r\nFrom: "),
            };
            said.extend_from_slice(beginning.as_bytes());
            if how == Withheld::Breaking {
                break;
            }
        } else {
            said.extend_from_slice(
                format!("* 1 FETCH (UID {uid} BODY[] {{{}}}\r\n", bytes.len()).as_bytes(),
            );
            said.extend_from_slice(bytes);
            said.extend_from_slice(b")\r\n");
        }
    }
    said
}

/// A provider's token endpoint, which answers the same until told otherwise.
#[derive(Clone)]
pub(super) struct Provider(Arc<Mutex<Said>>, u16);

/// The status and the body of every answer, and what was asked.
type Said = (String, Vec<u8>, Vec<String>);

impl Provider {
    pub(super) async fn new() -> Self {
        let (listener, port) = listen().await;
        let answer = ("200 OK".to_owned(), b"{}".to_vec(), Vec::new());
        let provider = Self(Arc::new(Mutex::new(answer)), port);
        let own = provider.clone();
        serve(listener, move |stream| own.clone().talk(BufReader::new(stream)));
        provider
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.1)
    }

    pub(super) fn answers(&self, status: &str, body: &str) {
        let mut state = self.0.lock().unwrap();
        (state.0, state.1) = (status.to_owned(), body.as_bytes().to_vec());
    }

    /// Answers every question with these bytes.
    pub(super) fn gives(&self, bytes: &[u8]) {
        self.0.lock().unwrap().1 = bytes.to_vec();
    }

    /// The bodies of what it was asked.
    pub(super) fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().2.clone()
    }

    async fn talk(self, mut stream: BufReader<TcpStream>) -> Option<()> {
        let mut length = 0;
        loop {
            let field = line(&mut stream).await?;
            if let Some((name, value)) = field.split_once(": ")
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.parse().ok()?;
            }
            if field.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let answer = {
            let mut state = self.0.lock().unwrap();
            state.2.push(String::from_utf8_lossy(&body).into_owned());
            let (status, body) = (&state.0, &state.1);
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            [head.as_bytes(), body].concat()
        };
        say(&mut stream, answer).await
    }
}

/// Waits until something is so, and fails if that takes too long.
pub(super) async fn until(is_so: impl AsyncFn() -> bool) {
    for _ in 0..600 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Span::millis(25).to_std()).await;
    }
    panic!("it did not come to pass");
}
