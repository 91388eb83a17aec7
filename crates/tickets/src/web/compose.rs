//! What is written in a ticket: sent, noted, forwarded, kept as a draft.

use accounts::{Act, Actor, Costly};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kernel::{Failure, MessageId, PublicId, TicketId, Timestamp};
use outbox::Recipients;
use requests::Attempt;
use serde_json::json;
use ui::{Answer, Fields, Form, Markup, Toast, Upload, View, WebError, WebResult, Words};

use super::addresses::parties;
use super::composer::{self, Composer};
use super::entries::{Loaded, Maker, Part, time_of};
use super::reference::Reference;
use super::ticket::{From, Opened, url};
use super::uploads::keep_files;
use crate::actions::{Forward, NewNote, Office, Reply, ReplyRefusal, forward, post_note, reply};
use crate::desk::Desk;
use crate::state::Then;
use crate::store::entries::{self, Waits};
use crate::store::people::{self, Draft};
use crate::ticket::Resolution;

/// What was written, and how.
struct Written {
    /// An address that cannot be read, said in a sentence.
    wrong: Option<String>,
    mode: Mode,
    text: String,
    recipients: Recipients,
    /// The form asked who it goes to: an empty answer means nobody.
    names_recipients: bool,
    then: Then,
    resolution: Option<Resolution>,
    uploads: Vec<PublicId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Reply,
    Note,
    Forward,
}

impl Mode {
    pub(crate) fn read(text: &str) -> Option<Self> {
        match text {
            "reply" => Some(Self::Reply),
            "note" => Some(Self::Note),
            "forward" => Some(Self::Forward),
            _ => None,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::Note => "note",
            Self::Forward => "forward",
        }
    }

    /// What one has to be allowed for it.
    pub(crate) fn act(self) -> Act {
        match self {
            Self::Note => Act::WriteNotes,
            Self::Reply | Self::Forward => Act::WriteToCustomers,
        }
    }
}

/// Who it is to go to, or the first address that cannot be read.
fn recipients(fields: &Fields, mode: &str) -> Result<Recipients, String> {
    let list = |kind: &str| parties(fields.get(&format!("{mode}_{kind}")).unwrap_or_default());
    Ok(Recipients { to: list("to")?, cc: list("cc")?, bcc: list("bcc")? })
}

pub(super) fn unknown_mode(w: &Words) -> WebError {
    WebError::BadInput(w.t("mode-unknown").to_owned())
}

fn written(upload: &Upload, w: &Words) -> WebResult<Written> {
    let fields = &upload.fields;
    let get = |name: &str| fields.get(name).unwrap_or_default();
    let mode = Mode::read(get("mode")).ok_or_else(|| unknown_mode(w))?;
    let name = mode.as_str();
    let recipients = match mode {
        Mode::Note => Ok(Recipients::default()),
        Mode::Reply | Mode::Forward => recipients(fields, name),
    };
    let uploads = fields.all(&format!("{name}_file")).filter_map(|id| id.parse().ok()).collect();
    Ok(Written {
        mode,
        text: get(name).to_owned(),
        wrong: recipients.as_ref().err().map(|bad| w.a("address-bad", "address", bad)),
        recipients: recipients.unwrap_or_default(),
        names_recipients: fields.get(&format!("{name}_to")).is_some(),
        then: match get("then") {
            "resolve" => Then::Resolve,
            "open" => Then::StayOpen,
            _ => Then::Wait,
        },
        resolution: Resolution::named(get("resolution")).ok(),
        uploads,
    })
}

/// What the form of the composer may hold.
const COMPOSED: &str = "mode last_entry then resolution reply reply_to reply_cc reply_bcc reply_file \
    note note_file forward forward_to forward_cc forward_bcc forward_file";

/// Sends an answer or a forward, or saves a note.
pub(super) async fn create(
    State(desk): State<Desk>,
    actor: Actor,
    view: View,
    Reference(id): Reference,
    from: From,
    upload: Upload,
) -> WebResult<Response> {
    upload.only(&COMPOSED.split_whitespace().collect::<Vec<_>>())?;
    let w = desk.accounts.site().words(&actor.language);
    let opened = Opened::open(&desk, &actor, id, &from.list).await?;
    let mut written = written(&upload, &w)?;
    actor.must(written.mode.act())?;
    if written.mode != Mode::Note {
        desk.accounts.count(&actor, Costly::Send)?;
    }
    // A browser without scripts sends its files along with the text.
    let waits = Waits { ticket: Some(opened.ticket.id), mode: written.mode.as_str() };
    written.uploads.extend(keep_files(&desk, &actor, waits, upload.files).await?);
    if let Some(name) = upload.too_large.first() {
        let sentence = w.a("file-too-large", "name", files::clean_name(name));
        return refused(&opened, &written, view, &sentence).await;
    }
    if let Some(sentence) = &written.wrong {
        return refused(&opened, &written, view, sentence).await;
    }
    let seen_at = seen_at(&opened, upload.fields.get("last_entry").unwrap_or_default()).await?;
    let key = upload.fields.get("key").unwrap_or_default();
    match send(&opened, &written, seen_at, key).await {
        Ok(Sent::Done { at, undo }) => answer(&opened, &written, at, undo, view).await,
        Ok(Sent::Before) => Ok(again_answer(&opened, view)),
        Err(Failure::Refused(Said::MovedOn)) => moved_on(&opened, &written, seen_at, view).await,
        Err(Failure::Refused(said)) => refused(&opened, &written, view, &said.to_string()).await,
        Err(Failure::Broken(fault)) => Err(fault.into()),
    }
}

/// When the latest thing came that the writer has on the screen.
async fn seen_at(opened: &Opened<'_>, last_entry: &str) -> WebResult<Option<Timestamp>> {
    let conn = opened.desk.db().read().await?;
    Ok(time_of(&conn, opened.ticket.id, last_entry).await?)
}

enum Sent {
    Done {
        at: Timestamp,
        undo: Option<PublicId>,
    },
    /// The same form came before, and was done.
    Before,
}

/// A refusal of any of the actions.
#[derive(Debug, thiserror::Error)]
enum Said {
    #[error("{}", ReplyRefusal::MovedOn)]
    MovedOn,
    #[error("{0}")]
    Other(String),
}

impl kernel::Refusal for Said {}

fn said<R: kernel::Refusal>(failure: Failure<R>) -> Failure<Said> {
    match failure {
        Failure::Refused(refusal) => Failure::Refused(Said::Other(refusal.to_string())),
        Failure::Broken(fault) => Failure::Broken(fault),
    }
}

async fn send(
    opened: &Opened<'_>,
    written: &Written,
    seen_at: Option<Timestamp>,
    key: &str,
) -> Result<Sent, Failure<Said>> {
    let Opened { desk, actor, ticket, .. } = opened;
    let office = desk.office().await?;
    let mut tx = desk.db().begin().await?;
    if !key.is_empty() {
        let who = format!("agent {}", actor.id);
        let content = format!("{} {} {}", ticket.id, written.mode.as_str(), written.text);
        match requests::begin(&mut tx, &who, key, content.as_bytes(), office.now).await? {
            Attempt::First => {
                let done = requests::Answer { status: 200, body: String::new() };
                requests::answer(&mut tx, &who, key, &done).await?;
            }
            Attempt::Repeat(_) => return Ok(Sent::Before),
            // Another text under the same key: the page was not told that the first one went.
            Attempt::OtherRequest => {}
        }
    }
    let undo = match written.mode {
        Mode::Reply => answer_customer(&mut tx, &office, opened, written, seen_at).await?,
        Mode::Note | Mode::Forward => act(&mut tx, &office, actor, ticket.id, written).await?,
    };
    tx.commit().await?;
    Ok(Sent::Done { at: office.now, undo })
}

async fn answer_customer(
    tx: &mut database::Tx,
    office: &Office,
    opened: &Opened<'_>,
    written: &Written,
    seen_at: Option<Timestamp>,
) -> Result<Option<PublicId>, Failure<Said>> {
    let seen = match seen_at {
        Some(at) => {
            let seen = entries::latest_inbound_until(tx, opened.ticket.id, at).await?;
            Some(seen.unwrap_or(MessageId(0)))
        }
        None => None,
    };
    let answer = Reply {
        text: written.text.clone(),
        html: None,
        recipients: written.names_recipients.then(|| written.recipients.clone()),
        then: written.then,
        resolution: written.resolution,
        cause: None,
        uploads: written.uploads.clone(),
        seen,
    };
    match reply(tx, office, opened.actor, opened.ticket.id, &answer).await {
        Ok(replied) => Ok(replied.undo),
        Err(Failure::Refused(ReplyRefusal::MovedOn)) => Err(Failure::Refused(Said::MovedOn)),
        Err(other) => Err(said(other)),
    }
}

async fn act(
    tx: &mut database::Tx,
    office: &Office,
    actor: &Actor,
    ticket: TicketId,
    written: &Written,
) -> Result<Option<PublicId>, Failure<Said>> {
    match written.mode {
        Mode::Note => {
            let note = NewNote { text: written.text.clone(), uploads: written.uploads.clone() };
            post_note(tx, office, actor, ticket, &note).await.map_err(said)?;
            Ok(None)
        }
        Mode::Reply | Mode::Forward => {
            let on = Forward {
                message: None,
                recipients: written.recipients.clone(),
                text: written.text.clone(),
                uploads: written.uploads.clone(),
            };
            Ok(forward(tx, office, actor, ticket, &on).await.map_err(said)?.undo)
        }
    }
}

/// A collision: somebody outside wrote after what the writer has seen.
async fn moved_on(
    opened: &Opened<'_>,
    written: &Written,
    seen_at: Option<Timestamp>,
    view: View,
) -> WebResult<Response> {
    let Opened { desk, actor, ticket, .. } = opened;
    let at = seen_at.filter(|_| view.is_htmx);
    let Some(at) = at else {
        let sentence = ReplyRefusal::MovedOn.to_string();
        return again(opened, written, &sentence, StatusCode::CONFLICT).await;
    };
    let conn = desk.db().read().await?;
    let loaded = Loaded::load(&conn, ticket.id, Part::Since(at)).await?;
    drop(conn);
    let maker = Maker::new(desk, actor).await?;
    let who = loaded.last_writer(at).unwrap_or_default();
    let w = &maker.w;
    let warning = w.rich("collision-wrote", &[("who", &who)]);
    let stops = opened.stops(&maker, &loaded).without_days();
    let answer = Answer::new()
        .piece("#entries", "beforeend", &stops)?
        .piece("#collision", "innerHTML", &Warning::new(&warning))?
        .piece("#last-entry", "outerHTML", &LastEntry { key: loaded.last_key() })?
        .status(StatusCode::CONFLICT);
    Ok(answer.into_response())
}

#[derive(askama::Template)]
#[template(
    source = r#"<div class="collision">{{ icon }}<span class="fill">{{ text }}</span></div>"#,
    ext = "html"
)]
pub(super) struct Warning {
    icon: Markup,
    text: Markup,
}

impl Warning {
    pub(super) fn new(text: &Markup) -> Self {
        Self { icon: ui::icon("circle-alert"), text: text.clone() }
    }
}

#[derive(askama::Template)]
#[template(
    source = r#"<input type="hidden" name="last_entry" id="last-entry" value="{{ key }}">"#,
    ext = "html"
)]
struct LastEntry {
    key: String,
}

#[derive(askama::Template)]
#[template(
    source = r#"<input type="hidden" name="key" id="send-key" value="{{ key }}">"#,
    ext = "html"
)]
struct SendKey {
    key: PublicId,
}

#[derive(askama::Template)]
#[template(
    source = r#"<p class="field__error" role="alert">{{ icon }}{{ text }}</p>"#,
    ext = "html"
)]
struct Complaint {
    icon: Markup,
    text: String,
}

impl Complaint {
    fn new(sentence: &str) -> Self {
        Self { icon: ui::icon("circle-alert"), text: ui::sentence(sentence) }
    }
}

/// What is wrong, under the text.
async fn refused(
    opened: &Opened<'_>,
    written: &Written,
    view: View,
    sentence: &str,
) -> WebResult<Response> {
    if !view.is_htmx {
        return again(opened, written, sentence, StatusCode::UNPROCESSABLE_ENTITY).await;
    }
    let answer = Answer::new().piece("#composer-error", "innerHTML", &Complaint::new(sentence))?;
    Ok(answer.status(StatusCode::UNPROCESSABLE_ENTITY).into_response())
}

/// The page once more for a browser without scripts. What was written waits there as a draft.
async fn again(
    opened: &Opened<'_>,
    written: &Written,
    sentence: &str,
    status: StatusCode,
) -> WebResult<Response> {
    let Opened { desk, actor, ticket, .. } = opened;
    let mode = written.mode;
    let draft = Draft {
        mode: mode.as_str().to_owned(),
        text: kernel::clip(&written.text, DRAFT_CHARS_MAX),
        recipients: written.recipients.clone(),
        updated_at: desk.now(),
    };
    let mut tx = desk.db().begin().await?;
    people::save_draft(&mut tx, ticket.id, actor.id, &draft).await?;
    tx.commit().await?;
    let mut page = Box::pin(opened.again(mode, ui::rendered(&Complaint::new(sentence)))).await?;
    *page.status_mut() = status;
    Ok(page)
}

/// The form was done before: the page only has to look again.
fn again_answer(opened: &Opened<'_>, view: View) -> Response {
    let page = opened.url();
    if view.is_htmx { Answer::new().redirect(&page).into_response() } else { ui::see_other(&page) }
}

async fn answer(
    opened: &Opened<'_>,
    written: &Written,
    at: Timestamp,
    undo: Option<PublicId>,
    view: View,
) -> WebResult<Response> {
    let Opened { desk, actor, ticket, list } = opened;
    if !view.is_htmx {
        return Ok(ui::see_other(&url(ticket.id, list)));
    }
    let now = Opened::open(desk, actor, ticket.id, list).await?;
    let w = desk.accounts.site().words(&actor.language);
    let who = Maker::new(desk, actor).await?;
    let conn = desk.db().read().await?;
    let composer = composer::make(&now, &who, &conn).await?;
    drop(conn);
    let toast = match written.mode {
        Mode::Note => Toast::new(w.t("note-added")),
        Mode::Reply => Toast::new(w.a("reply-leaves", "who", &composer.first_name)),
        Mode::Forward => Toast::new(w.t("forward-leaves")),
    };
    let toast = match undo {
        Some(id) => toast.with_undo(format!("/undo/{id}"), w.t("undo")),
        None => toast,
    };
    let reference = ticket.id.to_string();
    let mut answer = now
        .pieces(at)
        .await?
        .text("#composer-error", "")
        .text("#collision", "")
        .piece("#send-key", "outerHTML", &SendKey { key: PublicId::new(desk.now()) })?
        .toast(&toast)
        .event("composer:sent", &json!({ "ref": reference }));
    if written.mode == Mode::Reply && written.then == Then::Resolve {
        answer = answer.event("ticket:leave", &json!({ "ref": reference, "next": true }));
    }
    Ok(answer.into_response())
}

/// The composer again, after what was sent was taken back.
pub(super) async fn composer_again(opened: &Opened<'_>) -> WebResult<Composer> {
    let maker = Maker::new(opened.desk, opened.actor).await?;
    let part = Part::Latest;
    let conn = opened.desk.db().read().await?;
    let loaded = Loaded::load(&conn, opened.ticket.id, part).await?;
    let mut composer = composer::make(opened, &maker, &conn).await?;
    composer.last_entry = loaded.last_key();
    Ok(composer)
}

/// What is typed, saved a moment later.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DraftForm {
    mode: String,
    text: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    cc: String,
    #[serde(default)]
    bcc: String,
}

pub(super) const DRAFT_CHARS_MAX: usize = 200_000;

pub(super) async fn draft(
    State(desk): State<Desk>,
    actor: Actor,
    Reference(id): Reference,
    Form(form): Form<DraftForm>,
) -> WebResult<StatusCode> {
    let w = desk.accounts.site().words(&actor.language);
    let mode = Mode::read(&form.mode).ok_or_else(|| unknown_mode(&w))?;
    actor.must(mode.act())?;
    let opened = Opened::open(&desk, &actor, id, "").await?;
    // Addresses that are not finished yet are not kept; the text is what matters.
    let list = |text: &str| parties(text).unwrap_or_default();
    let recipients = if form.text.trim().is_empty() {
        Recipients::default()
    } else {
        Recipients { to: list(&form.to), cc: list(&form.cc), bcc: list(&form.bcc) }
    };
    let draft = Draft {
        mode: mode.as_str().to_owned(),
        text: kernel::clip(&form.text, DRAFT_CHARS_MAX),
        recipients,
        updated_at: desk.now(),
    };
    let mut tx = desk.db().begin().await?;
    people::save_draft(&mut tx, opened.ticket.id, actor.id, &draft).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
