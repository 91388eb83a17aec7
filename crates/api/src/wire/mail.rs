//! Inboxes and the ledger of mail.

use accounts::Directory;
use kernel::Secret;
use mailroom::Line;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::Named;
use crate::json::Tree;

/// Where customers write to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Inbox {
    pub(crate) id: String,
    #[schema(example = "Support")]
    pub(crate) name: String,
    /// `email`, `form` or `api`.
    #[schema(example = "email")]
    pub(crate) kind: String,
    #[schema(example = "support@shop.example")]
    pub(crate) address: Option<String>,
    /// Who mail from here says it is from.
    #[schema(example = "Northlight Studio")]
    pub(crate) sender_name: String,
    /// The answer time that an acknowledgement promises.
    #[schema(example = 1440)]
    pub(crate) reply_within_minutes: i64,
    pub(crate) acknowledges: bool,
    #[schema(format = DateTime, example = "2026-11-24T09:00:00Z")]
    pub(crate) created_at: String,
    #[schema(example = "/api/v1/inboxes/0199f3a1-7c2e-7d10-a4f5-3a2b1c0d9e8f")]
    pub(crate) url: String,
}

impl Inbox {
    pub(crate) fn of(inbox: &accounts::Inbox) -> Self {
        Self {
            id: inbox.public_id.to_string(),
            name: inbox.name.clone(),
            kind: inbox.kind.as_str().to_owned(),
            address: inbox.address.as_ref().map(ToString::to_string),
            sender_name: inbox.sender_name.clone(),
            reply_within_minutes: inbox.reply_within_minutes,
            acknowledges: inbox.acknowledges,
            created_at: inbox.created_at.to_string(),
            url: format!("{}/inboxes/{}", crate::PREFIX, inbox.public_id),
        }
    }
}

/// A new inbox for mail. With `imap` its mail is fetched from now on; with `smtp` ours is sent
/// there. Secrets are sealed and never shown again.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Support",
    "address": "support@shop.example",
    "imap": {
        "host": "imap.shop.example", "port": 993, "tls": "implicit",
        "user": "support@shop.example", "password": "correct horse"
    },
    "smtp": {
        "host": "smtp.shop.example", "port": 587, "tls": "starttls",
        "user": "support@shop.example", "password": "correct horse"
    }
}))]
pub(crate) struct NewInbox {
    #[schema(example = "Support")]
    pub(crate) name: String,
    #[schema(example = "support@shop.example")]
    pub(crate) address: String,
    pub(crate) imap: Option<NewEndpoint>,
    pub(crate) smtp: Option<NewEndpoint>,
    /// `"password"` (the default) or `{"xoauth2": {…}}`, for both directions.
    pub(crate) auth: Option<Auth>,
}

/// A mail server.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEndpoint {
    #[schema(example = "imap.shop.example")]
    pub(crate) host: String,
    #[schema(example = 993)]
    pub(crate) port: u16,
    /// `none`, `starttls` or `implicit`.
    #[schema(example = "implicit")]
    pub(crate) tls: String,
    /// How to sign in; an SMTP server may ask for nothing.
    #[schema(example = "support@shop.example")]
    pub(crate) user: Option<String>,
    #[schema(value_type = Option<String>, format = Password)]
    pub(crate) password: Option<Secret>,
    /// The same as in the inbox, where somebody prefers to say it here.
    pub(crate) auth: Option<Auth>,
}

/// How the servers of an inbox are signed in to: `"password"` or `{"xoauth2": {…}}`.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Auth {
    Password,
    Xoauth2(Xoauth2),
}

impl<'de> Deserialize<'de> for Auth {
    /// Also takes `{"type": "xoauth2", …}`, as others write it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = || D::Error::custom("is neither “password” nor {“xoauth2”: {…}}");
        let mut parts = match Tree::deserialize(deserializer)? {
            Tree::Text(word) if word == "password" => return Ok(Self::Password),
            Tree::Object(parts) => parts,
            _ => return Err(wrong()),
        };
        let at = parts.iter().position(|(name, _)| name == "type");
        let inside = match (at.map(|at| parts.remove(at).1), parts.as_slice()) {
            (Some(Tree::Text(word)), _) if word == "xoauth2" => Tree::Object(parts),
            (Some(Tree::Text(word)), []) if word == "password" => return Ok(Self::Password),
            (None, [(name, inside)]) if name == "xoauth2" => inside.clone(),
            _ => return Err(wrong()),
        };
        Xoauth2::deserialize(inside).map(Self::Xoauth2).map_err(D::Error::custom)
    }
}

/// A permission that a provider gave.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Xoauth2 {
    pub(crate) client_id: String,
    #[schema(value_type = String, format = Password)]
    pub(crate) client_secret: Secret,
    #[schema(example = "https://oauth2.googleapis.com/token")]
    pub(crate) token_url: String,
    #[schema(value_type = String, format = Password)]
    pub(crate) refresh_token: Secret,
}

/// A mail that came in, and what became of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Ledger {
    pub(crate) id: String,
    pub(crate) inbox: Option<Named>,
    /// How it came: `imap`, `lmtp` or `pipe`.
    #[schema(example = "imap")]
    pub(crate) door: String,
    /// `received`, `ticketed`, `quarantined`, `bounce`, `failed` or `dismissed`.
    #[schema(example = "ticketed")]
    pub(crate) fate: String,
    /// Why, where there is something to say.
    pub(crate) reason: Option<String>,
    /// The ticket that it became or joined.
    #[schema(example = "RC-10482")]
    pub(crate) ticket: Option<String>,
    #[schema(example = "dana@example.com")]
    pub(crate) from_email: String,
    pub(crate) subject: String,
    /// Message-ID without its brackets; empty where it has none.
    pub(crate) message_id: String,
    #[schema(example = 4_213)]
    pub(crate) size_bytes: i64,
    /// SHA-256 of the source.
    pub sha256: String,
    #[schema(format = DateTime, example = "2026-11-24T09:00:00Z")]
    pub(crate) received_at: String,
    /// The source, byte for byte.
    #[schema(example = "/api/v1/mail/ledger/0199f3a1-7c2e-7d10-a4f5-3a2b1c0d9e8f/raw")]
    pub(crate) raw_url: String,
}

impl Ledger {
    pub(crate) fn of(line: &Line, directory: &Directory) -> Self {
        let inbox = directory.inbox(line.inbox);
        Self {
            id: line.public_id.to_string(),
            inbox: inbox.map(|one| Named { id: one.public_id.to_string(), name: one.name.clone() }),
            door: line.door.as_str().to_owned(),
            fate: line.fate.as_str().to_owned(),
            reason: line.reason.clone(),
            ticket: line.ticket.map(|ticket| ticket.to_string()),
            from_email: line.from_address.clone(),
            subject: line.subject.clone(),
            message_id: line.mail_id.clone(),
            size_bytes: line.size_bytes,
            sha256: line.raw_hash.clone(),
            received_at: line.received_at.to_string(),
            raw_url: format!("{}/mail/ledger/{}/raw", crate::PREFIX, line.public_id),
        }
    }
}
