//! Encrypted connections: rustls with ring, so that nothing but Rust and a C compiler is needed to build it.

use std::sync::Arc;

use memoryscope_engine::port::StoreError;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::config::{PostgresConfig, Trust};

/// What makes connections encrypted, as far as the URL asks for it.
pub(super) fn connector(config: &PostgresConfig) -> Result<MakeRustlsConnect, StoreError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let trusting = |why: &dyn std::fmt::Display| StoreError::Unavailable(format!("encryption: {why}"));
    let signed = match config.trust {
        Trust::Anyone => None,
        Trust::Signed | Trust::Named => {
            let roots = Arc::new(roots(config)?);
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
            Some(verifier.map_err(|why| trusting(&why))?)
        }
    };
    let named = config.trust == Trust::Named;
    let verifier = Verifier { provider: Arc::clone(&provider), signed, named };
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| trusting(&why))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(client))
}

/// The authorities that are believed: those of the named file, or the system's.
fn roots(config: &PostgresConfig) -> Result<RootCertStore, StoreError> {
    let mut store = RootCertStore::empty();
    match &config.roots {
        Some(path) => {
            let unreadable = || StoreError::Unavailable(format!("cannot read {}", path.display()));
            for certificate in CertificateDer::pem_file_iter(path).map_err(|_| unreadable())? {
                let certificate = certificate.map_err(|_| unreadable())?;
                store.add(certificate).map_err(|_| unreadable())?;
            }
        }
        None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if store.is_empty() {
        return Err(StoreError::Unavailable(
            "no certificate authority is known to check the database's certificate with: set sslrootcert"
                .to_owned(),
        ));
    }
    Ok(store)
}

/// Checks what libpq checks: nothing, the signatures, or the signatures and the name. The handshake itself is always
/// checked.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    signed: Option<Arc<WebPkiServerVerifier>>,
    named: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(signed) = &self.signed else { return Ok(ServerCertVerified::assertion()) };
        match signed.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is compared last, when the signatures were found good.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.named => Ok(ServerCertVerified::assertion()),
            answer => answer,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
