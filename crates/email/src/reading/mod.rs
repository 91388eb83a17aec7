//! One received mail, read.
//!
//! Invariant: reading never fails and never panics. Whatever cannot be understood is shown as it
//! came, with a remark that says so.

mod body;
mod file_name;
mod flowed;
mod language;
mod limits;
mod remark;
mod sender;

use std::collections::HashSet;

use kernel::{EmailAddress, Timestamp, one_line};

use crate::format::address::{Mailboxes, Party};
use crate::format::header::Header;
use crate::format::parts::{Leaf, Parts};
use crate::format::{date, ids};
use crate::nature::{self, Nature};
use crate::quote;
use crate::trace::{self, Results};

pub use body::File;
pub use file_name::clean_file_name;
pub use limits::Limits;
pub use remark::Remark;
pub use sender::{Doubt, Sender};

/// A mail as Recourse understands it.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The Message-ID without brackets.
    pub mail_id: Option<String>,
    /// Who wrote it, as far as that can be trusted.
    pub from: Sender,
    /// The name beside the sender's address, as a best effort, for showing only.
    pub shown_name: String,
    /// The sender's address as a best effort, for showing only.
    pub shown_address: Option<EmailAddress>,
    pub reply_to: Vec<Party>,
    pub to: Vec<Party>,
    pub cc: Vec<Party>,
    /// On one line; empty when there is none.
    pub subject: String,
    pub sent_at: Option<Timestamp>,
    /// What is new in this mail.
    pub text: String,
    /// The history that was quoted, and the signature. With `text` it is all there is.
    pub quoted: String,
    /// The HTML as it came. It must be cleaned before anybody sees it.
    pub html: Option<String>,
    pub attachments: Vec<File>,
    /// The mails it refers to: the one it answers first, then from the newest to the oldest.
    pub references: Vec<String>,
    pub nature: Nature,
    /// What servers on the way found out about the sender, the last one first. Claims, no more.
    pub authentication_results: Vec<Results>,
    /// The addresses of ours that it was delivered to.
    pub delivered_to: Vec<EmailAddress>,
    /// Whether a filter on the way took it for spam, as `SpamAssassin` and rspamd write it.
    pub is_marked_as_spam: bool,
    pub remarks: Vec<Remark>,
}

impl Reading {
    /// The language of the text by its ISO 639 code, when that is beyond doubt. Finding out takes
    /// longer than reading the mail, so it is done when somebody asks.
    pub fn language(&self) -> Option<&'static str> {
        language::of(&self.text)
    }

    /// Whom its sender, behind whom nobody reads, asks to answer: forms on web sites write so. It
    /// is a claim and no more.
    pub fn author_behind_no_reply(&self) -> Option<&Party> {
        let from = self.from.address()?;
        let [party] = self.reply_to.as_slice() else { return None };
        let is_form = nature::is_robot_name(from.local()) && !self.nature.is_automatic();
        (is_form && party.address != *from).then_some(party)
    }
}

/// Reads a mail. Own control headers (`X-Recourse-…`) are not looked at: nobody outside decides
/// what we do.
pub fn read(bytes: &[u8], limits: &Limits) -> Reading {
    let mut remarks = Vec::new();
    let (header, body) = Header::split(bytes, limits.header_bytes_max);
    if header.cut {
        remarks.push(Remark::HeaderTooLong);
    }
    let mut reading = read_header(&header, limits, &mut remarks);
    if bytes.len() > limits.message_bytes_max {
        return as_it_came(reading, (&header, body), remarks, Remark::TooLarge);
    }
    let main = Header { fields: header.fields.clone(), ..Header::default() };
    let parts = Parts::walk(main, body, limits.budget(), &limits.deadline);
    let content = body::gather(&parts.leaves, &mut remarks, &limits.deadline);
    if limits.deadline.is_over() {
        return as_it_came(reading, (&header, body), remarks, Remark::TooSlow);
    }
    remark_on(&parts, &mut remarks);
    reading.nature = nature::judge(&header, &parts.leaves, &reading, &content.text);
    let forwarded = quote::is_forward(&reading.subject);
    let (text, quoted) = match &reading.nature {
        // Nothing in a report is history.
        Nature::Bounce(_) | Nature::Complaint(_) => (content.text, String::new()),
        Nature::Personal
        | Nature::AutoReply { .. }
        | Nature::NoAnswerWanted { .. }
        | Nature::List { .. }
        | Nature::NoReply => quote::split(
            &content.text,
            &quote::Style { reply_lines: &limits.reply_lines, forwarded },
        ),
    };
    reading.text = text;
    reading.quoted = quoted;
    reading.html = content.html;
    reading.attachments = content.files;
    reading.remarks = remarks;
    reading
}

/// A mail whose body is not understood, and why.
fn as_it_came(
    mut reading: Reading,
    (header, body): (&Header<'_>, &[u8]),
    mut remarks: Vec<Remark>,
    why: Remark,
) -> Reading {
    remarks.push(why);
    reading.text = body::beginning(body);
    reading.nature = nature::judge(header, &[], &reading, "");
    reading.remarks = remarks;
    reading
}

fn read_header(header: &Header<'_>, limits: &Limits, remarks: &mut Vec<Remark>) -> Reading {
    let author = sender::read(header);
    if author.name_claims_another_address {
        remarks.push(Remark::NameClaimsAnotherAddress);
    }
    let mut room = limits.addresses_max;
    let mut parties = |name: &str| {
        let mut found = Vec::new();
        for field in header.all(name) {
            let mailboxes = Mailboxes::parse(&field.unfolded(), room);
            room -= mailboxes.list.len().min(room);
            if mailboxes.cut && !remarks.contains(&Remark::TooManyAddresses) {
                remarks.push(Remark::TooManyAddresses);
            }
            found.extend(mailboxes.parties());
        }
        each_once(found)
    };
    let (to, cc, reply_to) = (parties("To"), parties("Cc"), parties("Reply-To"));
    let sent_at = header.find("Date").and_then(|field| date::parse(&field.unfolded()));
    if sent_at.is_none() && header.has("Date") {
        remarks.push(Remark::DateUnreadable);
    }
    Reading {
        mail_id: ids::mail_id(header),
        from: author.from,
        shown_name: author.shown_name,
        shown_address: author.shown_address,
        reply_to,
        to,
        cc,
        subject: header.text("Subject").map(|subject| shown(&subject)).unwrap_or_default(),
        sent_at,
        text: String::new(),
        quoted: String::new(),
        html: None,
        attachments: Vec::new(),
        references: ids::references(header),
        nature: Nature::Personal,
        authentication_results: trace::results(header),
        delivered_to: delivered_to(header),
        is_marked_as_spam: is_marked_as_spam(header),
        remarks: Vec::new(),
    }
}

fn each_once(parties: Vec<Party>) -> Vec<Party> {
    let mut seen = HashSet::new();
    parties.into_iter().filter(|party| seen.insert(party.address.clone())).collect()
}

/// Text for one line of the interface, without characters that rearrange what is around it.
fn shown(text: &str) -> String {
    let kept: String = text.chars().filter(|c| !is_rearranging(*c)).collect();
    one_line(&kept)
}

/// Direction overrides and their kin. Joiners stay: many scripts and emoji are written with them.
fn is_rearranging(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Anybody can write this about a mail, but only its sender is hurt by it.
fn is_marked_as_spam(header: &Header<'_>) -> bool {
    ["X-Spam-Flag", "X-Spam", "X-Spam-Status"].iter().flat_map(|name| header.all(name)).any(
        |field| {
            let text = field.unfolded();
            let word = text.split([',', ';', ' ']).find(|word| !word.is_empty());
            word.is_some_and(|word| word.eq_ignore_ascii_case("yes"))
        },
    )
}

fn delivered_to(header: &Header<'_>) -> Vec<EmailAddress> {
    let names = ["Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Delivered-To"];
    let mut found: Vec<EmailAddress> = Vec::new();
    for field in names.iter().flat_map(|name| header.all(name)).take(20) {
        for party in Mailboxes::parse(&field.unfolded(), 20).parties() {
            if !found.contains(&party.address) {
                found.push(party.address);
            }
        }
    }
    found
}

fn remark_on(parts: &Parts<'_>, remarks: &mut Vec<Remark>) {
    if parts.too_many {
        remarks.push(Remark::TooManyParts);
    }
    if parts.too_deep {
        remarks.push(Remark::TooDeep);
    }
    if parts.unfinished {
        remarks.push(Remark::Unfinished);
    }
    if parts.leaves.iter().any(is_encrypted) {
        remarks.push(Remark::Encrypted);
    }
}

fn is_encrypted(leaf: &Leaf<'_>) -> bool {
    let is_enveloped = leaf.kind.parameter("smime-type").is_none_or(|kind| kind != "signed-data");
    match leaf.kind.kind.as_str() {
        "application/pgp-encrypted" => true,
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => is_enveloped,
        "text/plain" => leaf.body.trim_ascii_start().starts_with(b"-----BEGIN PGP MESSAGE-----"),
        _ => false,
    }
}
