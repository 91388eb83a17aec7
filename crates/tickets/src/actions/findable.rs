//! What of a ticket is found by its words, and by whom.

use anyhow::Result;
use database::Tx;
use search::{Entry, Kind};

use crate::message::{Attachment, Message};
use crate::store::entries;
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

fn words_of(message: &Message, files: &[Attachment]) -> String {
    let address = message.from_address.as_ref().map_or("", |address| address.as_str());
    let files = files.iter().map(|file| file.name.as_str());
    words(&message.text, &message.from_name, address, files)
}

/// Makes everything in a ticket findable by the people of its inbox, and by nobody else.
pub(super) async fn rescope(tx: &mut Tx, ticket: &Ticket) -> Result<()> {
    for kind in search::rescope(tx, ticket.id).await? {
        let (subject, text, at) = match kind {
            Kind::Message(id) => match entries::find_message(tx, id).await? {
                Some(message) => {
                    let files = entries::attachments(tx, &[id]).await?;
                    let text = words_of(&message, &files);
                    // Ours have the subject of the ticket, which would be found once for each.
                    let is_theirs = message.direction == Direction::In;
                    let subject = if is_theirs { message.subject } else { String::new() };
                    (subject, text, message.created_at)
                }
                None => continue,
            },
            Kind::Note(id) => match entries::find_note(tx, id).await? {
                Some(note) => (String::new(), note.text, note.created_at),
                None => continue,
            },
            Kind::Customer(_) => continue,
        };
        let entry = Entry {
            kind,
            ticket: Some(ticket.id),
            customer: Some(ticket.customer),
            inbox: Some(ticket.inbox),
            subject: &subject,
            text: &text,
            at,
        };
        search::put(tx, &entry).await?;
    }
    Ok(())
}
