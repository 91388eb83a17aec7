//! A mail as it was sent, for a frame that can do nothing; and its source.

use accounts::Actor;
use anyhow::Result;
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use email::html::{ImageProxy, Images, RemoteImages, clean};
use kernel::{PublicId, TicketId};
use serde::Deserialize;
use tickets::{MailView, mail_view};
use ui::{Markup, WebError, WebResult, found};

use super::images::{Signer, content_id};
use super::ledger::download;
use crate::Mailroom;
use crate::store::ledger as store;

#[derive(Template)]
#[template(path = "mail_body.html")]
struct Body<'b> {
    title: &'b str,
    /// What stands above a mail that is not shown as it was sent.
    remark: Option<String>,
    body: Markup,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Asked {
    /// `1`: images in the web are loaded, through us.
    images: String,
}

/// The message of a ticket, if this person sees it. Both look the same when not.
async fn view(
    mailroom: &Mailroom,
    actor: &Actor,
    (reference, message): (&str, &str),
) -> WebResult<MailView> {
    let ticket = reference.parse::<TicketId>().ok().ok_or(WebError::NotFound)?;
    let message = message.parse::<PublicId>().ok().ok_or(WebError::NotFound)?;
    let view = found(mail_view(&mailroom.db().read().await?, ticket, message).await?)?;
    actor.must_see(view.inbox)?;
    Ok(view)
}

pub(super) async fn show(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    headers: HeaderMap,
    Path((reference, message)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> WebResult<Response> {
    let view = view(&mailroom, &actor, (&reference, &message)).await?;
    let signer = Signer::new(&mailroom.keys, mailroom.now(), actor.id, view.inbox);
    let (body, over_budget) =
        cleaned(view.html, &view.inline, &view.text, asked.images == "1", signer).await?;
    let words = mailroom.accounts.site().words(&actor.language);
    let remark = over_budget.then(|| words.t("mail-over-budget").to_owned());
    let mut response = ui::page(&Body { title: &view.subject, remark, body })?;
    let own = own_origin(&headers, mailroom.accounts.site().is_https);
    let policy = format!(
        "default-src 'none'; img-src 'self'{own}; style-src 'unsafe-inline'; form-action 'none'; \
         base-uri 'none'; frame-ancestors 'self'; \
         sandbox allow-popups allow-popups-to-escape-sandbox"
    );
    let policy = HeaderValue::from_str(&policy).map_err(anyhow::Error::from)?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    Ok(response)
}

/// Cleans on a thread of its own: strangers decide how long it takes. Says whether it would have
/// cost too much, so that only the text is there.
async fn cleaned(
    html: Option<String>,
    inline: &[tickets::Attachment],
    text: &str,
    shows_images: bool,
    signer: Signer,
) -> Result<(Markup, bool)> {
    let Some(html) = html else { return Ok((ui::prose(text), false)) };
    let own = inline.iter().filter_map(|file| {
        let id = file.content_id.as_deref()?;
        Some((content_id(id), signer.inline(file.public_id)))
    });
    let inline = own.collect();
    let remote = if shows_images {
        RemoteImages::Proxied(ImageProxy::new(move |url| signer.remote(url)))
    } else {
        RemoteImages::Blocked
    };
    let images = Images { inline, remote };
    let clean = tokio::task::spawn_blocking(move || clean(&html, &images)).await?;
    Ok((Markup::trusted(clean.html), clean.over_budget))
}

/// A frame without an origin of its own is told by which name it was asked for.
fn own_origin(headers: &HeaderMap, is_https: bool) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    if host.is_empty() || !host.chars().all(is_name) {
        return String::new();
    }
    format!(" {}://{host}", if is_https { "https" } else { "http" })
}

pub(super) async fn source(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    Path((reference, message)): Path<(String, String)>,
) -> WebResult<Response> {
    let view = view(&mailroom, &actor, (&reference, &message)).await?;
    let ledger = found(view.ledger)?;
    let line = found(store::find_by_id(&mailroom.db().read().await?, ledger).await?)?;
    download(&mailroom, &actor, &line).await
}
