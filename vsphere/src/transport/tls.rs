//! Which certificate to believe.
//!
//! Invariant: the TLS handshake's signature is always verified; what differs is only why the certificate is believed. A
//! refused certificate is reported with its thumbprint, so that an administrator can compare and pin it.

use std::sync::{Arc, Mutex};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::thumbprint::Thumbprint;
use crate::error::{Error, Result};

/// Why a server's certificate is believed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Trust {
    /// It leads to a root that this machine trusts, and names the host.
    #[default]
    System,
    /// It leads to a certificate of this bundle (PEM) and names the host, or is itself one of the bundle's.
    CaBundle(String),
    /// It is exactly the certificate with this thumbprint; names and dates do not matter then.
    Thumbprint(Thumbprint),
}

/// The certificate that was refused last, for the error message.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) presented: Thumbprint,
    pub(super) reason: String,
}

/// Where the verifier leaves what it refused.
pub(super) type RefusedSlot = Arc<Mutex<Option<Refused>>>;

/// The TLS settings for one server.
pub(super) fn client_config(trust: &Trust) -> Result<(ClientConfig, RefusedSlot)> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let refused = RefusedSlot::default();
    let mut known = Vec::new();
    let mut pinned = None;
    let chain = match trust {
        Trust::System => {
            let mut roots = RootCertStore::empty();
            // A few unreadable certificates of the machine's must not stop the others.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            chain_verifier(roots, &provider)?
        }
        Trust::CaBundle(pem) => {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                known.push(certificate.map_err(|error| Error::Trust(format!("the CA bundle is not PEM: {error}")))?);
            }
            if known.is_empty() {
                return Err(Error::Trust("the CA bundle holds no certificate".to_owned()));
            }
            roots.add_parsable_certificates(known.iter().cloned());
            chain_verifier(roots, &provider)?
        }
        Trust::Thumbprint(thumbprint) => {
            pinned = Some(*thumbprint);
            None
        }
    };
    let verifier = Verifier { provider: Arc::clone(&provider), chain, known, pinned, refused: Arc::clone(&refused) };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Trust(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok((config, refused))
}

fn chain_verifier(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> Result<Option<Arc<WebPkiServerVerifier>>> {
    if roots.is_empty() {
        return Ok(None);
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map(Some)
        .map_err(|error| Error::Trust(error.to_string()))
}

#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// Verifies by chain and name; `None` when nothing is trusted that way.
    chain: Option<Arc<WebPkiServerVerifier>>,
    /// Certificates that are believed themselves.
    known: Vec<CertificateDer<'static>>,
    pinned: Option<Thumbprint>,
    refused: RefusedSlot,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.pinned.is_some_and(|pinned| pinned.matches(end_entity)) || self.known.iter().any(|c| c == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        let error = match (&self.chain, self.pinned) {
            (_, Some(_)) => rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure),
            (None, None) => rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer),
            (Some(chain), None) => {
                match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
                    Ok(verified) => return Ok(verified),
                    Err(error) => error,
                }
            }
        };
        let reason = match &error {
            rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => {
                "it has another thumbprint than the pinned one".to_owned()
            }
            rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => "unknown issuer".to_owned(),
            other => other.to_string(),
        };
        let refused = Refused { presented: Thumbprint::sha256_of(end_entity), reason };
        *self.refused.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(refused);
        Err(error)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
