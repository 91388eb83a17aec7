//! A mail as a message that tickets understand. Pure.

use email::Reading;
use kernel::EmailAddress;
use outbox::{Party, Recipients};
use tickets::actions::{Incoming, Office, ReplyTokens, Sender};
use tickets::{Channel, SenderCheck, StoredFile};

use crate::doors::NOBODY;
use crate::ledger::{Fate, Outcome, Waiting};

/// What a mail says, with the files that came with it stored.
pub(super) fn incoming(
    mail: &Waiting,
    reading: &Reading,
    check: &email::SenderCheck,
    files: Vec<StoredFile>,
    office: &Office,
) -> Incoming {
    let own = office.inbox_of(mail.inbox).and_then(|inbox| inbox.address.as_ref());
    // A form wrote in somebody's name: that is who we answer, though nobody has proved it.
    let author =
        reading.author_behind_no_reply().filter(|party| !office.is_own_address(&party.address));
    let (mail_id, references, tokens) = match author {
        // Whatever leads into a ticket speaks for who sent this one: a stranger who knows the
        // mails of a customer gets into no ticket in the customer's name.
        Some(_) => (None, Vec::new(), ReplyTokens::default()),
        None => (reading.mail_id.clone(), reading.references.clone(), reply_tokens(reading, own)),
    };
    Incoming {
        inbox: mail.inbox,
        channel: Channel::Email,
        sender: sender(reading, check, author),
        recipients: Recipients {
            to: others(&reading.to, office),
            cc: others(&reading.cc, office),
            bcc: Vec::new(),
        },
        subject: reading.subject.clone(),
        text: with_remarks(reading, author.and(reading.from.address())),
        quoted: reading.quoted.clone(),
        // Plain text that was dressed as HTML reads better as text.
        html: reading.html.clone().filter(|html| email::html::is_rich(html)),
        files,
        mail_id,
        references,
        tokens,
        is_automatic: reading.nature.is_automatic() || mail.envelope_from == NOBODY,
        must_not_be_answered: reading.nature.must_not_be_answered() || mail.envelope_from == NOBODY,
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

fn sender(reading: &Reading, check: &email::SenderCheck, author: Option<&email::Party>) -> Sender {
    let (name, address) = match (author, reading.from.address(), &reading.shown_address) {
        (Some(author), ..) => {
            let name = author.name.clone().unwrap_or_else(|| author.address.to_string());
            (name, Some(&author.address))
        }
        (None, Some(from), _) => (reading.shown_name.clone(), Some(from)),
        // Who is not clear is nobody we know, whatever is shown.
        (None, None, Some(shown)) => (format!("{} ({shown}?)", reading.shown_name), None),
        (None, None, None) => (reading.shown_name.clone(), None),
    };
    Sender {
        name: kernel::clip(&name, 200),
        address: address.cloned(),
        check: match check.verdict {
            // What was checked is the form, not who wrote with it.
            email::Verdict::Pass if author.is_some() => SenderCheck::Unknown,
            email::Verdict::Pass => SenderCheck::Pass,
            email::Verdict::Fail => SenderCheck::Fail,
            email::Verdict::Unknown => SenderCheck::Unknown,
        },
        check_detail: serde_json::to_string(check).unwrap_or_default(),
    }
}

/// Proofs in the addresses that it was sent to, and in its text.
fn reply_tokens(reading: &Reading, own: Option<&EmailAddress>) -> ReplyTokens {
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
    ReplyTokens { tags, links, ticket: None }
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
fn with_remarks(reading: &Reading, form: Option<&EmailAddress>) -> String {
    let mut text = String::new();
    if let Some(form) = form {
        text.extend(["[sent by ", form.as_str(), " in this person's name]\n"]);
    }
    for remark in &reading.remarks {
        text.extend(["[", &remark.to_string(), "]\n"]);
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&reading.text);
    text
}

/// What stands in the ticket of a mail that cannot be read: that it cannot, why, and where it is.
pub(super) fn stand_in(mail: &Waiting, reason: &str) -> Incoming {
    let (subject, text) = match &mail.not_given {
        Some(_) => (
            "A mail that could not be fetched",
            format!(
                "This is not the mail itself: {reason}. It was left in the mailbox. The ledger \
                 can ask for it once more."
            ),
        ),
        None => (
            "A mail that could not be read",
            format!(
                "This mail could not be read: {reason}. Its source is stored unchanged and can \
                 be downloaded from the ledger, where it can be read once more."
            ),
        ),
    };
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
        subject: subject.to_owned(),
        text,
        quoted: String::new(),
        html: None,
        files: Vec::new(),
        mail_id: None,
        references: Vec::new(),
        tokens: ReplyTokens::default(),
        is_automatic: true,
        must_not_be_answered: true,
        is_history: mail.is_history,
        language: None,
        ledger: Some(mail.id),
        category: None,
        fields: Vec::new(),
        received_at: mail.received_at,
    }
}

/// What its stand-in says about a mail that was read after all and is no message to answer.
pub(super) fn read_since(outcome: &Outcome) -> String {
    let became = match (outcome.fate, outcome.ticket) {
        (Fate::Quarantined, _) => "it is held in quarantine".to_owned(),
        (Fate::Ticketed, Some(ticket)) => format!("it is in {ticket}"),
        (Fate::Bounce, _) => "it reports about mail of ours".to_owned(),
        (Fate::Received | Fate::Ticketed | Fate::Failed | Fate::Dismissed, _) => {
            "there is nothing to do".to_owned()
        }
    };
    let reason = outcome.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    format!("This mail could not be read at first. It was read since, and {became}{reason}.")
}
