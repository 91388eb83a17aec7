//! Message-IDs and what refers to them.

use crate::format::header::Header;

/// RFC 5322 bounds a line at 998 bytes, and so an id.
pub(crate) const ID_BYTES_MAX: usize = 998;
const REFERENCES_MAX: usize = 200;

/// The id of a mail, without brackets. Nothing when there is none that could be one.
pub(crate) fn mail_id(header: &Header<'_>) -> Option<String> {
    let field = header.find("Message-ID")?;
    ids(&field.unfolded()).into_iter().next()
}

/// Every mail this one refers to: In-Reply-To first, then References from the newest, each once.
pub(crate) fn references(header: &Header<'_>) -> Vec<String> {
    let answered = header.all("In-Reply-To").flat_map(|field| ids(&field.unfolded()));
    let earlier = header.all("References").flat_map(|field| {
        let mut ids = ids(&field.unfolded());
        ids.reverse();
        ids
    });
    let mut all: Vec<String> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for id in answered.chain(earlier) {
        if all.len() == REFERENCES_MAX {
            break;
        }
        if seen.insert(id.clone()) {
            all.push(id);
        }
    }
    all
}

/// The ids in a value, as written: in brackets, or bare when there are no brackets at all.
pub(crate) fn ids(value: &str) -> Vec<String> {
    if value.contains('<') {
        let inner = value.split('<').skip(1).filter_map(|piece| piece.split_once('>'));
        inner.filter_map(|(id, _)| clean(id)).collect()
    } else {
        value.split_whitespace().filter(|word| word.contains('@')).filter_map(clean).collect()
    }
}

/// An id without blanks and control characters, which folding and repair put there.
pub(crate) fn clean(id: &str) -> Option<String> {
    let id: String = id
        .chars()
        .filter(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>'))
        .collect();
    (!id.is_empty() && id.len() <= ID_BYTES_MAX).then_some(id)
}
