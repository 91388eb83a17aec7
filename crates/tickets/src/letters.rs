//! The mails that tickets send: what stands in them, as text and as HTML.

use accounts::Actor;
use anyhow::Result;
use askama::Template;
use customers::links::{self, Link};
use customers::names::given_name;
use database::Tx;
use kernel::{CustomerId, InboxId, Span, TicketId, Timestamp};
use outbox::{Kind, Letter, Party, Recipients, new_mail_id};
use ui::{BrandColors, Markup, When, Words, moment_in_full};

use crate::actions::{Incoming, Office};
use crate::message::Message;
use crate::store::taxonomy;
use crate::ticket::Ticket;

/// What a mail of a person says.
pub(crate) struct Body {
    pub(crate) from_name: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// What we write: Markdown, or HTML with its plain text.
#[derive(Clone, Copy)]
pub(crate) struct Written<'w> {
    pub(crate) text: &'w str,
    pub(crate) html: Option<&'w Markup>,
}

impl Written<'_> {
    fn markup(&self) -> Markup {
        self.html.cloned().unwrap_or_else(|| ui::markdown(self.text))
    }
}

const SUBJECT_MAX: usize = 250;
const SNIPPET_MAX: usize = 200;
/// Quoting more helps nobody, and quoting all of it grows with every answer.
const QUOTE_CHARS_MAX: usize = 10_000;

/// The subject of a ticket: what the sender wrote, or the first words.
pub(crate) fn ticket_subject(subject: &str, text: &str) -> String {
    let subject = without_prefixes(&kernel::one_line(subject));
    let chosen =
        if subject.is_empty() { kernel::clip(&kernel::one_line(text), 80) } else { subject };
    kernel::clip(if chosen.is_empty() { "…" } else { &chosen }, SUBJECT_MAX)
}

/// Answers and forwards of answers pile up prefixes in every language.
fn without_prefixes(subject: &str) -> String {
    let mut rest = subject.trim();
    'again: loop {
        for prefix in
            ["re:", "aw:", "sv:", "antw:", "odp:", "res:", "ref:", "回复:", "回复：", "re："]
        {
            let head = rest.get(..prefix.len());
            if head.is_some_and(|head| head.to_lowercase() == prefix) {
                rest = rest.get(prefix.len()..).unwrap_or_default().trim_start();
                continue 'again;
            }
        }
        return rest.to_owned();
    }
}

/// The first words of a message, for lists.
pub(crate) fn snippet(text: &str) -> String {
    kernel::clip(&kernel::one_line(text), SNIPPET_MAX)
}

/// `Re: Refund for the course [RC-10482]`.
pub(crate) fn subject_of_reply(ticket: &Ticket) -> String {
    let reference = format!("[{}]", ticket.id);
    let subject = ticket.subject.replace(&reference, "");
    format!("Re: {} {reference}", subject.trim())
}

/// The domain of Message-IDs from an inbox.
pub(crate) fn mail_domain(office: &Office, inbox: InboxId) -> String {
    let address = office.directory.inbox(inbox).and_then(|inbox| inbox.address.as_ref());
    match address {
        Some(address) => address.domain().to_owned(),
        None => host_of(&office.site.base_url),
    }
}

fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    if host.is_empty() { "localhost".to_owned() } else { host.to_owned() }
}

/// The address of a customer's page of a ticket.
fn ticket_link(office: &Office, customer: CustomerId, ticket: TicketId, now: Timestamp) -> String {
    let link = Link { customer, ticket: Some(ticket), made_at: now };
    office.site.url(&format!("/help/link/{}", links::make(&office.keys, &link)))
}

/// The frame of every mail to a customer.
struct Frame {
    w: Words,
    colors: BrandColors,
    company: String,
    imprint: String,
    reference: TicketId,
}

impl Frame {
    fn of(office: &Office, ticket: TicketId, language: Option<&str>) -> Self {
        Self {
            w: office.words(language),
            colors: BrandColors::of(office.company.hue),
            company: office.company.name.clone(),
            imprint: office.company.imprint.clone(),
            reference: ticket,
        }
    }
}

#[derive(Template)]
#[template(path = "mail_reply.html")]
struct ReplyHtml<'m> {
    f: &'m Frame,
    body: Markup,
    signature: Markup,
    link: Option<&'m str>,
    quote: Option<Quote>,
}

struct Quote {
    head: String,
    text: Markup,
    plain: String,
}

/// A mail of a person about a ticket.
pub(crate) fn reply(
    office: &Office,
    actor: &Actor,
    ticket: &Ticket,
    words: Written<'_>,
    latest: Option<&Message>,
) -> Body {
    let frame = Frame::of(office, ticket.id, None);
    let quote = latest.map(|message| quote(office, &frame.w, message));
    let link = office.site.url("/help/requests");
    person(office, actor, ticket, &frame, words, Some(link), quote, subject_of_reply(ticket))
}

/// The first mail of a ticket that we began.
pub(crate) fn first(office: &Office, actor: &Actor, ticket: &Ticket, words: Written<'_>) -> Body {
    let frame = Frame::of(office, ticket.id, None);
    let link = office.site.url("/help/requests");
    let subject = format!("{} [{}]", ticket.subject, ticket.id);
    person(office, actor, ticket, &frame, words, Some(link), None, subject)
}

/// A message that is sent on: our words, then all of theirs.
pub(crate) fn forward(
    office: &Office,
    actor: &Actor,
    ticket: &Ticket,
    words: Written<'_>,
    original: &Message,
) -> Body {
    let frame = Frame::of(office, ticket.id, None);
    let who = match &original.from_address {
        Some(address) if !original.from_name.is_empty() => {
            format!("{} <{address}>", original.from_name)
        }
        Some(_) | None => original.shown_from(),
    };
    let head = frame.w.all(
        "letter-forwarded",
        &[
            ("who", &who),
            ("when", &moment_in_full(original.created_at, &company_time(office))),
            ("subject", &original.subject),
        ],
    );
    let plain = whole(original);
    let quote = Quote { head, text: ui::prose(&plain), plain };
    let subject = format!("Fwd: {} [{}]", ticket.subject, ticket.id);
    person(office, actor, ticket, &frame, words, None, Some(quote), subject)
}

#[expect(clippy::too_many_arguments, reason = "the parts of one mail, put together in one place")]
fn person(
    office: &Office,
    actor: &Actor,
    ticket: &Ticket,
    frame: &Frame,
    words: Written<'_>,
    link: Option<String>,
    quote: Option<Quote>,
    subject: String,
) -> Body {
    let inbox = office.directory.inbox(ticket.inbox);
    let signature = [
        if actor.signature.is_empty() { actor.first_name() } else { actor.signature.as_str() },
        inbox.map_or("", |inbox| inbox.signature.as_str()),
    ];
    let signature = signature.iter().filter(|part| !part.is_empty()).copied();
    let signature = signature.collect::<Vec<_>>().join("\n");
    let mut plain = format!("{}\n\n{signature}\n", words.text.trim_end());
    let foot = frame.w.a("letter-foot", "reference", frame.reference);
    plain.extend(["\n-- \n", &foot, "\n"]);
    if let Some(link) = &link {
        plain.extend([&frame.w.a("letter-online", "link", link), "\n"]);
    }
    if let Some(quote) = &quote {
        plain.extend(["\n", &quote.head, "\n"]);
        plain.push_str(&quoted(&quote.plain));
    }
    let html = ReplyHtml {
        f: frame,
        body: words.markup(),
        signature: ui::prose(&signature),
        link: link.as_deref(),
        quote,
    };
    Body {
        from_name: sender_name(office, actor, ticket.inbox),
        subject,
        text: plain,
        html: rendered(&html),
    }
}

/// Each line behind a mark.
fn quoted(text: &str) -> String {
    text.lines().flat_map(|line| ["> ", line, "\n"]).collect()
}

/// A message as mails of ours quote it, the longest first: in a forward, in an answer.
pub(crate) fn quotes_of(message: &Message) -> Vec<String> {
    let texts = [whole(message), clipped(message)];
    texts.iter().map(|text| quoted(text)).filter(|quote| !quote.trim().is_empty()).collect()
}

/// All of a message, for a third party.
fn whole(message: &Message) -> String {
    format!("{}\n\n{}", message.text, message.quoted).trim_end().to_owned()
}

/// As much of a message as an answer repeats.
fn clipped(message: &Message) -> String {
    kernel::clip(message.text.trim_end(), QUOTE_CHARS_MAX)
}

/// `Priya at Northlight`: a person, and whose.
fn sender_name(office: &Office, actor: &Actor, inbox: InboxId) -> String {
    let name = office.directory.inbox(inbox).map_or("", |inbox| inbox.sender_name.as_str());
    match name {
        "" => actor.first_name().to_owned(),
        name => office.words(None).a2("letter-sender", "who", actor.first_name(), "company", name),
    }
}

fn quote(office: &Office, words: &Words, message: &Message) -> Quote {
    let when = moment_in_full(message.created_at, &company_time(office));
    let head = words.a2("letter-wrote", "who", message.shown_from(), "when", when);
    let plain = clipped(message);
    Quote { head, text: ui::prose(&plain), plain }
}

fn company_time(office: &Office) -> When {
    When::in_zone(office.now, &office.company.time_zone)
}

/// A template that cannot be drawn is a fault of the program; the mail still goes, as text.
fn rendered(template: &impl Template) -> String {
    template.render().unwrap_or_else(|fault| {
        tracing::error!("a mail cannot be drawn as HTML: {fault}");
        String::new()
    })
}

#[derive(Template)]
#[template(path = "mail_acknowledgement.html")]
struct AcknowledgementHtml<'m> {
    f: &'m Frame,
    hello: &'m str,
    promise: &'m str,
    steps: &'m [String],
    understood: &'m [String],
    link: &'m str,
}

/// "We have it": reference, what was understood, by when a person answers, where to see it. Not
/// a word of what the sender wrote, so that nobody can make us say something to somebody else;
/// only the name, once the address is known to be theirs.
pub(crate) async fn acknowledgement(
    tx: &mut Tx,
    office: &Office,
    ticket: &Ticket,
    incoming: &Incoming,
    to: Party,
    is_verified: bool,
) -> Result<Letter> {
    let inbox = office.inbox(ticket.inbox)?;
    let customer = customers::find(tx, ticket.customer).await?;
    let language = customer.as_ref().and_then(|customer| customer.language.as_deref());
    let zone = customer.as_ref().and_then(|customer| customer.time_zone.as_deref());
    let frame = Frame::of(office, ticket.id, language);
    let w = &frame.w;
    // The name is the sender's text too: it is used once the address is known to be theirs.
    let name = if is_verified { given_name(&to.name) } else { None };
    let hello = match &name {
        Some(name) => w.a("ack-hello-name", "name", name),
        None => w.t("ack-hello").to_owned(),
    };
    let due = Due {
        zone: zone.unwrap_or(&office.company.time_zone),
        from: incoming.received_at,
        within_minutes: inbox.reply_within_minutes,
    };
    let promise = due.promise(&office.company.name, w);
    let mut understood = understood(tx, w, incoming).await?;
    understood.insert(0, w.a("ack-request", "inbox", &inbox.name));
    let link = ticket_link(office, ticket.customer, ticket.id, incoming.received_at);
    let steps = due.steps(ticket.id, w);
    let mut text = format!("{hello}\n\n{promise}\n\n{}\n", w.t("ack-next"));
    for (index, step) in steps.iter().enumerate() {
        text.extend([&(index + 1).to_string(), ". ", step, "\n"]);
    }
    for line in &understood {
        text.extend(["- ", line, "\n"]);
    }
    text.extend(["\n", w.t("ack-add"), "\n", &link, "\n"]);
    let why = w.a2("ack-why", "company", &frame.company, "reference", ticket.id);
    text.extend(["\n-- \n", &why, "\n"]);
    let html = AcknowledgementHtml {
        f: &frame,
        hello: &hello,
        promise: &promise,
        steps: &steps,
        understood: &understood,
        link: &link,
    };
    let to = if is_verified { to } else { Party::new("", to.address) };
    Ok(Letter {
        kind: Kind::Acknowledgement,
        inbox: Some(ticket.inbox),
        ticket: Some(ticket.id),
        message: None,
        mail_id: new_mail_id(&mail_domain(office, ticket.inbox)),
        from_name: inbox.sender_name.clone(),
        reply_to: None,
        recipients: Recipients::to(to),
        subject: w.a("ack-subject", "reference", ticket.id),
        text,
        html: Some(rendered(&html)),
        in_reply_to: incoming.mail_id.clone(),
        references: incoming.mail_id.iter().cloned().collect(),
        send_after: incoming.received_at,
        useful_for: None,
        verified: is_verified,
    })
}

/// By when a person answers, told in the reader's own time where it is known.
struct Due<'d> {
    zone: &'d str,
    from: Timestamp,
    within_minutes: i64,
}

impl Due<'_> {
    fn shown(&self, at: Timestamp) -> String {
        moment_in_full(at, &When::in_zone(self.from, self.zone))
    }

    fn by(&self) -> String {
        self.shown(self.from + Span::minutes(self.within_minutes))
    }

    /// A span, and the hour.
    fn promise(&self, company: &str, w: &Words) -> String {
        let minutes = self.within_minutes;
        let span = if minutes % 60 == 0 {
            w.n("span-hours", minutes / 60)
        } else {
            w.n("span-minutes", minutes)
        };
        let (by, zone) = (self.by(), self.zone);
        w.all(
            "ack-promise",
            &[("company", &company), ("span", &span), ("by", &by), ("zone", &zone)],
        )
    }

    /// Received, looked into, answered: each with its date.
    fn steps(&self, ticket: TicketId, w: &Words) -> [String; 3] {
        let received = self.shown(self.from);
        [
            w.a2("ack-step-received", "when", &received, "reference", ticket),
            w.a("ack-step-look", "when", &received),
            w.a("ack-step-answer", "by", self.by()),
        ]
    }
}

/// What was understood, in words of ours.
async fn understood(tx: &mut Tx, words: &Words, incoming: &Incoming) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    if let Some(id) = incoming.category {
        let categories = taxonomy::categories(tx).await?;
        if let Some(category) = categories.iter().find(|category| category.id == id) {
            lines.push(words.a("ack-topic", "topic", &category.name));
        }
    }
    let files = incoming.files.iter().filter(|file| file.content_id.is_none()).count();
    if files > 0 {
        lines.push(words.n("ack-files", kernel::count(files)));
    }
    Ok(lines)
}
