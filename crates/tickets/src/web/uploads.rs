//! Files: on their way into a draft, and out to whoever may see them.

use accounts::{Act, Actor};
use audit::Deed;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use files::{FileHash, MediaType};
use kernel::PublicId;
use ui::{Answer, Markup, Upload, UploadedFile, WebError, WebResult, found};

use super::compose::{Mode, unknown_mode};
use super::composer::UploadCard;
use super::reference::Reference;
use super::ticket::Opened;
use crate::desk::Desk;
use crate::message::{Attachment, StoredFile};
use crate::store::entries::{self, Waits};
use crate::store::tickets;

/// Stores files that somebody sent, to go along with what they write. Only afterwards does the
/// database know of them: a file that nobody knows of does no harm.
pub(super) async fn keep_files(
    desk: &Desk,
    actor: &Actor,
    waits: Waits<'_>,
    uploaded: Vec<UploadedFile>,
) -> WebResult<Vec<PublicId>> {
    let mut stored = Vec::with_capacity(uploaded.len());
    for file in uploaded {
        stored.push(StoredFile {
            name: files::clean_name(&file.name),
            media_type: MediaType::of(&file.bytes),
            size_bytes: kernel::count(file.bytes.len()),
            content_id: None,
            hash: desk.files.put(file.bytes).await?,
        });
    }
    if stored.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = desk.db().begin().await?;
    let mut ids = Vec::with_capacity(stored.len());
    for file in &stored {
        ids.push(entries::upload(&mut tx, actor.id, Some(waits), file, desk.now()).await?);
    }
    tx.commit().await?;
    Ok(ids)
}

#[derive(askama::Template)]
#[template(path = "_upload_failed.html")]
struct FailedCard {
    icon: Markup,
    name: String,
    why: String,
    remove: String,
}

/// Takes one file into a draft and answers with its chip.
pub(super) async fn create(
    State(desk): State<Desk>,
    actor: Actor,
    Reference(id): Reference,
    upload: Upload,
) -> WebResult<Response> {
    upload.only(&["mode"])?;
    let w = desk.accounts.site().words(&actor.language);
    let mode = upload.fields.get("mode").and_then(Mode::read);
    let mode = mode.ok_or_else(|| unknown_mode(&w))?;
    actor.must(mode.act())?;
    let opened = Opened::open(&desk, &actor, id, "").await?;
    let reference = opened.ticket.id.to_string();
    let waits = Waits { ticket: Some(opened.ticket.id), mode: mode.as_str() };
    chips(&desk, &actor, (&reference, mode.as_str()), waits, upload).await
}

/// Takes one file into the new ticket that somebody writes.
pub(super) async fn create_for_new(
    State(desk): State<Desk>,
    actor: Actor,
    upload: Upload,
) -> WebResult<Response> {
    upload.only(&["mode"])?;
    chips(&desk, &actor, ("new", "new"), Waits::FOR_NEW, upload).await
}

/// Keeps what was uploaded, and shows each file.
async fn chips(
    desk: &Desk,
    actor: &Actor,
    (reference, mode): (&str, &str),
    waits: Waits<'_>,
    upload: Upload,
) -> WebResult<Response> {
    let w = desk.accounts.site().words(&actor.language);
    if let Some(name) = upload.too_large.first() {
        let name = files::clean_name(name);
        let card = FailedCard {
            icon: ui::icon("file"),
            why: w.t("file-too-large-short").to_owned(),
            remove: w.a("file-remove", "name", &name),
            name,
        };
        let answer = Answer::new().main(&card)?.status(StatusCode::UNPROCESSABLE_ENTITY);
        return Ok(answer.into_response());
    }
    let ids = keep_files(desk, actor, waits, upload.files).await?;
    let conn = desk.db().read().await?;
    let mut answer = Answer::new();
    for id in ids {
        let file = found(entries::attachment_by_public_id(&conn, id).await?)?;
        answer = answer.main(&UploadCard::of(&file, reference, mode, &w))?;
    }
    Ok(answer.into_response())
}

/// The file that an address names, under whatever it waits for.
#[derive(Debug, serde::Deserialize)]
pub(super) struct OfUpload {
    file: PublicId,
}

/// Takes a file out of a draft again. Only its owner can, and only before it was sent.
pub(super) async fn delete(
    State(desk): State<Desk>,
    actor: Actor,
    Path(path): Path<OfUpload>,
) -> WebResult<StatusCode> {
    let id = path.file;
    let mut tx = desk.db().begin().await?;
    entries::drop_upload(&mut tx, actor.id, id).await?;
    tx.commit().await?;
    Ok(StatusCode::OK)
}

/// Gives a file to somebody who may see the ticket that it belongs to.
pub(super) async fn show(
    State(desk): State<Desk>,
    actor: Actor,
    Path(id): Path<PublicId>,
) -> WebResult<Response> {
    let conn = desk.db().read().await?;
    let file = found(entries::attachment_by_public_id(&conn, id).await?)?;
    let may_see = match entries::ticket_of_attachment(&conn, id).await? {
        Some(ticket) => {
            let ticket = tickets::find(&conn, ticket).await?;
            ticket.is_some_and(|ticket| actor.may_see(ticket.inbox))
        }
        // It waits in a draft: only its owner sees it.
        None => entries::uploaded_by(&conn, id).await? == Some(actor.id),
    };
    drop(conn);
    if !may_see || !actor.may(Act::ReadTickets) {
        return Err(WebError::NotFound);
    }
    let entry = actor.did(Deed::AttachmentRead, desk.now());
    desk.accounts.note_alone(entry.on("attachment", id, &file.name)).await?;
    send(&desk.files, &file).await
}

/// A stored file as an answer. What somebody sent in is never a page of ours: pictures of a few
/// kinds may show in place, all else is saved, and nothing in it runs.
pub async fn send(files: &files::Files, file: &Attachment) -> WebResult<Response> {
    let hash = found(FileHash::read(&file.file_hash))?;
    let bytes = files.get(&hash).await?;
    // What was stored by an older version may have been taken for more than it is now.
    let kind = MediaType::of(&bytes);
    let is_inline = kind.may_be_inline() && kind == file.media_type;
    let kind = if is_inline { kind.as_str() } else { "application/octet-stream" };
    let way = if is_inline { "inline" } else { "attachment" };
    let mut response = Body::from(bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(value) = HeaderValue::from_str(&disposition(way, &file.name)) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = HeaderValue::from_static("default-src 'none'; sandbox");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Ok(response)
}

/// The name for saving, plain for old browsers and in full for the others (RFC 6266).
fn disposition(way: &str, name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_. ".contains(c) { c } else { '_' })
        .collect();
    let mut full = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            full.push(char::from(byte));
        } else {
            full.extend(["%", &format!("{byte:02X}")]);
        }
    }
    format!("{way}; filename=\"{plain}\"; filename*=UTF-8''{full}")
}

#[cfg(test)]
mod tests {
    use super::disposition;

    #[test]
    fn names_cannot_break_out_of_their_header() {
        assert_eq!(
            disposition("attachment", "re\"port;\r\n.pdf"),
            "attachment; filename=\"re_port___.pdf\"; filename*=UTF-8''re%22port%3B%0D%0A.pdf"
        );
        assert_eq!(
            disposition("inline", "été.png"),
            "inline; filename=\"_t_.png\"; filename*=UTF-8''%C3%A9t%C3%A9.png"
        );
    }
}
