//! Mail of the system itself to people inside.

use anyhow::Result;
use database::{Conn, Tx};
use kernel::{EmailAddress, InboxId, Span, Timestamp};
use outbox::{Caps, Kind, Letter, Party, Recipients, new_mail_id, post};
use ui::Words;

use crate::{Company, SystemMail, store};

/// Whether a mail of the system would leave: some inbox or a server of its own can send.
pub async fn can_leave(conn: &mut Conn, company: &Company) -> Result<bool> {
    match company.system_mail {
        SystemMail::Server { .. } => Ok(true),
        SystemMail::AnyInbox => Ok(!store::inboxes::with_a_server(conn).await?.is_empty()),
        SystemMail::Inbox { inbox } => {
            Ok(store::inboxes::with_a_server(conn).await?.contains(&InboxId(inbox)))
        }
    }
}

/// A letter of the system: one paragraph, one link.
#[derive(Clone, Debug)]
pub struct SystemLetter<'l> {
    pub to: (&'l str, &'l EmailAddress),
    pub subject: String,
    pub text: String,
    pub link: String,
    /// After this time it is not sent any more.
    pub useful_for: Span,
}

/// The domain that Message-IDs of the system name: where its mail comes from.
async fn mail_domain(conn: &mut Conn, company: &Company) -> Result<String> {
    let address = match &company.system_mail {
        SystemMail::Server { from, .. } => Some(from.clone()),
        SystemMail::AnyInbox => store::inboxes::sending_address(conn, None).await?,
        SystemMail::Inbox { inbox } => {
            store::inboxes::sending_address(conn, Some(InboxId(*inbox))).await?
        }
    };
    Ok(address.map_or_else(|| "localhost".to_owned(), |address| address.domain().to_owned()))
}

/// Queues a letter of the system. By which way it leaves is decided when it does.
pub async fn send(
    tx: &mut Tx,
    company: &Company,
    words: &Words,
    letter: SystemLetter<'_>,
    now: Timestamp,
) -> Result<()> {
    let (name, address) = letter.to;
    let text = format!(
        "{}\n\n{}\n\n{}\n\n{}",
        words.a("letter-hello", "name", name),
        letter.text,
        letter.link,
        words.a("letter-from", "company", &company.name)
    );
    let mail_id = new_mail_id(&mail_domain(tx, company).await?);
    let mail = Letter {
        kind: Kind::System,
        inbox: None,
        ticket: None,
        message: None,
        mail_id,
        from_name: company.name.clone(),
        reply_to: None,
        recipients: Recipients::to(Party::new(name, address.clone())),
        subject: letter.subject,
        text,
        html: None,
        in_reply_to: None,
        references: Vec::new(),
        send_after: now,
        useful_for: Some(letter.useful_for),
        verified: true,
    };
    post(tx, &mail, &Caps::default(), now).await.map(drop)
}
