//! Files of one's own requests.

use audit::{Deed, Entry, Who};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use files::{FileHash, MediaType};
use kernel::PublicId;
use tickets::actions::{file_of_customer, viewer};
use ui::{Client, WebResult, found};

use crate::{Portal, session};

pub(super) async fn show(
    State(portal): State<Portal>,
    Path(id): Path<String>,
    client: Client,
    headers: HeaderMap,
) -> WebResult<Response> {
    let id: PublicId = found(id.parse().ok())?;
    // Without a session a file looks as one that does not exist.
    let session = found(session::of(&portal, &headers).await?)?;
    let conn = portal.db().read().await?;
    let viewer = viewer(&conn, session.customer).await?;
    let file = found(file_of_customer(&conn, &viewer, id, portal.now()).await?)?;
    drop(conn);
    let hash = found(FileHash::read(&file.file_hash))?;
    let bytes = portal.files().get(&hash).await?;
    let who = Who::customer(session.customer, session.address.as_str()).from(Some(client.0));
    let entry = Entry::new(Deed::AttachmentRead, who, portal.now());
    portal.accounts().note_alone(entry.on("attachment", id, &file.name)).await?;
    // What was stored by an older version may have been taken for more than it is now.
    let now = MediaType::of(&bytes);
    let kind = if now == file.media_type { now } else { MediaType::Other };
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind.as_str()));
    let disposition = disposition(&file.name, kind.may_be_inline());
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    let policy = HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// `attachment; filename="plain.pdf"; filename*=UTF-8''plain.pdf`: nothing of the name can end
/// the header or the quotes.
fn disposition(name: &str, inline: bool) -> HeaderValue {
    let how = if inline { "inline" } else { "attachment" };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ');
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let encoded: String = name
        .bytes()
        .map(|byte| match byte {
            b'.' | b'-' | b'_' => char::from(byte).to_string(),
            _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    let value = format!("{how}; filename=\"{plain}\"; filename*=UTF-8''{encoded}");
    HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static("attachment"))
}
