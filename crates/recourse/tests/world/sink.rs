//! A real SMTP server that keeps what it gets.

use std::path::PathBuf;
use std::sync::OnceLock;

use mail_parser::{Message, MessageParser};
use serde::Deserialize;

use super::peers::wait_for_port;
use super::{MAIL_PASSWORD, Peer, free_port, scratch};

pub(crate) struct Sink {
    pub(crate) port: u16,
    folder: PathBuf,
    _peer: Peer,
}

/// A mail with its envelope.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Got {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) mail: String,
    /// When its first recipient was named, in microseconds since 1970.
    pub(crate) begun_at: i64,
}

impl Got {
    /// A field of the header, unfolded; empty where there is none.
    pub(crate) fn field(&self, name: &str) -> String {
        let head = self.mail.split("\r\n\r\n").next().unwrap_or_default();
        let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let mut fields = unfolded.split("\r\n").filter_map(|field| field.split_once(": "));
        let found = fields.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map_or_else(String::new, |(_, value)| value.trim().to_owned())
    }

    fn parsed(&self) -> Message<'_> {
        MessageParser::default().parse(&self.mail).expect("a mail that can be read")
    }

    pub(crate) fn text(&self) -> String {
        let parsed = self.parsed();
        let body =
            parsed.text_body.first().and_then(|at| parsed.parts.get(usize::try_from(*at).ok()?));
        body.and_then(|part| part.text_contents()).unwrap_or_default().to_owned()
    }

    pub(crate) fn html(&self) -> String {
        let parsed = self.parsed();
        let body =
            parsed.html_body.first().and_then(|at| parsed.parts.get(usize::try_from(*at).ok()?));
        body.and_then(|part| part.text_contents()).unwrap_or_default().to_owned()
    }
}

impl Sink {
    /// The one of this run.
    pub(crate) fn here() -> &'static Self {
        static ONE: OnceLock<Sink> = OnceLock::new();
        ONE.get_or_init(Self::start)
    }

    fn start() -> Self {
        let project = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        let python = super::part(&[&format!("{project}/.venv/bin/python3")]);
        let folder = scratch("sink");
        let port = free_port();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/world/sink.py");
        let kept = folder.to_str().expect("a plain path");
        let peer = Peer::start(&folder, &[&python, script, kept, &port.to_string(), MAIL_PASSWORD]);
        wait_for_port(port, "the mail sink (aiosmtpd)", &folder);
        Self { port, folder, _peer: peer }
    }

    /// What came for an address, the first first.
    pub(crate) fn got(&self, to: &str) -> Vec<Got> {
        let mut all = self.everything();
        all.retain(|got| got.to.iter().any(|one| one == to));
        all
    }

    /// What came for anybody, the first first.
    pub(crate) fn everything(&self) -> Vec<Got> {
        let entries = std::fs::read_dir(&self.folder).expect("the folder is there").flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
        paths.sort();
        let kept = paths.iter().map(|path| std::fs::read(path).expect("it can be read"));
        let all = kept.map(|bytes| serde_json::from_slice(&bytes).expect("it is whole"));
        let mut all: Vec<Got> = all.collect();
        all.sort_by_key(|got| got.begun_at);
        all
    }
}
