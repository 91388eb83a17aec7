//! `recourse.toml`.

use std::io::ErrorKind;

use serde::{Deserialize, Deserializer};

use super::BadSetting;

const DEFAULT_PATH: &str = "recourse.toml";

/// The settings file, with the path it was read from.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) values: Values,
}

/// Every key that the file may have; others are errors, for they are typing errors.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Values {
    pub(super) listen: Option<String>,
    pub(super) data: Option<String>,
    pub(super) database_url: Option<String>,
    pub(super) base_url: Option<String>,
    pub(super) lmtp: Option<String>,
    pub(super) storage_url: Option<String>,
    #[serde(deserialize_with = "list")]
    pub(super) trusted_proxies: Option<String>,
    pub(super) key_file: Option<String>,
    #[serde(deserialize_with = "list")]
    pub(super) allow_internal: Option<String>,
    #[serde(deserialize_with = "number")]
    pub(super) api_requests_a_minute: Option<String>,
    #[serde(deserialize_with = "number")]
    pub(super) disk_reserve_mib: Option<String>,
    pub(super) security_contact: Option<String>,
    #[serde(deserialize_with = "number")]
    pub(super) stop_grace: Option<String>,
    #[serde(deserialize_with = "number")]
    pub(super) stop_within: Option<String>,
}

/// A list may be written as TOML has lists, or as on the command line.
fn list<'d, D: Deserializer<'d>>(from: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(Some(match OneOrMany::deserialize(from)? {
        OneOrMany::One(text) => text,
        OneOrMany::Many(all) => all.join(","),
    }))
}

/// A number may stand in quotes or without.
fn number<'d, D: Deserializer<'d>>(from: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(i64),
        Text(String),
    }
    Ok(Some(match Written::deserialize(from)? {
        Written::Number(number) => number.to_string(),
        Written::Text(text) => text,
    }))
}

/// Reads the file that was named, which has to be there, or the default one if it is there.
pub(super) fn read(named: Option<&str>) -> Result<Option<File>, BadSetting> {
    let path = named.unwrap_or(DEFAULT_PATH);
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(fault) if named.is_none() && fault.kind() == ErrorKind::NotFound => return Ok(None),
        Err(fault) => return Err(unusable(path, &fault.to_string())),
    };
    let values = toml::from_str(&text).map_err(|fault: toml::de::Error| {
        let line = fault.span().map_or(String::new(), |span| {
            let before = text.get(..span.start).unwrap_or_default();
            format!(" in line {}", before.lines().count().max(1))
        });
        unusable(path, &format!("{}{line}", fault.message()))
    })?;
    Ok(Some(File { path: path.to_owned(), values }))
}

fn unusable(path: &str, fault: &str) -> BadSetting {
    BadSetting::File { path: path.to_owned(), fault: fault.to_owned() }
}
