//! What stands in a ticket: messages, notes, files.

use accounts::Directory;
use email::html::{Images, clean};
use outbox::Party;
use serde::{Deserialize, Serialize};
use tickets::Author;
use tickets::reading::{Jotted, Written};
use utoipa::ToSchema;

use super::{Person, Writer};

/// A message: what the customer wrote or can read.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Message {
    pub(crate) id: String,
    /// The ticket it stands in.
    #[schema(example = "RC-10482")]
    pub(crate) ticket: String,
    #[schema(example = "/api/v1/tickets/RC-10482/messages")]
    pub(crate) url: String,
    /// `in` from the customer, `out` from us.
    #[schema(example = "in")]
    pub(crate) direction: String,
    /// `message`, `acknowledgement`, `automatic` or `forward`.
    #[schema(example = "message")]
    pub(crate) kind: String,
    #[schema(example = "email")]
    pub(crate) channel: String,
    /// `customer`, `stranger` (not yet admitted to the ticket), `agent` or `system`.
    #[schema(example = "customer")]
    pub(crate) author: String,
    /// Who of us wrote it.
    pub(crate) agent: Option<Person>,
    #[schema(example = "Dana Whitfield")]
    pub(crate) from_name: String,
    #[schema(example = "dana@example.com")]
    pub(crate) from_email: Option<String>,
    pub(crate) recipients: Recipients,
    pub(crate) subject: String,
    /// The visible part.
    #[schema(example = "I would like my money back.")]
    pub(crate) text: String,
    /// Quoted history and signature.
    pub(crate) quoted: String,
    /// The HTML as it came or as a program wrote it, cleaned: no scripts, forms or remote images.
    /// Null where it was written as text.
    pub(crate) html: Option<String>,
    /// What the checks said about the sender: `pass`, `fail` or `unknown`.
    #[schema(example = "pass")]
    pub(crate) sender_check: String,
    /// A stranger's, which waits for somebody to admit it.
    pub(crate) held: bool,
    #[schema(format = DateTime)]
    pub(crate) redacted_at: Option<String>,
    pub(crate) attachments: Vec<Attachment>,
    #[schema(format = DateTime, example = "2026-11-24T09:00:00Z")]
    pub(crate) created_at: String,
}

/// Who a message went to.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct Recipients {
    pub(crate) to: Vec<Receiver>,
    pub(crate) cc: Vec<Receiver>,
    pub(crate) bcc: Vec<Receiver>,
}

/// Somebody with an address.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Receiver {
    #[schema(example = "dana@example.com")]
    pub(crate) email: String,
    #[schema(example = "Dana Whitfield")]
    pub(crate) name: String,
}

impl Receiver {
    fn of(party: &Party) -> Self {
        Self { email: party.address.to_string(), name: party.name.clone() }
    }
}

impl Message {
    pub(crate) fn of(written: &Written, directory: &Directory) -> Self {
        let Written { message, html, files } = written;
        let all = |parties: &[Party]| parties.iter().map(Receiver::of).collect();
        let (author, agent) = match message.author {
            Author::Customer(_) => ("customer", None),
            Author::Stranger(_) => ("stranger", None),
            Author::Agent(id) => ("agent", Person::find(directory, id)),
            Author::System => ("system", None),
        };
        let html = html.as_deref().map(|html| clean(html, &Images::default()).html);
        Self {
            id: message.public_id.to_string(),
            ticket: message.ticket.to_string(),
            url: format!("{}/tickets/{}/messages", crate::PREFIX, message.ticket),
            direction: message.direction.as_str().to_owned(),
            kind: message.kind.as_str().to_owned(),
            channel: message.channel.as_str().to_owned(),
            author: author.to_owned(),
            agent,
            from_name: message.from_name.clone(),
            from_email: message.from_address.as_ref().map(ToString::to_string),
            recipients: Recipients {
                to: all(&message.recipients.to),
                cc: all(&message.recipients.cc),
                bcc: all(&message.recipients.bcc),
            },
            subject: message.subject.clone(),
            text: message.text.clone(),
            quoted: message.quoted.clone(),
            html,
            sender_check: message.check.as_str().to_owned(),
            held: message.held,
            redacted_at: message.redacted.map(|redaction| redaction.at.to_string()),
            attachments: files.iter().map(Attachment::of).collect(),
            created_at: message.created_at.to_string(),
        }
    }
}

/// An answer. Give `text` or `html`.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text": "Your refund is on its way.", "then": "resolve"}))]
pub(crate) struct NewMessage {
    /// Read as Markdown.
    pub(crate) text: Option<String>,
    /// Instead of `text`: the HTML of the mail, cleaned. Paragraphs, headings, lists, tables,
    /// links, code and emphasis stay; images, styles, scripts and forms do not.
    pub(crate) html: Option<String>,
    /// Who it goes to. Without `to`, `cc` and `bcc`: the customer and whoever takes part. With `cc`
    /// or `bcc` it has to be said, too; whoever is in `cc` takes part from then on.
    #[serde(default)]
    pub(crate) to: Vec<Writer>,
    #[serde(default)]
    pub(crate) cc: Vec<Writer>,
    #[serde(default)]
    pub(crate) bcc: Vec<Writer>,
    /// Ids of uploaded files.
    #[serde(default)]
    pub(crate) attachments: Vec<String>,
    /// What becomes of the ticket: `wait` for the customer (the default), `stay_open` or
    /// `resolve`.
    #[schema(example = "wait")]
    pub(crate) then: Option<String>,
    /// With `resolve`: as in a ticket.
    pub(crate) resolution: Option<String>,
    /// With `resolve`: why it came to this.
    pub(crate) cause: Option<String>,
}

/// Something that only the team reads.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Note {
    pub(crate) id: String,
    /// The ticket it stands in.
    #[schema(example = "RC-10482")]
    pub(crate) ticket: String,
    #[schema(example = "/api/v1/tickets/RC-10482/notes")]
    pub(crate) url: String,
    pub(crate) author: Option<Person>,
    #[schema(example = "She bought it twice by accident. @Mateo, can you look?")]
    pub(crate) text: String,
    pub(crate) attachments: Vec<Attachment>,
    #[schema(format = DateTime, example = "2026-11-24T09:00:00Z")]
    pub(crate) created_at: String,
}

impl Note {
    pub(crate) fn of(jotted: &Jotted, directory: &Directory) -> Self {
        let Jotted { note, files } = jotted;
        Self {
            id: note.public_id.to_string(),
            ticket: note.ticket.to_string(),
            url: format!("{}/tickets/{}/notes", crate::PREFIX, note.ticket),
            author: Person::find(directory, note.author),
            text: note.text.clone(),
            attachments: files.iter().map(Attachment::of).collect(),
            created_at: note.created_at.to_string(),
        }
    }
}

/// A new note. `@Name` tells that person.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text": "She bought it twice by accident. @Mateo, can you look?"}))]
pub(crate) struct NewNote {
    pub(crate) text: String,
    /// Ids of uploaded files.
    #[serde(default)]
    pub(crate) attachments: Vec<String>,
}

/// A stored file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Attachment {
    pub(crate) id: String,
    #[schema(example = "invoice.pdf")]
    pub(crate) name: String,
    /// What the bytes are, whatever the sender said.
    #[schema(example = "application/pdf")]
    pub(crate) media_type: String,
    #[schema(example = 48_213)]
    pub(crate) size_bytes: i64,
    /// Of an image that stands inside the HTML.
    pub(crate) content_id: Option<String>,
    #[schema(example = "/api/v1/attachments/0199f3a1-7c2e-7d10-a4f5-3a2b1c0d9e8f")]
    pub(crate) url: String,
}

impl Attachment {
    pub(crate) fn of(file: &tickets::Attachment) -> Self {
        Self {
            id: file.public_id.to_string(),
            name: file.name.clone(),
            media_type: file.media_type.as_str().to_owned(),
            size_bytes: file.size_bytes,
            content_id: file.content_id.clone(),
            url: format!("{}/attachments/{}", crate::PREFIX, file.public_id),
        }
    }
}
