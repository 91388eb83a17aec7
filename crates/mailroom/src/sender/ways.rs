//! By which servers letters leave, known before any of them is taken up.

use std::collections::HashMap;
use std::sync::Arc;

use accounts::{Accounts, Directory, SystemMail};
use anyhow::Result;
use database::Conn;
use kernel::InboxId;
use outbox::SYSTEM;

use super::underway::Destination;
use crate::connection::Connection;
use crate::store::connections;

/// The server of each inbox, as sending a letter finds it.
pub(super) struct Ways {
    servers: HashMap<InboxId, Destination>,
    /// Of inboxes without an address, such as forms.
    first: Option<Destination>,
    system: Option<Destination>,
    directory: Arc<Directory>,
}

impl Ways {
    pub(super) async fn of(conn: &Conn, accounts: &Accounts) -> Result<Self> {
        let servers: HashMap<InboxId, Destination> = connections::smtp_servers(conn)
            .await?
            .into_iter()
            .map(|(inbox, host, port)| (inbox, Destination::server(&host, port)))
            .collect();
        let first = Connection::first_sender(conn).await?;
        let first = first.and_then(|inbox| servers.get(&inbox).cloned());
        let system = match &accounts.company().await?.system_mail {
            SystemMail::Inbox { inbox } => servers.get(&InboxId(*inbox)).cloned(),
            SystemMail::AnyInbox => first.clone(),
            SystemMail::Server { host, port, .. } => Some(Destination::server(host, *port)),
        };
        Ok(Self { servers, first, system, directory: accounts.directory().await? })
    }

    /// The inboxes that leave by a server.
    pub(super) fn inboxes(&self) -> impl Iterator<Item = InboxId> {
        let present = self.directory.all_inboxes().iter().map(|inbox| inbox.id);
        present.chain(self.servers.keys().copied()).chain([SYSTEM])
    }

    /// By which server the letters of an inbox leave.
    pub(super) fn by(&self, inbox: InboxId) -> Destination {
        let found = if inbox == SYSTEM { self.system.as_ref() } else { self.servers.get(&inbox) };
        let known = self.directory.inbox(inbox);
        let borrows = inbox != SYSTEM && known.is_none_or(|inbox| inbox.address.is_none());
        let found = found.or(self.first.as_ref().filter(|_| borrows));
        found.cloned().unwrap_or_else(|| Destination::none_of(inbox))
    }
}
