//! How fetching is doing, and the alarm when it is not.

use accounts::{
    Accounts, AgentCard, Directory, Inbox, InboxKind, Role, SystemLetter, send_system_letter,
};
use anyhow::Result;
use database::{Conn, Tx};
use kernel::{InboxId, Span, Timestamp};
use outbox::Caps;
use ui::Words;

use crate::rhythm::{LOOKED_BACK, NEVER_BEFORE, Quiet, Rhythm};
use crate::store::{health as store, ledger};

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
pub async fn health(conn: &Conn) -> Result<Vec<Health>> {
    store::all(conn).await
}

/// Raises the alarm for inboxes that went silent, once each time: in the log, among the figures,
/// and by mail to the owners and leads who see the inbox. Says for which.
pub async fn raise_alarm(accounts: &Accounts) -> Result<Vec<InboxId>> {
    let (db, now) = (accounts.db(), accounts.now());
    let all = health(&db.read().await?).await?;
    let mut alarmed = Vec::new();
    for one in all.into_iter().filter(|one| one.is_silent(now)) {
        let mut tx = db.begin().await?;
        if !store::set_alarmed(&mut tx, one.inbox, now).await? {
            continue;
        }
        tx.announce(live::Change::Settings);
        tell(&mut tx, accounts, one.inbox, |w, inbox| Told {
            subject: w.a("alarm-subject", "inbox", &inbox.name),
            text: match &one.fault {
                Some(fault) => w.a2("alarm-text-fault", "inbox", &inbox.name, "fault", fault),
                None => w.a("alarm-text", "inbox", &inbox.name),
            },
        })
        .await?;
        tx.commit().await?;
        let fault = one.fault.unwrap_or_default();
        tracing::error!(inbox = %one.inbox, "inbox {} is silent for five minutes: {fault}", one.inbox);
        metrics::counter!("recourse_silent_inboxes_total").increment(1);
        alarmed.push(one.inbox);
    }
    Ok(alarmed)
}

/// The inboxes to which no mail has come for an unusual time, whichever way it comes.
pub(crate) async fn quiet(
    conn: &Conn,
    directory: &Directory,
    now: Timestamp,
) -> Result<Vec<Quiet>> {
    let mut quiet = Vec::new();
    let by_mail = |inbox: &&Inbox| inbox.kind == InboxKind::Email && inbox.archived_at.is_none();
    for inbox in directory.all_inboxes().iter().filter(by_mail) {
        quiet.extend(quiet_since(conn, inbox.id, now).await?);
    }
    Ok(quiet)
}

/// Since when no mail has come to an inbox, if that is unusual.
pub(crate) async fn quiet_since(
    conn: &Conn,
    inbox: InboxId,
    now: Timestamp,
) -> Result<Option<Quiet>> {
    // Most have mail of today, which is seen at once.
    let last_at = ledger::last_came_at(conn, inbox).await?;
    if last_at.is_none_or(|at| now.since(at) < NEVER_BEFORE) {
        return Ok(None);
    }
    let rhythm = ledger::rhythm(conn, inbox, now - LOOKED_BACK).await?;
    Ok(rhythm
        .filter(|rhythm| rhythm.is_broken(now))
        .map(|Rhythm { last_at, longest_pause, .. }| Quiet { inbox, last_at, longest_pause }))
}

/// Raises the alarm for inboxes to which nothing comes any more, once for each such time. Those
/// that cannot be looked at have an alarm of their own.
pub async fn raise_alarm_about_quiet(accounts: &Accounts) -> Result<Vec<InboxId>> {
    let (db, now) = (accounts.db(), accounts.now());
    let directory = accounts.directory().await?;
    let conn = db.read().await?;
    let unheard = health(&conn).await?;
    let is_unheard =
        |inbox| unheard.iter().any(|one: &Health| one.inbox == inbox && one.is_silent(now));
    let quiet = quiet(&conn, &directory, now).await?;
    drop(conn);
    let mut alarmed = Vec::new();
    for one in quiet.into_iter().filter(|one| !is_unheard(one.inbox)) {
        let mut tx = db.begin().await?;
        if !store::set_quiet_alarmed(&mut tx, one.inbox, one.last_at).await? {
            continue;
        }
        tell(&mut tx, accounts, one.inbox, |w, inbox| Told {
            subject: w.a("quiet-subject", "inbox", &inbox.name),
            text: w.all(
                "quiet-text",
                &[
                    ("inbox", &inbox.name),
                    ("pause", &whole_hours(now.since(one.last_at))),
                    ("usual", &whole_hours(one.longest_pause)),
                ],
            ),
        })
        .await?;
        tx.commit().await?;
        tracing::error!(inbox = %one.inbox, "no mail comes to inbox {} for an unusual time", one.inbox);
        metrics::counter!("recourse_quiet_inboxes_total").increment(1);
        alarmed.push(one.inbox);
    }
    Ok(alarmed)
}

/// Raises the alarm when automatic mail to addresses that nobody verified reached its hourly cap, at
/// most once a day: in the log, among the figures, and by mail to the owners. Somebody may be using
/// us to write to strangers. Says whether it did.
pub async fn raise_alarm_about_cap(accounts: &Accounts, caps: &Caps) -> Result<bool> {
    let mut tx = accounts.db().begin().await?;
    if !outbox::claim_cap_alarm(&mut tx, caps, accounts.now()).await? {
        return Ok(false);
    }
    let w = accounts.site().words(&accounts.company().await?.language);
    let told = Told {
        subject: w.t("cap-subject").to_owned(),
        text: w.a("cap-text", "cap", caps.unverified_per_hour),
    };
    let is_owner = |agent: &AgentCard| agent.role == Role::Owner;
    send_told(&mut tx, accounts, &told, "/settings/mail", is_owner).await?;
    tx.commit().await?;
    tracing::error!("automatic mail to unverified addresses reached its hourly cap");
    metrics::counter!("recourse_automatic_mail_cap_reached_total").increment(1);
    Ok(true)
}

/// As people say it, rounded up: no pause is none.
pub(crate) fn whole_hours(span: Span) -> i64 {
    (span.as_seconds() + 3_599) / 3_600
}

/// What those in charge are told.
struct Told {
    subject: String,
    text: String,
}

/// Mails those who can do something about it. The mail may leave through an inbox that still
/// sends, be it this one.
async fn tell(
    tx: &mut Tx,
    accounts: &Accounts,
    inbox: InboxId,
    what: impl FnOnce(&Words, &Inbox) -> Told,
) -> Result<()> {
    let (company, directory) = (accounts.company().await?, accounts.directory().await?);
    let Some(inbox) = directory.inbox(inbox) else { return Ok(()) };
    let w = accounts.site().words(&company.language);
    let told = what(&w, inbox);
    let page = format!("/settings/inboxes/{}", inbox.public_id);
    let in_charge = |agent: &AgentCard| agent.role >= Role::Lead && agent.may_see(inbox.id);
    send_told(tx, accounts, &told, &page, in_charge).await
}

/// Mails it to everybody working here to whom it is to go.
async fn send_told(
    tx: &mut Tx,
    accounts: &Accounts,
    told: &Told,
    page: &str,
    is_told: impl Fn(&AgentCard) -> bool,
) -> Result<()> {
    let (company, directory) = (accounts.company().await?, accounts.directory().await?);
    let w = accounts.site().words(&company.language);
    for agent in directory.working().iter().filter(|agent| is_told(agent)) {
        let letter = SystemLetter {
            to: (&agent.name, &agent.email),
            subject: told.subject.clone(),
            text: told.text.clone(),
            link: accounts.site().url(page),
            useful_for: Span::days(1),
        };
        send_system_letter(tx, &company, &w, letter, accounts.now()).await?;
    }
    Ok(())
}
