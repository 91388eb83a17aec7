//! What the pages of the mailroom stand on.

use std::sync::Arc;

use accounts::{Accounts, Actor, Inbox, Sees};
use database::Db;
use egress::Guard;
use email::Dns;
use files::Files;
use kernel::{InboxId, PublicId, Span, Timestamp};
use keys::Keys;
use requests::{Limiter, Rate};
use ui::{WebError, WebResult, found};

use crate::Permissions;
use crate::web::ImageStore;

/// Cheap to clone.
#[derive(Clone)]
pub struct Mailroom {
    pub(crate) accounts: Accounts,
    pub(crate) keys: Keys,
    pub(crate) files: Files,
    pub(crate) permissions: Permissions,
    pub(crate) guard: Guard,
    pub(crate) dns: Dns,
    pub(crate) hello_name: String,
    pub(crate) images: ImageStore,
    trials: Arc<Limiter>,
}

/// What the mailroom is lent by the program.
#[derive(Clone)]
pub struct Lent {
    pub accounts: Accounts,
    pub keys: Keys,
    pub files: Files,
    pub permissions: Permissions,
    pub guard: Guard,
    pub dns: Dns,
    /// The name by which this program greets mail servers.
    pub hello_name: String,
}

/// Trials reach out to wherever somebody likes, so nobody may make many of them.
const TRIALS: Rate = Rate::new(12, Span::seconds(10));

impl Mailroom {
    pub fn new(lent: Lent) -> Self {
        Self {
            accounts: lent.accounts,
            keys: lent.keys,
            files: lent.files,
            permissions: lent.permissions,
            guard: lent.guard,
            dns: lent.dns,
            hello_name: lent.hello_name,
            images: ImageStore::default(),
            trials: Arc::new(Limiter::new(TRIALS)),
        }
    }

    pub(crate) fn db(&self) -> &Db {
        self.accounts.db()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.accounts.now()
    }

    /// Takes one of the trials that somebody has.
    pub(crate) fn take_trial(&self, actor: &Actor) -> WebResult<()> {
        let taken = self.trials.take(&actor.id.to_string(), self.now());
        taken.map_err(|too_many| WebError::TooMany {
            retry_after_seconds: too_many.retry_after_seconds,
        })
    }

    /// An inbox by its public name, if this person may see it.
    pub(crate) async fn inbox(&self, actor: &Actor, id: PublicId) -> WebResult<Inbox> {
        let directory = self.accounts.directory().await?;
        let inbox = found(directory.inbox_by_public_id(id).cloned())?;
        actor.must_see(inbox.id)?;
        Ok(inbox)
    }
}

/// The inboxes that somebody sees, as statements ask for them.
pub(crate) fn seen_by(actor: &Actor) -> Option<Vec<InboxId>> {
    match &actor.sees {
        Sees::Everything => None,
        Sees::Only(inboxes) => Some(inboxes.clone()),
    }
}
