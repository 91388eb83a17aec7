//! What every page of the portal knows: the words, the brand, the time, and whose browser it is.

use axum::http::{HeaderMap, header};
use ui::{Brand, WebResult, When, Words};

use crate::Portal;
use crate::session::{self, Session};

#[derive(Clone)]
pub(super) struct Face {
    pub(super) w: Words,
    pub(super) brand: Brand,
    pub(super) when: When,
    pub(super) session: Option<Session>,
}

impl Face {
    pub(super) async fn of(portal: &Portal, headers: &HeaderMap) -> WebResult<Self> {
        let company = portal.company().await?;
        let session = session::of(portal, headers).await?;
        let (mut language, mut zone) = (None, None);
        if let Some(session) = &session {
            let mut conn = portal.db().read().await?;
            if let Some(customer) = customers::find(&mut conn, session.customer).await? {
                (language, zone) = (customer.language, customer.time_zone);
            }
        }
        let known = portal.site().catalog.tags();
        let language = language.or_else(|| preferred(headers, &known));
        let language = language.as_deref().unwrap_or(&company.language);
        let zone = zone.as_deref().unwrap_or(&company.time_zone);
        Ok(Self {
            w: portal.site().words(language),
            brand: company.brand(),
            when: When::in_zone(portal.now(), zone),
            session,
        })
    }
}

/// The first language of the browser that is spoken here.
fn preferred(headers: &HeaderMap, known: &[&str]) -> Option<String> {
    let accepted = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    let tags = accepted.split(',').take(20).filter_map(|part| part.split(';').next());
    tags.map(str::trim)
        .find(|tag| {
            let primary = tag.split('-').next().unwrap_or_default();
            known.iter().any(|known| known.eq_ignore_ascii_case(primary))
        })
        .map(str::to_owned)
}

/// How many bytes a file has, as people say it.
pub(super) fn size(bytes: i64) -> String {
    let bytes = bytes.max(0);
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} KB", (bytes + 500) / 1_000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}
