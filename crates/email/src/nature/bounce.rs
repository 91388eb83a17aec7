//! Reports in the forms that have a standard: delivery (RFC 3464) and feedback (RFC 5965).

use kernel::{EmailAddress, clip, one_line};

use crate::format::charset;
use crate::format::content_type::Value;
use crate::format::header::Header;
use crate::format::ids;
use crate::format::parts::Leaf;
use crate::format::transfer;
use crate::nature::names::{is_mail_server_name, is_postmaster};
use crate::nature::{Bounce, Complaint, Evidence, Nature, has_no_return_path, sender_of};
use crate::status::{self, Status};

const HEADER_BYTES_MAX: usize = 64 * 1024;
const GROUPS_MAX: usize = 100;
const REASON_CHARS_MAX: usize = 300;

/// The nature of a mail that carries a report in a standard form. A report that a person attached
/// to words of their own is a file like any other.
pub(crate) fn report(evidence: &Evidence<'_, '_>) -> Option<Nature> {
    if !is_report(evidence.header) && !comes_from_mail_server(evidence) {
        return None;
    }
    for leaf in evidence.leaves {
        match leaf.kind.kind.as_str() {
            "message/feedback-report" => return Some(Nature::Complaint(complaint(evidence, leaf))),
            "message/delivery-status" | "message/global-delivery-status" => {
                return delivery(evidence, leaf);
            }
            _ => {}
        }
    }
    None
}

/// Whether a mail without a standard report may be a bounce all the same, by its words.
pub(crate) fn is_suspect(evidence: &Evidence<'_, '_>) -> bool {
    comes_from_mail_server(evidence)
        || is_from(evidence, is_postmaster)
        || is_delivery_report(evidence.header)
}

/// Only what nobody but a mail server writes: everything else people have as a name, too.
pub(crate) fn comes_from_mail_server(evidence: &Evidence<'_, '_>) -> bool {
    is_from(evidence, is_mail_server_name) || has_no_return_path(evidence.header)
}

fn is_from(evidence: &Evidence<'_, '_>, is_it: fn(&str) -> bool) -> bool {
    sender_of(evidence.reading).is_some_and(|address| is_it(address.local()))
}

/// Whether the whole mail is a report, of whatever kind.
fn is_report(header: &Header<'_>) -> bool {
    let kind = Value::of(header, "Content-Type").unwrap_or_default();
    [
        "multipart/report",
        "message/delivery-status",
        "message/global-delivery-status",
        "message/feedback-report",
    ]
    .iter()
    .any(|report| kind.is(report))
}

/// Whether the whole mail is a report about a delivery, in the standard form or nearly.
pub(crate) fn is_delivery_report(header: &Header<'_>) -> bool {
    let kind = Value::of(header, "Content-Type").unwrap_or_default();
    kind.is("multipart/report")
        && kind.parameter("report-type").is_none_or(|kind| kind.contains("delivery"))
}

/// One group of fields in a delivery report.
struct Group<'x> {
    header: Header<'x>,
}

impl Group<'_> {
    fn value(&self, name: &str) -> Option<String> {
        self.header.find(name).map(|field| one_line(&field.unfolded()))
    }

    /// `rfc822; dana@example.com`
    fn address(&self, name: &str) -> Option<EmailAddress> {
        let value = self.value(name)?;
        let address = value.split_once(';').map_or(value.as_str(), |(_, address)| address);
        address_in(address)
    }
}

fn delivery(evidence: &Evidence<'_, '_>, leaf: &Leaf<'_>) -> Option<Nature> {
    let bytes = transfer::decode(leaf.body, leaf.encoding()).0;
    let groups = groups(&bytes);
    let action = |group: &Group<'_>| group.value("Action").unwrap_or_default().to_lowercase();
    let failed = groups.iter().find(|group| action(group).starts_with("failed"));
    let delayed = groups.iter().find(|group| action(group).starts_with("delayed"));
    let silent = groups.iter().find(|group| {
        action(group).is_empty()
            && (group.header.has("Status") || group.header.has("Final-Recipient"))
    });
    let Some(group) = failed.or(delayed).or(silent) else {
        let arrived = groups.iter().any(|group| {
            ["delivered", "relayed", "expanded"].iter().any(|done| action(group).starts_with(done))
        });
        return arrived.then(|| Nature::AutoReply { why: "it is a delivery receipt".to_owned() });
    };
    let said = group.value("Diagnostic-Code").unwrap_or_default();
    let given = group.value("Status").and_then(|value| Status::find(&value));
    // “5.0.0” says nothing; the server's own words often say more.
    let given = given
        .filter(|status| status.words().is_some())
        .or_else(|| Status::find(&said).filter(|status| status.class != 2))
        .or(given);
    let meaning = status::meaning(&said.to_lowercase());
    let status = status::telling(given, meaning.as_ref());
    let recipient = ["Final-Recipient", "Original-Recipient", "X-Actual-Recipient"]
        .iter()
        .find_map(|name| group.address(name))
        .or_else(|| failed_recipients(evidence.header));
    let is_delay = action(group).starts_with("delayed");
    let words = status.and_then(Status::words).unwrap_or("the mail could not be delivered");
    let is_final = status.is_none_or(Status::is_permanent);
    Some(Nature::Bounce(Bounce {
        is_formal: true,
        recipient,
        permanent: is_final && !is_delay,
        status: status.map(Status::text),
        reason: in_words(words, &said),
        original_mail_id: original_mail_id(evidence),
    }))
}

/// Our words first, then what the server said.
pub(crate) fn in_words(words: &str, said: &str) -> String {
    let said = one_line(said);
    let said = said.split_once(';').map_or(said.as_str(), |(kind, rest)| {
        if kind.trim().len() <= 10 { rest.trim() } else { said.as_str() }
    });
    if said.is_empty() {
        words.to_owned()
    } else {
        clip(&format!("{words} ({said})"), REASON_CHARS_MAX)
    }
}

fn groups(bytes: &[u8]) -> Vec<Group<'_>> {
    let mut groups = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() && groups.len() < GROUPS_MAX {
        let (header, after) = Header::split(rest, HEADER_BYTES_MAX);
        if after.len() == rest.len() {
            break;
        }
        if !header.fields.is_empty() {
            groups.push(Group { header });
        }
        rest = after;
    }
    groups
}

fn complaint(evidence: &Evidence<'_, '_>, leaf: &Leaf<'_>) -> Complaint {
    let bytes = transfer::decode(leaf.body, leaf.encoding()).0;
    let (header, _) = Header::split(&bytes, HEADER_BYTES_MAX);
    let group = Group { header };
    let named =
        ["Original-Rcpt-To", "Removal-Recipient"].iter().find_map(|name| group.address(name));
    let returned = || {
        let returned = returned_header(evidence)?;
        let (header, _) = Header::split(&returned, HEADER_BYTES_MAX);
        Group { header }.address("To")
    };
    Complaint { recipient: named.or_else(returned), original_mail_id: original_mail_id(evidence) }
}

/// The header of the mail that came back, from the part that carries it.
fn returned_header(evidence: &Evidence<'_, '_>) -> Option<Vec<u8>> {
    let is_returned = |leaf: &&Leaf<'_>| {
        matches!(
            leaf.kind.kind.as_str(),
            "message/rfc822"
                | "message/global"
                | "text/rfc822-headers"
                | "message/rfc822-headers"
                | "message/global-headers"
                | "text/rfc822-header"
                | "message/partial"
        )
    };
    let leaf = evidence.leaves.iter().find(is_returned)?;
    let bytes = transfer::decode(leaf.body, leaf.encoding()).0;
    Some(bytes.get(..HEADER_BYTES_MAX).map(<[u8]>::to_vec).unwrap_or(bytes))
}

/// The Message-ID of our mail: in what came back with the report, or in what the report answers.
pub(crate) fn original_mail_id(evidence: &Evidence<'_, '_>) -> Option<String> {
    returned_mail_id(evidence).or_else(|| evidence.reading.references.first().cloned())
}

/// The Message-ID in the returned header or in the text.
pub(crate) fn returned_mail_id(evidence: &Evidence<'_, '_>) -> Option<String> {
    let returned = returned_header(evidence);
    let in_part = returned.as_ref().and_then(|bytes| {
        let (header, _) = Header::split(bytes.trim_ascii_start(), HEADER_BYTES_MAX);
        ids::mail_id(&header)
    });
    in_part
        .or_else(|| id_in_text(evidence.text))
        .or_else(|| {
            // Reports that only attach the mail as unnamed text.
            let leaf = evidence.leaves.iter().rev().find(|leaf| leaf.kind.main() == "text")?;
            let bytes = transfer::decode(leaf.body, leaf.encoding()).0;
            id_in_text(&charset::guess(bytes.get(..HEADER_BYTES_MAX).unwrap_or(&bytes)))
        })
        .or_else(|| evidence.header.text("X-Original-Message-Id").and_then(|id| first_id(&id)))
}

fn first_id(value: &str) -> Option<String> {
    ids::ids(value).into_iter().next()
}

fn id_in_text(text: &str) -> Option<String> {
    let mut lines = text.lines().map(|line| line.trim_start_matches(['>', ' ', '\t', '|']));
    while let Some(line) = lines.next() {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.trim().eq_ignore_ascii_case("message-id") {
            // The id may stand on the next line.
            let value =
                if value.trim().is_empty() { lines.next().unwrap_or_default() } else { value };
            return first_id(value);
        }
    }
    None
}

pub(crate) fn failed_recipients(header: &Header<'_>) -> Option<EmailAddress> {
    let value = header.text("X-Failed-Recipients")?;
    value.split([',', ' ']).find_map(address_in)
}

/// The first address in a piece of text, whatever is around it.
pub(crate) fn address_in(text: &str) -> Option<EmailAddress> {
    text.split(|c: char| c.is_whitespace() || "<>()[]\"',;:".contains(c))
        .filter(|word| word.contains('@'))
        .find_map(|word| word.trim_matches(['.', '*', '=', '`']).parse().ok())
}
