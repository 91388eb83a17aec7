//! Which mails an answer belongs to.

use database::Tx;
use kernel::TicketId;

use crate::message::Message;
use crate::store::entries;

/// What makes mail programs show the conversation as one.
#[derive(Default)]
pub(super) struct Threading {
    pub(super) in_reply_to: Option<String>,
    pub(super) references: Vec<String>,
}

impl Threading {
    pub(super) async fn of(
        tx: &mut Tx,
        ticket: TicketId,
        latest: Option<&Message>,
        own: &str,
    ) -> anyhow::Result<Self> {
        let mut references = entries::thread_ids(tx, ticket).await?;
        references.retain(|id| id != own);
        let in_reply_to = latest
            .and_then(|message| message.mail_id.clone())
            .or_else(|| references.last().cloned());
        Ok(Self { in_reply_to, references })
    }
}
