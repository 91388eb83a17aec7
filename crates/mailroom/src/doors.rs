//! Doors through which mail is handed to us: LMTP and the pipe.

use std::ffi::OsStr;

use accounts::Accounts;
use email::lmtp::{Door as LmtpDoor, Envelope, Known, MailFrom, Verdict};
use kernel::{EmailAddress, InboxId, StorageFull};

use crate::intake::Intake;
use crate::ledger::Door;

/// The listener's door: knows our addresses and stores what comes for them.
#[derive(Clone)]
pub struct Doorway {
    pub accounts: Accounts,
    pub intake: Intake,
}

/// The inbox behind an address, with or without a tag.
pub(crate) async fn inbox_for(
    accounts: &Accounts,
    address: &EmailAddress,
) -> anyhow::Result<Option<InboxId>> {
    let directory = accounts.directory().await?;
    let exact = directory.inbox_by_address(address);
    let found = match address.split_tag() {
        Some((base, _)) => exact.or_else(|| directory.inbox_by_address(&base)),
        None => exact,
    };
    Ok(found.map(|inbox| inbox.id))
}

/// The return path of mail that nobody may answer.
pub(crate) const NOBODY: &str = "<>";

impl LmtpDoor for Doorway {
    async fn knows(&self, recipient: EmailAddress) -> Known {
        match inbox_for(&self.accounts, &recipient).await {
            Ok(Some(_)) => Known::Yes,
            Ok(None) => {
                metrics::counter!("recourse_recipients_refused_total").increment(1);
                Known::No
            }
            Err(fault) => {
                tracing::error!("nobody can tell whether {recipient} is known: {fault:#}");
                Known::TryAgain
            }
        }
    }

    async fn deliver(&self, envelope: Envelope, mail: Vec<u8>) -> Vec<Verdict> {
        let from = match envelope.mail_from {
            MailFrom::Nobody => NOBODY.to_owned(),
            MailFrom::Address(address) => address.to_string(),
            MailFrom::Other(text) => text,
        };
        let mut verdicts = Vec::with_capacity(envelope.recipients.len());
        for recipient in &envelope.recipients {
            verdicts.push(self.take(recipient, &from, &mail).await);
        }
        verdicts
    }
}

impl Doorway {
    async fn take(&self, recipient: &EmailAddress, from: &str, mail: &[u8]) -> Verdict {
        let taken = self.intake.take(Door::Lmtp);
        let inbox = match inbox_for(&self.accounts, recipient).await {
            Ok(Some(inbox)) => inbox,
            Ok(None) => {
                taken.refused();
                return Verdict::Refused("there is no such inbox here".to_owned());
            }
            Err(fault) => return not_now(&fault),
        };
        let arrival = self.intake.arrival(inbox, Door::Lmtp, from.to_owned(), mail.to_vec(), false);
        match self.intake.store(arrival, taken).await {
            Ok(_) => Verdict::Stored,
            Err(fault) => not_now(&fault),
        }
    }
}

fn not_now(fault: &anyhow::Error) -> Verdict {
    tracing::error!("a mail could not be stored: {fault:#}");
    if StorageFull::is_behind(fault) {
        return Verdict::NoRoom(StorageFull.to_string());
    }
    Verdict::TryAgain(NOT_NOW.to_owned())
}

fn not_now_by_pipe(fault: &anyhow::Error) -> Piped {
    tracing::error!("a mail could not be stored: {fault:#}");
    let is_full = StorageFull::is_behind(fault);
    Piped::TryAgain(if is_full { StorageFull.to_string() } else { NOT_NOW.to_owned() })
}

const NOT_NOW: &str = "it cannot be stored at the moment; the log says why";

/// What the pipe is told, as an exit code of sysexits.h.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piped {
    /// 0: stored durably.
    Stored,
    /// 65: never; the reason goes back to the sender.
    Refused(String),
    /// 75: not now.
    TryAgain(String),
}

/// The return path as a mail server hands it over: Exim writes nothing for nobody, and Postfix a
/// name of its own. Without one nobody knows, which is not the same.
pub fn envelope_sender(given: Option<&OsStr>) -> String {
    let Some(given) = given else { return String::new() };
    let given = given.to_string_lossy();
    let given = given.trim();
    if given.is_empty() || given == NOBODY || given.eq_ignore_ascii_case("MAILER-DAEMON") {
        return NOBODY.to_owned();
    }
    given.to_owned()
}

const SIZE_MAX: usize = 25 * 1024 * 1024;

/// Takes one mail from a pipe.
pub async fn pipe(
    accounts: &Accounts,
    intake: &Intake,
    recipient: &EmailAddress,
    from: &str,
    mail: Vec<u8>,
) -> Piped {
    let taken = intake.take(Door::Pipe);
    if mail.is_empty() {
        taken.refused();
        return Piped::Refused("the mail is empty".to_owned());
    }
    if mail.len() > SIZE_MAX {
        taken.refused();
        return Piped::Refused("the mail is larger than 25 MiB".to_owned());
    }
    let inbox = match inbox_for(accounts, recipient).await {
        Ok(Some(inbox)) => inbox,
        Ok(None) => {
            taken.refused();
            return Piped::Refused(format!("there is no inbox with the address {recipient}"));
        }
        Err(fault) => return not_now_by_pipe(&fault),
    };
    let arrival = intake.arrival(inbox, Door::Pipe, from.to_owned(), mail, false);
    match intake.store(arrival, taken).await {
        Ok(_) => Piped::Stored,
        Err(fault) => not_now_by_pipe(&fault),
    }
}
