//! What the names in a request stand for.

use std::sync::Arc;

use ::tickets::{Category, Problem as Cause};
use accounts::{Actor, Directory, Inbox};
use anyhow::Result;
use database::Conn;
use kernel::{AgentId, CategoryId, EmailAddress, InboxId, PublicId, TeamId};
use outbox::Party;

use crate::Api;
use crate::problem::{ApiResult, Problem};
use crate::wire;

/// People, inboxes and categories, as they are at this moment.
pub(crate) struct Lookup {
    pub(crate) directory: Arc<Directory>,
    pub(crate) categories: Vec<Category>,
}

impl Lookup {
    pub(crate) async fn open(api: &Api, conn: &Conn) -> Result<Self> {
        Ok(Self {
            directory: api.accounts.directory().await?,
            categories: ::tickets::reading::categories(conn).await?,
        })
    }

    pub(crate) fn names(&self) -> wire::Names<'_> {
        wire::Names { directory: &self.directory, categories: &self.categories }
    }

    /// Also the problems, for a query that may name one.
    pub(crate) fn known<'k>(
        &'k self,
        actor: &'k Actor,
        problems: &'k [Cause],
    ) -> ::tickets::Known<'k> {
        let categories = &self.categories;
        ::tickets::Known { actor, directory: &self.directory, categories, problems }
    }

    /// An inbox by id, address or name, if it is in use and may be seen.
    pub(crate) fn inbox(&self, actor: &Actor, text: &str) -> ApiResult<InboxId> {
        let found = self.visible_inboxes(actor).find(|inbox| {
            is_id(text, inbox.public_id)
                || inbox.address.as_ref().is_some_and(|at| is_same(at.as_str(), text))
                || is_same(&inbox.name, text)
        });
        found.map(|inbox| inbox.id).ok_or_else(|| Problem::field("inbox", "is not one of yours"))
    }

    /// The first inbox that may be seen.
    pub(crate) fn first_inbox(&self, actor: &Actor) -> ApiResult<InboxId> {
        let first = self.visible_inboxes(actor).map(|inbox| inbox.id).min();
        first.ok_or_else(|| Problem::field("inbox", "is needed: you see no inbox yet"))
    }

    pub(crate) fn visible_inboxes(&self, actor: &Actor) -> impl Iterator<Item = &Inbox> {
        self.directory.inboxes().filter(|inbox| actor.may_see(inbox.id))
    }

    /// Somebody who works here, by id or address; `me` is whose token it is.
    pub(crate) fn agent(&self, actor: &Actor, text: &str) -> ApiResult<AgentId> {
        if text == "me" {
            return Ok(actor.id);
        }
        let everybody = self.directory.everybody();
        let mut found = everybody
            .iter()
            .filter(|card| is_id(text, card.public_id) || is_same(card.email.as_str(), text));
        found
            .next()
            .map(|card| card.id)
            .ok_or_else(|| Problem::field("assignee", "is nobody who works here"))
    }

    pub(crate) fn team(&self, text: &str) -> ApiResult<TeamId> {
        let mut teams = self.directory.teams().iter();
        let found = teams.find(|team| is_id(text, team.public_id) || is_same(&team.name, text));
        found.map(|team| team.id).ok_or_else(|| Problem::field("team", "is not a team here"))
    }

    pub(crate) fn category(&self, text: &str) -> ApiResult<CategoryId> {
        let mut live = self.categories.iter().filter(|category| !category.is_archived);
        let found = live.find(|one| is_id(text, one.public_id) || is_same(&one.name, text));
        found.map(|one| one.id).ok_or_else(|| Problem::field("category", "is not a category here"))
    }
}

fn is_id(text: &str, id: PublicId) -> bool {
    text.parse::<PublicId>().is_ok_and(|asked| asked == id)
}

fn is_same(name: &str, text: &str) -> bool {
    name.to_lowercase() == text.trim().to_lowercase()
}

/// A mail address in a field.
pub(crate) fn address(field: &str, text: &str) -> ApiResult<EmailAddress> {
    text.parse().ok().ok_or_else(|| Problem::field(field, "is not a mail address"))
}

/// Somebody outside, named in a field.
pub(crate) fn party(field: &str, writer: &wire::Writer) -> ApiResult<Party> {
    let address = address(&format!("{field}.email"), &writer.email)?;
    Ok(Party::new(kernel::one_line(writer.name.as_deref().unwrap_or_default()), address))
}

pub(crate) fn parties(field: &str, writers: &[wire::Writer]) -> ApiResult<Vec<Party>> {
    let numbered = writers.iter().enumerate();
    numbered.map(|(at, writer)| party(&format!("{field}[{at}]"), writer)).collect()
}

/// Files by their ids, each of which waits for a message of this person.
pub(crate) async fn uploads(
    conn: &Conn,
    actor: &Actor,
    ids: &[String],
) -> ApiResult<Vec<PublicId>> {
    let mut uploads: Vec<PublicId> = Vec::with_capacity(ids.len());
    let unknown = "names a file that you did not upload, or that was sent already";
    for (at, id) in ids.iter().enumerate() {
        let wrong = || Problem::field(format!("attachments[{at}]"), unknown);
        uploads.push(id.parse().ok().ok_or_else(wrong)?);
    }
    match ::tickets::reading::missing_upload(conn, actor, &uploads).await? {
        Some(id) => {
            let at = uploads.iter().position(|one| *one == id).unwrap_or_default();
            Err(Problem::field(format!("attachments[{at}]"), unknown))
        }
        None => Ok(uploads),
    }
}

/// What was written: as text, and as HTML where it came so.
pub(crate) struct Words {
    pub(crate) text: String,
    pub(crate) html: Option<String>,
}

impl Words {
    /// Exactly one of both is given, unless files speak for themselves.
    pub(crate) fn read(
        text: Option<String>,
        html: Option<String>,
        may_be_empty: bool,
    ) -> ApiResult<Self> {
        let (text, html) = match (text, html) {
            (Some(_), Some(_)) => return Err(Problem::field("html", "cannot stand beside “text”")),
            (Some(text), None) => (text, None),
            (None, Some(html)) => (email::html::to_text(&html), Some(html)),
            (None, None) if may_be_empty => (String::new(), None),
            (None, None) => return Err(Problem::field("text", "is missing (or “html”)")),
        };
        if text.trim().is_empty() && !may_be_empty {
            let field = if html.is_some() { "html" } else { "text" };
            return Err(Problem::field(field, "says nothing"));
        }
        if text.chars().count() > TEXT_CHARS_MAX {
            return Err(Problem::field("text", "has more than 200,000 characters"));
        }
        Ok(Self { text: text.replace("\r\n", "\n"), html })
    }
}

const TEXT_CHARS_MAX: usize = 200_000;
