//! Files that go with messages and notes.

use ::files::{FileHash, MediaType, clean_name};
use ::tickets::{StoredFile, reading};
use accounts::Actor;
use audit::Deed;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::Semaphore;
use ui::FILE_BYTES_MAX;
use utoipa::IntoParams;

use crate::Api;
use crate::input::{Id, Query, Sent, unread};
use crate::once::{Once, Turn};
use crate::problem::{ApiResult, Problem};
use crate::wire;

/// What the file is called.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FileQuery {
    /// Shown to whoever gets the file.
    #[param(example = "invoice.pdf")]
    name: String,
}

/// Files are held in memory while they arrive, so only so many may arrive at once.
static AT_ONCE: Semaphore = Semaphore::const_new(8);

/// A file as it was sent.
pub(crate) struct Uploaded {
    bytes: Bytes,
    sent: Sent,
}

impl<S: Send + Sync> FromRequest<S> for Uploaded {
    type Rejection = Problem;

    async fn from_request(mut request: Request, state: &S) -> ApiResult<Self> {
        DefaultBodyLimit::max(FILE_BYTES_MAX).apply(&mut request);
        let _place = AT_ONCE.acquire().await.map_err(anyhow::Error::from)?;
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts.clone(), body);
        let bytes = Bytes::from_request(request, state).await.map_err(|fault| unread(&fault))?;
        // The name of the content says as much as the content.
        let hash = FileHash::of(&bytes);
        Ok(Self { sent: Sent::new(&parts, hash.as_str().as_bytes())?, bytes })
    }
}

/// Upload a file
///
/// The body is the file itself, at most 25 MB, whatever its content type. Name its id in
/// `attachments` of a message, a note or a ticket within a day. With curl:
/// `--data-binary @invoice.pdf`.
#[utoipa::path(post, path = "/api/v1/attachments", tag = "Attachments", params(FileQuery),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 201, description = "The stored file", body = wire::Attachment)))]
pub(crate) async fn create(
    State(api): State<Api>,
    actor: Actor,
    Query(query): Query<FileQuery>,
    uploaded: Uploaded,
) -> ApiResult<Response> {
    let Uploaded { bytes, sent } = uploaded;
    if bytes.is_empty() {
        return Err(Problem::field("body", "is empty"));
    }
    let media_type = MediaType::of(&bytes);
    let size_bytes = kernel::count(bytes.len());
    let hash = api.files.put(bytes.into()).await?;
    let name = clean_name(&query.name);
    let file = StoredFile { hash, name, media_type, size_bytes, content_id: None };
    let mut once = match Once::begin(&api, &actor, &sent).await? {
        Turn::First(once) => once,
        Turn::Again(response) => return Ok(response),
    };
    let id = reading::upload(&mut once.tx, &actor, &file, api.now()).await?;
    let stored = reading::attachment(&once.tx, &actor, id).await?;
    let made = wire::Attachment::of(&stored.ok_or_else(Problem::not_found)?);
    once.created(&made).await
}

/// Download a file
///
/// The bytes as they came. The type is what they are, not what the sender said.
#[utoipa::path(get, path = "/api/v1/attachments/{id}", tag = "Attachments",
    params(("id" = String, Path)),
    responses((status = 200, description = "The file", body = String,
        content_type = "application/octet-stream")))]
pub(crate) async fn show(State(api): State<Api>, actor: Actor, Id(id): Id) -> ApiResult<Response> {
    let conn = api.db().read().await?;
    let file = reading::attachment(&conn, &actor, id).await?.ok_or_else(Problem::not_found)?;
    drop(conn);
    let hash = FileHash::read(&file.file_hash).ok_or_else(Problem::not_found)?;
    let bytes = api.files.get(&hash).await?;
    let entry = actor.did(Deed::AttachmentRead, api.now()).on("attachment", id, &file.name);
    api.accounts.note_alone(entry).await?;
    Ok(download(bytes, file.media_type.as_str(), &file.name))
}

/// Bytes for saving. Whatever they are, a browser shows and runs nothing of them.
pub(crate) fn download(bytes: Vec<u8>, media_type: &'static str, name: &str) -> Response {
    let ascii: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\') { c } else { '_' })
        .collect();
    let encoded: String = name
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect();
    let disposition = format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}");
    let mut response = Body::from(bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "private, no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
