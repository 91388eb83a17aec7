//! Addresses as people type them.

use kernel::EmailAddress;
use outbox::Party;

/// Addresses separated by commas or semicolons.
pub(crate) fn parties(text: &str) -> Result<Vec<Party>, String> {
    text.split([',', ';', '\n'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, address) = match part.rsplit_once('<') {
                Some((name, rest)) => (name.trim().trim_matches('"'), rest.trim_end_matches('>')),
                None => ("", part),
            };
            let address: Result<EmailAddress, _> = address.trim().parse();
            address.map(|address| Party::new(name, address)).ok().ok_or_else(|| part.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::parties;

    #[test]
    fn addresses_as_people_type_them() {
        let shown = |text: &str| -> Result<Vec<String>, String> {
            Ok(parties(text)?.iter().map(ToString::to_string).collect())
        };
        assert_eq!(shown("").unwrap(), Vec::<String>::new());
        assert_eq!(shown("a@b.example").unwrap(), ["a@b.example"]);
        assert_eq!(shown("a@b.example, c@d.example;").unwrap(), ["a@b.example", "c@d.example"]);
        assert_eq!(
            shown("Ana \"A\" Lima <a@b.example>").unwrap(),
            ["Ana \"A\" Lima <a@b.example>"]
        );
        assert_eq!(shown("nobody, a@b.example").unwrap_err(), "nobody");
    }
}
