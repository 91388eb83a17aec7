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
            let conn = portal.db().read().await?;
            if let Some(customer) = customers::find(&conn, session.customer).await? {
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
        .find_map(|tag| {
            let primary = tag.split('-').next().unwrap_or_default();
            known.iter().find(|known| known.eq_ignore_ascii_case(primary))
        })
        .map(|known| (*known).to_owned())
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

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::{preferred, size};

    #[test]
    fn the_first_language_that_is_spoken_here_counts() {
        let table = [
            ("de-AT,de;q=0.9,en;q=0.5", Some("de")),
            ("fr, EN-gb;q=0.8", Some("en")),
            ("fr", None),
            ("", None),
        ];
        for (accepted, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(accepted));
            assert_eq!(preferred(&headers, &["de", "en"]).as_deref(), expected, "{accepted}");
        }
        assert_eq!(preferred(&HeaderMap::new(), &["en"]), None);
    }

    #[test]
    fn sizes_are_said_as_people_say_them() {
        let table =
            [(-1, "0 B"), (999, "999 B"), (1_000, "1 KB"), (1_500, "2 KB"), (2_140_000, "2.1 MB")];
        for (bytes, expected) in table {
            assert_eq!(size(bytes), expected);
        }
    }
}
