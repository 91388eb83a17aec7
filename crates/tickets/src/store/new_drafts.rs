//! New tickets that are being written.

use anyhow::Result;
use database::{Cols, Conn, FromRow, Tx, params};
use kernel::{AgentId, InboxId, Timestamp};
use serde::{Deserialize, Serialize};

/// A new ticket before it is sent, as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NewDraft {
    pub(crate) inbox: Option<InboxId>,
    pub(crate) to: String,
    pub(crate) cc: String,
    pub(crate) bcc: String,
    pub(crate) subject: String,
    pub(crate) text: String,
}

impl NewDraft {
    fn is_empty(&self) -> bool {
        [&self.to, &self.cc, &self.bcc, &self.subject, &self.text]
            .iter()
            .all(|part| part.trim().is_empty())
    }
}

/// A draft with the time at which it was saved.
#[derive(Clone, Debug)]
pub(crate) struct Saved {
    pub(crate) draft: NewDraft,
    pub(crate) at: Timestamp,
}

impl FromRow for Saved {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        let draft = NewDraft {
            inbox: cols.next()?,
            to: cols.next()?,
            cc: cols.next()?,
            bcc: cols.next()?,
            subject: cols.next()?,
            text: cols.next()?,
        };
        Ok(Self { draft, at: cols.next()? })
    }
}

pub(crate) async fn find(conn: &Conn, agent: AgentId) -> Result<Option<Saved>> {
    conn.optional(
        "select inbox_id, mail_to, mail_cc, mail_bcc, subject, text, updated_at
           from new_ticket_drafts where agent_id = $1",
        params![agent],
    )
    .await
}

pub(crate) async fn save(
    tx: &mut Tx,
    agent: AgentId,
    draft: &NewDraft,
    now: Timestamp,
) -> Result<()> {
    if draft.is_empty() {
        return delete(tx, agent).await;
    }
    tx.send(
        "insert into new_ticket_drafts
            (agent_id, inbox_id, mail_to, mail_cc, mail_bcc, subject, text, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (agent_id) do update
            set inbox_id = excluded.inbox_id, mail_to = excluded.mail_to,
                mail_cc = excluded.mail_cc, mail_bcc = excluded.mail_bcc,
                subject = excluded.subject, text = excluded.text,
                updated_at = excluded.updated_at",
        params![
            agent,
            draft.inbox,
            &draft.to,
            &draft.cc,
            &draft.bcc,
            &draft.subject,
            &draft.text,
            now
        ],
    )
    .await
}

pub(crate) async fn delete(tx: &mut Tx, agent: AgentId) -> Result<()> {
    tx.send("delete from new_ticket_drafts where agent_id = $1", params![agent]).await
}
