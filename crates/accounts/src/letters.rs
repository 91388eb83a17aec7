//! Mail of the system itself to people inside.

use anyhow::Result;
use database::{Conn, Tx};
use kernel::{EmailAddress, InboxId, Span, Timestamp};
use outbox::{Caps, Kind, Letter, Party, Recipients, new_mail_id, post};
use ui::Words;

use crate::{Accounts, Company, Role, SystemMail, store};

/// Whether a mail of the system would leave: some inbox or a server of its own can send.
pub async fn can_leave(conn: &Conn, company: &Company) -> Result<bool> {
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

/// What every owner is told.
pub(crate) struct ToOwners {
    pub(crate) subject: String,
    pub(crate) text: String,
    /// The page that it is about.
    pub(crate) page: &'static str,
}

/// How long a letter about something that somebody has to look at is of use.
const USEFUL_FOR: Span = Span::days(30);

/// Queues the same letter to every owner.
pub(crate) async fn tell_owners(
    accounts: &Accounts,
    tx: &mut Tx,
    what: impl FnOnce(&Words) -> ToOwners,
) -> Result<()> {
    let (company, directory) = (accounts.company().await?, accounts.directory().await?);
    let w = accounts.site().words(&company.language);
    let ToOwners { subject, text, page } = what(&w);
    for owner in directory.working().iter().filter(|card| card.role == Role::Owner) {
        let letter = SystemLetter {
            to: (&owner.name, &owner.email),
            subject: subject.clone(),
            text: text.clone(),
            link: accounts.site().url(page),
            useful_for: USEFUL_FOR,
        };
        send(tx, &company, &w, letter, accounts.now()).await?;
    }
    Ok(())
}

/// The domain that Message-IDs of the system name: where its mail comes from.
async fn mail_domain(conn: &Conn, company: &Company) -> Result<String> {
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
