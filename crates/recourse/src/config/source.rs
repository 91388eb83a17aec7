//! Where a setting was given.

use std::collections::BTreeMap;

use super::file::File;
use super::{BadSetting, Flags};

/// The value of each setting, and the place it came from as a person would name it.
#[derive(Debug, Default)]
pub(super) struct Given(BTreeMap<&'static str, (String, String)>);

impl Given {
    pub(super) fn new(flags: Flags, file: Option<File>) -> Self {
        let (path, file) = file.map_or_else(Default::default, |file| (file.path, file.values));
        let all = [
            ("listen", flags.listen, file.listen),
            ("data", flags.data, file.data),
            ("database-url", flags.database_url, file.database_url),
            ("base-url", flags.base_url, file.base_url),
            ("lmtp", flags.lmtp, file.lmtp),
            ("storage-url", flags.storage_url, file.storage_url),
            ("trusted-proxies", flags.trusted_proxies, file.trusted_proxies),
            ("key-file", flags.key_file, file.key_file),
            ("allow-internal", flags.allow_internal, file.allow_internal),
            ("api-requests-a-minute", flags.api_requests_a_minute, file.api_requests_a_minute),
            ("disk-reserve-mib", flags.disk_reserve_mib, file.disk_reserve_mib),
            ("security-contact", flags.security_contact, file.security_contact),
            ("stop-grace", flags.stop_grace, file.stop_grace),
            ("stop-within", flags.stop_within, file.stop_within),
        ];
        let mut given = BTreeMap::new();
        for (name, by_flag, by_file) in all {
            // An empty variable is how many tools say "not set".
            let by_flag = by_flag.filter(|value| !value.trim().is_empty());
            if let Some(value) = by_flag {
                let variable = format!("RECOURSE_{}", name.replace('-', "_").to_uppercase());
                let is_variable = environment(&variable).is_some_and(|there| there == value);
                let place = if is_variable { variable } else { format!("--{name}") };
                given.insert(name, (value, place));
            } else if let Some(value) = by_file {
                given.insert(name, (value, format!("{} in {path}", name.replace('-', "_"))));
            }
        }
        Self(given)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|(value, _)| value.trim())
    }

    pub(super) fn read<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, BadSetting> {
        let Some((value, place)) = self.0.get(name) else { return Ok(None) };
        match read(value.trim()) {
            Ok(read) => Ok(Some(read)),
            Err(hint) => Err(BadSetting::Value {
                place: place.clone(),
                // What looks like an address with a password in it is not printed.
                value: if value.contains('@') { "…".to_owned() } else { value.clone() },
                hint,
            }),
        }
    }

    /// Values between commas or blanks.
    pub(super) fn read_list<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, BadSetting> {
        let all = self.read(name, |text| {
            text.split([',', ' ']).filter(|part| !part.is_empty()).map(&read).collect()
        })?;
        Ok(all.unwrap_or_default())
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}
