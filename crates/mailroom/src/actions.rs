//! What people decide about received mail, and what the mailroom learns from it.

use anyhow::{Context, Result};
use database::{Conn, Db, Tx};
use email::Limits;
use kernel::{AgentId, Failure, LedgerId, Refusal, Span, TicketId, Timestamp};
use tickets::Lesson;

use crate::ledger::{Decided, Line};
use crate::senders::{Pattern, Rule, SenderRule};
use crate::spam::{self, Verdict};
use crate::store::{ledger, senders, unfetched};

/// A released mail can be held again until then.
pub(crate) const UNDO_FOR: Span = Span::seconds(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MailRefusal {
    #[error("somebody decided about this mail meanwhile")]
    DecidedAlready,
    #[error("this mail has gone on meanwhile; mark its ticket as spam instead")]
    HasGoneOn,
    #[error("this mail is not one that failed any more")]
    NotFailed,
}

impl Refusal for MailRefusal {}

/// The words of a mail that a lesson is about. Read before the transaction: it takes time.
pub(crate) async fn words_of(conn: &Conn, id: LedgerId) -> Result<Vec<String>> {
    let bytes = ledger::source(conn, id).await?.context("a mail without its source")?;
    let words = move || spam::features_of(&email::read(&bytes, &Limits::from_now()));
    Ok(tokio::task::spawn_blocking(words).await?)
}

/// Lets a held mail go on into a ticket after the time to undo, and learns that it is no spam.
pub(crate) async fn release(
    tx: &mut Tx,
    id: LedgerId,
    words: &[String],
    by: AgentId,
    now: Timestamp,
) -> Result<(), Failure<MailRefusal>> {
    if !ledger::release(tx, id, by, now + UNDO_FOR, now).await? {
        return Err(MailRefusal::DecidedAlready.into());
    }
    senders::teach(tx, id, words, Verdict::Ham, now).await?;
    tx.announce("mail-in");
    Ok(())
}

/// Puts a held mail aside for good, and learns that it is spam.
pub(crate) async fn dismiss(
    tx: &mut Tx,
    id: LedgerId,
    words: &[String],
    by: AgentId,
    now: Timestamp,
) -> Result<(), Failure<MailRefusal>> {
    if !ledger::dismiss(tx, id, by, now).await? {
        return Err(MailRefusal::DecidedAlready.into());
    }
    Ok(senders::teach(tx, id, words, Verdict::Spam, now).await?)
}

/// Holds a mail again that was released or put aside, and forgets what was learned from it.
pub(crate) async fn hold_again(
    tx: &mut Tx,
    line: &Line,
    words: &[String],
) -> Result<(), Failure<MailRefusal>> {
    if !ledger::hold_again(tx, line.id).await? {
        let was_released = line.decision.is_some_and(|decision| decision.what == Decided::Released);
        let refusal =
            if was_released { MailRefusal::HasGoneOn } else { MailRefusal::DecidedAlready };
        return Err(refusal.into());
    }
    Ok(senders::unteach(tx, line.id, words).await?)
}

/// Reads a failed mail once more, or has it asked for where its server did not give it.
pub(crate) async fn read_again(tx: &mut Tx, id: LedgerId) -> Result<(), Failure<MailRefusal>> {
    if unfetched::want(tx, id).await? {
        return Ok(());
    }
    if !ledger::read_again(tx, id).await? {
        return Err(MailRefusal::NotFailed.into());
    }
    tx.announce("mail-in");
    Ok(())
}

/// Sets what is to happen with mail of a sender, and gives what was said before.
pub(crate) async fn set_rule(
    tx: &mut Tx,
    pattern: &Pattern,
    rule: Rule,
    by: AgentId,
    now: Timestamp,
) -> Result<Option<SenderRule>> {
    let before = senders::rule_of(tx, pattern.as_str()).await?;
    senders::set_rule(tx, pattern, rule, by, now).await?;
    Ok(before)
}

/// Learns from what an agent said about a ticket that began with a mail.
pub async fn learn(db: &Db, ticket: TicketId, lesson: Lesson, now: Timestamp) -> Result<()> {
    let conn = db.read().await?;
    let Some(mail) = ledger::first_of_ticket(&conn, ticket).await? else { return Ok(()) };
    let words = words_of(&conn, mail).await?;
    drop(conn);
    let mut tx = db.begin().await?;
    match lesson {
        Lesson::Spam => senders::teach(&mut tx, mail, &words, Verdict::Spam, now).await?,
        Lesson::NotSpam => senders::teach(&mut tx, mail, &words, Verdict::Ham, now).await?,
        Lesson::Forget => senders::unteach(&mut tx, mail, &words).await?,
    }
    tx.commit().await
}
