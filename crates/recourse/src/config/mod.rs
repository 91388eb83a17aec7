//! Settings: by flag, environment or file, in that order; read once and into types.

mod data_folder;
mod file;
mod source;
mod stopping;

use std::net::SocketAddr;
use std::path::PathBuf;

use api::Pace;
use clap::Args;
use database::Location;
use egress::Allowed;
use files::{BucketAccess, Place};
use ipnet::IpNet;
use kernel::{EmailAddress, Secret};

pub use data_folder::{DataFolder, Lock};
pub use stopping::Stopping;

use source::Given;

/// Settings as they are given; every one can also stand in the environment or in the file.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Settings")]
pub struct Flags {
    /// Address and port to answer on [default: 127.0.0.1:8080]
    #[arg(long, global = true, env = "RECOURSE_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Folder for the database, files and the key [default: ./data]
    #[arg(long, global = true, env = "RECOURSE_DATA", value_name = "FOLDER")]
    data: Option<String>,
    /// `postgres://…`; without it, SQLite in the data folder
    #[arg(
        long,
        global = true,
        env = "RECOURSE_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    database_url: Option<String>,
    /// The address under which people reach it, such as `https://support.example.com`
    #[arg(long, global = true, env = "RECOURSE_BASE_URL", value_name = "URL")]
    base_url: Option<String>,
    /// Address and port to take mail from a mail server on (LMTP)
    #[arg(long, global = true, env = "RECOURSE_LMTP", value_name = "ADDRESS:PORT")]
    lmtp: Option<String>,
    /// Where files are kept: `s3://bucket/prefix` or `file:///folder`
    #[arg(long, global = true, env = "RECOURSE_STORAGE_URL", value_name = "URL")]
    storage_url: Option<String>,
    /// Networks of proxies that may say who a client is, with commas
    #[arg(long, global = true, env = "RECOURSE_TRUSTED_PROXIES", value_name = "NETWORKS")]
    trusted_proxies: Option<String>,
    /// File with the key that seals stored passwords [default: recourse.key in the data folder]
    #[arg(long, global = true, env = "RECOURSE_KEY_FILE", value_name = "FILE")]
    key_file: Option<String>,
    /// Hosts and networks inside that may be dialled, such as your mail server, with commas
    #[arg(long, global = true, env = "RECOURSE_ALLOW_INTERNAL", value_name = "HOSTS")]
    allow_internal: Option<String>,
    /// How often a program may ask the API with one token [default: 1200]
    #[arg(long, global = true, env = "RECOURSE_API_REQUESTS_A_MINUTE", value_name = "NUMBER")]
    api_requests_a_minute: Option<String>,
    /// MiB of the disk that are set aside for signing in and the audit trail when it is full
    /// [default: 32; 0 for none]
    #[arg(long, global = true, env = "RECOURSE_DISK_RESERVE_MIB", value_name = "NUMBER")]
    disk_reserve_mib: Option<String>,
    /// Whom to tell about a weakness, as an address or https link; for `/.well-known/security.txt`
    #[arg(long, global = true, env = "RECOURSE_SECURITY_CONTACT", value_name = "CONTACT")]
    security_contact: Option<String>,
    /// Seconds for which a stopping server still takes requests, if something asks whether it is
    /// ready [default: 5]
    #[arg(long, global = true, env = "RECOURSE_STOP_GRACE", value_name = "SECONDS")]
    stop_grace: Option<String>,
    /// Seconds after which a stopping server is gone, whatever it has in hand [default: 25]
    #[arg(long, global = true, env = "RECOURSE_STOP_WITHIN", value_name = "SECONDS")]
    stop_within: Option<String>,
    /// File with settings [default: ./recourse.toml, if there is one]
    #[arg(long, global = true, env = "RECOURSE_CONFIG", value_name = "FILE")]
    config: Option<String>,
}

/// Settings that make sense.
#[derive(Clone, Debug)]
pub struct Settings {
    pub listen: SocketAddr,
    pub data: PathBuf,
    pub database: Location,
    /// Without a slash at the end.
    pub base_url: String,
    pub lmtp: Option<SocketAddr>,
    pub storage: Place,
    pub bucket_access: BucketAccess,
    pub trusted_proxies: Vec<IpNet>,
    pub key_file: PathBuf,
    pub allow_internal: Vec<Allowed>,
    pub api_pace: Pace,
    /// Room on the disk that is given up when it is full.
    pub disk_reserve_mib: u32,
    /// As a link: `mailto:` or `https:`.
    pub security_contact: Option<String>,
    pub stopping: Stopping,
}

/// What is wrong with a setting, where it was given, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSetting {
    #[error("{place} is “{value}”, but {hint}")]
    Value { place: String, value: String, hint: String },
    #[error("the settings file {path} cannot be used: {fault}")]
    File { path: String, fault: String },
}

impl Settings {
    /// Reads the settings from all places.
    pub fn gather(flags: Flags) -> Result<Self, BadSetting> {
        let file = file::read(flags.config.as_deref())?;
        let given = Given::new(flags, file);
        Self::from_given(&given)
    }

    fn from_given(given: &Given) -> Result<Self, BadSetting> {
        let address =
            |text: &str| text.parse::<SocketAddr>().ok().ok_or_else(|| ADDRESS.to_owned());
        let listen = given
            .read("listen", address)?
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
        let data = given.text("data").map_or_else(|| PathBuf::from("data"), PathBuf::from);
        let usual = Stopping::default();
        let storage = given
            .read("storage-url", |text| text.parse::<Place>().map_err(|fault| fault.to_string()))?;
        Ok(Self {
            listen,
            database: given
                .read("database-url", |text| {
                    text.parse::<Location>().map_err(|fault| fault.to_string())
                })?
                .unwrap_or_else(|| Location::File(data.join("recourse.db"))),
            base_url: given
                .read("base-url", base_url)?
                .unwrap_or_else(|| format!("http://localhost:{}", listen.port())),
            lmtp: given.read("lmtp", address)?,
            storage: storage.unwrap_or_else(|| Place::Folder(data.join("files"))),
            bucket_access: bucket_access(),
            trusted_proxies: given.read_list("trusted-proxies", network)?,
            key_file: given
                .text("key-file")
                .map_or_else(|| data.join("recourse.key"), PathBuf::from),
            allow_internal: given.read_list("allow-internal", |text| {
                text.parse::<Allowed>().map_err(|fault| fault.to_string())
            })?,
            api_pace: given.read("api-requests-a-minute", pace)?.unwrap_or_default(),
            disk_reserve_mib: given.read("disk-reserve-mib", reserve)?.unwrap_or(RESERVE_MIB),
            security_contact: given.read("security-contact", contact)?,
            stopping: Stopping {
                grace: given.read("stop-grace", stopping::grace)?.unwrap_or(usual.grace),
                within: given.read("stop-within", stopping::within)?.unwrap_or(usual.within),
            },
            data,
        })
    }

    pub fn is_https(&self) -> bool {
        self.base_url.starts_with("https://")
    }

    /// The host name of the base URL.
    pub fn host(&self) -> &str {
        let (_, rest) = self.base_url.split_once("://").unwrap_or_default();
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            Some(_) | None => host,
        }
    }
}

const ADDRESS: &str = "it must be an address with a port, such as 127.0.0.1:8080";

fn pace(text: &str) -> Result<Pace, String> {
    let number = text.parse::<u32>().ok().filter(|number| (1..=1_000_000).contains(number));
    let number = number.ok_or_else(|| "it must be a number from 1 to 1000000".to_owned())?;
    Ok(Pace { requests_a_minute: number })
}

const RESERVE_MIB: u32 = 32;

fn reserve(text: &str) -> Result<u32, String> {
    let number = text.parse::<u32>().ok().filter(|number| *number <= 10_240);
    number.ok_or_else(|| "it must be a number of MiB from 0 to 10240".to_owned())
}

/// A link by which somebody can be told.
fn contact(text: &str) -> Result<String, String> {
    if let Ok(address) = text.parse::<EmailAddress>() {
        return Ok(format!("mailto:{address}"));
    }
    let is_link = text.starts_with("https://") || text.starts_with("mailto:");
    if is_link && text.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err("it must be an address of mail or a link that begins with https://".to_owned())
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<std::net::IpAddr>().map(IpNet::from);
    text.parse::<IpNet>()
        .or(address)
        .ok()
        .ok_or_else(|| format!("“{text}” is not a network such as 10.0.0.0/8 or 127.0.0.1"))
}

/// A base URL without a slash at the end. Plain HTTP is taken for this machine only: session
/// cookies and links in mail would travel readable.
fn base_url(text: &str) -> Result<String, String> {
    let text = text.trim().trim_end_matches('/');
    let wrong = || Err(ui::NotABaseUrl.to_string());
    let Some((scheme, rest)) = text.split_once("://") else { return wrong() };
    let is_host = rest.parse::<axum::http::uri::Authority>().is_ok_and(|authority| {
        let host = authority.host();
        let is_name = host.split('.').all(|part| !part.is_empty()) || host.starts_with('[');
        let port = rest.strip_prefix(host).map(|port| port.strip_prefix(':').unwrap_or("443"));
        is_name && port.is_some_and(|port| port.parse::<u16>().is_ok())
    });
    match scheme {
        "https" if is_host => Ok(text.to_owned()),
        "http" if is_host && ui::Hosts::is_local(rest) => Ok(text.to_owned()),
        _ => wrong(),
    }
}

/// Keys for a bucket stand where every tool expects them, and nowhere else.
fn bucket_access() -> BucketAccess {
    let named = |name: &str| source::environment(name);
    BucketAccess {
        key_id: named("AWS_ACCESS_KEY_ID"),
        secret: named("AWS_SECRET_ACCESS_KEY").map(Secret::new),
        region: named("AWS_REGION"),
        endpoint: named("AWS_ENDPOINT_URL"),
    }
}

#[cfg(test)]
mod tests;
