//! How the server has to prove who it is, as the URL asks for it in libpq's words.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

/// What `sslmode` and `sslrootcert` of the URL say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) mode: Option<String>,
    pub(super) root_file: Option<String>,
}

/// How much the server has to prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    Nothing,
    /// That somebody whom we trust vouches for it.
    Chain,
    /// And that it is who we wanted to speak to.
    Name,
}

impl Wish {
    pub(super) fn connector(&self) -> Result<(SslMode, MakeRustlsConnect)> {
        let names_roots = self.root_file.is_some();
        // As libpq has it: who names a certificate to trust wants it looked at.
        let required = if names_roots { Proof::Chain } else { Proof::Nothing };
        let (mode, proof) = match self.mode.as_deref() {
            None | Some("disable" | "allow" | "prefer") if names_roots => {
                bail!("sslrootcert needs sslmode=verify-full, verify-ca or require beside it")
            }
            Some("disable") => (SslMode::Disable, Proof::Nothing),
            None | Some("allow" | "prefer") => (SslMode::Prefer, Proof::Nothing),
            Some("require") => (SslMode::Require, required),
            // Anybody gets a certificate of a public authority for some name.
            Some("verify-ca") if !names_roots => {
                bail!("sslmode=verify-ca needs sslrootcert, the authority that you trust")
            }
            Some("verify-ca") => (SslMode::Require, Proof::Chain),
            Some("verify-full") => (SslMode::Require, Proof::Name),
            Some(other) => bail!(
                "“{other}” is no sslmode; it is one of disable, prefer, require, verify-ca and \
                 verify-full"
            ),
        };
        Ok((mode, MakeRustlsConnect::new(self.client(proof)?)))
    }

    fn client(&self, proof: Proof) -> Result<ClientConfig> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        if proof == Proof::Name {
            return Ok(builder.with_root_certificates(self.roots()?).with_no_client_auth());
        }
        let chain = match proof {
            Proof::Nothing => None,
            Proof::Chain | Proof::Name => {
                let roots = Arc::new(self.roots()?);
                let provider = Arc::clone(&provider);
                Some(WebPkiServerVerifier::builder_with_provider(roots, provider).build()?)
            }
        };
        let verifier = Arc::new(Lenient { chain, provider });
        Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
    }

    fn roots(&self) -> Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        match &self.root_file {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(file) => {
                let cannot = || format!("the certificates in {file} (sslrootcert) cannot be read");
                for one in CertificateDer::pem_file_iter(file).with_context(cannot)? {
                    roots.add(one.with_context(cannot)?).with_context(cannot)?;
                }
                if roots.is_empty() {
                    bail!("there is no certificate in {file} (sslrootcert)");
                }
            }
        }
        Ok(roots)
    }
}

/// Looks at less than all: at who vouches for the server, but not at its name, or at nothing. What
/// goes over the line is encrypted in any case.
#[derive(Debug)]
struct Lenient {
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        let verified =
            chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
