//! Everything about a mail that takes time, before it is written down.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use email::{Limits, Reading, Trust};
use files::MediaType;
use futures_util::FutureExt;
use kernel::EmailAddress;
use tickets::StoredFile;
use tickets::actions::Incoming;

use super::incoming::incoming;
use super::{Desk, Reader};
use crate::ledger::Waiting;
use crate::store::ledger;

/// A mail that is not ready to be written down by then counts as tried. Less than the lease.
const PREPARED_WITHIN: Duration = Duration::from_secs(45);

/// A mail after everything that takes time.
pub(super) struct Prepared {
    pub(super) reading: Reading,
    pub(super) incoming: Incoming,
}

impl Prepared {
    pub(super) fn sender(&self) -> Option<&EmailAddress> {
        self.incoming.sender.address.as_ref()
    }
}

impl Reader {
    /// A mail after everything that takes time, whatever happens meanwhile.
    pub(super) async fn prepared(&self, mail: &Waiting, desk: &Desk) -> Result<Prepared> {
        if mail.is_given_up() {
            bail!("reading it was begun {} times and never came to an end", mail.begun);
        }
        if let Some(why) = &mail.not_given {
            bail!("it is not here: {why}");
        }
        let work = AssertUnwindSafe(self.prepare(mail, desk)).catch_unwind();
        match tokio::time::timeout(PREPARED_WITHIN, work).await {
            Ok(Ok(prepared)) => prepared,
            Ok(Err(_)) => Err(anyhow!("reading it panicked")),
            Err(_) => Err(anyhow!("reading it took longer than {PREPARED_WITHIN:?}")),
        }
    }

    /// Everything about a mail that takes time.
    async fn prepare(&self, mail: &Waiting, desk: &Desk) -> Result<Prepared> {
        let source = ledger::source(&self.db.read().await?, mail.id).await?;
        let bytes: Arc<[u8]> = source.context("a mail without its source")?.into();
        let parsed = Arc::clone(&bytes);
        // Parsing is work for a thread of its own only where it may take long.
        let reading = if bytes.len() > 256 * 1024 {
            tokio::task::spawn_blocking(move || email::read(&parsed, &Limits::from_now())).await?
        } else {
            email::read(&bytes, &Limits::from_now())
        };
        let trusted = desk.trusted.get(&mail.inbox).cloned();
        let trust = Trust { hosts: trusted.into_iter().collect(), sealers: Vec::new() };
        let check = email::authenticate(&bytes, &reading, &trust, &self.dns).await;
        let mut stored = Vec::with_capacity(reading.attachments.len());
        for file in &reading.attachments {
            stored.push(StoredFile {
                hash: self.files.put(file.bytes.clone()).await?,
                name: file.name.clone(),
                media_type: MediaType::of(&file.bytes),
                size_bytes: kernel::count(file.bytes.len()),
                content_id: file.content_id.clone().filter(|_| file.inline),
            });
        }
        let incoming = incoming(mail, &reading, &check, stored, &desk.office);
        Ok(Prepared { reading, incoming })
    }
}
