//! Sets of mails, as commands name them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::imap::Envelope;

/// Mails that are fetched with one command.
pub(crate) struct Group {
    pub(crate) uids: Vec<u32>,
    /// The whole mails, or their headers only.
    pub(crate) whole: bool,
}

/// Cuts mails into groups that fit into memory together. Mails above `limit` are on their own.
pub(crate) fn groups(
    envelopes: &BTreeMap<u32, Envelope>,
    bytes_max: u64,
    limit: u64,
) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut bytes = 0;
    for (uid, envelope) in envelopes {
        if envelope.size > limit {
            groups.push(Group { uids: vec![*uid], whole: false });
            bytes = bytes_max;
            continue;
        }
        bytes += envelope.size;
        match groups.last_mut() {
            Some(group) if group.whole && bytes <= bytes_max => group.uids.push(*uid),
            _ => {
                groups.push(Group { uids: vec![*uid], whole: true });
                bytes = envelope.size;
            }
        }
    }
    groups
}

/// `1:3,7` for 1, 2, 3 and 7.
pub(crate) fn set(uids: &[u32]) -> String {
    let mut sorted = uids.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut out = String::new();
    let mut uids = sorted.into_iter().peekable();
    while let Some(first) = uids.next() {
        let mut last = first;
        while let Some(next) = uids.next_if(|next| last.checked_add(1) == Some(*next)) {
            last = next;
        }
        let separator = if out.is_empty() { "" } else { "," };
        // Writing to a string does not fail.
        let _ = if first == last {
            write!(out, "{separator}{first}")
        } else {
            write!(out, "{separator}{first}:{last}")
        };
    }
    out
}
