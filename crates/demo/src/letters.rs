//! What the mails of a story say. Pure.

use jiff::tz::TimeZone;
use kernel::{EmailAddress, Timestamp};
use outbox::Party;
use tickets::{Channel, SenderCheck};

use crate::people::Person;
use crate::phrases::{Facts, Phrases};
use crate::rng::Rng;
use crate::shop::{AgentCard, COMPANY, DOMAIN, Issue};
use crate::story::{Mail, shown};

/// Who writes about what, in which language.
pub(crate) struct Pen<'w> {
    pub(crate) phrases: &'w Phrases,
    pub(crate) rng: Rng,
    pub(crate) issue: &'static Issue,
    pub(crate) language: &'static str,
    pub(crate) facts: Facts,
    pub(crate) subject: String,
    /// The mails that were exchanged: who wrote, when, what, under which Message-ID.
    pub(crate) thread: Vec<Sent>,
}

pub(crate) struct Sent {
    pub(crate) from: String,
    pub(crate) at: Timestamp,
    pub(crate) text: String,
    pub(crate) mail_id: String,
}

/// How many files there are to attach.
pub(crate) const FILES: usize = 5;

impl Pen<'_> {
    fn say(&mut self, section: &str) -> String {
        self.phrases.say(&mut self.rng, self.language, section, &self.facts)
    }

    fn part(&mut self, part: &str) -> String {
        let section = format!("{}.{part}", self.issue.key);
        self.say(&section)
    }

    /// The first mail.
    pub(crate) fn first(&mut self, person: &Person, at: Timestamp) -> Mail {
        let mut text = self.say("hello");
        text.push_str("\n\n");
        text.push_str(&self.part("open"));
        if self.rng.chance(75) {
            text.push(if self.rng.chance(60) { ' ' } else { '\n' });
            let detail = self.part("detail");
            text.push_str(&detail);
        }
        if self.rng.chance(35) {
            text.push_str("\n\n");
            text.push_str(&self.say("aside"));
        }
        text.push_str("\n\n");
        text.push_str(&self.part("ask"));
        self.subject = self.part("subject");
        let mut mail = self.mail(person, text, at);
        if self.rng.chance(30) {
            mail.quoted = format!("-- \n{}\n{}", person.name, self.say("sig"));
        }
        if self.rng.chance(7) {
            mail.files.push(self.rng.below(FILES));
        }
        if self.rng.chance(4) {
            mail.cc.extend(self.colleague(person));
        }
        mail
    }

    /// Somebody whom the customer wants to read along.
    fn colleague(&mut self, person: &Person) -> Option<Party> {
        let name = self.rng.pick(&["Alex Moore", "Kim Larsen", "Sam Rivera", "Jo Lindgren"])?;
        let (first, last) = name.split_once(' ')?;
        let local = person.address.as_str().split('@').next()?;
        let host = format!("{local}-office.example").replace('_', "-");
        let address = format!("{first}.{last}@{host}").to_lowercase();
        Some(Party::new(*name, address.parse::<EmailAddress>().ok()?))
    }

    /// A later mail of the customer, of one of the kinds that phrases know.
    pub(crate) fn follow_up(&mut self, person: &Person, section: &str, at: Timestamp) -> Mail {
        let body = if section == "more" { self.part(section) } else { self.say(section) };
        let is_plain = section == "thanks";
        let text = if is_plain || self.rng.chance(30) {
            body
        } else {
            format!("{}\n\n{body}", self.say("hello"))
        };
        let mut mail =
            if is_plain { self.envelope(person, text, at) } else { self.mail(person, text, at) };
        mail.subject = format!("Re: {}", self.subject);
        if let Some(last) = self.thread.iter().rev().nth(1).filter(|_| self.rng.chance(80)) {
            mail.quoted = quote(last);
        }
        if section == "told" && self.rng.chance(25) {
            mail.files.push(self.rng.below(2));
        }
        mail
    }

    fn mail(&mut self, person: &Person, mut text: String, at: Timestamp) -> Mail {
        text.push_str("\n\n");
        text.push_str(&self.say("bye"));
        text.push('\n');
        text.push_str(if self.rng.chance(70) { &person.given } else { &person.name });
        self.envelope(person, text, at)
    }

    fn envelope(&mut self, person: &Person, text: String, at: Timestamp) -> Mail {
        let host = person.address.domain();
        let mail_id = format!("{:x}.{:08x}@{host}", at.micros(), self.rng.next() >> 32);
        let references =
            self.thread.iter().rev().take(2).map(|sent| sent.mail_id.clone()).collect();
        let html = self.rng.chance(5).then(|| dressed(&text));
        self.thread.push(Sent {
            from: format!("{} <{}>", person.name, person.address),
            at,
            text: text.clone(),
            mail_id: mail_id.clone(),
        });
        Mail {
            channel: Channel::Email,
            cc: Vec::new(),
            subject: self.subject.clone(),
            text,
            quoted: String::new(),
            html,
            files: Vec::new(),
            mail_id,
            references,
            check: SenderCheck::Pass,
        }
    }

    /// An answer of ours: the text and its Message-ID.
    pub(crate) fn answer(
        &mut self,
        by: &AgentCard,
        from: &str,
        section: &str,
        at: Timestamp,
    ) -> (String, String) {
        by.first_name().clone_into(&mut self.facts.agent);
        let body = if section == "answer" { self.part(section) } else { self.say(section) };
        let mut text = format!("{}\n\n{body}", self.say("greet"));
        if self.rng.chance(65) {
            text.push_str("\n\n");
            text.push_str(&self.say("close"));
        }
        let (a, b) = (self.rng.next(), self.rng.next());
        let mail_id = format!("rc.{:013x}{a:016x}{:011x}@{DOMAIN}", at.micros(), b >> 20);
        let from = format!("{} at {from}", by.first_name());
        let sent = Sent { from, at, text: text.clone(), mail_id: mail_id.clone() };
        self.thread.push(sent);
        (text, mail_id)
    }

    pub(crate) fn note(&mut self) -> String {
        self.part("note")
    }

    pub(crate) fn english(&mut self, section: &str) -> String {
        self.phrases.say(&mut self.rng, "en", section, &self.facts)
    }
}

/// What nobody asked for.
pub(crate) fn spam(phrases: &Phrases, rng: &mut Rng, person: &Person, at: Timestamp) -> Mail {
    let facts = Facts {
        order: format!("#{}", rng.between(1_000, 9_999)),
        amount: format!("${}", rng.between(9, 90) * 1_000),
        ..Facts::default()
    };
    let mut say = |section: &str| phrases.say(rng, "en", section, &facts);
    let subject = say("spam.subject");
    let text = format!("{}\n\n{}\n\n{}", say("spam.open"), say("spam.ask"), person.name);
    let host = person.address.domain();
    Mail {
        channel: Channel::Email,
        cc: Vec::new(),
        subject,
        text,
        quoted: String::new(),
        html: None,
        files: Vec::new(),
        mail_id: format!("{:x}.{:08x}@{host}", at.micros(), rng.next() >> 32),
        references: Vec::new(),
        check: SenderCheck::Fail,
    }
}

/// How a mail program quotes what it answers.
fn quote(sent: &Sent) -> String {
    let when = date_time(sent.at);
    let mut quoted = format!("On {when}, {} wrote:\n", sent.from);
    for line in sent.text.lines() {
        quoted.push_str("> ");
        quoted.push_str(line);
        quoted.push('\n');
    }
    quoted
}

/// `17 Nov 2026 at 09:12`.
fn date_time(at: Timestamp) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let civil = at.in_zone(&TimeZone::UTC);
    let month = usize::try_from(civil.month()).ok().and_then(|month| MONTHS.get(month - 1));
    let month = month.copied().unwrap_or_default();
    let (hour, minute) = (civil.hour(), civil.minute());
    format!("{} {month} {} at {hour:02}:{minute:02}", civil.day(), civil.year())
}

/// `2026-11-17`.
pub(crate) fn date(at: Timestamp) -> String {
    let civil = at.in_zone(&TimeZone::UTC);
    format!("{}-{:02}-{:02}", civil.year(), civil.month(), civil.day())
}

/// The text as some mail programs dress it.
fn dressed(text: &str) -> String {
    let mut html = String::from("<div style=\"font-family:Georgia,serif\">");
    for (index, paragraph) in text.split("\n\n").enumerate() {
        let escaped = paragraph.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let lines = escaped.replace('\n', "<br>");
        let (open, close) = if index == 1 { ("<p><b>", "</b></p>") } else { ("<p>", "</p>") };
        for part in [open, &lines, close] {
            html.push_str(part);
        }
    }
    html.push_str("</div>");
    html
}

/// The mail of an answer as it left: text, signature, foot.
pub(crate) fn as_sent(text: &str, by: &AgentCard, reference: kernel::TicketId) -> String {
    let signature = if by.signature.is_empty() { by.first_name() } else { by.signature };
    format!(
        "{text}\n\n{signature}\n\n-- \nReference {reference}. Just reply to this mail to go on.\n"
    )
}

/// `Priya at Northlight Studio`.
pub(crate) fn sender_name(by: &AgentCard) -> String {
    format!("{} at {COMPANY}", by.first_name())
}

/// Whom an answer is shown to be from in quotes.
pub(crate) fn shown_from(card: &crate::shop::InboxCard) -> String {
    shown(card)
}
