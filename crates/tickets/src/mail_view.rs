//! One message as the frame that shows its mail needs it.

use anyhow::Result;
use database::Conn;
use files::FileHash;
use kernel::{InboxId, LedgerId, MessageId, PublicId, TicketId};

use crate::message::{Attachment, Message};
use crate::store::{entries, reading, tickets};

/// What a mail looks like, and whose eyes it is for.
#[derive(Clone, Debug)]
pub struct MailView {
    pub message: MessageId,
    pub public_id: PublicId,
    /// The ticket it stands in now.
    pub ticket: TicketId,
    pub inbox: InboxId,
    pub subject: String,
    /// As it was sent: nothing in it is to be believed. None where there was none, or where the
    /// message was blacked out.
    pub html: Option<String>,
    /// Empty where the message was blacked out.
    pub text: String,
    /// Where its source is; none for what did not come by mail or was blacked out.
    pub ledger: Option<LedgerId>,
    /// Images that stand inside the HTML.
    pub inline: Vec<Attachment>,
}

/// A message of a ticket, under any number that the ticket ever had.
pub async fn mail_view(
    conn: &Conn,
    ticket: TicketId,
    message: PublicId,
) -> Result<Option<MailView>> {
    let Some(ticket) = tickets::follow(conn, ticket).await? else { return Ok(None) };
    let Some(ticket) = tickets::find(conn, ticket).await? else { return Ok(None) };
    let found = entries::message_by_public_id(conn, message).await?;
    let Some(found) = found.filter(|found| found.ticket == ticket.id) else { return Ok(None) };
    let is_black = found.redacted.is_some();
    let files = if is_black { Vec::new() } else { entries::attachments(conn, &[found.id]).await? };
    Ok(Some(MailView {
        message: found.id,
        public_id: found.public_id,
        ticket: ticket.id,
        inbox: ticket.inbox,
        html: if is_black { None } else { entries::html(conn, found.id).await? },
        subject: found.subject,
        text: if is_black { String::new() } else { found.text },
        ledger: found.ledger.filter(|_| !is_black),
        inline: files
            .into_iter()
            .filter(|file| file.content_id.is_some() && file.media_type.is_image())
            .collect(),
    }))
}

/// The stored image behind the public id of a file of a message, and the inbox it is in, if that
/// is an image and its message was not blacked out.
pub async fn inline_image(
    conn: &Conn,
    file: PublicId,
) -> Result<Option<(FileHash, files::MediaType, InboxId)>> {
    let Some(file) = entries::attachment_by_public_id(conn, file).await? else { return Ok(None) };
    let Some(message) = file.message else { return Ok(None) };
    let message = entries::find_message(conn, message).await?;
    let message = message.filter(|found| file.media_type.is_image() && found.redacted.is_none());
    let Some(message) = message else { return Ok(None) };
    let Some(ticket) = tickets::find(conn, message.ticket).await? else { return Ok(None) };
    let hash = FileHash::read(&file.file_hash);
    Ok(hash.map(|hash| (hash, file.media_type, ticket.inbox)))
}

/// Whether what a message said was blacked out, so that nobody reads it by another way either.
pub async fn is_redacted(conn: &Conn, message: MessageId) -> Result<bool> {
    let found = entries::find_message(conn, message).await?;
    Ok(found.is_some_and(|found| found.redacted.is_some()))
}

/// Which of these messages ask for pictures from the web, so that showing them is a choice.
pub(crate) async fn with_remote_images(
    conn: &Conn,
    messages: &[Message],
) -> Result<Vec<MessageId>> {
    let shown = messages.iter().filter(|message| message.has_html && message.redacted.is_none());
    let ids: Vec<MessageId> = shown.map(|message| message.id).collect();
    let mut all = reading::html_of(conn, &ids).await?;
    all.retain(|(_, html)| has_remote_images(html));
    Ok(all.into_iter().map(|(message, _)| message).collect())
}

/// A guess from the tags alone, on the generous side: an offer that changes nothing is better
/// than a picture that cannot be seen.
fn has_remote_images(html: &str) -> bool {
    html.split('<').skip(1).any(|part| {
        let is_image = part.get(..3).is_some_and(|name| name.eq_ignore_ascii_case("img"));
        let tag = part.split_once('>').map_or(part, |(tag, _)| tag);
        is_image && tag.contains("//")
    })
}

#[cfg(test)]
mod tests {
    use super::has_remote_images;

    #[test]
    fn a_picture_in_the_web_is_told_from_one_that_came_along() {
        for (html, expected) in [
            ("<p>Hello <img src=\"https://pictures.example/a.png\"></p>", true),
            ("<IMG alt='a' SRC='//pictures.example/a.png'/>", true),
            ("<img\nsrc = http://pictures.example/a.png", true),
            ("<img src=\"cid:logo\"><a href=\"https://shop.example\">Shop</a>", false),
            ("<a href=\"https://shop.example/img\">Shop</a> img //", false),
            ("<é", false),
            ("", false),
        ] {
            assert_eq!(has_remote_images(html), expected, "{html}");
        }
    }
}
