//! The ledger: every mail that came, and what became of it.

use std::collections::HashMap;

use accounts::{Act, Actor};
use askama::Template;
use audit::Deed;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use email::Limits;
use kernel::{InboxId, PublicId};
use serde::Deserialize;
use ui::{Choice, Chrome, WebResult, found};

use crate::ledger::{Fate, Filter, Line, counts, find, page, source};
use crate::mailroom::seen_by;
use crate::{Mailroom, actions};

/// Rows of a page.
const ROWS: i64 = 50;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Asked {
    fate: String,
    inbox: String,
    before: Option<PublicId>,
}

#[derive(Template)]
#[template(path = "ledger.html")]
struct Ledger {
    chrome: Chrome,
    fates: Vec<Choice>,
    inboxes: Vec<Choice>,
    rows: Vec<Row>,
    /// The address of what is older.
    older: Option<String>,
    is_narrowed: bool,
}

/// A line as lists show it.
pub(super) struct Row {
    pub(super) id: PublicId,
    pub(super) from: String,
    pub(super) subject: String,
    pub(super) inbox: String,
    pub(super) at: String,
    pub(super) fate: &'static str,
    pub(super) tone: &'static str,
    pub(super) reason: String,
    pub(super) preview: String,
    pub(super) ticket: Option<String>,
}

pub(super) fn fate_key(fate: Fate) -> &'static str {
    match fate {
        Fate::Received => "fate-received",
        Fate::Ticketed => "fate-ticketed",
        Fate::Quarantined => "fate-quarantined",
        Fate::Bounce => "fate-bounce",
        Fate::Failed => "fate-failed",
        Fate::Dismissed => "fate-dismissed",
    }
}

fn tone(fate: Fate) -> &'static str {
    match fate {
        Fate::Received => "info",
        Fate::Ticketed => "ok",
        Fate::Quarantined | Fate::Bounce => "warn",
        Fate::Failed => "bad",
        Fate::Dismissed => "neutral",
    }
}

/// Names of inboxes by id, for rows.
pub(super) async fn inbox_names(mailroom: &Mailroom) -> anyhow::Result<HashMap<InboxId, String>> {
    let directory = mailroom.accounts.directory().await?;
    Ok(directory.all_inboxes().iter().map(|inbox| (inbox.id, inbox.name.clone())).collect())
}

impl Row {
    pub(super) fn of(line: &Line, chrome: &Chrome, names: &HashMap<InboxId, String>) -> Self {
        let or = |text: &str, key: &str| {
            if text.is_empty() { chrome.t(key).to_owned() } else { text.to_owned() }
        };
        let is_read = line.fate != Fate::Received;
        Self {
            id: line.public_id,
            from: or(
                &line.from_address,
                if is_read { "ledger-no-sender" } else { "ledger-unread" },
            ),
            subject: or(&line.subject, if is_read { "ledger-no-subject" } else { "ledger-unread" }),
            inbox: names.get(&line.inbox).cloned().unwrap_or_default(),
            at: ui::moment_in_full(line.received_at, &chrome.when),
            fate: fate_key(line.fate),
            tone: tone(line.fate),
            reason: line.reason.clone().unwrap_or_default(),
            preview: line.preview.clone(),
            ticket: line.ticket.map(|ticket| ticket.to_string()),
        }
    }
}

pub(super) async fn index(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    Query(asked): Query<Asked>,
) -> WebResult<Response> {
    let chrome = mailroom.accounts.chrome(&actor, "/settings/mail").await?;
    let directory = mailroom.accounts.directory().await?;
    let fate = Fate::named(&asked.fate).ok();
    let chosen = asked.inbox.parse().ok().and_then(|id| directory.inbox_by_public_id(id));
    let chosen = chosen.filter(|inbox| actor.may_see(inbox.id));
    let inboxes = match chosen {
        Some(inbox) => Some(vec![inbox.id]),
        None => seen_by(&actor),
    };
    let filter = Filter { inboxes, fate, before: asked.before };
    let conn = mailroom.db().read_list().await?;
    let mut lines = page(&conn, &filter, ROWS + 1).await?;
    let counted = counts(&conn, seen_by(&actor).as_deref()).await?;
    drop(conn);
    let inbox_id = chosen.map(|inbox| inbox.public_id.to_string()).unwrap_or_default();
    let older = if lines.len() > usize::try_from(ROWS).unwrap_or(0) {
        lines.pop();
        lines.last().map(|last| {
            let fate = fate.map_or("", Fate::as_str);
            format!("/settings/mail?fate={fate}&inbox={inbox_id}&before={}", last.public_id)
        })
    } else {
        None
    };
    let names = inbox_names(&mailroom).await?;
    let fate_choice = |one: Fate| {
        let count = counted.iter().find(|(known, _)| *known == one).map_or(0, |(_, count)| *count);
        let note = if count > 0 { count.to_string() } else { String::new() };
        Choice::new(one.as_str(), chrome.t(fate_key(one)), fate == Some(one)).with_note(note)
    };
    let mut fates = vec![Choice::new("", chrome.t("ledger-all"), fate.is_none())];
    fates.extend(Fate::ALL.map(fate_choice));
    let mut inboxes = vec![Choice::new("", chrome.t("ledger-all-inboxes"), chosen.is_none())];
    inboxes.extend(directory.all_inboxes().iter().filter(|inbox| actor.may_see(inbox.id)).map(
        |inbox| {
            Choice::new(inbox.public_id, &inbox.name, chosen.is_some_and(|one| one.id == inbox.id))
        },
    ));
    let rows = lines.iter().map(|line| Row::of(line, &chrome, &names)).collect();
    let is_narrowed = fate.is_some() || chosen.is_some() || asked.before.is_some();
    ui::page(&Ledger { chrome, fates, inboxes, rows, older, is_narrowed })
}

#[derive(Template)]
#[template(path = "ledger_line.html")]
struct LinePage {
    chrome: Chrome,
    row: Row,
    door: &'static str,
    size: String,
    line: Line,
    decided: Option<String>,
    to: String,
    text: String,
    files: Vec<String>,
    is_blacked_out: bool,
    may_retry: bool,
}

/// A line, if it is of an inbox that this person sees.
pub(super) async fn line(mailroom: &Mailroom, actor: &Actor, id: PublicId) -> WebResult<Line> {
    let line = found(find(&mailroom.db().read().await?, id).await?)?;
    actor.must_see(line.inbox)?;
    Ok(line)
}

/// Whether what the mail said was blacked out in its ticket.
async fn is_blacked_out(mailroom: &Mailroom, line: &Line) -> anyhow::Result<bool> {
    match line.message {
        Some(message) => tickets::is_redacted(&mailroom.db().read().await?, message).await,
        None => Ok(false),
    }
}

/// Of a mail's text so much is shown here; the rest is in its source.
const TEXT_CHARS_SHOWN: usize = 20_000;

pub(super) async fn show(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    Path(id): Path<PublicId>,
) -> WebResult<Response> {
    let line = line(&mailroom, &actor, id).await?;
    let chrome = mailroom.accounts.chrome(&actor, "/settings/mail").await?;
    let names = inbox_names(&mailroom).await?;
    let is_blacked_out = is_blacked_out(&mailroom, &line).await?;
    let (mut to, mut text, mut files) = (String::new(), String::new(), Vec::new());
    if !is_blacked_out {
        let bytes = found(source(&mailroom.db().read().await?, line.id).await?)?;
        let read = move || email::read(&bytes, &Limits::from_now());
        let reading = tokio::task::spawn_blocking(read).await.map_err(anyhow::Error::from)?;
        let everybody = reading.to.iter().chain(&reading.cc);
        to = everybody.map(|one| one.address.to_string()).collect::<Vec<_>>().join(", ");
        text = kernel::clip(&reading.text, TEXT_CHARS_SHOWN);
        files = reading.attachments.into_iter().map(|file| file.name).collect();
    }
    let decided = match line.decision {
        Some(decision) => {
            let directory = mailroom.accounts.directory().await?;
            let key = format!("decided-{}", decision.what.as_str());
            let at = ui::moment_in_full(decision.at, &chrome.when);
            Some(chrome.words.a2(&key, "name", directory.name_of(decision.by), "at", at))
        }
        None => None,
    };
    ui::page(&LinePage {
        row: Row::of(&line, &chrome, &names),
        door: match line.door {
            crate::ledger::Door::Imap => "IMAP",
            crate::ledger::Door::Lmtp => "LMTP",
            crate::ledger::Door::Pipe => "mail deliver",
        },
        size: size(line.size_bytes),
        decided,
        to,
        text,
        files,
        is_blacked_out,
        may_retry: line.fate == Fate::Failed && actor.may(Act::HandleMail),
        line,
        chrome,
    })
}

/// `812 B`, `14 KB`, `3 MB`.
fn size(bytes: i64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} KB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

pub(super) async fn raw(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    Path(id): Path<PublicId>,
) -> WebResult<Response> {
    let line = line(&mailroom, &actor, id).await?;
    download(&mailroom, &actor, &line).await
}

/// The source as it came, for saving: no browser shows it.
pub(super) async fn download(
    mailroom: &Mailroom,
    actor: &Actor,
    line: &Line,
) -> WebResult<Response> {
    found((!is_blacked_out(mailroom, line).await?).then_some(()))?;
    let bytes = found(source(&mailroom.db().read().await?, line.id).await?)?;
    let entry = actor.did(Deed::MailSourceRead, mailroom.now());
    let entry = entry.on("mail", line.public_id, &line.subject);
    mailroom.accounts.note_alone(entry).await?;
    let name = format!("attachment; filename=\"{}.eml\"", line.public_id);
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("message/rfc822"));
    let name = HeaderValue::from_str(&name).map_err(anyhow::Error::from)?;
    headers.insert(header::CONTENT_DISPOSITION, name);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    let policy = HeaderValue::from_static("default-src 'none'; sandbox");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

pub(super) async fn retry(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    Path(id): Path<PublicId>,
) -> WebResult<Response> {
    let line = line(&mailroom, &actor, id).await?;
    let mut tx = mailroom.db().begin().await?;
    actions::read_again(&mut tx, line.id).await?;
    tx.commit().await?;
    Ok(ui::see_other(&format!("/settings/mail/{id}")))
}
