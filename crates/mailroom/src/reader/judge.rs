//! What becomes of each mail, within the transaction that writes it down.

use anyhow::{Context, Result};
use database::{Conn, Tx};
use email::{Nature, Reading};
use kernel::{EmailAddress, MessageId, Span, TicketId, Timestamp};
use tickets::SenderCheck;
use tickets::actions::{
    Before, Office, before, complaint_came, receive, receive_known, receive_late, sent_elsewhere,
    settle_stand_in,
};

use super::Prepared;
use super::incoming::{read_since, stand_in};
use crate::ledger::{Fate, Outcome, Waiting};
use crate::senders::{Rule, SenderRule};
use crate::spam::{self, Lessons};
use crate::store::{ledger, senders};
use crate::undelivered::{self, Undelivered};

/// Before the second and the third try; there is no fourth.
const PAUSES: [Span; 2] = [Span::seconds(10), Span::minutes(5)];
/// What people are told about a mail that failed.
pub(super) const UNREADABLE: &str =
    "it could not be taken in because of a fault on our side; the log of the server says more";
/// The same mail to two of our addresses arrives within this time.
const TWINS_WITHIN: Span = Span::days(7);
/// Of a held mail so much is shown in the list.
const PREVIEW_CHARS: usize = 300;

/// What becomes of a mail that could be read. Where a ticket says that it could not, that is over.
pub(super) async fn decide(
    tx: &mut Tx,
    office: &Office,
    mail: &Waiting,
    prepared: &Prepared,
) -> Result<Outcome> {
    let mut outcome = Box::pin(judged(tx, office, mail, prepared)).await?;
    if outcome.fate != Fate::Ticketed
        && let Some((ticket, message)) = mail.failed_into
    {
        settle_stand_in(tx, office, message, &read_since(&outcome)).await?;
        if outcome.ticket.is_none() {
            // If it is let go on later, that is where it goes.
            (outcome.ticket, outcome.message) = (Some(ticket), Some(message));
        }
    }
    Ok(outcome)
}

async fn judged(
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
        preview: String::new(),
    };
    let known = known(tx, office, mail, prepared).await?;
    if known.is_ours {
        return Ok(outcome(Fate::Dismissed, Some("our own mail came back".to_owned())));
    }
    if let Some(report) = reported(tx, office, &reading.nature).await? {
        return Ok(Outcome { ticket: report.ticket, ..outcome(Fate::Bounce, Some(report.reason)) });
    }
    let reason = match unclaimed(mail, &reading.nature) {
        Some(reason) => Some(reason),
        None => reason_to_hold(tx, office, mail, prepared, &known).await?,
    };
    if let Some(reason) = reason {
        let preview = kernel::clip(&kernel::one_line(&reading.text), PREVIEW_CHARS);
        return Ok(Outcome { preview, ..outcome(Fate::Quarantined, Some(reason)) });
    }
    if let Some((ticket, message)) = known.twin {
        sent_elsewhere(tx, office, ticket, mail.inbox).await?;
        let told = Outcome {
            ticket: Some(ticket),
            message: Some(message),
            ..outcome(Fate::Ticketed, None)
        };
        if let Some((_, message)) = mail.failed_into {
            settle_stand_in(tx, office, message, &read_since(&told)).await?;
        }
        return Ok(told);
    }
    let received = match mail.failed_into {
        None => receive_known(tx, office, &prepared.incoming, known.before).await?,
        Some((_, stand_in)) => {
            ledger::let_go(tx, mail.id).await?;
            Box::pin(receive_late(tx, office, &prepared.incoming, known.before, stand_in)).await?
        }
    };
    Ok(Outcome {
        ticket: Some(received.ticket),
        message: Some(received.message),
        ..outcome(Fate::Ticketed, None)
    })
}

/// What is known of a mail and of who sent it.
struct Known {
    /// It left here.
    is_ours: bool,
    rule: Option<SenderRule>,
    lessons: Lessons,
    /// Where the same mail to another of our addresses went.
    twin: Option<(TicketId, MessageId)>,
    before: Before,
}

/// Asks all that most mails need to be asked, at once.
async fn known(conn: &Conn, office: &Office, mail: &Waiting, prepared: &Prepared) -> Result<Known> {
    let reading = &prepared.reading;
    let ours = async {
        match &reading.mail_id {
            Some(mail_id) => outbox::find_by_mail_id(conn, mail_id).await,
            None => Ok(None),
        }
    };
    let rule = async {
        match reading.from.address() {
            Some(address) => senders::rule_for(conn, address).await,
            None => Ok(None),
        }
    };
    let since = mail.received_at - TWINS_WITHIN;
    let (ours, rule, lessons, twin, before) = tokio::try_join!(
        ours,
        rule,
        senders::lessons(conn),
        ledger::twin(conn, mail, since),
        before(conn, office, &prepared.incoming)
    )?;
    Ok(Known { is_ours: ours.is_some(), rule, lessons, twin, before })
}

/// Why a mail goes into quarantine, if it does.
async fn reason_to_hold(
    conn: &Conn,
    office: &Office,
    mail: &Waiting,
    prepared: &Prepared,
    known: &Known,
) -> Result<Option<String>> {
    if mail.is_history || mail.is_released {
        return Ok(None);
    }
    let incoming = &prepared.incoming;
    // Who sent it, even where a form says that somebody else wrote it.
    if prepared.reading.from.address().is_some_and(|address| office.is_own_address(address)) {
        return Ok(Some(
            "it says it is from one of our own addresses; it may be a loop".to_owned(),
        ));
    }
    if let Some(found) = &known.rule {
        match found.rule {
            // Anybody can write the name of an allowed sender into a mail.
            Rule::Allow if incoming.sender.check != SenderCheck::Fail => return Ok(None),
            Rule::Block => return Ok(Some(format!("{} is blocked", found.pattern))),
            Rule::Allow => {}
        }
    }
    // An answer is not held by a filter that does not know what it answers. Only a mail of ours
    // can be answered: anybody can refer to anything.
    if prepared.reading.is_marked_as_spam && !answers_ours(conn, &prepared.reading).await? {
        return Ok(Some("a spam filter on its way marked it as spam".to_owned()));
    }
    if !known.lessons.suffice() {
        return Ok(None);
    }
    let words = spam::features_of(&prepared.reading);
    let weights = senders::weights(conn, &words).await?;
    let likelihood = spam::likelihood(&weights, known.lessons);
    Ok(spam::is_spam(likelihood).then(|| {
        format!(
            "it looks like mail that was marked as spam ({:.0} %)",
            likelihood.unwrap_or(1.0) * 100.0
        )
    }))
}

/// Mails refer to few others; more would only be looked up to make us work.
const REFERENCES_MAX: usize = 50;

/// Whether a mail refers to one that left a ticket of ours.
async fn answers_ours(conn: &Conn, reading: &Reading) -> Result<bool> {
    for mail_id in reading.references.iter().take(REFERENCES_MAX) {
        let sent = outbox::find_by_mail_id(conn, mail_id).await?;
        if sent.is_some_and(|delivery| delivery.ticket.is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A report about a mail of ours, with the ticket that learned of it.
struct Report {
    ticket: Option<TicketId>,
    reason: String,
}

/// Takes a report to the mail of ours that it is about. Nothing: there is no such mail.
async fn reported(tx: &mut Tx, office: &Office, nature: &Nature) -> Result<Option<Report>> {
    match nature {
        Nature::Bounce(bounce) => bounced(tx, office, bounce).await,
        Nature::Complaint(complaint) => complained(tx, office, complaint).await,
        Nature::Personal
        | Nature::AutoReply { .. }
        | Nature::NoAnswerWanted { .. }
        | Nature::List { .. }
        | Nature::NoReply => Ok(None),
    }
}

/// Why a report that is about no mail of ours is held. Words that only sound like a report are a
/// mail like any other, and so is what a person let go on.
fn unclaimed(mail: &Waiting, nature: &Nature) -> Option<String> {
    match nature {
        _ if mail.is_released => None,
        Nature::Bounce(bounce) if bounce.is_formal => Some(format!(
            "it reports that a mail did not arrive, but that mail is not known here: {}",
            bounce.reason
        )),
        Nature::Complaint(_) => Some(
            "it complains about a mail that is not known here, or did not go to the one who \
             complains"
                .to_owned(),
        ),
        Nature::Bounce(_)
        | Nature::Personal
        | Nature::AutoReply { .. }
        | Nature::NoAnswerWanted { .. }
        | Nature::List { .. }
        | Nature::NoReply => None,
    }
}

/// Somebody called a mail of ours spam: nothing is sent there any more. A forged complaint
/// silences nobody else.
async fn complained(
    tx: &mut Tx,
    office: &Office,
    complaint: &email::Complaint,
) -> Result<Option<Report>> {
    let Some(mail_id) = &complaint.original_mail_id else { return Ok(None) };
    let Some(delivery) = outbox::find_by_mail_id(tx, mail_id).await? else { return Ok(None) };
    let address = complaint.recipient.clone().or_else(|| only_recipient(&delivery));
    let Some(address) = address.filter(|address| went_to(&delivery, address)) else {
        return Ok(None);
    };
    let why = "the recipient marked our mail as spam";
    outbox::suppress(tx, &address, why, office.now).await?;
    if let Some(ticket) = delivery.ticket {
        complaint_came(tx, office, ticket, &address).await?;
    }
    let reason = "a complaint about mail of ours".to_owned();
    Ok(Some(Report { ticket: delivery.ticket, reason }))
}

fn went_to(delivery: &outbox::Delivery, address: &EmailAddress) -> bool {
    delivery.recipients.everyone().any(|party| party.address == *address)
}

fn only_recipient(delivery: &outbox::Delivery) -> Option<EmailAddress> {
    let mut everyone = delivery.recipients.everyone();
    let first = everyone.next()?;
    everyone.next().is_none().then(|| first.address.clone())
}

/// A mail of ours did not arrive: its delivery, its address and its ticket learn of it.
async fn bounced(tx: &mut Tx, office: &Office, bounce: &email::Bounce) -> Result<Option<Report>> {
    let Some(mail_id) = &bounce.original_mail_id else { return Ok(None) };
    let Some(delivery) = outbox::find_by_mail_id(tx, mail_id).await? else { return Ok(None) };
    let address = bounce.recipient.clone().or_else(|| only_recipient(&delivery));
    // Only who we wrote to can be unreachable: a forged report silences nobody else.
    if let Some(address) = &address
        && bounce.address_is_dead()
        && went_to(&delivery, address)
    {
        outbox::suppress(tx, address, &bounce.reason, office.now).await?;
    }
    if bounce.permanent {
        outbox::bounced(tx, delivery.id, address.as_ref(), &bounce.reason).await?;
    }
    let mail = Undelivered {
        kind: delivery.kind,
        ticket: delivery.ticket,
        address: address.as_ref(),
        reason: &bounce.reason,
        is_over: bounce.permanent,
    };
    undelivered::tell(tx, office, &mail).await?;
    Ok(Some(Report { ticket: delivery.ticket, reason: bounce.reason.clone() }))
}

/// A mail that could not be read: another try, or a ticket that says so. Nothing is hidden.
pub(super) async fn unreadable(
    tx: &mut Tx,
    office: &Office,
    mail: &Waiting,
    fault: &anyhow::Error,
) -> Result<Option<Outcome>> {
    let said = format!("{fault:#}");
    // People get a sentence; what the machine said is for the log.
    if let Some(at) = next_try(mail, office.now) {
        tracing::warn!(ledger = %mail.id, "mail {} could not be read and is tried again: {said}", mail.id);
        ledger::count_attempt(tx, mail.id, UNREADABLE, at).await?;
        return Ok(None);
    }
    tracing::error!(ledger = %mail.id, "mail {} cannot be read: {said}", mail.id);
    Ok(Some(given_up(tx, office, mail).await?))
}

/// What becomes of a mail that is not tried any more: a ticket that says so, and why.
pub(super) async fn given_up(tx: &mut Tx, office: &Office, mail: &Waiting) -> Result<Outcome> {
    let reason = mail.not_given.as_deref().unwrap_or(UNREADABLE);
    let failed = Outcome::failed(reason);
    if let Some((ticket, message)) = mail.failed_into {
        // Read again in vain: the ticket that says so is there.
        return Ok(Outcome { ticket: Some(ticket), message: Some(message), ..failed });
    }
    tx.mark().await?;
    let received = match receive(tx, office, &stand_in(mail, reason)).await {
        Ok(received) => tx.keep_since_mark().await.map(|()| received),
        Err(fault) => Err(fault),
    };
    Ok(match received.context("a ticket for a mail that cannot be read") {
        Ok(received) => {
            Outcome { ticket: Some(received.ticket), message: Some(received.message), ..failed }
        }
        Err(fault) => {
            tracing::error!(ledger = %mail.id, "{fault:#}");
            tx.undo_to_mark().await?;
            failed
        }
    })
}

/// When a mail that failed is tried again; never, if that was its last try. A storage that is
/// away for some minutes should not make tickets out of mails that are good.
pub(super) fn next_try(mail: &Waiting, now: Timestamp) -> Option<Timestamp> {
    if mail.is_given_up() || mail.not_given.is_some() {
        return None;
    }
    let pause = PAUSES.get(usize::try_from(mail.attempts).ok()?)?;
    Some(now + *pause)
}
