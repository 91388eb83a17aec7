//! A ticket that we begin: a first message to a customer.

use accounts::{Actor, InboxKind};
use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use kernel::{EmailAddress, Failure, InboxId, PublicId};
use outbox::Party;
use requests::Attempt;
use serde::Deserialize;
use ui::{Choice, Chrome, Fields, Problems, Upload, WebError, WebResult, found};

use super::compose::parties;
use super::ticket::url;
use super::uploads::keep_files;
use crate::actions::{NewTicket, ReplyRefusal, open_ticket};
use crate::desk::Desk;
use crate::state::Then;

#[derive(Template)]
#[template(path = "new_ticket.html")]
struct NewTicketPage {
    chrome: Chrome,
    inboxes: Vec<Choice>,
    to: String,
    cc: String,
    bcc: String,
    subject: String,
    text: String,
    key: PublicId,
    problems: Problems,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Prefilled {
    to: String,
}

impl NewTicketPage {
    async fn new(desk: &Desk, actor: &Actor, chosen: Option<InboxId>) -> WebResult<Self> {
        let directory = desk.accounts.directory().await?;
        let inboxes = directory.inboxes().filter(|inbox| {
            actor.may_see(inbox.id) && matches!(inbox.kind, InboxKind::Email | InboxKind::Api)
        });
        let inboxes = inboxes.map(|inbox| {
            let choice = Choice::new(inbox.id, &inbox.name, chosen == Some(inbox.id));
            match &inbox.address {
                Some(address) => choice.with_note(address.to_string()),
                None => choice,
            }
        });
        Ok(Self {
            inboxes: inboxes.collect(),
            chrome: desk.accounts.chrome(actor, "/t/new").await?,
            to: String::new(),
            cc: String::new(),
            bcc: String::new(),
            subject: String::new(),
            text: String::new(),
            key: PublicId::new(desk.now()),
            problems: Problems::default(),
        })
    }
}

pub(super) async fn new(
    State(desk): State<Desk>,
    actor: Actor,
    Query(prefilled): Query<Prefilled>,
) -> WebResult<Response> {
    let mut page = NewTicketPage::new(&desk, &actor, None).await?;
    page.to = prefilled.to;
    ui::page(&page)
}

/// What the form says, as far as it can be used.
fn read(fields: &Fields, page: &mut NewTicketPage) -> Option<NewTicket> {
    let get = |name: &str| fields.get(name).unwrap_or_default().to_owned();
    (page.to, page.cc, page.bcc) = (get("to"), get("cc"), get("bcc"));
    (page.subject, page.text) = (get("subject"), get("text"));
    let words = page.chrome.words.clone();
    let mut addresses = |field: &'static str| -> Vec<Party> {
        parties(&get(field)).unwrap_or_else(|bad| {
            page.problems.add(field, words.a("address-bad", "address", bad));
            Vec::new()
        })
    };
    let (to, cc, bcc) = (addresses("to"), addresses("cc"), addresses("bcc"));
    let customer = <[Party; 1]>::try_from(to).ok().map(|[customer]| customer);
    if customer.is_none() && parties(&page.to).is_ok() {
        page.problems.add("to", words.t("new-to-missing"));
    }
    if page.subject.trim().is_empty() {
        page.problems.add("subject", words.t("new-subject-missing"));
    }
    if page.text.trim().is_empty() {
        page.problems.add("text", words.t("new-text-missing"));
    }
    let inbox = get("inbox").parse().ok().map(InboxId);
    if inbox.is_none() {
        page.problems.add("inbox", words.t("new-inbox-missing"));
    }
    if !page.problems.is_empty() {
        return None;
    }
    Some(NewTicket {
        inbox: inbox?,
        customer: customer?,
        subject: page.subject.clone(),
        text: page.text.clone(),
        cc,
        bcc,
        then: if get("then") == "resolve" { Then::Resolve } else { Then::Wait },
        uploads: Vec::new(),
    })
}

pub(super) async fn create(
    State(desk): State<Desk>,
    actor: Actor,
    upload: Upload,
) -> WebResult<Response> {
    let inbox = upload.fields.get("inbox").and_then(|id| id.parse().ok()).map(InboxId);
    let mut page = NewTicketPage::new(&desk, &actor, inbox).await?;
    if let Some(name) = upload.too_large.first() {
        let text = page.chrome.words.a("file-too-large", "name", files::clean_name(name));
        page.problems.add("files", text);
    }
    let Some(mut new) = read(&upload.fields, &mut page) else { return ui::again(&page) };
    new.uploads = keep_files(&desk, &actor, None, upload.files).await?;
    let key = found(upload.fields.get("key").map(str::to_owned))?;
    let office = desk.office().await?;
    let mut tx = desk.db().begin().await?;
    let who = format!("agent {}", actor.id);
    match requests::begin(&mut tx, &who, &key, new.text.as_bytes(), office.now).await? {
        Attempt::First => {}
        Attempt::Repeat(before) => return Ok(ui::see_other(&before.body)),
        Attempt::OtherRequest => {
            let sentence = page.chrome.t("new-sent-before").to_owned();
            return Err(WebError::Conflict(sentence));
        }
    }
    match open_ticket(&mut tx, &office, &actor, &new).await {
        Ok(replied) => {
            let place = url(replied.ticket, "");
            let answer = requests::Answer { status: 303, body: place.clone() };
            requests::answer(&mut tx, &who, &key, &answer).await?;
            tx.commit().await?;
            Ok(ui::see_other(&place))
        }
        Err(Failure::Refused(refusal)) => {
            let field = match refusal {
                ReplyRefusal::NoInbox => "inbox",
                ReplyRefusal::Empty | ReplyRefusal::TooLong(_) | ReplyRefusal::FieldMissing(_) => {
                    "text"
                }
                ReplyRefusal::FileGone => "files",
                _ => "to",
            };
            page.problems.add(field, refusal);
            ui::again(&page)
        }
        Err(Failure::Broken(fault)) => Err(fault.into()),
    }
}

/// Somebody whose address is known, for the address of a new ticket.
pub(crate) fn path_to(address: &EmailAddress) -> String {
    let encoded: String = address
        .as_str()
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'@' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect();
    format!("/t/new?to={encoded}")
}
