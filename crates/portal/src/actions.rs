//! What happens when a customer sends something.

use accounts::{Inbox, InboxKind};
use anyhow::{Context, Result};
use database::Tx;
use files::{FileHash, MediaType, clean_name};
use kernel::{EmailAddress, FieldId, InboxId, Span, TicketId};
use outbox::Recipients;
use requests::{Answer, Attempt};
use tickets::actions::{
    Incoming, Office, ReplyTokens, Sender, add_field, categories, known_category, place, receive,
};
use tickets::customer_view::Viewer;
use tickets::{Channel, SenderCheck, StoredFile, Ticket};
use ui::{UploadedFile, Words};

use crate::asked::Asked;
use crate::letters::{LinkLetter, may_send_link, send_link};
use crate::session::Session;
use crate::topic::{Ask, FIRST_FIELDS, FIRST_TOPICS, NewTopic, Topic};
use crate::{Portal, link, store};

/// Where messages go when a topic names no inbox that is in use.
pub(crate) fn default_inbox(office: &Office) -> Option<&Inbox> {
    let mut all: Vec<&Inbox> = office.directory.inboxes().collect();
    all.sort_by_key(|inbox| inbox.id);
    let by_mail = all.iter().find(|inbox| inbox.kind == InboxKind::Email);
    by_mail.or(all.first()).copied()
}

/// The topics in use.
pub(crate) async fn topics(portal: &Portal) -> Result<Vec<Topic>> {
    let all = store::topics(&portal.db().read().await?).await?;
    Ok(all.into_iter().filter(|topic| !topic.is_archived).collect())
}

/// Makes the topics that most sellers need, once, as soon as there is an inbox for them. Says
/// whether they are made.
pub(crate) async fn make_first_topics(portal: &Portal) -> Result<bool> {
    if store::are_first_topics_made(&portal.db().read().await?).await? {
        return Ok(true);
    }
    let office = portal.office().await?;
    let Some(inbox) = default_inbox(&office) else { return Ok(false) };
    let w = portal.site().words(&office.company.language);
    let mut tx = portal.db().begin().await?;
    if !store::claim_first_topics(&mut tx, office.now).await? {
        return Ok(true);
    }
    let mut fields: Vec<(&str, FieldId)> = Vec::new();
    for (key, label, kind) in FIRST_FIELDS {
        if let Some(id) = add_field(&mut tx, key, w.t(label), kind, &[]).await? {
            fields.push((key, id));
        }
    }
    for first in &FIRST_TOPICS {
        let asks = fields.iter().filter(|(key, _)| first.asks.contains(key));
        let topic = NewTopic {
            inbox: inbox.id,
            name: w.t(first.name).to_owned(),
            hint: w.t(first.hint).to_owned(),
            category: None,
            team: None,
            priority: tickets::Priority::Normal,
            asks: asks.map(|(_, field)| Ask { field: *field, required: false }).collect(),
        };
        store::add_topic(&mut tx, &topic, office.now).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Stores files that were sent along, before anything refers to them.
pub(crate) async fn store_files(
    portal: &Portal,
    uploaded: Vec<UploadedFile>,
) -> Result<Vec<StoredFile>> {
    let mut stored = Vec::with_capacity(uploaded.len());
    for file in uploaded {
        let media_type = MediaType::of(&file.bytes);
        let size_bytes = kernel::count(file.bytes.len());
        stored.push(StoredFile {
            hash: portal.files().put(file.bytes).await?,
            name: clean_name(&file.name),
            media_type,
            size_bytes,
            content_id: None,
        });
    }
    Ok(stored)
}

/// Names what was sent, so that the same thing sent twice is known.
fn content_hash<'p>(parts: &[&'p str], files: impl Iterator<Item = &'p str>) -> String {
    let mut all = Vec::new();
    for part in parts.iter().copied().chain(files) {
        all.extend(kernel::count(part.len()).to_be_bytes());
        all.extend(part.as_bytes());
    }
    FileHash::of(&all).to_string()
}

/// A form that is about to become a ticket.
pub(crate) struct FormMessage<'f> {
    pub(crate) token: &'f str,
    pub(crate) asked: Asked,
    pub(crate) topic: &'f Topic,
    pub(crate) files: Vec<StoredFile>,
    /// Whoever is signed in, if it is they who write.
    pub(crate) session: Option<Session>,
}

/// The key of a form: the same form with the same content has the same one.
fn form_key<'f>(token: &str, asked: &'f Asked, files: impl Iterator<Item = &'f str>) -> String {
    let values = asked.fields.iter().map(|(id, value)| format!("{id}={value}"));
    let values = values.collect::<Vec<_>>().join("\n");
    let (address, topic) = (asked.address.to_string(), asked.topic.to_string());
    let files: Vec<&str> = files.collect();
    let parts = [&asked.name, address.as_str(), &asked.text, &topic, &values];
    let content = content_hash(&parts, files.into_iter());
    format!("{}-{content}", token.get(..40).unwrap_or(token))
}

/// The ticket that a form made when it was sent before, if it was.
pub(crate) async fn sent_before(
    portal: &Portal,
    token: &str,
    asked: &Asked,
    files: &[UploadedFile],
) -> Result<Option<TicketId>> {
    let hashes: Vec<FileHash> = files.iter().map(|file| FileHash::of(&file.bytes)).collect();
    let key = form_key(token, asked, hashes.iter().map(FileHash::as_str));
    let conn = portal.db().read().await?;
    let before = requests::answered(&conn, FORM, &key, b"").await?;
    before.map(|answer| Ok(answer.body.parse()?)).transpose()
}

/// Makes a ticket of a form. The same form with the same content makes one, however often it is
/// sent.
pub(crate) async fn send_form(
    portal: &Portal,
    office: &Office,
    form: FormMessage<'_>,
) -> Result<TicketId> {
    let (asked, topic) = (&form.asked, form.topic);
    let key = form_key(form.token, asked, form.files.iter().map(|file| file.hash.as_str()));
    let mut tx = portal.db().begin().await?;
    if let Some(before) = claim(&mut tx, FORM, &key, office).await? {
        return Ok(before);
    }
    let proves_it = form.session.as_ref().is_some_and(|one| one.address == asked.address);
    let category = known_category(&categories(&tx).await?, topic.category);
    let incoming = Incoming {
        inbox: inbox_of(office, topic.inbox).context("no inbox takes messages")?,
        channel: Channel::Form,
        sender: Sender {
            name: asked.name.clone(),
            address: Some(asked.address.clone()),
            check: if proves_it { SenderCheck::Pass } else { SenderCheck::Unknown },
            check_detail: "{}".to_owned(),
        },
        subject: first_line(&asked.text),
        category,
        fields: asked.fields.clone(),
        files: form.files,
        ..plain(office, &asked.text)
    };
    let received = receive(&mut tx, office, &incoming).await?;
    place(&mut tx, office, received.ticket, topic.team, topic.priority).await?;
    settle(&mut tx, FORM, &key, received.ticket).await?;
    tx.commit().await?;
    Ok(received.ticket)
}

const FORM: &str = "contact form";

/// An answer in the portal.
pub(crate) struct PortalAnswer<'a> {
    pub(crate) key: &'a str,
    pub(crate) text: &'a str,
    pub(crate) files: Vec<StoredFile>,
}

/// Adds what a customer writes in the portal; a closed ticket is followed by a new one.
pub(crate) async fn answer(
    portal: &Portal,
    office: &Office,
    session: &Session,
    viewer: &Viewer,
    ticket: &Ticket,
    answer: PortalAnswer<'_>,
) -> Result<TicketId> {
    let actor = format!("customer {}", session.customer);
    let (reference, files) = (ticket.id.to_string(), answer.files.iter());
    let content = content_hash(&[&reference, answer.text], files.map(|file| file.hash.as_str()));
    let key = format!("{}-{content}", kernel::clip(answer.key, 40));
    let mut tx = portal.db().begin().await?;
    if let Some(before) = claim(&mut tx, &actor, &key, office).await? {
        return Ok(before);
    }
    let customer = customers::find(&tx, session.customer).await?.context("a customer")?;
    let is_known = viewer.addresses.contains(&session.address);
    let address = if is_known { Some(session.address.clone()) } else { customer.address.clone() };
    let incoming = Incoming {
        inbox: inbox_of(office, ticket.inbox).context("no inbox takes messages")?,
        channel: Channel::Portal,
        sender: Sender {
            name: customer.name,
            address,
            check: SenderCheck::Pass,
            check_detail: "{}".to_owned(),
        },
        subject: ticket.subject.clone(),
        tokens: ReplyTokens { ticket: Some(ticket.id), ..ReplyTokens::default() },
        files: answer.files,
        ..plain(office, answer.text)
    };
    let received = receive(&mut tx, office, &incoming).await?;
    settle(&mut tx, &actor, &key, received.ticket).await?;
    tx.commit().await?;
    Ok(received.ticket)
}

/// What a ticket is called whose form has no subject: what stands in its first line.
fn first_line(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    kernel::clip(&kernel::one_line(line), 80)
}

/// The inbox, if it is in use; else the one that takes what has no other.
fn inbox_of(office: &Office, id: InboxId) -> Option<InboxId> {
    let in_use = office.inbox_of(id).filter(|inbox| inbox.archived_at.is_none());
    in_use.or_else(|| default_inbox(office)).map(|inbox| inbox.id)
}

/// A message with nothing but its text.
fn plain(office: &Office, text: &str) -> Incoming {
    Incoming {
        inbox: InboxId(0),
        channel: Channel::Form,
        sender: Sender {
            name: String::new(),
            address: None,
            check: SenderCheck::Unknown,
            check_detail: "{}".to_owned(),
        },
        recipients: Recipients::default(),
        subject: String::new(),
        text: text.to_owned(),
        quoted: String::new(),
        html: None,
        files: Vec::new(),
        mail_id: None,
        references: Vec::new(),
        tokens: ReplyTokens::default(),
        is_automatic: false,
        must_not_be_answered: false,
        is_history: false,
        language: None,
        ledger: None,
        category: None,
        fields: Vec::new(),
        received_at: office.now,
    }
}

/// Claims a form; the ticket that it made before, if it was sent before.
async fn claim(tx: &mut Tx, actor: &str, key: &str, office: &Office) -> Result<Option<TicketId>> {
    // The content is part of the key: a form that was changed and sent again is another one.
    match requests::begin(tx, actor, key, b"", office.now).await? {
        Attempt::Repeat(answer) => Ok(Some(answer.body.parse()?)),
        Attempt::First | Attempt::OtherRequest => Ok(None),
    }
}

async fn settle(tx: &mut Tx, actor: &str, key: &str, ticket: TicketId) -> Result<()> {
    let answer = Answer { status: 303, body: ticket.to_string() };
    requests::answer(tx, actor, key, &answer).await
}

/// Makes a link for somebody who asked for one and could not get it by mail; `None` if nobody
/// with the address asked lately. An owner hands it on.
pub(crate) async fn make_link_for(
    portal: &Portal,
    address: &EmailAddress,
) -> Result<Option<String>> {
    let now = portal.now();
    let mut tx = portal.db().begin().await?;
    let waiting = store::waiting_for_link(&tx, now).await?;
    let known = customers::known(&tx, address).await?;
    let (true, Some(known)) = (waiting.iter().any(|(one, _)| one == address), known) else {
        return Ok(None);
    };
    let token = link::make(&mut tx, known.customer, address, now).await?;
    tx.commit().await?;
    Ok(Some(portal.site().url(&format!("/help/link/{}", token.reveal()))))
}

/// More links than this in an hour help nobody who did not get the first.
const LINKS_AN_HOUR: i64 = 3;

/// Sends a link to an address, if somebody is known by it. Whether that is so, and whether one was
/// withheld, stays in here.
pub(crate) async fn send_link_to(portal: &Portal, address: &EmailAddress, w: &Words) -> Result<()> {
    let (company, now) = (portal.company().await?, portal.now());
    let mut tx = portal.db().begin().await?;
    let known = customers::known(&tx, address).await?;
    let Some(customers::Known { customer, is_verified, .. }) = known else {
        return Ok(());
    };
    if !may_send_link(&mut tx, address, is_verified, now).await?
        || store::links_asked_for(&tx, customer, now - Span::hours(1)).await? >= LINKS_AN_HOUR
    {
        return Ok(());
    }
    let token = link::make(&mut tx, customer, address, now).await?;
    let link = portal.site().url(&format!("/help/link/{}", token.reveal()));
    let letter = LinkLetter { to: address, is_verified, link };
    send_link(&mut tx, portal.site(), &company, w, letter, now).await?;
    tx.commit().await
}
