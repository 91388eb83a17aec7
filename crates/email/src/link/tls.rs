//! TLS with the public authorities and, if the owner wants, one more.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::link::fault::handshake;
use crate::link::{LinkFault, Server};

/// Encrypts a connection to the server, or says why that cannot be.
pub(crate) async fn encrypt<S>(stream: S, server: &Server) -> Result<TlsStream<S>, LinkFault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let bare = server.host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name =
        ServerName::try_from(bare).ok().ok_or_else(|| LinkFault::BadHost(server.host.clone()))?;
    let connector = TlsConnector::from(Arc::new(config(server.extra_ca.as_deref())?));
    connector
        .connect(name, stream)
        .await
        .map_err(|fault| handshake(&fault, &server.host, server.port))
}

fn config(extra_ca: Option<&str>) -> Result<ClientConfig, LinkFault> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(pem) = extra_ca {
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.ok().ok_or(LinkFault::BadAuthority)?;
            roots.add(certificate).ok().ok_or(LinkFault::BadAuthority)?;
            count += 1;
        }
        if count == 0 {
            return Err(LinkFault::BadAuthority);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|fault| LinkFault::Handshake { host: String::new(), why: fault.to_string() })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
