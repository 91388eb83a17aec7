//! What the pages of the portal stand on.

use std::sync::Arc;

use accounts::{Accounts, Company};
use anyhow::Result;
use database::Db;
use files::Files;
use kernel::{Failure, Span, Timestamp};
use keys::Keys;
use live::{Change, Numbered};
use requests::{Limiter, Rate, SharedLimiter, TooMany, take_all};
use tickets::actions::Office;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use ui::{Site, WebError, WebResult};

use crate::{actions, store};

/// The customer's side. Cheap to clone.
#[derive(Clone)]
pub struct Portal(Arc<Shared>);

struct Shared {
    accounts: Accounts,
    keys: Keys,
    files: Files,
    limits: Limits,
}

/// How often strangers and customers may do what costs others something.
pub(crate) struct Limits {
    /// Messages by form, for a network.
    network: Limiter,
    /// Messages by form, in the name of an address.
    address: Limiter,
    /// Links by mail, for a network.
    link_network: SharedLimiter,
    /// Links by mail, to an address.
    link_address: SharedLimiter,
    /// What somebody signed in does.
    customer: Limiter,
}

/// Waits until some setting is another, or until that may have been missed.
async fn settings_change(changes: &mut Receiver<Numbered>) {
    loop {
        match changes.recv().await {
            Ok(Numbered { change: Change::Settings, .. }) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            // The hub is gone, and the program with it.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            network: Limiter::new(Rate::new(10, Span::minutes(2))),
            address: Limiter::new(Rate::new(5, Span::minutes(10))),
            link_network: SharedLimiter::new(
                "customers' links from a network",
                Rate::new(10, Span::minutes(2)),
            ),
            link_address: SharedLimiter::new(
                "customers' links to an address",
                Rate::in_any_hour(3),
            ),
            customer: Limiter::new(Rate::new(20, Span::seconds(30))),
        }
    }
}

impl Portal {
    pub fn new(accounts: &Accounts, keys: &Keys, files: &Files) -> Self {
        Self(Arc::new(Shared {
            accounts: accounts.clone(),
            keys: keys.clone(),
            files: files.clone(),
            limits: Limits::default(),
        }))
    }

    pub(crate) fn accounts(&self) -> &Accounts {
        &self.0.accounts
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    pub(crate) fn files(&self) -> &Files {
        &self.0.files
    }

    pub(crate) fn db(&self) -> &Db {
        self.0.accounts.db()
    }

    pub(crate) fn site(&self) -> &Site {
        self.0.accounts.site()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.accounts.now()
    }

    pub(crate) async fn company(&self) -> Result<Arc<Company>> {
        self.0.accounts.company().await
    }

    pub(crate) async fn office(&self) -> Result<Office> {
        Office::open(&self.0.accounts, &self.0.keys).await
    }

    /// Whether a mail with a link would leave.
    pub(crate) async fn can_send(&self) -> Result<bool> {
        accounts::can_leave(&self.db().read().await?, &*self.company().await?).await
    }

    /// A message by form. Seconds to wait, where there were too many.
    pub(crate) fn may_write(&self, network: &str, address: &str) -> Result<(), u64> {
        let (limits, now) = (&self.0.limits, self.now());
        let taken = limits.network.take(network, now);
        let taken = taken.and_then(|()| limits.address.take(address, now));
        taken.map_err(|too_many| too_many.retry_after_seconds)
    }

    /// A link by mail.
    pub(crate) async fn may_ask_for_link(&self, network: &str, address: &str) -> WebResult<()> {
        let limits = &self.0.limits;
        let asked = [(&limits.link_network, network), (&limits.link_address, address)];
        match take_all(self.db(), &asked, self.now()).await {
            Ok(()) => Ok(()),
            Err(Failure::Refused(TooMany { retry_after_seconds })) => {
                Err(WebError::TooMany { retry_after_seconds })
            }
            Err(Failure::Broken(fault)) => Err(fault.into()),
        }
    }

    /// Something that a customer does while signed in.
    pub(crate) fn may_act(&self, customer: kernel::CustomerId) -> WebResult<()> {
        let taken = self.0.limits.customer.take(&customer.to_string(), self.now());
        taken.map_err(|too_many| WebError::TooMany {
            retry_after_seconds: too_many.retry_after_seconds,
        })
    }

    /// Makes the first topics as soon as there is an inbox for them, then ends.
    pub async fn begin(self, stop: CancellationToken) {
        let mut changes = self.0.accounts.hub().changes();
        loop {
            match actions::make_first_topics(&self).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(fault) => tracing::error!("the first topics cannot be made: {fault:#}"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = settings_change(&mut changes) => {}
            }
        }
    }

    /// Drops sessions and links that are over.
    pub async fn sweep(&self) -> Result<()> {
        let mut tx = self.db().begin().await?;
        store::sweep(&mut tx, self.now()).await?;
        tx.commit().await
    }
}
