//! Reading what was stored: each mail becomes a ticket, goes on in one, or is held.
//!
//! What takes time (parsing, asking the DNS, storing files) happens before the transaction, and
//! in it each mail is on its own: one that fails takes nothing else along, and after three tries
//! it becomes a ticket that says so.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use accounts::Accounts;
use anyhow::{Context, Result, anyhow};
use database::{Db, Engine, Tx};
use email::{Dns, Limits, Nature, Reading, Trust};
use files::{Files, MediaType};
use futures_util::{FutureExt, StreamExt, stream};
use kernel::{EmailAddress, SharedClock, Span, Timestamp};
use keys::Keys;
use outbox::{Party, Recipients};
use tickets::actions::{
    Incoming, Office, ReplyTokens, Sender, bounce_came, receive, sent_elsewhere,
};
use tickets::{Channel, SenderCheck, StoredFile};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::connection::Connection;
use crate::doors::NOBODY;
use crate::ledger::{self, Fate, Outcome, Waiting};
use crate::senders::{self, Rule};
use crate::spam;

/// Reads stored mails. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    pub db: Db,
    pub clock: SharedClock,
    pub accounts: Accounts,
    pub keys: Keys,
    pub files: Files,
    pub dns: Dns,
}

const TOGETHER: i64 = 32;
const AT_ONCE: usize = 8;
const TRIES_MAX: i64 = 3;
const LEASE: Span = Span::seconds(60);
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The same mail to two of our addresses arrives within this time.
const TWINS_WITHIN: Span = Span::days(7);

impl Reader {
    /// Reads whatever arrives until `stop`.
    pub async fn run(self, arrived: Arc<Notify>, stop: CancellationToken) {
        let mut notices = self.db.notices();
        while !stop.is_cancelled() {
            match self.read_some().await {
                Ok(0) => {}
                Ok(_) => continue,
                Err(fault) => tracing::error!("stored mails cannot be read: {fault:#}"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = arrived.notified() => {}
                () = mail_in(&mut notices), if self.db.engine() == Engine::Postgres => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Reads the oldest mails that wait. Says how many there were.
    pub async fn read_some(&self) -> Result<usize> {
        let waiting = self.take().await?;
        let count = waiting.len();
        if count == 0 {
            return Ok(0);
        }
        let office = Office::open(&self.accounts, &self.keys).await?;
        let prepared: Vec<(Waiting, Result<Prepared>)> = stream::iter(waiting)
            .map(|mail| async {
                let prepared = AssertUnwindSafe(self.prepare(&mail, &office)).catch_unwind().await;
                let prepared = prepared.unwrap_or_else(|_| Err(anyhow!("reading it panicked")));
                (mail, prepared)
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let mut tx = self.db.begin().await?;
        for (mail, prepared) in prepared {
            self.settle(&mut tx, &office, mail, prepared).await?;
        }
        tx.commit().await?;
        Ok(count)
    }

    async fn take(&self) -> Result<Vec<Waiting>> {
        match self.db.engine() {
            // One process, one reader.
            Engine::Sqlite => ledger::waiting(&mut self.db.read().await?, TOGETHER).await,
            Engine::Postgres => {
                let mut tx = self.db.begin().await?;
                let mails = ledger::lease(&mut tx, self.clock.now(), LEASE, TOGETHER).await?;
                tx.commit().await?;
                Ok(mails)
            }
        }
    }

    /// Everything about a mail that takes time.
    async fn prepare(&self, mail: &Waiting, office: &Office) -> Result<Prepared> {
        let bytes: Arc<[u8]> = mail.bytes.as_slice().into();
        let parsed = Arc::clone(&bytes);
        // Parsing is work for a thread of its own only where it may take long.
        let reading = if bytes.len() > 256 * 1024 {
            tokio::task::spawn_blocking(move || email::read(&parsed, &Limits::default())).await?
        } else {
            email::read(&bytes, &Limits::default())
        };
        let trusted = Connection::find(&mut self.db.read().await?, mail.inbox)
            .await?
            .and_then(|connection| connection.trusted_host);
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
        let own = office.inbox_of(mail.inbox).and_then(|inbox| inbox.address.clone());
        let incoming = incoming(mail, &reading, &check, stored, own.as_ref(), office);
        Ok(Prepared { reading, incoming })
    }

    /// Writes down what becomes of one mail. Whatever goes wrong with it stays with it.
    async fn settle(
        &self,
        tx: &mut Tx,
        office: &Office,
        mail: Waiting,
        prepared: Result<Prepared>,
    ) -> Result<()> {
        tx.mark().await?;
        let outcome = match prepared {
            Ok(prepared) => decide(tx, office, &mail, &prepared).await,
            Err(fault) => Err(fault),
        };
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(fault) => {
                tx.undo_to_mark().await?;
                tx.mark().await?;
                match unreadable(tx, office, &mail, &fault).await? {
                    Some(outcome) => outcome,
                    None => return tx.keep_since_mark().await,
                }
            }
        };
        metrics::counter!("recourse_mails_handled_total", "fate" => outcome.fate.as_str())
            .increment(1);
        if ledger::settle(tx, mail.id, &outcome, self.clock.now()).await? {
            tx.keep_since_mark().await
        } else {
            // Another node read it while we did.
            tx.undo_to_mark().await
        }
    }
}

async fn mail_in(notices: &mut database::Notices) {
    while let Some(notice) = notices.next().await {
        if notice.is_none_or(|notice| &*notice == "mail-in" || &*notice == "*") {
            return;
        }
    }
    std::future::pending().await
}

/// A mail after everything that takes time.
struct Prepared {
    reading: Reading,
    incoming: Incoming,
}

/// A mail as a message that tickets understand.
fn incoming(
    mail: &Waiting,
    reading: &Reading,
    check: &email::SenderCheck,
    files: Vec<StoredFile>,
    own: Option<&EmailAddress>,
    office: &Office,
) -> Incoming {
    let verdict = match check.verdict {
        email::Verdict::Pass => SenderCheck::Pass,
        email::Verdict::Fail => SenderCheck::Fail,
        email::Verdict::Unknown => SenderCheck::Unknown,
    };
    let address = reading.from.address().cloned();
    // Who is not clear is nobody we know, whatever is shown.
    let shown = match (&address, &reading.shown_address) {
        (Some(_), _) | (None, None) => reading.shown_name.clone(),
        (None, Some(shown)) => format!("{} ({shown}?)", reading.shown_name),
    };
    let everywhere = reading.to.iter().chain(&reading.cc).map(|party| &party.address);
    let everywhere = everywhere.chain(&reading.delivered_to);
    let tags = everywhere
        .filter_map(|address| address.split_tag())
        .filter(|(base, _)| own == Some(base))
        .map(|(_, tag)| tag.to_owned())
        .collect();
    let link_texts = [Some(&reading.text), Some(&reading.quoted), reading.html.as_ref()];
    let links = link_texts
        .into_iter()
        .flatten()
        .flat_map(|text| customers::links::tokens_in(text))
        .map(str::to_owned)
        .collect();
    Incoming {
        inbox: mail.inbox,
        channel: Channel::Email,
        sender: Sender {
            name: kernel::clip(&shown, 200),
            address,
            check: verdict,
            check_detail: serde_json::to_string(check).unwrap_or_default(),
        },
        recipients: Recipients {
            to: others(&reading.to, office),
            cc: others(&reading.cc, office),
            bcc: Vec::new(),
        },
        subject: reading.subject.clone(),
        text: with_remarks(reading),
        quoted: reading.quoted.clone(),
        // Plain text that was dressed as HTML reads better as text.
        html: reading.html.clone().filter(|html| email::html::is_rich(html)),
        files,
        mail_id: reading.mail_id.clone(),
        references: reading.references.clone(),
        tokens: ReplyTokens { tags, links, ticket: None },
        is_robot: reading.nature.is_robot() || mail.envelope_from == NOBODY,
        is_history: mail.is_history,
        language: reading.language().map(str::to_owned),
        ledger: Some(mail.id),
        category: None,
        fields: Vec::new(),
        received_at: if mail.is_history {
            reading.sent_at.filter(|at| *at < mail.received_at).unwrap_or(mail.received_at)
        } else {
            mail.received_at
        },
    }
}

/// Recipients besides ourselves.
fn others(parties: &[email::Party], office: &Office) -> Vec<Party> {
    parties
        .iter()
        .filter(|party| !office.is_own_address(&party.address))
        .map(|party| Party::new(party.name.clone().unwrap_or_default(), party.address.clone()))
        .collect()
}

/// The text, after what the team has to know about how it was read.
fn with_remarks(reading: &Reading) -> String {
    let mut text = String::new();
    for remark in &reading.remarks {
        text.push_str(&format!("[{remark}]\n"));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&reading.text);
    text
}

/// What becomes of a mail that could be read.
async fn decide(
    tx: &mut Tx,
    office: &Office,
    mail: &Waiting,
    prepared: &Prepared,
) -> Result<Outcome> {
    let reading = &prepared.reading;
    let shown = reading.shown_address.as_ref().map_or(String::new(), ToString::to_string);
    let outcome = |fate, reason: Option<String>| Outcome {
        fate,
        reason,
        ticket: None,
        message: None,
        from_address: shown.clone(),
        subject: reading.subject.clone(),
    };
    if let Some(mail_id) = &reading.mail_id
        && outbox::find_by_mail_id(tx, mail_id).await?.is_some()
    {
        return Ok(outcome(Fate::Dismissed, Some("our own mail came back".to_owned())));
    }
    match &reading.nature {
        Nature::Bounce(bounce) => {
            let ticket = bounced(tx, office, bounce).await?;
            return Ok(Outcome { ticket, ..outcome(Fate::Bounce, Some(bounce.reason.clone())) });
        }
        Nature::Complaint(complaint) => {
            if let Some(address) = &complaint.recipient {
                let why = "the recipient marked our mail as spam";
                outbox::suppress(tx, address, why, office.now).await?;
            }
            let reason = Some("a complaint about mail of ours".to_owned());
            return Ok(outcome(Fate::Bounce, reason));
        }
        Nature::Personal | Nature::AutoReply { .. } | Nature::List { .. } | Nature::NoReply => {}
    }
    if let Some(reason) = reason_to_hold(tx, office, mail, prepared).await? {
        return Ok(outcome(Fate::Quarantined, Some(reason)));
    }
    if let Some((ticket, message)) = ledger::twin(tx, mail, mail.received_at - TWINS_WITHIN).await?
    {
        sent_elsewhere(tx, office, ticket, mail.inbox).await?;
        let told = Outcome {
            ticket: Some(ticket),
            message: Some(message),
            ..outcome(Fate::Ticketed, None)
        };
        return Ok(told);
    }
    let received = receive(tx, office, &prepared.incoming).await?;
    Ok(Outcome {
        ticket: Some(received.ticket),
        message: Some(received.message),
        ..outcome(Fate::Ticketed, None)
    })
}

/// Why a mail goes into quarantine, if it does.
async fn reason_to_hold(
    tx: &mut Tx,
    office: &Office,
    mail: &Waiting,
    prepared: &Prepared,
) -> Result<Option<String>> {
    if mail.is_history {
        return Ok(None);
    }
    let incoming = &prepared.incoming;
    let address = incoming.sender.address.as_ref();
    if let Some(address) = address {
        if office.is_own_address(address) {
            return Ok(Some(
                "it says it is from one of our own addresses; it may be a loop".to_owned(),
            ));
        }
        match senders::rule_for(tx, address).await? {
            // Anybody can write the name of an allowed sender into a mail.
            Some((Rule::Allow, _)) if incoming.sender.check != SenderCheck::Fail => {
                return Ok(None);
            }
            Some((Rule::Block, pattern)) => return Ok(Some(format!("{pattern} is blocked"))),
            Some((Rule::Allow, _)) | None => {}
        }
    }
    let lessons = senders::lessons(tx).await?;
    let domain = address.map_or("", EmailAddress::domain);
    let words = spam::features(&incoming.subject, &incoming.text, domain);
    let weights = senders::weights(tx, &words).await?;
    let likelihood = spam::likelihood(&weights, lessons);
    Ok(spam::is_spam(likelihood).then(|| {
        format!(
            "it looks like mail that was marked as spam ({:.0} %)",
            likelihood.unwrap_or(1.0) * 100.0
        )
    }))
}

/// A report about a mail of ours: its delivery, its address and its ticket learn of it.
async fn bounced(
    tx: &mut Tx,
    office: &Office,
    bounce: &email::Bounce,
) -> Result<Option<kernel::TicketId>> {
    let delivery = match &bounce.original_mail_id {
        Some(mail_id) => outbox::find_by_mail_id(tx, mail_id).await?,
        None => None,
    };
    let address = bounce.recipient.clone().or_else(|| {
        let recipients = delivery.as_ref().map(|delivery| &delivery.recipients)?;
        let mut everyone = recipients.everyone();
        let first = everyone.next()?;
        everyone.next().is_none().then(|| first.address.clone())
    });
    // Only who we wrote to can be unreachable: a forged report silences nobody else.
    let was_written_to = |address: &EmailAddress| {
        delivery
            .as_ref()
            .is_some_and(|sent| sent.recipients.everyone().any(|party| party.address == *address))
    };
    if let Some(address) = &address
        && bounce.address_is_dead()
        && was_written_to(address)
    {
        outbox::suppress(tx, address, &bounce.reason, office.now).await?;
    }
    let Some(delivery) = delivery else { return Ok(None) };
    if bounce.permanent {
        outbox::bounced(tx, delivery.id, &bounce.reason).await?;
    }
    let Some(ticket) = delivery.ticket else { return Ok(None) };
    let shown = address.map_or(String::new(), |address| address.to_string());
    let is_human = !delivery.kind.is_automatic();
    bounce_came(tx, office, ticket, &shown, &bounce.reason, bounce.permanent && is_human).await?;
    Ok(Some(ticket))
}

/// A mail that could not be read: another try, or a ticket that says so. Nothing is hidden.
async fn unreadable(
    tx: &mut Tx,
    office: &Office,
    mail: &Waiting,
    fault: &anyhow::Error,
) -> Result<Option<Outcome>> {
    let said = format!("{fault:#}");
    if mail.attempts + 1 < TRIES_MAX {
        tracing::warn!(ledger = %mail.id, "mail {} could not be read and is tried again: {said}", mail.id);
        ledger::count_attempt(tx, mail.id, &said).await?;
        return Ok(None);
    }
    tracing::error!(ledger = %mail.id, "mail {} cannot be read: {said}", mail.id);
    let failed = Outcome {
        fate: Fate::Failed,
        reason: Some(said),
        ticket: None,
        message: None,
        from_address: String::new(),
        subject: String::new(),
    };
    let received = receive(tx, office, &placeholder(mail)).await;
    Ok(Some(match received.context("a ticket for a mail that cannot be read") {
        Ok(received) => {
            Outcome { ticket: Some(received.ticket), message: Some(received.message), ..failed }
        }
        Err(fault) => {
            tracing::error!(ledger = %mail.id, "{fault:#}");
            tx.undo_to_mark().await?;
            tx.mark().await?;
            failed
        }
    }))
}

/// What stands in the ticket of a mail that cannot be read: that it cannot, and where it is.
fn placeholder(mail: &Waiting) -> Incoming {
    Incoming {
        inbox: mail.inbox,
        channel: Channel::Email,
        sender: Sender {
            name: mail.envelope_from.trim_matches(['<', '>']).to_owned(),
            address: None,
            check: SenderCheck::Unknown,
            check_detail: "{}".to_owned(),
        },
        recipients: Recipients::default(),
        subject: "A mail that could not be read".to_owned(),
        text: "This mail could not be read. Its source is stored unchanged and can be \
               downloaded from the ledger."
            .to_owned(),
        quoted: String::new(),
        html: None,
        files: Vec::new(),
        mail_id: None,
        references: Vec::new(),
        tokens: ReplyTokens::default(),
        is_robot: true,
        is_history: mail.is_history,
        language: None,
        ledger: Some(mail.id),
        category: None,
        fields: Vec::new(),
        received_at: mail.received_at,
    }
}

/// The instant before which a mail counts as history.
pub(crate) fn is_before(at: Option<Timestamp>, limit: Option<Timestamp>) -> bool {
    matches!((at, limit), (Some(at), Some(limit)) if at < limit)
}
