//! What of a ticket is found by its words, and by whom.

use anyhow::Result;
use database::Tx;
use kernel::{EmailAddress, MessageId, Timestamp};
use search::{Entry, Kind};

use crate::store::{entries, taxonomy};
use crate::ticket::{Direction, Ticket};

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
    let files = files.iter().map(|file| file.name.as_str());
    let address = message.from_address.as_ref().map_or("", EmailAddress::as_str);
    let mut text = words(&message.text, &message.from_name, address, files);
    // Ours have the subject of the ticket, which would be found once for each.
    let is_theirs = message.direction == Direction::In;
    let mut subject = if is_theirs { message.subject } else { String::new() };
    if entries::first_message(tx, ticket.id).await? == Some(id) {
        if !subject.contains(&ticket.subject) {
            subject = format!("{}\n{subject}", ticket.subject);
        }
        for (_, value) in taxonomy::field_values(tx, ticket.id).await? {
            text.extend(["\n", &value]);
        }
    }
    put(tx, ticket, Kind::Message(id), (subject, text), message.created_at).await
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
