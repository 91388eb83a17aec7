//! Waiting for new mail.

use std::time::Duration;

use tokio::time::Instant;

use crate::imap::{ImapFault, Mailbox};
use crate::link::LinkFault;

/// Why the wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// Something changed in the folder.
    Change,
    /// Nothing did, for as long as was asked.
    Time,
}

/// Servers end a wait after 30 minutes.
const IDLE_MAX: Duration = Duration::from_mins(28);
/// How often a server is asked that cannot tell by itself.
const POLL_EVERY: Duration = Duration::from_mins(1);

impl Mailbox {
    /// Waits until something changes in the selected folder, or for as long as `longest`, but at
    /// most 28 minutes. When this is dropped before it is done, the mailbox is of no use any more.
    pub async fn idle(&mut self, longest: Duration) -> Result<Woken, ImapFault> {
        let deadline = Instant::now() + longest.min(IDLE_MAX);
        if self.can("IDLE") { self.listen(deadline).await } else { self.poll(deadline).await }
    }

    async fn listen(&mut self, deadline: Instant) -> Result<Woken, ImapFault> {
        let tag = self.connection.begin("IDLE").await?;
        self.connection.wait_for_go_ahead(&tag).await?;
        self.connection.done_by(deadline);
        let mut woken = Woken::Time;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let response = match self.connection.response(left).await {
                Ok(response) => response,
                // Only the silence that we were waiting for.
                Err(ImapFault::Link(LinkFault::Silent { .. })) => break,
                Err(fault) => return Err(fault),
            };
            if let Some(outcome) = self.connection.outcome(&tag, &response) {
                // The server ended the wait by itself.
                outcome?;
                return Ok(Woken::Change);
            }
            if let Some(exists) = response.count("EXISTS") {
                let is_new = exists != self.exists;
                self.exists = exists;
                if is_new {
                    woken = Woken::Change;
                    break;
                }
            }
            if response.count("EXPUNGE").is_some() {
                self.exists = self.exists.saturating_sub(1);
            }
        }
        self.connection.done_by(Instant::now() + self.connection.patience.answer);
        self.connection.send("DONE").await?;
        self.finish(&tag).await?;
        Ok(woken)
    }

    async fn finish(&mut self, tag: &str) -> Result<(), ImapFault> {
        loop {
            let response = self.connection.response(self.connection.patience.answer).await?;
            if let Some(exists) = response.count("EXISTS") {
                self.exists = exists;
            }
            if let Some(outcome) = self.connection.outcome(tag, &response) {
                return outcome;
            }
        }
    }

    async fn poll(&mut self, deadline: Instant) -> Result<Woken, ImapFault> {
        loop {
            let before = self.exists;
            let mut exists = before;
            self.connection
                .run("NOOP", |response| exists = response.count("EXISTS").unwrap_or(exists))
                .await?;
            self.exists = exists;
            if exists != before {
                return Ok(Woken::Change);
            }
            let next = Instant::now() + POLL_EVERY;
            if next >= deadline {
                tokio::time::sleep_until(deadline).await;
                return Ok(Woken::Time);
            }
            tokio::time::sleep_until(next).await;
        }
    }
}
