//! Which addresses a link or an image may have.

use std::collections::HashSet;

/// An address with one of the schemes that people follow, written as it will be followed.
///
/// Browsers ignore tabs, line breaks and leading blanks in addresses, so nobody may judge one
/// with them still in it.
pub(crate) fn followed(address: &str) -> Option<String> {
    let address = plain(address);
    let (scheme, rest) = address.split_once(':')?;
    let scheme = scheme.to_ascii_lowercase();
    let is_good = match scheme.as_str() {
        "http" | "https" => has_host(rest),
        "mailto" | "tel" => !rest.is_empty(),
        _ => false,
    };
    is_good.then(|| format!("{scheme}:{rest}"))
}

/// An address that an image is loaded from, over the web.
pub(crate) fn remote(address: &str) -> Option<String> {
    followed(address).filter(|address| address.starts_with("http"))
}

/// The content id of an image that came with the mail.
pub(crate) fn content_id(address: &str) -> Option<String> {
    let address = plain(address);
    let (scheme, id) = address.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("cid") {
        return None;
    }
    Some(percent_decoded(id.trim_matches(['<', '>'])))
}

/// Every content id that a document may show, whatever is around it.
pub(crate) fn content_ids(html: &str) -> HashSet<String> {
    const ID_BYTES_MAX: usize = 1_000;
    let ids = memchr::memmem::find_iter(html.as_bytes(), b"cid:").filter_map(|at| {
        let rest = html.get(at + 4..)?;
        let rest = rest.get(..rest.floor_char_boundary(ID_BYTES_MAX))?;
        let id = rest.split(['"', '\'', '>', ')', ' ', '\r', '\n', '<']).next()?;
        Some(percent_decoded(&id.replace("&amp;", "&")))
    });
    ids.collect()
}

fn plain(address: &str) -> String {
    address.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned()
}

/// `//host…` with a host, without a name and password in front of it.
fn has_host(rest: &str) -> bool {
    let Some(rest) = rest.strip_prefix("//") else { return false };
    let host = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    !host.is_empty() && !host.contains('@') && !host.contains(char::is_whitespace)
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let pair = tail.split_at_checked(2).and_then(|(pair, after)| {
            let pair = std::str::from_utf8(pair).ok()?;
            Some((u8::from_str_radix(pair, 16).ok()?, after))
        });
        if let (b'%', Some((byte, after))) = (first, pair) {
            bytes.push(byte);
            rest = after;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
