//! A ticket that we begin: a first message to a customer.

use accounts::{Actor, Costly, InboxKind};
use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kernel::{EmailAddress, Failure, InboxId, PublicId};
use outbox::Party;
use requests::Attempt;
use serde::Deserialize;
use serde_json::json;
use ui::{
    Answer, Choice, Chrome, Fields, Form, Problems, Upload, View, WebError, WebResult, Words, found,
};

use super::addresses::parties;
use super::compose::{DRAFT_CHARS_MAX, unknown_mode};
use super::composer::UploadCard;
use super::ticket::url;
use super::uploads::keep_files;
use crate::actions::{NewTicket, ReplyRefusal, open_ticket};
use crate::desk::Desk;
use crate::state::Then;
use crate::store::entries::{self, Waits};
use crate::store::new_drafts::{self, NewDraft};

#[derive(Template)]
#[template(path = "new_ticket.html")]
struct NewTicketPage {
    chrome: Chrome,
    form: NewForm,
}

/// The form, with the tools of the composer.
#[derive(Template)]
#[template(path = "_new_ticket.html")]
struct NewForm {
    w: Words,
    /// Stands where the tools of a ticket have its reference.
    reference: &'static str,
    may_write: bool,
    inboxes: Vec<Choice>,
    typed: NewDraft,
    saved_at: String,
    files: Vec<UploadCard>,
    key: PublicId,
    problems: Problems,
}

impl askama::filters::HtmlSafe for NewForm {}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Prefilled {
    to: String,
}

impl NewForm {
    async fn new(desk: &Desk, actor: &Actor, typed: NewDraft) -> WebResult<Self> {
        let w = desk.accounts.site().words(&actor.language);
        let directory = desk.accounts.directory().await?;
        let inboxes = directory.inboxes().filter(|inbox| {
            actor.may_see(inbox.id) && matches!(inbox.kind, InboxKind::Email | InboxKind::Api)
        });
        let inboxes = inboxes.map(|inbox| {
            let choice = Choice::new(inbox.id, &inbox.name, typed.inbox == Some(inbox.id));
            match &inbox.address {
                Some(address) => choice.with_note(address.to_string()),
                None => choice,
            }
        });
        Ok(Self {
            inboxes: inboxes.collect(),
            reference: "new",
            may_write: true,
            typed,
            saved_at: String::new(),
            files: Vec::new(),
            key: PublicId::new(desk.now()),
            problems: Problems::default(),
            w,
        })
    }

    /// The form once more, with what is wrong.
    async fn again(mut self, desk: &Desk, actor: &Actor, view: View) -> WebResult<Response> {
        self.files = waiting(desk, actor, &self.w).await?;
        if view.is_htmx {
            let answer = Answer::new().piece("#new-ticket", "outerHTML", &self)?;
            return Ok(answer.status(StatusCode::UNPROCESSABLE_ENTITY).into_response());
        }
        let chrome = desk.accounts.chrome(actor, "/t/new").await?;
        ui::again(&NewTicketPage { chrome, form: self })
    }
}

/// The files that wait for the ticket.
async fn waiting(desk: &Desk, actor: &Actor, w: &Words) -> WebResult<Vec<UploadCard>> {
    let files = entries::waiting_for_new(&desk.db().read().await?, actor.id).await?;
    Ok(files.iter().map(|file| UploadCard::of(file, "new", "new", w)).collect())
}

pub(super) async fn new(
    State(desk): State<Desk>,
    actor: Actor,
    Query(prefilled): Query<Prefilled>,
) -> WebResult<Response> {
    let saved = new_drafts::find(&desk.db().read().await?, actor.id).await?;
    let (mut typed, saved_at) =
        saved.map_or_else(Default::default, |saved| (saved.draft, saved.at.to_string()));
    if !prefilled.to.is_empty() {
        typed.to = prefilled.to;
    }
    let mut form = NewForm::new(&desk, &actor, typed).await?;
    form.saved_at = saved_at;
    form.files = waiting(&desk, &actor, &form.w).await?;
    let chrome = desk.accounts.chrome(&actor, "/t/new").await?;
    ui::page(&NewTicketPage { chrome, form })
}

/// What is typed, saved a moment later.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DraftForm {
    mode: String,
    inbox: String,
    to: String,
    cc: String,
    bcc: String,
    subject: String,
    text: String,
}

pub(super) async fn draft(
    State(desk): State<Desk>,
    actor: Actor,
    Form(form): Form<DraftForm>,
) -> WebResult<StatusCode> {
    if form.mode != "new" {
        let w = desk.accounts.site().words(&actor.language);
        return Err(unknown_mode(&w));
    }
    let line = |text: &str| kernel::clip(text, LINE_CHARS_MAX);
    let inbox = form.inbox.parse().ok().map(InboxId).filter(|inbox| actor.may_see(*inbox));
    let draft = NewDraft {
        inbox,
        to: line(&form.to),
        cc: line(&form.cc),
        bcc: line(&form.bcc),
        subject: line(&form.subject),
        text: kernel::clip(&form.text, DRAFT_CHARS_MAX),
    };
    let mut tx = desk.db().begin().await?;
    new_drafts::save(&mut tx, actor.id, &draft, desk.now()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// So much of a line of addresses or of a subject is kept.
const LINE_CHARS_MAX: usize = 4_000;

/// What the form may hold.
const WRITTEN: [&str; 9] =
    ["mode", "inbox", "to", "cc", "bcc", "subject", "text", "new_file", "then"];

/// What the form says, as it was typed.
fn typed(fields: &Fields) -> NewDraft {
    let get = |name: &str| fields.get(name).unwrap_or_default().to_owned();
    NewDraft {
        inbox: get("inbox").parse().ok().map(InboxId),
        to: get("to"),
        cc: get("cc"),
        bcc: get("bcc"),
        subject: get("subject"),
        text: get("text"),
    }
}

/// What the form says, as far as it can be used.
fn read(fields: &Fields, form: &mut NewForm) -> Option<NewTicket> {
    let words = form.w.clone();
    let problems = &mut form.problems;
    let mut addresses = |field: &'static str, text: &str| -> Vec<Party> {
        parties(text).unwrap_or_else(|bad| {
            problems.add(field, words.a("address-bad", "address", bad));
            Vec::new()
        })
    };
    let typed = &form.typed;
    let (to, cc, bcc) =
        (addresses("to", &typed.to), addresses("cc", &typed.cc), addresses("bcc", &typed.bcc));
    let customer = <[Party; 1]>::try_from(to).ok().map(|[customer]| customer);
    if customer.is_none() && parties(&typed.to).is_ok() {
        problems.add("to", words.t("new-to-missing"));
    }
    if typed.subject.trim().is_empty() {
        problems.add("subject", words.t("new-subject-missing"));
    }
    if typed.text.trim().is_empty() {
        problems.add("text", words.t("new-text-missing"));
    }
    if typed.inbox.is_none() {
        problems.add("inbox", words.t("new-inbox-missing"));
    }
    if !problems.is_empty() {
        return None;
    }
    Some(NewTicket {
        inbox: typed.inbox?,
        customer: customer?,
        subject: typed.subject.clone(),
        text: typed.text.clone(),
        html: None,
        cc,
        bcc,
        then: if fields.get("then") == Some("resolve") { Then::Resolve } else { Then::Wait },
        uploads: fields.all("new_file").filter_map(|id| id.parse().ok()).collect(),
    })
}

pub(super) async fn create(
    State(desk): State<Desk>,
    actor: Actor,
    view: View,
    upload: Upload,
) -> WebResult<Response> {
    upload.only(&WRITTEN)?;
    let mut form = NewForm::new(&desk, &actor, typed(&upload.fields)).await?;
    if let Some(name) = upload.too_large.first() {
        let text = form.w.a("file-too-large", "name", files::clean_name(name));
        form.problems.add("files", text);
    }
    let Some(mut new) = read(&upload.fields, &mut form) else {
        return form.again(&desk, &actor, view).await;
    };
    desk.accounts.count(&actor, Costly::Send)?;
    new.uploads.extend(keep_files(&desk, &actor, Waits::FOR_NEW, upload.files).await?);
    let key = found(upload.fields.get("key").map(str::to_owned))?;
    let office = desk.office().await?;
    let mut tx = desk.db().begin().await?;
    let who = format!("agent {}", actor.id);
    match requests::begin(&mut tx, &who, &key, new.text.as_bytes(), office.now).await? {
        Attempt::First => {}
        Attempt::Repeat(before) => return Ok(sent(&before.body, view)),
        Attempt::OtherRequest => {
            return Err(WebError::Conflict(form.w.t("new-sent-before").to_owned()));
        }
    }
    match open_ticket(&mut tx, &office, &actor, &new).await {
        Ok(replied) => {
            let place = match replied.undo {
                Some(undo) => format!("{}?sent={undo}", url(replied.ticket, "")),
                None => url(replied.ticket, ""),
            };
            let answer = requests::Answer { status: 303, body: place.clone() };
            requests::answer(&mut tx, &who, &key, &answer).await?;
            new_drafts::delete(&mut tx, actor.id).await?;
            tx.commit().await?;
            Ok(sent(&place, view))
        }
        Err(Failure::Refused(refusal)) => {
            drop(tx);
            form.problems.add(field_of(&refusal), refusal);
            form.again(&desk, &actor, view).await
        }
        Err(Failure::Broken(fault)) => Err(fault.into()),
    }
}

/// The field that a refusal is about.
fn field_of(refusal: &ReplyRefusal) -> &'static str {
    match refusal {
        ReplyRefusal::NoInbox => "inbox",
        ReplyRefusal::Empty | ReplyRefusal::TooLong(_) | ReplyRefusal::FieldMissing(_) => "text",
        ReplyRefusal::FileGone => "files",
        _ => "to",
    }
}

/// Leads to the ticket, where the message can be taken back.
fn sent(place: &str, view: View) -> Response {
    if !view.is_htmx {
        return ui::see_other(place);
    }
    let answer = Answer::new().event("composer:sent", &json!({ "ref": "new" }));
    answer.redirect(place).into_response()
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
