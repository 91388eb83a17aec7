//! Text in an address.

/// Everything but letters, digits and what is said to stay, as `%XX`.
pub(crate) fn encoded(text: &str, stays: &[u8]) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || stays.contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
