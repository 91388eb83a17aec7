//! Servers for the tests, honest and hostile, in the same process.

use std::sync::Arc;
use std::time::Duration;

use egress::Guard;
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::{Security, Server};

/// What a peer does after it heard a line.
pub(super) enum Answer {
    Say(Vec<u8>),
    /// Says it and hangs up.
    Last(Vec<u8>),
    /// Says it and goes on encrypted.
    Encrypt(Vec<u8>),
    /// Says the first, and then the second again and again, until nobody listens any more.
    Endlessly(Vec<u8>, Vec<u8>, Duration),
}

pub(super) fn say(text: &str) -> Answer {
    Answer::Say(text.replace('\n', "\r\n").into_bytes())
}

pub(super) fn last(text: &str) -> Answer {
    Answer::Last(text.replace('\n', "\r\n").into_bytes())
}

/// A peer that waits for one connection.
pub(super) struct Peer {
    listener: TcpListener,
    pub(super) port: u16,
    acceptor: TlsAcceptor,
    /// The certificate of the peer, which is its own authority.
    pub(super) certificate: String,
}

impl Peer {
    pub(super) async fn new() -> Self {
        Self::called("localhost").await
    }

    /// A peer with a certificate for this name.
    pub(super) async fn called(name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self { listener, port, acceptor, certificate: made.cert.pem() }
    }

    pub(super) fn server(&self, security: Security) -> Server {
        Server {
            host: "localhost".to_owned(),
            port: self.port,
            security,
            extra_ca: Some(self.certificate.clone()),
            hello_name: "desk.shop.example".to_owned(),
        }
    }

    /// Takes a connection and drops it.
    pub(super) async fn hang_up(&self) {
        drop(self.listener.accept().await.unwrap());
    }

    /// Serves one connection to its end and gives every line it heard.
    pub(super) async fn converse(
        &self,
        from_first_byte: bool,
        greeting: &str,
        answer: impl FnMut(&str) -> Answer,
    ) -> Vec<String> {
        self.converse_after(from_first_byte, say(greeting), answer).await
    }

    /// The same after a greeting of any kind.
    pub(super) async fn converse_after(
        &self,
        from_first_byte: bool,
        greeting: Answer,
        mut answer: impl FnMut(&str) -> Answer,
    ) -> Vec<String> {
        let (stream, _) = self.listener.accept().await.unwrap();
        let mut heard = Vec::new();
        if from_first_byte {
            let Ok(stream) = self.acceptor.accept(stream).await else { return heard };
            talk(stream, greeting, &mut answer, &mut heard).await;
            return heard;
        }
        if let Some(stream) = talk(stream, greeting, &mut answer, &mut heard).await
            && let Ok(stream) = self.acceptor.accept(stream).await
        {
            talk(stream, say(""), &mut answer, &mut heard).await;
        }
        heard
    }
}

/// Talks until the other side leaves; gives the stream back when it is to be encrypted.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    greeting: Answer,
    answer: &mut impl FnMut(&str) -> Answer,
    heard: &mut Vec<String>,
) -> Option<S> {
    let mut stream = BufReader::new(stream);
    let mut next = greeting;
    loop {
        match next {
            // The other side may hang up at any time; that is its good right.
            Answer::Say(bytes) => said(&mut stream, &bytes).await?,
            Answer::Last(bytes) => {
                said(&mut stream, &bytes).await?;
                let _ = stream.shutdown().await;
                return None;
            }
            Answer::Encrypt(bytes) => {
                said(&mut stream, &bytes).await?;
                return Some(stream.into_inner());
            }
            Answer::Endlessly(first, again, pause) => {
                said(&mut stream, &first).await?;
                loop {
                    said(&mut stream, &again).await?;
                    tokio::time::sleep(pause).await;
                }
            }
        }
        let mut line = Vec::new();
        if !matches!(stream.read_until(b'\n', &mut line).await, Ok(1..)) {
            return None;
        }
        let line = String::from_utf8_lossy(&line).into_owned();
        next = answer(line.trim_end());
        heard.push(line);
    }
}

async fn said<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> Option<()> {
    stream.write_all(bytes).await.ok()?;
    stream.flush().await.ok()
}

/// A guard that lets the tests reach their peers.
pub(super) fn guard() -> Guard {
    Guard::new(vec!["127.0.0.0/8".parse().unwrap(), "localhost".parse().unwrap()])
}
