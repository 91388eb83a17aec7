//! Whether everything that was taken is there, once.

use std::collections::HashMap;
use std::fmt;

use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::Value;

use crate::driver::Driver;
use crate::order::{Door, marks};

/// What was found. Its text is the figure.
pub(crate) struct Arrived {
    mails: usize,
    lmtp: usize,
    imap: usize,
    pipe: usize,
    api: usize,
    kills: usize,
    lost: usize,
    doubled: usize,
    /// Sent again because no answer came.
    unknown: usize,
    /// Sent again although the answer had come.
    repeated: usize,
    pub(crate) problems: Vec<String>,
}

impl fmt::Display for Arrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mails, lmtp, imap, pipe, api, kills, lost, doubled, unknown, repeated, .. } =
            self;
        write!(
            f,
            "{mails} mails (lmtp {lmtp}, imap {imap}, pipe {pipe}, api {api}), {kills} kills, \
             {unknown} sent again after silence, {repeated} after an answer, {lost} lost, \
             {doubled} doubled"
        )
    }
}

/// Pages are fetched like this.
const AT_ONCE: usize = 4;

impl Driver {
    pub(crate) async fn compares_what_is_there(&self) -> Arrived {
        let (there, lines) = (self.messages_by_mark().await, self.lines_by_mail_id().await);
        let of = |doors: &[Door]| self.mails.iter().filter(|m| doors.contains(&m.door)).count();
        let ledger = self.ledger.lines();
        let mut arrived = Arrived {
            mails: self.mails.len(),
            lmtp: of(&[Door::Lmtp]),
            imap: of(&[Door::Imap]),
            pipe: of(&[Door::Pipe]),
            api: of(&[Door::Ticket, Door::Reply]),
            kills: self.order.kills,
            lost: 0,
            doubled: 0,
            unknown: ledger.iter().map(|line| line.unknown).sum(),
            repeated: ledger.iter().map(|line| line.repeated).sum(),
            problems: Vec::new(),
        };
        for (mail, line) in self.mails.iter().zip(ledger) {
            let count = there.get(&mail.number).copied().unwrap_or_default();
            if let Some(why) = line.refused {
                arrived.problems.push(format!("refused: {mail:?}: {why}"));
            }
            let lost = line.is_taken && count == 0;
            arrived.lost += usize::from(lost);
            arrived.doubled += usize::from(count > 1);
            if lost || count > 1 {
                arrived.problems.push(format!("{count} times there: {mail:?}"));
            }
            let sources = lines.get(&self.mail_id(mail.number)).map_or(&[][..], Vec::as_slice);
            if mail.is_mail() && line.is_taken {
                arrived.problems.extend(self.faults_of_source(mail.number, sources));
            }
        }
        arrived
    }

    /// What is wrong with the lines that the program's own ledger has about one mail.
    fn faults_of_source(&self, number: usize, lines: &[Value]) -> Option<String> {
        let mail = &self.mails[number];
        let [line] = lines else {
            return Some(format!("{} lines in the program's ledger: {mail:?}", lines.len()));
        };
        let written = self.written(mail);
        let sent = match mail.door {
            Door::Lmtp => Some(written.replace('\n', "\r\n")),
            Door::Pipe => Some(written),
            // The mail server on the way adds lines of its own.
            Door::Imap | Door::Ticket | Door::Reply => None,
        };
        let hash = sent.map(|sent| email::raw_hash(sent.as_bytes()));
        let is_same = hash.is_none_or(|hash| line["sha256"] == hash.as_str());
        let is_fine = line["fate"] == "ticketed" && is_same;
        (!is_fine).then(|| format!("not as it was sent: {mail:?}: {line}"))
    }

    /// In how many messages each mail's mark stands.
    async fn messages_by_mark(&self) -> HashMap<usize, usize> {
        let mut tickets = self.all("/api/v1/tickets").await;
        tickets.extend(self.all("/api/v1/tickets?status=spam").await);
        let urls = tickets.iter().map(|ticket| format!("{}/messages", text_of(ticket, "url")));
        let messages = stream::iter(urls)
            .map(async |url| self.all(&url).await)
            .buffer_unordered(AT_ONCE)
            .concat()
            .await;
        let mut there = HashMap::new();
        for message in messages {
            for number in marks(text_of(&message, "text")) {
                *there.entry(number).or_default() += 1;
            }
        }
        there
    }

    async fn lines_by_mail_id(&self) -> HashMap<String, Vec<Value>> {
        let mut lines: HashMap<String, Vec<Value>> = HashMap::new();
        for line in self.all("/api/v1/mail/ledger").await {
            lines.entry(text_of(&line, "message_id").to_owned()).or_default().push(line);
        }
        lines
    }

    /// Every page of a list.
    async fn all(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut after = String::new();
        let sign = if path.contains('?') { '&' } else { '?' };
        loop {
            let request = self.web.request(Method::GET, &format!("{path}{sign}limit=100{after}"));
            let page = self.web.send(request.bearer_auth(&self.token)).await.json();
            all.extend(page["data"].as_array().expect("a list").iter().cloned());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return all,
            }
        }
    }
}

fn text_of<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}
