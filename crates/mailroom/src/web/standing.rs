//! How an inbox is doing, in words. Pure.

use accounts::{Inbox, InboxKind};
use kernel::Timestamp;
use ui::{When, Words};

use crate::connection::Connection;
use crate::health::{Health, whole_hours};
use crate::rhythm::Quiet;

/// How it is doing: a colour, a few words, and what to do where something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) tone: &'static str,
    pub(super) text: String,
    pub(super) detail: Option<String>,
}

impl Standing {
    fn new(tone: &'static str, text: impl Into<String>) -> Self {
        Self { tone, text: text.into(), detail: None }
    }

    fn with(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }
}

/// What is known of how mail comes to an inbox.
pub(super) struct Coming<'c> {
    pub(super) connection: Option<&'c Connection>,
    pub(super) health: Option<&'c Health>,
    pub(super) quiet: Option<&'c Quiet>,
    pub(super) now: Timestamp,
}

/// How mail comes in.
pub(super) fn incoming(inbox: &Inbox, known: &Coming<'_>, (when, w): (&When, &Words)) -> Standing {
    let standing = fetching(inbox, known, (when, w));
    match known.quiet {
        // What is broken says why nothing comes.
        Some(quiet) if ["ok", "neutral"].contains(&standing.tone) => {
            let since = ui::relative(quiet.last_at, when, w);
            Standing::new("warn", w.a("inbox-quiet", "since", since)).with(w.a(
                "inbox-quiet-text",
                "usual",
                whole_hours(quiet.longest_pause),
            ))
        }
        _ => standing,
    }
}

fn fetching(inbox: &Inbox, known: &Coming<'_>, (when, w): (&When, &Words)) -> Standing {
    let Coming { connection, health, now, .. } = *known;
    if inbox.archived_at.is_some() {
        return Standing::new("neutral", w.t("inbox-archived"));
    }
    match inbox.kind {
        InboxKind::Email => {}
        InboxKind::Form => return Standing::new("neutral", w.t("inbox-by-form")),
        InboxKind::Api => return Standing::new("neutral", w.t("inbox-by-api")),
    }
    let Some(connection) = connection.filter(|connection| connection.imap.is_some()) else {
        return Standing::new("neutral", w.t("inbox-handed"));
    };
    if let Some(standing) = permission(connection, w) {
        return standing;
    }
    let Some(health) = health else { return Standing::new("info", w.t("inbox-first-look")) };
    let since = health.fails_since.map(|since| ui::relative(since, when, w));
    match (&health.fault, since, health.worked_at) {
        (Some(fault), Some(since), _) if health.is_silent(now) => {
            Standing::new("bad", w.a("inbox-silent", "since", since)).with(fault.as_str())
        }
        (Some(fault), Some(since), _) => {
            Standing::new("warn", w.a("inbox-fails", "since", since)).with(fault.as_str())
        }
        _ if health.is_silent(now) => {
            Standing::new("bad", w.t("inbox-not-looked")).with(w.t("inbox-not-looked-text"))
        }
        (_, _, Some(at)) if at >= health.set_up_at => {
            Standing::new("ok", w.a("inbox-works", "at", ui::relative(at, when, w)))
        }
        _ => Standing::new("info", w.t("inbox-first-look")),
    }
}

/// How mail goes out.
pub(super) fn outgoing(inbox: &Inbox, connection: Option<&Connection>, w: &Words) -> Standing {
    if inbox.archived_at.is_some() {
        return Standing::new("neutral", "–");
    }
    match connection.and_then(|connection| connection.smtp.as_ref().map(|smtp| (connection, smtp)))
    {
        Some((connection, smtp)) => match permission(connection, w) {
            Some(standing) => standing,
            None => Standing::new("ok", w.a("inbox-sends-by", "host", &smtp.host)),
        },
        None if inbox.kind == InboxKind::Email => Standing::new("warn", w.t("inbox-sends-not")),
        None => Standing::new("neutral", w.t("inbox-sends-other")),
    }
}

/// What is wrong with a provider's permission, if anything.
fn permission(connection: &Connection, w: &Words) -> Option<Standing> {
    let oauth = connection.oauth.as_ref()?;
    if let Some(said) = &oauth.refused {
        return Some(Standing::new("bad", w.t("inbox-refused")).with(said.as_str()));
    }
    oauth.refresh_token.is_none().then(|| {
        Standing::new("warn", w.t("inbox-unconnected")).with(w.t("inbox-unconnected-text"))
    })
}
