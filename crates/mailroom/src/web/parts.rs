//! The parts of the form of an inbox, which its page and the set-up share.

use accounts::InboxKind;
use ui::{Choice, Problems, Words};

use super::inbox_form::InboxForm;
use super::probe::Trial;
use crate::connection::Connection;

/// A form with everything that is chosen from, and which secrets are there.
pub(super) struct Parts {
    pub(super) form: InboxForm,
    pub(super) is_mail: bool,
    pub(super) replies: Vec<Choice>,
    pub(super) ways_in: Vec<Choice>,
    pub(super) imap_encryptions: Vec<Choice>,
    pub(super) after: Vec<Choice>,
    pub(super) begins: Vec<Choice>,
    pub(super) ways_out: Vec<Choice>,
    pub(super) smtp_encryptions: Vec<Choice>,
    pub(super) sign_ins: Vec<Choice>,
    pub(super) has_imap_password: bool,
    pub(super) has_smtp_password: bool,
    pub(super) has_client_secret: bool,
    /// Where the provider sends people back to.
    pub(super) callback: String,
    /// Where the connection is tried.
    pub(super) probe: String,
    pub(super) trials: Vec<Trial>,
    /// The headings of its sections, and of what stands in them.
    pub(super) level: &'static str,
    pub(super) sublevel: &'static str,
    pub(super) problems: Problems,
}

const REPLY_HOURS: [i64; 8] = [1, 2, 4, 8, 24, 48, 72, 168];

/// Choices by the keys of their labels; a value is the last word of its key. Notes are in the
/// catalogue as `key-note`.
fn choices(w: &Words, keys: &[&str], chosen: &str) -> Vec<Choice> {
    keys.iter()
        .map(|key| {
            let value = key.rsplit('-').next().unwrap_or(key);
            let note_key = format!("{key}-note");
            let note = Some(w.t(&note_key)).filter(|note| *note != note_key);
            let choice = Choice::new(value, w.t(key).to_owned(), value == chosen);
            choice.with_note(note.unwrap_or_default())
        })
        .collect()
}

impl Parts {
    pub(super) fn new(
        w: &Words,
        form: InboxForm,
        kind: InboxKind,
        before: Option<&Connection>,
        (callback, probe): (String, String),
    ) -> Self {
        let encryptions =
            |chosen: &str| choices(w, &["tls-implicit", "tls-starttls", "tls-none"], chosen);
        let has = |password: Option<bool>| password.unwrap_or(false);
        Self {
            is_mail: kind == InboxKind::Email,
            replies: replies(w, &form.reply_within),
            ways_in: choices(w, &["way-in-imap", "way-in-handed"], &form.incoming),
            imap_encryptions: encryptions(&form.imap_tls),
            after: choices(w, &["after-leave", "after-seen", "after-move"], &form.after_fetch),
            begins: choices(w, &["begin-now", "begin-history"], &form.begin),
            ways_out: choices(w, &["way-out-smtp", "way-out-none"], &form.outgoing),
            smtp_encryptions: encryptions(&form.smtp_tls),
            sign_ins: choices(
                w,
                &["sign-in-password", "sign-in-google", "sign-in-microsoft", "sign-in-own"],
                &form.auth,
            ),
            has_imap_password: has(before
                .and_then(|one| one.imap.as_ref())
                .map(|imap| imap.password.is_some())),
            has_smtp_password: has(before
                .and_then(|one| one.smtp.as_ref())
                .map(|smtp| smtp.password.is_some())),
            has_client_secret: has(before
                .and_then(|one| one.oauth.as_ref())
                .map(|oauth| !oauth.client_secret.is_empty())),
            form: form.without_secrets(),
            callback,
            probe,
            trials: Vec::new(),
            level: "h3",
            sublevel: "h4",
            problems: Problems::default(),
        }
    }

    /// On a page whose sections are its second level.
    pub(super) fn one_level_up(self) -> Self {
        Self { level: "h2", sublevel: "h3", ..self }
    }
}

fn replies(w: &Words, chosen: &str) -> Vec<Choice> {
    let chosen: i64 = chosen.parse().unwrap_or(24 * 60);
    let mut minutes: Vec<i64> = REPLY_HOURS.iter().map(|hours| hours * 60).collect();
    if !minutes.contains(&chosen) {
        minutes.push(chosen);
        minutes.sort_unstable();
    }
    minutes
        .into_iter()
        .map(|minutes| {
            let label = match (minutes % 1440, minutes % 60) {
                (0, _) if minutes > 1440 => w.n("inbox-reply-days", minutes / 1440),
                (_, 0) => w.n("inbox-reply-hours", minutes / 60),
                _ => w.n("inbox-reply-minutes", minutes),
            };
            Choice::new(minutes, label, minutes == chosen)
        })
        .collect()
}
