//! Where the server is and how a connection to it is opened.

use std::io;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::link::Link;
use super::tls::Wish;
use crate::conn::ACQUIRE_TIMEOUT;

/// Before the next try to reach a server that is just starting.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Without this, a server that is set up to be quick confirms a commit before it is on its disk, and
/// a loss of power takes mail that we said we have. Settings that promise more stay as they are.
const DURABLE: &str = "select set_config('synchronous_commit', 'on', false)
  where current_setting('synchronous_commit') = 'off'";

/// How connections are opened.
#[derive(Clone)]
pub(crate) struct Opening {
    config: Config,
    tls: MakeRustlsConnect,
}

impl Opening {
    /// Reads a URL. What it says of TLS is ours; the rest is the driver's.
    pub(crate) fn of(url: &str, application_name: &str) -> Result<Self> {
        let (url, wish) = split(url)?;
        let unreadable = "the database URL is not one that PostgreSQL understands";
        let mut config = Config::from_str(&url).context(unreadable)?;
        if config.get_ssl_mode() != SslMode::Prefer {
            bail!("write sslmode in the database URL as it is, in small letters and after the ?");
        }
        let (mode, tls) = wish.connector()?;
        config.ssl_mode(mode).application_name(application_name);
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            config.host("localhost");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(ACQUIRE_TIMEOUT);
        }
        Ok(Self { config, tls })
    }

    pub(super) fn tls(&self) -> MakeRustlsConnect {
        self.tls.clone()
    }

    async fn link(&self) -> Result<Link, Error> {
        let (client, wire) = self.config.connect(self.tls.clone()).await?;
        Ok(Link::new(client, wire))
    }

    /// What is committed is on the disk of the server, whatever its default is.
    async fn is_durable(&self, link: &Link) -> Result<()> {
        let durable = tokio::time::timeout(ACQUIRE_TIMEOUT, link.script(DURABLE)).await;
        durable.with_context(|| format!("PostgreSQL at {} says nothing", self.place()))?
    }

    /// Opens a connection. A server that is not there yet, as after a start of the machine, is
    /// waited for.
    pub(crate) async fn link_patiently(&self) -> Result<Link> {
        let (until, mut pause) = (Instant::now() + ACQUIRE_TIMEOUT, PAUSES.0);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(linked) = tokio::time::timeout(left, self.link()).await else {
                bail!("PostgreSQL at {} takes the connection and says nothing", self.place());
            };
            match linked {
                Ok(link) => {
                    self.is_durable(&link).await?;
                    return Ok(link);
                }
                Err(fault) if may_come_up(&fault) && Instant::now() + pause < until => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSES.1);
                }
                Err(fault) => return Err(anyhow!(self.why(&fault))),
            }
        }
    }

    fn place(&self) -> String {
        let place = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => "the server".to_owned(),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        format!("{place}:{port}")
    }

    /// Why a connection cannot be opened, for the operator.
    fn why(&self, fault: &Error) -> String {
        let place = self.place();
        if let Some(said) = fault.as_db_error() {
            return format!("PostgreSQL at {place} does not let us in: {}", said.message());
        }
        match io_of(fault) {
            Some(fault) if self.config.get_ssl_mode() == SslMode::Disable || !is_tls(fault) => {
                format!("PostgreSQL does not answer at {place}: {fault}")
            }
            Some(fault) => format!("PostgreSQL at {place} is not who it has to be: {fault}"),
            None => format!("PostgreSQL at {place} cannot be used: {}", all(fault)),
        }
    }
}

/// The URL without its words about TLS, and those.
fn split(url: &str) -> Result<(String, Wish)> {
    // A password may hold a question mark; the driver looks for the end of it first.
    let named = url.find('@').map_or(0, |at| at + 1);
    let Some(at) = url.get(named..).and_then(|rest| rest.find('?')).map(|at| named + at) else {
        return Ok((url.to_owned(), Wish::default()));
    };
    let (server, query) = (url.get(..at).unwrap_or(url), url.get(at + 1..).unwrap_or_default());
    let mut wish = Wish::default();
    let mut rest = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", mode)) => wish.mode = Some(mode.to_owned()),
            Some(("sslrootcert", file)) => wish.root_file = Some(decoded(file)?),
            _ => rest.push(pair),
        }
    }
    let url =
        if rest.is_empty() { server.to_owned() } else { format!("{server}?{}", rest.join("&")) };
    Ok((url, wish))
}

/// A value of a URL with its `%2F` as what they stand for.
fn decoded(value: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut parts = value.split('%');
    bytes.extend(parts.next().unwrap_or_default().bytes());
    for part in parts {
        let broken = || format!("“{value}” in the database URL is not written as in a URL");
        let (code, rest) = part.split_at_checked(2).with_context(broken)?;
        bytes.push(u8::from_str_radix(code, 16).with_context(broken)?);
        bytes.extend(rest.bytes());
    }
    String::from_utf8(bytes).context("a value in the database URL is no text")
}

/// Whether the server may be there in a moment.
fn may_come_up(fault: &Error) -> bool {
    if let Some(code) = fault.code() {
        return [SqlState::CANNOT_CONNECT_NOW, SqlState::TOO_MANY_CONNECTIONS].contains(code);
    }
    io_of(fault).is_some_and(|fault| {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        [ConnectionRefused, ConnectionReset, ConnectionAborted].contains(&fault.kind())
    })
}

fn io_of(fault: &Error) -> Option<&io::Error> {
    chain(fault).find_map(|cause| cause.downcast_ref())
}

fn is_tls(fault: &io::Error) -> bool {
    fault.get_ref().is_some_and(
        <dyn std::error::Error + std::marker::Send + std::marker::Sync + 'static>::is::<
            rustls::Error,
        >,
    )
}

fn chain(fault: &Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(std::error::Error::source(fault), |cause| cause.source())
}

fn all(fault: &Error) -> String {
    let causes = chain(fault).map(ToString::to_string);
    std::iter::once(fault.to_string()).chain(causes).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_tls_is_taken_out_of_the_url() {
        for (url, rest, mode, file) in [
            ("postgres://a@b/c", "postgres://a@b/c", None, None),
            ("postgres://b/c?sslmode=require", "postgres://b/c", Some("require"), None),
            ("postgres://u:p?w@b/c?sslmode=require", "postgres://u:p?w@b/c", Some("require"), None),
            (
                "postgres://b/c?connect_timeout=3&sslmode=verify-ca&sslrootcert=%2Fetc%2Fmy%20ca.pem",
                "postgres://b/c?connect_timeout=3",
                Some("verify-ca"),
                Some("/etc/my ca.pem"),
            ),
        ] {
            let (left, wish) = split(url).unwrap();
            assert_eq!(left, rest);
            assert_eq!((wish.mode.as_deref(), wish.root_file.as_deref()), (mode, file));
        }
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        for (url, said) in [
            ("postgres://b/c?sslmode=sometimes", "“sometimes” is no sslmode"),
            ("postgres://b/c?sslrootcert=%2", "not written as in a URL"),
            ("postgres://b/c?sslmode=verify-full&sslrootcert=/nowhere", "/nowhere (sslrootcert)"),
            ("postgres://b/c?sslmode=verify-ca", "needs sslrootcert"),
            ("postgres://b/c?sslrootcert=/etc/ca.pem", "needs sslmode"),
            ("postgres://b/c?ssl%6dode=require", "write sslmode"),
            ("postgres://b/c?colour=blue", "not one that PostgreSQL understands"),
        ] {
            let fault = Opening::of(url, "recourse").err().unwrap();
            assert!(format!("{fault:#}").contains(said), "{url}: {fault:#}");
        }
    }
}
