//! How fetching is doing, and the alarm when it is not.

use accounts::{Accounts, AgentCard, Role, SystemLetter, send_system_letter};
use anyhow::Result;
use database::{Conn, Tx};
use kernel::{InboxId, Span, Timestamp};

use crate::store::health as store;

/// How fetching for an inbox is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub inbox: InboxId,
    /// When its connection was set up or changed.
    pub set_up_at: Timestamp,
    /// The last successful look.
    pub worked_at: Option<Timestamp>,
    pub works_since: Option<Timestamp>,
    pub fails_since: Option<Timestamp>,
    pub fault: Option<String>,
}

/// Without a successful look for this long somebody has to know.
const SILENT_AFTER: Span = Span::minutes(5);

impl Health {
    pub fn is_silent(&self, now: Timestamp) -> bool {
        let last = self.worked_at.unwrap_or(self.set_up_at).max(self.set_up_at);
        now.since(last) >= SILENT_AFTER
    }
}

/// The health of all inboxes that are fetched.
pub async fn health(conn: &mut Conn) -> Result<Vec<Health>> {
    store::all(conn).await
}

/// Raises the alarm for inboxes that went silent, once each time: in the log, among the figures,
/// and by mail to the owners and leads who see the inbox. Says for which.
pub async fn raise_alarm(accounts: &Accounts) -> Result<Vec<InboxId>> {
    let (db, now) = (accounts.db(), accounts.now());
    let all = health(&mut db.read().await?).await?;
    let mut alarmed = Vec::new();
    for one in all.into_iter().filter(|one| one.is_silent(now)) {
        let mut tx = db.begin().await?;
        if !store::set_alarmed(&mut tx, one.inbox, now).await? {
            continue;
        }
        tx.announce(live::Change::Settings);
        tell(&mut tx, accounts, &one).await?;
        tx.commit().await?;
        let fault = one.fault.unwrap_or_default();
        tracing::error!(inbox = %one.inbox, "inbox {} is silent for five minutes: {fault}", one.inbox);
        metrics::counter!("recourse_silent_inboxes_total").increment(1);
        alarmed.push(one.inbox);
    }
    Ok(alarmed)
}

/// Mails those who can do something about it. The mail may leave through an inbox that still
/// sends, be it this one.
async fn tell(tx: &mut Tx, accounts: &Accounts, health: &Health) -> Result<()> {
    let (company, directory) = (accounts.company().await?, accounts.directory().await?);
    let Some(inbox) = directory.inbox(health.inbox) else { return Ok(()) };
    let w = accounts.site().words(&company.language);
    let text = match &health.fault {
        Some(fault) => w.a2("alarm-text-fault", "inbox", &inbox.name, "fault", fault),
        None => w.a("alarm-text", "inbox", &inbox.name),
    };
    let in_charge = |agent: &&&AgentCard| agent.role >= Role::Lead && agent.may_see(inbox.id);
    for agent in directory.working().iter().filter(in_charge) {
        let letter = SystemLetter {
            to: (&agent.name, &agent.email),
            subject: w.a("alarm-subject", "inbox", &inbox.name),
            text: text.clone(),
            link: accounts.site().url(&format!("/settings/inboxes/{}", inbox.public_id)),
        };
        send_system_letter(tx, &company, &w, letter, accounts.now()).await?;
    }
    Ok(())
}
