//! New things as rows, some thousand at a time. Pure but for the ids that it counts.

mod rows;

use std::collections::HashMap;

use anyhow::{Context, Result};
use database::bulk::{Ready, Rows};
use database::{Engine, Value, params};
use kernel::{AgentId, MessageId, NoteId, Span, TicketId, Timestamp};
use outbox::Recipients;
use search::{Bulk, Entry, Kind};
use tickets::{By, Direction, Fact, Ticket, rules};

pub(crate) use self::rows::check_detail;
use self::rows::{Author, MessageText, ticket_row};
use crate::letters;
use crate::people::Person;
use crate::rng::Rng;
use crate::shop::{AgentCard, Shop};
use crate::store::tables::{
    ATTACHMENTS, CUSTOMERS, DELIVERIES, DRAFTS, EVENTS, FOLLOWERS, IDENTITIES, LINKS, MENTIONS,
    MESSAGE_HTML, MESSAGES, NOTES, NOTIFICATIONS, PARTICIPANTS, READS, REFERENCES, TABLES,
    TICKET_FIELDS, TICKET_TAGS, TICKETS,
};
use crate::story::{Act, Extras, Mail, Moment, Reply, Row};
use crate::world::{New, Scene};

/// A file that is stored already.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) hash: String,
    pub(crate) name: &'static str,
    pub(crate) media_type: &'static str,
    pub(crate) size_bytes: i64,
}

/// The next free id of each table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids {
    pub(crate) identity: i64,
    pub(crate) message: i64,
    pub(crate) attachment: i64,
    pub(crate) delivery: i64,
    pub(crate) note: i64,
    pub(crate) event: i64,
    pub(crate) notification: i64,
    pub(crate) document: i64,
}

fn take(id: &mut i64) -> i64 {
    let taken = *id;
    *id += 1;
    taken
}

/// Rows that are written together.
pub(crate) struct Batch {
    /// In the order in which they can be written.
    pub(crate) rows: Vec<Ready>,
    pub(crate) messages: u64,
    pub(crate) tickets: u64,
}

/// Collects rows. Its counters live as long as the fill.
pub(crate) struct Collector<'w> {
    shop: &'w Shop,
    files: &'w [File],
    engine: Engine,
    rng: Rng,
    ids: Ids,
    tables: [Rows; TABLES.len()],
    found: Bulk,
    /// What the fields of tickets say, until it is found with their first messages.
    values: HashMap<TicketId, String>,
    messages: u64,
    tickets: u64,
}

impl<'w> Collector<'w> {
    pub(crate) fn new(
        shop: &'w Shop,
        files: &'w [File],
        engine: Engine,
        seed: u64,
        ids: Ids,
    ) -> Self {
        let tables = TABLES.map(Rows::new);
        let (rng, found) = (Rng::of(seed, 3), Bulk::new(engine));
        let values = HashMap::new();
        Self { shop, files, engine, rng, ids, tables, found, values, messages: 0, tickets: 0 }
    }

    pub(crate) fn messages(&self) -> u64 {
        self.messages
    }

    /// What was collected since the last time.
    pub(crate) fn take(&mut self) -> Result<Batch> {
        let rows = self.tables.iter_mut().map(Rows::take).chain(self.found.take());
        Ok(Batch {
            rows: rows.map(|rows| rows.ready(self.engine)).collect::<Result<_>>()?,
            messages: std::mem::take(&mut self.messages),
            tickets: std::mem::take(&mut self.tickets),
        })
    }

    fn push(&mut self, table: usize, row: Vec<Value>) {
        if let Some(rows) = self.tables.get_mut(table) {
            rows.push(row);
        }
    }

    pub(crate) fn add(&mut self, new: New) -> Result<()> {
        match new {
            New::Person(person, verified) => {
                self.person(&person, verified);
                Ok(())
            }
            New::Ticket(ticket) => self.ticket(&ticket.0, &ticket.1),
            New::Moment(scene, moment) => self.moment(&scene, *moment),
        }
    }

    fn person(&mut self, person: &Person, verified: bool) {
        let at = person.wrote_at;
        let public_id = self.rng.id_value(at);
        self.push(CUSTOMERS, params![person.id, public_id, &person.name, person.language, at, at]);
        let id = take(&mut self.ids.identity);
        let verified_at = verified.then_some(at);
        let address = &person.address;
        self.push(IDENTITIES, params![id, person.id, "email", address, verified_at, at]);
        let entry = Entry {
            kind: Kind::Customer(person.id),
            ticket: None,
            customer: Some(person.id),
            inbox: None,
            subject: &person.name,
            text: person.address.as_str(),
            at,
        };
        self.found.add(take(&mut self.ids.document), &entry);
    }

    fn ticket(&mut self, ticket: &Ticket, extras: &Extras) -> Result<()> {
        self.tickets += 1;
        self.push(TICKETS, ticket_row(ticket));
        let id = ticket.id;
        for tag in &extras.tags {
            let tag = self.shop.tag(tag).context("a tag of the shop")?;
            self.push(TICKET_TAGS, params![id, tag]);
        }
        for (field, value) in &extras.fields {
            self.push(TICKET_FIELDS, params![id, *field, value]);
        }
        if !extras.fields.is_empty() {
            let mut fields = extras.fields.clone();
            fields.sort();
            let values: String = fields.iter().flat_map(|(_, value)| ["\n", value]).collect();
            self.values.insert(id, values);
        }
        for (party, at) in &extras.participants {
            self.push(PARTICIPANTS, params![id, &party.address, &party.name, *at]);
        }
        for agent in &extras.followers {
            self.push(FOLLOWERS, params![id, *agent]);
        }
        for (agent, at) in &extras.reads {
            self.push(READS, params![*agent, id, *at]);
        }
        for (agent, mode, text, at) in &extras.drafts {
            self.push(DRAFTS, params![id, *agent, *mode, text, "{}", *at]);
        }
        Ok(())
    }

    fn moment(&mut self, scene: &Scene, moment: Moment) -> Result<()> {
        let Moment { ticket, at, act, rows } = moment;
        if let Act::Linked { other, .. } = &act {
            self.push(LINKS, params![ticket, *other, "related", at]);
        }
        for row in rows {
            match row {
                Row::Message { ticket, to, subject } => match &act {
                    Act::Wrote(mail) => self.wrote(scene, ticket, subject, mail, at)?,
                    Act::Replied { by, reply } => {
                        let to = to.context("the recipients of an answer")?;
                        self.replied(scene, ticket, (*by, reply), (to, subject), at)?;
                    }
                    _ => {}
                },
                Row::Note => self.noted(scene, ticket, &act, at)?,
                Row::Event { ticket, by, fact } => self.event(ticket, by, &fact, at)?,
                Row::Notification { agent, kind, actor, read_at } => {
                    let id = take(&mut self.ids.notification);
                    self.push(NOTIFICATIONS, params![id, agent, kind, ticket, actor, at, read_at]);
                }
            }
        }
        Ok(())
    }

    fn event(&mut self, ticket: TicketId, by: By, fact: &Fact, at: Timestamp) -> Result<()> {
        let actor = match by {
            By::Agent(_) => "agent",
            By::Customer => "customer",
            By::System => "system",
        };
        let (kind, data) = rules::stored(fact)?;
        let id = take(&mut self.ids.event);
        self.push(EVENTS, params![id, ticket, kind, actor, by.agent(), data, at]);
        Ok(())
    }

    fn wrote(
        &mut self,
        scene: &Scene,
        ticket: TicketId,
        subject: String,
        mail: &Mail,
        at: Timestamp,
    ) -> Result<()> {
        let person = &scene.person;
        let id = take(&mut self.ids.message);
        let recipients = Recipients { cc: mail.cc.clone(), ..Recipients::default() };
        let author = Author {
            direction: Direction::In,
            word: "customer",
            customer: Some(person.id),
            agent: None,
            name: &person.name,
        };
        let text = MessageText { subject, text: &mail.text, quoted: &mail.quoted };
        let row = self.message_row(id, ticket, &author, text, at);
        let detail = check_detail(mail.check);
        self.push(
            MESSAGES,
            row.into_iter()
                .chain(params![
                    Some(person.address.to_string()),
                    serde_json::to_string(&recipients)?,
                    &mail.mail_id,
                    mail.check.as_str(),
                    detail
                ])
                .collect(),
        );
        if let Some(html) = &mail.html {
            self.push(MESSAGE_HTML, params![id, html]);
        }
        for reference in &mail.references {
            self.push(REFERENCES, params![reference, id]);
        }
        let mut words = format!("{}\n{}\n{}\n", mail.text, person.name, person.address);
        for (count, file) in mail.files.iter().enumerate() {
            let file = self.files.get(*file).context("a file of the shop")?;
            if count > 0 {
                words.push(' ');
            }
            words.push_str(file.name);
            let row = params![
                take(&mut self.ids.attachment),
                self.rng.id_value(at),
                id,
                &file.hash,
                file.name,
                file.media_type,
                file.size_bytes,
                at
            ];
            self.push(ATTACHMENTS, row);
        }
        words.push_str(&self.values.remove(&ticket).unwrap_or_default());
        self.findable(scene, Kind::Message(MessageId(id)), ticket, (&mail.subject, &words), at)
    }

    fn message_row(
        &mut self,
        id: i64,
        ticket: TicketId,
        author: &Author<'_>,
        text: MessageText<'_>,
        at: Timestamp,
    ) -> Vec<Value> {
        self.messages += 1;
        params![
            id,
            self.rng.id_value(at),
            ticket,
            author.direction.as_str(),
            "message",
            "email",
            author.word,
            author.customer,
            author.agent,
            author.name,
            text.subject,
            text.text,
            text.quoted,
            false,
            at
        ]
    }

    fn replied(
        &mut self,
        scene: &Scene,
        ticket: TicketId,
        (by, reply): (AgentId, &Reply),
        (to, subject): (Recipients, String),
        at: Timestamp,
    ) -> Result<()> {
        let by = self.shop.agent(by).context("somebody of the shop")?;
        let id = take(&mut self.ids.message);
        let author = Author {
            direction: Direction::Out,
            word: "agent",
            customer: None,
            agent: Some(by.id),
            name: by.name,
        };
        let recipients = serde_json::to_string(&to)?;
        let text = MessageText { subject: subject.clone(), text: &reply.text, quoted: "" };
        let row = self.message_row(id, ticket, &author, text, at);
        let from: Option<String> = None;
        let tail = params![from, &recipients, &reply.mail_id, "unknown", "{}"];
        self.push(MESSAGES, row.into_iter().chain(tail).collect());
        self.delivered(scene, (ticket, id), (by, reply), (recipients, subject), at)?;
        let words = format!("{}\n{}", reply.text, by.name);
        self.findable(scene, Kind::Message(MessageId(id)), ticket, ("", &words), at)
    }

    /// The mail of an answer, long gone.
    fn delivered(
        &mut self,
        scene: &Scene,
        (ticket, message): (TicketId, i64),
        (by, reply): (&AgentCard, &Reply),
        (recipients, subject): (String, String),
        at: Timestamp,
    ) -> Result<()> {
        let inbox = self.shop.inboxes.get(scene.inbox).context("an inbox")?;
        let (send_after, sent_at) = (at + Span::seconds(10), at + Span::seconds(11));
        let row = params![
            take(&mut self.ids.delivery),
            "reply",
            inbox.id,
            ticket,
            message,
            &reply.mail_id,
            letters::sender_name(by),
            recipients,
            subject,
            letters::as_sent(&reply.text, by, ticket),
            "sent",
            send_after,
            1_i64,
            at,
            sent_at,
            at + Span::days(5)
        ];
        self.push(DELIVERIES, row);
        Ok(())
    }

    fn noted(&mut self, scene: &Scene, ticket: TicketId, act: &Act, at: Timestamp) -> Result<()> {
        let Act::Noted { by, text, mentions } = act else { return Ok(()) };
        let id = take(&mut self.ids.note);
        let public_id = self.rng.id_value(at);
        self.push(NOTES, params![id, public_id, ticket, *by, text, at]);
        for agent in mentions {
            self.push(MENTIONS, params![id, *agent]);
        }
        self.findable(scene, Kind::Note(NoteId(id)), ticket, ("", text), at)
    }

    fn findable(
        &mut self,
        scene: &Scene,
        kind: Kind,
        ticket: TicketId,
        (subject, text): (&str, &str),
        at: Timestamp,
    ) -> Result<()> {
        let inbox = self.shop.inboxes.get(scene.inbox).context("an inbox")?.id;
        let customer = Some(scene.person.id);
        let entry =
            Entry { kind, ticket: Some(ticket), customer, inbox: Some(inbox), subject, text, at };
        self.found.add(take(&mut self.ids.document), &entry);
        Ok(())
    }
}
