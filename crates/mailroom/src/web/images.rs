//! Images inside of mails: their own files, and those of the web through us.
//!
//! The frame that shows a mail has no origin, so nothing in it comes with a session. The address
//! of an image is therefore signed, for a while, for whoever looked at the mail; and each time it
//! is used, that person must still work here and see the inbox.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use accounts::{Act, Actor};
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use files::MediaType;
use kernel::{AgentId, InboxId, PublicId, Timestamp};
use keys::Keys;
use serde::Deserialize;
use tokio::sync::Semaphore;
use ui::{WebError, WebResult, found};

use crate::Mailroom;

/// Makes addresses of images that end.
#[derive(Clone)]
pub(super) struct Signer {
    keys: Keys,
    until: i64,
    who: AgentId,
    inbox: InboxId,
}

const REMOTE: &str = "remote image v2";
const INLINE: &str = "inline image v2";
const DAY_SECONDS: i64 = 86_400;
/// Addresses are the same for a day, so that browsers need not load an image twice.
const DAYS: i64 = 2;
const URL_BYTES_MAX: usize = 4_000;

impl Signer {
    /// For somebody who looks at a mail of an inbox.
    pub(super) fn new(keys: &Keys, now: Timestamp, who: AgentId, inbox: InboxId) -> Self {
        let until = (now.seconds().div_euclid(DAY_SECONDS) + DAYS) * DAY_SECONDS;
        Self { keys: keys.clone(), until, who, inbox }
    }

    fn signed(&self, purpose: &str, what: &str) -> String {
        let (until, who, inbox) = (self.until, self.who.0, self.inbox.0);
        let mut signed = Signed { until, who, inbox, sign: String::new(), url: String::new() };
        signed.sign = self.keys.sign(purpose, &signed.parts(what.as_bytes()).each_slice());
        format!("until={until}&who={who}&inbox={inbox}&sign={}", signed.sign)
    }

    pub(super) fn inline(&self, file: PublicId) -> String {
        format!("/mail/file/{file}?{}", self.signed(INLINE, &file.to_string()))
    }

    pub(super) fn remote(&self, url: &str) -> String {
        format!("/mail/image?{}&url={}", self.signed(REMOTE, url), escape(url))
    }
}

/// What a signature is made of.
struct Parts<'p> {
    what: &'p [u8],
    numbers: [[u8; 8]; 3],
}

impl Parts<'_> {
    fn each_slice(&self) -> [&[u8]; 4] {
        let [until, who, inbox] = &self.numbers;
        [self.what, until, who, inbox]
    }
}

impl Signed {
    fn parts<'p>(&self, what: &'p [u8]) -> Parts<'p> {
        Parts { what, numbers: [self.until, self.who, self.inbox].map(i64::to_be_bytes) }
    }

    fn is_good(&self, keys: &Keys, purpose: &str, what: &[u8], now: Timestamp) -> bool {
        now.seconds() < self.until
            && keys.verify(purpose, &self.parts(what).each_slice(), &self.sign)
    }

    /// Whoever looked at the mail, if the address is good for that and they may still look.
    async fn viewer(&self, mailroom: &Mailroom, purpose: &str, what: &str) -> WebResult<Actor> {
        if !self.is_good(&mailroom.keys, purpose, what.as_bytes(), mailroom.now()) {
            return Err(WebError::NotFound);
        }
        let actor = found(mailroom.accounts.actor(AgentId(self.who)).await?)?;
        let may_look = actor.may(Act::ReadTickets) && actor.may_see(InboxId(self.inbox));
        if may_look { Ok(actor) } else { Err(WebError::NotFound) }
    }
}

fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// A content id as the cleaner looks for it.
pub(super) fn content_id(id: &str) -> String {
    id.trim().trim_matches(['<', '>']).to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signed {
    until: i64,
    who: i64,
    inbox: i64,
    sign: String,
    #[serde(default)]
    url: String,
}

/// A file of a mail that stands inside its HTML.
pub(super) async fn inline(
    State(mailroom): State<Mailroom>,
    Path(id): Path<PublicId>,
    Query(signed): Query<Signed>,
) -> WebResult<Response> {
    let viewer = signed.viewer(&mailroom, INLINE, &id.to_string()).await?;
    let conn = mailroom.db().read().await?;
    let (hash, kind, inbox) = found(tickets::inline_image(&conn, id).await?)?;
    drop(conn);
    // The ticket may have moved meanwhile.
    viewer.must_see(inbox)?;
    let bytes = mailroom.files.get(&hash).await?;
    // What was stored by an older version may have been taken for more than it is now.
    let kind = found(Some(MediaType::of(&bytes)).filter(|now| now.is_image() && *now == kind))?;
    Ok(image(&Picture { kind, bytes: bytes.into() }))
}

/// A larger image of the web is not fetched to its end.
const PICTURE_BYTES_MAX: usize = 5 * 1024 * 1024;
/// Somewhat more than a browser shows at once in one mail.
const AT_ONCE: usize = 8;
static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);

/// An image of the web, fetched by us: its owner learns that somebody here looked, but not who.
pub(super) async fn remote(
    State(mailroom): State<Mailroom>,
    Query(signed): Query<Signed>,
) -> WebResult<Response> {
    let url = &signed.url;
    if url.len() > URL_BYTES_MAX {
        return Err(WebError::NotFound);
    }
    signed.viewer(&mailroom, REMOTE, url).await?;
    if let Some(known) = mailroom.images.get(url) {
        return found(known).map(|picture| image(&picture));
    }
    let _turn = TURNS.acquire().await.map_err(anyhow::Error::from)?;
    let fetched = match mailroom.permissions.http.get_within(url, PICTURE_BYTES_MAX).await {
        Ok(answer) if answer.is_success() => {
            let kind = MediaType::of(&answer.body);
            kind.is_image().then(|| Picture { kind, bytes: answer.body.into() })
        }
        Ok(_) => None,
        Err(fault) => {
            tracing::debug!("an image of a mail cannot be fetched: {fault}");
            None
        }
    };
    mailroom.images.keep(url, fetched.clone());
    found(fetched).map(|picture| image(&picture))
}

/// An image for a frame without an origin: to it, everything is another site's.
fn image(picture: &Picture) -> Response {
    let mut response = picture.bytes.clone().into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, picture.kind.as_str()),
        (header::CACHE_CONTROL, "private, max-age=86400, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let everywhere = HeaderValue::from_static("cross-origin");
    headers.insert("cross-origin-resource-policy", everywhere);
    response
}

#[derive(Clone, Debug)]
struct Picture {
    kind: MediaType,
    bytes: Bytes,
}

/// Images of the web that were fetched lately, and those that could not be. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct ImageStore(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    by_url: HashMap<String, Option<Picture>>,
    /// The oldest first.
    order: VecDeque<String>,
    bytes: usize,
}

const BYTES_MAX: usize = 32 * 1024 * 1024;
const COUNT_MAX: usize = 2_000;

impl ImageStore {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[expect(clippy::option_option, reason = "known, and known to be no image")]
    fn get(&self, url: &str) -> Option<Option<Picture>> {
        self.kept().by_url.get(url).cloned()
    }

    fn keep(&self, url: &str, picture: Option<Picture>) {
        let size = |picture: &Option<Picture>| picture.as_ref().map_or(0, |one| one.bytes.len());
        let mut kept = self.kept();
        kept.bytes += size(&picture);
        match kept.by_url.insert(url.to_owned(), picture) {
            Some(before) => kept.bytes -= size(&before),
            None => kept.order.push_back(url.to_owned()),
        }
        while kept.bytes > BYTES_MAX || kept.order.len() > COUNT_MAX {
            let Some(oldest) = kept.order.pop_front() else { return };
            if let Some(gone) = kept.by_url.remove(&oldest) {
                kept.bytes -= size(&gone);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_good_for_what_was_signed_and_for_a_while() {
        let keys = Keys::from_master(&[7; 32]);
        let now = Timestamp::from_seconds(20 * DAY_SECONDS + 5);
        let signer = Signer::new(&keys, now, AgentId(3), InboxId(2));
        let until = signer.until;
        let url = "https://a.example/x.png";
        let address = signer.signed(REMOTE, url);
        let sign = address.rsplit('=').next().unwrap().to_owned();
        let by = |who, inbox, purpose, what: &str, sign: &str, until, at: i64| {
            let signed = Signed { until, who, inbox, sign: sign.to_owned(), url: String::new() };
            signed.is_good(&keys, purpose, what.as_bytes(), Timestamp::from_seconds(at))
        };
        let good =
            |purpose, what: &str, sign: &str, until, at| by(3, 2, purpose, what, sign, until, at);
        assert!(!by(4, 2, REMOTE, url, &sign, until, now.seconds()), "somebody else");
        assert!(!by(3, 1, REMOTE, url, &sign, until, now.seconds()), "another inbox");
        assert!(good(REMOTE, url, &sign, until, now.seconds()));
        assert!(good(REMOTE, url, &sign, until, until - 1));
        assert!(!good(REMOTE, url, &sign, until, until), "too late");
        assert!(!good(REMOTE, url, &sign, until + 1, now.seconds()), "a later end");
        assert!(!good(REMOTE, "https://b.example/x.png", &sign, until, now.seconds()));
        assert!(!good(INLINE, url, &sign, until, now.seconds()), "another purpose");
        assert!(
            signer
                .remote("https://a.example/ü?a=1&b=2")
                .ends_with("&url=https%3A%2F%2Fa.example%2F%C3%BC%3Fa%3D1%26b%3D2")
        );
    }

    #[test]
    fn the_store_of_images_stays_within_its_bounds() {
        let store = ImageStore::default();
        let picture =
            |bytes: usize| Some(Picture { kind: MediaType::Png, bytes: vec![0; bytes].into() });
        for number in 0..100 {
            store.keep(&format!("u{number}"), picture(1024 * 1024));
        }
        assert!(store.kept().bytes <= BYTES_MAX);
        assert!(store.get("u0").is_none() && store.get("u99").is_some());
        for number in 0..COUNT_MAX + 10 {
            store.keep(&format!("n{number}"), None);
        }
        assert_eq!(store.kept().order.len(), COUNT_MAX);
        assert_eq!(store.kept().by_url.len(), COUNT_MAX);
        assert_eq!(store.kept().bytes, 0);
        store.keep("n2009", picture(10));
        store.keep("n2009", picture(20));
        assert_eq!(store.kept().bytes, 20);
    }
}
