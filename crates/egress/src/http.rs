//! The one HTTP client: guarded addresses, no redirects, small answers, short patience.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Method, Url, redirect};
use serde::de::DeserializeOwned;

use crate::{DialFault, Guard};

/// Makes requests for every feature that talks to a web service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client,
    guard: Guard,
    /// For the whole of a request, from the name to the last byte of the answer.
    patience: Duration,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
pub enum HttpFault {
    #[error("the web address must begin with https:// or http:// and name a host")]
    NotAnAddress,
    #[error(transparent)]
    Dial(#[from] DialFault),
    #[error("{0} did not answer in time")]
    Silent(String),
    #[error("the connection to {0} broke")]
    Broken(String),
    #[error("{0} answered with more than {1} bytes")]
    TooLong(String, usize),
    #[error("{0} answered with something that cannot be read")]
    Unreadable(String),
}

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
pub(crate) const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Chooses the cryptography for every TLS connection of the process. To be called once, at the
/// start; later calls change nothing.
pub fn install_tls() {
    // An error means that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl Http {
    pub fn new(guard: Guard) -> Result<Self, reqwest::Error> {
        Self::waiting(guard, PATIENCE)
    }

    /// One that waits for so long.
    pub(crate) fn waiting(guard: Guard, patience: Duration) -> Result<Self, reqwest::Error> {
        install_tls();
        let client = Client::builder()
            .dns_resolver(Arc::new(GuardedNames(guard.clone())))
            .redirect(redirect::Policy::none())
            .timeout(patience)
            .connect_timeout(patience)
            .user_agent("Recourse")
            .no_proxy()
            .build()?;
        Ok(Self { client, guard, patience })
    }

    pub async fn get(&self, url: &str) -> Result<Answer, HttpFault> {
        self.get_within(url, ANSWER_BYTES_MAX).await
    }

    /// The same, for an answer of at most so many bytes.
    pub async fn get_within(&self, url: &str, bytes_max: usize) -> Result<Answer, HttpFault> {
        self.send(Method::GET, url, bytes_max, |request| request).await
    }

    /// Posts a form, as OAuth token endpoints want it.
    pub async fn post_form(&self, url: &str, form: &[(&str, &str)]) -> Result<Answer, HttpFault> {
        self.send(Method::POST, url, ANSWER_BYTES_MAX, |request| {
            request.form(form).header("accept", "application/json")
        })
        .await
    }

    /// The same, with a name and a password in the header of the request.
    pub async fn post_form_as(
        &self,
        (name, password): (&str, &str),
        url: &str,
        form: &[(&str, &str)],
    ) -> Result<Answer, HttpFault> {
        self.send(Method::POST, url, ANSWER_BYTES_MAX, |request| {
            let request = request.form(form).header("accept", "application/json");
            request.basic_auth(name, Some(password))
        })
        .await
    }

    /// The client counts from the connection on; the name before it is part of the wait, too.
    async fn send(
        &self,
        method: Method,
        url: &str,
        bytes_max: usize,
        prepare: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Result<Answer, HttpFault> {
        let asked = tokio::time::timeout(self.patience, self.ask(method, url, bytes_max, prepare));
        asked.await.unwrap_or_else(|_| Err(HttpFault::Silent(host_of(url))))
    }

    async fn ask(
        &self,
        method: Method,
        url: &str,
        bytes_max: usize,
        prepare: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Result<Answer, HttpFault> {
        let (url, host) = self.checked(url).await?;
        let request = prepare(self.client.request(method, url));
        let response = request.send().await.map_err(|fault| named(&fault, &host))?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|fault| named(&fault, &host))?;
            if body.len() + chunk.len() > bytes_max {
                return Err(HttpFault::TooLong(host, bytes_max));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body })
    }

    /// The web address as it is understood, and its host, if that may be reached.
    ///
    /// Addresses written as numbers never reach the resolver, so they are checked here; names are
    /// checked here for the sentence and in the resolver for the connection.
    pub(crate) async fn checked(&self, url: &str) -> Result<(Url, String), HttpFault> {
        let url: Url = url.parse().ok().ok_or(HttpFault::NotAnAddress)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(HttpFault::NotAnAddress);
        }
        let host = url.host_str().ok_or(HttpFault::NotAnAddress)?.to_owned();
        self.guard.resolve(&host, url.port_or_known_default().unwrap_or(443)).await?;
        Ok((url, host))
    }
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The answer as JSON. `host` names it in the sentence when it is not.
    pub fn json<T: DeserializeOwned>(&self, host: &str) -> Result<T, HttpFault> {
        serde_json::from_slice(&self.body)
            .ok()
            .ok_or_else(|| HttpFault::Unreadable(host.to_owned()))
    }
}

fn host_of(url: &str) -> String {
    let url = url.parse::<Url>().ok();
    url.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

fn named(fault: &reqwest::Error, host: &str) -> HttpFault {
    if fault.is_timeout() {
        HttpFault::Silent(host.to_owned())
    } else {
        tracing::debug!(%fault, host, "request failed");
        HttpFault::Broken(host.to_owned())
    }
}

/// Gives the client checked addresses only, at the moment at which it connects.
struct GuardedNames(Guard);

impl Resolve for GuardedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0.clone();
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = guard.resolve(name.as_str(), 0).await?;
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}
