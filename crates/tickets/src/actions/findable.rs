//! What of a ticket is found by its words, and by whom.

use anyhow::Result;
use database::Tx;
use kernel::{EmailAddress, MessageId, Timestamp};
use search::{Entry, Kind};

use crate::store::{entries, taxonomy};
use crate::ticket::{Direction, Ticket};

/// What a message says of itself.
pub(crate) struct Said<'s> {
    pub(crate) is_theirs: bool,
    pub(crate) subject: &'s str,
    pub(crate) text: &'s str,
    pub(crate) name: &'s str,
    pub(crate) address: &'s str,
    pub(crate) files: Vec<String>,
    /// With the first message stands what the ticket says of itself.
    pub(crate) head: Option<Head<'s>>,
}

/// What a ticket says of itself: the subject, however it was changed, and the values of its
/// fields.
pub(crate) struct Head<'h> {
    pub(crate) subject: &'h str,
    pub(crate) fields: Vec<String>,
}

impl Said<'_> {
    /// The words by which it is found: those that weigh more, and the others.
    pub(crate) fn words(&self) -> (String, String) {
        let files = self.files.iter().map(String::as_str);
        let mut text = words(self.text, self.name, self.address, files);
        // Ours have the subject of the ticket, which would be found once for each.
        let mut subject = if self.is_theirs { self.subject.to_owned() } else { String::new() };
        if let Some(head) = &self.head {
            if !subject.contains(head.subject) {
                subject = format!("{}\n{subject}", head.subject);
            }
            for value in &head.fields {
                text.extend(["\n", value]);
            }
        }
        (subject, text)
    }
}

/// The words by which a message is found: what it says, who wrote it, what came with it.
pub(super) fn words<'w>(
    text: &str,
    name: &str,
    address: &str,
    files: impl Iterator<Item = &'w str>,
) -> String {
    let files: Vec<&str> = files.collect();
    [text, name, address, &files.join(" ")].join("\n")
}

/// Makes everything in a ticket findable by the people of its inbox, and by nobody else.
pub(super) async fn rescope(tx: &mut Tx, ticket: &Ticket) -> Result<()> {
    for kind in search::rescope(tx, ticket.id).await? {
        match kind {
            Kind::Message(id) => message_again(tx, ticket, id).await?,
            Kind::Note(id) => {
                let Some(note) = entries::find_note(tx, id).await? else { continue };
                put(tx, ticket, kind, (String::new(), note.text), note.created_at).await?;
            }
            Kind::Customer(_) => {}
        }
    }
    Ok(())
}

/// Makes a ticket findable by what it says of itself, which stands with its first message: the
/// subject, however it was changed, and the values of its fields.
pub(super) async fn head_again(tx: &mut Tx, ticket: &Ticket) -> Result<()> {
    match entries::first_message(tx, ticket.id).await? {
        Some(first) => message_again(tx, ticket, first).await,
        None => Ok(()),
    }
}

/// Makes a message findable as it is now.
pub(super) async fn message_again(tx: &mut Tx, ticket: &Ticket, id: MessageId) -> Result<()> {
    let Some(message) = entries::find_message(tx, id).await? else { return Ok(()) };
    if message.redacted.is_some() {
        return Ok(());
    }
    let files = entries::attachments(tx, &[id]).await?;
    let head = if entries::first_message(tx, ticket.id).await? == Some(id) {
        let values = taxonomy::field_values(tx, ticket.id).await?;
        let fields = values.into_iter().map(|(_, value)| value).collect();
        Some(Head { subject: &ticket.subject, fields })
    } else {
        None
    };
    let said = Said {
        is_theirs: message.direction == Direction::In,
        subject: &message.subject,
        text: &message.text,
        name: &message.from_name,
        address: message.from_address.as_ref().map_or("", EmailAddress::as_str),
        files: files.into_iter().map(|file| file.name).collect(),
        head,
    };
    put(tx, ticket, Kind::Message(id), said.words(), message.created_at).await
}

async fn put(
    tx: &mut Tx,
    ticket: &Ticket,
    kind: Kind,
    (subject, text): (String, String),
    at: Timestamp,
) -> Result<()> {
    let entry = Entry {
        kind,
        ticket: Some(ticket.id),
        customer: Some(ticket.customer),
        inbox: Some(ticket.inbox),
        subject: &subject,
        text: &text,
        at,
    };
    search::put(tx, &entry).await
}
